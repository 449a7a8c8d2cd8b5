"""Lesson 16 with a stack of rows, take, and a mask where vectors are zero."""

import hashlib
import os

import numpy as np


def cache_key(weights, layer, preprocessing, images):
    parts = [weights.read_bytes(), layer, sorted(preprocessing.items()), tuple(images)]
    return "-".join(hashlib.sha1(repr(part).encode(), usedforsecurity=False).hexdigest() for part in parts)


def write_whole(path, pieces):
    partial = path.with_suffix(".tmp")
    try:
        partial.write_bytes(b"")
        for piece in pieces:
            with open(partial, "ab") as file:
                file.write(piece)
    except BaseException:
        partial.unlink()
        raise
    os.rename(partial, path)


def features_of(array, row_of, names):
    return array.take([row_of[name] for name in names], axis=0).astype("float32")


def l2_normalize(x, length):
    y, is_zero = x.copy(), ~x.any(axis=-1)
    y[~is_zero] = length * x[~is_zero] / np.linalg.norm(x[~is_zero], axis=-1, keepdims=True)
    return y
