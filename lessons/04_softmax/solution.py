"""Lesson 4, solved."""

import numpy as np


def relu_backward(dy, y):
    return dy * (y > 0)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(dp, p):
    return p * (dp - (p * dp).sum(axis=1, keepdims=True))


def cross_entropy(z, targets):
    M, V = z.shape
    samples = np.arange(M)
    shifted = z - z.max(axis=1, keepdims=True)
    loss = (np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]).mean()
    dz = softmax(z)
    dz[samples, targets] -= 1
    return loss, dz / M
