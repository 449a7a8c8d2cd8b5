"""Batch normalisation on the CPU, in one pass for the moments and one for the result.

Sums over pixels are products with a vector of ones, which BLAS computes at the speed of memory, whereas NumPy's own sum
over the leading axes adds C numbers at a time. For the same reason, pointwise passes repeat the C channels until a row
has a few hundred numbers.
"""

import numpy as np

from ..backend import op
from .threads import run_blocks, scratch

BLOCK = 1 << 18  # elements
ROW = 512        # the least number of elements in a row of a pointwise pass


def channel_moments(x):
    """Σ (x - s) and Σ (x - s)² in one pass, where s is the mean of a few pixels, which avoids cancellation."""
    if x.dtype != np.float32 or not x.flags.c_contiguous or x.size == 0:
        return NotImplemented
    C = x.shape[-1]
    pixels = x.reshape(-1, C)
    shift = pixels[:64].mean(axis=0)
    rows, repeat = _rows(pixels)
    shifts, sums = np.tile(shift, repeat), {}

    def block(part):
        sums[part.start] = sums_of_powers(rows[part], shifts)

    run_blocks(block, _blocks(rows))
    first, second = (total / len(pixels) for total in _add(sums, C))
    return (shift + first).astype(np.float32), (second - first * first).astype(np.float32)


def batch_norm(x, gamma, beta, mean, scale):
    if x.dtype != np.float32 or not x.flags.c_contiguous:
        return NotImplemented
    y = np.empty_like(x)
    rows, repeat = _rows(x.reshape(-1, x.shape[-1]))
    out = y.reshape(rows.shape)
    factor = gamma * scale
    factors, shifts = (np.tile(v.astype(np.float32), repeat) for v in (factor, beta - mean * factor))

    def block(part):
        scale_and_shift(rows[part], factors, shifts, out[part])

    run_blocks(block, _blocks(rows))
    return y


def batch_norm_backward(dy, x, gamma, mean, scale, frozen=False):
    if x.dtype != np.float32 or dy.dtype != np.float32 or not (x.flags.c_contiguous and dy.flags.c_contiguous):
        return NotImplemented
    C = x.shape[-1]
    rows, repeat = _rows(x.reshape(-1, C))
    drows, means, sums = dy.reshape(rows.shape), np.tile(mean, repeat), {}

    def add_up(part):
        sums[part.start] = sums_of_gradients(drows[part], rows[part], means)

    run_blocks(add_up, _blocks(rows))
    dbeta, dgamma = (total.astype(np.float32) for total in _add(sums, C))
    dgamma *= scale
    # dx = γ scale (dy - dβ/M - x̂ dγ/M) = a dy + b x + c, three numbers a channel
    a = gamma * scale
    M = 1 if frozen else x.size // C
    b = np.zeros_like(a) if frozen else -a * scale * dgamma / M
    c = np.zeros_like(a) if frozen else -a * dbeta / M - b * mean
    a, b, c = (np.tile(v.astype(np.float32), repeat) for v in (a, b, c))
    dx = np.empty_like(x)
    out = dx.reshape(rows.shape)

    def block(part):
        combine(drows[part], rows[part], a, b, c, out[part])

    run_blocks(block, _blocks(rows))
    return dx, dgamma, dbeta


# The four passes over a block (rows, R) that is in the cache, with R numbers for its channels.

@op
def sums_of_powers(x, shift):
    """Σ (x - s) and Σ (x - s)² of each column: (R,), (R,)."""
    d = np.subtract(x, shift, out=scratch().empty("d", x.shape))
    ones = np.ones(len(d), np.float32)
    return ones @ d, ones @ np.multiply(d, d, out=d)


@op
def scale_and_shift(x, factor, shift, y):
    """y = x · factor + shift"""
    np.multiply(x, factor, out=y)
    y += shift


@op
def sums_of_gradients(dy, x, mean):
    """Σ dy and Σ dy (x - μ) of each column: (R,), (R,)."""
    d = np.subtract(x, mean, out=scratch().empty("d", x.shape))
    ones = np.ones(len(d), np.float32)
    return ones @ dy, ones @ np.multiply(d, dy, out=d)


@op
def combine(dy, x, a, b, c, dx):
    """dx = a dy + b x + c"""
    np.multiply(dy, a, out=dx)
    dx += np.multiply(x, b, out=scratch().empty("d", x.shape))
    dx += c


def _add(sums, C):
    """The two sums of each block, added in the order of the blocks: (C,), (C,) float64."""
    blocks = [sums[start] for start in sorted(sums)]  # whichever core finished first
    return (np.sum(part, axis=0, dtype=np.float64).reshape(-1, C).sum(axis=0) for part in zip(*blocks, strict=True))


def _rows(pixels):
    """(pixels, C) reshaped to fewer and longer rows of ``repeat`` pixels each: (rows, repeat)."""
    M, C = pixels.shape
    repeat = 1
    while repeat * C < ROW and M % (2 * repeat) == 0:
        repeat *= 2
    return pixels.reshape(M // repeat, repeat * C), repeat


def _blocks(rows):
    step = max(1, BLOCK // rows.shape[1])
    return [(slice(begin, begin + step),) for begin in range(0, len(rows), step)]
