"""Lesson 8 from the side of the pixels and weights: each collects what it wants, and nothing is handed back."""

import numpy as np


def conv1d_backward(dy, x, w):
    return [np.convolve(dy, w), np.correlate(x, dy, "valid")]


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, _, _, F = W.shape
    _, OH, OW, _ = dy.shape
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for oh, ow, kh, kw in np.ndindex(OH, OW, K, K):
        row, column = S * oh + kh - P, S * ow + kw - P
        if 0 <= row < H and 0 <= column < Wd:
            dx[:, row, column] += dy[:, oh, ow] @ W[kh, kw].T
            dW[kh, kw] += x[:, row, column].T @ dy[:, oh, ow]
    return [dx, dW, np.einsum("nhwf->f", dy)]


def dx_by_convolution(dy, W, P=0):
    K = len(W)
    Q = K - 1
    dy = np.pad(dy, [(0, 0), (Q, Q), (Q, Q), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(dy, (K, K), axis=(1, 2))
    dx = np.einsum("nhwfkl,klcf->nhwc", windows, np.rot90(W, 2))
    return dx[:, P:dx.shape[1] - P, P:dx.shape[2] - P]
