"""The LSTM's time loop on the CPU.

Rows are independent, so where there are many, each core takes its part of them through all steps. A few rows are
processed together, since a matrix product on all cores is then most of the work. Within a step nothing is allocated,
and the four gates are computed in one pass over one array: with twice the candidate's pre-activation,
tanh(z) = 2 σ(2z) - 1 is a sigmoid like the others.
"""

import itertools

import numpy as np

from ..backend import op
from ..recurrent import steps_of
from .linear import write_times_transpose
from .threads import run_blocks, scratch, thread_count

BLOCK_ROWS = 32  # of gates at a time: 256 KB with H = 512
MIN_ROWS = 64  # for each core; with fewer, a matrix product spends most of its time reading U


def gates_forward(z, c):
    if z.dtype != np.float32 or c.dtype != np.float32:
        return NotImplemented
    h_next, c_next, tanh_c = (np.empty_like(c) for _ in range(3))

    def block(begin):
        rows = slice(begin, begin + BLOCK_ROWS)
        gates_(z[rows], c[rows], c_next[rows], tanh_c[rows], h_next[rows])

    run_blocks(block, [(begin,) for begin in range(0, len(z), BLOCK_ROWS)])
    return h_next, c_next, tanh_c


def lstm_steps(z, U, h, c, tanh_c, batch_sizes):
    if any(a.dtype != np.float32 for a in (z, U, h, c)):
        return NotImplemented
    H = U.shape[0]

    def block(rows):
        product = scratch().empty("product", (rows.stop - rows.start, 4 * H))
        for now, before, after in _steps_of(rows, batch_sizes):
            gates = z[now]
            gates += np.matmul(h[before], U, out=product[:len(gates)])
            gates_(gates, c[before], c[after], tanh_c[after], h[after])

    _divide_rows(block, batch_sizes)
    return None


def lstm_steps_backward(gates, U, c, tanh_c, dy, dh, dc, batch_sizes):
    if any(a.dtype != np.float32 for a in (gates, U, dy, dh, dc)):
        return NotImplemented

    def block(rows):
        for now, before, after in reversed(list(_steps_of(rows, batch_sizes))):
            active = slice(rows.start, rows.start + now.stop - now.start)
            dhs = dh[active]
            dhs += dy[now]
            gates_backward_(dhs, dc[active], gates[now], c[before], tanh_c[after])
            write_times_transpose(gates[now], U, dhs)

    _divide_rows(block, batch_sizes)
    return None


def _steps_of(rows, batch_sizes):
    """The slices of :func:`minicap.recurrent.steps_of` restricted to ``rows``, until the last of them has ended."""
    for slices in steps_of(batch_sizes):
        count = slices[0].stop - slices[0].start
        if count <= rows.start:
            return
        end = min(count, rows.stop)
        yield [slice(part.start + rows.start, part.start + end) for part in slices]


@op
def gates_(z, c, c_next, tanh_c, h_next):
    """One step for some rows, in place: z becomes the gates, and the last three arguments are filled."""
    H = c.shape[1]
    z[:, 3 * H:] *= 2
    np.negative(z, out=z)
    with np.errstate(over="ignore"):  # where exp overflows to infinity, 1 / (1 + exp(-z)) is 0, as it should be
        np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)
    i, f, o, g = (z[:, k * H:(k + 1) * H] for k in range(4))
    g *= 2
    g -= 1
    np.multiply(f, c, out=c_next)
    c_next += np.multiply(i, g, out=h_next)
    np.tanh(c_next, out=tanh_c)
    np.multiply(o, tanh_c, out=h_next)


@op
def gates_backward_(dh, dc, gates, c, tanh_c):
    """The gradient of one step for some rows, in place: the gates become dz, and dc that of the step's input c."""
    i, f, o, g = np.split(gates, 4, axis=1)
    a, b = (scratch().empty(name, dh.shape) for name in ("one minus", "dgate"))
    # dc += dh o (1 - tanh²)
    np.multiply(tanh_c, tanh_c, out=a)
    np.subtract(1, a, out=a)
    a *= o
    a *= dh
    dc += a
    # do = dh tanh c · o (1 - o); then, with the new dc: di = dc g · i (1 - i), dg = dc i · (1 - g²), df, and dc *= f
    np.multiply(dh, tanh_c, out=b)
    _times_slope(b, o, a)
    np.multiply(i, dc, out=a)  # dc i, before i is overwritten
    np.multiply(dc, g, out=b)
    g *= g
    np.subtract(1, g, out=g)
    g *= a
    _times_slope(b, i, a)
    np.multiply(dc, c, out=b)
    dc *= f
    _times_slope(b, f, a)


def _times_slope(dgate, gate, spare):
    """gate = dgate · gate (1 - gate), the gradient through a sigmoid, in place."""
    np.subtract(1, gate, out=spare)
    spare *= dgate
    gate *= spare


def _divide_rows(block, batch_sizes):
    """Call ``block(rows)`` for slices of the rows with about the same number of steps to compute, one for each core."""
    N = max(batch_sizes, default=0)
    threads = min(thread_count(), N // MIN_ROWS)
    if threads < 2:
        block(slice(0, N))
        return
    steps = np.cumsum([sum(n > row for n in batch_sizes) for row in range(N)])
    ends = [0, *np.searchsorted(steps, np.arange(1, threads) * steps[-1] / threads), N]
    run_blocks(block, [(slice(int(begin), int(end)),) for begin, end in itertools.pairwise(ends)])
