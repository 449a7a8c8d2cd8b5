"""The gradient of an embedding: every core clears its rows of the table and adds what belongs there."""

import itertools

import numpy as np

from ..threads import run_blocks, thread_count
from .arithmetic import f4, kernel

ZERO = f4(0)


def sum_by_word(dy, words, V):
    if dy.dtype != f4 or not dy.flags.c_contiguous:
        return NotImplemented
    E = dy.shape[-1]
    total, words, dy = np.empty((V, E), f4), words.reshape(-1).astype(np.int64), dy.reshape(-1, E)
    if words.size and not (words.min() >= -V and words.max() < V):
        return NotImplemented  # the plain function says what is wrong
    words %= V  # a negative word counts from the end
    bounds = np.linspace(0, V, thread_count() + 1).astype(int)
    run_blocks(lambda begin, end: _sum(total, words, dy, begin, end), itertools.pairwise(bounds))
    return total


@kernel
def _sum(total, words, dy, begin, end):
    for w in range(begin, end):
        row = total[w]
        for e in range(row.size):
            row[e] = ZERO
    for m in range(words.size):
        if begin <= words[m] < end:
            row, d = total[words[m]], dy[m]
            for e in range(row.size):
                row[e] += d[e]
