"""Readers of weight files, recognised by content and not by suffix: Keras .h5 and .keras, PyTorch .pth (both
serialisations, without torch and without running code from a pickle), .safetensors, also in several parts, .npz and
vgg16.npy. docs/formats.md lists the names and layouts that are read as VGG.

    file = read_weights("vgg19-dcbb9e9d.pth")
    file.format                          # "torch-legacy"
    file.tensors["features.0.weight"]    # float32 (64, 3, 3, 3)

Which layer a name belongs to is decided elsewhere (vgg_names.py), and so is the preprocessing (provenance.py).
"""

import functools
import hashlib
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import begun, existing_file, sha256
from ..paths import StrPath, expanded
from .keras_h5 import read_keras_h5, read_keras_zip
from .npy_pickle import read_npy_pickle
from .other_frameworks import CURE
from .plain_arrays import read_npz, read_safetensors
from .raw import native
from .recognize import HEAD, recognize
from .refusal import RefusalError, shown
from .shards import index_beside, is_index, read_index
from .torch_files import read_torch_legacy, read_torch_zip

_READERS = {
    "torch-legacy": read_torch_legacy,
    "torch-zip": read_torch_zip,
    "safetensors": read_safetensors,
    "npz": read_npz,
    "npy-pickle": read_npy_pickle,
}
_KERAS_READERS = {"keras-h5": read_keras_h5, "keras-zip": read_keras_zip}  # which may know the backend


@dataclass(frozen=True)
class WeightFile:
    """``tensors`` maps the file's own names to arrays, in the file's own layout (torch OIHW, Keras HWIO).

    Keras' many spellings of names become "layer/kernel" and "layer/bias"; other names are unchanged. Arrays may be
    read-only views of the file on disk: copy them before changing them, and leave the file alone while they are used.
    """

    path: Path
    format: str
    tensors: dict[str, np.ndarray]
    backend: str | None = None  # of Keras, where a file states it: "tensorflow", "theano", ...
    digest: Callable[[], str] | None = None  # () -> its SHA-256, read off the disk in the first call


def existing_weights(path: StrPath) -> Path:
    """``path`` as a Path; UserError, with the cure, if there is no file."""
    if (expanded(path) / "saved_model.pb").is_file():
        raise UserError(f"weights file {path} is a TensorFlow SavedModel, {CURE}")
    return existing_file(path, "weights file")


def read_weights(path: StrPath, *, digest: bool = False) -> WeightFile:
    """Read the weights file at ``path`` into a :class:`WeightFile`; UserError, with the cure, on anything wrong.

    digest: whether its ``digest()`` will be needed, which a thread then computes from now on: 0.4 s for VGG-19.
    """
    path = existing_weights(path)
    if (index := index_beside(path)) is not None:
        raise UserError(f"weights file {path} is one of several that belong together: name {index}")
    return _read(path, begun(_digest, path) if digest and path.is_file() else None)


def _read(path, digest=None, is_part=False):
    if not path.is_file():
        raise UserError(f"weights file {path} is not an ordinary file; check the path")
    try:
        with open(path, "rb") as f:
            format = recognize(path, f.read(HEAD))
            buffer = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        backend = None
        if format == "index" and not is_part:
            tensors = _read_parts(path, read_index(buffer))
        elif format == "index":
            raise RefusalError("is an index, and is named as a part by another one")
        elif format in _KERAS_READERS:
            tensors, backend = _KERAS_READERS[format](path, buffer)
        else:
            tensors = _READERS[format](path, buffer)
        tensors = {name: native(name, array) for name, array in tensors.items()}
    except OSError as error:
        raise UserError(f"weights file {path} cannot be read ({error.strerror or error}): check path and permissions") \
            from error
    except RefusalError as error:
        raise UserError(f"weights file {path} {error}") from error
    if not tensors:
        raise UserError(f"weights file {path} is valid ({format}) but holds no tensors: check that it is the right one")
    return WeightFile(path, format, tensors, backend, digest or functools.cache(lambda: _digest(path)))


def _read_parts(path, index):
    """The arrays of the files beside ``path`` that its ``index`` names."""
    parts = {name: _read(existing_file(path.with_name(name), "a part of the weights,"), is_part=True).tensors
             for name in dict.fromkeys(index.values())}
    for name, part in index.items():
        if name not in parts[part]:
            raise RefusalError(f"says that {shown(name)} is in {part}, which does not hold it: copy that part again")
    return {name: parts[part][name] for name, part in index.items()}


def _digest(path):
    """The SHA-256 of a weights file; of one that has several parts, that of the digests of index and parts."""
    with open(path, "rb") as f:
        head = f.read(HEAD)
        if not is_index(path, head):
            return sha256(path)
        names = dict.fromkeys(read_index(head + f.read()).values())
    digests = [sha256(part) for part in (path, *(path.with_name(name) for name in names))]
    return hashlib.sha256("".join(digests).encode()).hexdigest()
