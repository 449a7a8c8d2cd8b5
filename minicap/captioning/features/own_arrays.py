"""Arrays of features that other programs have written, told apart by what is in the file:

    .npy           one array; or a dictionary of arrays, which numpy.save has pickled
    .npz           arrays by name
    .mat           MATLAB's variables, up to version 7 (scipy.io) and of version 7.3, which is HDF5
    .h5            HDF5, in groups or without
    .pkl           a pickled dictionary of arrays
    .pt            a dictionary of tensors that torch.save has written
    .safetensors   tensors by name
    a folder       of .npy or .npz files, one an image

Pickles are read by the machines of :mod:`...weights`, which run nothing of what they say.
"""

import contextlib
import functools
import mmap
import os
import re
import sys
import zipfile
from dataclasses import dataclass

import numpy as np

from ...errors import UserError
from ...files import existing_file
from ...npy import open_npy
from ...paths import expanded
from ...weights.child import Child
from ...weights.hdf5 import check_storage, opened
from ...weights.npy_pickle import read_npy_pickle, read_pickle
from ...weights.plain_arrays import read_safetensors
from ...weights.recognize import SAFETENSORS_HEADER_LIMIT, TORCH_LEGACY_MARK
from ...weights.refusal import RefusalError, refuse_bomb, shown
from ...weights.torch_files import read_torch_legacy, read_torch_zip

#: Features can be packed well, as most of them are 0: a file may take this memory, and this many times its own size.
FREE_BYTES, EXPANSION = 64 << 20, 100
NPY, HDF5, MATLAB = b"\x93NUMPY", b"\x89HDF\r\n\x1a\n", b"MATLAB 5.0 MAT-file"
KINDS = {**dict.fromkeys("fiub", "numbers"), "U": "strings", "S": "strings", "c": "complex numbers",
         "O": "Python objects"}  # by dtype.kind
READ = ("features are read from .npy, .npz, .mat, .h5, .pkl, .pt, .safetensors and folders of .npy: write them by "
        "`numpy.savez(FILE, features=array, names=names)`")
OTHERS = {  # what else files begin with
    b"version https://git-lfs": "is a Git LFS pointer and not the file itself: run `git lfs pull`",
    b"\x1f\x8b": "is packed by gzip: unpack it", b"BZh": "is packed by bzip2: unpack it",
    b"\xfd7zXZ": "is packed by xz: unpack it",
    b"# Created by Octave": "is text of Octave: write it by `save -v7`",
    b"<": "is a web page or XML and no file of arrays: download it again"}


@dataclass(frozen=True)
class Entry:
    """One array of a file, its axes as its author has them.

    shape    of the whole
    kind     "numbers", "strings", or in words what else it is, which is not looked into
    take     (axis, begin, end) -> the part of the array between two indices of an axis; for strings the list of all
    """

    shape: tuple
    kind: str
    take: object = None


@contextlib.contextmanager
def open_arrays(path):
    """Yield {name: Entry} of a file or folder; UserError, naming it, when it is of another kind or damaged."""
    path = expanded(path)
    with contextlib.ExitStack() as stack:
        with _damage_told(path):
            found = _of_folder(path) if path.is_dir() else _of_file(existing_file(path, "file of features"), stack)
        yield found


@contextlib.contextmanager
def _damage_told(path):
    try:
        yield
    except UserError:
        raise
    except RefusalError as error:
        reason = re.sub("(: save|; refusing).*", "", str(error))  # without the cure for weights
        raise UserError(f"{path} holds no arrays by name that could be read (it {reason}); write them by "
                        "`numpy.savez(FILE, **arrays)`, by the names of their images") from error
    except Exception as error:  # of nearly every type, from four libraries, on damaged files
        raise UserError(f"{path} is damaged or no file of arrays ({shown(error)}); use another copy") from error


