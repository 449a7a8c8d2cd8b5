"""ROUGE-L.  Lin, "ROUGE: a package for automatic evaluation of summaries", 2004, with the settings of coco-caption."""

BETA = 1.2  # recall has β² = 1.44 times the weight of precision


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
