"""Lesson 10 with windows as one stacked axis, argmax over it, and means by products with 1 / K²."""

import numpy as np


def stacked(x, K, S):
    """(N, OH, OW, C, K·K), in reading order."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(1, 2))[:, ::S, ::S]
    return windows.reshape(*windows.shape[:4], K * K)


def padded(x, P, value):
    return np.pad(x, [(0, 0), (P, P), (P, P), (0, 0)], constant_values=value)


def unstacked(parts, shape, K, S, P):
    """Every number of a stacked array added to where it came from."""
    N, H, W, C = shape
    dx = np.zeros((N, H + 2 * P, W + 2 * P, C))
    OH, OW = parts.shape[1:3]
    for k in range(K * K):
        kh, kw = divmod(k, K)
        dx[:, kh:kh + S * (OH - 1) + 1:S, kw:kw + S * (OW - 1) + 1:S] += parts[..., k]
    return dx[:, P:P + H, P:P + W]


def max_pool2d(x, K, S, P=0):
    return stacked(padded(x, P, -np.inf), K, S).max(axis=-1)


def max_pool2d_backward(dy, x, y, K, S, P=0):
    largest = stacked(padded(x, P, -np.inf), K, S).argmax(axis=-1)
    return unstacked(dy[..., None] * (np.arange(K * K) == largest[..., None]), x.shape, K, S, P)


def avg_pool2d(x, K, S, P=0):
    return stacked(padded(x, P, 0), K, S) @ np.full(K * K, 1 / K**2)


def avg_pool2d_backward(dy, shape, K, S, P=0):
    return unstacked(np.repeat(dy[..., None] / K**2, K * K, axis=-1), shape, K, S, P)