def _of_file(path, stack):
    with open(path, "rb") as f:
        head = f.read(2048)
    if head.startswith(NPY):
        return _of_tensors(read_npy_pickle, path) if b"'|O'" in head[:256] else \
            {"": _entry(open_npy(path))}
    if head.startswith(b"PK"):
        return _of_zip(path, stack)
    if any(head[at:].startswith(HDF5) for at in (0, 512, 1024)):  # MATLAB writes 512 bytes of its own in front
        return _from_child("of_hdf5", path, stack)
    if head.startswith(MATLAB):
        return _from_child("of_matlab", path, stack)
    if head[:1] == b"\x80":
        return _of_tensors(read_torch_legacy if TORCH_LEGACY_MARK in head[:32] else read_pickle, path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= SAFETENSORS_HEADER_LIMIT:
        return _of_tensors(read_safetensors, path)
    other = "is empty: make or copy it again" if not head else \
        next((what for begin, what in OTHERS.items() if head.startswith(begin)), f"is none of these: {READ}")
    raise UserError(f"{path} {other}")


def _of_tensors(read, path):
    """What one of the readers of weight files gives for ``path``."""
    with open(path, "rb") as f:
        buffer = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    return {name: _entry(array) for name, array in read(path, buffer).items()}


def _entry(array):
    """The Entry of a NumPy array."""
    if array.dtype.itemsize == 0:  # texts without any letter, of which a file of no size declares a billion
        return Entry(array.shape, "values without size")
    kind = KINDS.get(array.dtype.kind, f"values of type {array.dtype}")
    if array.dtype.kind == "U" and np.frombuffer(array.tobytes(), array.dtype.byteorder + "u4").max(
            initial=0) > sys.maxunicode:
        return Entry(array.shape, "strings of characters that do not exist")
    if kind == "strings":
        return Entry(array.shape, kind, lambda *_: [_text(name) for name in array.ravel()])
    return Entry(array.shape, kind, lambda axis, begin, end: array[(slice(None),) * axis + (slice(begin, end),)])


def _allowed(packed):
    return FREE_BYTES + EXPANSION * packed


def _from_child(answers, path, stack):
    """The entries of a file that a child has opened, which can take only so much memory."""
    child = stack.enter_context(Child(__name__, answers, path, _allowed(path.stat().st_size)))

    def take(name, *part):
        with _damage_told(path):
            return child.ask("take", name, *part)

    return {name: Entry(tuple(shape), kind, functools.partial(take, name)) for name, shape, kind in child.ask("list")}


def _answer(found):
    """What the child answers about such entries."""
    return lambda question, name=None, *part: (
        found[name].take(*part) if question == "take" else
        [(name, entry.shape, entry.kind) for name, entry in found.items()])


def files_of(folder):
    """The files of arrays in a folder, in order."""
    return sorted(file for file in folder.iterdir()
                  if file.suffix.lower() in (".npy", ".npz") and not file.name.startswith("."))


def _of_folder(path):
    """An array for each .npy, by its name, and NAME/KEY for each array in NAME.npz. They are opened when needed."""
    found = {}
    for file in files_of(path):
        try:
            if file.suffix.lower() == ".npy":
                found[file.stem] = _later(open_npy(file), lambda file=file: open_npy(file))
            else:
                with np.load(file, allow_pickle=False) as arrays:
                    found |= {f"{file.stem}/{key}": _later(arrays[key], lambda file=file, key=key: np.load(file)[key])
                              for key in arrays.files}
        except Exception as error:  # as above
            raise UserError(f"{file} holds no array that could be read ({shown(error)}); make it again") from error
    if not found:
        raise UserError(f"{path} is a folder without .npy or .npz; {READ}")
    return found


def _later(array, load):
    """The Entry of an array that is loaded again for its numbers: memory maps of 8,000 files are too many."""
    return Entry(array.shape, KINDS.get(array.dtype.kind, str(array.dtype)),
                 lambda axis, begin, end: load()[(slice(None),) * axis + (slice(begin, end),)])


def _of_zip(path, stack):
    """Those of an .npz, or of PyTorch's archive."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        refuse_bomb(sum(info.file_size for info in archive.infolist()), path.stat().st_size, _allowed)
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return _of_tensors(read_torch_zip, path)
    if others := [name for name in names if not name.endswith(".npy")]:
        raise UserError(f"{path} is a zip archive with {shown(others[0])} in it and no .npz of arrays; unpack it; "
                        + READ)
    file, found = stack.enter_context(np.load(path, allow_pickle=False)), {}
    for name in file.files:
        try:
            found[name] = _entry(file[name])
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            found[name] = Entry((), KINDS["O"])
    return found


@contextlib.contextmanager
def of_matlab(path):
    """MATLAB up to version 7: 4096 x 8000 is (4096, 8000), cells and character matrices are strings."""
    from scipy.io import loadmat, whosmat

    found = {}
    for name, shape, kind in whosmat(str(path)):
        if kind in ("cell", "char"):
            strings = loadmat(str(path), variable_names=[name], simplify_cells=True)[name]
            strings = [strings] if isinstance(strings, str) else list(np.ravel(strings))
            kind = "strings" if all(isinstance(string, str) for string in strings) else "cells"
            found[name] = Entry((len(strings),), kind, lambda *_, s=strings: [_text(name) for name in s])
        elif kind in ("double", "single", "logical") or "int" in kind:
            found[name] = _Later(path, name, shape).entry()
        else:
            found[name] = Entry(tuple(shape), f"MATLAB's {kind}")
    yield _answer(found)


class _Later:
    """A variable that is loaded when it is needed, and once."""

    def __init__(self, path, name, shape):
        self.path, self.name, self.shape, self.array = path, name, tuple(shape), None

    def entry(self):
        return Entry(self.shape, "numbers", self.take)

    def take(self, axis, begin, end):
        from scipy.io import loadmat

        if self.array is None:
            self.array = loadmat(str(self.path), variable_names=[self.name])[self.name]
        return self.array[(slice(None),) * axis + (slice(begin, end),)]


@contextlib.contextmanager
def of_hdf5(path):
    import h5py

    found = {}
    with opened(path) as file:
        def visit(name, item):
            if isinstance(item, h5py.Dataset) and not name.startswith(("#refs#", "#subsystem#")):
                if item.shape is not None:
                    check_storage(item, os.path.getsize(path), _allowed)
                found[name] = _of_dataset(file, item)

        file.visititems(visit)
        yield _answer(found)


def _of_dataset(file, item):
    import h5py

    if item.shape is None:
        return Entry((), "nothing")
    matlab = item.attrs.get("MATLAB_class", b"")
    shape = item.shape[::-1] if matlab else item.shape  # MATLAB writes the last axis first
    if matlab == b"char":
        return Entry(shape[:1], "strings", lambda *_: [_of_codes(codes) for codes in item[()].T])
    if matlab == b"cell" or h5py.check_ref_dtype(item.dtype) is not None:
        strings = [file[reference] for reference in np.ravel(item[()])]
        kind = "strings" if all(string.attrs.get("MATLAB_class") == b"char" for string in strings) else "references"
        return Entry((len(strings),), kind, lambda *_: [_of_codes(string[()]) for string in strings])
    if h5py.check_string_dtype(item.dtype) is not None:
        return Entry(shape, "strings", lambda *_: [_text(name) for name in np.ravel(item[()])])
    kind = KINDS.get(item.dtype.kind, f"values of type {item.dtype}")

    def take(axis, begin, end):
        at = item.ndim - 1 - axis if matlab else axis
        part = item[(slice(None),) * at + (slice(begin, end),)]
        return part.T if matlab else part

    return Entry(shape, kind, take)


def _of_codes(codes):
    return _text("".join(map(chr, np.ravel(codes))))


def _text(name):
    """A name of a file without the blanks and zeros that fill arrays of fixed width."""
    name = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return name.rstrip("\0").strip()
