"""Many captions as arrays of integers, in which NumPy finds and counts their n-grams.

Of two captions, "a dog runs" and "a dog":

    words           0 1 2 0 1     each word by its number, one caption after the other; the captions begin at 0 3 5
    pairs           0 1 0         "a dog", "dog runs", "a dog": n-grams have numbers as well
    of captions     0 0 1

The n-grams of COCO's 590,000 captions are 25 million, 5 million of them different. As a dictionary of tuples for each
caption they take 5 GB; here a number of four bytes each, and only while they are counted.
"""

import itertools
from typing import NamedTuple

import numpy as np

from .ngrams import ORDERS

WORD_BITS = 31    # of an n-gram's code: see NgramTable
AT_ONCE = 1 << 18  # n-grams that are looked up together


class WordNumbers(dict):
    """{word: number}; a word that is looked up for the first time gets the next number."""

    def __missing__(self, word):
        self[word] = number = len(self)
        return number


class Corpus(NamedTuple):
    """C captions.

    words    (T,) int32, the numbers of their words, one caption after the other
    begins   (C + 1,) int64, where each caption begins, and the end
    """

    words: np.ndarray
    begins: np.ndarray

    @classmethod
    def of(cls, captions, numbers):
        """The corpus of ``captions``, an iterable of sequences of words, with the :class:`WordNumbers` ``numbers``."""
        lengths = []

        def words():
            for caption in captions:
                lengths.append(len(caption))
                yield from map(numbers.__getitem__, caption)

        return cls(np.fromiter(words(), np.int32), np.cumsum([0, *lengths]))

    @property
    def lengths(self):
        """(C,)"""
        return np.diff(self.begins)

    def take(self, captions):
        """The corpus of these ``captions``, an array of their numbers (in any order, also repeated)."""
        begins, ends = self.begins[captions], self.begins[captions + 1]
        return Corpus(self.words[ranges(begins, ends - begins)], np.concatenate([[0], np.cumsum(ends - begins)]))


def joined(corpora):
    """The captions of several corpora, one after the other, as one corpus."""
    return Corpus(np.concatenate([corpus.words for corpus in corpora]),
                  np.cumsum(np.concatenate([[0], *(corpus.lengths for corpus in corpora)])))


def ranges(begins, lengths):
    """[b0, b0 + 1, ... (l0 of them), b1, b1 + 1, ...]"""
    ends = np.cumsum(lengths)
    return np.repeat(begins - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)


class Counts(NamedTuple):
    """Each n-gram of a caption once: of which caption (E,), its number (E,), and how many times it occurs there (E,).

    Captions are in order, and in a caption n-grams are in the order in which they first occur.
    """

    caption: np.ndarray
    number: np.ndarray
    times: np.ndarray


class NgramTable:
    """The different n-grams of a corpus, and in how many documents each occurs: captions in a row.

    codes       {n: (G,)} for n = 2, 3, 4: the code of each n-gram, ascending; its place is its number. The code is made
                of the number of its first n - 1 words and the number of its last word, n-gram · 2³¹ + word.
    documents   {n: (G,)} the number of documents with this n-gram
    """

    def __init__(self, corpus, document_of):
        self.codes, self.documents = {}, {}
        for n, caption, number in _ngrams(corpus, self._add):
            document = document_of[caption]
            pairs = document << WORD_BITS | number
            parts = np.searchsorted(document, document[::AT_ONCE]).tolist()  # of whole documents, which are in order
            for begin, end in itertools.pairwise([*parts, len(pairs)]):
                pairs[begin:end].sort()
            once = without_repetition(pairs)
            self.documents[n] = np.bincount(once & ((1 << WORD_BITS) - 1)).astype(np.int32)

    def _add(self, n, codes):
        self.codes[n] = distinct(codes)
        number = np.empty(len(codes), np.int32)
        for begin in range(0, len(codes), AT_ONCE):  # some at a time, so that sorting them stays in the cache
            number[begin:begin + AT_ONCE] = self._number(n, codes[begin:begin + AT_ONCE])
        return number

    def _number(self, n, codes):
        """The numbers of n-grams with these codes; those that are not in the table get the next ones."""
        known, (codes, which) = self.codes[n], np.unique(codes, return_inverse=True)
        number = np.searchsorted(known, codes)
        found = number < len(known)
        found[found] = known[number[found]] == codes[found]
        number[~found] = len(known) + np.arange(np.count_nonzero(~found))
        return number[which]

    def counted(self, corpus):
        """{n: the :class:`Counts` of a corpus, which may have other n-grams as well}"""
        return {n: _counts(caption, number) for n, caption, number in _ngrams(corpus, self._number)}

    def documents_of(self, n, number):
        """In how many documents these n-grams occur, (E,); 1 for those that are not in the table."""
        found, known = np.ones(len(number), np.int32), self.documents[n]
        inside = number < len(known)
        found[inside] = known[number[inside]]
        return found


def _ngrams(corpus, number_of):
    """(n, the caption of each n-gram, its number) for n = 1 to 4, in the order of the text. ``number_of(n, codes)``."""
    caption = np.repeat(np.arange(len(corpus.begins) - 1, dtype=np.int32), corpus.lengths)
    end = np.repeat(corpus.begins[1:], corpus.lengths)
    begin, number = np.arange(len(corpus.words)), corpus.words
    for n in ORDERS:
        if n > 1:
            number = number.astype(np.int64)
            fits = begin + n <= end[begin]
            begin, number = begin[fits], number[fits]
            number = number_of(n, number << WORD_BITS | corpus.words[begin + n - 1])
        yield n, caption[begin], number


def distinct(codes):
    """As np.unique, which has come to hash; for millions of such codes that takes ten times as long as to sort them."""
    return without_repetition(np.sort(codes))


def without_repetition(codes):
    """Each of these sorted codes once."""
    differs = np.ones(len(codes), bool)
    np.not_equal(codes[1:], codes[:-1], out=differs[1:])
    return codes[differs]


def _counts(caption, number):
    pair = caption.astype(np.int64) * (number.max(initial=0) + 1) + number
    _, first, times = np.unique(pair, return_index=True, return_counts=True)
    order = np.argsort(first)
    first = first[order]
    return Counts(caption[first], number[first], times[order])


def matches(candidates, references, candidate_of):
    """The n-grams that captions share with a reference of theirs, as two arrays of rows of these :class:`Counts`.

    ``candidate_of`` (R,) is the caption to which each reference belongs. Sorted by reference, then by n-gram of the
    caption.
    """
    size = 1 + max(candidates.number.max(initial=0), references.number.max(initial=0))
    here = candidates.caption.astype(np.int64) * size + candidates.number
    order = np.argsort(here)
    here, there = here[order], candidate_of[references.caption] * size + references.number
    at = np.searchsorted(here, there)
    found = at < len(here)
    found[found] = here[at[found]] == there[found]
    shared, at = np.flatnonzero(found), order[at[found]]
    by_reference = np.lexsort((at, references.caption[shared]))
    return at[by_reference], shared[by_reference]
