"""The LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), one step and whole sequences.

    z = x W + h U + b                     (N, 4H), in four blocks i, f, o, g
    i, f, o = σ(z_i), σ(z_f), σ(z_o)      input, forget and output gate, each in (0, 1)
    g = tanh(z_g)                         the candidate
    c' = f ⊙ c + i ⊙ g                    the memory: what is kept plus what is written
    h' = o ⊙ tanh(c')                     what is shown

x: (N, D); h, c: (N, H); W: (D, 4H); U: (H, 4H); b: (4H,).
"""

import numpy as np

from .activations import sigmoid
from .backend import array_module, op
from .initializers import glorot, orthogonal
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


def gates_backward(dh, dc, gates, c, tanh_c):
    """Gradients (dz, dc) of :func:`gates_forward`; ``c`` is the memory before the step. Overwrites ``gates`` with dz.

    dc' arrives on two roads: directly, and through h' = o ⊙ tanh(c'). With σ' = σ(1 - σ) and tanh' = 1 - tanh².
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
    """One step: (x, h, c) -> (h', c'). Runs any number of times before its first backward.

    The forget gate's bias starts at 1, so that memory is kept until there is a reason not to (Jozefowicz et al. 2015).
    """

    def __init__(self, D, H, *, rng):
        self.W = Parameter(glorot(rng, (D, 4 * H)))
        self.U = Parameter(orthogonal(rng, (H, 4 * H)))
        self.b = Parameter(np.zeros(4 * H, np.float32))
        self.b.data[H:2 * H] = 1

    def forward(self, x, h, c):
        expect_shape(self, x, "ND", D=self.W.shape[0])
        for name, state in (("h", h), ("c", c)):
            expect_shape(self, state, "NH", name, N=len(x), H=self.U.shape[0])
        z = x @ self.W.data
        z += h @ self.U.data
        z += self.b.data
        h_next, c_next, tanh_c = gates_forward(z, c)
        return (h_next, c_next), Cache(x=x, h=h, c=c, gates=z, tanh_c=tanh_c)

    def backward(self, dy, cache):
        dh, dc = dy
        x, h, c, gates, tanh_c = cache.spend(self)
        dz, dc = gates_backward(dh, dc, gates, c, tanh_c)
        self.W.accumulate(x.T @ dz)
        self.U.accumulate(h.T @ dz)
        self.b.accumulate(dz.sum(axis=0))
        return dz @ self.W.data.T, dz @ self.U.data.T, dc

    def __repr__(self):
        return f"LSTMCell({self.W.shape[0]} -> {self.U.shape[0]})"


@op
def lstm_steps(z, U, h, c, tanh_c, running):
    """The steps one after another, in place: z (T, N, 4H), which holds x W + b, becomes the gates.

    h, c, tanh_c: (T + 1, N, H); [t] is before step t, [t + 1] after it, and [0] is given. The first ``running[t]`` rows
    take part in step t; of the others nothing is written.
    """
    for t, n in enumerate(running):
        z[t, :n] += h[t, :n] @ U
        h[t + 1, :n], c[t + 1, :n], tanh_c[t + 1, :n] = gates_forward(z[t, :n], c[t, :n])


@op
def lstm_steps_backward(gates, U, c, tanh_c, dy, dh, dc, running):
    """The same backwards, in place: the gates become dz, zero where a row had ended.

    dy (T, N, H): of the outputs; dh, dc (N, H): of the state after the last step, and in the end before the first.
    """
    for t in reversed(range(len(running))):
        n = running[t]
        # Rows n and beyond ended before step t: their dh and dc wait, untouched, for their own last step.
        dz, dc[:n] = gates_backward(dh[:n] + dy[t, :n], dc[:n], gates[t, :n], c[t, :n], tanh_c[t + 1, :n])
        dh[:n] = dz @ U.T
        gates[t, n:] = 0


class LSTM(Layer):
    """A cell run over sequences: (x, h0, c0) -> (y, h, c).

    x: (N, T, D); y: (N, T, H), the hidden states; h0, c0: the state before the first step (None: zeros); h, c: the
    state after the last. ``lengths`` (NumPy integers, (N,), at least 1) says how many steps each row really has: a row
    that has ended is not computed, its outputs are 0 and its final state is that of its last step.

    ``constant`` (N, E), if given, is what each row reads beside x at every step, as if x were [x_t, constant] of D
    numbers in all; backward then returns its gradient as a fourth one. Its product with W is taken once, not T times.

    What does not wait for the state is taken out of the time loop: x W + b is one product over all steps, and so are
    dW, dU and dx. Inside, time comes first and rows are sorted by length, so the rows still running are a prefix.
    """

    def __init__(self, D, H, *, rng):
        self.cell = LSTMCell(D, H, rng=rng)

    def forward(self, x, h0=None, c0=None, constant=None, lengths=None):
        W, U, b = self.cell.W.data, self.cell.U.data, self.cell.b.data
        H, E = U.shape[0], 0 if constant is None else constant.shape[-1]
        expect_shape(self, x, "NTD", D=W.shape[0] - E)
        N, T, D = x.shape
        for name, state, size in (("h0", h0, H), ("c0", c0, H), ("constant", constant, E)):
            if state is not None:
                expect_shape(self, state, "NH", name, N=N, H=size)
        xp = array_module(x)
        order, running = self._schedule(lengths, N, T)
        rows = xp.asarray(order)
        x = x[rows].transpose(1, 0, 2)
        for t, n in enumerate(running):
            x[t, n:] = 0  # whatever stands in the padding, be it NaN: 0 · NaN would reach dW
        x = x.reshape(T * N, D)
        z = (x @ W[:D] + b).reshape(T, N, 4 * H)
        if constant is not None:
            constant = constant[rows]
            z += constant @ W[D:]
        h = xp.zeros((T + 1, N, H), dtype=x.dtype)  # h[t] is the state before step t, h[t + 1] the one after it
        c, tanh_c = xp.zeros_like(h), xp.zeros_like(h)
        h[0], c[0] = (0 if s is None else s[rows] for s in (h0, c0))
        lstm_steps(z, U, h, c, tanh_c, running)
        back = xp.asarray(np.argsort(order))
        last = xp.asarray(np.full(N, T) if lengths is None else lengths)
        y = h[1:].transpose(1, 0, 2)[back]
        cache = Cache(x=x, constant=constant, h=h, c=c, tanh_c=tanh_c, gates=z, rows=rows, back=back, running=running)
        return (y, h[last, back], c[last, back]), cache

    def backward(self, dy, cache):
        """dy = (dL/dy, dL/dh, dL/dc), the last two may be None; returns (dx, dh0, dc0), and dconstant where given."""
        dy, dh, dc = dy
        x, constant, h, c, tanh_c, gates, rows, back, running = cache.spend(self)
        W, U = self.cell.W.data, self.cell.U.data
        N, T, H = dy.shape
        D = x.shape[1]
        xp = array_module(dy)
        dy = dy[rows].transpose(1, 0, 2)
        dh, dc = (xp.zeros((N, H), dtype=dy.dtype) if d is None else d[rows] for d in (dh, dc))
        lstm_steps_backward(gates, U, c, tanh_c, dy, dh, dc, running)
        dz = gates.reshape(T * N, 4 * H)
        dW = xp.empty_like(W)
        dW[:D] = x.T @ dz
        self.cell.U.accumulate(h[:-1].reshape(T * N, H).T @ dz)
        self.cell.b.accumulate(dz.sum(axis=0))
        dx = (dz @ W[:D].T).reshape(T, N, D).transpose(1, 0, 2)[back]
        inputs = dx, dh[back], dc[back]
        if constant is not None:
            dz = gates.sum(axis=0)  # it was read at every step
            dW[D:] = constant.T @ dz
            inputs += ((dz @ W[D:].T)[back],)
        self.cell.W.accumulate(dW)
        return inputs

    @staticmethod
    def _schedule(lengths, N, T):
        """The order of rows by falling length, and how many rows still run at each step."""
        if lengths is None:
            return np.arange(N), [N] * T
        lengths = np.asarray(lengths)
        if lengths.shape != (N,) or lengths.min() < 1 or lengths.max() > T:
            raise ValueError(f"lengths must be {N} integers from 1 to {T}, got {lengths}")
        return np.argsort(-lengths, kind="stable"), [int((lengths > t).sum()) for t in range(T)]

    def __repr__(self):
        return f"LSTM({self.cell.W.shape[0]} -> {self.cell.U.shape[0]})"
