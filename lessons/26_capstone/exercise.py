"""Lesson 26: a row of the results table. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np


def leaks(splits, captions, vocabulary):
    """What has leaked from dev and test into training: pictures, and words.

    splits: {"train": [image name, ...], "dev": [...], "test": [...]}; captions: {image name: [caption, ...]}, where a
    caption is a list of words; vocabulary: a list of words, among them special ones such as "<unk>", which begin with
    "<". Returns (pictures, words), two sorted lists: the images that are in more than one split, and the words of the
    vocabulary, except the special ones, that are in no caption of an image in train.

        splits = {"train": ["1.jpg", "2.jpg"], "dev": ["3.jpg"], "test": ["4.jpg", "1.jpg"]}
        captions = {"1.jpg": [["a", "dog"]], "2.jpg": [["a", "cat"]],
                    "3.jpg": [["a", "zebra"]], "4.jpg": [["a", "dog"]]}

        leaks(splits, captions, ["<pad>", "a", "dog", "cat", "zebra"]) is (["1.jpg"], ["zebra"])
    """
    raise NotImplementedError("exercise 26.1 is still to do")


def differences(mine, theirs):
    """The differences between two recipes.

    A recipe is a dict of settings, in which a value may again be a dict of settings. Returns {name: (my value, their
    value)} of all settings that are not the same; a setting inside a dict is called "outer.inner". For a setting that
    one recipe does not have, its value is "not said"; that is a difference, too, even from None.

        mine = {"seed": 0, "train": {"lr": 0.003, "epochs": 13}}
        theirs = {"seed": 0, "train": {"lr": 0.001, "epochs": 13, "drop": None}, "search": {"beam": 3}}

        differences(mine, theirs) is {"train.lr": (0.003, 0.001),
                                      "train.drop": ("not said", None),
                                      "search.beam": ("not said", 3)}
    """
    raise NotImplementedError("exercise 26.2 is still to do")


def bootstrap_interval(statistics, score, draws):
    """The interval that contains 95 % of the scores of resampled test sets.

    statistics: (N, K), what each of N pictures adds to the K sums that the score is computed from; score: a function of
    the sums (K,) that returns a number; draws: (R, N) integers, R test sets of N pictures each, drawn with replacement:
    draws[r] are the rows of the r-th. Returns (low, high), the quantiles 0.025 and 0.975 (np.quantile) of the R scores.

        statistics = [[1, 2],    words that are right, words in all
                      [3, 4]]    score = lambda sums: sums[0] / sums[1]

        draws = [[0, 1], [0, 0], [1, 1]]      the sums are (4, 6), (2, 4), (6, 8), the scores 0.667, 0.5, 0.75
        bootstrap_interval(statistics, score, draws) is (0.5083, 0.7458)
    """
    raise NotImplementedError("exercise 26.3 is still to do")


def paired_test(a, b, score, swaps):
    """How often chance alone produces a difference as large as that between two captioners.

    a, b: (N, K), the statistics of captioner A and of captioner B on the same N pictures; score: a function of sums
    (K,); swaps: (R, N) booleans. In the r-th experiment, A and B swap their rows of those pictures n for which
    swaps[r, n] is True. Returns (difference, p): the score of A minus that of B, and

        p = (1 + experiments in which |difference| is at least as large as the real one) / (1 + R)

        a = [[1], [1], [0]], b = [[0], [1], [0]]      score = lambda sums: sums[0] / 3
        swaps = [[False, False, False], [True, False, True], [False, True, True]]

        the difference is 1/3; in the three experiments 1/3, -1/3, 1/3
        paired_test(a, b, score, swaps) is (0.3333, 1.0)
    """
    raise NotImplementedError("exercise 26.4 is still to do")
