"""The LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), one step and whole sequences.

    z = x W + h U + b                     (N, 4H), in four blocks i, f, o, g
    i, f, o = σ(z_i), σ(z_f), σ(z_o)      input, forget and output gate, each in (0, 1)
    g = tanh(z_g)                         the candidate
    c' = f ⊙ c + i ⊙ g                    the cell state: what is kept plus what is written
    h' = o ⊙ tanh(c')                     the hidden state, the output of the step

x: (N, D); h, c: (N, H); W: (D, 4H); U: (H, 4H); b: (4H,).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .activations import sigmoid
from .backend import Array, array_module, op
from .initializers import Rng, glorot, orthogonal
from .layer import Cache, Layer, Parameter, expect_shape


@op
def gates_forward(z, c):
    """The lines from i to h' above. Overwrites ``z`` with the gates; returns (h', c', tanh c')."""
    H = c.shape[-1]
    z[:, :3 * H] = sigmoid(z[:, :3 * H])
    z[:, 3 * H:] = array_module(z).tanh(z[:, 3 * H:])
    i, f, o, g = z[:, :H], z[:, H:2 * H], z[:, 2 * H:3 * H], z[:, 3 * H:]
    c = f * c + i * g
    tanh_c = array_module(c).tanh(c)
    return o * tanh_c, c, tanh_c


@op
def gates_backward(dh, dc, gates, c, tanh_c):
    """Gradients (dz, dc) of :func:`gates_forward`; ``c`` is the state before the step. Overwrites ``gates`` with dz.

    c' affects the loss in two ways, directly and through h' = o ⊙ tanh(c'); dc is the sum of both. The slopes are
    σ' = σ(1 - σ) and tanh' = 1 - tanh².
    """
    H = c.shape[-1]
    i, f, o, g = gates[:, :H], gates[:, H:2 * H], gates[:, 2 * H:3 * H], gates[:, 3 * H:]
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    di, df, do, dg = dc * g, dc * c, dh * tanh_c, dc * i
    dc = dc * f
    i[...] = di * i * (1 - i)
    f[...] = df * f * (1 - f)
    o[...] = do * o * (1 - o)
    g[...] = dg * (1 - g * g)
    return gates, dc


class LSTMCell(Layer):
    """One step, the equations at the top of this file: (x, h, c) -> (h', c').

    May run any number of times before the first backward. The forget gate's bias starts at 1, so that memory is kept
    until the network learns otherwise (Jozefowicz et al. 2015). Derived in lesson 19, lessons/19_lstm.
    """

    __call__: Callable[..., tuple[Array, Array]]

    def __init__(self, D: int, H: int, *, rng: Rng):
        self.W = Parameter(glorot(rng, (D, 4 * H)))
        self.U = Parameter(orthogonal(rng, (H, 4 * H)))
        self.b = Parameter(np.zeros(4 * H, np.float32))
        self.b.data[H:2 * H] = 1

    def forward(self, x: Array, h: Array, c: Array) -> tuple[tuple[Array, Array], Cache]:
        expect_shape(self, x, "ND", D=self.W.shape[0])
        for name, state in (("h", h), ("c", c)):
            expect_shape(self, state, "NH", name, N=len(x), H=self.U.shape[0])
        z = x @ self.W.data
        z += h @ self.U.data
        z += self.b.data
        h_next, c_next, tanh_c = gates_forward(z, c)
        return (h_next, c_next), Cache(x=x, h=h, c=c, gates=z, tanh_c=tanh_c)

    def backward(self, dy: tuple[Array, Array], cache: Cache) -> tuple[Array, Array, Array]:
        dh, dc = dy
        x, h, c, gates, tanh_c = cache.spend(self)
        dz, dc = gates_backward(dh, dc, gates, c, tanh_c)
        self.W.accumulate(x.T @ dz)
        self.U.accumulate(h.T @ dz)
        self.b.accumulate(dz.sum(axis=0))
        return dz @ self.W.data.T, dz @ self.U.data.T, dc

    def __repr__(self):
        return f"LSTMCell({self.W.shape[0]} -> {self.U.shape[0]})"


def pack_by_time(lengths):
    """(row, t, batch_sizes): where the M real steps of N sequences are in (N, T), and how many sequences have a step t.

        a    dog  runs             packed:  a two | dog cats | runs         batch_sizes: 2, 2, 1
        two  cats

    All first steps, then all second ones, and so on, the longest sequence always first. row, t: NumPy integers (M,);
    the first N of ``row`` are the sequences in order of decreasing length. (PyTorch's PackedSequence, by hand.)
    """
    lengths = np.asarray(lengths)
    order = np.argsort(-lengths, kind="stable")
    batch_sizes = [int((lengths > t).sum()) for t in range(lengths.max())]
    row = np.concatenate([order[:n] for n in batch_sizes])
    return row, np.repeat(np.arange(len(batch_sizes)), batch_sizes), batch_sizes


def steps_of(batch_sizes):
    """For each step three slices: its rows in z, and the state before and after it in h, c and tanh_c.

    The first ``batch_sizes[t]`` rows take part in step t. z (M, 4H), M = Σ batch_sizes, holds the steps one after
    another. h, c and tanh_c (N + M, H) begin with the N given states, so that the state after row m of z is at N + m.
    """
    N, begin, before = batch_sizes[0], 0, 0
    for n in batch_sizes:
        yield slice(begin, begin + n), slice(before, before + n), slice(N + begin, N + begin + n)
        begin, before = begin + n, N + begin


@op
def lstm_steps(z, U, h, c, tanh_c, batch_sizes):
    """The steps one after another, in place: z, which holds x W + b, becomes the gates; h, c and tanh_c are filled."""
    for now, before, after in steps_of(batch_sizes):
        z[now] += h[before] @ U
        h[after], c[after], tanh_c[after] = gates_forward(z[now], c[before])


@op
def lstm_steps_backward(gates, U, c, tanh_c, dy, dh, dc, batch_sizes):
    """The gradient of :func:`lstm_steps`, from the last step to the first, in place: the gates become dz.

    dy (M, H) is the gradient of the outputs. dh, dc (N, H) hold that of each row's state after its last step, and in
    the end that of its state before the first.
    """
    for now, before, after in reversed(list(steps_of(batch_sizes))):
        n = now.stop - now.start  # the other rows are shorter: their dh and dc are left until their own last step
        dz, dc[:n] = gates_backward(dh[:n] + dy[now], dc[:n], gates[now], c[before], tanh_c[after])
        dh[:n] = dz @ U.T


class LSTM(Layer):
    """A cell run over sequences: (x, h0, c0) -> (y, h, c).

    x: (N, T, D); y: (N, T, H), the hidden states; h0, c0: the state before the first step (None: zeros); h, c: the
    state after the last. ``lengths`` (NumPy integers, (N,), at least 1) gives the number of real steps of each row:
    nothing is computed for a row that has ended, its outputs are 0 and its final state is that of its last step.
    ValueError when they are not N integers from 1 to T.

    ``constant`` (N, E), if given, is a second input that is the same at every step, as if x were [x_t, constant] with D
    numbers in all; backward then returns its gradient as a fourth value. Its product with W is computed once, not T
    times.

    Whatever does not depend on the state is taken out of the time loop: x W + b is one product over all steps, and so
    are dW, dU and dx. Inside, the steps follow one another without padding, (M, ·) instead of (N, T, ·), and rows are
    sorted by length, so that the sequences that have not ended are a prefix (see :func:`steps_of`). Derived in
    lessons 18 and 19, lessons/18_rnn and lessons/19_lstm.
    """

    __call__: Callable[..., tuple[Array, Array, Array]]

    def __init__(self, D: int, H: int, *, rng: Rng):
        self.cell = LSTMCell(D, H, rng=rng)

    def forward(self, x: Array, h0: Array | None = None, c0: Array | None = None, constant: Array | None = None,
                lengths: Sequence[int] | np.ndarray | None = None) -> tuple[tuple[Array, Array, Array], Cache]:
        W, U, b = self.cell.W.data, self.cell.U.data, self.cell.b.data
        H, E = U.shape[0], 0 if constant is None else constant.shape[-1]
        expect_shape(self, x, "NTD", D=W.shape[0] - E)
        N, T, D = x.shape
        for name, state, size in (("h0", h0, H), ("c0", c0, H), ("constant", constant, E)):
            if state is not None:
                expect_shape(self, state, "NH", name, N=N, H=size)
        xp = array_module(x)
        at = _schedule(lengths, N, T, xp)
        x = x[at.row, at.t]  # (N, T, D) -> (M, D)
        z = x @ W[:D]
        z += b  # in place: a new array of this size is slow, its memory has to be mapped first
        if constant is not None:
            z += (constant @ W[D:])[at.row]
        h = xp.empty((N + len(x), H), dtype=x.dtype)
        c, tanh_c = xp.empty_like(h), xp.empty_like(h)
        h[:N], c[:N] = (0 if state is None else state[at.order] for state in (h0, c0))
        lstm_steps(z, U, h, c, tanh_c, at.batch_sizes)
        y = xp.zeros((N, T, H), dtype=x.dtype)
        y[at.row, at.t] = h[N:]
        return (y, h[at.last], c[at.last]), Cache(x=x, constant=constant, h=h, c=c, tanh_c=tanh_c, gates=z, at=at)

    def backward(self, dy: tuple[Array, Array | None, Array | None], cache: Cache) -> tuple[Array, ...]:
        """dy = (dL/dy, dL/dh, dL/dc), the last two may be None; returns (dx, dh0, dc0), then dconstant if there is one.
        """
        dy, dh, dc = dy
        x, constant, h, c, tanh_c, gates, at = cache.spend(self)
        W, U = self.cell.W.data, self.cell.U.data
        N, T, H = dy.shape
        D = x.shape[1]
        xp = array_module(dy)
        dh, dc = (xp.zeros((N, H), dtype=dy.dtype) if d is None else d[at.order] for d in (dh, dc))
        lstm_steps_backward(gates, U, c, tanh_c, dy[at.row, at.t], dh, dc, at.batch_sizes)
        dz = gates
        dW = xp.empty_like(W)
        dW[:D] = x.T @ dz
        self.cell.U.accumulate(h[at.before].T @ dz)
        self.cell.b.accumulate(dz.sum(axis=0))
        dx = xp.zeros((N, T, D), dtype=dy.dtype)
        dx[at.row, at.t] = dz @ W[:D].T
        inputs = dx, dh[at.back], dc[at.back]
        if constant is not None:
            total = xp.zeros((N, 4 * H), dtype=dy.dtype)  # Σ_t dz_t, as every step reads the constant
            for now, _, _ in steps_of(at.batch_sizes):
                total[:now.stop - now.start] += dz[now]
            dW[D:] = constant[at.order].T @ total
            inputs += ((total @ W[D:].T)[at.back],)
        self.cell.W.accumulate(dW)
        return inputs

    def __repr__(self):
        return f"LSTM({self.cell.W.shape[0]} -> {self.cell.U.shape[0]})"


class Schedule(NamedTuple):
    """Where M steps of N sequences are, packed by time (see :func:`pack_by_time`)."""

    batch_sizes: list   # how many rows take part in each step
    order: np.ndarray   # (N,) the rows by decreasing length
    back: np.ndarray    # (N,) the inverse permutation
    row: np.ndarray     # (M,) of each packed step, the sequence
    t: np.ndarray       # (M,) and the time
    before: np.ndarray  # (M,) the index in h of the state before it
    last: np.ndarray    # (N,) the index in h of the state after a row's last step


def _schedule(lengths, N, T, xp):
    """The :class:`Schedule` of N sequences of ``lengths`` (None: all T), its indices as arrays of ``xp``."""
    lengths = np.full(N, T) if lengths is None else np.asarray(lengths)
    if lengths.shape != (N,) or lengths.min() < 1 or lengths.max() > T:
        raise ValueError(f"lengths must be {N} integers from 1 to {T}, got {lengths}")
    row, t, batch_sizes = pack_by_time(lengths)
    order = row[:N]
    back = np.argsort(order)
    before = np.concatenate([np.arange(state.start, state.stop) for _, state, _ in steps_of(batch_sizes)])
    begin = np.cumsum([N, *batch_sizes])
    return Schedule(batch_sizes, *map(xp.asarray, (order, back, row, t, before, begin[lengths - 1] + back)))
