"""Soft attention (Xu et al. 2015, "Show, Attend and Tell"): before every word, look at the image again.

An image is L regions a_i of D numbers each (conv5_4 of VGG-19: 14 x 14 regions, 512 channels). The LSTM's state h of H
numbers holds the caption so far. One step scores how well each region fits, and averages them with these weights:

    e_i = v · tanh(k_i + h U)         k_i = a_i W_a + b          how well region i fits       f_att in eq. 4
    α_i = exp(e_i) / Σ_j exp(e_j)                                where to look                eq. 5
    z   = β ⊙ Σ_i α_i a_i             β = σ(h W_β + b_β)         what is seen there           eq. 13, section 4.2.1

β lets a step look away: "of" needs no image. The paper has one β for a step; here each channel has its own, as in most
implementations since.

The keys k_i do not change from word to word. They are the output of a Linear that runs once for each image; the layers
below take them as an input, and the caller sums their gradient over the steps. An image may have several captions in
a batch, or beams in a search: row n is about image ``image_of[n]``, and regions and keys exist once.
"""

from collections.abc import Callable

from .activations import sigmoid
from .backend import Array, array_module, op
from .initializers import Rng, glorot
from .layer import Cache, Layer, Parameter, expect_shape
from .linear import Linear, segment_sum, times_transpose


@op
def prepare_keys(keys):
    """What :func:`attention_scores` can compute of the keys (I, L, A) once for all steps; here that is nothing."""
    return keys


@op
def attention_scores(keys, prepared, query, v, image_of):
    """e_ni = v · tanh(k_i + q_n) (N, L) for the regions of row n's image; query (N, A), v (A,).

    keys: (I, L, A), and ``prepared`` what :func:`prepare_keys` has made of them.
    """
    return array_module(keys).tanh(keys[image_of] + query[:, None]) @ v


@op
def attention_scores_backward(keys, prepared, query, v, image_of, de, dkeys):
    """(dquery, dv) from de (N, L); adds the gradient of the keys to ``dkeys``.

    tanh is computed again: cached for all steps of a sequence, (N, L, A) numbers each, it would fill the memory.
    """
    xp = array_module(keys)
    tanh = xp.tanh(keys[image_of] + query[:, None])
    dsum = de[:, :, None] * v * (1 - tanh * tanh)
    _add_by_image(dkeys, dsum, image_of)
    return dsum.sum(axis=1), xp.tensordot(de, tanh, axes=2)


@op
def weighted_sum(regions, alpha, image_of):
    """Σ_i α_ni a_i (N, D) over the regions (I, L, D) of row n's image; alpha (N, L)."""
    return (alpha[:, None] @ regions[image_of])[:, 0]


@op
def weighted_sum_backward(regions, alpha, image_of, dy, dregions=None):
    """dalpha (N, L); adds the gradient of the regions to ``dregions`` if that is given."""
    if dregions is not None:
        _add_by_image(dregions, alpha[:, :, None] * dy[:, None], image_of)
    return (regions[image_of] @ dy[:, :, None])[:, :, 0]


def _add_by_image(total, d, image_of):
    """total[image_of[n]] += d[n], summed over the rows of an image. total: (I, L, ·), d: (N, L, ·)."""
    total += segment_sum(d.reshape(len(d), -1), image_of, len(total)).reshape(total.shape)


