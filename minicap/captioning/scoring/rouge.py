"""ROUGE-L.  Lin, "ROUGE: a package for automatic evaluation of summaries", 2004, with the settings of coco-caption."""

import numpy as np

BETA = 1.2  # recall has β² = 1.44 times the weight of precision
AT_ONCE = 4096  # pairs of captions whose longest common subsequences are found together


def rouge_l(candidate, references):
    """F-score of the longest common subsequence (LCS): F = (1 + β²)·P·R / (R + β²·P).

    P = LCS / words of the candidate, R = LCS / words of the reference. As in coco-caption, the best P and the best R
    over the references are combined, even when they come from two different ones.
    """
    common = [lcs_length(candidate, reference) for reference in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(candidate)
    recall = max(lcs / len(reference) for lcs, reference in zip(common, references, strict=True) if lcs)
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def lcs_length(a, b):
    """Length of the longest sequence of words that occurs in both ``a`` and ``b`` in this order, with gaps allowed."""
    best = [0] * (len(b) + 1)  # best[j]: LCS of the words of `a` read so far and b[:j]
    for word in a:
        diagonal = 0  # best[j] as it was before `word`
        for j, other in enumerate(b):
            longer = diagonal + 1 if word == other else max(best[j], best[j + 1])
            diagonal, best[j + 1] = best[j + 1], longer
    return best[-1]


# --- the same for many ------------------------------------------------------------------------------------------------

def rouge_l_of_all(candidates, references, candidate_of):
    """:func:`rouge_l` of each of N captions, (N,); both are a :class:`.Corpus`, with references for every caption.

    ``candidate_of`` (R,) is the caption to which each reference belongs, in ascending order.
    """
    common = lcs_lengths(candidates, references, candidate_of)
    first = np.searchsorted(candidate_of, np.arange(len(candidates.lengths)))
    precision = np.maximum.reduceat(common, first) / np.maximum(candidates.lengths, 1)
    recall = np.maximum.reduceat(common / np.maximum(references.lengths, 1), first)
    both = recall + BETA**2 * precision
    return np.divide((1 + BETA**2) * precision * recall, both, out=np.zeros(len(first)), where=both > 0)


def lcs_lengths(candidates, references, candidate_of):
    """:func:`lcs_length` of each reference and its caption, (R,): the same table, for some thousand pairs at once.

    A row of the table is one expression, as a maximum may run along it: where two words are equal, the diagonal + 1 is
    never less than the other two.
    """
    found = np.zeros(len(candidate_of), int)
    longest_first = np.argsort(-references.lengths, kind="stable")  # so that pairs with as many words stand together
    for begin in range(0, len(found), AT_ONCE):
        pairs = longest_first[begin:begin + AT_ONCE]
        a, b = padded(candidates, candidate_of[pairs], -1), padded(references, pairs, -2)  # -1 and -2 match nothing
        best = np.zeros((len(pairs), b.shape[1] + 1), np.int32)  # [:, j]: LCS of the words of `a` so far and b[:j]
        for word in a.T:
            longer = np.where(word[:, None] == b, best[:, :-1] + 1, best[:, 1:])
            best[:, 1:] = np.maximum.accumulate(longer, axis=1)
        found[pairs] = best[:, -1]
    return found


def padded(corpus, captions, padding):
    """The words of these ``captions`` as rows of one array, with ``padding`` behind them."""
    lengths = corpus.lengths[captions]
    rows = np.full((len(captions), lengths.max(initial=0)), padding, corpus.words.dtype)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = corpus.take(captions).words
    return rows
