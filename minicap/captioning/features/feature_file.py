"""Image features on disk: one float16 array, and a small JSON file that describes them.

    features.npy    (images, 4096) or (images, 14, 14, 512): an ordinary .npy file, memory-mapped when read
    features.json   layer, network, checksum of the weights, preprocessing, and the image names row by row

VGG is frozen while the captioner is trained, so it runs once per image and not once per image and epoch. float16 keeps
three digits, more than the noise from a photograph's JPEG artefacts, at half the size of float32.
"""

import contextlib
import dataclasses
import math
import os
import typing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...files import check_kinds, read_json, write_json
from ...networks import NetworkFacts
from ...weights.preprocessing import convention_name
from .feature_paths import (
    array_path,
    check_not_somebody_elses,
    existing_array,
    existing_description,
    partial_path,
    sidecar,
)

UNKNOWN = "unknown"     # NetworkFacts.family of features that were brought as an array
MIRRORED = ", mirrored"  # at the end of FeatureSource.resize in files from before there was FeatureSource.mirrored
_DAMAGED = (OSError, ValueError, KeyError, TypeError)  # raised on .npy and .json files that are not as expected


@dataclass(frozen=True)
class FeatureSource:
    """Everything that determines the numbers. The features in two files are comparable only if their sources are equal.

    layer            "fc7", "conv5_4+fc7", ...
    network          NetworkFacts
    weights_sha256   hex digest of the weights file
    preprocessing    the network's Preprocessing, as a dict
    resize           how pictures were resized, in words
    shape            of one row
    parts            if a row is a concatenation of the outputs of several layers, the shape of each
    mirrored         were pictures flipped horizontally?
    """

    layer: str
    network: NetworkFacts
    weights_sha256: str
    preprocessing: dict
    resize: str
    shape: tuple
    parts: tuple = ()
    mirrored: bool = False

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(self.shape))  # a JSON file has lists
        object.__setattr__(self, "parts", tuple(tuple(part) for part in self.parts))

    @classmethod
    def from_json(cls, value):
        """From the output of :meth:`to_json`, also of older versions; None stays None. TypeError for anything else."""
        if value is None:
            return None
        value = value | {"network": NetworkFacts.from_json(value["network"])}
        check_kinds(value, typing.get_type_hints(cls))
        if value["resize"].endswith(MIRRORED):
            value |= {"resize": value["resize"].removesuffix(MIRRORED), "mirrored": True}
        return cls(**value)

    def to_json(self):
        described = {**vars(self), "network": self.network.to_json(), "shape": list(self.shape),
                     "parts": [list(part) for part in self.parts]}
        return {name: value for name, value in described.items() if name not in ("parts", "mirrored") or value}

    @classmethod
    def of_own_array(cls, layer, digest, axes, shape):
        """Of an array that somebody brought: nobody but them knows the network. ``digest`` is that of their file."""
        return cls(layer, NetworkFacts(UNKNOWN, 0), digest, {"axes": list(axes)}, "unknown", shape)

    @property
    def is_own(self):
        """Whether the network is unknown, because the features were brought as an array."""
        return self.network.family == UNKNOWN

    def as_mirrored(self):
        """The source of the same features of the mirrored pictures."""
        return dataclasses.replace(self, mirrored=True)

    def global_size(self):
        """The number of global features after the regions; 0 if there are only regions."""
        return sum(map(math.prod, self.parts[1:]))

    def regions_shape(self):
        """The shape of the first, or only, part of a row: (rows, columns, channels), or (channels,) of fc7."""
        return self.parts[0] if self.parts else self.shape

    def differences(self, other):
        """What differs in another source, in words: "layer", "network", "weights", "preprocessing", ..."""
        return [name.removesuffix("_sha256") for name, value in vars(self).items() if vars(other)[name] != value]


def differences_in_words(wanted, found):
    """What differs in two sources: "layer, preprocessing of pictures (tf, not torchvision)". None is that of pixels."""
    if wanted is None or found is None:
        return "kind"
    conventions = f"{convention_name(found.preprocessing)}, not {convention_name(wanted.preprocessing)}"
    return ", ".join(wanted.differences(found)).replace("preprocessing", f"preprocessing of pictures ({conventions})")


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
    info = read_json(existing_description(path), "the description of the features,")
    try:
        array = np.lib.format.open_memmap(path, "r")
        check_kinds(info, {"images": list, "source": dict, "unreadable": list})
        names, source = tuple(info["images"]), FeatureSource.from_json(info["source"])
        expected = (len(names), *source.shape)
    except _DAMAGED as error:
        raise UserError(f"{path} is not a feature file of minicap ({error}); extract the features again") from error
    if array.shape != expected:
        raise UserError(f"{path} holds an array of shape {array.shape}, but its description has {expected}; "
                        "extract the features again")
    unreadable = tuple(info.get("unreadable", ()))
    row = {n: i for i, n in enumerate(names)}
    for name in unreadable:
        row.pop(name, None)
    return FeatureFile(path, array, source, names, unreadable, row)


class FeatureWriter:
    """Writes features in image order under a temporary name, and records its progress.

    ``done`` images are already there if an earlier run with the same source and image list was interrupted.
    ``discarded`` states how an unfinished file differs that cannot be continued (see :func:`changes`).
    """

    def __init__(self, path, source, images):
        self.path = array_path(path)
        self.source, self.images = source, tuple(images)
        self.shape = (len(self.images), *source.shape)
        self.partial = partial_path(self.path)
        self.progress = sidecar(self.partial)
        self.done, self.unreadable, self.discarded = 0, [], []
        check_not_somebody_elses(self.path)
        self.array = self._reopen()
        if self.array is None:
            self.array = self._create()

    def _reopen(self):
        """The array of an interrupted run, or None when there is none that can be continued."""
        if not (self.partial.exists() and self.progress.exists()):
            return None
        try:
            state = read_json(self.progress)
            source = FeatureSource.from_json(state["source"])
            self.discarded = changes(source, state["images"], self.source, self.images)
            np.lib.format.open_memmap(self.partial, "r")  # refuses a shortened file, which "r+" fills up with zeros
            array = np.lib.format.open_memmap(self.partial, "r+")
        except (UserError, *_DAMAGED):
            return None
        if self.discarded or array.shape != self.shape:
            return None
        self.done, self.unreadable = state["done"], state["unreadable"]
        return array

    def _create(self):
        """A new array, with all of its disk space allocated at once.

        Otherwise a full disk under a memory map would kill the process with SIGBUS.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.progress.unlink(missing_ok=True)  # first: it vouches for numbers that are overwritten now
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
        self.path.unlink(missing_ok=True)
        write_json(sidecar(self.path), self._description())
        os.replace(self.partial, self.path)
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
    except (UserError, *_DAMAGED):
        return None
