"""Lesson 24 without matrices: the row's formulas, used on rows of rows, and a loop over tiles."""

import math

import numpy as np


def of_pixels(x):
    return [x[0] - x[2], x[1] + x[2], x[2] - x[1], x[1] - x[3]]


def of_weights(w):
    return [w[0], (w[0] + w[1] + w[2]) / 2, (w[0] - w[1] + w[2]) / 2, w[2]]


def of_products(m):
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def winograd_row(x, w):
    return np.array(of_products([p * q for p, q in zip(of_pixels(x), of_weights(w), strict=True)]))


def winograd_tile(x, w):
    """The row's algorithm with rows for numbers: four products of rows, each of which is winograd_row."""
    rows = [winograd_row(p, q) for p, q in zip(of_pixels(x), of_weights(w), strict=True)]
    return np.array(of_products(rows))


def multiplications(H, W, C, F, m):
    return math.ceil(H / m) * math.ceil(W / m) * (m + 2) * (m + 2) * C * F


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    x = np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))
    y = np.zeros((N, H + 1, Wd + 1, W.shape[3]), x.dtype)
    for row in range(0, H, 2):
        for column in range(0, Wd, 2):
            tile = x[:, row:row + 4, column:column + 4].transpose(1, 2, 0, 3)
            V = [of_pixels(line) for line in of_pixels(tile)]
            U = [of_weights(line) for line in of_weights(W)]
            M = [[v @ u for v, u in zip(vs, us, strict=True)] for vs, us in zip(V, U, strict=True)]
            Y = of_products([np.array(of_products(line)) for line in M])
            for i in range(2):
                for j in range(2):
                    y[:, row + i, column + j] = Y[i][j] + b
    return y[:, :H, :Wd]
