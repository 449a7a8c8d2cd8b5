"""Lesson 21 with always B rows: what has ended keeps its row, with a sum of -inf."""

import numpy as np

from minicap.captioning.text.vocabulary import END, START


def greedy(step, state, max_length):
    said, total, read = [], [], np.array([START])
    while len(total) < max_length:
        state, log_p = step(state, read)
        read = np.argmax(log_p, axis=1)
        total.append(log_p[0, read[0]])
        if read[0] == END:
            return said, sum(total)
        said.append(read[0])
    return said, sum(total)


def best_continuations(sums, log_p, k):
    B, V = log_p.shape
    ways = np.empty(B * V)
    for b in range(B):
        ways[b * V:(b + 1) * V] = log_p[b] + sums[b]
    order = np.argsort(ways)[::-1][:k]
    return ways[order], order // V, order % V


def best_caption(finished, alpha):
    best, best_score = None, -np.inf
    for words, logp in finished:
        score = logp / len(words) ** alpha
        if score > best_score or best is None:
            best, best_score = words, score
    if best[-1] == END:
        best = best[:-1]
    return tuple(best), np.float64(best_score)


def beam_search(step, state, B, max_length, alpha):
    said = np.zeros((B, 0), int)
    sums = np.array([0.0] + [-np.inf] * (B - 1))
    state = tuple(np.repeat(s, B, axis=0) for s in state)
    read, finished = np.full(B, START), []
    for turn in range(max_length):
        state, log_p = step(state, read)
        sums, parents, read = best_continuations(sums, log_p, B)
        said = np.concatenate([said[parents], read[:, None]], axis=1)
        state = tuple(s[parents] for s in state)
        for row in range(B):
            if (read[row] == END or turn == max_length - 1) and sums[row] > -np.inf:
                finished.append((list(said[row]), sums[row]))
                sums[row] = -np.inf
        if np.all(sums == -np.inf):
            break
    return best_caption(finished, alpha)
