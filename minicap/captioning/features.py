"""Image features on disk: one float16 array, and a small JSON beside it that says what they are.

    features.npy    (images, 4096) or (images, 14, 14, 512): an ordinary .npy file, memory-mapped when read
    features.json   layer, network, checksum of the weights, preprocessing, and the image names row by row

VGG is frozen while captions are learned, so it runs once per image and not once per image and epoch. float16 keeps
three digits, more than the float32 noise of a photograph's JPEG artefacts, at half the size.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import existing_file, read_json, write_json


@dataclass(frozen=True)
class FeatureSource:
    """Everything that decides what the numbers are. Two files agree if and only if these do."""

    layer: str
    network: str
    weights_sha256: str
    preprocessing: dict
    resize: str
    shape: tuple

    def to_json(self):
        return {**vars(self), "shape": list(self.shape)}


@dataclass(frozen=True)
class FeatureFile:
    """Features opened for reading: ``array[row[name]]`` are those of the image ``name``."""

    path: Path
    array: np.ndarray
    info: dict
    row: dict = field(repr=False)

    def check_images(self, names):
        """UserError unless every image in ``names`` has features here."""
        missing = [n for n in names if n not in self.row]
        if missing:
            raise UserError(f"{self.path} has no features for {len(missing)} of {len(names)} images (the first is "
                            f"{missing[0]}); extract them again for this data set")


def sidecar(path):
    return Path(path).with_suffix(".json")


def open_features(path):
    """Open a finished feature file; UserError if it is missing, unfinished or damaged."""
    path = existing_file(Path(path).expanduser().with_suffix(".npy"), "feature file")
    info = read_json(sidecar(path), "the description of the features,")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        names, shape = info["images"], tuple(info["source"]["shape"])
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a feature file of minicap ({error}); extract the features again") from error
    if array.shape != (len(names), *shape):
        raise UserError(f"{path} holds an array of shape {array.shape}, its description says {(len(names), *shape)}; "
                        "extract the features again")
    unreadable = set(info.get("unreadable", ()))
    return FeatureFile(path, array, info, {n: i for i, n in enumerate(names) if n not in unreadable})


class FeatureWriter:
    """Writes features in image order under a temporary name, remembering how far it came.

    ``done`` images are already there if an earlier run with the same source and image list was cut off.
    """

    def __init__(self, path, source, images):
        self.path = Path(path).expanduser().with_suffix(".npy")
        self.source, self.images = source, tuple(images)
        self.partial = self.path.with_name(self.path.stem + ".partial.npy")
        self.progress = self.partial.with_suffix(".json")
        self.done, self.unreadable = 0, []
        shape = (len(self.images), *source.shape)
        if self._can_resume():
            self.array = np.load(self.partial, mmap_mode="r+", allow_pickle=False)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.array = np.lib.format.open_memmap(self.partial, "w+", np.float16, shape)
            self._reserve_disk()

    def _can_resume(self):
        if not (self.partial.exists() and self.progress.exists()):
            return False
        state = read_json(self.progress)
        if state["source"] != self.source.to_json() or tuple(state["images"]) != self.images:
            return False
        self.done, self.unreadable = state["done"], state["unreadable"]
        return True

    def _reserve_disk(self):
        """Ask for the whole file now: a full disk under a memory map would otherwise kill the process with SIGBUS."""
        if hasattr(os, "posix_fallocate"):
            with open(self.partial, "rb+") as f:
                try:
                    os.posix_fallocate(f.fileno(), 0, os.path.getsize(self.partial))
                except OSError as error:
                    self.partial.unlink()
                    raise UserError(f"{self.path.parent} has no room for {self.array.nbytes / 1e6:.0f} MB of features "
                                    f"({error.strerror}); free some space or choose another place") from error

    def write(self, values):
        """Append ``values`` (n, ...) for the next n images; None marks an image that could not be read."""
        for value in values:
            if value is None:
                self.unreadable.append(self.images[self.done])
            else:
                self.array[self.done] = value
            self.done += 1

    def save_progress(self):
        self.array.flush()
        write_json(self.progress, {**self._description(), "done": self.done})

    def finish(self):
        """Rename both files into place. The description goes first: a feature file without one is never seen."""
        self.array.flush()
        write_json(sidecar(self.path), self._description())
        os.replace(self.partial, self.path)
        self.progress.unlink(missing_ok=True)

    def _description(self):
        return {"source": self.source.to_json(), "unreadable": self.unreadable, "images": list(self.images)}


def same_source(path, source, images):
    """Is the finished file at ``path`` exactly what extraction from ``source`` would write for ``images``?"""
    path = Path(path).expanduser().with_suffix(".npy")
    if not path.exists() or not sidecar(path).exists():
        return False
    info = read_json(sidecar(path))
    return info.get("source") == source.to_json() and tuple(info.get("images", ())) == tuple(images)


def read_ahead(read, names, batch_size, threads=2):
    """Yield lists of ``read(name)`` for ``batch_size`` names at a time, the next batch being read meanwhile."""
    batches = [names[i:i + batch_size] for i in range(0, len(names), batch_size)]
    with ThreadPoolExecutor(threads) as pool:
        pending = [pool.submit(read, n) for n in batches[0]] if batches else []
        for following in [*batches[1:], []]:
            current, pending = pending, [pool.submit(read, n) for n in following]
            yield [f.result() for f in current]
