"""Depthwise convolution on a GPU, one launch for each result: depthwise.cu."""

from ..backend import array_module
from ..depthwise import output_sizes
from .kernels import THREADS, blocks_for, fits, launch

MOST_SLABS = 64    # of outputs, each a block for every 32 channels and pixel of the window
FEWEST_ROWS = 256  # outputs in a slab


def depthwise_conv2d(x, W, b, S, padding):
    if not (fits(x, W, b) and x.size):
        return NotImplemented
    xp = array_module(x, W, b)
    (top, _), (left, _) = padding
    N, H, Wd, C = x.shape
    OH, OW = output_sizes(x, len(W), S, padding)
    y = xp.empty((N, OH, OW, C), dtype=xp.float32)
    x, W, b = (xp.ascontiguousarray(a) for a in (x, W, b))
    launch("depthwise", "depthwise", *blocks_for(y.size), x, W, b, y, y.size, H, Wd, C, OH, OW, len(W), S, top, left)
    return y


def depthwise_conv2d_backward(dy, x, W, S, padding):
    if not (fits(dy, x, W) and x.size and dy.size):
        return NotImplemented
    xp = array_module(dy, x, W)
    (top, _), (left, _) = padding
    N, H, Wd, C = x.shape
    N, OH, OW, C = dy.shape
    K, sizes = len(W), (H, Wd, C, OH, OW, len(W), S, top, left)
    dy, x, W = (xp.ascontiguousarray(a) for a in (dy, x, W))
    dx = xp.empty(x.shape, dtype=xp.float32)
    launch("depthwise", "input_gradient", *blocks_for(x.size), dy, W, dx, x.size, *sizes)
    rows = N * OH * OW
    slab = max(FEWEST_ROWS, -(-rows // MOST_SLABS))
    partial = xp.empty((-(-rows // slab), K, K, C), dtype=xp.float32)
    launch("depthwise", "kernel_gradient", (-(-C // 32), len(partial) * K * K), THREADS, dy, x, partial, rows, slab,
           *sizes)
    return dx, partial.sum(axis=0), dy.reshape(-1, C).sum(axis=0)
