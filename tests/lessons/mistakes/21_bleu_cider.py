"""Mistakes people make in lesson 21, and how each has to be named."""

# expects: 21.1: the references are added up
def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed += ngram_counts(reference, n)
    return (ngram_counts(candidate, n) & allowed).total(), max(0, len(candidate) - n + 1)


# expects: 21.1: only what all references hold
def clipped_matches(candidate, references, n):
    allowed = Counter(ngram_counts(references[0], n))
    for reference in references[1:]:
        allowed &= ngram_counts(reference, n)
    return (ngram_counts(candidate, n) & allowed).total(), max(0, len(candidate) - n + 1)


# expects: 21.1: the best reference alone
def clipped_matches(candidate, references, n):
    own = ngram_counts(candidate, n)
    best = max((own & ngram_counts(reference, n)).total() for reference in references)
    return best, max(0, len(candidate) - n + 1)


# expects: 21.1: the last n-gram is lost
def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n))


def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed |= grams(reference, n)
    return (grams(candidate, n) & allowed).total(), grams(candidate, n).total()


# expects: 21.1: the last reference instead of all
def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed = ngram_counts(reference, n)
    return (ngram_counts(candidate, n) & allowed).total(), max(0, len(candidate) - n + 1)


# expects: 21.1: not clipped
def clipped_matches(candidate, references, n):
    matches = 0
    for ngram, count in ngram_counts(candidate, n).items():
        if any(ngram in ngram_counts(reference, n) for reference in references):
            matches += count
    return matches, max(0, len(candidate) - n + 1)


# expects: 21.1: one reference instead of all
def clipped_matches(candidate, references, n):
    allowed = Counter()
    allowed |= ngram_counts(references[0], n)
    return (ngram_counts(candidate, n) & allowed).total(), max(0, len(candidate) - n + 1)


# expects: 21.1: each n-gram once
def clipped_matches(candidate, references, n):
    known = set()
    for reference in references:
        known |= set(ngram_counts(reference, n))
    return len(set(ngram_counts(candidate, n)) & known), max(0, len(candidate) - n + 1)


# expects: 21.1: the total counts different n-grams
def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed |= ngram_counts(reference, n)
    return (ngram_counts(candidate, n) & allowed).total(), len(ngram_counts(candidate, n))


# expects: 21.1: the last n-gram is lost
def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed |= ngram_counts(reference, n)
    return (ngram_counts(candidate, n) & allowed).total(), max(0, len(candidate) - n)


# expects: 21.1: the matches are the total
def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed |= ngram_counts(reference, n)
    shared = ngram_counts(candidate, n) & allowed
    return shared.total(), shared.total()


# expects: 21.1: the total falls below zero
def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed |= ngram_counts(reference, n)
    return (ngram_counts(candidate, n) & allowed).total(), len(candidate) - n + 1


# expects: 21.1: the total is the number of words
def clipped_matches(candidate, references, n):
    allowed = Counter()
    for reference in references:
        allowed |= ngram_counts(reference, n)
    return (ngram_counts(candidate, n) & allowed).total(), len(candidate)


# expects: 21.2: all references are added up
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += sum(len(caption) for caption in captions)
    return 1.0 if c >= r else math.exp(1 - r / c)


# expects: 21.2: the first reference
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += len(captions[0])
    return 1.0 if c >= r else math.exp(1 - r / c)


# expects: 21.2: the longest reference
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += max(len(caption) for caption in captions)
    return 1.0 if c >= r else math.exp(1 - r / c)


# expects: 21.2: the mean length
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += sum(len(caption) for caption in captions) / len(captions)
    return 1.0 if c >= r else math.exp(1 - r / c)


# expects: 21.2: no exponential
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += min((len(caption) for caption in captions), key=lambda length: (abs(length - len(candidate)), length))
    return 1.0 if c >= r else c / r


# expects: 21.2: a mean over the captions
def brevity_penalty(candidates, references):
    penalties = []
    for candidate, captions in zip(candidates, references, strict=True):
        c = len(candidate)
        r = min((len(caption) for caption in captions), key=lambda length: (abs(length - c), length))
        penalties.append(1.0 if c >= r else math.exp(1 - r / c))
    return sum(penalties) / len(penalties)


# expects: 21.2: long captions are rewarded
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += min((len(caption) for caption in captions), key=lambda length: (abs(length - len(candidate)), length))
    return math.exp(1 - r / c)


# expects: 21.2: the shortest reference
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += min(len(caption) for caption in captions)
    return 1.0 if c >= r else math.exp(1 - r / c)


# expects: 21.2: a tie goes to the first
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += min((len(caption) for caption in captions), key=lambda length: abs(length - len(candidate)))
    return 1.0 if c >= r else math.exp(1 - r / c)


# expects: 21.2: a tie goes to the longer
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += min((len(caption) for caption in captions), key=lambda length: (abs(length - len(candidate)), -length))
    return 1.0 if c >= r else math.exp(1 - r / c)


# expects: 21.2: the fraction is upside down
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += min((len(caption) for caption in captions), key=lambda length: (abs(length - len(candidate)), length))
    return 1.0 if c >= r else math.exp(1 - c / r)


# expects: 21.2: long and short changed places
def brevity_penalty(candidates, references):
    c = r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        c += len(candidate)
        r += min((len(caption) for caption in captions), key=lambda length: (abs(length - len(candidate)), length))
    return 1.0 if c <= r else math.exp(1 - r / c)


# expects: 21.3: the mean of the precisions
def bleu(candidates, references, N=4):
    product = 0.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product += matches / max(total, 1)
    return brevity_penalty(candidates, references) * product / N


