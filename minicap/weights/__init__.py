"""Readers of weight files, recognised by content and not by suffix: Keras .h5, PyTorch .pth (both serialisations,
without torch and without running code from a pickle), .safetensors and .npz.

    file = read_weights("vgg19-dcbb9e9d.pth")
    file.format                          # "torch-legacy"
    file.tensors["features.0.weight"]    # float32 (64, 3, 3, 3)

Which layer a name belongs to is decided elsewhere (vgg_names.py), and so is the preprocessing (provenance.py).
"""

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import existing_file
from .keras_h5 import keras_backend, read_keras_h5
from .plain_arrays import read_npz, read_safetensors
from .raw import native
from .recognize import HEAD, recognize
from .refusal import RefusalError
from .torch_files import read_torch_legacy, read_torch_zip

_READERS = {
    "keras-h5": read_keras_h5,
    "torch-legacy": read_torch_legacy,
    "torch-zip": read_torch_zip,
    "safetensors": read_safetensors,
    "npz": read_npz,
}


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


def read_weights(path):
    """Read the weights file at ``path`` into a :class:`WeightFile`; UserError, with the cure, on anything wrong."""
    path = existing_file(path, "weights file")
    if not path.is_file():
        raise UserError(f"weights file {path} is not an ordinary file; check the path")
    try:
        with open(path, "rb") as f:
            format = recognize(path, f.read(HEAD))
            buffer = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        tensors = {name: native(name, array) for name, array in _READERS[format](path, buffer).items()}
    except OSError as error:
        raise UserError(f"weights file {path} cannot be read ({error.strerror or error}): check path and permissions") \
            from error
    except RefusalError as error:
        raise UserError(f"weights file {path} {error}") from error
    if not tensors:
        raise UserError(f"weights file {path} is valid ({format}) but holds no tensors: check that it is the right one")
    return WeightFile(path, format, tensors, keras_backend(path) if format == "keras-h5" else None)
