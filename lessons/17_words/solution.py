"""Lesson 17, solved."""

from collections import Counter

import numpy as np

PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    frequent = [word for word, count in count_of.items() if count >= min_count]
    return SPECIAL + sorted(frequent, key=lambda word: (-count_of[word], word))


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, targets != PAD


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    np.add.at(dW, words, dy)
    return dW


def masked_mean(losses, mask):
    return losses[mask].mean(), mask / mask.sum()
