"""Lesson 8, solved."""

import numpy as np

from minicap.conv import conv2d, pad


def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(dy)):
        dx[i:i + len(w)] += dy[i] * w
        dw += dy[i] * x[i:i + len(w)]
    return dx, dw


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W[::-1, ::-1].transpose(0, 1, 3, 2)  # (K, K, F, C)
    return conv2d(dy, turned, np.zeros(C), P=K - 1 - P)
