"""Winograd's three transforms as additions: for each tile first the columns, then the rows, 32 channels at a time.

(M ⊗ M) vec(X) costs 36 multiplications per number; Mᵀ X followed by (Mᵀ X) M costs a handful of additions, since most
entries of Bᵀ and Aᵀ are 0 or ±1. Tiles are copied into 4.6 KB of memory with a fixed layout, so that the compiler knows
that arrays do not overlap.
"""

import numpy as np

from .arithmetic import f4, kernel

LANES = 32  # channels at a time: four vectors of eight float32
TWO, FOUR, FIVE, EIGHT, ZERO = f4(2), f4(4), f4(5), f4(8), f4(0)


@kernel
def transform_input(x, top, V):
    N, H, W, C = x.shape
    _, _, rows, TW, _ = V.shape
    tile, half = np.zeros(36 * LANES, np.float32), np.zeros(36 * LANES, np.float32)
    for n in range(N):
        for r in range(rows):
            for q in range(TW):
                for begin in range(0, C, LANES):
                    lanes = min(LANES, C - begin)
                    _load(x[n], 4 * (top + r) - 1, 4 * q - 1, 6, begin, lanes, tile)
                    for j in range(6):  # Bᵀ x
                        _bt(tile, half, j, 6)
                    for i in range(6):  # (Bᵀ x) B
                        _bt(half, tile, 6 * i, 1)
                    for p in range(36):
                        out = V[p, n, r, q, begin:begin + lanes]
                        for c in range(lanes):
                            out[c] = tile[p * LANES + c]


@kernel
def _load(x, row, col, side, begin, lanes, tile):
    """Copy the side x side pixels that begin at (row, col) into ``tile``, with zeros outside of x (H, W, C)."""
    H, W, C = x.shape
    for i in range(side):
        for j in range(side):
            at = (i * side + j) * LANES
            if 0 <= row + i < H and 0 <= col + j < W:
                pixel = x[row + i, col + j, begin:begin + lanes]
                for c in range(lanes):
                    tile[at + c] = pixel[c]
            else:
                for c in range(LANES):
                    tile[at + c] = ZERO


@kernel
def _bt(a, out, first, step):
    """Bᵀ times the six pixels ``first``, ``first + step``, ..."""
    at, step = first * LANES, step * LANES
    for c in range(at, at + LANES):
        a0, a1, a2, a3, a4, a5 = a[c], a[c + step], a[c + 2 * step], a[c + 3 * step], a[c + 4 * step], a[c + 5 * step]
        even, odd = a4 - FOUR * a2, a3 - FOUR * a1
        out[c] = FOUR * a0 - FIVE * a2 + a4
        out[c + step] = even + odd
        out[c + 2 * step] = even - odd
        even, odd = a4 - a2, TWO * (a3 - a1)
        out[c + 3 * step] = even + odd
        out[c + 4 * step] = even - odd
        out[c + 5 * step] = FOUR * a1 - FIVE * a3 + a5


def transform_output(M, top, b, limits, pool, y):
    _transform_output(M, top, b, *map(f4, limits), pool, y)


@kernel
def _transform_output(M, top, b, low, high, pool, y):
    N, OH, OW, F = y.shape
    _, _, rows, TW, _ = M.shape
    side = 2 if pool else 4
    tile, half = np.zeros(36 * LANES, np.float32), np.zeros(36 * LANES, np.float32)
    for n in range(N):
        for r in range(rows):
            for q in range(TW):
                for begin in range(0, F, LANES):
                    lanes = min(LANES, F - begin)
                    for p in range(36):
                        product = M[p, n, r, q, begin:begin + lanes]
                        for f in range(lanes):
                            tile[p * LANES + f] = product[f]
                    for j in range(6):  # Aᵀ M: (4, 6)
                        _at(tile, half, j, j, 6)
                    for i in range(4):  # (Aᵀ M) A: (4, 4)
                        _at(half, tile, 6 * i, 4 * i, 1)
                    if pool:
                        _pool(tile)
                    height, width = min(side, OH - side * (top + r)), min(side, OW - side * q)
                    for i in range(height):  # the last tiles may extend beyond the edge
                        for j in range(width):
                            out, at = y[n, side * (top + r) + i, side * q + j, begin:begin + lanes], i * side + j
                            bias = b[begin:begin + lanes]
                            for f in range(lanes):
                                value = tile[at * LANES + f] + bias[f]
                                value = low if value < low else value
                                out[f] = high if value > high else value


@kernel
def _at(a, out, first, to, step):
    """Aᵀ times the six numbers ``first``, ``first + step``, ...: four, written to ``to``, ``to + step``, ..."""
    at, into, step = first * LANES, to * LANES, step * LANES
    for f in range(LANES):  # indices of the form base + f: only then does the compiler vectorise the loop
        a0, a5 = a[at + f], a[at + 5 * step + f]
        plus, minus = a[at + step + f], a[at + 2 * step + f]
        plus2, minus2 = a[at + 3 * step + f], a[at + 4 * step + f]
        even, odd, even2, odd2 = plus + minus, plus - minus, plus2 + minus2, TWO * (plus2 - minus2)
        out[into + f] = a0 + even + even2
        out[into + step + f] = odd + odd2
        out[into + 2 * step + f] = even + FOUR * even2
        out[into + 3 * step + f] = odd + FOUR * odd2 + a5


@kernel
def _pool(tile):
    """The largest of each 2 x 2 of the 4 x 4 outputs."""
    for i in range(2):
        for j in range(2):
            for f in range(LANES):
                at = (8 * i + 2 * j) * LANES + f
                above, below = max(tile[at], tile[at + LANES]), max(tile[at + 4 * LANES], tile[at + 5 * LANES])
                tile[(2 * i + j) * LANES + f] = max(above, below)


@kernel
def transform_output_gradient(dy, top, dM):
    N, OH, OW, F = dy.shape
    _, _, rows, TW, _ = dM.shape
    tile, half = np.zeros(36 * LANES, np.float32), np.zeros(36 * LANES, np.float32)
    for n in range(N):
        for r in range(rows):
            for q in range(TW):
                for begin in range(0, F, LANES):
                    lanes = min(LANES, F - begin)
                    _load(dy[n], 4 * (top + r), 4 * q, 4, begin, lanes, tile)
                    for j in range(4):  # A dY: (6, 4)
                        _a(tile, half, j, j, 4)
                    for i in range(6):  # (A dY) Aᵀ: (6, 6)
                        _a(half, tile, 4 * i, 6 * i, 1)
                    for p in range(36):
                        out = dM[p, n, r, q, begin:begin + lanes]
                        for f in range(lanes):
                            out[f] = tile[p * LANES + f]


@kernel
def _a(a, out, first, to, step):
    """A times the four numbers ``first``, ``first + step``, ...: six, written to ``to``, ``to + step``, ..."""
    at, into, step = first * LANES, to * LANES, step * LANES
    for f in range(LANES):
        a0, a1, a2, a3 = a[at + f], a[at + step + f], a[at + 2 * step + f], a[at + 3 * step + f]
        even, odd, even2, odd2 = a0 + a2, a1 + a3, a0 + FOUR * a2, TWO * a1 + EIGHT * a3
        out[into + f] = a0
        out[into + step + f] = even + odd
        out[into + 2 * step + f] = even - odd
        out[into + 3 * step + f] = even2 + odd2
        out[into + 4 * step + f] = even2 - odd2
        out[into + 5 * step + f] = a3
