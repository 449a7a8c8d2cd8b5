"""Lesson 4: ReLU, softmax, cross-entropy. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np


def relu_backward(dy, y):
    """The gradient with respect to x of y = max(x, 0).

    dy, y: arrays of the same shape. Returns dx of that shape. You are given y but not x; that is enough.

        x = [[2, -3, 1]]    y = [[2, 0, 1]]    dy = [[5, 6, -7]]    dx = [[5, 0, -7]]
    """
    raise NotImplementedError("exercise 4.1 is still to do")


def softmax(z):
    """The probabilities of V classes for each of M samples: p = exp(z) / (the sum of exp(z) over the classes).

    z: (M, V), any finite numbers, 1000 and -1000 included. Returns (M, V); each row sums to 1.

        z = [[0, log 2, log 5],       p = [[1/8, 2/8, 5/8],
             [7,     7,     7]]            [1/3, 1/3, 1/3]]
    """
    raise NotImplementedError("exercise 4.2 is still to do")


def softmax_backward(dp, p):
    """The gradient with respect to z of p = softmax(z).

    dp, p: (M, V). Returns dz: (M, V).

        p = [[1/8, 2/8, 5/8]]    dp = [[8, 0, 0]]    dz = [[7/8, -2/8, -5/8]]
    """
    raise NotImplementedError("exercise 4.3 is still to do")


def cross_entropy(z, targets):
    """The mean loss of M samples, -log of the probability of the target, and its gradient.

    z: (M, V), any finite numbers; targets: (M,) whole numbers, the right class of each sample. Returns (loss, dz): a
    number, and an array (M, V).

        z = [[0, log 2, log 5],    targets = [0, 2]
             [7,     7,     7]]

        loss = (log 8 + log 3) / 2 = 1.589
        dz = [[-7/16, 2/16,  5/16],
              [ 1/6,  1/6,  -2/6 ]]
    """
    raise NotImplementedError("exercise 4.4 is still to do")