# expects: 21.3: only the first order
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product *= matches / max(total, 1)
        return brevity_penalty(candidates, references) * product
    return brevity_penalty(candidates, references) * product ** (1 / N)


# expects: 21.3: the fourth root for every N
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product *= matches / max(total, 1)
    return brevity_penalty(candidates, references) * product ** (1 / 4)


# expects: 21.3: only the last precision
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product = matches / max(total, 1)
    return brevity_penalty(candidates, references) * product


# expects: 21.3: None
def bleu(candidates, references, N=4):
    logs = 0.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        logs += math.log(matches / total)
    return brevity_penalty(candidates, references) * math.exp(logs / N)


# expects: 21.3: a mean over the captions
def bleu_of_one(candidate, captions, N):
    product = 1.0
    for n in range(1, N + 1):
        matches, total = clipped_matches(candidate, captions, n)
        product *= matches / max(total, 1)
    return brevity_penalty([candidate], [captions]) * product ** (1 / N)


def bleu(candidates, references, N=4):
    scores = [bleu_of_one(candidate, captions, N) for candidate, captions in zip(candidates, references, strict=True)]
    return sum(scores) / len(scores)


# expects: 21.3: mean of the captions' precisions
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        precisions = []
        for candidate, captions in zip(candidates, references, strict=True):
            matches, total = clipped_matches(candidate, captions, n)
            precisions.append(matches / max(total, 1))
        product *= sum(precisions) / len(precisions)
    return brevity_penalty(candidates, references) * product ** (1 / N)


# expects: 21.3: the brevity penalty is missing
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product *= matches / max(total, 1)
    return product ** (1 / N)


# expects: 21.3: no root
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product *= matches / max(total, 1)
    return brevity_penalty(candidates, references) * product


# expects: 21.3: the brevity penalty inside the root
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product *= matches / max(total, 1)
    return (brevity_penalty(candidates, references) * product) ** (1 / N)


# expects: 21.3: smoothed
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product *= (matches + 1) / (total + 1)
    return brevity_penalty(candidates, references) * product ** (1 / N)


# expects: 21.3: None
def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        matches = total = 0
        for candidate, captions in zip(candidates, references, strict=True):
            m, t = clipped_matches(candidate, captions, n)
            matches, total = matches + m, total + t
        product *= matches / max(total, 1)
    return brevity_penalty(candidates, references) * product ** (1 / (N + 1))


# expects: 21.3: weights that do not sum to one
WEIGHTS = {1: (1.0,), 2: (0.5, 0.5), 3: (0.3, 0.3, 0.3), 4: (0.25, 0.25, 0.25, 0.25)}


def bleu(candidates, references, N=4):
    score = brevity_penalty(candidates, references)
    for n, weight in enumerate(WEIGHTS[N], start=1):
        counts = [clipped_matches(c, captions, n) for c, captions in zip(candidates, references, strict=True)]
        score *= (sum(m for m, _ in counts) / max(sum(t for _, t in counts), 1)) ** weight
    return score


# expects: 21.4: captions in place of pictures
def idf(references, n):
    pictures = Counter()
    for captions in references:
        for caption in captions:
            pictures.update(set(ngram_counts(caption, n)))
    return {ngram: math.log(sum(map(len, references)) / count) for ngram, count in pictures.items()}


# expects: 21.4: captions above, pictures below
def idf(references, n):
    pictures = Counter()
    for captions in references:
        held = set()
        for caption in captions:
            held |= set(ngram_counts(caption, n))
        pictures.update(held)
    return {ngram: math.log(sum(map(len, references)) / count) for ngram, count in pictures.items()}


# expects: 21.4: counted at every occurrence
def idf(references, n):
    pictures = Counter()
    for captions in references:
        for caption in captions:
            pictures.update(ngram_counts(caption, n))
    return {ngram: math.log(len(references) / count) for ngram, count in pictures.items()}


# expects: 21.4: how many pictures hold it
def idf(references, n):
    pictures = Counter()
    for captions in references:
        held = set()
        for caption in captions:
            held |= set(ngram_counts(caption, n))
        pictures.update(held)
    return {ngram: count for ngram, count in pictures.items()}


# expects: 21.4: upside down
def idf(references, n):
    pictures = Counter()
    for captions in references:
        held = set()
        for caption in captions:
            held |= set(ngram_counts(caption, n))
        pictures.update(held)
    return {ngram: math.log(count / len(references)) for ngram, count in pictures.items()}


# expects: 21.4: another logarithm
def idf(references, n):
    pictures = Counter()
    for captions in references:
        held = set()
        for caption in captions:
            held |= set(ngram_counts(caption, n))
        pictures.update(held)
    return {ngram: math.log10(len(references) / count) for ngram, count in pictures.items()}


# expects: 21.4: no logarithm
def idf(references, n):
    pictures = Counter()
    for captions in references:
        held = set()
        for caption in captions:
            held |= set(ngram_counts(caption, n))
        pictures.update(held)
    return {ngram: len(references) / count for ngram, count in pictures.items()}


# expects: 21.4: counted once a caption
def idf(references, n):
    pictures = Counter()
    for captions in references:
        for caption in captions:
            pictures.update(set(ngram_counts(caption, n)))
    return {ngram: math.log(len(references) / count) for ngram, count in pictures.items()}


# expects: 21.4: one is added below
def idf(references, n):
    pictures = Counter()
    for captions in references:
        held = set()
        for caption in captions:
            held |= set(ngram_counts(caption, n))
        pictures.update(held)
    return {ngram: math.log(len(references) / (1 + count)) for ngram, count in pictures.items()}
