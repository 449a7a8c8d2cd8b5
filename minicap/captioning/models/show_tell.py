"""Show and Tell (Vinyals et al. 2015): an LSTM reads the image as its first "word", then generates the caption.

    x_{-1} = encoder(image)                    the image, once                          eq. 10
    x_t    = W_e[word_t]                       then the words, beginning with <start>   eq. 11
    p_{t+1} = softmax(LSTM(x_t) W + b)         the next word                            eq. 12

    input     image   <start>   a     dog   runs
    output               a      dog   runs   <end>

In training the input is the true previous word (teacher forcing), at inference the word that was chosen.

With ``image_every_step`` the image is not the first word but is concatenated with every word: x_t = [W_e[word_t],
encoder(image)]. Vinyals et al. found that this overfits more easily. Here it works better: a CNN that learns its own
features needs the shorter path for its gradient, and on frozen features of Flickr8k the captions also score far higher
(results/flickr8k/show-tell/README.md has the figures).
"""

import numpy as np

from ...activations import Dropout, ReLU
from ...backend import Array, array_module
from ...conv import Conv2d
from ...initializers import Rng, normal
from ...layer import Cache, Layer, Sequential
from ...linear import Embedding, Flatten, Linear, segment_sum
from ...losses import SoftmaxCrossEntropy, log_softmax
from ...normalization import BatchNorm2d, L2Normalize
from ...pooling import MaxPool2d
from ...recurrent import LSTM
from .dropout import masked
from .settings import ShowTellSettings
from .state import DecoderState

FEATURE_LENGTH = 20.0  # fc7 has lengths around 100 and many zeros; scaled to 20, its elements are of order 0.3


