"""Max pooling of windows that do not overlap, each window once."""

import numpy as np

from .arithmetic import f4, kernel

ZERO = f4(0)


@kernel
def largest_of_windows(x, K, y):
    N, OH, OW, C = y.shape
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                out, first = y[n, oh, ow], x[n, K * oh, K * ow]
                for c in range(C):
                    out[c] = first[c]
                for tap in range(1, K * K):
                    pixel = x[n, K * oh + tap // K, K * ow + tap % K]
                    for c in range(C):  # NaN is larger than anything, as in np.maximum
                        out[c] = pixel[c] if pixel[c] > out[c] or pixel[c] != pixel[c] else out[c]


@kernel
def hand_back(dy, x, y, K, dx):
    N, OH, OW, C = dy.shape
    waiting = np.empty(C, np.float32)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                largest, d = y[n, oh, ow], dy[n, oh, ow]
                for c in range(C):
                    waiting[c] = d[c]  # until its pixel is found, then 0
                for tap in range(K * K):
                    pixel, out = x[n, K * oh + tap // K, K * ow + tap % K], dx[n, K * oh + tap // K, K * ow + tap % K]
                    for c in range(C):
                        found = pixel[c] == largest[c]
                        out[c] = waiting[c] if found else ZERO
                        waiting[c] = ZERO if found else waiting[c]
