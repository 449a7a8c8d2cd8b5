"""Depthwise separable convolution for inference: a block of some rows goes through all of its layers in the cache.

In an inverted residual the 1 x 1 convolution before makes six channels of one. As a whole these would be by far the
largest arrays of the network, three times written to memory and read from it: by the product, its activation and the
depthwise convolution. Here only the few channels that go in and come out are in memory. The rows that the windows of
two blocks share are computed twice.
"""

import numpy as np

from ..conv import padding_of
from ..depthwise import output_sizes
from .activations import add_and_limit, add_and_limit_into
from .depthwise import filter_strip
from .strips import covered, empty_strip, window_strip
from .threads import image_blocks, run_blocks, scratch

BLOCK = 1 << 18  # elements between the depthwise convolution and the last: a megabyte


def separable_conv(x, expand, depthwise, project, S, padding, residual, empty=np.empty):
    """[1 x 1 convolution,] depthwise convolution and 1 x 1 convolution of x (N, H, W, C), [+ x].

    ``expand`` (or None), ``depthwise`` and ``project`` are triples (kernel, bias, activation), as in activations.py.
    """
    N, H, Wd, C = x.shape
    (W, b, limits), (out_W, out_b, out_limits) = depthwise, project
    K, K, wide = W.shape
    padding = padding_of(padding, H, Wd, K, S)
    OH, OW = output_sizes(x, K, S, padding)
    y = empty((N, OH, OW, len(out_b)), np.float32)

    def block(images, rows):
        if expand is None:
            strip = window_strip(x[images], rows, OW, K, S, padding)
        else:
            strip = _expanded(x[images], *expand, covered(rows, OW, K, S, padding))
        filtered = scratch().empty("filtered", (len(strip), rows.stop - rows.start, OW, wide))
        filter_strip(strip, W, b, S, limits, filtered)
        out = y[images, rows]  # all rows of several images or some of one: flat memory
        np.matmul(filtered.reshape(-1, wide), out_W[0, 0], out=out.reshape(-1, len(out_b)))
        add_and_limit(out, out_b, out_limits)
        if residual:
            out += x[images, rows]

    run_blocks(block, image_blocks(N, OH, OW * wide, BLOCK))
    return y


def _expanded(x, W, b, limits, window):
    """The strip ``window`` of the 1 x 1 convolution of x. Its padding is zeros, whatever the bias."""
    n, H, Wd, C = x.shape
    strip, (_, rows, columns), source = empty_strip((n, H, Wd, len(b)), *window)
    pixels = x[source]
    product = scratch().empty("product", (*pixels.shape[:3], len(b)))
    np.matmul(pixels.reshape(-1, C), W[0, 0], out=product.reshape(-1, len(b)))
    add_and_limit_into(product, b, limits, strip, rows.start, columns.start)
    return strip
