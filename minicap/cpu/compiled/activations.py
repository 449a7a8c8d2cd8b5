"""Bias, ReLU and ReLU6 in one pass, and the gradients of the two."""

from .arithmetic import f4, kernel

ZERO, SIX = f4(0), f4(6)


def add_and_limit(y, b, limits):
    return _add_and_limit(y, b, *map(f4, limits)) if y.flags.c_contiguous else NotImplemented


def add_and_limit_into(x, b, limits, out, top, left):
    return _add_and_limit_into(x, b, *map(f4, limits), out, top, left) if x.flags.c_contiguous else NotImplemented


@kernel
def _add_and_limit(y, b, low, high):
    F, y = b.size, y.reshape(-1)
    for p in range(0, y.size, F):
        pixel = y[p:p + F]
        for f in range(F):
            v = pixel[f] + b[f]
            v = low if v < low else v  # written so that NaN stays NaN
            pixel[f] = high if v > high else v


@kernel
def _add_and_limit_into(x, b, low, high, out, top, left):
    n, H, W, F = x.shape
    for i in range(n):
        for h in range(len(out[i])):
            to = out[i, h].reshape(-1)
            if not top <= h < top + H:
                to[:] = ZERO
                continue
            to[:left * F], to[(left + W) * F:] = ZERO, ZERO
            row, to = x[i, h - top].reshape(-1), to[left * F:]
            for p in range(0, W * F, F):
                pixel, result = row[p:p + F], to[p:p + F]
                for f in range(F):
                    v = pixel[f] + b[f]
                    v = low if v < low else v
                    result[f] = high if v > high else v


@kernel
def mask(dx, dy, y):
    for i in range(dx.size):
        dx[i] = dy[i] if y[i] > ZERO else ZERO


@kernel
def mask6(dx, dy, y):
    for i in range(dx.size):
        dx[i] = dy[i] if (y[i] > ZERO) & (y[i] < SIX) else ZERO
