"""3 x 3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3) (Lavin and Gray 2016).

A 4 x 4 tile of outputs depends on 6 x 6 inputs. Directly it costs 16 · 9 = 144 multiplications per channel pair; after
transforming inputs and kernel to the points 0, ±1, ±2, ∞ (polynomial multiplication by evaluation), only 36:

    y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A                 x: 6 x 6, w: 3 x 3, y: 4 x 4

Row-major flattening turns the two-sided products into one-sided ones, vec(M X Mᵀ) = (M ⊗ M) vec(X), and all tiles and
channels at once into three matrix products around 36 independent ones:

    V = (Bᵀ⊗Bᵀ) @ tiles         (36, 36) @ (36, tiles·C)
    M[p] = V[p] @ U[p]           (tiles, C) @ (C, F)       p = 1..36,   U = (G⊗G) @ W, computed once
    Y = (Aᵀ⊗Aᵀ) @ M             (16, 36) @ (36, tiles·F)

Rows of tiles are taken in blocks that stay in the cache. The transforms amplify rounding: float32 results differ from
the direct sum by about 1e-5 of the largest output (measured in tests/cpu/test_winograd.py).
"""

import numpy as np

from ..layer import expect_shape

BT = np.array([[4, 0, -5, 0, 1, 0],
               [0, -4, -4, 1, 1, 0],
               [0, 4, -4, -1, 1, 0],
               [0, -2, -1, 2, 1, 0],
               [0, 2, -1, -2, 1, 0],
               [0, 4, 0, -5, 0, 1]], dtype=np.float64)
G = np.array([[1 / 4, 0, 0],
              [-1 / 6, -1 / 6, -1 / 6],
              [-1 / 6, 1 / 6, -1 / 6],
              [1 / 24, 1 / 12, 1 / 6],
              [1 / 24, -1 / 12, 1 / 6],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 1, 1, 0],
               [0, 1, -1, 2, -2, 0],
               [0, 1, 1, 4, 4, 0],
               [0, 1, -1, 8, -8, 1]], dtype=np.float64)

BLOCK_BYTES = 4 << 20  # of transformed tiles at a time: with input, products and output this fits a shared L3 cache


class Workspace:
    """Scratch arrays by name, grown when needed and kept: fresh memory costs as much as the arithmetic."""

    def __init__(self):
        self.arrays = {}

    def empty(self, name, shape):
        size = int(np.prod(shape))
        if name not in self.arrays or self.arrays[name].size < size:
            self.arrays[name] = np.empty(size, np.float32)
        return self.arrays[name][:size].reshape(shape)


class WinogradConv:
    """A 3 x 3 convolution with stride 1 and padding 1, prepared for inference: y = [relu](conv(x) + b).

    ``W`` (3, 3, C, F) is transformed once, to (36, C, F): four times its size.
    """

    def __init__(self, W, b, relu=False):
        K, K, C, F = W.shape
        self.U = (np.kron(G, G) @ W.reshape(9, C * F)).astype(np.float32).reshape(36, C, F)
        self.b, self.relu = b.astype(np.float32), relu
        self.BT2 = np.kron(BT, BT).astype(np.float32)
        self.AT2 = np.kron(AT, AT).astype(np.float32)

    def __call__(self, x, workspace):
        """x: one image (H, W, C) float32 -> (H, W, F). ``workspace`` must not be shared between threads."""
        _, C, F = self.U.shape
        expect_shape(self, x, "HWC", C=C)  # NumPy would spread a single channel over all C of them
        H, W, C = x.shape
        TH, TW = -(-H // 4), -(-W // 4)  # rows and columns of tiles; the last may hang over the edge
        padded = workspace.empty("padded", (4 * TH + 2, 4 * TW + 2, C))
        padded[0] = padded[H + 1:] = 0
        padded[:, 0] = padded[:, W + 1:] = 0
        padded[1:H + 1, 1:W + 1] = x
        y = np.empty((4 * TH, 4 * TW, F), np.float32)
        block = max(1, BLOCK_BYTES // (36 * 4 * TW * max(C, F)))
        for top in range(0, TH, block):
            rows = min(block, TH - top)
            out = y[4 * top:4 * (top + rows)].reshape(rows, 4, TW, 4, F)
            self._block(padded[4 * top:], rows, TW, out, workspace)
        return y[:H, :W]

    def _block(self, padded, rows, TW, out, workspace):
        """``rows`` rows of tiles; ``padded`` begins at the first of them. Writes ``out`` (rows, 4, TW, 4, F)."""
        _, C, F = self.U.shape
        tiles = workspace.empty("tiles", (6, 6, rows, TW, C))
        for i in range(6):
            for j in range(6):
                tiles[i, j] = padded[i:i + 4 * rows - 3:4, j:j + 4 * TW - 3:4]
        V = workspace.empty("V", (36, rows * TW * C))
        np.matmul(self.BT2, tiles.reshape(36, -1), out=V)
        M = workspace.empty("M", (36, rows * TW, F))
        np.matmul(V.reshape(36, rows * TW, C), self.U, out=M)
        Y = workspace.empty("Y", (16, rows * TW * F))
        np.matmul(self.AT2, M.reshape(36, -1), out=Y)
        Y = Y.reshape(4, 4, rows, TW, F)
        Y += self.b
        if self.relu:
            np.maximum(Y, 0, out=Y)
        out[...] = Y.transpose(2, 0, 3, 1, 4)

    def __repr__(self):
        return f"WinogradConv({self.U.shape[1]} -> {self.U.shape[2]})"
