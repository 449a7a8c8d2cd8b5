"""Image features on disk: one float16 array, and a small JSON file that describes them.

    features.npy    (images, 4096) or (images, 14, 14, 512): an ordinary .npy file, memory-mapped when read
    features.json   layer, network, checksum of the weights, preprocessing, and the image names row by row

VGG is frozen while the captioner is trained, so it runs once per image and not once per image and epoch. float16 keeps
three digits, more than the noise from a photograph's JPEG artefacts, at half the size of float32.
"""

import contextlib
import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from ...errors import UserError, warn
from ...files import read_json, write_json
from ...npy import open_npy
from ...schema import Count
from ...writing import create, sync
from .feature_paths import (
    array_path,
    check_not_somebody_elses,
    existing_array,
    existing_description,
    partial_path,
    sidecar,
)
from .feature_source import FeatureSource

_DAMAGED = (OSError, ValueError)  # raised on .npy files that are not as expected, and UserError is a ValueError


class Stored(TypedDict):
    """What stands in the JSON file."""

    source: dict[str, object]             # FeatureSource.to_json
    images: list[str]
    unreadable: NotRequired[list[str]]
    done: NotRequired[Count]              # in an unfinished file, the number of images whose features are there


@dataclass(frozen=True)
class FeatureFile:
    """Features opened for reading: ``array[row[name]]`` are those of the image ``name``.

    array        (images, ...) float16, memory-mapped
    source       what they are: a FeatureSource
    images       the image names, row by row
    unreadable   those that could not be read; their rows hold nothing
    """

    path: Path
    array: np.ndarray
    source: FeatureSource
    images: tuple
    unreadable: tuple
    row: dict = field(repr=False)

    def read(self, rows):
        """The features in ``rows``, (n, ...) float32. UserError, naming the image, for values that are not finite.

        Here and not when the file is opened: to look through gigabytes takes longer than the first epoch. So a bad row
        is noticed by whoever needs it, before anything is computed from it, and only then.
        """
        x = self.array[rows].astype(np.float32)
        finite = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
        if not finite.all():
            bad = np.arange(len(self.images))[rows][~finite]
            more = f" and {len(bad) - 1} other image(s)" if len(bad) > 1 else ""
            raise UserError(f"{self.path} holds features of {self.images[bad[0]]}{more} that are not finite (nan or "
                            "inf); make the features again, from weights and pictures that are in order")
        return x

    def check_images(self, names):
        """UserError unless every image in ``names`` has features here."""
        missing = [n for n in names if n not in self.row]
        if missing:
            raise UserError(f"{self.path} has no features for {len(missing)} of {len(names)} images (the first is "
                            f"{missing[0]}); extract them again for this data set")


def open_features(path):
    """Open a finished feature file; UserError if it is missing, unfinished or damaged.

    The numbers are not looked at; :meth:`FeatureFile.read` does that.
    """
    path = existing_array(path)
    info = read_json(existing_description(path), "the description of the features,", Stored)
    try:
        array, source = open_npy(path), FeatureSource.from_json(info["source"])
        names, unreadable = tuple(info["images"]), tuple(info.get("unreadable", ()))
        if array.dtype.kind != "f":
            raise UserError(f"its numbers are of type {array.dtype}")
        if len(set(names)) < len(names):
            raise UserError("its images are not different names")
    except _DAMAGED as error:
        raise UserError(f"{path} is not a feature file of minicap ({error}); extract the features again") from error
    expected = (len(names), *source.shape)
    if array.shape != expected:
        raise UserError(f"{path} holds an array of shape {array.shape}, but its description has {expected}; "
                        "extract the features again")
    row = {n: i for i, n in enumerate(names)}
    for name in unreadable:
        row.pop(name, None)
    return FeatureFile(path, array, source, names, unreadable, row)


