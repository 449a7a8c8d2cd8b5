"""Lesson 22: BLEU and CIDEr. Fill in what is still to do, then `python -m minicap.learn check`.

A caption is a list of words, ["a", "dog", "runs"]. ``ngram_counts(words, n)`` is a Counter of its runs of n
words, with the number of occurrences of each: {("a", "dog"): 1, ("dog", "runs"): 1} for n = 2. You can use it.
"""

from collections import Counter

import numpy as np

from minicap.captioning.scoring.ngrams import ngram_counts


def clipped_matches(candidate, references, n):
    """How many n-grams of a caption are in its references, and how many n-grams it has.

    candidate: a caption; references: a list of captions of the same picture. An n-gram of the candidate matches at
    most as often as it occurs in the one reference that has it most often. Returns (matches, total), whole numbers; a
    caption of fewer than n words has no n-grams.

        candidate   a dog and a dog and a dog        references   a dog and a cat
                                                                  the dog

        n = 1: (4, 8)    "a" 3 times, allowed 2; "dog" 3 times, allowed 1; "and" 2 times, allowed 1
        n = 2: (3, 7)    "a dog" 1 of 3, "dog and" 1 of 2, "and a" 1 of 2
    """
    raise NotImplementedError("exercise 22.1 is still to do")


def brevity_penalty(candidates, references):
    """The factor, for a whole set, that penalises captions that are too short.

    candidates: N captions; references: N lists of captions. c is the number of words in all candidates. r is the sum,
    over the pictures, of the length of the reference whose length is closest to the candidate's; of two that are
    equally close the shorter one counts. Returns 1 if c >= r, and else exp(1 - r / c).

        candidates   a dog             references   a dog runs (3), a dog runs through the grass (6)        -> 3
                     two cats sleep                 cats (1), two cats sleep on a bed (6), a bed (2)        -> 2

        c = 2 + 3 = 5, r = 3 + 2 = 5, and the answer is 1; for the first picture alone it is exp(1 - 3/2) = 0.6065
    """
    raise NotImplementedError("exercise 22.2 is still to do")


def bleu(candidates, references, N=4):
    """BLEU-N of a set of captions: brevity penalty · (p_1 · p_2 · ... · p_N)^(1/N).

    candidates: a list of captions; references: for each a list of captions. p_n is the sum of the matches of all
    candidates divided by the sum of their totals (clipped_matches). If there is no match of some order, it is 0.

        candidates   a dog runs on the grass       references   a dog runs through the grass
                                                                a brown dog is running on the grass

        N = 1: 6/6 = 1    N = 2: (6/6 · 4/5)^(1/2) = 0.8944    N = 3: (6/6 · 4/5 · 2/4)^(1/3) = 0.7368    N = 4: 0
    """
    raise NotImplementedError("exercise 22.3 is still to do")


def idf(references, n):
    """The weight of every n-gram: log(number of pictures / number of pictures whose references contain it).

    references: for each picture a list of captions. Returns a dictionary, n-gram (a tuple) -> weight, with every n-gram
    that occurs. A picture counts once for an n-gram, however many of its captions have it, and however often.

        references   a dog runs, the dog is a dog       (picture 0)
                     a cat, a black cat                 (picture 1)

        n = 1: {("a",): 0, ("dog",): log 2, ("runs",): log 2, ("the",): log 2, ("is",): log 2, ("cat",): log 2,
                ("black",): log 2}      "a" is in both pictures, each other word in one; log 2 = 0.6931
    """
    raise NotImplementedError("exercise 22.4 is still to do")
