"""Max pooling on the CPU: a few rows of windows at a time, on all cores.

Only windows that do not overlap and lie inside the image, as in nearly every network: then each pixel is in one window
at most, and rows of windows are independent. Other poolings are left to the plain function.
"""

import numpy as np

from ..conv import output_size
from ..pooling import _taps
from .threads import image_blocks, run_blocks, scratch

BLOCK = 1 << 15  # elements of y


def max_pool2d(x, K, S, P=0):
    if K != S or P or x.dtype != np.float32:
        return NotImplemented
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    y = np.empty((N, OH, OW, C), x.dtype)

    def block(images, rows):
        out = y[images, rows]
        first, *others = _taps(x[images, K * rows.start:], K, S, out.shape[1], OW)
        if not others:
            out[...] = first
        for tap in others:
            np.maximum(first, tap, out=out)
            first = out

    run_blocks(block, image_blocks(N, OH, OW * C, BLOCK))
    return y


def max_pool2d_backward(dy, x, y, K, S, P=0):
    if K != S or P or x.dtype != np.float32:
        return NotImplemented
    N, OH, OW, C = dy.shape
    covered = x.shape[1:3] == (K * OH, K * OW)
    dx = np.empty(x.shape, dy.dtype) if covered else np.zeros(x.shape, dy.dtype)  # pixels at the edge in no window

    def block(images, rows):
        largest, d = y[images, rows], dy[images, rows]
        taps, dtaps = (_taps(a[images, K * rows.start:], K, S, d.shape[1], OW) for a in (x, dx))
        found, waiting = (scratch().empty(name, d.shape, bool) for name in ("found", "waiting"))
        waiting[...] = True
        for tap, dtap in zip(taps, dtaps, strict=True):
            np.equal(tap, largest, out=found)
            found &= waiting
            waiting ^= found
            np.multiply(d, found, out=dtap)

    run_blocks(block, image_blocks(N, OH, OW * C, BLOCK))
    return dx
