"""Lesson 18 number by number, with a cache that keeps what went into tanh."""

import math

import numpy as np


def rnn_step(x, h, W, U, b):
    (N, D), H = x.shape, len(b)
    a = np.empty((N, H))
    for n in range(N):
        for j in range(H):
            a[n, j] = b[j] + sum(x[n, d] * W[d, j] for d in range(D)) + sum(h[n, k] * U[k, j] for k in range(H))
    return np.array([[math.tanh(number) for number in row] for row in a]), {"a": a, "x": x, "h": h, "W": W, "U": U}


def rnn_step_backward(dh, cache):
    x, h, W, U = (cache[name] for name in "xhWU")
    (N, D), H = x.shape, h.shape[1]
    dx, dh_before, dW, dU, db = np.zeros((N, D)), np.zeros((N, H)), np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    for n in range(N):
        for j in range(H):
            da = dh[n, j] / math.cosh(cache["a"][n, j])**2  # 1 - tanh² = 1 / cosh²
            db[j] += da
            for d in range(D):
                dx[n, d] += da * W[d, j]
                dW[d, j] += da * x[n, d]
            for k in range(H):
                dh_before[n, k] += da * U[k, j]
                dU[k, j] += da * h[n, k]
    return [dx, dh_before, dW, dU, db]


def rnn_forward(x, h0, W, U, b):
    N, T, D = x.shape
    y, cache, h = np.zeros((N, T, len(b))), {}, h0
    for t in range(T):
        h, cache[t] = rnn_step(x[:, t], h, W, U, b)
        y[:, t] = h
    return y, cache


def rnn_backward(dy, cache):
    total = None
    dx, dh = {}, np.zeros_like(dy[:, 0])
    for t in sorted(cache, reverse=True):
        dh += dy[:, t]
        dx[t], dh, *pieces = rnn_step_backward(dh, cache[t])
        total = pieces if total is None else [a + b for a, b in zip(total, pieces, strict=True)]
    return np.stack([dx[t] for t in sorted(dx)], axis=1), dh, *total
