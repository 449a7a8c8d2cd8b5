"""Arrays of features that other programs have written, told apart by what is in the file:

    .npy    one array
    .npz    arrays by name
    .mat    MATLAB's variables, up to version 7 (scipy.io) and of version 7.3, which is HDF5
    .h5     HDF5, in groups or without

Pickles, also those inside a .npy, are refused: to read one is to run whatever it says.
"""

import contextlib
import functools
import os
import zipfile
from dataclasses import dataclass

import numpy as np

from ...errors import UserError
from ...files import existing_file
from ...weights.child import Child
from ...weights.hdf5 import check_storage, opened
from ...weights.refusal import RefusalError, refuse_bomb, shown

NPY, HDF5, MATLAB = b"\x93NUMPY", b"\x89HDF\r\n\x1a\n", b"MATLAB 5.0 MAT-file"
NUMBERS = "fiu"  # dtype.kind of what can be features
#: Features can be packed well, as most of them are 0: a file may take this memory, and this many times its own size.
FREE_BYTES, EXPANSION = 64 << 20, 100


@dataclass(frozen=True)
class Entry:
    """One array of a file, its axes as its author has them.

    shape    of the whole
    kind     "numbers", "strings" or None for what is neither
    take     (axis, begin, end) -> the part of the array between two indices of an axis; for strings the list of all
    """

    shape: tuple
    kind: str | None
    take: object


@contextlib.contextmanager
def open_arrays(path):
    """Yield {name: Entry} of a file; UserError, naming it, when it is of another kind or damaged."""
    path = existing_file(path, "file of features")
    with open(path, "rb") as f:
        head = f.read(2048)
    with contextlib.ExitStack() as stack:
        with _damage_told(path):
            found = _entries(path, head, stack)
        yield found


@contextlib.contextmanager
def _damage_told(path):
    try:
        yield
    except UserError:
        raise
    except RefusalError as error:
        raise UserError(f"{path} {error}") from error
    except Exception as error:  # of nearly every type, from four libraries, on damaged files
        raise UserError(f"{path} is damaged or no file of arrays ({shown(error)}); use another copy") from error


def _entries(path, head, stack):
    if head.startswith(NPY):
        return {"": _entry(_loaded(path, mmap_mode="r"))}
    if head.startswith(b"PK"):
        return _of_npz(path, stack)
    if any(head[at:].startswith(HDF5) for at in (0, 512, 1024)):  # MATLAB writes 512 bytes of its own in front
        return _from_child("of_hdf5", path, stack)
    if head.startswith(MATLAB):
        return _from_child("of_matlab", path, stack)
    what = "is a pickle, which could run any program" if head[:1] == b"\x80" else "is none of these"
    raise UserError(f"{path} {what}; features are read from .npy, .npz, .mat and .h5: write them by "
                    "`numpy.savez(FILE, features=array, names=names)`")


def _loaded(path, **options):
    try:
        return np.load(path, allow_pickle=False, **options)
    except ValueError as error:
        if not _holds_objects(error):
            raise
        raise UserError(f"{path} holds Python objects (a dict or a list), which could run any program; write their "
                        "arrays by `numpy.savez(FILE, **dict)`") from error


def _holds_objects(error):
    return "pickle" in str(error) or "Python objects" in str(error)


def _entry(array):
    """The Entry of a NumPy array."""
    if array.dtype.itemsize == 0:  # texts without any letter, of which a file of no size declares a billion
        return Entry(array.shape, None, None)
    if array.dtype.kind in "US":
        return Entry(array.shape, "strings", lambda *_: [_text(name) for name in array.ravel()])
    kind = "numbers" if array.dtype.kind in NUMBERS else None
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


def _of_npz(path, stack):
    with zipfile.ZipFile(path) as archive:
        others = [name for name in archive.namelist() if not name.endswith(".npy")]
        refuse_bomb(sum(info.file_size for info in archive.infolist()), path.stat().st_size, _allowed)
    if others:
        raise UserError(f"{path} is a zip archive with {shown(others[0])} in it and no .npz of arrays; write them by "
                        "`numpy.savez(FILE, features=array, names=names)`")
    file = stack.enter_context(np.load(path, allow_pickle=False))
    found = {}
    for name in file.files:
        try:
            found[name] = _entry(file[name])
        except ValueError as error:
            if not _holds_objects(error):
                raise
            found[name] = Entry((), None, None)  # objects, which are not looked into
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
            if all(isinstance(string, str) for string in strings):
                found[name] = Entry((len(strings),), "strings", lambda *_, s=strings: [_text(name) for name in s])
        elif kind in ("double", "single") or "int" in kind:
            found[name] = _Later(path, name, shape).entry()
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
                check_storage(item, os.path.getsize(path), _allowed)
                found[name] = _of_dataset(file, item)

        file.visititems(visit)
        yield _answer(found)


def _of_dataset(file, item):
    import h5py

    matlab = item.attrs.get("MATLAB_class", b"")
    shape = item.shape[::-1] if matlab else item.shape  # MATLAB writes the last axis first
    if matlab == b"char":
        return Entry(shape[:1], "strings", lambda *_: [_of_codes(codes) for codes in item[()].T])
    if matlab == b"cell" or h5py.check_ref_dtype(item.dtype) is not None:
        strings = [file[reference] for reference in np.ravel(item[()])]
        kind = "strings" if all(string.attrs.get("MATLAB_class") == b"char" for string in strings) else None
        return Entry((len(strings),), kind, lambda *_: [_of_codes(string[()]) for string in strings])
    if h5py.check_string_dtype(item.dtype) is not None:
        return Entry(shape, "strings", lambda *_: [_text(name) for name in np.ravel(item[()])])
    kind = "numbers" if item.dtype.kind in NUMBERS else None

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
