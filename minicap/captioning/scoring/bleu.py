"""Corpus BLEU.  Papineni, Roukos, Ward, Zhu, "BLEU: a method for automatic evaluation of machine translation", 2002.

    BLEU-N = min(1, exp(1 - r/c)) · (p_1 · … · p_N)^(1/N)

p_n is the fraction of the captions' n-grams that occur in their references, c the number of words in all captions, r
that in the references closest to them in length. Counts are summed over the corpus *before* dividing, so BLEU is not a
mean of scores of captions. It is cumulative (BLEU-4 uses p_1 to p_4) and unsmoothed (0 without any matching n-gram).
"""

from collections import Counter

import numpy as np

from .corpus import matches
from .ngrams import ORDERS, ngram_counts

N_COUNTS = 2 * len(ORDERS) + 2


def bleu_counts(candidate, references):
    """The counts of one caption: integers (10,).

    ``candidate`` is a list of words, ``references`` a non-empty list of such lists. The counts are: clipped matches of
    order 1 to 4, n-grams of order 1 to 4, the words of the candidate, the words of the reference closest in length.
    """
    matches = []
    for n in ORDERS:
        allowed = Counter()  # "clipping": an n-gram counts at most as often as in the reference that has it most often
        for reference in references:
            allowed |= ngram_counts(reference, n)
        matches.append((ngram_counts(candidate, n) & allowed).total())
    c = len(candidate)
    totals = [max(0, c - n + 1) for n in ORDERS]
    r = min(map(len, references), key=lambda length: (abs(length - c), length))  # of ties the shorter one
    return np.array([*matches, *totals, c, r])


def bleu_counts_of_all(candidates, references, candidate_of):
    """:func:`bleu_counts` of each of N captions, (N, 10).

    Both arguments are ({n: :class:`.Counts`}, lengths in words); ``candidate_of`` (R,) is the caption to which each
    reference belongs, in ascending order, with one reference for each caption at least.
    """
    (counts_c, c), (counts_s, lengths) = candidates, references
    matched = []
    for n in ORDERS:
        at, shared = matches(counts_c[n], counts_s[n], candidate_of)
        allowed = np.zeros(len(counts_c[n].times), int)
        np.maximum.at(allowed, at, counts_s[n].times[shared])  # clipped, as above
        matched.append(np.bincount(counts_c[n].caption, np.minimum(counts_c[n].times, allowed), len(c)).astype(int))
    totals = [np.maximum(0, c - n + 1) for n in ORDERS]
    # of the references closest in length the shortest: first by the difference, then by the length, in one number
    scale = 1 + lengths.max(initial=0)
    closest = np.abs(lengths - c[candidate_of]) * scale + lengths
    r = np.minimum.reduceat(closest, np.searchsorted(candidate_of, np.arange(len(c)))) % scale
    return np.column_stack([*matched, *totals, c, r])


def bleu(counts):
    """BLEU-1 to BLEU-4, (..., 4), of summed ``bleu_counts`` (..., 10)."""
    matches, totals, c, r = np.split(np.asarray(counts, float), [4, 8, 9], axis=-1)
    with np.errstate(divide="ignore"):  # log 0 = -inf, and exp(-inf) = 0 is the correct score
        log_precision = np.log(matches / np.maximum(totals, 1))
    log_brevity = np.minimum(0, 1 - r / np.maximum(c, 1))
    return np.exp(log_brevity + np.cumsum(log_precision, axis=-1) / ORDERS)
