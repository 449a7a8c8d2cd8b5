"""ReLU and ReLU6 on the CPU: with the bias, on what a block has just computed; and their gradients, on all cores.

An activation is the two numbers between which it leaves its input as it is: 0 and infinity for ReLU, 0 and 6 for ReLU6.
For the gradients NumPy alone would first write the mask to memory.
"""

import numpy as np

from ..backend import op, pointwise
from .strips import clear_around

RELU, RELU6, NOTHING = (0, np.inf), (0, 6), (-np.inf, np.inf)


@op
def add_and_limit(y, b, limits):
    """y += b, and no number below the first of ``limits`` or above the second. y: (..., F), b: (F,)."""
    y += b
    if limits != NOTHING:
        np.clip(y, *limits, out=y)


@op
def add_and_limit_into(x, b, limits, out, top, left):
    """The same for images x (n, H, W, F), from row ``top`` and column ``left`` of larger ones on; zeros around them."""
    n, H, W, F = x.shape
    rows, columns = slice(top, top + H), slice(left, left + W)
    clear_around(out, rows, columns)
    np.add(x, b, out=out[:, rows, columns])
    if limits != NOTHING:
        np.clip(out[:, rows, columns], *limits, out=out[:, rows, columns])


def relu_backward(dy, y):
    return _masked(dy, y, mask)


def relu6_backward(dy, y):
    return _masked(dy, y, mask6)


def _masked(dy, y, change):
    if dy.dtype != np.float32 or y.dtype != np.float32 or not (dy.flags.c_contiguous and y.flags.c_contiguous):
        return NotImplemented
    dx = np.empty_like(dy)
    pointwise(dx, dy, y, change=change)
    return dx


@op
def mask(dx, dy, y):
    """dx = dy where y > 0, else 0."""
    np.multiply(dy, y > 0, out=dx)


@op
def mask6(dx, dy, y):
    """dx = dy where 0 < y < 6, else 0."""
    np.multiply(dy, (y > 0) & (y < 6), out=dx)
