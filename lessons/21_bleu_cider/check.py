"""What lesson 21 asks for. An input is a list of problems, so that one case holds many small sets of captions."""

import functools
import math
from collections import Counter

import numpy as np

from minicap.learn.exercises import Exercise, Mistake


def words_of(*captions):
    return [caption.split() for caption in captions]


def numbers(name, *gives):
    """Call the function for every problem: an array for each thing it gives."""
    def call(module, problems):
        found = []
        for problem in problems:
            answer = getattr(module, name)(*problem)
            if len(gives) > 1 and not (isinstance(answer, (tuple, list, np.ndarray)) and len(answer) == len(gives)):
                raise TypeError(f"{name} has to return {len(gives)} things, {', '.join(gives)}, and not "
                                f"{type(answer).__name__}")
            answer = answer if len(gives) > 1 else (answer,)
            for part, number in zip(gives, answer, strict=True):
                if not isinstance(number, (int, float, np.number, np.ndarray)) or np.size(number) != 1:
                    raise TypeError(f"{part} has to be one number, and not {type(number).__name__}")
            found.append([float(np.reshape(number, ())) for number in answer])
        columns = tuple(np.array(column) for column in zip(*found, strict=True))
        return columns if len(gives) > 1 else columns[0]
    return call


def for_all(function, **options):
    return lambda problems: np.array([function(*problem, **options) for problem in problems], float)


def mistake(name, sentence, function, of=None, **options):
    every = for_all(function, **options)
    return Mistake(name, sentence, lambda right, problems: every(problems), of)


# ---------------------------------------------------------------------------------------------------- clipped_matches

def grams(words, n, lost=0):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1 - lost))


def largest(counts):
    return functools.reduce(Counter.__or__, counts)


def clipped(candidate, references, n, allow=largest, lost=0):
    return (grams(candidate, n, lost) & allow([grams(reference, n, lost) for reference in references])).total()


def unclipped(candidate, references, n):
    known = largest([grams(reference, n) for reference in references])
    return sum(count for gram, count in grams(candidate, n).items() if gram in known)


def different(candidate, references, n):
    return len(grams(candidate, n).keys() & largest([grams(reference, n) for reference in references]).keys())


def best_reference(candidate, references, n):
    return max(clipped(candidate, [reference], n) for reference in references)


def total(candidate, references, n):
    return max(0, len(candidate) - n + 1)


def some_words(rng, low, high):
    return ["abcdef"[i] for i in rng.integers(0, 6, rng.integers(low, high + 1))]


def match_problems(rng):
    """Captions of few different words, so that many repeat; each order twice, and a caption that is shorter than n."""
    problems = [(some_words(rng, 9, 14), [some_words(rng, 12, 18) for _ in range(3)], n) for n in (1, 1, 2, 2, 3, 4)]
    return [*problems, (some_words(rng, 2, 2), [some_words(rng, 4, 6)], 4)]


DOGS = (*words_of("a dog and a dog and a dog"), words_of("a dog and a cat", "the dog"))