class FeatureWriter:
    """Writes features in image order under a temporary name, and records its progress; its caller holds the lock.

    ``done`` images are already there if an earlier run with the same source and image list was interrupted.
    ``discarded`` states how an unfinished file differs that cannot be continued (see :func:`changes`).
    """

    def __init__(self, path, source, images):
        self.path = array_path(path)
        self.target = Path(os.path.realpath(self.path))  # a link stays, and leads to the features
        self.source, self.images = source, tuple(images)
        self.shape = (len(self.images), *source.shape)
        self.partial = partial_path(self.target)
        self.progress = sidecar(self.partial)
        self.done, self.unreadable, self.discarded = 0, [], []
        check_not_somebody_elses(self.path)
        self.array = self._reopen()
        if self.array is None:
            self.array = self._create()

    def _reopen(self):
        """The array of an interrupted run, or None when there is none that can be continued."""
        if not all(path.is_file() and not path.is_symlink() for path in (self.partial, self.progress)):
            return None
        try:
            state = read_json(self.progress, "the progress of the extraction,", Stored)
            source = FeatureSource.from_json(state["source"])
            self.discarded = changes(source, state["images"], self.source, self.images)
            array = open_npy(self.partial, "r+")
        except _DAMAGED:  # UserError is a ValueError
            return None
        if self.discarded or array.shape != self.shape or state.get("done", 0) > len(self.images):
            return None
        self.done, self.unreadable = state.get("done", 0), state.get("unreadable", [])
        return array

    def _create(self):
        """A new array, with all of its disk space allocated at once.

        Otherwise a full disk under a memory map would kill the process with SIGBUS.
        """
        try:
            self.partial.parent.mkdir(parents=True, exist_ok=True)
            self.progress.unlink(missing_ok=True)  # first: it vouches for numbers that are overwritten now
            self.partial.unlink(missing_ok=True)
            create(self.partial)  # not a file to which a link of this name leads
            array = np.lib.format.open_memmap(self.partial, "w+", np.float16, self.shape)
            if hasattr(os, "posix_fallocate"):
                with open(self.partial, "rb+") as f:
                    os.posix_fallocate(f.fileno(), 0, os.path.getsize(self.partial))
        except OSError as error:
            with contextlib.suppress(OSError):
                self.partial.unlink()
            raise UserError(f"cannot write {2e-6 * math.prod(self.shape):,.0f} MB of features to {self.path} "
                            f"({error.strerror or error}); free some space or choose another place") from error
        return array

    def write(self, values):
        """Append ``values`` (n, ...) for the next n images; None marks an image that could not be read."""
        for value in values:
            if value is None:
                self.unreadable.append(self.images[self.done])
            else:
                self.array[self.done] = self._as_float16(value)
            self.done += 1

    def _as_float16(self, value):
        """UserError, naming the image, for what has become, or would become, infinite or no number."""
        with np.errstate(over="ignore"):
            half = np.asarray(value).astype(np.float16)
        if not np.isfinite(half).all():
            cure = "scale them down" if self.source.is_own else "are these weights of pictures prepared in this way?"
            wrong = (f"exceed 65,504, the largest float16 number; {cure}" if np.isfinite(value).all() else
                     "are not finite (nan or inf); look for the reason in what they are made from")
            raise UserError(f"the {self.source.layer} features of {self.images[self.done]} {wrong}")
        return half

    def save_progress(self):
        self.array.flush()
        write_json(self.progress, {**self._description(), "done": self.done})

    def finish(self):
        """Rename both files into place. At no time is an array there with the description of another one."""
        assert self.done == len(self.images), "unfinished"
        self.save_progress()  # if it is killed below this line, the next run only has to finish
        self.array = None  # closes the map: Windows does not rename a file that is open
        self.target.unlink(missing_ok=True)
        write_json(sidecar(self.path), self._description())
        os.replace(self.partial, self.target)
        sync(self.target.parent)
        self.progress.unlink(missing_ok=True)

    def _description(self):
        return {"source": self.source.to_json(), "unreadable": self.unreadable, "images": list(self.images)}


def changes(found_source, found_images, source, images):
    """How some features differ from those of ``source`` for ``images``: a list of words."""
    return found_source.differences(source) + (["image list"] if tuple(found_images) != tuple(images) else [])


def finished_changes(path, source, images):
    """:func:`changes` for the finished file at ``path``, or None when there is no valid one."""
    try:
        file = open_features(path)
        return changes(file.source, file.images, source, images)
    except _DAMAGED:
        return None


def is_up_to_date(path, source, images):
    """Whether the finished file at ``path`` has these features, which is said; a warning if it has others."""
    changed = finished_changes(path, source, images)
    if changed:
        warn(f"{array_path(path)} has other features ({', '.join(changed)}); it is replaced when the new ones are "
             "complete")
    if changed == []:
        sidecar(partial_path(path)).unlink(missing_ok=True)  # of a run that was killed after its last step but this
        print(f"{array_path(path)} is already there and up to date", file=sys.stderr)
    return changed == []
