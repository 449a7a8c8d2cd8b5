"""Lesson 16, solved."""

import hashlib
import json
import os

import numpy as np


def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, layer, preprocessing, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def features_of(array, row_of, names):
    return array[[row_of[name] for name in names]].astype(np.float32)


def l2_normalize(x, length):
    norm = np.sqrt((x * x).sum(axis=-1, keepdims=True))
    return length * x / np.where(norm > 0, norm, 1)
