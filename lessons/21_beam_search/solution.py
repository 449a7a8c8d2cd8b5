"""Lesson 21, solved."""

import numpy as np

from minicap.captioning.text.vocabulary import END, START


def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        if word == END:
            break
        words.append(word)
    return words, logp


def best_continuations(sums, log_p, k):
    ways = (sums[:, None] + log_p).ravel()
    best = np.argsort(-ways)[:k]
    parents, words = np.divmod(best, log_p.shape[1])
    return ways[best], parents, words


def best_caption(finished, alpha):
    score, words = max((logp / len(words)**alpha, words) for words, logp in finished)
    return [word for word in words if word != END], score


def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [[*captions[parent], int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions:
            break
    finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha)
