"""Max pooling of 2 x 2 windows in one pass; other sizes are left to NumPy."""

from .arithmetic import f4, kernel

ZERO = f4(0)


def largest_of_windows(x, K, begin, end, y):
    return _largest_of_four(x, begin, end, y) if K == 2 else NotImplemented


def scatter_to_maximum(dy, x, y, K, begin, end, dx):
    return _scatter_to_four(dy, x, y, begin, end, dx) if K == 2 else NotImplemented


# Rows of pixels are flattened, and indexed as base + i: only in this form does the compiler vectorise the loop.

@kernel
def _largest_of_four(x, begin, end, y):
    N, OH, OW, C = y.shape
    for n in range(N):
        for oh in range(begin, end):
            above, below, out = x[n, 2 * oh].reshape(-1), x[n, 2 * oh + 1].reshape(-1), y[n, oh].reshape(-1)
            for ow in range(OW):
                at, left, right = ow * C, 2 * ow * C, (2 * ow + 1) * C
                for i in range(C):
                    out[at + i] = _max(_max(above[left + i], above[right + i]), _max(below[left + i], below[right + i]))


@kernel
def _scatter_to_four(dy, x, y, begin, end, dx):
    N, OH, OW, C = dy.shape
    for n in range(N):
        for oh in range(begin, end):
            above, below, largest = x[n, 2 * oh].reshape(-1), x[n, 2 * oh + 1].reshape(-1), y[n, oh].reshape(-1)
            dabove, dbelow, d = dx[n, 2 * oh].reshape(-1), dx[n, 2 * oh + 1].reshape(-1), dy[n, oh].reshape(-1)
            for ow in range(OW):
                at, left, right = ow * C, 2 * ow * C, (2 * ow + 1) * C
                for i in range(C):
                    m, g = largest[at + i], d[at + i]
                    first = above[left + i] == m
                    second = (above[right + i] == m) & (not first)
                    third = (below[left + i] == m) & (not (first | second))
                    fourth = (below[right + i] == m) & (not (first | second | third))
                    dabove[left + i] = g if first else ZERO
                    dabove[right + i] = g if second else ZERO
                    dbelow[left + i] = g if third else ZERO
                    dbelow[right + i] = g if fourth else ZERO


@kernel
def _max(a, b):
    """The larger of the two; NaN counts as larger than any number, as in np.maximum."""
    return a if (a > b) | (a != a) else b  # `or` would be a branch
