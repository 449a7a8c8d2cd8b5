"""Lesson 14 by einsum, index arrays and float32."""

import re

import numpy as np

OURS = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8", "kernel": "W", "bias": "b"}


def our_name(name):
    block = re.match(r"block(\d+)_conv(\d+)/(\w+)", name)
    if block:
        return f"conv{block[1]}_{block[2]}.{OURS[block[3]]}"
    return ".".join(OURS[part] for part in name.split("/"))


def conv_from_torch(W):
    return np.einsum("fckl->klcf", W).copy()


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    places = np.arange(C * H * Wd).reshape(C, H, Wd)  # where PyTorch keeps the number of channel c, row h, column w
    return W.T[np.moveaxis(places, 0, -1).ravel()]


def preprocess(images, order, scale, mean, std):
    x = images.astype(np.float32)[..., ["RGB".index(letter) for letter in order]]
    x /= np.float32(scale)
    x -= np.array(mean, np.float32)
    return x / np.array(std, np.float32)
