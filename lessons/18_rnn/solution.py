"""Lesson 18, solved."""

import numpy as np


def rnn_step(x, h, W, U, b):
    h_next = np.tanh(x @ W + h @ U + b)
    return h_next, (x, h, W, U, h_next)


def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)


def rnn_forward(x, h0, W, U, b):
    h, states, caches = h0, [], []
    for t in range(x.shape[1]):
        h, cache = rnn_step(x[:, t], h, W, U, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


def rnn_backward(dy, cache):
    dx, dh, dW, dU, db = [], 0, 0, 0, 0
    for t in reversed(range(len(cache))):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx.insert(0, dx_t)
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return np.stack(dx, axis=1), dh, dW, dU, db