CLIPPED_MATCHES = Exercise(
    "21.1", "clipped_matches", ("matches", "total"),
    lambda problems: (for_all(clipped)(problems), for_all(total)(problems)),
    example=(([(*DOGS, 1), (*DOGS, 2)],), (np.array([4.0, 3.0]), np.array([8.0, 7.0]))),
    cases=lambda rng: (match_problems(rng),), call=numbers("clipped_matches", "matches", "total"),
    mistakes=(
        mistake("not clipped",
                "Every n-gram that occurs in a reference counts each time it is said. Then \"dog dog "
                "dog dog\" would be perfect. It counts at most as often as in the reference that has most of it.",
                unclipped),
        mistake("the references are added up", "An n-gram may match as often as in all references together. People "
                "who describe one picture all say \"a\": the limit is the one reference that has most of it, the "
                "largest count and not the sum.", clipped, allow=lambda counts: sum(counts, Counter())),
        mistake("one reference instead of all", "Only the first reference was looked at. Several people describe one "
                "picture in several ways, and an n-gram may match in any of them.", clipped,
                allow=lambda counts: counts[0]),
        mistake("the last reference instead of all", "Only the last reference counts: is the loop overwriting what "
                "the ones before allowed?", clipped, allow=lambda counts: counts[-1]),
        mistake("only what all references hold", "An n-gram counts only if every reference holds it. It is enough "
                "that one does: the largest count over the references, and not the smallest.", clipped,
                allow=lambda counts: functools.reduce(Counter.__and__, counts)),
        mistake("each n-gram once",
                "Every different n-gram counts once, as in a set. A caption may say \"a\" twice "
                "if a reference does.", different),
        mistake("the best reference alone", "The matches were counted against each reference, and the best of these "
                "numbers taken. References work together: one n-gram may match in the first and another in the "
                "second, so take the largest count for each n-gram by itself.", best_reference),
        mistake("the last n-gram is lost", "The n-gram at the end of a caption is missing. n-grams begin at 0, 1, "
                "..., len(words) - n, so there are len(words) - n + 1 of them.", clipped, lost=1),
        mistake("the total is the number of words", "total is the length of the caption. That is right for n = 1; of "
                "n-grams it has n - 1 fewer.", lambda candidate, references, n: len(candidate), "total"),
        mistake("the total counts different n-grams",
                "total is the number of different n-grams. Count each as often "
                "as it is said.", lambda candidate, references, n: len(grams(candidate, n)), "total"),
        mistake("the total falls below zero", "total is right, except where the caption has fewer than n - 1 words: "
                "no caption has less than no n-gram. max(0, ...).",
                lambda candidate, references, n: len(candidate) - n + 1, "total"),
        mistake("the last n-gram is lost", "total is one too small: n words hold one n-gram already, so a caption "
                "has len(words) - n + 1 of them. Is the one at its end counted?",
                lambda candidate, references, n: max(0, len(candidate) - n), "total"),
        mistake("the matches are the total",
                "total is the number of matches. It is how many n-grams the candidate "
                "has, whether they match or not.", clipped, "total"),
    ))


# ---------------------------------------------------------------------------------------------------- brevity_penalty

def closest(lengths, c):
    return min(lengths, key=lambda length: (abs(length - c), length))


def brevity(candidates, references, *, choose=closest, penalty=lambda c, r: math.exp(min(0, 1 - r / c))):
    return penalty(sum(map(len, candidates)), sum(choose([len(reference) for reference in captions], len(candidate))
                                                  for candidate, captions in zip(candidates, references, strict=True)))


def mean_penalty(candidates, references):
    return np.mean([brevity([candidate], [captions])
                    for candidate, captions in zip(candidates, references, strict=True)])


def length_problems(rng):
    """Four sets that are too short, with a tie in each, and one that is long enough."""
    problems = []
    for long_enough in (False, False, False, False, True):
        candidates, references = [], []
        for picture in range(3):
            c, away = int(rng.integers(6, 10)), int(rng.integers(1, 4))
            if long_enough:
                lengths = [c - int(k) for k in rng.integers(1, 4, 3)]
            else:
                lengths = ([c + away, c - away, c + 5], [c + 1, c - 3, c + 4], [c + 4, c + 5, c + 7])[picture]
            candidates.append(["word"] * c)
            references.append([["word"] * lengths[i] for i in rng.permutation(3)])
        problems.append((candidates, references))
    return problems


SHORT = (words_of("a dog", "two cats sleep"), [words_of("a dog runs", "a dog runs through the grass"),
                                               words_of("cats", "two cats sleep on a bed", "a bed")])

