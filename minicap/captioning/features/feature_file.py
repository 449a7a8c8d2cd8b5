"""Image features on disk: one float16 array, and a small JSON file that describes them.

    features.npy    (images, 4096) or (images, 14, 14, 512): an ordinary .npy file, memory-mapped when read
    features.json   layer, network, checksum of the weights, preprocessing, and the image names row by row

VGG is frozen while the captioner is trained, so it runs once per image and not once per image and epoch. float16 keeps
three digits, more than the noise from a photograph's JPEG artefacts, at half the size of float32.

Several such files and an index are read as one (:mod:`.feature_shards`); :mod:`.feature_writer` writes them.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from ...errors import UserError, warn
from ...files import read_json
from ...npy import open_npy
from ...terminal import shown
from .feature_paths import array_path, existing_array, existing_description, marks_path, partial_path, sidecar
from .feature_shards import Stacked, digest, read_index
from .feature_source import FeatureSource

DAMAGED = (OSError, ValueError)  # raised on .npy files that are not as expected, and UserError is a ValueError


class Stored(TypedDict):
    """What stands in the JSON file."""

    source: dict[str, object]             # FeatureSource.to_json
    images: list[str]
    unreadable: NotRequired[list[str]]


@dataclass(frozen=True)
class FeatureFile:
    """Features opened for reading: ``array[row[name]]`` are those of the image ``name``.

    array        (images, ...) float16, memory-mapped; of several files Stacked
    source       what they are: a FeatureSource
    images       the image names, row by row
    unreadable   those that could not be read; their rows hold nothing
    """

    path: Path
    array: np.ndarray | Stacked
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
    index = None if array_path(path).exists() else read_index(path)
    return _open_one(path) if index is None else _open_shards(sidecar(path), index)


def _open_one(path):
    path = existing_array(path)
    info = read_json(existing_description(path), "the description of the features,", Stored)
    try:
        array, source = open_npy(path), FeatureSource.from_json(info["source"])
        names, unreadable = tuple(info["images"]), tuple(info.get("unreadable", ()))
        if array.dtype.kind != "f":
            raise UserError(f"its numbers are of type {array.dtype}")
        if len(set(names)) < len(names):
            raise UserError("its images are not different names")
    except DAMAGED as error:
        raise UserError(f"{path} is not a feature file of minicap ({error}); extract the features again") from error
    expected = (len(names), *source.shape)
    if array.shape != expected:
        raise UserError(f"{path} holds an array of shape {array.shape}, but its description has {expected}; "
                        "extract the features again")
    return FeatureFile(path, array, source, names, unreadable, _rows(names, unreadable))


def _open_shards(path, index):
    """The features in the files that the index ``path`` names, as one."""
    for name in index["shards"]:
        if not name or Path(name).name != name or not os.path.exists(path.with_name(name)):  # False for any bad name
            raise UserError(f"{path} is the index of features in {len(index['shards'])} files, of which {shown(name)} "
                            "is not beside it; wait until it is finished, or copy it there")
    files = [_open_one(path.with_name(name)) for name in index["shards"]]
    names = tuple(name for file in files for name in file.images)
    for file in files:
        if different := file.source.differences(files[0].source):
            raise UserError(f"{file.path} and {files[0].path} hold different features ({', '.join(different)}), which "
                            f"{path} says belong together; extract them again")
    if not files or digest(names) != index["images_sha256"] or len(set(names)) < len(names):
        raise UserError(f"the images in the files that {path} names are not those that it was made for; extract them "
                        "again, on all machines with the same data and batch_size=")
    unreadable = tuple(name for file in files for name in file.unreadable)
    return FeatureFile(path, Stacked([file.array for file in files]), files[0].source, names, unreadable,
                       _rows(names, unreadable))


def _rows(names, unreadable):
    """{name: its row} of the images that have one."""
    row = {name: i for i, name in enumerate(names)}
    for name in unreadable:
        row.pop(name, None)
    return row


def changes(found_source, found_images, source, images):
    """How some features differ from those of ``source`` for ``images``: a list of words."""
    return found_source.differences(source) + (["image list"] if tuple(found_images) != tuple(images) else [])


def finished_changes(path, source, images):
    """:func:`changes` for the finished file at ``path``, or None when there is no valid one."""
    try:
        file = open_features(path)
        return changes(file.source, file.images, source, images)
    except DAMAGED:
        return None


def is_up_to_date(path, source, images):
    """Whether the finished file at ``path`` has these features, which is said; a warning if it has others."""
    changed, named = finished_changes(path, source, images), array_path(path)
    if not named.exists():
        named = sidecar(path)  # the index of several files
    if changed:
        warn(f"{named} has other features ({', '.join(changed)}); it is replaced when the new ones are "
             "complete")
    if changed == []:
        for left in (sidecar(partial_path(path)), marks_path(path)):  # of a run that was killed after its last step
            left.unlink(missing_ok=True)                              # but these
        print(f"{named} is already there and up to date", file=sys.stderr)
    return changed == []
