"""Lesson 19, solved."""

import numpy as np

from minicap.activations import sigmoid


def lstm_step(x, h, c, W, U, b):
    z = x @ W + h @ U + b
    H = h.shape[1]
    i, f, o = sigmoid(z[:, :H]), sigmoid(z[:, H:2 * H]), sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    return o * np.tanh(c_next), c_next, (x, h, c, W, U, i, f, o, g)


def memory_backward(dh, dc, i, f, o, g, c):
    tanh_c = np.tanh(f * c + i * g)
    dc = dc + dh * o * (1 - tanh_c**2)
    return dc * g, dc * c, dh * tanh_c, dc * i, dc * f


def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)
