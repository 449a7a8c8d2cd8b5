"""Lesson 4 with np.where, transposed arrays in place of keepdims, and rows of the identity."""

import numpy as np


def relu_backward(dy, y):
    return np.where(y > 0, dy, 0.0)


def softmax(z):
    e = np.exp((z.T - z.max(axis=1)).T)
    return (e.T / e.sum(axis=1)).T


def softmax_backward(dp, p):
    return p * dp - p * np.vecdot(p, dp)[:, None] if hasattr(np, "vecdot") else p * dp - p * (p * dp).sum(1)[:, None]


def cross_entropy(z, targets):
    M, V = z.shape
    e = z - z.max(1)[:, None]
    log_p = e - np.log(np.exp(e).sum(1))[:, None]
    loss = -np.mean([log_p[m, targets[m]] for m in range(M)])
    return loss, (np.exp(log_p) - np.eye(V)[targets]) / M
