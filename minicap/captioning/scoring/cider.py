"""CIDEr-D.  Vedantam, Zitnick, Parikh, "CIDEr: consensus-based image description evaluation", CVPR 2015, section 6.

    CIDEr-D_n(c, S) = 10/|S| · Σ_s exp(-(l(c) - l(s))² / 2σ²) · min(g_n(c), g_n(s)) · g_n(s) / (‖g_n(c)‖ ‖g_n(s)‖)

c is the caption, and s runs over its references S; g_n is the vector of tf-idf weights of all n-grams, l the length in
words; the score is the mean over n = 1 to 4. An n-gram that occurs in the references of most images is uninformative
and has little weight; the minimum keeps a caption from gaining by repeating a good word. Tables in papers call this
CIDEr and multiply it by 100 (0.478 here is 47.8 there).

The definition is below in dictionaries, from :func:`inverse_document_frequency` to :func:`agreement`. Everything else
computes the same in arrays (corpus.py).
"""

import itertools
import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from .corpus import WORD_BITS, Corpus, Counts, NgramTable, WordNumbers, joined, matches, ranges
from .ngrams import ORDERS, ngram_counts

SIGMA = 6.0
AT_ONCE = 4096  # captions that are scored together, which bounds the memory


# --- the definition, for one caption ----------------------------------------------------------------------------------

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


def _similarity(candidate, reference):
    vectors_c, norms_c, length_c = candidate
    vectors_s, norms_s, length_s = reference
    total = 0.0
    for c, norm_c, s, norm_s in zip(vectors_c, norms_c, vectors_s, norms_s, strict=True):
        if norm_c and norm_s:
            total += sum(min(weight, s[g]) * s[g] for g, weight in c.items() if g in s) / (norm_c * norm_s)
    return 10 * math.exp(-((length_c - length_s) ** 2) / (2 * SIGMA**2)) * total / len(ORDERS)


# --- the same for many ------------------------------------------------------------------------------------------------

def cider(candidates, references):
    """The score of each image, (N,), between 0 and 10; their mean is the score of the set.

    ``candidates`` is a list of N captions (lists of words), ``references`` a list of N non-empty lists of captions.
    Document frequencies are counted in these references, so the score of an image depends on the whole set; with a
    single image every idf is log 1 = 0, and so is the score.
    """
    return CiderD(references).scores(np.arange(len(candidates)), candidates)


class Vectors(NamedTuple):
    """The tf-idf weights of C captions.

    counts    {n: :class:`.Counts`}
    weights   {n: (E,)} g_n of each n-gram of these
    norms     {n: (C,)} ‖g_n‖
    lengths   (C,) in words
    """

    counts: dict
    weights: dict
    norms: dict
    lengths: np.ndarray

    def rows(self, begin, end):
        """Those of the captions from ``begin`` up to ``end``."""
        entries = {n: slice(*np.searchsorted(found.caption, [begin, end])) for n, found in self.counts.items()}
        return Vectors({n: Counts(found.caption[entries[n]] - begin, found.number[entries[n]], found.times[entries[n]])
                        for n, found in self.counts.items()},
                       {n: weights[entries[n]] for n, weights in self.weights.items()},
                       {n: norms[begin:end] for n, norms in self.norms.items()}, self.lengths[begin:end])


class TfIdf:
    """Weights n-grams of captions by how few of N images have them in their ``references``.

    ``references`` is an iterable of N lists of captions (lists of words), which stay as the :class:`.Corpus`
    ``captions``: those of image i are from ``first[i]`` up to ``first[i + 1]``.
    """

    def __init__(self, references):
        self.numbers, sizes = WordNumbers(), []

        def captions():
            for of_image in references:
                sizes.append(len(of_image))
                yield from of_image

        self.captions = Corpus.of(captions(), self.numbers)
        self.first = np.cumsum([0, *sizes])
        self.table = NgramTable(self.captions, np.repeat(np.arange(len(sizes)), sizes))
        # by math.log and not by NumPy's, which may differ in the last bit
        self.idf = math.log(max(1, len(sizes))) - np.array([0.0, *map(math.log, range(1, len(sizes) + 1))])

    def corpus(self, captions):
        """The :class:`.Corpus` of other captions."""
        return Corpus.of(captions, self.numbers)

    def __call__(self, *corpora):
        """The :class:`Vectors` of each corpus. They are counted together, as an n-gram that is not in the references
        only gets its number now, which has to be the same in all.
        """
        corpus, captions = joined(corpora), np.cumsum([0, *(len(corpus.lengths) for corpus in corpora)])
        counts = self.table.counted(corpus)
        weights = {n: found.times * self.idf[self.table.documents_of(n, found.number)] for n, found in counts.items()}
        # bincount adds one after the other, as the definition does; NumPy's sum adds halves of halves
        norms = {n: np.sqrt(np.bincount(found.caption, weights[n] * weights[n], len(corpus.lengths)))
                 for n, found in counts.items()}
        return [Vectors(counts, weights, norms, corpus.lengths).rows(begin, end)
                for begin, end in itertools.pairwise(captions)]


