"""Max pooling of 2 x 2 windows, each window once; other sizes are left to NumPy."""

from .arithmetic import f4, kernel

ZERO = f4(0)


def largest_of_windows(x, K, begin, end, y):
    return _largest_of_four(x, begin, end, y) if K == 2 else NotImplemented


def hand_back(dy, x, y, K, begin, end, dx):
    return _hand_back_to_four(dy, x, y, begin, end, dx) if K == 2 else NotImplemented


@kernel
def _largest_of_four(x, begin, end, y):
    N, OH, OW, C = y.shape
    for n in range(N):
        for oh in range(begin, end):
            above, below, out = x[n, 2 * oh].reshape(-1), x[n, 2 * oh + 1].reshape(-1), y[n, oh].reshape(-1)
            for ow in range(OW):
                for c in range(C):
                    left = 2 * ow * C + c
                    right = left + C
                    out[ow * C + c] = _max(_max(above[left], above[right]), _max(below[left], below[right]))


@kernel
def _hand_back_to_four(dy, x, y, begin, end, dx):
    N, OH, OW, C = dy.shape
    for n in range(N):
        for oh in range(begin, end):
            for ow in range(OW):
                a, b = x[n, 2 * oh, 2 * ow], x[n, 2 * oh, 2 * ow + 1]
                c, d = x[n, 2 * oh + 1, 2 * ow], x[n, 2 * oh + 1, 2 * ow + 1]
                da, db = dx[n, 2 * oh, 2 * ow], dx[n, 2 * oh, 2 * ow + 1]
                dc, dd = dx[n, 2 * oh + 1, 2 * ow], dx[n, 2 * oh + 1, 2 * ow + 1]
                m, g = y[n, oh, ow], dy[n, oh, ow]
                for i in range(C):  # four loops: of one with four results the compiler makes no vector instructions
                    da[i] = g[i] if a[i] == m[i] else ZERO
                for i in range(C):
                    db[i] = (ZERO if a[i] == m[i] else g[i]) if b[i] == m[i] else ZERO
                for i in range(C):
                    dc[i] = (ZERO if a[i] == m[i] else ZERO if b[i] == m[i] else g[i]) if c[i] == m[i] else ZERO
                for i in range(C):
                    dd[i] = (ZERO if a[i] == m[i] else ZERO if b[i] == m[i] else ZERO if c[i] == m[i] else
                             g[i]) if d[i] == m[i] else ZERO


@kernel
def _max(a, b):
    """The larger one; NaN counts as larger than anything, as in np.maximum."""
    return a if a > b or a != a else b
