"""The LSTM of Show, Attend and Tell attends to the image before every word it reads (Xu et al. 2015, section 3.1.2).

    z_t = attention(regions, h_{t-1} (, x_t))              attention.py                         eq. 4, 5, 13
    h_t, c_t = LSTM([x_t, z_t], h_{t-1}, c_{t-1})          recurrent.py                         eq. 1-3

Captions end one after another. So that nothing is computed for those that have ended, words are packed by time (see
:func:`minicap.recurrent.pack_by_time`): a step is then one slice of the packed arrays, and the captions that continue
are the first n of those before.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ...attention import AdaptiveAttention, SoftAttention, prepare_keys
from ...backend import Array, array_module
from ...initializers import Rng
from ...layer import Cache, Layer, expect_shape
from ...linear import Linear, times_transpose
from ...recurrent import LSTMCell, gates_backward, gates_forward, pack_by_time, steps_of


class PackedCaptions:
    """The M real words of N captions, packed by time (:func:`minicap.recurrent.pack_by_time`)."""

    def __init__(self, image_of: Array, words: Array, lengths: Array):
        xp = array_module(words)
        rows, columns, self.batch_sizes = pack_by_time(lengths)
        self.M, self.at = len(rows), (xp.asarray(rows), xp.asarray(columns))  # x[at]: (N, T, ...) -> (M, ...)
        self.words = words[self.at]
        self.image_of_word = image_of[self.at[0]]
        self.image_of = self.image_of_word[:self.batch_sizes[0]]


class Step(NamedTuple):
    """What backward needs of one step: the cache of attention, the state before it, and tanh of the memory after it."""

    attention: Cache
    h: Array
    c: Array
    tanh_c: Array


class AttentionLSTM(Layer):
    """(x, regions, keys, image_of, h, c) -> (y, z, attended), for packed captions.

    x: (M, E), the words; regions: (I, L, D); keys: (I, L, A); image_of: (N,) and h, c: (N, H) before the first step,
    all in order of decreasing length. ``batch_sizes``: the number of captions at each step. y: (M, H), the state after
    each word, z: (M, D), the context before it; attended: Σ_t α of each caption, (N, L), with a sentinel (N, L + 1).

    In the paper the query is a linear layer of h_{t-1}, which does not know the word x_t that is read with z_t. With
    ``query_word`` it is that of h_{t-1} plus one of x_t: after "a dog in a" it looks for another thing than after "a".

    Only what depends on the state is in the time loop: x W + b is one product for all words, and so are dW and dU.
    The attention is derived in lesson 23, lessons/23_attention, the LSTM in lesson 19, lessons/19_lstm.
    """

    def __init__(self, E: int, D: int, H: int, A: int, *, rng: Rng, sentinel: bool = False, query_word: bool = False,
                 input_gradient: bool = True):
        self.attention = (AdaptiveAttention(D, E, H, A, rng=rng, input_gradient=input_gradient) if sentinel
                          else SoftAttention(D, H, A, rng=rng, input_gradient=input_gradient))
        self.cell = LSTMCell(E + D, H, rng=rng)
        self.query_of_word = Linear(E, A, rng=rng, bias=False) if query_word else None
        self.sentinel, self.input_gradient = sentinel, input_gradient

    def forward(self, x: Array, regions: Array, keys: Array, image_of: Array, h: Array, c: Array, *,
                batch_sizes: Sequence[int]) -> tuple[tuple[Array, Array, Array], Cache]:
        W, U, b = self.cell.W.data, self.cell.U.data, self.cell.b.data
        H, D, L = len(U), regions.shape[2], regions.shape[1]
        expect_shape(self, x, "ME", M=sum(batch_sizes), E=len(W) - D)
        M, E = x.shape
        xp = array_module(x)
        gates = x @ W[:E]
        gates += b
        q, query_cache = (None, None) if self.query_of_word is None else self.query_of_word.forward(x)
        z, y = xp.empty((M, D), dtype=x.dtype), xp.empty((M, H), dtype=x.dtype)
        attended = xp.zeros((len(h), L + self.sentinel), dtype=x.dtype)
        prepared, steps = prepare_keys(keys), []
        for now, *_ in steps_of(batch_sizes):
            n = now.stop - now.start
            h, c = h[:n], c[:n]
            (z[now], alpha), attention = self.attention.forward(regions, keys, image_of[:n], h,
                                                                *self._also(x, c, q, now), prepared=prepared)
            attended[:n] += alpha
            gates[now] += z[now] @ W[E:]
            gates[now] += h @ U
            before = h, c
            h, c, tanh_c = gates_forward(gates[now], c)
            y[now] = h
            steps.append(Step(attention, *before, tanh_c))
        cache = Cache(x=x, z=z, gates=gates, steps=steps, regions=regions, keys=keys, batch_sizes=batch_sizes,
                      query=query_cache)
        return (y, z, attended), cache

    def backward(self, dy: tuple[Array, Array | None, Array | None], cache: Cache) -> tuple[Array | None, ...]:
        """dy = (dL/dy, dL/dz, dL/dattended), the last two may be None; returns the gradients of all six inputs."""
        dy, dz_outside, dattended = dy
        saved = cache.spend(self)
        x, z, gates, batch_sizes = saved.x, saved.z, saved.gates, saved.batch_sizes
        W, U = self.cell.W.data, self.cell.U.data
        (M, E), H, N = x.shape, len(U), batch_sizes[0]
        xp = array_module(x)
        dregions = xp.zeros_like(saved.regions) if self.input_gradient else None
        dkeys = xp.zeros_like(saved.keys)
        dx, dh, dc = xp.zeros_like(x), *xp.zeros((2, N, H), dtype=x.dtype)
        dq = None if saved.query is None else xp.empty((M, saved.keys.shape[2]), dtype=x.dtype)
        h_before = xp.concatenate([step.h for step in saved.steps])
        for now, *_ in reversed(list(steps_of(batch_sizes))):
            n = now.stop - now.start
            # Rows n and beyond ended before this step: their dh and dc are still 0.
            step = saved.steps.pop()
            dgates, dc[:n] = gates_backward(dh[:n] + dy[now], dc[:n], gates[now], step.c, step.tanh_c)
            dz = times_transpose(dgates, W[E:])
            if dz_outside is not None:
                dz += dz_outside[now]
            _, _, _, dh_attention, *also = self.attention.backward(
                (dz, None if dattended is None else dattended[:n]), step.attention, dregions=dregions, dkeys=dkeys)
            dh[:n] = times_transpose(dgates, U) + dh_attention
            if self.sentinel:
                dx[now] += also[0]
                dc[:n] += also[1]
            if dq is not None:
                dq[now] = also[-1]
        self.cell.W.accumulate(xp.concatenate([x.T @ gates, z.T @ gates]))  # gates now has their gradients
        self.cell.U.accumulate(h_before.T @ gates)
        self.cell.b.accumulate(gates.sum(axis=0))
        if dq is not None:
            dx += self.query_of_word.backward(dq, saved.query)
        return dx + gates @ W[:E].T, dregions, dkeys, None, dh, dc

    def step(self, x: Array, regions: Array, keys: Array, image_of: Array, h: Array, c: Array, *,
             prepared: Array | None = None) -> tuple[Array, Array, Array, Array]:
        """One word per row, at inference: (h, c, z, α) after it."""
        xp = array_module(x)
        q = None if self.query_of_word is None else self.query_of_word(x)
        (z, alpha), _ = self.attention.forward(regions, keys, image_of, h, *self._also(x, c, q), prepared=prepared)
        h, c = self.cell(xp.concatenate([x, z], axis=1), h, c)
        return h, c, z, alpha

    def _also(self, x, c, q, now=slice(None)):
        """What the attention reads beside h at a step: with a sentinel the word and the memory; the word's query."""
        return *((x[now], c) if self.sentinel else ()), *(() if q is None else (q[now],))

    def __repr__(self):
        (D, H) = self.cell.W.shape[0], self.cell.U.shape[0]
        return f"AttentionLSTM({D} -> {H}, {self.attention!r})"
