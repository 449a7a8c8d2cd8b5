"""Lesson 19 number by number, with a cache that keeps what went into the sigmoids and tanh."""

import math

import numpy as np


def sigma(z):
    return 1 / (1 + math.exp(-z))


def lstm_step(x, h, c, W, U, b):
    N, H = h.shape
    z = np.zeros((N, 4 * H))
    h_next, c_next = np.empty((N, H)), np.empty((N, H))
    for n in range(N):
        for k in range(4 * H):
            z[n, k] = b[k] + sum(p * q for p, q in zip(x[n], W[:, k], strict=True))
            z[n, k] += sum(p * q for p, q in zip(h[n], U[:, k], strict=True))
        for j in range(H):
            i, f, o, g = (z[n, j + block * H] for block in range(4))
            c_next[n, j] = sigma(f) * c[n, j] + sigma(i) * math.tanh(g)
            h_next[n, j] = sigma(o) * math.tanh(c_next[n, j])
    return [h_next, c_next, {"inputs": (x, h, c, W, U), "z": z, "c_next": c_next}]


def memory_backward(dh, dc, i, f, o, g, c):
    found = [np.empty_like(c) for _ in range(5)]
    for n in np.ndindex(c.shape):
        memory = f[n] * c[n] + i[n] * g[n]
        wanted = dc[n] + dh[n] * o[n] / math.cosh(memory)**2  # 1 - tanh² = 1 / cosh²
        of_each = (wanted * g[n], wanted * c[n], dh[n] * math.tanh(memory), wanted * i[n], wanted * f[n])
        for array, number in zip(found, of_each, strict=True):
            array[n] = number
    return found


def lstm_step_backward(dh, dc, cache):
    (x, h, c, W, U), z, c_next = cache["inputs"], cache["z"], cache["c_next"]
    N, H = h.shape
    dz, dc_before = np.zeros((N, 4 * H)), np.zeros((N, H))
    for n in range(N):
        for j in range(H):
            i, f, o = (sigma(z[n, j + block * H]) for block in range(3))
            g, shown = math.tanh(z[n, j + 3 * H]), math.tanh(c_next[n, j])
            wanted = dc[n, j] + dh[n, j] * o * (1 - shown * shown)
            dz[n, j] = wanted * g * i * (1 - i)
            dz[n, j + H] = wanted * c[n, j] * f * (1 - f)
            dz[n, j + 2 * H] = dh[n, j] * shown * o * (1 - o)
            dz[n, j + 3 * H] = wanted * i * (1 - g * g)
            dc_before[n, j] = wanted * f
    dx, dh_before, dW, dU, db = np.zeros_like(x), np.zeros_like(h), np.zeros_like(W), np.zeros_like(U), np.zeros(4 * H)
    for n in range(N):
        for k in range(4 * H):
            dx[n] += dz[n, k] * W[:, k]
            dh_before[n] += dz[n, k] * U[:, k]
            dW[:, k] += dz[n, k] * x[n]
            dU[:, k] += dz[n, k] * h[n]
            db[k] += dz[n, k]
    return dx, dh_before, dc_before, dW, dU, db
