"""Convolution on a GPU: which algorithm for which shape, and im2col in chunks for what Winograd cannot do.

Products of windows go to cuBLAS as plain matrix products, on tensor cores where TF32 is asked for (MINICAP_TF32=1, see
:func:`minicap.backend.get_device`). Winograd's transforms would amplify TF32's rounding of 1e-3, and are not needed
then: a quarter of the multiplications is what tensor cores save several times over.
"""

from ..backend import array_module, tf32
from ..conv import output_size
from .kernels import blocks_for, fits, launch
from .winograd import winograd_conv, winograd_kernel_gradient

WINOGRAD_MIN_CHANNELS = 32  # as on the CPU; not measured on a GPU
BUFFER_BYTES = 256 << 20    # of windows at a time


def algorithm(W, S, P):
    """"winograd", "im2col" or "plain" for a kernel W (K, K, C, F) with stride S and padding P."""
    K, K, C, F = W.shape
    if K == 1 or P >= K:
        return "plain"  # K = 1 is one matrix product already; with P >= K some windows see nothing but padding
    return "winograd" if (K, S, P) == (3, 1, 1) and min(C, F) >= WINOGRAD_MIN_CHANNELS and not tf32() else "im2col"


def conv2d(x, W, b, S=1, P=0):
    way = algorithm(W, S, P) if fits(x, W, b) and x.size else "plain"
    if way == "plain":
        return NotImplemented
    xp = array_module(x, W, b)
    x, W = xp.ascontiguousarray(x), xp.ascontiguousarray(W)
    return winograd_conv(x, W, b) if way == "winograd" else im2col_conv(x, W, b, S, P)


def conv2d_backward(dy, x, W, S=1, P=0, input_gradient=True):
    way = algorithm(W, S, P) if fits(dy, x, W) and x.size else "plain"
    if way == "plain":
        return NotImplemented
    K, K, C, F = W.shape
    xp = array_module(dy, x, W)
    dy, x = xp.ascontiguousarray(dy), xp.ascontiguousarray(x)
    db = dy.reshape(-1, F).sum(axis=0)
    dW = winograd_kernel_gradient(x, dy) if way == "winograd" else im2col_kernel_gradient(dy, x, K, S, P)
    if not input_gradient:
        return None, dW, db
    if S > 1:
        return im2col_input_gradient(dy, x.shape, W, S, P), dW, db
    # Every pixel of x collects from the outputs around it: a convolution of dy with the kernel turned around.
    turned = xp.ascontiguousarray(W[::-1, ::-1].transpose(0, 1, 3, 2))
    dx = winograd_conv(dy, turned) if way == "winograd" else im2col_conv(dy, turned, None, 1, K - 1 - P)
    return dx, dW, db


def im2col_conv(x, W, b, S, P):
    """y = columns @ W + b; b may be None."""
    xp = array_module(x, W)
    K, K, C, F = W.shape
    N, OH, OW = len(x), *(output_size(n, K, S, P) for n in x.shape[1:3])
    y = xp.empty((N * OH * OW, F), dtype=xp.float32)
    for first, count in _chunks(N * OH * OW, K * K * C):
        xp.matmul(_columns(x, first, count, K, S, P), W.reshape(K * K * C, F), out=y[first:first + count])
    if b is not None:
        y += b
    return y.reshape(N, OH, OW, F)


def im2col_kernel_gradient(dy, x, K, S, P):
    """dW: (K, K, C, F), the windows of x times the gradients of what they made."""
    C, F = x.shape[3], dy.shape[3]
    dy = dy.reshape(-1, F)
    dW = None
    for first, count in _chunks(len(dy), K * K * C):
        product = _columns(x, first, count, K, S, P).T @ dy[first:first + count]
        dW = product if dW is None else dW + product
    return dW.reshape(K, K, C, F)


def im2col_input_gradient(dy, shape, W, S, P):
    """dx: every pixel collects from the windows that saw it; whole images at a time, one at least."""
    xp = array_module(dy, W)
    N, H, Wd, C = shape
    N, OH, OW, F = dy.shape
    K = len(W)
    dx = xp.empty(shape, dtype=xp.float32)
    for first, count in _chunks(N, OH * OW * K * K * C):
        images = slice(first, first + count)
        dcolumns = dy[images].reshape(-1, F) @ W.reshape(K * K * C, F).T
        launch("im2col", "pixels", *blocks_for(dx[images].size), dcolumns, dx[images], dx[images].size, H, Wd, C, OH,
               OW, K, S, P)
    return dx


def _columns(x, first, count, K, S, P):
    """(count, K·K·C): the windows number ``first`` to ``first + count - 1``."""
    xp = array_module(x)
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    columns = xp.empty((count, K * K * C), dtype=xp.float32)
    launch("im2col", "windows", *blocks_for(columns.size), x, columns, first, count, H, W, C, OH, OW, K, S, P)
    return columns


def _chunks(total, size):
    """(first, count) of pieces of ``total`` things of ``size`` numbers each; a piece fits BUFFER_BYTES, if it can."""
    step = max(1, BUFFER_BYTES // (4 * size))
    return [(first, min(step, total - first)) for first in range(0, total, step)]