def softmax(e):
    """exp(e) / Σ exp(e) over the last axis; the maximum is subtracted first, so nothing overflows."""
    p = array_module(e).exp(e - e.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def softmax_backward(dp, p):
    """The gradient of e: raising e_i raises p_i and lowers all others."""
    return p * (dp - (p * dp).sum(axis=-1, keepdims=True))


class SoftAttention(Layer):
    """One step, the three lines above: (regions (I, L, D), keys (I, L, A), image_of (N,), h (N, H)) -> (z, α).

    z: (N, D), what the LSTM reads together with the word; α: (N, L), positive with sum 1. Runs any number of times
    before its first backward. ``prepared`` saves work where there are several steps: :func:`prepare_keys` of the keys.
    With ``input_gradient=False`` no gradient of the regions is computed. A last input q (N, A), if it is given, is
    added to the query h U: what else is asked, such as by the word that is about to be read.

    Derived in lesson 23, lessons/23_attention.
    """

    __call__: Callable[..., tuple[Array, Array]]

    def __init__(self, D: int, H: int, A: int, *, rng: Rng, input_gradient: bool = True):
        self.U = Parameter(glorot(rng, (H, A)))
        self.v = Parameter(glorot(rng, (A, 1))[:, 0])
        self.gate = Linear(H, D, rng=rng)
        self.input_gradient = input_gradient

    def forward(self, regions: Array, keys: Array, image_of: Array, h: Array, q: Array | None = None, *,
                prepared: Array | None = None) -> tuple[tuple[Array, Array], Cache]:
        _expect_inputs(self, self.gate.b.shape[0], regions, keys, image_of, h, q)
        query = h @ self.U.data if q is None else h @ self.U.data + q
        scores = attention_scores(keys, prepared_or_new(keys, prepared), query, self.v.data, image_of)
        alpha = softmax(scores)                                                                     # eq. 4, 5
        context = weighted_sum(regions, alpha, image_of)                                            # eq. 13
        gate, gate_cache = self.gate.forward(h)
        beta = sigmoid(gate)
        return (beta * context, alpha), Cache(regions=regions, keys=keys, prepared=prepared, image_of=image_of, h=h,
                                              query=query, alpha=alpha, context=context, beta=beta, gate=gate_cache,
                                              has_q=q is not None)

    def backward(self, dy: tuple[Array, Array | None], cache: Cache, *, dregions: Array | None = None,
                 dkeys: Array | None = None) -> tuple[Array | None, ...]:
        """dy = (dL/dz, dL/dα), the second may be None; returns (dregions, dkeys, None, dh), and dq if there was a q.

        Arrays passed as ``dregions`` and ``dkeys`` are added to, so that the steps of a sequence fill one of each.
        """
        dz, dalpha_outside = dy
        c = cache.spend(self)
        dregions, dkeys = _gradients_to_fill(self, c.regions, c.keys, dregions, dkeys)
        dh = self.gate.backward(dz * c.context * c.beta * (1 - c.beta), c.gate)
        dalpha = weighted_sum_backward(c.regions, c.alpha, c.image_of, dz * c.beta, dregions)
        if dalpha_outside is not None:
            dalpha += dalpha_outside
        de = softmax_backward(dalpha, c.alpha)
        prepared = prepared_or_new(c.keys, c.prepared)
        dquery, dv = attention_scores_backward(c.keys, prepared, c.query, self.v.data, c.image_of, de, dkeys)
        self.v.accumulate(dv)
        self.U.accumulate(c.h.T @ dquery)
        return dregions, dkeys, None, dh + times_transpose(dquery, self.U.data), *[dquery] * c.has_q

    def __repr__(self):
        (H, A), D = self.U.shape, self.gate.b.shape[0]
        return f"SoftAttention(regions of {D}, state of {H}, A={A})"


class AdaptiveAttention(Layer):
    """Attention that may look at the memory instead (Lu et al. 2017, "Knowing When to Look"): one more input region.

        g = σ([x, h] W_g + b_g)                   how much of the memory is let through                eq. 9
        s = g ⊙ tanh(c)                           the sentinel                                         eq. 10
        α = softmax of [e_1 ... e_L, v · tanh(s W_s + b_s + h U)], e_i as in SoftAttention             eq. 12
        z = Σ_i α_i a_i + α_{L+1} (s S + b_S)     S makes the sentinel as long as a region             eq. 11

    (regions (I, L, D), keys (I, L, A), image_of (N,), h (N, H), x (N, E), c (N, H)) -> (z (N, D), α (N, L + 1)), with
    a last input q as in SoftAttention. The last column of α is the weight of the memory, which replaces the gate β. In
    the paper attention follows the LSTM's step; here, as in Xu et al., it comes before: h and c are of the step before,
    x is the word about to be read.

    Derived in lesson 23, lessons/23_attention.
    """

    __call__: Callable[..., tuple[Array, Array]]

    def __init__(self, D: int, E: int, H: int, A: int, *, rng: Rng, input_gradient: bool = True):
        self.U = Parameter(glorot(rng, (H, A)))
        self.v = Parameter(glorot(rng, (A, 1))[:, 0])
        self.gate = Linear(E + H, H, rng=rng)
        self.key = Linear(H, A, rng=rng)
        self.value = Linear(H, D, rng=rng)
        self.input_gradient = input_gradient

    def forward(self, regions: Array, keys: Array, image_of: Array, h: Array, x: Array, c: Array,
                q: Array | None = None, *, prepared: Array | None = None) -> tuple[tuple[Array, Array], Cache]:
        _expect_inputs(self, self.value.b.shape[0], regions, keys, image_of, h, q)
        expect_shape(self, x, "NE", "x", N=len(h), E=self.gate.W.shape[0] - h.shape[1])
        expect_shape(self, c, "NH", "c", N=len(h), H=h.shape[1])
        xp = array_module(h)
        query = h @ self.U.data if q is None else h @ self.U.data + q
        g, gate_cache = self.gate.forward(xp.concatenate([x, h], axis=1))
        g, tanh_c = sigmoid(g), xp.tanh(c)
        key, key_cache = self.key.forward(g * tanh_c)
        value, value_cache = self.value.forward(g * tanh_c)
        tanh_s = xp.tanh(key + query)
        e = attention_scores(keys, prepared_or_new(keys, prepared), query, self.v.data, image_of)
        alpha = softmax(xp.concatenate([e, (tanh_s @ self.v.data)[:, None]], axis=1))
        z = weighted_sum(regions, alpha[:, :-1], image_of) + alpha[:, -1:] * value
        return (z, alpha), Cache(regions=regions, keys=keys, prepared=prepared, image_of=image_of, h=h, query=query,
                                 g=g, tanh_c=tanh_c, value=value, tanh_s=tanh_s, alpha=alpha, gate=gate_cache,
                                 key=key_cache, value_of_memory=value_cache, has_q=q is not None)

    def backward(self, dy: tuple[Array, Array | None], cache: Cache, *, dregions: Array | None = None,
                 dkeys: Array | None = None) -> tuple[Array | None, ...]:
        """As :meth:`SoftAttention.backward`; returns (dregions, dkeys, None, dh, dx, dc), and dq if there was a q."""
        dz, dalpha_outside = dy
        c = cache.spend(self)
        H, xp = c.h.shape[1], array_module(c.h)
        dregions, dkeys = _gradients_to_fill(self, c.regions, c.keys, dregions, dkeys)
        dalpha = xp.concatenate([weighted_sum_backward(c.regions, c.alpha[:, :-1], c.image_of, dz, dregions),
                                 (dz * c.value).sum(axis=1, keepdims=True)], axis=1)
        if dalpha_outside is not None:
            dalpha += dalpha_outside
        de = softmax_backward(dalpha, c.alpha)
        prepared = prepared_or_new(c.keys, c.prepared)
        dquery, dv = attention_scores_backward(c.keys, prepared, c.query, self.v.data, c.image_of, de[:, :-1], dkeys)
        dkey = de[:, -1:] * self.v.data * (1 - c.tanh_s * c.tanh_s)
        dquery += dkey
        self.v.accumulate(dv + de[:, -1] @ c.tanh_s)
        self.U.accumulate(c.h.T @ dquery)
        ds = self.key.backward(dkey, c.key) + self.value.backward(c.alpha[:, -1:] * dz, c.value_of_memory)
        dxh = self.gate.backward(ds * c.tanh_c * c.g * (1 - c.g), c.gate)
        dx, dh = dxh[:, :-H], dxh[:, -H:]
        dc = ds * c.g * (1 - c.tanh_c * c.tanh_c)
        return dregions, dkeys, None, dh + times_transpose(dquery, self.U.data), dx, dc, *[dquery] * c.has_q

    def __repr__(self):
        (H, A), D = self.U.shape, self.value.b.shape[0]
        return f"AdaptiveAttention(regions of {D}, words of {self.gate.W.shape[0] - H}, state of {H}, A={A})"


class DoublyStochastic(Layer):
    """λ/M Σ_n Σ_i (1 - Σ_t α_nti)²: over a caption the weights of each region should sum to 1 (Xu et al. eq. 14).

    attended: (N, L), Σ_t α of each caption; M: the number of words in all captions. The paper adds Σ_i (...)² to the
    -log p of a caption; as our cross-entropy is a mean over words, it is divided by their number as well.

    Derived in lesson 23, lessons/23_attention.
    """

    def __init__(self, weight: float):
        self.weight = weight

    def forward(self, attended: Array, *, words: int) -> tuple[Array, Cache]:
        expect_shape(self, attended, "NL", "attended")
        missing = 1 - attended
        return self.weight / words * (missing * missing).sum(), Cache(missing=missing, words=words)

    def backward(self, dloss: float | Array, cache: Cache) -> Array:
        missing, words = cache.spend(self)
        return (-2 * self.weight / words) * missing * dloss

    def __repr__(self):
        return f"DoublyStochastic({self.weight:g})"


def _expect_inputs(layer, D, regions, keys, image_of, h, q):
    H, A = layer.U.shape
    expect_shape(layer, regions, "ILD", "regions", D=D)
    expect_shape(layer, keys, "ILA", "keys", I=len(regions), L=regions.shape[1], A=A)
    expect_shape(layer, image_of, "N", "image_of")
    expect_shape(layer, h, "NH", "h", N=len(image_of), H=H)
    if q is not None:
        expect_shape(layer, q, "NA", "q", N=len(image_of), A=A)


def prepared_or_new(keys, prepared):
    """``prepared`` if it was passed, else the result of :func:`prepare_keys`."""
    return prepare_keys(keys) if prepared is None else prepared


def _gradients_to_fill(layer, regions, keys, dregions, dkeys):
    """The arrays a backward pass adds to: those that were passed, or new ones; None for regions without a gradient."""
    xp = array_module(regions)
    if dregions is None and layer.input_gradient:
        dregions = xp.zeros_like(regions)
    return dregions, xp.zeros_like(keys) if dkeys is None else dkeys