BREVITY_PENALTY = Exercise(
    "21.2", "brevity_penalty", ("penalty",), for_all(brevity),
    example=(([SHORT, (SHORT[0][:1], SHORT[1][:1])],), np.array([1, math.exp(-0.5)])),
    cases=lambda rng: (length_problems(rng),), call=numbers("brevity_penalty", "penalty"),
    mistakes=(
        mistake("a tie goes to the longer",
                "Where two references are equally close in length, the longer one was "
                "taken. It is the shorter one.", brevity,
                choose=lambda lengths, c: min(lengths, key=lambda length: (abs(length - c), -length))),
        mistake("a tie goes to the first", "Where two references are equally close in length, the first one was "
                "taken, so the result depends on their order. It is the shorter one: compare by (distance, length).",
                brevity,
                choose=lambda lengths, c: min(lengths, key=lambda length: abs(length - c))),
        mistake("the longest reference",
                "r is made of the longest references. A caption is compared with the "
                "reference whose length is closest to its own.", brevity, choose=lambda lengths, c: max(lengths)),
        mistake("the shortest reference", "r is made of the shortest references. A caption is compared with the "
                "reference whose length is closest to its own.", brevity, choose=lambda lengths, c: min(lengths)),
        mistake("the first reference", "r is made of the first references. A caption is compared with the reference "
                "whose length is closest to its own.", brevity, choose=lambda lengths, c: lengths[0]),
        mistake("the mean length", "r is made of the mean lengths of the references. A caption is compared with the "
                "reference whose length is closest to its own.", brevity,
                choose=lambda lengths, c: sum(lengths) / len(lengths)),
        mistake("all references are added up", "r counts the words of all references. Of each picture only one "
                "counts: the one whose length is closest to the candidate's.",
                brevity, choose=lambda lengths, c: sum(lengths)),
        mistake("a mean over the captions",
                "Each caption has a penalty of its own here, and the mean was taken. "
                "Lengths are summed over the whole set first: a short caption may be made up for by a long one.",
                mean_penalty),
        mistake("the fraction is upside down", "The exponent is 1 - c/r. It is 1 - r/c: the shorter the captions, "
                "the further below 0.", brevity, penalty=lambda c, r: math.exp(min(0, 1 - c / r))),
        mistake("the fraction is upside down", "The exponent is 1 - c/r. It is 1 - r/c: the shorter the captions, "
                "the further below 0.", brevity, penalty=lambda c, r: 1 if c >= r else math.exp(1 - c / r)),
        mistake("long captions are rewarded", "Where the captions are longer than their references the factor is "
                "above 1. It is never: precision has punished what is too much already.", brevity,
                penalty=lambda c, r: math.exp(1 - r / c)),
        mistake("no exponential", "It is the fraction c/r itself. The penalty is exp(1 - r/c), which falls faster.",
                brevity, penalty=lambda c, r: min(1, c / r)),
        mistake("long and short changed places", "It is 1 where the captions are too short, and below 1 or above it "
                "where they are long enough: the condition is the wrong way round. 1 if c >= r.", brevity,
                penalty=lambda c, r: 1 if c <= r else math.exp(1 - r / c)),
    ))


# --------------------------------------------------------------------------------------------------------------- bleu

def precisions(candidates, references, N, smooth=0, **options):
    """p_1 ... p_N of the whole set."""
    pairs = list(zip(candidates, references, strict=True))
    return [(sum(clipped(*pair, n, **options) for pair in pairs) + smooth)
            / (max(sum(total(*pair, n) for pair in pairs), 1) + smooth) for n in range(1, N + 1)]


def of_set(candidates, references, N, *, combine=lambda p: math.prod(p)**(1 / len(p)), penalty=brevity, **options):
    return penalty(candidates, references) * combine(precisions(candidates, references, N, **options))


def of_captions(candidates, references, N):
    return np.mean([of_set([candidate], [captions], N)
                    for candidate, captions in zip(candidates, references, strict=True)])


def mean_precisions(candidates, references, N):
    each = [precisions([candidate], [captions], N)
            for candidate, captions in zip(candidates, references, strict=True)]
    return brevity(candidates, references) * math.prod(np.mean(each, axis=0))**(1 / N)


def changed(rng, words, changes):
    """The caption with a few words replaced or taken away."""
    words = list(words)
    for _ in range(changes):
        i = int(rng.integers(len(words)))
        words[i:i + 1] = some_words(rng, 0, 1)
    return words


