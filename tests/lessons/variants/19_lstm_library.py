"""Lesson 19 with minicap's own functions: what the library does is right, too."""

import numpy as np

from minicap.recurrent import gates_backward, gates_forward


def lstm_step(x, h, c, W, U, b):
    z = x @ W + h @ U + b
    h_next, c_next, tanh_c = gates_forward(z, c)
    return h_next, c_next, (x, h, c, W, U, z, tanh_c)


def memory_backward(dh, dc, i, f, o, g, c):
    gates = np.concatenate([i, f, o, g], axis=1)
    slopes = np.concatenate([i * (1 - i), f * (1 - f), o * (1 - o), 1 - g * g], axis=1)
    dz, dc = gates_backward(dh, dc, gates, c, np.tanh(f * c + i * g))
    return (*np.split(dz / slopes, 4, axis=1), dc)


def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, gates, tanh_c = cache
    dz, dc = gates_backward(dh, dc, gates.copy(), c, tanh_c)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)
