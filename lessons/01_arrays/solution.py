"""Lesson 1, solved."""


def normalize_columns(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def squared_distances(a, b):
    difference = a[:, None, :] - b[None, :, :]  # (N, M, D)
    return (difference ** 2).sum(axis=2)


def unbroadcast(dy, shape):
    in_front = dy.ndim - len(shape)
    dy = dy.sum(axis=tuple(range(in_front)))
    stretched = tuple(i for i, length in enumerate(shape) if length == 1)
    return dy.sum(axis=stretched, keepdims=True)


def adjust_backward(x, a, b, dy):
    return a * dy, unbroadcast(x * dy, a.shape), unbroadcast(dy, b.shape)
