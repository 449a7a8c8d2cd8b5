"""Softmax and cross-entropy on a GPU, one launch each: softmax.cu."""

from ..backend import array_module
from .kernels import THREADS, fits, launch


def log_softmax(logits):
    if logits.ndim != 2 or not fits(logits):
        return NotImplemented
    xp = array_module(logits)
    M, V = logits.shape
    log_p = xp.empty((M, V), dtype=xp.float32)  # empty_like would take over the order of the logits in memory
    launch("softmax", "log_softmax", M, THREADS, xp.ascontiguousarray(logits), log_p, V)
    return log_p


def softmax_cross_entropy(logits, targets, smoothing=0.0):
    if not fits(logits):
        return NotImplemented
    xp = array_module(logits)
    M, V = logits.shape
    p, loss = xp.empty((M, V), dtype=xp.float32), xp.empty(M, dtype=xp.float32)
    launch("softmax", "cross_entropy", M, THREADS, xp.ascontiguousarray(logits), _int64(targets), p, loss, V,
           float(smoothing))
    return p, loss


def softmax_cross_entropy_backward(p, targets, dloss, smoothing=0.0):
    if not (fits(p, dloss) and p.flags.c_contiguous):
        return NotImplemented
    M, V = p.shape
    launch("softmax", "cross_entropy_backward", M, THREADS, p, _int64(targets), dloss, V, float(smoothing))
    return p


def _int64(words):
    xp = array_module(words)
    return xp.ascontiguousarray(words.astype(xp.int64, copy=False))
