"""Lesson 17 place by place, with lists where a list will do."""

import numpy as np

SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")


def build_vocabulary(captions, min_count):
    count_of = {}
    for caption in captions:
        for word in caption:
            count_of[word] = count_of.get(word, 0) + 1
    words = [word for word in sorted(count_of) if count_of[word] >= min_count]
    words.sort(key=count_of.get, reverse=True)  # a sort keeps the order of equals, also when reversed
    return (*SPECIAL, *words)


def make_batch(captions, vocabulary):
    vocabulary = list(vocabulary)
    T = 1 + max(len(caption) for caption in captions)
    tokens, targets, mask = [], [], []
    for caption in captions:
        words = [vocabulary.index(word) if word in vocabulary else 3 for word in caption]
        empty = T - 1 - len(words)
        tokens.append([1, *words] + [0] * empty)
        targets.append([*words, 2] + [0] * empty)
        mask.append([1] * (len(words) + 1) + [0] * empty)
    return [np.array(tokens), np.array(targets), np.array(mask, np.float32)]


def embedding_backward(dy, words, V):
    N, T, E = dy.shape
    dW = np.zeros((V, E), dy.dtype)
    for n in range(N):
        for t in range(T):
            dW[words[n, t]] += dy[n, t]
    return dW


def masked_mean(losses, mask):
    N, T = losses.shape
    total, count = 0.0, 0
    for n in range(N):
        for t in range(T):
            if mask[n, t]:
                total += losses[n, t]
                count += 1
    dlosses = np.zeros((N, T))
    for n in range(N):
        for t in range(T):
            if mask[n, t]:
                dlosses[n, t] = 1 / count
    return total / count, dlosses
