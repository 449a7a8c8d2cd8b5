"""Max pooling on a GPU, one launch forward and one backward: pooling.cu."""

from ..backend import array_module
from ..conv import output_size
from .kernels import blocks_for, fits, launch


def max_pool2d(x, K, S, P=0):
    if not fits(x):
        return NotImplemented
    xp = array_module(x)
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    y = xp.empty((N, OH, OW, C), dtype=xp.float32)
    launch("pooling", "max_pool", *blocks_for(y.size), xp.ascontiguousarray(x), y, y.size, H, W, C, OH, OW, K, S, P)
    return y


def max_pool2d_backward(dy, x, y, K, S, P=0):
    if not fits(dy, x, y):
        return NotImplemented
    xp = array_module(dy, x, y)
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    dx = xp.empty(x.shape, dtype=xp.float32)
    dy, x, y = (xp.ascontiguousarray(a) for a in (dy, x, y))
    launch("pooling", "max_pool_backward", *blocks_for(x.size), dy, x, y, dx, x.size, H, W, C, OH, OW, K, S, P)
    return dx
