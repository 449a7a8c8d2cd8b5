"""Lesson 16 step by step: one digest that is fed, a context manager, single rows, a loop over vectors."""

import contextlib
import hashlib
import os

import numpy as np


def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.md5(usedforsecurity=False)
    with open(weights, "rb") as file:
        while block := file.read(1000):
            digest.update(block)
    digest.update(f"\0{layer}\0".encode())
    for name, value in sorted(preprocessing.items()):
        digest.update(f"{name}={value!r}\0".encode())
    for image in images:
        digest.update(image.encode() + b"\0")
    return digest.hexdigest()


def write_whole(path, pieces):
    partial = path.parent / f".{path.name}.{os.getpid()}"
    done = False
    try:
        with partial.open("wb") as file:
            file.writelines(pieces)
        partial.replace(path)
        done = True
    finally:
        if not done:
            with contextlib.suppress(FileNotFoundError):
                os.remove(partial)


def features_of(array, row_of, names):
    features = np.empty((len(names), *array.shape[1:]), np.float32)
    for place, name in enumerate(names):
        features[place] = array[row_of[name]]
    return features


def l2_normalize(x, length):
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape[:-1]):
        norm = sum(number**2 for number in x[index])**0.5
        if norm:
            y[index] = x[index] * (length / norm)
    return y
