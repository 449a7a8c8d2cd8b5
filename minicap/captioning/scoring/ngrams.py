"""n-grams: the sequences of n words that BLEU and CIDEr compare."""

from collections import Counter

ORDERS = (1, 2, 3, 4)


def ngram_counts(words, n):
    """How often each sequence of ``n`` words occurs in ``words``: a ``Counter`` of tuples of length ``n``."""
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))
