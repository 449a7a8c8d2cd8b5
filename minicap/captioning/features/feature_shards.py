"""Features in several files, one from each machine, and the index that makes them one.

    f.1-of-2.npy    f.1-of-2.json    features of the first images
    f.2-of-2.npy    f.2-of-2.json    of the others
    f.json                           the index: the names of these files, and a digest of all image names in order

Each is a feature file as any other. Where machines have no folder in common, their files are copied into one; the index
is the same from each of them.
"""

import hashlib
import json
from typing import TypedDict

import numpy as np

from ...errors import UserError
from ...files import read_json, write_json
from .feature_paths import array_path, is_index, shard_path, sidecar


class Index(TypedDict):
    """What stands in the index."""

    shards: list[str]
    images_sha256: str


class Stacked:
    """Arrays behind each other, which are read as one: ``stacked[rows]`` is a new array.

    ``rows`` are what NumPy takes for the first axis: a number, a slice, an array of numbers or of booleans.
    """

    def __init__(self, arrays):
        self.arrays = arrays
        self.begins = np.cumsum([0, *map(len, arrays)])
        self.rows = np.arange(self.begins[-1])
        self.shape = (len(self.rows), *arrays[0].shape[1:])
        self.dtype, self.ndim = np.result_type(*arrays), len(self.shape)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        rows = self.rows[rows]
        which = np.searchsorted(self.begins, rows, side="right") - 1
        if rows.ndim == 0:
            return self.arrays[which][rows - self.begins[which]]
        x = np.empty((*rows.shape, *self.shape[1:]), self.dtype)
        for number in np.unique(which):
            here = which == number
            x[here] = self.arrays[number][rows[here] - self.begins[number]]
        return x

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or self.dtype, copy=False)


def rows_of_shard(images, batch_size, number, count):
    """The rows, a slice, of the ``number``-th of ``count`` files: whole batches, so that they are those of one file."""
    batches = -(-images // batch_size)
    begin, end = (batches * n // count * batch_size for n in (number - 1, number))
    if begin == end:
        raise UserError(f"{images} images are only {batches} batches, too few for {count} machines; use fewer, or a "
                        "smaller batch_size=")
    return slice(begin, min(end, images))


def index_of(path, images, count):
    """The index of the features ``path`` of all ``images`` in ``count`` files."""
    return {"shards": [shard_path(path, number, count).name for number in range(1, count + 1)],
            "images_sha256": digest(images)}


def digest(images):
    return hashlib.sha256(json.dumps(list(images)).encode()).hexdigest()


def read_index(path):
    """The index where the description of ``path`` would be; None if there is none."""
    if not sidecar(path).is_file():
        return None
    try:
        found = read_json(sidecar(path))
    except UserError:
        return None
    return read_json(sidecar(path), "the index of features,", Index) if is_index(found) else None


def check_index(path, index):
    """UserError where the index of other features, or a feature file, is in the place of this one."""
    found = read_index(path)
    if found not in (None, index):
        raise UserError(f"{sidecar(path)} is the index of {len(found['shards'])} files of other images; give all "
                        "machines the same data and options, or delete it if you want other features")
    if found is None and array_path(path).exists():
        raise UserError(f"{array_path(path)} holds other features in one file; delete it, or choose another out=")


def write_index(path, index):
    if read_index(path) != index:
        write_json(sidecar(path), index)
