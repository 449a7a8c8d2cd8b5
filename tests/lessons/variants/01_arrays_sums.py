"""Lesson 1 with einsum, products and reshapes."""

import numpy as np


def normalize_columns(x):
    N, D = x.shape
    centred = x - np.full((N, N), 1 / N) @ x
    return centred / np.sqrt(np.einsum("nd,nd->d", centred, centred) / N)


def squared_distances(a, b):
    return (a ** 2).sum(axis=1)[:, None] + (b ** 2).sum(axis=1) - 2 * a @ b.T


def unbroadcast(dy, shape):
    full = (1,) * (dy.ndim - len(shape)) + tuple(shape)
    axes = [i for i in range(dy.ndim) if full[i] == 1 and dy.shape[i] > 1]
    return np.add.reduce(dy, axis=tuple(axes)).reshape(shape)


def adjust_backward(x, a, b, dy):
    return [np.einsum("n,nd->nd", a[:, 0], dy), np.einsum("nd,nd->n", x, dy)[:, None], np.ones(len(x)) @ dy]
