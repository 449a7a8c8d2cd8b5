"""Common parts of the lessons on windows over a picture (7 to 10, 15 and 24): examples, gradients, and known mistakes.

Where a function is passed as an argument, its last input is the padding P.
"""

import numpy as np

from .. import conv
from . import catalogue as known
from .exercises import slopes
from .recurring import floats


def picture(*rows):
    """One picture with one channel, (1, H, W, 1)."""
    return np.array(rows, np.float64)[None, :, :, None]


def kernel(*rows):
    """One kernel for one channel, (K, K, 1, 1)."""
    return np.array(rows, np.float64)[:, :, None, None]


NONE = 0, 0
EDGE = picture([1, 1, 5, 5], [1, 1, 5, 5], [1, 1, 5, 5], [1, 1, 1, 1]), kernel(*[[-1, 0, 1]] * 3), np.array([1.0]), 1, 0
EDGE_OUTPUT = picture([13, 13], [9, 9])
BACKWARD = picture([1, 10]), picture([1, 2, 3], [4, 5, 6]), kernel([10, 20], [30, 40]), 1, 0
BACKWARD_OUTPUT = picture([10, 120, 200], [30, 340, 400]), kernel([21, 32], [54, 65]), *floats([11])


def loss(dy, x, W, S, P, b=0.0):
    return float((conv.conv2d.plain(x, W, b, S, P) * dy).sum())


def gradients(dy, x, W, S, P):
    """dx, dW and db as slopes."""
    b = np.zeros(W.shape[-1])
    return tuple(slopes(loss, (dy, x, W, S, P, b), i) for i in (1, 2, 5))


def as_many(right, y):
    """The windows of y that there should be."""
    return y[:, :right.shape[1], :right.shape[2]]


def inside(dx, right, P):
    """dx without the padding."""
    return dx[:, P:P + right.shape[1], P:P + right.shape[2]]


def cropped(padded, **how):
    """A mistake in the result of padded(*inputs, **how), which is dx with padding."""
    return lambda right, *inputs: inside(padded(*inputs, **how), right, inputs[-1])


# ------------------------------------------------------------------------------------------------------------ mistakes

def framed(padded):
    """Mistakes with the padding of padded(*inputs)."""
    return [("dx still has its frame", known.frame(), padded),
            ("cut off by -0", known.minus_zero(), lambda right, P: right[:, :0, :0] if P == 0 else None),
            ("dx is cut out of the corner", known.corner(), lambda right, *inputs: as_many(right, padded(*inputs)))]


FORWARD = [
    ("the kernel is turned round", known.turned(), lambda x, W, b, S, P: conv.conv2d(x, W[::-1, ::-1], b, S, P)),
    ("the kernel is transposed", known.kernel_transposed(),
     lambda x, W, b, S, P: conv.conv2d(x, W.transpose(1, 0, 2, 3), b, S, P)),
    ("no padding", known.no_padding(), lambda x, W, b, S: conv.conv2d(x, W, b, S, 0)),
]
ORDER = ("the gradients in another order", known.swapped("dx", "dW", "dx, dW, db"),
         lambda *inputs: gradients(*inputs)[1])
NO_FRAME_IN_DW = (
    "dW sees no frame", "dW is made of x without the frame above and on the left. Its windows are those of the padded "
    "picture: pad x first.",
    lambda dy, x, W, S, P: gradients(dy, np.pad(x, (NONE, (0, 2 * P), (0, 2 * P), NONE)), W, S, 0)[1])
OF_KERNEL = [
    ("dW is a mean over the windows", known.mean("dW", "the windows of all pictures"),
     lambda right, dy: right / dy[..., 0].size),
    ("dW is transposed", "Rows and columns of dW are swapped: dW[kh, kw] belongs to the pixels kh below and kw to the "
     "right.", lambda right: right.swapaxes(0, 1)),
    ("dW is turned round", known.reversed_gradient(), lambda right: right[::-1, ::-1]),
]
OF_BIAS = [
    ("db is one number", known.one_number("db", "Each kernel has a bias of its own", "axis=(0, 1, 2)"),
     lambda dy: dy.sum()),
    ("db summed over pictures only", known.partly_summed("db", "the pictures", "every pixel", "axis=(0, 1, 2)"),
     lambda dy: dy.sum(axis=0)),
    ("db summed over places only", known.partly_summed("db", "rows and columns", "every picture", "axis=(0, 1, 2)"),
     lambda dy: dy.sum(axis=(1, 2))),
    ("db has axes too many", "The sums are right, but db is (1, 1, 1, F): leave keepdims out.",
     lambda right: right[None, None, None]),
    ("db is a mean", known.mean("db", "pictures and pixels"), lambda dy: dy.mean(axis=(0, 1, 2))),
]
