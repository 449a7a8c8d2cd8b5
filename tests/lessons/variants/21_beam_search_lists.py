"""Lesson 21 in plain lists of ways, sorted by Python, with a state for each beginning."""

import heapq

import numpy as np

from minicap.captioning.text.vocabulary import END, START


def greedy(step, state, max_length):
    def go_on(state, word, turns):
        if turns == 0:
            return [], 0.0
        state, log_p = step(state, [word])
        best = max(range(log_p.shape[1]), key=lambda w: log_p[0, w])
        if best == END:
            return [], log_p[0, END]
        words, logp = go_on(state, best, turns - 1)
        return [best, *words], log_p[0, best] + logp

    return list(go_on(state, START, max_length))


def best_continuations(sums, log_p, k):
    ways = [(s + logp, b, w) for b, (s, row) in enumerate(zip(sums, log_p, strict=True)) for w, logp in enumerate(row)]
    best = heapq.nlargest(k, ways, key=lambda way: way[0])
    return tuple(np.array(column) for column in zip(*best, strict=True))


def best_caption(finished, alpha):
    scored = sorted(((logp * len(words) ** -alpha, words) for words, logp in finished), reverse=True)
    score, words = scored[0]
    return words[:-1] if words[-1] == END else words, score


def beam_search(step, state, B, max_length, alpha):
    going, finished = [(0.0, [], state)], []
    for _ in range(max_length):
        ways = []
        for total, words, memory in going:
            memory, log_p = step(memory, np.array(words[-1:] or [START]))
            ways += [(total + logp, [*words, w], memory) for w, logp in enumerate(log_p[0])]
        ways = sorted(ways, key=lambda way: -way[0])[:B]
        finished += [way[1::-1] for way in ways if way[1][-1] == END]
        going = [way for way in ways if way[1][-1] != END]
    finished += [way[1::-1] for way in going]
    return best_caption(finished, alpha)
