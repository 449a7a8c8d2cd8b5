"""The rows of a depthwise convolution and of its gradients, with several products in one pass.

Each pixel is cut out of its row, so that all are indexed with the channel alone: only in this form does the compiler
vectorise the loops over channels (it must not fear negative indices). Kernels of 3 x 3 and of 5 columns, as in nearly
every network, have their products written out; others take one column at a time.
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
    outside = np.zeros(Wd * C, np.float32)  # a row above or below the image
    for n in range(N):
        for oh in range(begin, end):
            out, h = y[n, oh].reshape(-1), S * oh - top
            _fill(out, b, 0, first if K == 3 else OW)
            _fill(out, b, last if K == 3 else OW, OW)
            if K == 3 and first < last:
                above = x[n, h].reshape(-1) if 0 <= h < H else outside
                middle = x[n, h + 1].reshape(-1) if 0 <= h + 1 < H else outside
                below = x[n, h + 2].reshape(-1) if 0 <= h + 2 < H else outside
                _nine(above, middle, below, W, b, S, left, first, last, out)
            for kh in range(max(0, -h), min(K, H - h)):
                row, w = x[n, h + kh].reshape(-1), W[kh]
                if K == 5 and first < last:
                    _add_five(row, w, S, left, first, last, out)
                for kw in range(K):
                    start, stop = reach(kw, left, S, 0, Wd, OW)
                    if K == 3 or K == 5:  # what is left are the windows at the edges
                        _add_one(row, w[kw], S, kw - left, start, min(stop, first), out)
                        start = max(start, last)
                    _add_one(row, w[kw], S, kw - left, start, stop, out)


@kernel
def _inside(K, left, S, Wd, OW):
    """(first, last): the outputs of a row whose windows extend neither beyond the left edge nor the right one."""
    first = min(OW, reach(0, left, S, 0, Wd, OW)[0])
    return first, max(first, reach(K - 1, left, S, 0, Wd, OW)[1])


@kernel
def _fill(out, b, begin, end):
    C = b.size
    for ow in range(begin, end):
        o = out[ow * C:(ow + 1) * C]
        for c in range(C):
            o[c] = b[c]


@kernel
def _add_one(row, w, S, offset, begin, end, out):
    """out[ow] += row[S·ow + offset] · w, pixels of C channels, for ``begin`` <= ow < ``end``."""
    C = w.size
    for ow in range(begin, end):
        o, r = out[ow * C:], row[(S * ow + offset) * C:]
        for c in range(C):
            o[c] += r[c] * w[c]


@kernel
def _nine(above, middle, below, w, b, S, left, begin, end, out):
    """All of the sum, for windows of 3 x 3 that begin and end inside the three rows: ``out`` is written once."""
    C = w.shape[2]
    u0, u1, u2, v0, v1, v2, w0, w1, w2 = w[0, 0], w[0, 1], w[0, 2], w[1, 0], w[1, 1], w[1, 2], w[2, 0], w[2, 1], w[2, 2]
    for ow in range(begin, end):
        o, p = out[ow * C:(ow + 1) * C], (S * ow - left) * C
        q, r, end_of_r = p + C, p + 2 * C, p + 3 * C
        a0, a1, a2 = above[p:q], above[q:r], above[r:end_of_r]
        m0, m1, m2 = middle[p:q], middle[q:r], middle[r:end_of_r]
        b0, b1, b2 = below[p:q], below[q:r], below[r:end_of_r]
        for c in range(C):
            o[c] = b[c] + (a0[c] * u0[c] + a1[c] * u1[c] + a2[c] * u2[c]
                           + m0[c] * v0[c] + m1[c] * v1[c] + m2[c] * v2[c]
                           + b0[c] * w0[c] + b1[c] * w1[c] + b2[c] * w2[c])


@kernel
def _add_five(row, w, S, left, begin, end, out):
    C = w.shape[1]
    w0, w1, w2, w3, w4 = w[0], w[1], w[2], w[3], w[4]
    for ow in range(begin, end):
        o, p = out[ow * C:(ow + 1) * C], (S * ow - left) * C
        r0, r1, r2, r3, r4 = row[p:], row[p + C:], row[p + 2 * C:], row[p + 3 * C:], row[p + 4 * C:]
        for c in range(C):
            o[c] += r0[c] * w0[c] + r1[c] * w1[c] + r2[c] * w2[c] + r3[c] * w3[c] + r4[c] * w4[c]


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
                if rest == 0 and 0 <= oh < OH:
                    d = dy[n, oh].reshape(-1)
                    for kw in range(K):
                        start, stop = reach(kw, left, S, 0, Wd, OW)
                        _spread_one(d, W[kh, kw], S, kw - left, start, stop, out)


@kernel
def _spread_one(d, w, S, offset, begin, end, out):
    """out[S·ow + offset] += d[ow] · w, as above."""
    C = w.size
    for ow in range(begin, end):
        p = (S * ow + offset) * C
        o, g = out[p:p + C], d[ow * C:]
        for c in range(C):
            o[c] += g[c] * w[c]


@kernel
def kernel_gradient_of_rows(dy, x, K, S, top, left, begin, end):
    N, H, Wd, C = x.shape
    OW = dy.shape[2]
    dW = np.zeros((K, K, C), np.float32)
    for n in range(N):
        for oh in range(begin, end):
            d, h = dy[n, oh].reshape(-1), S * oh - top
            for kh in range(max(0, -h), min(K, H - h)):
                row = x[n, h + kh].reshape(-1)
                for kw in range(K):
                    start, stop = reach(kw, left, S, 0, Wd, OW)
                    _gather(d, row, S, kw - left, start, stop, dW[kh, kw])
    return dW


@kernel
def _gather(d, row, S, offset, begin, end, g):
    """g += Σ d[ow] · row[S·ow + offset], eight pixels at a time, so that g is read and written less often."""
    C = g.size
    for ow in range(begin, end - 7, 8):
        at, p, s = ow * C, (S * ow + offset) * C, S * C
        d0, d1, d2, d3 = d[at:], d[at + C:], d[at + 2 * C:], d[at + 3 * C:]
        d4, d5, d6, d7 = d[at + 4 * C:], d[at + 5 * C:], d[at + 6 * C:], d[at + 7 * C:]
        r0, r1, r2, r3 = row[p:], row[p + s:], row[p + 2 * s:], row[p + 3 * s:]
        r4, r5, r6, r7 = row[p + 4 * s:], row[p + 5 * s:], row[p + 6 * s:], row[p + 7 * s:]
        for c in range(C):
            g[c] += ((d0[c] * r0[c] + d1[c] * r1[c]) + (d2[c] * r2[c] + d3[c] * r3[c])
                     + (d4[c] * r4[c] + d5[c] * r5[c]) + (d6[c] * r6[c] + d7[c] * r7[c]))
    for ow in range(max(begin, end - (end - begin) % 8), end):
        dp, rp = d[ow * C:], row[(S * ow + offset) * C:]
        for c in range(C):
            g[c] += dp[c] * rp[c]
