"""Lesson 22, solved."""

import functools
import math
from collections import Counter

import numpy as np

from minicap.captioning.scoring.ngrams import ngram_counts


def clipped_matches(candidate, references, n):
    allowed = functools.reduce(Counter.__or__, (ngram_counts(reference, n) for reference in references))
    return (ngram_counts(candidate, n) & allowed).total(), max(0, len(candidate) - n + 1)


def brevity_penalty(candidates, references):
    c = sum(map(len, candidates))
    r = sum(min(map(len, captions), key=lambda length: (abs(length - len(candidate)), length))
            for candidate, captions in zip(candidates, references, strict=True))
    return math.exp(min(0, 1 - r / c))


def bleu(candidates, references, N=4):
    product = 1.0
    for n in range(1, N + 1):
        found = [clipped_matches(*pair, n) for pair in zip(candidates, references, strict=True)]
        matches, total = np.sum(found, axis=0)
        product *= matches / max(total, 1)
    return brevity_penalty(candidates, references) * product ** (1 / N)


def idf(references, n):
    pictures = Counter()
    for captions in references:
        pictures.update({ngram for caption in captions for ngram in ngram_counts(caption, n)})
    return {ngram: math.log(len(references) / count) for ngram, count in pictures.items()}
