"""3 x 3 convolution with a quarter of the multiplications on a GPU: transforms by winograd.cu, products by cuBLAS.

minicap/cpu/winograd.py has the mathematics (Lavin and Gray 2016). All tiles of a chunk go through each step together;
chunks keep what lies between the steps, 36 numbers for 16 outputs, below BUFFER_BYTES.
"""

from ..backend import array_module
from .kernels import blocks_for, launch

BUFFER_BYTES = 256 << 20  # of transformed inputs and outputs together


def winograd_conv(x, W, b=None):
    """conv(x) + b with stride 1 and padding 1. x: (N, H, W, C), W: (3, 3, C, F), b: (F,) or None; all contiguous."""
    xp = array_module(x, W)
    N, H, Wd, C = x.shape
    F = W.shape[3]
    U = xp.empty((36, C, F), dtype=xp.float32)
    launch("winograd", "kernel_tiles", *blocks_for(C * F), W, U, C * F)
    y = xp.empty((N, H, Wd, F), dtype=xp.float32)
    for first, tiles in _chunks(N, H, Wd, C + F):
        V = _transform("input_tiles", x, first, tiles)
        M = xp.matmul(V, U)
        launch("winograd", "output_tiles", *blocks_for(tiles * F), M, b, y, first, tiles, H, Wd, F)
    return y


def winograd_kernel_gradient(x, dy):
    """dW: (3, 3, C, F) of the convolution that made y (N, H, W, F) of x (N, H, W, C)."""
    xp = array_module(x, dy)
    N, H, W, C = x.shape
    F = dy.shape[3]
    dU = None
    for first, tiles in _chunks(N, H, W, 2 * C + F):  # cuBLAS wants a copy of V, turned around
        V, dM = _transform("input_tiles", x, first, tiles), _transform("gradient_tiles", dy, first, tiles)
        product = xp.matmul(V.transpose(0, 2, 1), dM)
        dU = product if dU is None else dU + product
    dW = xp.empty((3, 3, C, F), dtype=xp.float32)
    launch("winograd", "kernel_gradient", *blocks_for(C * F), dU, dW, C * F)
    return dW


def _transform(kernel, images, first, tiles):
    """(36, tiles, C) of ``images`` (N, H, W, C)."""
    xp = array_module(images)
    N, H, W, C = images.shape
    transformed = xp.empty((36, tiles, C), dtype=xp.float32)
    launch("winograd", kernel, *blocks_for(tiles * C), images, transformed, first, tiles, H, W, C)
    return transformed


def _chunks(N, H, W, channels):
    """(first tile, number of tiles) of pieces of all tiles, in reading order, whose transforms fit BUFFER_BYTES."""
    total = N * -(-H // 4) * -(-W // 4)
    step = max(1, BUFFER_BYTES // (36 * 4 * channels))
    return [(first, min(step, total - first)) for first in range(0, total, step)]
