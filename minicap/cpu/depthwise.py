"""Depthwise convolution on the CPU: some rows of some images at a time, on all cores.

There is no matrix product in it, and little to compute for each number read, so what counts is the cache. A strip of x,
with its padding, is copied to where it stays for all K² products; beyond the copy no window has an edge to look for.
"""

import numpy as np

from ..backend import op
from ..conv import padding_of
from ..depthwise import output_sizes
from ..pooling import _taps
from .activations import NOTHING, add_and_limit
from .strips import strip, window_strip
from .threads import image_blocks, run_blocks, scratch

BLOCK = 1 << 18  # elements of y: a megabyte


def _fits(*arrays):
    return all(a.dtype == np.float32 and a.size for a in arrays)


def depthwise_conv2d(x, W, b, S, padding):
    return limited_depthwise(x, W, b, S, padding) if _fits(x, W, b) else NotImplemented


def limited_depthwise(x, W, b, S, padding, limits=NOTHING, empty=np.empty):
    """The convolution with an activation behind it, given as in activations.py."""
    padding = padding_of(padding, *x.shape[1:3], len(W), S)
    OH, OW = output_sizes(x, len(W), S, padding)
    y = empty((len(x), OH, OW, x.shape[3]), np.float32)
    W, b = np.ascontiguousarray(W), np.ascontiguousarray(b)

    def block(images, rows):
        filter_strip(window_strip(x[images], rows, OW, len(W), S, padding), W, b, S, limits, y[images, rows])

    run_blocks(block, image_blocks(len(x), OH, OW * x.shape[3], BLOCK))
    return y


def depthwise_conv2d_backward(dy, x, W, S, padding):
    if not _fits(dy, x, W):
        return NotImplemented
    N, OH, OW, C = dy.shape
    dy, K, sums = np.ascontiguousarray(dy), len(W), {}

    def block(images, rows):
        d = dy[images, rows]
        sums[images.start, rows.start] = (
            kernel_gradient_of_strip(d, window_strip(x[images], rows, OW, K, S, padding), K, S),
            np.ones(d.size // C, np.float32) @ d.reshape(-1, C))

    run_blocks(block, image_blocks(N, OH, OW * C, BLOCK))
    blocks = zip(*(sums[key] for key in sorted(sums)), strict=True)  # in this order, whichever core finished first
    dW, db = (np.sum(part, axis=0, dtype=np.float64).astype(np.float32) for part in blocks)
    return _input_gradient(dy, x.shape, W, S, padding), dW, db


def _input_gradient(dy, shape, W, S, padding):
    """Every pixel of x gets a gradient from the outputs around it: a convolution of dy with the kernel turned.

    With S > 1 between two outputs are S - 1 pixels where none begins: zeros.
    """
    N, H, Wd, C = shape
    K, ((top, _), (left, _)) = len(W), padding
    dx, turned, zero = np.empty(shape, np.float32), np.ascontiguousarray(W[::-1, ::-1]), np.zeros(C, np.float32)

    def block(images, rows):
        height = rows.stop - rows.start + K - 1
        around = strip(dy[images], rows.start + top - K + 1, height, left - K + 1, Wd + K - 1, S)
        filter_strip(around, turned, zero, 1, NOTHING, dx[images, rows])

    run_blocks(block, image_blocks(N, H, Wd * C, BLOCK))
    return dx


# --- The work on a strip (n, height, width, C), which all windows lie inside of ------------------------------------

@op
def filter_strip(x, W, b, S, limits, y):
    """The rows y (n, rows, OW, C) of the convolution of the strip x, with the activation ``limits``."""
    first, *others = zip(_taps(x, len(W), S, *y.shape[1:3]), W.reshape(-1, W.shape[2]), strict=True)
    np.multiply(*first, out=y)
    for tap, w in others:
        y += _product(tap, w)
    add_and_limit(y, b, limits)


@op
def kernel_gradient_of_strip(dy, x, K, S):
    """The part of dW (K, K, C) that comes from the outputs dy (n, rows, OW, C) of the strip x."""
    C = x.shape[3]
    ones = np.ones(dy.size // C, np.float32)
    return np.stack([ones @ _product(dy, tap).reshape(-1, C) for tap in _taps(x, K, S, *dy.shape[1:3])]
                    ).reshape(K, K, C)


def _product(a, b):
    return np.multiply(a, b, out=scratch().empty("product", a.shape))
