"""Depthwise convolution of a strip, and the gradient of its kernel: a row of outputs at a time, sixteen channels of it.

For kernels of 3 x 3 and 5 x 5, as in nearly every network, all weights of these channels stay in registers: a product
then costs one instruction, and its sum is in no memory before it is complete.
"""

import numpy as np

from .arithmetic import f4, kernel
from .vectors import LANES, limit, load, multiply_add, repeat, store

ZERO, ONE = f4(0), f4(1)


def filter_strip(x, W, b, S, limits, y):
    return _filter(x, W, b, S, *map(f4, limits), y) if _fit(x, W, b, y) else NotImplemented


def kernel_gradient_of_strip(dy, x, K, S):
    return _gradient(dy, x, K, S) if _fit(dy, x) else NotImplemented


def _fit(*arrays):
    """Channels that fill a vector at least, in flat memory."""
    return all(a.flags.c_contiguous and a.shape[-1] >= LANES for a in arrays)


# In the arrays, flat from here on, x[p] is the first number that is needed of the strip, and y[q] that of the outputs.
# Where C is no multiple of sixteen, the last sixteen channels overlap with those before.

@kernel
def _filter(x, W, b, S, low, high, y):
    n, height, width, C = x.shape
    _, rows, OW, _ = y.shape
    K, low, high = len(W), repeat(low), repeat(high)
    x, W, y = x.reshape(-1), W.reshape(-1), y.reshape(-1)
    for block in range(0, C, LANES):
        c = min(block, C - LANES)
        bias = load(b, c)
        for i in range(n):
            for r in range(rows):
                p, q = (i * height + S * r) * width * C + c, (i * rows + r) * OW * C + c
                if K == 3:
                    _row_three(x, p, width * C, C, S, W, c, bias, low, high, y, q, OW)
                elif K == 5:
                    _row_five(x, p, width * C, C, S, W, c, bias, low, high, y, q, OW)
                else:
                    _row_any(x, p, width * C, C, S, K, W, c, bias, low, high, y, q, OW)


@kernel
def _row_three(x, p, down, C, S, W, c, bias, low, high, y, q, OW):
    """``down``: from a pixel to the one below."""
    above, middle, below = _three(W, c, C), _three(W, c + 3 * C, C), _three(W, c + 6 * C, C)
    for _ in range(OW):
        v = _add_three(x, p, C, above, bias)
        v = _add_three(x, p + down, C, middle, v)
        v = _add_three(x, p + 2 * down, C, below, v)
        store(y, q, limit(v, low, high))
        p, q = p + S * C, q + C


@kernel
def _three(a, p, C):
    return load(a, p), load(a, p + C), load(a, p + 2 * C)


@kernel
def _add_three(x, p, C, w, v):
    """v plus three neighbouring pixels times their weights."""
    v = multiply_add(load(x, p), w[0], v)
    v = multiply_add(load(x, p + C), w[1], v)
    return multiply_add(load(x, p + 2 * C), w[2], v)


@kernel
def _row_five(x, p, down, C, S, W, c, bias, low, high, y, q, OW):
    w0, w1, w2 = _five(W, c, C), _five(W, c + 5 * C, C), _five(W, c + 10 * C, C)
    w3, w4 = _five(W, c + 15 * C, C), _five(W, c + 20 * C, C)
    for _ in range(OW):
        v = _add_five(x, p, C, w0, bias)
        v = _add_five(x, p + down, C, w1, v)
        v = _add_five(x, p + 2 * down, C, w2, v)
        v = _add_five(x, p + 3 * down, C, w3, v)
        v = _add_five(x, p + 4 * down, C, w4, v)
        store(y, q, limit(v, low, high))
        p, q = p + S * C, q + C


@kernel
def _five(a, p, C):
    return load(a, p), load(a, p + C), load(a, p + 2 * C), load(a, p + 3 * C), load(a, p + 4 * C)


@kernel
def _add_five(x, p, C, w, v):
    v = _add_three(x, p, C, (w[0], w[1], w[2]), v)
    v = multiply_add(load(x, p + 3 * C), w[3], v)
    return multiply_add(load(x, p + 4 * C), w[4], v)


@kernel
def _row_any(x, p, down, C, S, K, W, c, bias, low, high, y, q, OW):
    for _ in range(OW):
        v = bias
        for kh in range(K):
            for kw in range(K):
                v = multiply_add(load(x, p + kh * down + kw * C), load(W, (kh * K + kw) * C + c), v)
        store(y, q, limit(v, low, high))
        p, q = p + S * C, q + C


@kernel
def _gradient(dy, x, K, S):
    n, rows, OW, C = dy.shape
    _, height, width, _ = x.shape
    dW = np.zeros(K * K * C, np.float32)
    dy, x = dy.reshape(-1), x.reshape(-1)
    for block in range(0, C, LANES):
        c = min(block, C - LANES)
        for kh in range(K):
            for kw in range(K):
                store(dW, (kh * K + kw) * C + c, repeat(ZERO))  # where vectors overlap, they begin anew
            for i in range(n):
                for r in range(rows):
                    p, q, w = (i * height + S * r + kh) * width * C + c, (i * rows + r) * OW * C + c, kh * K * C + c
                    if K == 3:
                        _gather_three(dy, q, x, p, C, S, OW, dW, w)
                    elif K == 5:
                        _gather_five(dy, q, x, p, C, S, OW, dW, w)
                    else:
                        for kw in range(K):
                            _gather_one(dy, q, x, p + kw * C, C, S, OW, dW, w + kw * C)
    return dW.reshape(K, K, C)


@kernel
def _gather_three(dy, q, x, p, C, S, OW, dW, w):
    """What a row of outputs adds to a row of the kernel, that begins at dW[w]."""
    g0, g1, g2 = repeat(ZERO), repeat(ZERO), repeat(ZERO)
    for _ in range(OW):
        d = load(dy, q)
        g0 = multiply_add(d, load(x, p), g0)
        g1 = multiply_add(d, load(x, p + C), g1)
        g2 = multiply_add(d, load(x, p + 2 * C), g2)
        p, q = p + S * C, q + C
    _add(dW, w, g0)
    _add(dW, w + C, g1)
    _add(dW, w + 2 * C, g2)


@kernel
def _gather_five(dy, q, x, p, C, S, OW, dW, w):
    g0, g1, g2, g3, g4 = repeat(ZERO), repeat(ZERO), repeat(ZERO), repeat(ZERO), repeat(ZERO)
    for _ in range(OW):
        d = load(dy, q)
        g0 = multiply_add(d, load(x, p), g0)
        g1 = multiply_add(d, load(x, p + C), g1)
        g2 = multiply_add(d, load(x, p + 2 * C), g2)
        g3 = multiply_add(d, load(x, p + 3 * C), g3)
        g4 = multiply_add(d, load(x, p + 4 * C), g4)
        p, q = p + S * C, q + C
    _add(dW, w, g0)
    _add(dW, w + C, g1)
    _add(dW, w + 2 * C, g2)
    _add(dW, w + 3 * C, g3)
    _add(dW, w + 4 * C, g4)


@kernel
def _gather_one(dy, q, x, p, C, S, OW, dW, w):
    g = repeat(ZERO)
    for _ in range(OW):
        g = multiply_add(load(dy, q), load(x, p), g)
        p, q = p + S * C, q + C
    _add(dW, w, g)


@kernel
def _add(a, i, v):
    store(a, i, multiply_add(v, repeat(ONE), load(a, i)))
