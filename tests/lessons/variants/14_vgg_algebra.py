"""Lesson 14 with one product: (x / scale - mean) / std is x times something plus something else."""

import numpy as np


def our_name(name):
    for theirs, ours in (("_conv", "_"), ("block", "conv"), ("fc1", "fc6"), ("fc2", "fc7"), ("predictions", "fc8"),
                         ("/kernel", ".W"), ("/bias", ".b")):
        name = name.replace(theirs, ours)
    return name


def conv_from_torch(W):
    return np.moveaxis(np.moveaxis(W, 0, -1), 0, 2)


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return np.concatenate([W[:, pixel::H * Wd].T for pixel in range(H * Wd)])


def preprocess(images, order, scale, mean, std):
    factor, shift = 1 / (scale * np.asarray(std)), -np.asarray(mean) / np.asarray(std)
    channels = np.stack([images[..., 0], images[..., 1], images[..., 2]][::1 if order == "RGB" else -1], axis=-1)
    return channels * factor + shift
