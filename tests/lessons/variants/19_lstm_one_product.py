"""Lesson 19 with [x, h] and [W; U] as one product, blocks as an axis of their own, and einsum."""

import numpy as np


def lstm_step(x, h, c, W, U, b):
    N, H = h.shape
    xh, WU = np.hstack([x, h]), np.vstack([W, U])
    z = np.einsum("nd,dk->nk", xh, WU) + b
    z = z.reshape(N, 4, H)
    gates = np.concatenate([1 / (1 + np.exp(-z[:, :3])), np.tanh(z[:, 3:])], axis=1)
    i, f, o, g = gates.swapaxes(0, 1)
    memory = np.stack([f, i]) * np.stack([c, g])
    memory = memory.sum(axis=0)
    return np.tanh(memory) * o, memory, (xh, WU, c, gates, np.tanh(memory))


def memory_backward(dh, dc, i, f, o, g, c):
    h = o * np.tanh(f * c + i * g)
    wanted = dc + dh * (o - h * h / o)  # o (1 - tanh²), and tanh is h / o
    return g * wanted, c * wanted, dh * h / o, i * wanted, f * wanted


def lstm_step_backward(dh, dc, cache):
    xh, WU, c, gates, shown = cache
    N, _, H = gates.shape
    i, f, o, g = gates.swapaxes(0, 1)
    wanted = dc + dh * o * (1 + shown) * (1 - shown)
    dgates = np.stack([wanted * g, wanted * c, dh * shown, wanted * i], axis=1)
    slopes = gates - gates**2
    slopes[:, 3] = 1 - g**2
    dz = (dgates * slopes).reshape(N, 4 * H)
    D = xh.shape[1] - H
    dxh, dWU = np.einsum("nk,dk->nd", dz, WU), np.einsum("nd,nk->dk", xh, dz)
    return [dxh[:, :D], dxh[:, D:], f * wanted, dWU[:D], dWU[D:], np.add.reduce(dz)]
