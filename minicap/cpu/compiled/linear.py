"""Sums over segments: every core clears its own rows of the result and adds up what belongs there."""

import itertools

import numpy as np

from ..threads import run_blocks, thread_count
from .arithmetic import f4, kernel

ZERO = f4(0)


def segment_sum(x, segments, count):
    if x.dtype != f4 or not x.flags.c_contiguous:
        return NotImplemented
    E = x.shape[-1]
    total, segments, x = np.empty((count, E), f4), segments.reshape(-1).astype(np.int64), x.reshape(-1, E)
    if segments.size and not (segments.min() >= -count and segments.max() < count):
        return NotImplemented  # the plain function raises the error
    segments %= count  # a negative number counts from the end
    bounds = np.linspace(0, count, thread_count() + 1).astype(int)
    run_blocks(lambda begin, end: _sum(total, segments, x, begin, end), itertools.pairwise(bounds))
    return total


@kernel
def _sum(total, segments, x, begin, end):
    for s in range(begin, end):
        row = total[s]
        for e in range(row.size):
            row[e] = ZERO
    for m in range(segments.size):
        if begin <= segments[m] < end:
            row, addend = total[segments[m]], x[m]
            for e in range(row.size):
                row[e] += addend[e]
