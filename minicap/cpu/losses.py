"""Softmax and cross-entropy on the CPU: a few samples at a time, so that their logits stay in the cache."""

import numpy as np

from ..backend import op
from .threads import run_blocks, scratch

BLOCK_BYTES = 1 << 20  # of logits


def log_softmax(logits):
    if logits.dtype != np.float32 or logits.ndim != 2:
        return NotImplemented
    log_p = np.empty_like(logits)

    def block(rows):
        part = logits[rows]
        highest = part.max(axis=1)
        total = exponentials(part, highest, scratch().empty("exp", part.shape))
        np.subtract(part, (highest + np.log(total))[:, None], out=log_p[rows])

    run_blocks(block, _blocks(log_p))
    return log_p


def softmax_cross_entropy(logits, targets, smoothing=0.0):
    if logits.dtype != np.float32:
        return NotImplemented
    p, losses = np.empty_like(logits), np.empty(len(logits), np.float32)

    def block(rows):
        part = logits[rows]
        highest = part.max(axis=1)
        total = exponentials(part, highest, p[rows])
        p[rows] *= (1 / total)[:, None]
        loss = (1 - smoothing) * (highest - part[np.arange(len(part)), targets[rows]])
        if smoothing:
            loss += smoothing * (highest - part.mean(axis=1))
        losses[rows] = loss + np.log(total)

    run_blocks(block, _blocks(p))
    return p, losses


@op
def exponentials(logits, highest, p):
    """p = exp(logits - highest) of some rows; returns their sums."""
    np.subtract(logits, highest[:, None], out=p)
    return np.exp(p, out=p).sum(axis=1)


def softmax_cross_entropy_backward(p, targets, dloss, smoothing=0.0):
    if p.dtype != np.float32 or dloss.dtype != np.float32:
        return NotImplemented

    def block(rows):
        part = p[rows]
        if smoothing:
            part -= np.float32(smoothing / p.shape[1])
        part[np.arange(len(part)), targets[rows]] -= np.float32(1 - smoothing)
        part *= dloss[rows, None]

    run_blocks(block, _blocks(p))
    return p


def _blocks(p):
    M, V = p.shape
    step = max(1, BLOCK_BYTES // (4 * V))
    return [(slice(m, m + step),) for m in range(0, M, step)]