class CiderD:
    """(image, words) -> the score of a caption against the references of that image, a row of ``references``."""

    def __init__(self, references):
        self.tf_idf = TfIdf(references)

    def __call__(self, image, words):
        return float(self.scores([image], [words])[0])

    def scores(self, images, captions):
        """The score of each of N ``captions`` against the references of its image, (N,)."""
        images, corpus, found = np.asarray(images), self.tf_idf.corpus(captions), np.zeros(len(images))
        for begin in range(0, len(images), AT_ONCE):
            rows = np.arange(begin, min(begin + AT_ONCE, len(images)))
            first, last = self.tf_idf.first[images[rows]], self.tf_idf.first[images[rows] + 1]
            references = self.tf_idf.captions.take(ranges(first, last - first))
            candidate_of = np.repeat(np.arange(len(rows)), last - first)
            each = similarities(*self.tf_idf(corpus.take(rows), references), candidate_of)
            found[rows] = np.bincount(candidate_of, each, len(rows)) / (last - first)
        return found


def similarities(candidates, references, candidate_of):
    """The CIDEr-D of a caption against each of R references alone, (R,); ``candidate_of`` (R,) is the caption of each.

    Both are :class:`Vectors` that were counted together.
    """
    total = np.zeros(len(candidate_of))
    for n in ORDERS:
        c, s = matches(candidates.counts[n], references.counts[n], candidate_of)
        weight_c, weight_s = candidates.weights[n][c], references.weights[n][s]
        product = np.bincount(references.counts[n].caption[s], np.minimum(weight_c, weight_s) * weight_s, len(total))
        norms = candidates.norms[n][candidate_of] * references.norms[n]
        total += np.divide(product, norms, out=np.zeros(len(total)), where=norms > 0)
    apart = np.abs(candidates.lengths[candidate_of] - references.lengths)
    return penalties(apart) * total / len(ORDERS)


def penalties(apart):
    """10 exp(-d² / 2σ²) of differences d in length, by math.exp: see :class:`TfIdf` on logarithms."""
    different, which = np.unique(apart, return_inverse=True)
    return np.array([10 * math.exp(-(d**2) / (2 * SIGMA**2)) for d in different.tolist()])[which.reshape(apart.shape)]


def consensus(references):
    """For each image an array with the mean CIDEr-D of each of its captions against its other ones.

    ``references`` is an iterable of lists of captions, and document frequencies are counted in them. A caption without
    others has nan.
    """
    tf_idf = TfIdf(references)
    found = []
    for begin in range(0, len(tf_idf.first) - 1, AT_ONCE):
        first = tf_idf.first[begin:begin + AT_ONCE + 1]
        sizes = np.diff(first)
        (captions,) = tf_idf(tf_idf.captions.take(np.arange(first[0], first[-1])))
        row, size, start = np.arange(sizes.sum()), np.repeat(sizes, sizes), np.repeat(first[:-1] - first[0], sizes)
        total = np.zeros(len(row))
        for step in range(1, sizes.max()):
            later = start + (row - start + step) % size  # of the same image, and from its end on again from its first
            total[later] += np.where(step < size, similarities(captions, captions, later), 0)
        with np.errstate(invalid="ignore"):  # 0 / 0
            found += np.split(total / (size - 1), first[1:-1] - first[0])
    return found


def agreements(candidates, references):
    """The CIDEr-D of each caption against each reference alone, (C, S); :class:`Vectors` that were counted together.

    All sums over n-grams are one product of two matrices for each n, (C, columns) times (columns, S): the minimum,
    which is in the way, becomes a sum of products if the first occurrence of an n-gram in a caption, the second, and so
    on have a column each, as

        min(tf_c, tf_s) · tf_s = Σ_k [k ≤ tf_c] · [k ≤ tf_s] tf_s
    """
    total = np.zeros((len(candidates.lengths), len(references.lengths)))
    for n in ORDERS:
        caption_c, key_c, weight_c, tf_c = _occurrences(candidates, n)
        caption_s, key_s, weight_s, _ = _occurrences(references, n)
        keys, column = np.unique(key_c, return_inverse=True)
        shared = np.isin(key_s, keys)
        left, right = np.zeros((len(total), len(keys))), np.zeros((total.shape[1], len(keys)))
        left[caption_c, column] = weight_c / tf_c
        right[caption_s[shared], np.searchsorted(keys, key_s[shared])] = weight_s[shared]
        total += left @ right.T
    return penalties(np.abs(np.subtract.outer(candidates.lengths, references.lengths))) * total / len(ORDERS)


def _occurrences(vectors, n):
    """Of each occurrence of an n-gram: its caption, its key (n-gram, k), its weight divided by ‖g_n‖, and its tf.

    k counts the occurrences of an n-gram in a caption, from 0 on.
    """
    caption, number, times = vectors.counts[n]
    weight, norm = vectors.weights[n], vectors.norms[n][caption]
    weight = np.divide(weight, norm, out=np.zeros(len(weight)), where=norm > 0)
    which, k = np.repeat(np.arange(len(times)), times), ranges(np.zeros(len(times), int), times)
    return caption[which], number[which].astype(np.int64) << WORD_BITS | k, weight[which], times[which]
