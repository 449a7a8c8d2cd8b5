"""Winograd's three transforms as additions: of each tile first the columns, then the rows, sixteen channels at a time.

(M ⊗ M) vec(X) costs 36 multiplications per number; Mᵀ X followed by (Mᵀ X) M costs a handful of additions, since most
entries of Bᵀ and Aᵀ are 0 or ±1. They are done in registers (vectors.py): the columns are read from where the tile is,
and the rows written to where it goes, with 2.3 KB of memory in between.
"""

import numpy as np

from .arithmetic import f4, kernel
from .vectors import LANES, add, largest, limit, load, multiply_add, repeat, store, subtract

TWO, FOUR, FIVE, EIGHT, ZERO = f4(2), f4(4), f4(5), f4(8), f4(0)


def transform_input(x, top, V):
    return _transform_input(x, top, V) if _fit(x, V) else NotImplemented


def transform_output(M, top, b, limits, pool, y):
    return _transform_output(M, top, b, *map(f4, limits), pool, y) if _fit(M, b, y) else NotImplemented


def transform_output_gradient(dy, top, dM):
    return _transform_output_gradient(dy, top, dM) if _fit(dy, dM) else NotImplemented


def _fit(*arrays):
    """Channels that fill a vector at least, in flat memory."""
    return all(a.flags.c_contiguous and a.shape[-1] >= LANES for a in arrays)


# Arrays are flat from here on, and where the channels are no multiple of sixteen, the last sixteen overlap with those
# before. Six numbers, each with fifteen more channels behind it, begin at a[p], a[p + step], a[p + 2 · step], ...

@kernel
def _transform_input(x, top, V):
    N, H, W, C = x.shape
    _, _, rows, TW, _ = V.shape
    half, edge = np.zeros(36 * LANES, np.float32), np.zeros(36 * LANES, np.float32)
    x, V, point = x.reshape(-1), V.reshape(-1), N * rows * TW * C  # from a tile to itself at the next of 36 points
    for n in range(N):
        for r in range(rows):
            for q in range(TW):
                row, col, tile = 4 * (top + r) - 1, 4 * q - 1, ((n * rows + r) * TW + q) * C
                inside = row >= 0 and col >= 0 and row + 6 <= H and col + 6 <= W
                for block in range(0, C, LANES):
                    c = min(block, C - LANES)
                    p = ((n * H + row) * W + col) * C + c
                    if not inside:
                        _copy(x, p, row, col, H, W, C, 6, edge)
                    for j in range(6):  # Bᵀ x
                        if inside:
                            _bt(x, p + j * C, W * C, half, j * LANES, 6 * LANES)
                        else:
                            _bt(edge, j * LANES, 6 * LANES, half, j * LANES, 6 * LANES)
                    for i in range(6):  # (Bᵀ x) B
                        _bt(half, 6 * i * LANES, LANES, V, tile + c + 6 * i * point, point)


@kernel
def _copy(x, p, row, col, H, W, C, side, tile):
    """Copy the side x side pixels from x[p] on, which is at (row, col), with zeros outside of the H x W image."""
    for i in range(side):
        for j in range(side):
            if 0 <= row + i < H and 0 <= col + j < W:
                store(tile, (side * i + j) * LANES, load(x, p + (i * W + j) * C))
            else:
                store(tile, (side * i + j) * LANES, repeat(ZERO))


@kernel
def _bt(a, p, step, out, q, by):
    """Bᵀ times six numbers, written to out[q], out[q + by], ..."""
    a0, a1, a2 = load(a, p), load(a, p + step), load(a, p + 2 * step)
    a3, a4, a5 = load(a, p + 3 * step), load(a, p + 4 * step), load(a, p + 5 * step)
    four, minus_four, minus_five = repeat(FOUR), repeat(-FOUR), repeat(-FIVE)
    store(out, q, multiply_add(four, a0, multiply_add(minus_five, a2, a4)))
    even, odd = multiply_add(minus_four, a2, a4), multiply_add(minus_four, a1, a3)
    store(out, q + by, add(even, odd))
    store(out, q + 2 * by, subtract(even, odd))
    even, odd = subtract(a4, a2), subtract(a3, a1)
    odd = add(odd, odd)
    store(out, q + 3 * by, add(even, odd))
    store(out, q + 4 * by, subtract(even, odd))
    store(out, q + 5 * by, multiply_add(four, a1, multiply_add(minus_five, a3, a5)))


