"""Lesson 16 with everything collected first, rows read once each, and a tiny number against division by zero."""

import hashlib
import json
import os
import tempfile

import numpy as np


def cache_key(weights, layer, preprocessing, images):
    facts = {"layer": layer, "images": images, "weights": hashlib.sha512(weights.read_bytes()).hexdigest()}
    return json.dumps(facts | {f"preprocessing {name}": value for name, value in preprocessing.items()}, sort_keys=True)


def write_whole(path, pieces):
    content = b"".join(pieces)
    handle, partial = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.rename(partial, path)


def features_of(array, row_of, names):
    rows, back = np.unique([row_of[name] for name in names], return_inverse=True)
    return np.float32(array[rows])[back.ravel()]


def l2_normalize(x, length):
    norm = np.sqrt(np.einsum("...d,...d->...", x, x)) + 1e-12
    return x / norm[..., None] * length
