"""Batch normalisation on a GPU: normalization.cu."""

from ..backend import array_module
from .kernels import THREADS, blocks_for, fits, launch

MOST_SLABS = 256  # of rows, each a block for every 32 channels: enough for the largest GPU
FEWEST_ROWS = 64  # in a slab: below, joining costs more than another block brings


def channel_moments(x):
    if not fits(x) or x.size == 0:
        return NotImplemented
    xp = array_module(x)
    C = x.shape[-1]
    rows, slab, slabs = _slabs(x)
    partial = xp.empty((3, slabs, C), dtype=xp.float32)  # counts, means, squared deviations
    mean, variance = xp.empty(C, dtype=xp.float32), xp.empty(C, dtype=xp.float32)
    launch("normalization", "moments", (-(-C // 32), slabs), THREADS, xp.ascontiguousarray(x), *partial, rows, C, slab)
    launch("normalization", "join_moments", *blocks_for(C), *partial, mean, variance, slabs, C)
    return mean, variance


def batch_norm(x, gamma, beta, mean, scale):
    if not fits(x, gamma, beta, mean, scale):
        return NotImplemented
    xp = array_module(x, gamma)
    y = xp.empty(x.shape, dtype=xp.float32)
    x = xp.ascontiguousarray(x)
    launch("normalization", "normalize", *blocks_for(x.size), x, gamma, beta, mean, scale, y, x.size, x.shape[-1])
    return y


def batch_norm_backward(dy, x, gamma, mean, scale, frozen=False):
    if not fits(dy, x, gamma, mean, scale):
        return NotImplemented
    xp = array_module(dy, x)
    C = x.shape[-1]
    dy, x = xp.ascontiguousarray(dy), xp.ascontiguousarray(x)
    rows, slab, slabs = _slabs(x)
    partial = xp.empty((2, slabs, C), dtype=xp.float32)
    dgamma, dbeta = xp.empty(C, dtype=xp.float32), xp.empty(C, dtype=xp.float32)
    launch("normalization", "gradient_sums", (-(-C // 32), slabs), THREADS, dy, x, mean, scale, *partial, rows, C, slab)
    launch("normalization", "join_sums", *blocks_for(C), *partial, dbeta, dgamma, slabs, C)
    dx = xp.empty(x.shape, dtype=xp.float32)
    sums = (None, None) if frozen else (dbeta, dgamma)
    launch("normalization", "normalize_backward", *blocks_for(x.size), dy, x, gamma, mean, scale, *sums, dx, rows, C)
    return dx, dgamma, dbeta


def _slabs(x):
    """(rows of x, rows in a slab, slabs). Its last axis is the channels."""
    rows = x.size // x.shape[-1]
    slab = max(FEWEST_ROWS, -(-rows // MOST_SLABS))
    return rows, slab, -(-rows // slab)