@kernel
def _transform_output(M, top, b, low, high, pool, y):
    N, OH, OW, F = y.shape
    _, _, rows, TW, _ = M.shape
    side, low, high = 2 if pool else 4, repeat(low), repeat(high)
    half = np.zeros(24 * LANES, np.float32)
    M, y, point = M.reshape(-1), y.reshape(-1), N * rows * TW * F
    for n in range(N):
        for r in range(rows):
            for q in range(TW):
                height, width = min(side, OH - side * (top + r)), min(side, OW - side * q)  # the edge may be nearer
                tile, to = ((n * rows + r) * TW + q) * F, ((n * OH + side * (top + r)) * OW + side * q) * F
                for block in range(0, F, LANES):
                    f = min(block, F - LANES)
                    bias = load(b, f)
                    for j in range(6):  # Aᵀ M: (4, 6)
                        rows_of_y = _at(M, tile + f + j * point, 6 * point)
                        for i in range(4):
                            store(half, (6 * i + j) * LANES, rows_of_y[i])
                    for i in range(height):  # (Aᵀ M) A: (4, 4)
                        if pool:
                            above, below = _at(half, 12 * i * LANES, LANES), _at(half, (12 * i + 6) * LANES, LANES)
                            pixels = (largest(largest(above[0], above[1]), largest(below[0], below[1])),
                                      largest(largest(above[2], above[3]), largest(below[2], below[3])), bias, bias)
                        else:
                            pixels = _at(half, 6 * i * LANES, LANES)
                        for j in range(width):
                            store(y, to + (i * OW + j) * F + f, limit(add(pixels[j], bias), low, high))


@kernel
def _at(a, p, step):
    """Aᵀ times six numbers: four."""
    a0, plus, minus = load(a, p), load(a, p + step), load(a, p + 2 * step)
    plus2, minus2, a5 = load(a, p + 3 * step), load(a, p + 4 * step), load(a, p + 5 * step)
    even, odd, even2, odd2 = add(plus, minus), subtract(plus, minus), add(plus2, minus2), subtract(plus2, minus2)
    two, four, eight = repeat(TWO), repeat(FOUR), repeat(EIGHT)
    return (add(add(a0, even), even2), multiply_add(two, odd2, odd), multiply_add(four, even2, even),
            add(multiply_add(eight, odd2, odd), a5))


@kernel
def _transform_output_gradient(dy, top, dM):
    N, OH, OW, F = dy.shape
    _, _, rows, TW, _ = dM.shape
    half, edge = np.zeros(24 * LANES, np.float32), np.zeros(16 * LANES, np.float32)
    dy, dM, point = dy.reshape(-1), dM.reshape(-1), N * rows * TW * F
    for n in range(N):
        for r in range(rows):
            for q in range(TW):
                row, col, tile = 4 * (top + r), 4 * q, ((n * rows + r) * TW + q) * F
                inside = row + 4 <= OH and col + 4 <= OW
                for block in range(0, F, LANES):
                    f = min(block, F - LANES)
                    p = ((n * OH + row) * OW + col) * F + f
                    if not inside:
                        _copy(dy, p, row, col, OH, OW, F, 4, edge)
                    for j in range(4):  # A dY: (6, 4)
                        if inside:
                            _a(dy, p + j * F, OW * F, half, j * LANES, 4 * LANES)
                        else:
                            _a(edge, j * LANES, 4 * LANES, half, j * LANES, 4 * LANES)
                    for i in range(6):  # (A dY) Aᵀ: (6, 6)
                        _a(half, 4 * i * LANES, LANES, dM, tile + f + 6 * i * point, point)


@kernel
def _a(a, p, step, out, q, by):
    """A times four numbers: six, written to out[q], out[q + by], ..."""
    a0, a1, a2, a3 = load(a, p), load(a, p + step), load(a, p + 2 * step), load(a, p + 3 * step)
    four, eight = repeat(FOUR), repeat(EIGHT)
    store(out, q, a0)
    even, odd = add(a0, a2), add(a1, a3)
    store(out, q + by, add(even, odd))
    store(out, q + 2 * by, subtract(even, odd))
    even, odd = multiply_add(four, a2, a0), multiply_add(eight, a3, add(a1, a1))
    store(out, q + 3 * by, add(even, odd))
    store(out, q + 4 * by, subtract(even, odd))
    store(out, q + 5 * by, a3)
