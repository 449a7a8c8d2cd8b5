"""CIDEr-D.  Vedantam, Zitnick, Parikh, "CIDEr: consensus-based image description evaluation", CVPR 2015, section 6.

    CIDEr-D_n(c, S) = 10/|S| · Σ_s exp(-(l(c) - l(s))² / 2σ²) · min(g_n(c), g_n(s)) · g_n(s) / (‖g_n(c)‖ ‖g_n(s)‖)

c is the caption, and s runs over its references S; g_n is the vector of tf-idf weights of all n-grams, l the length in
words; the score is the mean over n = 1 to 4. An n-gram that occurs in the references of most images is uninformative
and has little weight; the minimum keeps a caption from gaining by repeating a good word. Tables in papers call this
CIDEr and multiply it by 100 (0.478 here is 47.8 there).
"""

import math
from collections import Counter

import numpy as np

from .ngrams import ORDERS, ngram_counts

SIGMA = 6.0


def cider(candidates, references):
    """The score of each image, (N,), between 0 and 10; their mean is the score of the set.

    ``candidates`` is a list of N captions (lists of words), ``references`` a list of N non-empty lists of captions.
    Document frequencies are counted in these references, so the score of an image depends on the whole set; with a
    single image every idf is log 1 = 0, and so is the score.
    """
    score = CiderD(references)
    return np.array([score(image, words) for image, words in enumerate(candidates)])


class CiderD:
    """(image, words) -> the score of a caption against the references of that image, a row of ``references``."""

    def __init__(self, references):
        counts = [[all_ngrams(words) for words in captions] for captions in references]
        self.idf = inverse_document_frequency(counts)
        self.references = [[tf_idf(of_caption, self.idf) for of_caption in of_image] for of_image in counts]

    def __call__(self, image, words):
        return agreement(tf_idf(all_ngrams(words), self.idf), self.references[image])


def inverse_document_frequency(reference_counts):
    """The function idf(g) = log(N / images with g in their references); an n-gram in no reference counts as in one."""
    frequency = Counter()
    for counts_of_image in reference_counts:
        frequency.update({ngram for counts in counts_of_image for of_order in counts for ngram in of_order})
    log_n = math.log(len(reference_counts))
    idf = {ngram: log_n - math.log(images) for ngram, images in frequency.items()}
    return lambda ngram: idf.get(ngram, log_n)


def all_ngrams(words):
    return [ngram_counts(words, n) for n in ORDERS]


def tf_idf(counts, idf):
    """(g_1 to g_4 as dictionaries, their norms, the length in words)."""
    vectors = [{ngram: tf * idf(ngram) for ngram, tf in of_order.items()} for of_order in counts]
    norms = [math.sqrt(sum(weight * weight for weight in vector.values())) for vector in vectors]
    return vectors, norms, counts[0].total()


def agreement(candidate, references):
    """The CIDEr-D of a caption against ``references``, all of them as returned by :func:`tf_idf`."""
    return sum(_similarity(candidate, reference) for reference in references) / len(references)


def consensus(references):
    """For each image an array with the mean CIDEr-D of each of its captions against its other ones.

    ``references`` is a list of lists of captions, and document frequencies are counted in them. A caption without
    others has nan.
    """
    counts = [[all_ngrams(words) for words in captions] for captions in references]
    idf = inverse_document_frequency(counts)
    found = []
    for of_image in counts:
        captions = [occurrences(of_caption, idf) for of_caption in of_image]
        scores = agreements(captions, captions)
        others = len(captions) - 1
        found.append((scores.sum(axis=1) - scores.diagonal()) / others if others else np.full(1, np.nan))
    return found


def agreements(candidates, references):
    """The CIDEr-D of each caption against each reference alone, (C, S); both as lists of :func:`occurrences`.

    The mean of row c is ``agreement(candidates[c], references)``, up to rounding. All sums over n-grams are one product
    of two matrices, (C, columns) times (columns, S): the minimum, which is in the way, becomes a sum of products if
    the first occurrence of an n-gram in a caption, the second, and so on have a column each, as

        min(tf_c, tf_s) · tf_s = Σ_k [k ≤ tf_c] · [k ≤ tf_s] tf_s
    """
    column = {key: j for j, key in enumerate(dict.fromkeys(key for found, _ in candidates for key in found))}
    left, right = np.zeros((len(candidates), len(column))), np.zeros((len(references), len(column)))
    for row, (found, _) in zip(left, candidates, strict=True):
        row[[column[key] for key in found]] = [weight for weight, _ in found.values()]
    for row, (found, _) in zip(right, references, strict=True):
        shared = [key for key in found if key in column]
        row[[column[key] for key in shared]] = [weight for _, weight in map(found.get, shared)]
    apart = np.subtract.outer(*(np.array([length for _, length in captions]) for captions in (candidates, references)))
    return 10 * np.exp(-(apart**2) / (2 * SIGMA**2)) * (left @ right.T) / len(ORDERS)


def occurrences(counts, idf):
    """({(n-gram, k): its weight in a candidate, idf / ‖g_n‖, and in a reference, tf times that}, the length in words).

    k counts the occurrences of an n-gram, from 0 on.
    """
    vectors, norms, length = tf_idf(counts, idf)
    found = {}
    for of_order, vector, norm in zip(counts, vectors, norms, strict=True):
        if norm:
            for ngram, tf in of_order.items():
                weight = vector[ngram] / norm
                for k in range(tf):
                    found[ngram, k] = weight / tf, weight
    return found, length


def _similarity(candidate, reference):
    vectors_c, norms_c, length_c = candidate
    vectors_s, norms_s, length_s = reference
    total = 0.0
    for c, norm_c, s, norm_s in zip(vectors_c, norms_c, vectors_s, norms_s, strict=True):
        if norm_c and norm_s:
            total += sum(min(weight, s[g]) * s[g] for g, weight in c.items() if g in s) / (norm_c * norm_s)
    return 10 * math.exp(-((length_c - length_s) ** 2) / (2 * SIGMA**2)) * total / len(ORDERS)
