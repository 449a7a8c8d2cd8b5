"""Captions as batches of indices, bucketed by length so that there is little padding.

For the caption "a dog runs" in a batch with a longer one:

    tokens     <start>  a    dog   runs   <pad>     the input of the model
    targets     a      dog   runs  <end>  <pad>     the next word, which it has to predict
    length      4

Targets are indices. One-hot vectors would take V times the memory: all of Flickr8k's train targets are 3 MB as indices
and 3.7 GB as one-hot float32 vectors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .vocabulary import END, PAD, START

Captions = Sequence[tuple[Any, ...]]  # of (image index, word indices), or (..., ..., weight)

BATCHES_PER_CHUNK = 50


@dataclass(frozen=True)
class CaptionBatch:
    """N captions, the longest first; T is the longest in this batch.

    image_index   (N,)   int64, the index of the image that each caption describes
    tokens        (N, T) int64, <start> and the words, then <pad>
    targets       (N, T) int64, the words and <end>, then <pad>
    lengths       (N,)   int64, in descending order: row n is valid in columns 0 .. lengths[n] - 1
    weights       (N,)   float32, how much each caption counts, or None: all the same

    As lengths are in descending order, the captions that have not ended at step t are the first ``(lengths > t).sum()``
    rows: an LSTM computes on that slice and needs no mask (as with torch's packed sequences).
    """

    image_index: np.ndarray
    tokens: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray
    weights: np.ndarray | None = None


def make_batch(captions: Captions, max_length: int | None = None) -> CaptionBatch:
    """A :class:`CaptionBatch` of ``captions``, a sequence of (image index, word indices) or (..., ..., weight).

    A caption with more than ``max_length`` words is truncated to the first ``max_length``, without an <end>: the
    sentence does not end there, and with an <end> the model would learn to stop halfway.
    """
    images, words, *weights = zip(*captions, strict=True)
    return batch_of_targets(images, [_targets(of_caption, max_length) for of_caption in words], *weights)


def batches_in_order(captions, batch_size):
    """The captions, as for :func:`make_batch`, in batches of similar length, the same ones every time."""
    captions = sorted(captions, key=lambda caption: len(caption[1]))
    return [make_batch(captions[i:i + batch_size]) for i in range(0, len(captions), batch_size)]


def batch_of_targets(images, sequences, weights=None):
    """The :class:`CaptionBatch` of N image indices and a sequence of targets for each, which normally ends in <end>."""
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    order = np.argsort(-lengths, kind="stable")
    N, T = len(sequences), int(lengths.max())
    targets = np.full((N, T), PAD, np.int64)
    for row, n in enumerate(order):
        targets[row, :lengths[n]] = sequences[n]
    lengths = lengths[order]
    inside = np.arange(T) < lengths[:, None]  # (N, T)
    tokens = np.full((N, T), START, np.int64)
    tokens[:, 1:] = targets[:, :-1]  # the target of step t is the input of step t + 1
    tokens[~inside] = PAD
    weights = None if weights is None else np.asarray(weights, np.float32)[order]
    return CaptionBatch(np.asarray(images, np.int64)[order], tokens, targets, lengths, weights)


def _targets(words, max_length):
    truncate = max_length is not None and len(words) > max_length
    return list(words[:max_length]) if truncate else [*words, END]


class CaptionBatches:
    """Each iteration is an epoch: every caption exactly once, in batches of ``batch_size``; the last may be smaller.

    captions   sequence of (image index, word indices), see :meth:`.Vocabulary.encode`, or (..., ..., weight)
    rng        NumPy Generator; its state before an epoch determines the epoch, so a training run that saves it with the
               checkpoint continues as if it had never stopped

    Bucketing: shuffle all captions, sort chunks of 50 batches by length, cut them into batches, shuffle the batches.
    The captions in a batch then have similar lengths and little padding, but are grouped differently in each epoch.

    With ``one_per_image`` an epoch has every image once, with one of its captions sampled at random: where a network is
    trained on the images themselves, they take most of the time. Batches are then not bucketed: captions generated from
    templates have the same length if they have the same template, and a batch should have all templates.
    """

    def __init__(self, captions: Captions, batch_size: int, rng: np.random.Generator, max_length: int | None = 40,
                 one_per_image: bool = False):
        if batch_size < 1 or (max_length is not None and max_length < 1):
            raise ValueError(f"batch_size and max_length are at least 1, got {batch_size} and {max_length}")
        self.captions, self.batch_size, self.rng, self.max_length = captions, batch_size, rng, max_length
        self.one_per_image = one_per_image
        self.size = len({image for image, *_ in captions}) if one_per_image else len(captions)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[CaptionBatch]:
        rows_of_batches = self._shuffle()  # now and not at the first next(): an epoch uses rng only here
        return (make_batch([self.captions[row] for row in rows], self.max_length) for rows in rows_of_batches)

    def _shuffle(self):
        """The rows of ``captions`` in each batch, in the order of the epoch."""
        lengths = np.array([len(words) for _, words, *_ in self.captions], np.int64)
        order = self.rng.permutation(len(self.captions))
        if self.one_per_image:
            images = np.array([image for image, *_ in self.captions], np.int64)[order]
            order = order[np.sort(np.unique(images, return_index=True)[1])]  # the first caption of each image
        chunk = self.batch_size if self.one_per_image else BATCHES_PER_CHUNK * self.batch_size
        batches = []
        for begin in range(0, len(order), chunk):
            rows = order[begin:begin + chunk]
            rows = rows[np.argsort(lengths[rows], kind="stable")]
            batches += [rows[i:i + self.batch_size] for i in range(0, len(rows), self.batch_size)]
        return [batches[i] for i in self.rng.permutation(len(batches))]


class ImageBatches:
    """Each iteration is an epoch: the rows of ``images`` images in random order, ``batch_size`` at a time."""

    def __init__(self, images: int, batch_size: int, rng: np.random.Generator):
        self.images, self.batch_size, self.rng = images, batch_size, rng

    def __len__(self) -> int:
        return -(-self.images // self.batch_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        order = self.rng.permutation(self.images)
        return (order[begin:begin + self.batch_size] for begin in range(0, self.images, self.batch_size))


class BatchesByImage:
    """As :class:`CaptionBatches`, but with all captions of an image in one batch, which has about ``batch_size``.

    What depends only on the image is then computed once per epoch.
    """

    def __init__(self, captions: Captions, batch_size: int, rng: np.random.Generator, max_length: int | None = 40):
        self.captions_of = {}
        for caption in captions:
            image, *_ = caption
            self.captions_of.setdefault(image, []).append(caption)
        self.max_length = max_length
        images = max(1, round(batch_size * len(self.captions_of) / len(captions)))
        self.batches = ImageBatches(len(self.captions_of), images, rng)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[CaptionBatch]:
        of_image = list(self.captions_of.values())
        return (make_batch([caption for row in rows for caption in of_image[row]], self.max_length)
                for rows in self.batches)


def padding_fraction(batches):
    """The fraction of all positions in ``batches`` (an iterable of CaptionBatch) that is padding, 0 .. 1."""
    used = total = 0
    for batch in batches:
        used += int(batch.lengths.sum())
        total += batch.targets.size
    return 1 - used / total if total else 0.0
