"""Lesson 14 number by number: every place is looked up."""

import numpy as np


def our_name(name):
    kind = "W" if name.endswith("/kernel") else "b"
    if name.startswith("block"):
        return f"conv{name[5]}_{name[11]}.{kind}"
    if name.startswith("fc"):
        return f"fc{int(name[2]) + 5}.{kind}"
    return f"fc8.{kind}"


def conv_from_torch(W):
    F, C, K, _ = W.shape
    ours = np.zeros((K, K, C, F), W.dtype)
    for f, c, kh, kw in np.ndindex(W.shape):
        ours[kh, kw, c, f] = W[f, c, kh, kw]
    return ours


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    ours = []
    for h in range(H):
        for w in range(Wd):
            for c in range(C):
                ours.append(W[:, (c * H + h) * Wd + w])
    return np.array(ours)


def preprocess(images, order, scale, mean, std):
    y = np.zeros(images.shape)
    for channel, letter in enumerate(order):
        y[..., channel] = (images[..., "RGB".index(letter)] / scale - mean[channel]) / std[channel]
    return y
