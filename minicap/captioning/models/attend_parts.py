"""The parts of Show, Attend and Tell (show_attend_tell.py): what encodes the regions and the words, and the output."""

from ...activations import Dropout, ReLU
from ...backend import Array, array_module
from ...initializers import Rng, he, normal
from ...layer import Cache, Layer, Sequential
from ...linear import Embedding, Linear, segment_sum
from ...normalization import L2Normalize, Standardize
from .dropout import WordDropout, masked
from .show_tell import FEATURE_LENGTH, feature_encoder

NORMALIZERS = {"channels": Standardize, "length": lambda D: L2Normalize(FEATURE_LENGTH), "none": lambda D: Sequential()}


class RegionEncoder(Layer):
    """(1, 2), lesson 23, lessons/23_attention: regions (I, L, D) -> a (I, L, D'), keys (I, L, A), [h_0, c_0] (I, 2H).

    The features of a frozen network were learned for another task, and there are many of them. With ``size`` = D' each
    region passes through a linear layer, ReLU and dropout first; with 0 it is a_i itself, and D' = D.
    """

    def __init__(self, D: int, A: int, H: int, *, size: int, normalize: str, drop: float, rng: Rng, dropout_rng: Rng,
                 input_gradient: bool):
        self.scale = NORMALIZERS[normalize](D)
        self.projection = Sequential() if size == 0 else Sequential(
            linear=Linear(D, size, rng=rng, init=he, input_gradient=input_gradient), relu=ReLU())
        self.dropout = Dropout(drop, rng=dropout_rng)
        self.is_learned = size > 0 or input_gradient  # else a is fixed, and needs no gradient
        self.keys = Linear(size or D, A, rng=rng, input_gradient=self.is_learned)
        self.init_state = Linear(size or D, 2 * H, rng=rng, input_gradient=self.is_learned)
        self.input_gradient = input_gradient

    def forward(self, regions: Array) -> tuple[tuple[Array, Array, Array], Cache]:
        I, L, D = regions.shape
        a, scale = self.scale.forward(regions.reshape(-1, D))
        a, projection = self.projection.forward(a)
        a, dropout = self.dropout.forward(a)
        a = a.reshape(I, L, -1)
        k, keys = self.keys.forward(a)
        state, init_state = self.init_state.forward(a.mean(axis=1))
        state = array_module(state).tanh(state)
        return (a, k, state), Cache(scale=scale, projection=projection, dropout=dropout, keys=keys,
                                    init_state=init_state, state=state)

    def backward(self, dy: tuple[Array, Array, Array], cache: Cache) -> Array | None:
        """dy = (da, dkeys, dstate); returns the gradient of the regions, None without ``input_gradient``."""
        da, dkeys, dstate = dy
        c = cache.spend(self)
        dmean = self.init_state.backward(dstate * (1 - c.state * c.state), c.init_state)
        da_of_keys = self.keys.backward(dkeys, c.keys)
        if not self.is_learned:
            return None
        I, L, _ = da.shape
        da = (da + (da_of_keys + dmean[:, None] / L)).reshape(I * L, -1)
        dscaled = self.projection.backward(self.dropout.backward(da, c.dropout), c.projection)
        return self.scale.backward(dscaled, c.scale).reshape(I, L, -1) if self.input_gradient else None

    def __call__(self, regions: Array) -> tuple[Array, Array, Array]:
        I, L, D = regions.shape
        a = self.projection(self.scale(regions.reshape(-1, D))).reshape(I, L, -1)
        state = self.init_state(a.mean(axis=1))
        return a, self.keys(a), array_module(state).tanh(state)


