"""Depthwise separable convolution for inference: a block of some rows goes through all of its layers in the cache.

In an inverted residual the 1 x 1 convolution before makes six channels of one. As a whole these would be by far the
largest arrays of the network, three times written to memory and read from it: by the product, its activation and the
depthwise convolution. Here only the few channels that go in and come out are in memory. The rows that the windows of
two blocks share are computed twice; where that would be much, for one small image on many cores, each core takes some
of the channels instead.
"""

import numpy as np

from ..conv import padding_of
from ..depthwise import output_sizes
from .activations import add_and_limit, add_and_limit_into
from .depthwise import filter_strip
from .strips import clear_around, covered, overlap, window_strip
from .threads import image_blocks, run_blocks, scratch, thread_count

BLOCK = 1 << 18  # elements between the depthwise convolution and the last: a megabyte
WIDE = 32        # pixels of a row that are enough for a matrix product of their own
LANES = 16       # channels that a core has at least, see compiled/vectors.py


def separable_conv(x, expand, depthwise, project, S, padding, residual, empty=np.empty):
    """[1 x 1 convolution,] depthwise convolution and 1 x 1 convolution of x (N, H, W, C), [+ x].

    ``expand`` (or None), ``depthwise`` and ``project`` are triples (kernel, bias, activation), as in activations.py.
    """
    N, H, Wd, C = x.shape
    (W, _, _), (out_W, out_b, out_limits) = depthwise, project
    K, K, wide = W.shape
    F, padding = len(out_b), padding_of(padding, H, Wd, K, S)
    OH, OW = output_sizes(x, K, S, padding)
    y = empty((N, OH, OW, F), np.float32)

    def share(images, rows, channels, out):
        """Write to ``out`` what these channels contribute to the last product. Rows: all, or those of one image."""
        inside = _filtered(x[images], rows, OW, channels, expand, depthwise, S, padding)
        np.matmul(inside, out_W[0, 0, channels], out=out.reshape(-1, F))

    def finish(images, rows):
        out = y[images, rows]
        add_and_limit(out, out_b, out_limits)
        if residual:
            out += x[images, rows]

    def block(images, rows):
        share(images, rows, slice(0, wide), y[images, rows])
        finish(images, rows)

    cores = thread_count()
    if cores > N and N * OH * OW * wide <= BLOCK:
        everything, parts = (slice(0, N), slice(0, OH)), _split(wide, cores)
        shares = np.empty((len(parts), *y.shape), np.float32)
        run_blocks(share, [(*everything, channels, out) for channels, out in zip(parts, shares, strict=True)])
        np.sum(shares, axis=0, out=y)
        finish(*everything)
    else:
        run_blocks(block, image_blocks(N, OH, OW * wide, BLOCK))
    return y


def _split(wide, count):
    """Slices of the channels: as many, if there are enough."""
    step = LANES * -(-wide // (LANES * count))
    return [slice(begin, min(begin + step, wide)) for begin in range(0, wide, step)]


def _filtered(x, rows, OW, channels, expand, depthwise, S, padding):
    """(pixels, channels) after the depthwise convolution and its activation: scratch memory."""
    W, b, limits = depthwise
    W, b = np.ascontiguousarray(W[..., channels]), b[channels]
    if expand is None:
        strip = window_strip(x[..., channels], rows, OW, len(W), S, padding)
    else:
        strip = _expanded(x, *expand, channels, covered(rows, OW, len(W), S, padding))
    out = scratch().empty("filtered", (len(x), rows.stop - rows.start, OW, len(b)))
    filter_strip(strip, W, b, S, limits, out)
    return out.reshape(-1, len(b))


def _expanded(x, W, b, limits, channels, window):
    """The strip ``window`` of some channels of the 1 x 1 convolution of x. Its padding is zeros, whatever the bias."""
    n, H, Wd, C = x.shape
    first, height, left, width = window
    (rows, from_rows), (columns, from_columns) = overlap(first, height, H), overlap(left, width, Wd)
    pixels, W, b = x[:, from_rows, from_columns], W[0, 0, :, channels], b[channels]
    strip = scratch().empty("strip", (n, height, width, len(b)))
    if Wd >= WIDE:
        clear_around(strip, rows, columns)  # what an earlier strip left there could overflow when b is added
        np.matmul(pixels, W, out=strip[:, rows, columns])  # a matrix product for each row, directly to its place
        add_and_limit(strip, b, limits)
        clear_around(strip, rows, columns)
    else:
        product = scratch().empty("product", (*pixels.shape[:3], len(b)))
        np.matmul(pixels.reshape(-1, C), W, out=product.reshape(-1, len(b)))
        add_and_limit_into(product, b, limits, strip, rows.start, columns.start)
    return strip
