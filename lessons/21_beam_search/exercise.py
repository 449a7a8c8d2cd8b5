"""Lesson 21: greedy and beam search. Fill in what is still to do, then `python -m minicap.learn check`.

Here a model is a function ``step(state, words) -> (state, log_p)``. It reads one word in each of its B rows, words:
(B,) whole numbers, and returns log_p: (B, V), in row b log p of every possible next word. Its memory is ``state``, a
tuple of arrays whose first axis is the row: row b of the new state is the state after words[b].
"""

import numpy as np

from minicap.captioning.text.vocabulary import END, START  # whole numbers, the indices of these two words


def greedy(step, state, max_length):
    """The most probable word at every step, beginning with the word START.

    ``state`` has one row. Stop when END was the most probable word, or after ``max_length`` calls of step. Returns
    (words, logp): words is a list of whole numbers without START and END; logp is the sum of log p of all chosen
    words, END included.

        With the table of the lesson, where 4 is "a", 6 is "dog" and 7 is "runs":

        greedy(step, state, 10) is ([4, 6, 7], -2.0250)    log 0.55 + log 0.4 + log 0.6 + log 1
        greedy(step, state, 2)  is ([4, 6], -1.5141)       cut after two words
    """
    raise NotImplementedError("exercise 21.1 is still to do")


def best_continuations(sums, log_p, k):
    """The k most probable of all continuations.

    sums: (B,), the sum of log p of each of B hypotheses; log_p: (B, V), log p of every next word after each of them. A
    continuation is a hypothesis and a word: there are B · V, and the sum of each is that of its hypothesis plus log p
    of its word. Returns (sums, parents, words), each (k,), the best first: the sum of each continuation, the hypothesis
    it continues (0 ... B - 1), and its word (0 ... V - 1). k is at most B · V.

        sums = [-1, -2]    log_p = [[-3, -2.5, -1  ],    k = 2
                                    [-4, -0.5, -1.5]]

        sums [-2, -2.5]    parents [0, 1]    words [2, 1]
    """
    raise NotImplementedError("exercise 21.2 is still to do")


def best_caption(finished, alpha):
    """The caption with the highest score = logp / length^alpha.

    finished: a list of (words, logp); words is a list of whole numbers that ends with END, unless the caption was cut,
    and logp is the sum of log p of all of them. length is the number of words, END counted. Returns (words, score) of
    the best: words without END.

        finished = [([5, 9, 2], -1.5017), ([5, 9, 12, 2], -1.7024)]        2 is END

        best_caption(finished, 0) is ([5, 9], -1.5017)
        best_caption(finished, 1) is ([5, 9, 12], -0.4256)                 -1.7024 / 4, the other has -1.5017 / 3
    """
    raise NotImplementedError("exercise 21.3 is still to do")


def beam_search(step, state, B, max_length, alpha):
    """The best caption that beam search finds.

    ``state`` has one row. At first there is one hypothesis, [START], whose sum is 0. Each iteration calls step once,
    with the last word of every hypothesis, and takes the B best of all continuations (best_continuations), or all of
    them if there are fewer than B. Those whose word is END are finished captions; the others are the hypotheses of the
    next iteration. The search stops when none is left. After ``max_length`` iterations the unfinished ones are cut and
    count as finished as they are. Returns (words, score) of the best_caption of all finished ones.

        With the table of the lesson, where 4 is "a", 5 is "two", 6 is "dog", 7 is "runs", 9 is "dogs", 12 is "run":

        beam_search(step, state, 1, 10, 0) is ([4, 6, 7], -2.0250)      the greedy one
        beam_search(step, state, 2, 10, 0) is ([5, 9], -1.5017)
        beam_search(step, state, 2, 10, 1) is ([5, 9, 12], -0.4256)
    """
    raise NotImplementedError("exercise 21.4 is still to do")
