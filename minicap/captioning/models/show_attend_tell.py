"""Show, Attend and Tell (Xu et al. 2015): for every word the model looks at another part of the image.

    a_i            regions of the image, the same scale for every channel     section 3.1.1
    h_0, c_0 = tanh(mean_i a_i W + b)                                         section 3.1.2
    y_t, z_t = attention and LSTM over E[word_t] and the regions              eq. 1-5, attention_lstm.py
    p_{t+1} = softmax(L_o (E[word_t] + L_h y_t + L_z z_t))                    eq. 7, the "deep output layer"

With ``whole`` it also knows the image as a whole, by features such as fc7: every word is read as E[word_t] + v, v = W_v
fc7 + b_v. (Lu et al. 2017, section 2.2, have such a v beside every word, from the mean of the regions.)

Left out: the "hard" attention of section 4.1, which samples one region a word. In the paper h_0 and c_0 come from two
networks whose depth it does not tell; one layer each it is here.
"""

from dataclasses import dataclass

from ...activations import Dropout
from ...attention import DoublyStochastic
from ...backend import array_module
from ...initializers import normal
from ...layer import Cache, Layer, Sequential
from ...linear import Embedding, Linear, sum_by_word
from ...losses import SoftmaxCrossEntropy, log_softmax
from ...normalization import L2Normalize, Standardize
from ...recurrent import pack_by_time
from ..text.vocabulary import START
from .attention_lstm import AttentionLSTM
from .show_tell import FEATURE_LENGTH, WordDropout, feature_encoder, thinned

NORMALIZERS = {"channels": Standardize, "length": lambda D: L2Normalize(FEATURE_LENGTH), "none": lambda D: Sequential()}
PLACES = ("regions", "words", "state", "output")  # where there may be dropout


@dataclass(frozen=True)
class Shared:
    """What all captions, or beams, look at. A search picks rows of its state; this is the same for all of them."""

    regions: object   # (I, L, D)
    keys: object      # (I, L, A)
    overview: object  # (I, E), what is added to each word, or a 0
    kept: dict        # see attention_scores

    def __getitem__(self, rows):
        return self


