"""Show and Tell (Vinyals et al. 2015): an image becomes the first "word" an LSTM reads, then it writes the caption.

    x_{-1} = encoder(image)                    the image, once                          eq. 10
    x_t    = W_e[word_t]                       then the words, beginning with <start>   eq. 11
    p_{t+1} = softmax(LSTM(x_t) W + b)         what comes next                          eq. 12

    reads     image   <start>   a     dog   runs
    says                a      dog   runs   <end>

Training shows the true previous word (teacher forcing); inference feeds back the word it chose.

With ``image_every_step`` the image is not a word in front but stands beside every word: x_t = [W_e[word_t],
encoder(image)]. Vinyals et al. found that this overfits more easily. Here it is what works: a CNN that learns its own
features needs the shorter road for its gradient, and on Flickr8k's frozen features, too, the captions score far
higher (results/flickr8k/show-tell/README.md has the figures).
"""

import numpy as np

from ...activations import Dropout, ReLU
from ...backend import array_module
from ...conv import Conv2d
from ...initializers import normal
from ...layer import Cache, Layer, Sequential
from ...linear import Embedding, Flatten, Linear, sum_by_word
from ...losses import SoftmaxCrossEntropy, log_softmax
from ...normalization import BatchNorm2d, L2Normalize
from ...pooling import MaxPool2d
from ...recurrent import LSTM
from ..text.vocabulary import UNK

FEATURE_LENGTH = 20.0  # fc7 has lengths around 100 and many zeros; scaled to 20 its elements are of order 0.3


class ShowTell(Layer):
    """(images, image_of, words, targets, lengths) -> the loss: mean cross-entropy per word, a 0-d array.

    With an ``advantage`` (N,) the cross-entropy of caption n counts so many times, less than nothing for a caption to
    be unlearned (self_critical.py).

    encoder: a layer from whatever I images are to (I, E). An image is encoded once however many captions of it are in
    the batch: caption n is about images[image_of[n]]. words, targets: (N, T) integers on the model's device, image_of:
    (N,); ``lengths``: (N,) NumPy integers, row n counts in columns 0 .. lengths[n] - 1 (see batches.py).
    """

    def __init__(self, encoder, V, E, H, *, drop, rng, dropout_rng, label_smoothing=0.0, log_frequencies=None,
                 image_every_step=False):
        self.encoder, self.image_every_step = encoder, image_every_step
        self.dropout_rng = dropout_rng
        self.embedding = Embedding(V, E, rng=rng, init=normal(1.0))  # loud enough to be heard beside an image
        self.drop_words = Dropout(drop, rng=dropout_rng)
        self.lstm = LSTM(2 * E if image_every_step else E, H, rng=rng)
        self.drop_hidden = Dropout(drop, rng=dropout_rng)
        self.output = Linear(H, V, rng=rng)
        if log_frequencies is not None:
            self.output.b.data[...] = log_frequencies  # begin with the words' frequencies (neuraltalk's trick)
        self.loss = SoftmaxCrossEntropy(label_smoothing)

    def forward(self, images, image_of, words, targets, lengths, *, advantage=None, masks=None):
        encoded, encoder_cache = self.encoder.forward(images)
        embedded, embedding_cache = self.embedding.forward(words)
        embedded, drop_words_cache = self.drop_words.forward(embedded, None if masks is None else masks["words"])
        (y, _, _), lstm_cache = self.lstm.forward(**self._reads(encoded[image_of], embedded, lengths))
        real = _real_words(words, lengths)
        hidden, drop_hidden_cache = self.drop_hidden.forward(  # (N, T, H) -> (words in all, H)
            self._says(y)[real], None if masks is None else masks["hidden"][real])
        logits, output_cache = self.output.forward(hidden)
        weight = None if advantage is None else advantage[real[0]] / len(real[0])
        loss, loss_cache = self.loss.forward(logits, targets[real], weight=weight)
        return loss, Cache(encoder=encoder_cache, encoded_shape=encoded.shape, image_of=image_of,
                           embedding=embedding_cache, drop_words=drop_words_cache, lstm=lstm_cache, y_shape=y.shape,
                           real=real, drop_hidden=drop_hidden_cache, output=output_cache, loss=loss_cache)

    def backward(self, dloss, cache):
        """Returns the gradient of the images (None for pixels), and None for each of the four integer inputs."""
        encoder, encoded_shape, image_of, embedding, drop_words, lstm, y_shape, real, drop_hidden, output, loss = \
            cache.spend(self)
        xp = array_module(image_of)
        dlogits, _ = self.loss.backward(dloss, loss)
        dhidden = self.drop_hidden.backward(self.output.backward(dlogits, output), drop_hidden)
        dy = xp.zeros(y_shape, dtype=dhidden.dtype)
        self._says(dy)[real] = dhidden
        dx, _, _, *dimage = self.lstm.backward((dy, None, None), lstm)
        dembedded, dimage = (dx, *dimage) if self.image_every_step else (dx[:, 1:], dx[:, 0])
        self.embedding.backward(self.drop_words.backward(dembedded, drop_words), embedding)
        dencoded = sum_by_word(dimage, image_of, encoded_shape[0])  # every caption of an image has its say
        return self.encoder.backward(dencoded, encoder), None, None, None, None

    def __call__(self, images, image_of, words, targets, lengths):
        """The loss without dropout and label smoothing; its exponential is the perplexity per word."""
        y, _, _ = self.lstm(**self._reads(self.encoder(images)[image_of], self.embedding(words), lengths))
        real = _real_words(words, lengths)
        return self.loss(self.output(self._says(y)[real]), targets[real])

    def start(self, images):
        """The state (h, c, image) of an LSTM that has read no word yet: (N, H), (N, H), (N, E)."""
        image = self.encoder(images)
        h = c = array_module(image).zeros((len(image), self.lstm.cell.U.shape[0]), dtype=image.dtype)
        if not self.image_every_step:
            h, c = self.lstm.cell(image, h, c)
        return h, c, image

    def draw_masks(self, N, T):
        """What dropout keeps of N captions of T words, to draw them and to learn from them with the same: (N, T, ...).

        For :meth:`step` and :meth:`forward`; None without dropout.
        """
        if self.drop_words.drop == 0:
            return None
        W = self.output.W.data
        return {"words": self.drop_words.draw((N, T, self.embedding.W.shape[1]), W),
                "hidden": self.drop_hidden.draw((N, T, len(W)), W)}

    def step(self, state, words, masks=None):
        """Read one word a row: (state, words (N,)) -> (next state, log p of each next word (N, V)).

        ``masks``: those of :meth:`draw_masks` for this word, (N, ...); else there is no dropout.
        """
        h, c, image = state
        x = thinned(self.embedding(words), masks, "words")
        if self.image_every_step:
            x = array_module(x).concatenate([x, image], axis=1)
        h, c = self.lstm.cell(x, h, c)
        return (h, c, image), log_softmax(self.output(thinned(h, masks, "hidden")))

    def _reads(self, image, embedded, lengths):
        """The LSTM's arguments, from (N, E), (N, T, E) and (N,): the image as x_{-1}, or constant beside the words."""
        lengths = np.asarray(lengths)
        if self.image_every_step:
            return {"x": embedded, "constant": image, "lengths": lengths}
        return {"x": array_module(image).concatenate([image[:, None], embedded], axis=1), "lengths": lengths + 1}

    def _says(self, y):
        """The outputs that follow a word: all but the one that follows the image in front."""
        return y if self.image_every_step else y[:, 1:]

    def __repr__(self):
        V, E = self.embedding.W.shape
        return f"ShowTell({V} words, E={E}, H={self.lstm.cell.U.shape[0]})"


