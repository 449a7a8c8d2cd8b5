"""Lesson 1 in loops."""

import itertools
import math

import numpy as np


def normalize_columns(x):
    columns = []
    for column in x.T:
        mean = sum(column) / len(column)
        deviation = math.sqrt(sum((number - mean) ** 2 for number in column) / len(column))
        columns.append([(number - mean) / deviation for number in column])
    return np.array(columns).T


def squared_distances(a, b):
    table = np.zeros((len(a), len(b)))
    for n in range(len(a)):
        for m in range(len(b)):
            for d in range(a.shape[1]):
                table[n, m] += (a[n, d] - b[m, d]) ** 2
    return table


def unbroadcast(dy, shape):
    total = np.zeros(shape)
    for index in itertools.product(*map(range, dy.shape)):
        own = index[len(index) - len(shape):]
        total[tuple(i if length > 1 else 0 for i, length in zip(own, shape, strict=True))] += dy[index]
    return total


def adjust_backward(x, a, b, dy):
    da, db = np.zeros_like(a), np.zeros_like(b)
    for n, (picture, pull) in enumerate(zip(x, dy, strict=True)):
        da[n] = picture @ pull
        db += pull
    return dy * a, da, db
