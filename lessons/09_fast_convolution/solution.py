"""Lesson 9, solved: im2col, and then convolution and its gradients by shifted products, which do not need it."""

import numpy as np

from minicap.conv import output_size, pad


def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    columns = np.empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for (kh, kw), seen in shifted(pad(x, P), K, S, OH, OW):
        columns[:, :, :, kh, kw] = seen
    return columns.reshape(N, OH, OW, K * K * C)


def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    y = np.zeros((N, OH, OW, F), dtype=x.dtype) + b
    for (kh, kw), seen in shifted(pad(x, P), K, S, OH, OW):
        y += seen @ W[kh, kw]
    return y


def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    N, OH, OW, F = dy.shape
    K = len(W)
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.empty_like(W)
    for (kh, kw), seen in shifted(x, K, S, OH, OW):
        dW[kh, kw] = seen.reshape(-1, C).T @ dy.reshape(-1, F)
    for (kh, kw), dseen in shifted(dx, K, S, OH, OW):
        dseen += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


def shifted(x, K, S, OH, OW):
    """For each position in the kernel, the pixels under it in all windows: views (N, OH, OW, C) of x."""
    for kh in range(K):
        for kw in range(K):
            yield (kh, kw), x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
