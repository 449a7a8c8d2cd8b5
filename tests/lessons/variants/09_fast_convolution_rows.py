"""Lesson 9 with windows along the width and a product for each row of the kernel; gradients by einsum."""

import numpy as np

from minicap.conv import output_size


def im2col(x, K, S=1, P=0):
    rows = [strip.reshape(*strip.shape[:3], -1) for strip in strips(x, K, S, P)]
    return np.concatenate(rows, axis=3)


def strips(x, K, S, P):
    """What each row of the kernel sees: (N, OH, OW, K, C)."""
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    padded = np.zeros((N, H + 2 * P, W + 2 * P, C), x.dtype)
    padded[:, P:H + P, P:W + P] = x
    wide = np.stack([padded[:, :, kw:kw + S * (OW - 1) + 1:S] for kw in range(K)], axis=3)
    return [wide[:, kh:kh + S * (OH - 1) + 1:S] for kh in range(K)]


def conv2d(x, W, b, S=1, P=0):
    K, _, C, F = W.shape
    return b + sum(strip.reshape(*strip.shape[:3], K * C) @ weights.reshape(K * C, F)
                   for strip, weights in zip(strips(x, K, S, P), W, strict=True))


def conv2d_backward(dy, x, W, S=1, P=0):
    N, OH, OW, F = dy.shape
    K = len(W)
    dW = np.stack([np.einsum("nhwkc,nhwf->kcf", strip, dy, optimize=True) for strip in strips(x, K, S, P)])
    dx = np.zeros((len(x), x.shape[1] + 2 * P, x.shape[2] + 2 * P, x.shape[3]), x.dtype)
    for kh in range(K):
        for kw in range(K):
            part = np.einsum("nhwf,cf->nhwc", dy, W[kh, kw], optimize=True)
            dx[:, kh:kh + S * (OH - 1) + 1:S, kw:kw + S * (OW - 1) + 1:S] += part
    return dx[:, P:P + x.shape[1], P:P + x.shape[2]], dW, np.einsum("nhwf->f", dy)