class Attend(Layer):
    """(images, image_of, words, targets, lengths) -> the loss, as :class:`.ShowTell`; here images are regions.

    images: (I, ..., D), the regions in a row or in a grid; or with ``whole`` = G (I, L·D + G), the regions and behind
    them G numbers about the image as a whole. ``normalize``: "channels" (each channel to mean 0 and deviation 1 over
    train: call ``model.fit`` on some images first), "length" (each region to one length) or "none". ``drop_at``: which
    of PLACES have dropout: the regions, the words read, the state or the sum that is said. ``word_dropout``: see
    :class:`.WordDropout`. ``sentinel``: Lu et al.'s attention, which may look at the memory instead.
    ``doubly_stochastic``: the weight λ of eq. 14. ``input_gradient``: whether backward returns the gradient of the
    images, to train the network they are from.
    """

    def __init__(self, V, E, H, D, A, *, drop, rng, dropout_rng, drop_at=("words", "output"), word_dropout=0.0,
                 label_smoothing=0.0, log_frequencies=None, normalize="channels", sentinel=False,
                 doubly_stochastic=0.0, whole=0, input_gradient=False):
        self.dropout_rng, self.input_gradient = dropout_rng, input_gradient
        drop_regions, drop_words, drop_state, drop_output = (drop if place in drop_at else 0.0 for place in PLACES)
        self.scale = NORMALIZERS[normalize](D)
        self.drop_regions = Dropout(drop_regions, rng=dropout_rng)
        self.keys = Linear(D, A, rng=rng, input_gradient=input_gradient)
        self.begin = Linear(D, 2 * H, rng=rng, input_gradient=input_gradient)
        self.overview = feature_encoder(whole, E, rng=rng) if whole else None
        self.lose_words = WordDropout(word_dropout, rng=dropout_rng)
        self.embedding = Embedding(V, E, rng=rng, init=normal(1.0))
        self.drop_words = Dropout(drop_words, rng=dropout_rng)
        self.lstm = AttentionLSTM(E, D, H, A, rng=rng, sentinel=sentinel, input_gradient=input_gradient)
        self.drop_state = Dropout(drop_state, rng=dropout_rng)
        self.say_state = Linear(H, E, rng=rng)
        self.say_seen = Linear(D, E, rng=rng, bias=False)
        self.drop_output = Dropout(drop_output, rng=dropout_rng)
        self.output = Linear(E, V, rng=rng)
        if log_frequencies is not None:
            self.output.b.data[...] = log_frequencies
        self.loss = SoftmaxCrossEntropy(label_smoothing)
        self.share = DoublyStochastic(doubly_stochastic)

    def forward(self, images, image_of, words, targets, lengths, *, advantage=None, masks=None):
        xp = array_module(images)
        regions, whole = self.parts(images)
        I, L, D = regions.shape
        regions, scale_cache = self.scale.forward(regions.reshape(-1, D))
        regions, drop_regions_cache = self.drop_regions.forward(regions)
        regions = regions.reshape(I, L, D)
        keys, keys_cache = self.keys.forward(regions)
        begin, begin_cache = self.begin.forward(regions.mean(axis=1))
        begin = xp.tanh(begin)  # (I, 2H)

        rows, columns, running = pack_by_time(lengths)
        at = xp.asarray(rows), xp.asarray(columns)
        image_of_word = image_of[at[0]]
        image_of = image_of_word[:running[0]]
        read, _ = self.lose_words.forward(words[at])
        x, embedding_cache = self.embedding.forward(read)  # (M, E): all words, packed by time
        masks = {place: mask[at] for place, mask in (masks or {}).items()}
        x, drop_words_cache = self.drop_words.forward(x, masks.get("words"))
        overview_cache = None
        if self.overview is not None:
            overview, overview_cache = self.overview.forward(whole)
            x = x + overview[image_of_word]
        h, c = _halves(begin[image_of])
        (y, z, attended), lstm_cache = self.lstm.forward(x, regions, keys, image_of, h, c, running=running)

        y, drop_state_cache = self.drop_state.forward(y, masks.get("state"))
        state, state_cache = self.say_state.forward(y)
        seen, seen_cache = self.say_seen.forward(z)
        said, drop_output_cache = self.drop_output.forward(x + state + seen, masks.get("output"))
        logits, output_cache = self.output.forward(said)
        weight = None if advantage is None else advantage[at[0]] / len(rows)
        loss, loss_cache = self.loss.forward(logits, targets[at], weight=weight)
        share, share_cache = self.share.forward(attended[:, :L], words=len(rows))
        return loss + share, Cache(
            images_shape=images.shape, scale=scale_cache, drop_regions=drop_regions_cache, keys=keys_cache,
            begin=begin_cache, h_c=begin, L=L, image_of=image_of, image_of_word=image_of_word,
            embedding=embedding_cache, drop_words=drop_words_cache, overview=overview_cache, lstm=lstm_cache,
            attended=attended, drop_state=drop_state_cache, state=state_cache, seen=seen_cache,
            drop_output=drop_output_cache, output=output_cache, loss=loss_cache, share=share_cache)

    def backward(self, dloss, cache):
        """Returns the gradient of the images (None unless ``input_gradient``), and None for the integer inputs."""
        (images_shape, scale, drop_regions, keys, begin, h_c, L, image_of, image_of_word, embedding, drop_words,
         overview, lstm, attended, drop_state, state, seen, drop_output, output, loss, share) = cache.spend(self)
        xp = array_module(image_of)
        dattended = xp.zeros_like(attended)
        dattended[:, :L] = self.share.backward(dloss, share)
        dlogits, _ = self.loss.backward(dloss, loss)
        dsaid = self.drop_output.backward(self.output.backward(dlogits, output), drop_output)
        dy = self.drop_state.backward(self.say_state.backward(dsaid, state), drop_state)
        dz = self.say_seen.backward(dsaid, seen)

        dx, dregions, dkeys, _, dh, dc = self.lstm.backward((dy, dz, dattended), lstm)
        dx += dsaid
        self.embedding.backward(self.drop_words.backward(dx, drop_words), embedding)
        if self.overview is not None:
            dwhole = self.overview.backward(sum_by_word(dx, image_of_word, len(h_c)), overview)
        dbegin = sum_by_word(xp.concatenate([dh, dc], axis=1), image_of, len(h_c))  # every caption has its say
        dmean = self.begin.backward(dbegin * (1 - h_c * h_c), begin)
        dregions_keys = self.keys.backward(dkeys, keys)
        if not self.input_gradient:
            return None, None, None, None, None
        dregions += dregions_keys + dmean[:, None] / L
        dregions = self.drop_regions.backward(dregions.reshape(-1, dregions.shape[-1]), drop_regions)
        dimages = self.scale.backward(dregions, scale)
        if self.overview is not None:
            dimages = xp.concatenate([dimages.reshape(len(h_c), -1), dwhole], axis=1)
        return dimages.reshape(images_shape), None, None, None, None

    def __call__(self, images, image_of, words, targets, lengths):
        """The mean cross-entropy per word without dropout, label smoothing and doubly stochastic term."""
        rows, columns, running = pack_by_time(lengths)
        xp = array_module(images)
        at = xp.asarray(rows), xp.asarray(columns)
        h, c, _, _, shared = self.start(images)
        x = self.embedding(words[at]) + shared.overview[image_of[at[0]]]
        image_of = image_of[at[0][:running[0]]]
        y, z, _ = self.lstm(x, shared.regions, shared.keys, image_of, h[image_of], c[image_of], running=running)
        return self.loss(self._logits(x, y, z), targets[at])

    def start(self, images):
        """The state (h, c, image_of, α, shared) before the first word: rows (I, H), (I, H), (I,), (I, L)."""
        xp = array_module(images)
        regions, whole = self.parts(images)
        regions = self.scale(regions.reshape(-1, regions.shape[-1])).reshape(regions.shape)
        overview = (xp.zeros((len(images), 1), dtype=regions.dtype) if self.overview is None
                    else self.overview(whole))
        h, c = _halves(xp.tanh(self.begin(regions.mean(axis=1))))
        alpha = xp.zeros((len(regions), regions.shape[1] + self.lstm.sentinel), dtype=regions.dtype)
        return h, c, xp.arange(len(regions)), alpha, Shared(regions, self.keys(regions), overview, {})

    def draw_masks(self, N, T):
        """As :meth:`.ShowTell.draw_masks`: {place: (N, T, ...)}, for the places of words, which regions are not."""
        H, E = self.say_state.W.shape
        layers = {"words": (self.drop_words, E), "state": (self.drop_state, H), "output": (self.drop_output, E)}
        return {place: layer.draw((N, T, size), self.output.W.data)
                for place, (layer, size) in layers.items() if layer.drop} or None

    def step(self, state, words, masks=None):
        """Read one word a row: (state, words (N,)) -> (next state, log p of each next word (N, V)).

        The α of the next state is where the model looked when it read ``words``, so for the word it says next.
        ``masks``: those of :meth:`draw_masks` for this word, (N, ...); else there is no dropout.
        """
        h, c, image_of, _, shared = state
        x = thinned(self.embedding(words), masks, "words") + shared.overview[image_of]
        h, c, z, alpha = self.lstm.step(x, shared.regions, shared.keys, image_of, h, c, kept=shared.kept)
        return (h, c, image_of, alpha, shared), log_softmax(self._logits(x, h, z, masks))

    def attention_maps(self, image, words):
        """Where the model looks for each of ``words`` and then for <end>: α (T + 1, L), with a sentinel (T + 1, L + 1).

        image: (1, ..., D); words: the indices of a caption, as a search has found it. Rows are those of its grid.
        """
        state, maps = self.start(image), []
        for word in (START, *words):  # reading a word, it looks for the next one
            state, _ = self.step(state, array_module(image).full(1, word))
            maps.append(state[3][0])
        return array_module(image).stack(maps)

    def fit(self, images):
        """Take mean and deviation of every channel from some images, for ``normalize="channels"``."""
        regions, _ = self.parts(images)
        self.scale.fit(regions)

    def parts(self, images):
        """(the regions (I, L, D), the features of the images as a whole (I, G) or None)."""
        I, D = len(images), self.keys.W.shape[0]
        if self.overview is None:
            return images.reshape(I, -1, D), None
        images, G = images.reshape(I, -1), self.overview["project"].W.shape[0]
        return images[:, :-G].reshape(I, -1, D), images[:, -G:]

    def _logits(self, x, y, z, masks=None):
        said = x + self.say_state(thinned(y, masks, "state")) + self.say_seen(z)
        return self.output(thinned(said, masks, "output"))

    def __repr__(self):
        V, E = self.embedding.W.shape
        D, A = self.keys.W.shape
        more = ", sentinel" * self.lstm.sentinel + ", and the image as a whole" * (self.overview is not None)
        return f"Attend({V} words, E={E}, H={self.lstm.cell.U.shape[0]}, regions of {D}, A={A}{more})"


def _halves(begin):
    """(h, c) side by side in (N, 2H)."""
    H = begin.shape[1] // 2
    return begin[:, :H], begin[:, H:]