class ShowTell(Layer):
    """(images, image_of, words, targets, lengths) -> the loss: mean cross-entropy per word, a 0-d array.

    encoder: a layer from I images to (I, E), by default that described by ``settings`` (:class:`.ShowTellSettings`).
    An image is encoded once, however many of its captions are in the batch: caption n describes images[image_of[n]].
    words, targets: (N, T) integers on the model's device, image_of: (N,); ``lengths``: (N,) NumPy integers, row n is
    valid in columns 0 .. lengths[n] - 1 (see batches.py).

    With an ``advantage`` (N,), which may be negative, the cross-entropy of caption n is multiplied by it
    (self_critical.py). With ``masks``, dropout uses the masks from :meth:`sample_masks`. ``soft`` is that of
    :class:`.SoftmaxCrossEntropy`, from :meth:`probabilities` of other models.

    Derived in lesson 20, lessons/20_captioner.
    """

    def __init__(self, settings: ShowTellSettings, *, rng: Rng, dropout_rng: Rng,
                 log_frequencies: np.ndarray | None = None, encoder: Layer | None = None):
        V, E, H = settings.vocabulary, settings.embedding, settings.hidden
        self.image_every_step, self.dropout_rng = settings.image_every_step, dropout_rng
        self.encoder = image_encoder(settings, rng) if encoder is None else encoder
        self.embedding = Embedding(V, E, rng=rng, init=normal(1.0))  # about as large as an encoded image
        self.drop_words = Dropout(settings.drop, rng=dropout_rng)
        self.lstm = LSTM(2 * E if self.image_every_step else E, H, rng=rng)
        self.drop_hidden = Dropout(settings.drop, rng=dropout_rng)
        self.output = Linear(H, V, rng=rng)
        if log_frequencies is not None:
            self.output.b.data[...] = log_frequencies  # predict word frequencies at first (as in neuraltalk)
        self.loss = SoftmaxCrossEntropy(settings.label_smoothing)

    def forward(self, images: Array, image_of: Array, words: Array, targets: Array, lengths: np.ndarray, *,
                advantage: Array | None = None, masks: dict[str, Array] | None = None,
                soft: tuple[Array, float] | None = None) -> tuple[Array, Cache]:
        masks = masks or {}
        real = real_words(words, lengths)
        encoded, encoder = self.encoder.forward(images)                                        # (1) the image
        embedded, embedding = self.embedding.forward(words)                                    # (2) the words
        embedded, drop_words = self.drop_words.forward(embedded, masks.get("words"))
        (y, _, _), lstm = self.lstm.forward(**self._lstm_inputs(encoded[image_of], embedded, lengths))  # (3)
        hidden = self._word_outputs(y)[real]                                                   # (N, T, H) -> (M, H)
        mask = masks["hidden"][real] if masks else None
        hidden, drop_hidden = self.drop_hidden.forward(hidden, mask)
        logits, output = self.output.forward(hidden)                                           # (4) p_{t+1}
        weight = None if advantage is None else advantage[real[0]] / len(real[0])
        loss, loss_cache = self.loss.forward(logits, targets[real], weight=weight, soft=soft)  # (5) against the target
        return loss, Cache(image_of=image_of, real=real, images=len(encoded), y_shape=y.shape, encoder=encoder,
                           embedding=embedding, drop_words=drop_words, lstm=lstm, drop_hidden=drop_hidden,
                           output=output, loss=loss_cache)

    def backward(self, dloss: float | Array, cache: Cache) -> tuple[Array | None, None, None, None, None]:
        """Returns the gradient of the images (None for pixels), and None for each of the four integer inputs."""
        c = cache.spend(self)
        dlogits, _ = self.loss.backward(dloss, c.loss)                                         # (5)
        dhidden = self.output.backward(dlogits, c.output)                                      # (4)
        dhidden = self.drop_hidden.backward(dhidden, c.drop_hidden)
        dy = array_module(dhidden).zeros(c.y_shape, dtype=dhidden.dtype)
        self._word_outputs(dy)[c.real] = dhidden
        dx, _, _, *dimage = self.lstm.backward((dy, None, None), c.lstm)                       # (3)
        dembedded, dimage = (dx, *dimage) if self.image_every_step else (dx[:, 1:], dx[:, 0])
        self.embedding.backward(self.drop_words.backward(dembedded, c.drop_words), c.embedding)  # (2)
        dencoded = segment_sum(dimage, c.image_of, c.images)  # summed over the captions of an image
        return self.encoder.backward(dencoded, c.encoder), None, None, None, None              # (1)

    def __call__(self, images: Array, image_of: Array, words: Array, targets: Array, lengths: np.ndarray) -> Array:
        """The loss without dropout and label smoothing; its exponential is the perplexity per word."""
        real = real_words(words, lengths)
        return self.loss(self._logits(images, image_of, words, lengths, real), targets[real])

    def probabilities(self, images: Array, image_of: Array, words: Array, lengths: np.ndarray) -> Array:
        """Those of every next word, without dropout: (M, V), in the order of the logits of :meth:`forward`."""
        logits = self._logits(images, image_of, words, lengths, real_words(words, lengths))
        return array_module(logits).exp(log_softmax(logits))

    def _logits(self, images, image_of, words, lengths, real):
        y, _, _ = self.lstm(**self._lstm_inputs(self.encoder(images)[image_of], self.embedding(words), lengths))
        return self.output(self._word_outputs(y)[real])

    def start(self, images: Array) -> DecoderState:
        """The state before the first word: rows h (N, H), c (N, H) and the encoded image (N, E)."""
        image = self.encoder(images)
        h = c = array_module(image).zeros((len(image), self.lstm.cell.U.shape[0]), dtype=image.dtype)
        if not self.image_every_step:
            h, c = self.lstm.cell(image, h, c)
        return DecoderState((h, c, image))

    def step(self, state: DecoderState, words: Array,
             masks: dict[str, Array] | None = None) -> tuple[DecoderState, Array]:
        """Read one word per row: (state, words (N,)) -> (next state, log p of each next word (N, V)).

        ``masks``: those of :meth:`sample_masks` for this word, (N, ...); without them there is no dropout.
        """
        h, c, image = state.rows
        x = masked(self.embedding(words), masks, "words")
        if self.image_every_step:
            x = array_module(x).concatenate([x, image], axis=1)
        h, c = self.lstm.cell(x, h, c)
        return DecoderState((h, c, image)), log_softmax(self.output(masked(h, masks, "hidden")))

    def sample_masks(self, N: int, T: int) -> dict[str, Array] | None:
        """Dropout masks for N captions of T words, (N, T, ...) each, or None without dropout.

        With them, :meth:`step` samples captions with the same dropout with which :meth:`forward` learns from them.
        """
        if self.drop_words.drop == 0:
            return None
        W = self.output.W.data
        return {"words": self.drop_words.sample_mask((N, T, self.embedding.W.shape[1]), W),
                "hidden": self.drop_hidden.sample_mask((N, T, len(W)), W)}

    def draws(self) -> dict[str, list[Layer]]:
        """The layers that draw random numbers, by the order of their rows: {order: [layers]} (training/together.py)."""
        return {"captions": [self.drop_words], "words": [self.drop_hidden]}

    def _lstm_inputs(self, image, embedded, lengths):
        """The LSTM's arguments, from (N, E), (N, T, E) and (N,): the image as x_{-1}, or as a constant input."""
        lengths = np.asarray(lengths)
        if self.image_every_step:
            return {"x": embedded, "constant": image, "lengths": lengths}
        return {"x": array_module(image).concatenate([image[:, None], embedded], axis=1), "lengths": lengths + 1}

    def _word_outputs(self, y):
        """The outputs after a word: all except the one after the image, if that comes first."""
        return y if self.image_every_step else y[:, 1:]

    def __repr__(self):
        V, E = self.embedding.W.shape
        return f"ShowTell({V} words, E={E}, H={self.lstm.cell.U.shape[0]})"


def real_words(words, lengths):
    """(rows, columns) of the words that are not padding: only those are projected to the vocabulary."""
    xp = array_module(words)
    inside = np.arange(words.shape[1]) < np.asarray(lengths)[:, None]
    return tuple(xp.asarray(index) for index in np.nonzero(inside))


def image_encoder(settings: ShowTellSettings, rng: Rng) -> Sequential:
    """The encoder described by :class:`.ShowTellSettings`."""
    if settings.input == "pixels":
        return small_cnn(settings.side, settings.embedding, rng=rng)
    return feature_encoder(settings.feature_size, settings.embedding, rng=rng)


def feature_encoder(D: int, E: int, *, rng: Rng) -> Sequential:
    """For features of a frozen network, (N, D) -> (N, E)."""
    return Sequential(scale=L2Normalize(FEATURE_LENGTH), project=Linear(D, E, rng=rng))


def small_cnn(side: int, E: int, *, channels: tuple[int, ...] = (16, 32, 64), rng: Rng) -> Sequential:
    """For small pictures (N, side, side, 3), trained from scratch: blocks of convolution, norm, ReLU and pooling."""
    layers, C = {}, 3
    for i, F in enumerate(channels, start=1):
        conv = Conv2d(C, F, 3, padding=1, input_gradient=i > 1, rng=rng)  # pixels need no gradient
        layers |= {f"conv{i}": conv, f"bn{i}": BatchNorm2d(F), f"relu{i}": ReLU(), f"pool{i}": MaxPool2d(2)}
        C, side = F, side // 2
    return Sequential(**layers, flatten=Flatten(), project=Linear(side * side * C, E, rng=rng))