def corpora(rng):
    """Small sets in which every caption shares a 4-gram with its references; those of even number are too short."""
    problems = []
    for N in (1, 2, 3, 4, 3, 4):
        while True:
            themes = [some_words(rng, 9, 13) for _ in range(3)]
            references = [[changed(rng, theme, 2) for _ in range(3)] for theme in themes]
            candidates = [changed(rng, theme, 2)[:None if len(problems) % 2 else -2] for theme in themes]
            shared = [clipped(*pair, 4) for pair in zip(candidates, references, strict=True)]
            if all(shared) and (brevity(candidates, references) < 1 or len(problems) % 2):
                problems.append((candidates, references, N))
                break
    return problems


GRASS = (words_of("a dog runs on the grass"),
         [words_of("a dog runs through the grass", "a brown dog is running on the grass")])


def nothing_in_common(module):
    """None, or what is wrong when no 4-gram matches."""
    try:
        with np.errstate(all="ignore"):
            score = module.bleu(*GRASS, 4)
    except Exception as error:
        return (f"when no 4-gram matches, it stops with {type(error).__name__}: {error}. BLEU-4 is 0 then: look at the "
                "precisions before you take their logarithm, or take a root of their product.")
    return None if abs(score) < 1e-9 else f"when no 4-gram matches BLEU-4 is 0; yours is {score:.6g}."


BLEU = Exercise(
    "21.3", "bleu", ("score",), for_all(of_set),
    example=(([(*GRASS, 1), (*GRASS, 2), (*GRASS, 3)],), np.array([1, 0.8**(1 / 2), 0.4**(1 / 3)])),
    cases=lambda rng: (corpora(rng),), call=numbers("bleu", "score"), learns=nothing_in_common,
    needs=("clipped_matches", "brevity_penalty"),
    mistakes=(
        mistake("only the last precision",
                "It is p_N alone, the individual score. BLEU-N is cumulative: it takes "
                "p_1 to p_N together.", of_set, combine=lambda p: p[-1]),
        mistake("a mean over the captions",
                "It is the mean of the BLEU of every caption. Matches and totals are summed over the whole set "
                "before they are divided: a caption that shares no 4-gram would count as 0.",
                of_captions),
        mistake("mean of the captions' precisions", "Each p_n is a mean over the captions. Sum the matches, sum the "
                "totals, and divide once: a long caption has more n-grams and counts for more.", mean_precisions),
        mistake("the mean of the precisions", "The precisions were added and divided by N. BLEU takes the geometric "
                "mean: their product to the power of 1/N.", of_set, combine=lambda p: sum(p) / len(p)),
        mistake("no root", "It is the product of the precisions. Take its N-th root, or captions would look worse "
                "for every order you look at.", of_set, combine=math.prod),
        mistake("the fourth root for every N", "The exponent is 1/4 whatever N is. It is 1/N: the weights of the "
                "precisions have to sum to one.", of_set, combine=lambda p: math.prod(p)**(1 / 4)),
        mistake("weights that do not sum to one",
                "For BLEU-3 the precisions have the weights 0.3, 0.3, 0.3, which "
                "sum to 0.9. That makes every score too good; they are 1/3 each.", of_set,
                combine=lambda p: math.prod(p)**(0.3 if len(p) == 3 else 1 / len(p))),
        mistake("the brevity penalty is missing", "It is the mean of the precisions without the brevity penalty. "
                "Precision does not ask what was left out: \"a\" alone would be a perfect caption.", of_set,
                penalty=lambda candidates, references: 1),
        mistake("the brevity penalty inside the root",
                "The brevity penalty is under the N-th root, too. The root is "
                "for the precisions alone.",
                lambda candidates, references, N: (brevity(candidates, references)
                                                   * math.prod(precisions(candidates, references, N)))**(1 / N)),
        mistake("smoothed", "Something is added to the matches and to the totals. Smoothing is for single sentences; "
                "the scores in the field's tables are not smoothed.", of_set, smooth=1),
        mistake("only the first order",
                "It is p_1 for every N. Is there a `return` inside the loop over n, or is n "
                "always 1?", of_set, combine=lambda p: p[0]),
    ))


# ---------------------------------------------------------------------------------------------------------------- idf

def holding(references, n):
    """For each n-gram, in alphabetical order, the number of pictures whose references hold it."""
    pictures = Counter(gram for captions in references for gram in {g for words in captions for g in grams(words, n)})
    return np.array([pictures[gram] for gram in sorted(pictures)], float)


