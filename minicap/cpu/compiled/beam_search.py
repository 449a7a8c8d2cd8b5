"""The k most probable of many words, in one pass over their probabilities."""

import numpy as np

from ..threads import run_blocks, thread_count
from .arithmetic import f4, kernel

IMPOSSIBLE = f4(-np.inf)


def most_probable(log_p, k, forbid):
    if log_p.dtype != f4 or not log_p.flags.c_contiguous or k > log_p.shape[1]:
        return NotImplemented
    words, forbidden = np.empty((len(log_p), k), np.int64), np.zeros(log_p.shape[1], np.bool_)
    forbidden[list(forbid)] = True
    step = max(1, -(-len(log_p) // thread_count()))
    run_blocks(lambda rows: _most_probable(log_p[rows], forbidden, words[rows]),
               [(slice(begin, begin + step),) for begin in range(0, len(log_p), step)])
    return words


@kernel
def _most_probable(log_p, forbidden, words):
    """Fills ``words`` (rows, k) with the k best so far; a better word replaces the worst. Of ties the leftmost stay."""
    k = words.shape[1]
    best = np.empty(k, np.float32)
    for n in range(len(log_p)):
        chosen = words[n]
        worst = 0
        for word in range(len(forbidden)):
            p = IMPOSSIBLE if forbidden[word] else log_p[n, word]
            if word < k:
                best[word], chosen[word] = p, word
            elif p > best[worst]:
                best[worst], chosen[worst] = p, word
            else:
                continue
            if word >= k - 1:
                worst = 0
                for i in range(1, k):
                    if best[i] < best[worst] or (best[i] == best[worst] and chosen[i] > chosen[worst]):
                        worst = i
        chosen.sort()
