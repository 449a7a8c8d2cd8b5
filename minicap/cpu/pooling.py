"""Max pooling on the CPU: a few rows of windows at a time, on all cores.

Only for windows that do not overlap and lie inside the image, as in nearly every network: each pixel is then in at most
one window, and rows of windows are independent. Other kinds of pooling are left to the plain function.
"""

import numpy as np

from ..backend import op
from ..conv import output_size
from ..pooling import _taps
from .threads import image_blocks, run_blocks, scratch

BLOCK = 1 << 17  # elements of y


def max_pool2d(x, K, S, P=0):
    if K != S or P or x.dtype != np.float32:
        return NotImplemented
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x, y = np.ascontiguousarray(x), np.empty((N, OH, OW, C), x.dtype)

    def block(images, rows):
        largest_of_windows(x[images], K, rows.start, rows.stop, y[images])

    run_blocks(block, image_blocks(N, OH, OW * C, BLOCK))
    return y


def max_pool2d_backward(dy, x, y, K, S, P=0):
    if K != S or P or x.dtype != np.float32:
        return NotImplemented
    N, OH, OW, C = dy.shape
    covered = x.shape[1:3] == (K * OH, K * OW)
    dx = np.empty(x.shape, dy.dtype) if covered else np.zeros(x.shape, dy.dtype)  # edge pixels may be in no window
    dy, x, y = map(np.ascontiguousarray, (dy, x, y))

    def block(images, rows):
        scatter_to_maximum(dy[images], x[images], y[images], K, rows.start, rows.stop, dx[images])

    run_blocks(block, image_blocks(N, OH, OW * C, BLOCK))
    return dx


@op
def largest_of_windows(x, K, begin, end, y):
    """Rows ``begin`` to ``end`` of y (N, OH, OW, C): the maximum of each K x K window of x."""
    y = y[:, begin:end]
    first, *others = _taps(x[:, K * begin:], K, K, *y.shape[1:3])
    if not others:
        y[...] = first
    for tap in others:
        np.maximum(first, tap, out=y)
        first = y


@op
def scatter_to_maximum(dy, x, y, K, begin, end, dx):
    """dx = dy at the first pixel of each window that equals its maximum y, and 0 at the others. Rows as above."""
    dy, y = dy[:, begin:end], y[:, begin:end]
    found, waiting = (scratch().empty(name, dy.shape, bool) for name in ("found", "waiting"))
    waiting[...] = True
    for tap, dtap in zip(*(_taps(a[:, K * begin:], K, K, *dy.shape[1:3]) for a in (x, dx)), strict=True):
        np.equal(tap, y, out=found)
        found &= waiting
        waiting ^= found
        np.multiply(dy, found, out=dtap)
