"""Lesson 4 by way of logarithms, with SciPy's logsumexp and one-hot targets."""

import numpy as np
from scipy.special import log_softmax, logsumexp


def relu_backward(dy, y):
    dx = dy.copy()
    dx[y == 0] = 0
    return dx


def softmax(z):
    return np.exp(z - logsumexp(z, axis=-1, keepdims=True))


def softmax_backward(dp, p):
    weighted = p * dp
    return weighted - p * np.einsum("mv->m", weighted)[:, None]


def cross_entropy(z, targets):
    one_hot = np.zeros_like(z)
    np.put_along_axis(one_hot, targets[:, None], 1, axis=1)
    loss = -np.sum(one_hot * log_softmax(z, axis=1)) / len(z)
    return [loss, np.exp(log_softmax(z, axis=1)) / len(z) - one_hot / len(z)]
