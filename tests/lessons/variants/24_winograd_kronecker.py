"""Lesson 24 with one matrix for both directions, as minicap has it: vec(M X Mᵀ) = (M ⊗ M) vec(X)."""

import numpy as np

BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
AT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
BT2, G2, AT2 = (np.kron(M, M) for M in (BT, G, AT))


def winograd_row(x, w):
    products = np.zeros(4)
    for k in range(4):
        products[k] = (BT[k] @ x) * (G[k] @ w)
    return [1, 1] * np.array([products[0] + products[1] + products[2], products[1] - products[2] - products[3]])


def winograd_tile(x, w):
    return (AT2 @ ((G2 @ w.ravel()) * (BT2 @ x.ravel()))).reshape(2, 2)


def multiplications(H, W, C, F, m):
    tiles = len(range(0, H, m)) * len(range(0, W, m))
    return tiles * C * F * (m * m + 4 * m + 4)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    F = W.shape[3]
    x = np.pad(x, ((0, 0), (1, 1 + H % 2), (1, 1 + Wd % 2), (0, 0)))
    tiles = np.lib.stride_tricks.sliding_window_view(x, (4, 4), axis=(1, 2))[:, ::2, ::2]  # (N, TH, TW, C, 4, 4)
    TH, TW = tiles.shape[1:3]
    tiles = tiles.transpose(4, 5, 0, 1, 2, 3).reshape(16, -1)
    V = (BT2.astype(x.dtype) @ tiles).reshape(16, -1, C)
    U = (G2.astype(x.dtype) @ W.reshape(9, -1)).reshape(16, C, F)
    Y = AT2.astype(x.dtype) @ (V @ U).reshape(16, -1)
    y = Y.reshape(2, 2, N, TH, TW, F).transpose(2, 3, 0, 4, 1, 5).reshape(N, 2 * TH, 2 * TW, F)
    return (y + b)[:, :H, :Wd]
