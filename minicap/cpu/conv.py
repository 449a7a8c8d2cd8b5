"""Convolution on the CPU: the algorithm for each shape, and im2col in blocks for what Winograd does not cover."""

import numpy as np

from ..conv import padding_of
from ..depthwise import output_sizes
from ..pooling import max_pool2d
from .activations import NOTHING, add_and_limit
from .strips import window_strip
from .threads import Accumulator, image_blocks, run_blocks, scratch, thread_count
from .winograd import transform_kernel, winograd_conv, winograd_kernel_gradient

WINOGRAD_MIN_CHANNELS = 16  # with fewer, the transforms cost more than they save
WINOGRAD_MIN_PIXELS = 1024   # of all images, if the kernel was not transformed in advance
BLOCK_BYTES = 1 << 20       # of windows at a time
PIXELS = 256                # at a time, of a 1 x 1 convolution: enough for BLAS, and few enough for the cache


def algorithm(W, S, P):
    """"winograd", "im2col", "1x1" or "plain" for a kernel W (K, K, C, F), stride S, and P, the padding of a layer."""
    K, K, C, F = W.shape
    if K == 1:
        return "1x1" if S == 1 and P in (0, "same") else "plain"
    if P != "same" and np.max(P) >= K:
        return "plain"  # some windows contain only padding
    return "winograd" if (K, S) == (3, 1) and P in (1, "same") and min(C, F) >= WINOGRAD_MIN_CHANNELS else "im2col"


def _algorithm_for(W, S, P, *arrays):
    """:func:`algorithm`, or "plain" unless the kernel and all ``arrays`` are float32."""
    return algorithm(W, S, P) if all(a.dtype == np.float32 for a in (W, *arrays)) else "plain"


def conv2d(x, W, b, S=1, P=0):
    method = _algorithm_for(W, S, P, x)
    if method == "plain":
        return NotImplemented
    if method == "winograd":
        return winograd_conv(x, transform_kernel(W), b)
    return conv_1x1(x, W, b) if method == "1x1" else im2col_conv(x, W, b, S, P)


def conv2d_backward(dy, x, W, S=1, P=0, input_gradient=True):
    method = _algorithm_for(W, S, P, x, dy)
    if method == "plain":
        return NotImplemented
    if method == "1x1":
        return _conv_1x1_backward(dy, x, W, input_gradient)
    K, K, C, F = W.shape
    dW, db = winograd_kernel_gradient(x, dy) if method == "winograd" else im2col_kernel_gradient(dy, x, K, S, P)
    if not input_gradient:
        return None, dW, db
    if S > 1:
        return im2col_input_gradient(dy, x.shape, W, S, P), dW, db
    # Every pixel of x gets a gradient from the outputs around it: a convolution of dy with the kernel rotated by 180°.
    rotated = np.ascontiguousarray(W[::-1, ::-1].transpose(0, 1, 3, 2))
    return conv2d(dy, rotated, np.zeros(C, np.float32), 1, K - 1 - P), dW, db


