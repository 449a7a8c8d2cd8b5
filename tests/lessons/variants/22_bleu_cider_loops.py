"""Lesson 22 in loops and dictionaries, without Counter, and with logarithms in BLEU."""

import math


def count(words, n):
    found = {}
    for i in range(len(words) - n + 1):
        gram = tuple(words[i:i + n])
        found[gram] = found.get(gram, 0) + 1
    return found


def clipped_matches(candidate, references, n):
    matches = 0
    for gram, times in count(candidate, n).items():
        matches += min(times, max(count(reference, n).get(gram, 0) for reference in references))
    total = sum(count(candidate, n).values())
    return [matches, total]


def brevity_penalty(candidates, references):
    c, r = 0, 0
    for n in range(len(candidates)):
        length = len(candidates[n])
        c += length
        best = None
        for reference in sorted(references[n], key=len):
            if best is None or abs(len(reference) - length) < abs(best - length):
                best = len(reference)
        r += best
    if c > r:
        return 1
    return math.exp(1 - r / c)


def bleu(candidates, references, N=4):
    logs = []
    for n in range(1, N + 1):
        matches = total = 0
        for i in range(len(candidates)):
            m, t = clipped_matches(candidates[i], references[i], n)
            matches, total = matches + m, total + t
        if matches == 0:
            return 0.0
        logs.append(math.log(matches) - math.log(total))
    return math.exp(sum(logs) / N) * brevity_penalty(candidates, references)


def idf(references, n):
    weights = {}
    grams = {gram for captions in references for caption in captions for gram in count(caption, n)}
    for gram in grams:
        held = sum(any(gram in count(caption, n) for caption in captions) for captions in references)
        weights[gram] = -math.log(held / len(references))
    return weights
