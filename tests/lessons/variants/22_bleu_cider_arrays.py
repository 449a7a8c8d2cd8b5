"""Lesson 22 with NumPy: a table of counts, and logarithms that may be -inf."""

import numpy as np

from minicap.captioning.scoring.ngrams import ngram_counts


def clipped_matches(candidate, references, n):
    mine = ngram_counts(candidate, n)
    if not mine:
        return np.array([0, 0])
    table = np.array([[ngram_counts(reference, n)[gram] for gram in mine] for reference in references])
    own = np.array(list(mine.values()))
    return np.minimum(own, table.max(axis=0)).sum(), own.sum()


def brevity_penalty(candidates, references):
    r = 0
    for candidate, captions in zip(candidates, references, strict=True):
        lengths = np.sort([len(caption) for caption in captions])
        r += lengths[np.abs(lengths - len(candidate)).argmin()]
    c = np.sum([len(candidate) for candidate in candidates])
    return np.minimum(1.0, np.exp(1 - r / c))


def bleu(candidates, references, N=4):
    found = np.array([[clipped_matches(candidate, captions, n) for n in range(1, N + 1)]
                      for candidate, captions in zip(candidates, references, strict=True)])
    matches, total = found.sum(axis=0).T
    with np.errstate(divide="ignore"):
        return np.exp(np.log(matches / np.maximum(total, 1)).mean()) * brevity_penalty(candidates, references)


def idf(references, n):
    held = [set().union(*(ngram_counts(caption, n) for caption in captions)) for captions in references]
    grams = sorted(set().union(*held))
    table = np.array([[gram in of_picture for gram in grams] for of_picture in held])
    return dict(zip(grams, np.log(len(references)) - np.log(table.sum(axis=0)), strict=True))
