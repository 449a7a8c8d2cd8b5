"""The steps of batch normalisation, each in one pass over a block."""

import numpy as np

from .arithmetic import kernel


@kernel
def sums_of_powers(x, shift):
    first, second = np.zeros_like(shift), np.zeros_like(shift)
    for r in range(x.shape[0]):
        for j in range(x.shape[1]):
            d = x[r, j] - shift[j]
            first[j] += d
            second[j] += d * d
    return first, second


@kernel
def scale_and_shift(x, factor, shift, y):
    for r in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[r, j] = x[r, j] * factor[j] + shift[j]


@kernel
def sums_of_gradients(dy, x, mean):
    first, second = np.zeros_like(mean), np.zeros_like(mean)
    for r in range(x.shape[0]):
        for j in range(x.shape[1]):
            first[j] += dy[r, j]
            second[j] += dy[r, j] * (x[r, j] - mean[j])
    return first, second


@kernel
def combine(dy, x, a, b, c, dx):
    for r in range(x.shape[0]):
        for j in range(x.shape[1]):
            dx[r, j] = a[j] * dy[r, j] + (b[j] * x[r, j] + c[j])
