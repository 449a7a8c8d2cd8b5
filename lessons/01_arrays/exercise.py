"""Lesson 1: arrays and broadcasting. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np


def normalize_columns(x):
    """Every column scaled to mean 0 and standard deviation 1: the column minus its mean, divided by its deviation.

    x: (N, D), N samples of D numbers each; no column is constant. Returns an array of the same shape. The deviation is
    the square root of the mean of the squared distances from the mean; NumPy's `x.std(axis=...)` computes it.

        x = [[1, 10,  5],       mean of each column: 2, 20, 15       y = [[-1, -1, -1],
             [3, 30, 25]]       deviation:           1, 10, 10            [ 1,  1,  1]]
    """
    raise NotImplementedError("exercise 1.1 is still to do")


def squared_distances(a, b):
    """The squared distance of every row of a from every row of b.

    a: (N, D), b: (M, D). Returns (N, M): row n, column m holds the sum over d of (a[n, d] - b[m, d])².

        a = [[0, 0],       b = [[0, 0],       squared_distances(a, b) = [[ 0,  9, 64],
             [3, 4]]            [3, 0],                                  [25, 16, 25]]
                                [0, 8]]
    """
    raise NotImplementedError("exercise 1.2 is still to do")


def unbroadcast(dy, shape):
    """The gradient of an array of this shape, from the gradient dy of what it was broadcast to.

    dy: any number of axes; shape: a tuple that broadcasts to dy.shape. Returns an array of this shape: dy, summed along
    every axis along which the small array was copied.

        dy = [[ 1,  2,  3],       unbroadcast(dy, (3,))   is [11, 22, 33]
              [10, 20, 30]]       unbroadcast(dy, (1, 3)) is [[11, 22, 33]]
                                  unbroadcast(dy, (2, 1)) is [[6], [60]]
                                  unbroadcast(dy, (2, 3)) is dy
    """
    raise NotImplementedError("exercise 1.3 is still to do")


def adjust_backward(x, a, b, dy):
    """The gradients of y = a x + b, where a is one number for each picture and b one for each pixel.

    x: (N, D), N pictures of D pixels; a: (N, 1), their contrasts; b: (D,), what is added at each pixel; dy: (N, D),
    the gradient of y. Returns (dx, da, db), shaped like x, a and b.

        x = [[1, 2, 3],    a = [[ 2],    b = [7, 8, 9]    dy = [[1, 0, 2],
             [4, 5, 6]]         [10]]                           [0, 3, 1]]

        dx = [[2,  0,  4],    da = [[ 7],    db = [1, 3, 3]
              [0, 30, 10]]          [21]]
    """
    raise NotImplementedError("exercise 1.4 is still to do")
