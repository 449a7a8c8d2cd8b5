"""Lesson 1 with keepdims everywhere, and moments from sums."""

import numpy as np


def normalize_columns(x):
    mean = np.mean(x, axis=0, keepdims=True)
    variance = np.mean(x ** 2, axis=0, keepdims=True) - mean ** 2
    return (x - mean) / variance ** 0.5


def squared_distances(a, b):
    return np.stack([np.linalg.norm(a - row, axis=1) ** 2 for row in b], axis=1)


def unbroadcast(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    for i in range(len(shape)):
        if shape[i] != dy.shape[i]:
            dy = dy.sum(axis=i, keepdims=True)
    return dy


def adjust_backward(x, a, b, dy):
    dx = np.broadcast_to(a, x.shape) * dy
    return dx, np.diag(x @ dy.T)[:, None].copy(), unbroadcast(dy, b.shape)