def in_captions(references, n):
    captions = Counter(gram for of_picture in references for words in of_picture for gram in grams(words, n))
    return np.array([captions[gram] for gram in sorted(captions)], float)


def occurrences(references, n):
    all_of_them = sum((grams(words, n) for captions in references for words in captions), Counter())
    return np.array([all_of_them[gram] for gram in sorted(all_of_them)], float)


def weights(module, references, n):
    """The learner's weights in alphabetical order of the n-grams."""
    answer = module.idf(references, n)
    if not isinstance(answer, dict):
        raise TypeError(f"idf has to return a dictionary, n-gram -> weight, and not {type(answer).__name__}")
    wanted = sorted({gram for captions in references for words in captions for gram in grams(words, n)})
    for gram in wanted:
        if gram not in answer:
            have = f"; it has {next(iter(answer))!r}" if answer else ""
            raise KeyError(f"the dictionary lacks the n-gram {gram!r}{have}. An n-gram is a tuple of n words")
    if len(answer) > len(wanted):
        raise ValueError(f"the dictionary has {len(answer)} n-grams, and the references hold only {len(wanted)}")
    return np.array([float(answer[gram]) for gram in wanted])


def some_references(rng):
    """Five pictures with one to three captions each."""
    return [[some_words(rng, 3, 5) for _ in range(rng.integers(1, 4))] for _ in range(5)], int(rng.integers(1, 3))


PETS = [words_of("a dog runs", "the dog is a dog"), words_of("a cat", "a black cat")]

IDF = Exercise(
    "21.4", "idf", ("weights",), lambda references, n: np.log(len(references) / holding(references, n)),
    example=((PETS, 1), np.log([1.0, 2, 2, 2, 2, 2, 2])),  # a, black, cat, dog, is, runs, the
    cases=some_references, call=weights,
    mistakes=(
        Mistake("counted once a caption",
                "An n-gram was counted once for every caption that holds it. A picture "
                "counts once, however many of its captions agree: make one set of n-grams of all captions of a "
                "picture.",
                lambda right, references, n: np.log(len(references) / in_captions(references, n))),
        Mistake("counted at every occurrence",
                "An n-gram was counted as often as it occurs. A picture counts once: "
                "make one set of n-grams of all captions of a picture.",
                lambda right, references, n: np.log(len(references) / occurrences(references, n))),
        Mistake("captions in place of pictures",
                "It is log(captions / captions that hold it). Count pictures, above "
                "and below: five people who describe one picture agree, and that says nothing about other pictures.",
                lambda right, references, n: np.log(sum(map(len, references)) / in_captions(references, n))),
        Mistake("captions above, pictures below",
                "The number above the line is that of all captions. It is the "
                "number of pictures, len(references).",
                lambda right, references, n: np.log(sum(map(len, references)) / holding(references, n))),
        Mistake("no logarithm", "It is the fraction without its logarithm. With it, what every picture holds weighs "
                "log 1 = 0.", lambda right, references, n: len(references) / holding(references, n)),
        Mistake("upside down",
                "The fraction is upside down: all weights are negative. What is rare weighs much: "
                "pictures divided by those that hold it.", lambda right, references, n: -right),
        Mistake("another logarithm",
                "It is a logarithm to another base. Natural logarithms are meant: math.log, "
                "np.log.",
                lambda right, references, n: right / np.log(10)),
        Mistake("another logarithm",
                "It is a logarithm to another base. Natural logarithms are meant: math.log, "
                "np.log.",
                lambda right, references, n: right / np.log(2)),
        Mistake("one is added below", "The number of pictures that hold the n-gram is one too large. That keeps from "
                "dividing by 0, and nothing here is 0: every n-gram comes from a picture.",
                lambda right, references, n: np.log(len(references) / (1 + holding(references, n)))),
        Mistake("how many pictures hold it", "It is the number of pictures that hold the n-gram. The weight is "
                "log(pictures / that number).", lambda right, references, n: holding(references, n)),
    ))

EXERCISES = (CLIPPED_MATCHES, BREVITY_PENALTY, BLEU, IDF)