def conv_1x1(x, W, b, limits=NOTHING, empty=np.empty):
    """A product of every pixel with the matrix W[0, 0], bias and activation while a block is in the cache."""
    (N, H, Wd, C), F = x.shape, len(b)
    y = empty((N, H, Wd, F), np.float32)
    pixels, out = x.reshape(-1, C), y.reshape(-1, F)

    step = max(1, min(PIXELS, -(-len(out) // thread_count())))

    def block(begin):
        part = slice(begin, begin + step)
        np.matmul(pixels[part], W[0, 0], out=out[part])
        add_and_limit(out[part], b, limits)

    run_blocks(block, [(begin,) for begin in range(0, len(out), step)])
    return y


def _conv_1x1_backward(dy, x, W, input_gradient):
    """The gradients of a Linear layer, for each pixel."""
    C, F = W.shape[2:]
    x2, dy2 = x.reshape(-1, C), dy.reshape(-1, F)
    dx = (dy2 @ W[0, 0].T).reshape(x.shape) if input_gradient else None
    return dx, (x2.T @ dy2).reshape(W.shape), np.ones(len(dy2), np.float32) @ dy2


def conv_once(x, W, b, limits=NOTHING, pool=False, empty=np.empty):
    """:func:`.winograd_conv` with a kernel W (3, 3, C, F) that is used only this time, and so is not prepared.

    Transformed, it is four times as large: for a map of few pixels, writing it takes longer than it saves.
    """
    if x.size // x.shape[-1] >= WINOGRAD_MIN_PIXELS:
        return winograd_conv(x, transform_kernel(W), b, limits, pool, empty)
    if pool:
        return max_pool2d(im2col_conv(x, W, b, 1, 1, limits), 2, 2)
    return im2col_conv(x, W, b, 1, 1, limits, empty)


def im2col_conv(x, W, b, S, P, limits=NOTHING, empty=np.empty):
    """Convolution as matrix products, on the windows of a few rows at a time, which never leave the cache.

    P may also be ((top, bottom), (left, right)) or "same".
    """
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_sizes(x, K, S, padding_of(P, H, Wd, K, S))
    y = empty((N, OH, OW, F), np.float32)
    W = W.reshape(K * K * C, F)

    def block(images, rows):
        columns = _columns(x[images], K, S, P, rows)
        out = y[images, rows].reshape(-1, F)  # a view, because a block of several images has all of their rows
        np.matmul(columns, W, out=out)
        add_and_limit(out, b, limits)

    run_blocks(block, image_blocks(N, OH, 4 * OW * K * K * C, BLOCK_BYTES))
    return y


def im2col_kernel_gradient(dy, x, K, S, P):
    """dW (K, K, C, F), the windows of x times the gradients of their outputs, and db (F,), the sum of the latter."""
    N, OH, OW, F = dy.shape
    C = x.shape[3]
    dW, db = Accumulator(), Accumulator()

    def block(images, rows):
        d = dy[images, rows].reshape(-1, F)
        dW.matmul(_columns(x[images], K, S, P, rows).T, d)
        db.matmul(np.ones(len(d), np.float32), d)

    run_blocks(block, image_blocks(N, OH, 4 * OW * K * K * C, BLOCK_BYTES))
    return dW.total().reshape(K, K, C, F), db.total()


def im2col_input_gradient(dy, shape, W, S, P):
    """dx: every window's gradient is added to the pixels it covers; one image per task, because its windows overlap."""
    N, H, Wd, C = shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    dx = np.empty(shape, np.float32)
    WT = W.reshape(K * K * C, F).T

    def block(n):
        padded = scratch().empty("padded", (H + 2 * P, Wd + 2 * P, C))
        padded[...] = 0
        for _, rows in image_blocks(1, OH, 4 * OW * K * K * C, BLOCK_BYTES):
            d = dy[n, rows].reshape(-1, F)
            dcolumns = np.matmul(d, WT, out=scratch().empty("columns", (len(d), K * K * C)))
            dcolumns = dcolumns.reshape(-1, OW, K, K, C)
            for kh in range(K):
                covered = padded[S * rows.start + kh:S * rows.stop + kh:S]
                for kw in range(K):
                    covered[:, kw:kw + S * OW:S] += dcolumns[:, :, kh, kw]
        dx[n] = padded[P:P + H, P:P + Wd]

    run_blocks(block, [(n,) for n in range(N)])
    return dx


def _columns(x, K, S, P, rows):
    """(n·rows·OW, K·K·C): the windows of some output rows (a slice) of the images x (n, H, W, C)."""
    n, H, W, C = x.shape
    sides = padding_of(P, H, W, K, S)
    _, OW = output_sizes(x, K, S, sides)
    strip = window_strip(x, rows, OW, K, S, sides)
    image, row, pixel, element = strip.strides
    windows = np.lib.stride_tricks.as_strided(
        strip, (n, rows.stop - rows.start, OW, K, K * C), (image, S * row, S * pixel, row, element), writeable=False)
    columns = scratch().empty("columns", windows.shape)
    columns[...] = windows
    return columns.reshape(-1, K * K * C)