class WordEncoder(Layer):
    """(3), lesson 17, lessons/17_words: words (M,), global features (I, G) or None, image_of (M,) -> x (M, E)."""

    def __init__(self, V: int, E: int, G: int, *, word_dropout: float, drop: float, rng: Rng, dropout_rng: Rng):
        self.global_projection = feature_encoder(G, E, rng=rng) if G else None
        self.word_dropout = WordDropout(word_dropout, rng=dropout_rng)
        self.embedding = Embedding(V, E, rng=rng, init=normal(1.0))
        self.dropout = Dropout(drop, rng=dropout_rng)

    def forward(self, words: Array, global_features: Array | None, image_of: Array,
                mask: Array | None = None) -> tuple[Array, Cache]:
        words, _ = self.word_dropout.forward(words)
        x, embedding = self.embedding.forward(words)
        x, dropout = self.dropout.forward(x, mask)
        projection = None
        if self.global_projection is not None:
            v, projection = self.global_projection.forward(global_features)
            x = x + v[image_of]
        return x, Cache(embedding=embedding, dropout=dropout, projection=projection, image_of=image_of,
                        images=None if global_features is None else len(global_features))

    def backward(self, dx: Array, cache: Cache) -> tuple[None, Array | None, None]:
        """Returns the gradients of the inputs: (None, that of the global features or None, None)."""
        c = cache.spend(self)
        dglobal = None
        if self.global_projection is not None:
            dglobal = self.global_projection.backward(segment_sum(dx, c.image_of, c.images), c.projection)
        self.embedding.backward(self.dropout.backward(dx, c.dropout), c.embedding)
        return None, dglobal, None

    def __call__(self, words: Array, global_features: Array | None, image_of: Array) -> Array:
        return self.with_vector(words, self.global_vector(global_features), image_of)

    def global_vector(self, global_features: Array | None) -> Array | None:
        """v (I, E), which is computed once for each image; None without global features."""
        return None if self.global_projection is None else self.global_projection(global_features)

    def with_vector(self, words: Array, v: Array | None, image_of: Array,
                    masks: dict[str, Array] | None = None) -> Array:
        """x at inference, from ``words`` and the v of :meth:`global_vector`."""
        x = masked(self.embedding(words), masks, "words")
        return x if v is None else x + v[image_of]


class DeepOutput(Layer):
    """(5): x (M, E), h (M, H) and z (M, D) -> the logits of the next words (M, V), L_o (x + L_h h + L_z z)."""

    def __init__(self, D: int, E: int, H: int, V: int, *, drop_state: float, drop_output: float, rng: Rng,
                 dropout_rng: Rng):
        self.drop_state = Dropout(drop_state, rng=dropout_rng)
        self.hidden_to_output = Linear(H, E, rng=rng)
        self.context_to_output = Linear(D, E, rng=rng, bias=False)
        self.drop_output = Dropout(drop_output, rng=dropout_rng)
        self.vocabulary = Linear(E, V, rng=rng)

    def forward(self, x: Array, h: Array, z: Array, masks: dict[str, Array]) -> tuple[Array, Cache]:
        h, drop_state = self.drop_state.forward(h, masks.get("state"))
        h, hidden = self.hidden_to_output.forward(h)
        z, context = self.context_to_output.forward(z)
        y, drop_output = self.drop_output.forward(x + h + z, masks.get("output"))
        logits, vocabulary = self.vocabulary.forward(y)
        return logits, Cache(drop_state=drop_state, hidden=hidden, context=context, drop_output=drop_output,
                             vocabulary=vocabulary)

    def backward(self, dlogits: Array, cache: Cache) -> tuple[Array, Array, Array]:
        """Returns (dx, dh, dz)."""
        c = cache.spend(self)
        dy = self.drop_output.backward(self.vocabulary.backward(dlogits, c.vocabulary), c.drop_output)
        dz = self.context_to_output.backward(dy, c.context)
        dh = self.drop_state.backward(self.hidden_to_output.backward(dy, c.hidden), c.drop_state)
        return dy, dh, dz

    def __call__(self, x: Array, h: Array, z: Array, masks: dict[str, Array] | None = None) -> Array:
        y = x + self.hidden_to_output(masked(h, masks, "state")) + self.context_to_output(z)
        return self.vocabulary(masked(y, masks, "output"))
