"""The rows of a depthwise convolution and of its gradients, with the products of a kernel row in one pass.

Rows of pixels are flattened and indexed as base + i, so that the compiler vectorises the loops over channels. Kernels
of 3 and of 5 columns, as in nearly every network, have their products written out; others take one column at a time.
"""

import numpy as np

from .. import depthwise
from .arithmetic import f4, kernel

ZERO = f4(0)
reach = kernel(depthwise.reach)


@kernel
def filter_rows(x, W, b, S, top, left, begin, end, y):
    N, H, Wd, C = x.shape
    K, OW = W.shape[0], y.shape[2]
    first, last = _inside(K, left, S, Wd, OW)
    for n in range(N):
        for oh in range(begin, end):
            out, h = y[n, oh].reshape(-1), S * oh - top
            for ow in range(OW):
                for c in range(C):
                    out[ow * C + c] = b[c]
            for kh in range(max(0, -h), min(K, H - h)):
                row, w = x[n, h + kh].reshape(-1), W[kh]
                for kw in range(K):
                    start, stop = reach(kw, left, S, 0, Wd, OW)
                    _add_one(row, w, kw, S, left, start, min(stop, first), out)
                    _add_one(row, w, kw, S, left, max(start, last), stop, out)
                if K == 3:
                    _add_three(row, w, S, left, first, last, out)
                elif K == 5:
                    _add_five(row, w, S, left, first, last, out)
                else:
                    for kw in range(K):
                        _add_one(row, w, kw, S, left, first, last, out)


@kernel
def _inside(K, left, S, Wd, OW):
    """(first, last): the outputs of a row whose windows extend neither beyond the left edge nor the right one."""
    first = min(OW, reach(0, left, S, 0, Wd, OW)[0])
    return first, max(first, reach(K - 1, left, S, 0, Wd, OW)[1])


@kernel
def _add_one(row, w, kw, S, left, begin, end, out):
    """Column ``kw`` of a kernel row w (K, C), times the pixels it sees, for the outputs ``begin`` to ``end``."""
    C, w = w.shape[1], w[kw]
    for ow in range(begin, end):
        at, p = ow * C, (S * ow + kw - left) * C
        for c in range(C):
            out[at + c] += row[p + c] * w[c]


@kernel
def _add_three(row, w, S, left, begin, end, out):
    C = w.shape[1]
    w0, w1, w2 = w[0], w[1], w[2]
    for ow in range(begin, end):
        at, p = ow * C, (S * ow - left) * C
        q, r = p + C, p + 2 * C
        for c in range(C):
            out[at + c] += row[p + c] * w0[c] + row[q + c] * w1[c] + row[r + c] * w2[c]


@kernel
def _add_five(row, w, S, left, begin, end, out):
    C = w.shape[1]
    w0, w1, w2, w3, w4 = w[0], w[1], w[2], w[3], w[4]
    for ow in range(begin, end):
        at, p = ow * C, (S * ow - left) * C
        q, r, s, t = p + C, p + 2 * C, p + 3 * C, p + 4 * C
        for c in range(C):
            out[at + c] += (row[p + c] * w0[c] + row[q + c] * w1[c] + row[r + c] * w2[c]
                            + row[s + c] * w3[c] + row[t + c] * w4[c])


@kernel
def spread_rows(dy, W, S, top, left, begin, end, dx):
    N, OH, OW, C = dy.shape
    K, Wd = W.shape[0], dx.shape[2]
    for n in range(N):
        for h in range(begin, end):
            out = dx[n, h].reshape(-1)
            for i in range(out.size):
                out[i] = ZERO
            for kh in range(K):
                oh, rest = divmod(h + top - kh, S)
                if rest or oh < 0 or oh >= OH:
                    continue
                d = dy[n, oh].reshape(-1)
                for kw in range(K):
                    w = W[kh, kw]
                    start, stop = reach(kw, left, S, 0, Wd, OW)
                    for ow in range(start, stop):
                        at, p = ow * C, (S * ow + kw - left) * C
                        for c in range(C):
                            out[p + c] += d[at + c] * w[c]


@kernel
def kernel_gradient_of_rows(dy, x, K, S, top, left, begin, end):
    N, H, Wd, C = x.shape
    OW = dy.shape[2]
    first, last = _inside(K, left, S, Wd, OW)
    dW = np.zeros((K, K, C), np.float32)
    for n in range(N):
        for oh in range(begin, end):
            d, h = dy[n, oh].reshape(-1), S * oh - top
            for kh in range(max(0, -h), min(K, H - h)):
                row = x[n, h + kh].reshape(-1)
                if K == 3:
                    _gather_three(d, row, S, left, first, last, dW[kh, 0], dW[kh, 1], dW[kh, 2])
                for kw in range(K):
                    start, stop = reach(kw, left, S, 0, Wd, OW)
                    if K == 3:
                        _gather_one(d, row, kw, S, left, start, min(stop, first), dW[kh, kw])
                        start = max(start, last)
                    _gather_one(d, row, kw, S, left, start, stop, dW[kh, kw])
    return dW


@kernel
def _gather_one(d, row, kw, S, left, begin, end, g):
    C = g.size
    for ow in range(begin, end):
        at, p = ow * C, (S * ow + kw - left) * C
        for c in range(C):
            g[c] += d[at + c] * row[p + c]


@kernel
def _gather_three(d, row, S, left, begin, end, g0, g1, g2):
    C = g0.size
    for ow in range(begin, end):
        at, p = ow * C, (S * ow - left) * C
        q, r = p + C, p + 2 * C
        for c in range(C):
            value = d[at + c]
            g0[c] += value * row[p + c]
            g1[c] += value * row[q + c]
            g2[c] += value * row[r + c]
