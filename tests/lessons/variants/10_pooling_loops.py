"""Lesson 10 in loops over windows."""

import numpy as np

from minicap.conv import output_size, pad


def windows(shape, K, S, P):
    """The output's index and the window's slices, in the padded picture."""
    OH, OW = output_size(shape[1], K, S, P), output_size(shape[2], K, S, P)
    for oh, ow in np.ndindex(OH, OW):
        yield (slice(None), oh, ow), (slice(None), slice(S * oh, S * oh + K), slice(S * ow, S * ow + K))


def pooled(x, K, S, P, function):
    y = np.empty((len(x), output_size(x.shape[1], K, S, P), output_size(x.shape[2], K, S, P), x.shape[3]))
    for output, window in windows(x.shape, K, S, P):
        y[output] = function(x[window], axis=(1, 2)) if not P else function(
            pad(x, P, -np.inf if function is np.max else 0)[window], axis=(1, 2))
    return y


def max_pool2d(x, K, S, P=0):
    return pooled(x, K, S, P, np.max)


def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros(x.shape)
    for (_, oh, ow), (_, rows, columns) in windows((N, H, W, C), K, S, P):
        for n in range(N):
            for c in range(C):
                kh, kw = np.argwhere(x[n, rows, columns, c] == y[n, oh, ow, c])[0]
                dx[n, rows.start + kh, columns.start + kw, c] += dy[n, oh, ow, c]
    return dx[:, P:H + P, P:W + P]


def avg_pool2d(x, K, S, P=0):
    return pooled(x, K, S, P, np.mean)


def avg_pool2d_backward(dy, shape, K, S, P=0):
    dx = np.zeros((shape[0], shape[1] + 2 * P, shape[2] + 2 * P, shape[3]))
    for (_, oh, ow), window in windows(shape, K, S, P):
        dx[window] += dy[:, oh, ow][:, None, None] / (K * K)
    return dx[:, P:P + shape[1], P:P + shape[2]]
