"""Lesson 17: words as vectors. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    """The words of the vocabulary: SPECIAL first, then those that occur at least ``min_count`` times in all captions.

    captions: a list of captions, each a list of words (str). Returns a list of words; a word's index is its position in
    the list. The most frequent word comes first; equally frequent ones are in alphabetical order.

        captions = [["a", "dog", "sleeps"], ["a", "cat", "runs", "home"], ["a", "dog", "runs"]]    min_count = 2
        returns ["<pad>", "<start>", "<end>", "<unk>", "a", "dog", "runs"]
    """
    raise NotImplementedError("exercise 17.1 is still to do")


def make_batch(captions, vocabulary):
    """Captions of different lengths as three arrays: what is read, what has to be predicted, and where that counts.

    captions: N lists of words; vocabulary: a list of words, SPECIAL first. T is the longest caption's length plus 1.
    Returns (tokens, targets, mask), each an array of shape (N, T). A row of ``tokens`` is <start> and the caption, a
    row of ``targets`` the caption and <end>, both padded with <pad>; a word that is not in the vocabulary is <unk>.
    ``mask`` is True where there is a target, False at the padding.

        captions = [["a", "big", "dog"], ["dog", "runs"]]    vocabulary = [*SPECIAL, "a", "dog", "runs"]
        tokens = [[1, 4, 3, 5],    targets = [[4, 3, 5, 2],    mask = [[True, True, True, True],
                  [1, 5, 6, 0]]               [5, 6, 2, 0]]            [True, True, True, False]]
    """
    raise NotImplementedError("exercise 17.2 is still to do")


def embedding_backward(dy, words, V):
    """The gradient of the table W in y = W[words].

    dy: (N, T, E), dL/dy; words: (N, T), whole numbers from 0 to V - 1, in which a word may occur several times.
    Returns dW of shape (V, E).

        words = [[4, 5, 4]]    dy = [[[1, 10], [2, 20], [4, 40]]]    V = 6
        dW[4] = [5, 50]    dW[5] = [2, 20]    and 0 in the other four rows
    """
    raise NotImplementedError("exercise 17.3 is still to do")


def masked_mean(losses, mask):
    """The mean of the losses that count, and its gradient.

    losses: (N, T), one for each position; mask: (N, T), True where a position counts. Returns (mean, dlosses): one
    number, and d mean / d losses of shape (N, T).

        losses = [[1, 2, 9],    mask = [[True, True, False],
                  [3, 9, 9]]            [True, False, False]]
        mean = 2    dlosses = [[1/3, 1/3, 0],
                               [1/3, 0, 0]]
    """
    raise NotImplementedError("exercise 17.4 is still to do")
