"""Depthwise convolution on the CPU: some rows of some images at a time, on all cores.

Nothing is padded: where a window extends beyond the image, the sum leaves its pixels out. There is no matrix product in
it, and little to compute for each number read, so what counts is that a block stays in the cache for all K² products.
"""

import numpy as np

from ..backend import op
from ..depthwise import output_sizes
from .threads import image_blocks, run_blocks, scratch

BLOCK = 1 << 18  # elements of y


def _fits(*arrays):
    return all(a.dtype == np.float32 and a.size for a in arrays)


def depthwise_conv2d(x, W, b, S, padding):
    if not _fits(x, W, b):
        return NotImplemented
    (top, _), (left, _) = padding
    N, C = len(x), x.shape[3]
    OH, OW = output_sizes(x, len(W), S, padding)
    y = np.empty((N, OH, OW, C), np.float32)
    x, W = np.ascontiguousarray(x), np.ascontiguousarray(W)

    def block(images, rows):
        filter_rows(x[images], W, b, S, top, left, rows.start, rows.stop, y[images])

    run_blocks(block, image_blocks(N, OH, OW * C, BLOCK))
    return y


def depthwise_conv2d_backward(dy, x, W, S, padding):
    if not _fits(dy, x, W):
        return NotImplemented
    (top, _), (left, _) = padding
    N, OH, OW, C = dy.shape
    K = len(W)
    dy, x, W = map(np.ascontiguousarray, (dy, x, W))
    sums = {}

    def block(images, rows):
        d = dy[images, rows].reshape(-1, C)
        sums[images.start, rows.start] = (
            kernel_gradient_of_rows(dy[images], x[images], K, S, top, left, rows.start, rows.stop),
            np.ones(len(d), np.float32) @ d)

    run_blocks(block, image_blocks(N, OH, OW * C, BLOCK))
    blocks = zip(*(sums[key] for key in sorted(sums)), strict=True)  # in this order, whichever core finished first
    dW, db = (np.sum(part, axis=0, dtype=np.float64).astype(np.float32) for part in blocks)
    return _input_gradient(dy, x.shape, W, S, padding), dW, db


def _input_gradient(dy, shape, W, S, padding):
    (top, _), (left, _) = padding
    K = len(W)
    if S == 1:
        # Every pixel of x gets a gradient from the outputs around it: the same operation, with the kernel turned. Of
        # padding beyond K - 1 a negative number is left, which cuts off outputs that have seen no pixel.
        turned = np.ascontiguousarray(W[::-1, ::-1])
        around = tuple((K - 1 - before, K - 1 - after) for before, after in padding)
        return depthwise_conv2d(dy, turned, np.zeros(shape[3], np.float32), 1, around)
    N, H, Wd, C = shape
    dx = np.empty(shape, np.float32)

    def block(images, rows):
        spread_rows(dy[images], W, S, top, left, rows.start, rows.stop, dx[images])

    run_blocks(block, image_blocks(N, H, Wd * C, BLOCK))
    return dx


def reach(k, before, S, first, last, count):
    """(begin, end): those of ``count`` outputs for which pixel ``k`` of the window is from ``first`` to ``last`` - 1.

    That pixel is S·o + k - before for output o.
    """
    return max(0, -((k - before - first) // S)), min(count, -((k - before - last) // S))


# --- The work on a block; arrays are whole images, and ``begin`` to ``end`` the rows to compute --------------------

@op
def filter_rows(x, W, b, S, top, left, begin, end, y):
    """Rows ``begin`` to ``end`` of y (N, OH, OW, C) for the images x (N, H, W, C)."""
    y[:, begin:end] = b
    for kh, kw, pixels, outputs in _overlaps(len(W), S, top, left, (0, x.shape[1]), (begin, end), x, y):
        y[outputs] += _product(x[pixels], W[kh, kw])


@op
def spread_rows(dy, W, S, top, left, begin, end, dx):
    """Rows ``begin`` to ``end`` of dx (N, H, W, C), from the gradients dy (N, OH, OW, C) of all windows that saw them.
    """
    dx[:, begin:end] = 0
    for kh, kw, pixels, outputs in _overlaps(len(W), S, top, left, (begin, end), (0, dy.shape[1]), dx, dy):
        dx[pixels] += _product(dy[outputs], W[kh, kw])


@op
def kernel_gradient_of_rows(dy, x, K, S, top, left, begin, end):
    """The part of dW (K, K, C) that comes from rows ``begin`` to ``end`` of dy (N, OH, OW, C)."""
    C = x.shape[3]
    dW = np.zeros((K, K, C), np.float32)
    for kh, kw, pixels, outputs in _overlaps(K, S, top, left, (0, x.shape[1]), (begin, end), x, dy):
        product = _product(dy[outputs], x[pixels]).reshape(-1, C)
        dW[kh, kw] = np.ones(len(product), np.float32) @ product
    return dW


def _product(a, b):
    return np.multiply(a, b, out=scratch().empty("product", a.shape))


def _overlaps(K, S, top, left, pixel_rows, output_rows, x, y):
    """(kh, kw, pixels, outputs) for each pixel of a window: indices of equal shape into the images x and the outputs y.
    """
    for kh in range(K):
        begin, end = reach(kh, top, S, *pixel_rows, y.shape[1])
        rows = max(begin, output_rows[0]), min(end, output_rows[1])
        for kw in range(K):
            columns = reach(kw, left, S, 0, x.shape[2], y.shape[2])
            if rows[0] < rows[1] and columns[0] < columns[1]:
                yield (kh, kw, (slice(None), _pixels(rows, S, kh - top), _pixels(columns, S, kw - left)),
                       (slice(None), slice(*rows), slice(*columns)))


def _pixels(outputs, S, offset):
    begin, end = outputs
    return slice(S * begin + offset, S * (end - 1) + offset + 1, S)
