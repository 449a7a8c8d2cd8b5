"""Dropout of words, and dropout with masks that are sampled in advance, for captioners."""

from ...backend import Array, array_module
from ...initializers import Rng
from ...layer import Cache, Layer
from ..text.vocabulary import UNK


class WordDropout(Layer):
    """Replaces each of the words (...) by <unk> with probability ``drop`` (Bowman et al. 2016, section 3.1).

    A model that cannot rely on the previous word has to use the image. As with dropout, it is off at inference.
    """

    def __init__(self, drop: float, *, rng: Rng):
        self.drop, self.rng = drop, rng

    def forward(self, words: Array) -> tuple[Array, Cache]:
        if self.drop == 0:
            return words, Cache()
        xp = array_module(words)
        return xp.where(xp.asarray(self.rng.random(words.shape) < self.drop), UNK, words), Cache()

    def backward(self, dy: Array | None, cache: Cache) -> None:
        cache.spend(self)

    def __call__(self, words: Array) -> Array:
        return words

    def __repr__(self):
        return f"WordDropout({self.drop})"


def masked(x, masks, name):
    """x times the dropout mask of this name, if ``masks`` has one; see :meth:`.ShowTell.sample_masks`."""
    return x if masks is None or name not in masks else x * masks[name]
