"""Lesson 17 with one-hot vectors, and lengths instead of masks."""

from collections import Counter
from itertools import chain

import numpy as np


def build_vocabulary(captions, min_count):
    ordered = Counter(sorted(chain(*captions))).most_common()  # of equals the first counted comes first: the alphabet's
    return ["<pad>", "<start>", "<end>", "<unk>"] + [word for word, count in ordered if not count < min_count]


def make_batch(captions, vocabulary):
    place = dict(zip(vocabulary, range(len(vocabulary)), strict=True))
    lengths = np.array([len(caption) for caption in captions])
    targets = np.zeros((len(captions), lengths.max() + 1), np.int32)
    for row, caption in zip(targets, captions, strict=True):
        row[:len(caption)] = [place.get(word, place["<unk>"]) for word in caption]
        row[len(caption)] = place["<end>"]
    mask = np.arange(targets.shape[1])[None] <= lengths[:, None]
    tokens = np.concatenate([np.ones((len(captions), 1), np.int32), targets[:, :-1]], axis=1)
    return tokens * mask, targets, mask


def embedding_backward(dy, words, V):
    one_hot = words.reshape(-1, 1) == np.arange(V)
    return one_hot.T @ dy.reshape(-1, dy.shape[-1])


def masked_mean(losses, mask):
    weights = mask.astype(losses.dtype)
    weights /= weights.sum()
    return float(np.vdot(losses, weights)), weights
