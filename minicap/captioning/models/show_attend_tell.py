"""Show, Attend and Tell (Xu et al. 2015): for every word the model attends to another part of the image.

    (1) a_i = f(region_i),   k_i = a_i W_a + b_a               regions and their keys            section 3.1.1, eq. 4
    (2) h_0, c_0 = tanh(mean_i a_i W_0 + b_0)                  the LSTM's first state            section 3.1.2
    (3) x_t = E[word_t] (+ v)                                  the words
    (4) h_t, z_t = LSTM([x_t, z_t]), z_t = attention(a, h_t-1) attention_lstm.py                 eq. 1-5
    (5) p_{t+1} = softmax(L_o (x_t + L_h h_t + L_z z_t))       the "deep output layer"           eq. 7
    (6) L = -mean log p + λ/M Σ (1 - Σ_t α_ti)²                cross-entropy, doubly stochastic  eq. 14

f normalises the channels; with a ``region_size`` a linear layer, ReLU and dropout follow. With ``query_word`` attention
also knows x_t. (1) to (3) and (5) are the layers in attend_parts.py.

With global features such as fc7 after the regions, v = W_v fc7 + b_v is added to every word. (Lu et al. 2017, section
2.2, concatenate such a v, from the mean of the regions, with every word.)

Not implemented: the "hard" attention of section 4.1, which samples one region per word. In the paper h_0 and c_0 come
from two networks whose depth is not stated; here each is one layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...attention import DoublyStochastic, prepare_keys
from ...backend import Array, array_module
from ...initializers import Rng
from ...layer import Cache, Layer
from ...linear import segment_sum
from ...losses import SoftmaxCrossEntropy, log_softmax
from ..text.vocabulary import START
from .attend_parts import DeepOutput, RegionEncoder, WordEncoder
from .attention_lstm import AttentionLSTM, PackedCaptions
from .settings import DROPOUT_LOCATIONS, ShowAttendTellSettings
from .state import DecoderState


class ShowAttendTell(Layer):
    """(images, image_of, words, targets, lengths) -> the loss, as :class:`.ShowTell`; here images are regions.

    images: (I, ..., D), a list or grid of regions; or with G global features (I, L·D + G), the flattened regions
    followed by the global features. ``settings``: :class:`.ShowAttendTellSettings`; with normalize "channels", call
    ``fit`` on some images first. Backward returns the gradient of the images if a block of VGG is fine-tuned. Derived
    in lessons 20 and 23, lessons/20_captioner and lessons/23_attention.
    """

    def __init__(self, settings: ShowAttendTellSettings, *, rng: Rng, dropout_rng: Rng,
                 log_frequencies: np.ndarray | None = None):
        V, E, H = settings.vocabulary, settings.embedding, settings.hidden
        D, G, A = settings.feature_size, settings.global_size, settings.attention
        drop = {at: settings.drop if at in settings.dropout_at else 0.0 for at in DROPOUT_LOCATIONS}
        self.D, self.G, self.input_gradient, self.dropout_rng = D, G, settings.finetune is not None, dropout_rng
        self.regions = RegionEncoder(D, A, H, size=settings.region_size, normalize=settings.normalize,
                                     drop=drop["regions"], rng=rng, dropout_rng=dropout_rng,
                                     input_gradient=self.input_gradient)
        self.words = WordEncoder(V, E, G, word_dropout=settings.word_dropout, drop=drop["words"], rng=rng,
                                 dropout_rng=dropout_rng)
        D_a = settings.region_size or D
        self.lstm = AttentionLSTM(E, D_a, H, A, rng=rng, sentinel=settings.sentinel, query_word=settings.query_word,
                                  input_gradient=self.regions.is_learned)
        self.output = DeepOutput(D_a, E, H, V, drop_state=drop["state"], drop_output=drop["output"], rng=rng,
                                 dropout_rng=dropout_rng)
        if log_frequencies is not None:
            self.output.vocabulary.b.data[...] = log_frequencies
        self.loss = SoftmaxCrossEntropy(settings.label_smoothing)
        self.doubly_stochastic = DoublyStochastic(settings.doubly_stochastic)

    def forward(self, images: Array, image_of: Array, words: Array, targets: Array, lengths: np.ndarray, *,
                advantage: Array | None = None, masks: dict[str, Array] | None = None,
                soft: tuple[Array, float] | None = None) -> tuple[Array, Cache]:
        packed = PackedCaptions(image_of, words, lengths)  # M words in all, of N captions
        masks = {name: mask[packed.at] for name, mask in (masks or {}).items()}
        weight = None if advantage is None else advantage[packed.at[0]] / packed.M
        regions, global_features = self.split(images)
        (a, keys, state), region_cache = self.regions.forward(regions)                                # (1), (2)
        x, word_cache = self.words.forward(packed.words, global_features, packed.image_of_word,       # (3)
                                           masks.get("words"))
        h, c = halves(state[packed.image_of])
        (y, z, attended), lstm_cache = self.lstm.forward(x, a, keys, packed.image_of, h, c,           # (4)
                                                         batch_sizes=packed.batch_sizes)
        logits, output_cache = self.output.forward(x, y, z, masks)                                    # (5)
        loss, loss_cache = self.loss.forward(logits, targets[packed.at], weight=weight, soft=soft)             # (6)
        penalty, penalty_cache = self.doubly_stochastic.forward(attended[:, :a.shape[1]], words=packed.M)
        return loss + penalty, Cache(images_shape=images.shape, image_of=packed.image_of, attended=attended,
                                     regions=region_cache, words=word_cache, lstm=lstm_cache, output=output_cache,
                                     loss=loss_cache, penalty=penalty_cache)

    def backward(self, dloss: float | Array, cache: Cache) -> tuple[Array | None, None, None, None, None]:
        """Returns the gradient of the images (None unless a block is fine-tuned), and None for the integer inputs."""
        c = cache.spend(self)
        I, xp = c.images_shape[0], array_module(c.image_of)
        dattended = xp.zeros_like(c.attended)
        dattended[:, :c.attended.shape[1] - self.lstm.sentinel] = \
            self.doubly_stochastic.backward(dloss, c.penalty)                                         # (6)
        dlogits, _ = self.loss.backward(dloss, c.loss)
        dx_of_output, dy, dz = self.output.backward(dlogits, c.output)                                # (5)
        dx, da, dkeys, _, dh, dc = self.lstm.backward((dy, dz, dattended), c.lstm)                    # (4)
        _, dglobal, _ = self.words.backward(dx + dx_of_output, c.words)                               # (3)
        dstate = segment_sum(xp.concatenate([dh, dc], axis=1), c.image_of, I)  # summed over an image's captions
        dregions = self.regions.backward((da, dkeys, dstate), c.regions)                              # (2), (1)
        if dregions is not None and dglobal is not None:
            dregions = xp.concatenate([dregions.reshape(I, -1), dglobal], axis=1)
        return None if dregions is None else dregions.reshape(c.images_shape), None, None, None, None

    def __call__(self, images: Array, image_of: Array, words: Array, targets: Array, lengths: np.ndarray) -> Array:
        """The mean cross-entropy per word, without dropout, label smoothing and doubly stochastic term."""
        packed = PackedCaptions(image_of, words, lengths)
        return self.loss(self._logits(images, packed), targets[packed.at])

    def probabilities(self, images: Array, image_of: Array, words: Array, lengths: np.ndarray) -> Array:
        """Those of every next word, without dropout: (M, V), in the order of the logits of :meth:`forward`."""
        packed = PackedCaptions(image_of, words, lengths)
        return array_module(images).exp(log_softmax(self._logits(images, packed)))

    def _logits(self, images, packed):
        encoded, state = self.encode(images)
        x = self.words.with_vector(packed.words, encoded.global_vector, packed.image_of_word)
        y, z, _ = self.lstm(x, encoded.regions, encoded.keys, packed.image_of, *halves(state[packed.image_of]),
                            batch_sizes=packed.batch_sizes)
        return self.output(x, y, z)

    def encode(self, images: Array) -> "tuple[EncodedImages, Array]":
        """Everything that is computed once for each image: (EncodedImages, [h_0, c_0] (I, 2H))."""
        regions, global_features = self.split(images)
        a, keys, state = self.regions(regions)
        return EncodedImages(a, keys, prepare_keys(keys), self.words.global_vector(global_features)), state

    def start(self, images: Array) -> DecoderState:
        """The state before the first word: rows h (I, H), c (I, H), image_of (I,), α (I, L); shared EncodedImages."""
        encoded, state = self.encode(images)
        xp, (I, L, D) = array_module(state), encoded.regions.shape
        alpha = xp.zeros((I, L + self.lstm.sentinel), dtype=state.dtype)
        return DecoderState((*halves(state), xp.arange(I), alpha), encoded)

    def step(self, state: DecoderState, words: Array,
             masks: dict[str, Array] | None = None) -> tuple[DecoderState, Array]:
        """Read one word per row: (state, words (N,)) -> (next state, log p of each next word (N, V)).

        The α of the next state is the attention for the word that is predicted here.
        ``masks``: those of :meth:`sample_masks` for this word, (N, ...); without them there is no dropout.
        """
        (h, c, image_of, _), encoded = state.rows, state.shared
        x = self.words.with_vector(words, encoded.global_vector, image_of, masks)
        h, c, z, alpha = self.lstm.step(x, encoded.regions, encoded.keys, image_of, h, c, prepared=encoded.prepared)
        return DecoderState((h, c, image_of, alpha), encoded), log_softmax(self.output(x, h, z, masks))

    def sample_masks(self, N: int, T: int) -> dict[str, Array] | None:
        """As :meth:`.ShowTell.sample_masks`: {location: (N, T, ...)}, for words, state and output."""
        H, E = self.output.hidden_to_output.W.shape
        layers = {"words": (self.words.dropout, E), "state": (self.output.drop_state, H),
                  "output": (self.output.drop_output, E)}
        return {name: layer.sample_mask((N, T, size), self.output.vocabulary.W.data)
                for name, (layer, size) in layers.items() if layer.drop} or None

    def draws(self) -> dict[str, list[Layer]]:
        """As :meth:`.ShowTell.draws`."""
        return {"steps": [self.words.word_dropout, self.words.dropout, self.output.drop_state, self.output.drop_output],
                "images": [self.regions.dropout]}

    def attention_maps(self, image: Array, words: Iterable[int]) -> Array:
        """The attention for each of ``words`` and then for <end>: α (T + 1, L), with a sentinel (T + 1, L + 1).

        image: (1, ..., D); words: the indices of a caption. Regions are in the order of their grid, row by row.
        """
        state, maps = self.start(image), []
        for word in (START, *words):  # the attention when reading a word is that for the next one
            state, _ = self.step(state, array_module(image).full(1, word))
            *_, alpha = state.rows
            maps.append(alpha[0])
        return array_module(image).stack(maps)

    def fit(self, images: Array) -> None:
        """Compute mean and standard deviation of every channel from some images, for normalize "channels"."""
        self.regions.scale.fit(self.split(images)[0])

    def split(self, images: Array) -> tuple[Array, Array | None]:
        """(the regions (I, L, D), the global features of the images (I, G) or None)."""
        I = len(images)
        if self.G == 0:
            return images.reshape(I, -1, self.D), None
        images = images.reshape(I, -1)
        return images[:, :-self.G].reshape(I, -1, self.D), images[:, -self.G:]

    def __repr__(self):
        V, E = self.words.embedding.W.shape
        size, A = self.regions.keys.W.shape
        regions = f"{self.D}" + f" -> {size}" * (self.regions.projection.layers != {})
        more = ", sentinel" * self.lstm.sentinel + f", {self.G} global features" * (self.G > 0)
        return f"ShowAttendTell({V} words, E={E}, H={self.lstm.cell.U.shape[0]}, regions of {regions}, A={A}{more})"


@dataclass(frozen=True)
class EncodedImages:
    """Everything that is the same for all captions, or beams, of an image."""

    regions: Array               # a (I, L, D')
    keys: Array                  # (I, L, A)
    prepared: Any                # the result of prepare_keys
    global_vector: Array | None  # (I, E), what is added to each word; None without global features


def halves(state):
    """[h, c] side by side in (N, 2H) -> (h, c)."""
    H = state.shape[1] // 2
    return state[:, :H], state[:, H:]