class WordDropout(Layer):
    """words (...) -> the same with each one <unk> with probability ``drop`` (Bowman et al. 2016, section 3.1).

    Who cannot trust the word before has to look at the image. As of dropout, nothing of it remains at inference.
    """

    def __init__(self, drop, *, rng):
        self.drop, self.rng = drop, rng

    def forward(self, words):
        if self.drop == 0:
            return words, Cache()
        xp = array_module(words)
        return xp.where(xp.asarray(self.rng.random(words.shape) < self.drop), UNK, words), Cache()

    def backward(self, dy, cache):
        cache.spend(self)

    def __call__(self, words):
        return words

    def __repr__(self):
        return f"WordDropout({self.drop})"


def thinned(x, masks, place):
    """x with the dropout of ``place``, if ``masks`` has one for it; see :meth:`ShowTell.draw_masks`."""
    return x if masks is None or place not in masks else x * masks[place]


def _real_words(words, lengths):
    """(rows, columns) of the words that are not padding: only those are projected to the vocabulary."""
    xp = array_module(words)
    inside = np.arange(words.shape[1]) < np.asarray(lengths)[:, None]
    return tuple(xp.asarray(index) for index in np.nonzero(inside))


def feature_encoder(D, E, *, rng):
    """For features of a frozen network, (N, D) -> (N, E)."""
    return Sequential(scale=L2Normalize(FEATURE_LENGTH), project=Linear(D, E, rng=rng))


def small_cnn(side, E, *, channels=(16, 32, 64), rng):
    """For small pictures (N, side, side, 3), trained from nothing: blocks of convolution, norm, ReLU and pooling."""
    layers, C = {}, 3
    for i, F in enumerate(channels, start=1):
        conv = Conv2d(C, F, 3, padding=1, input_gradient=i > 1, rng=rng)  # nobody learns from the gradient of pixels
        layers |= {f"conv{i}": conv, f"bn{i}": BatchNorm2d(F), f"relu{i}": ReLU(), f"pool{i}": MaxPool2d(2)}
        C, side = F, side // 2
    return Sequential(**layers, flatten=Flatten(), project=Linear(side * side * C, E, rng=rng))
