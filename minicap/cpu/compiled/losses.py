"""The exponentials of a softmax and their sum, in one pass."""

import numpy as np

from .arithmetic import LOWEST, exp, f4, summing_kernel

ZERO = f4(0)


@summing_kernel
def exponentials(logits, highest, p):
    M, V = logits.shape
    totals = np.empty(M, np.float32)
    for m in range(M):
        row, out, most, total = logits[m], p[m], highest[m], ZERO
        for v in range(V):
            d = row[v] - most
            e = ZERO if d < LOWEST else exp(d)  # below, exp clips its argument
            out[v] = e
            total += e
        totals[m] = total
    return totals
