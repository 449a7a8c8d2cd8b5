"""Sums of segments on a GPU, as for the gradient of an embedding: embedding.cu."""

from ..backend import array_module
from .kernels import fits, launch

BLOCK = 128  # 32 · WARPS in embedding.cu


def segment_sum(x, segments, count):
    if not fits(x):
        return NotImplemented
    xp = array_module(x, segments)
    E = x.shape[-1]
    total = xp.empty((count, E), dtype=xp.float32)
    segments = xp.ascontiguousarray(segments.astype(xp.int64, copy=False))
    launch("embedding", "segment_sum", (count, -(-E // BLOCK)), BLOCK, xp.ascontiguousarray(x), segments, total,
           segments.size, E)
    return total
