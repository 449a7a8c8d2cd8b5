"""vgg16.npy and vgg19.npy: a dictionary of arrays that NumPy has pickled, read without running code.

    {"conv1_1": [W, b], ...}                                    a list or tuple, kernels (K, K, C, F)
    {"conv1_1": {"weights": W, "biases": b}, ...}               as converted from Caffe

The file is an ordinary .npy header and then the pickle of an array of one object, the dictionary. An array is pickled
as ``_reconstruct(ndarray, (0,), "b")`` and then its state (version, shape, dtype, Fortran order?, bytes).
"""

import math
from dataclasses import dataclass

import numpy as np

from ..npy import parse_header
from .raw import native
from .refusal import RefusalError, damaged, library_reads, refuse_bomb, shown
from .torch_pickle import Constructor, PickleMachine

_NUMBERS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}
_GARBLED = "holds a garbled NumPy array"


@dataclass
class _Dtype:
    """A dtype that a pickle builds: its kind, "f4", and byte order."""

    kind: str
    order: str = "<"


@dataclass
class _Array:
    """An array that a pickle builds: its ``value`` comes with the BUILD instruction, for dtype object a list."""

    value: object = None


def _dtype(arguments):
    if not arguments or type(arguments[0]) is not str:
        raise damaged(_GARBLED)
    return _Dtype(arguments[0].lstrip("<>|="))


def _encode(arguments):
    """``_codecs.encode(text, "latin1")``: how protocol 2 writes bytes."""
    if len(arguments) != 2 or type(arguments[0]) is not str or arguments[1] not in ("latin1", "latin-1"):
        raise damaged(_GARBLED)
    return arguments[0]


class _Builder:
    """The BUILD instruction for dtypes and arrays."""

    def __init__(self, packed):
        self.packed, self.unpacked = packed, 0

    def __call__(self, made, state):
        if type(made) is _Dtype and type(state) is tuple and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            made.order = ">" if state[1] == ">" else "<"
        elif type(made) is _Array and type(state) is tuple and len(state) == 5:
            made.value = self.array(*state[1:])
        else:
            raise RefusalError("sets the state of something that is not an array; refusing to load")

    def array(self, shape, dtype, column_major, data):
        if type(dtype) is not _Dtype or type(shape) is not tuple or len(shape) > 8 \
                or not all(type(n) is int and n >= 0 for n in shape):
            raise damaged(_GARBLED)
        if dtype.kind in ("O", "O4", "O8") and type(data) is list:
            return data
        if dtype.kind not in _NUMBERS or type(data) not in (bytes, str):
            raise RefusalError(f"holds an array of {shown(dtype.kind)}, and not of numbers as weights are")
        self.unpacked += len(data)  # many arrays can have the same bytes, each a copy of them
        refuse_bomb(self.unpacked, self.packed)
        if type(data) is str:  # of Python 2; each character is a byte
            try:
                data = data.encode("latin-1")
            except UnicodeEncodeError as error:
                raise damaged(_GARBLED) from error
        kind = np.dtype(dtype.order + dtype.kind)
        if len(data) != math.prod(shape) * kind.itemsize:
            raise damaged(_GARBLED)
        values = np.frombuffer(data, kind) if data else np.empty(0, kind)
        return values.reshape(shape, order="F" if column_major else "C")


TABLE = {("numpy", "dtype"): Constructor(_dtype), ("numpy", "ndarray"): None,
         ("_codecs", "encode"): Constructor(_encode)}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    TABLE[_module, "_reconstruct"] = Constructor(lambda _arguments: _Array())


def read_npy_pickle(path, buffer):
    """{"conv1_1/weights": array, "conv1_1/biases": array, ...} of such a file mapped as ``buffer``."""
    with library_reads(".npy"):
        buffer.seek(0)
        shape, _, _ = parse_header(buffer)
    root = _unpickled(buffer)
    content = root.value if type(root) is _Array else None
    if shape != () or type(content) is not list or len(content) != 1 or type(content[0]) is not dict:
        raise RefusalError("holds Python objects but no dictionary of arrays by name, as vgg16.npy does")
    return _tensors(content[0])


def read_pickle(path, buffer):
    """{name: array} of a dictionary of arrays that pickle.dump has written, mapped as ``buffer``."""
    root = _unpickled(buffer)
    if buffer.read(1):
        raise RefusalError("holds several pickles, one behind the other")
    if type(root) is not dict:
        raise RefusalError("is a pickle of something that is no dictionary of arrays by name")
    return _tensors(root)


def _unpickled(buffer):
    return PickleMachine(TABLE, _no_outside, _Builder(len(buffer))).run(buffer)


def _tensors(arrays):
    tensors = {}
    for layer, value in arrays.items():
        for name, array in _named(layer, value):
            if type(array) is not _Array or not isinstance(array.value, np.ndarray):
                raise RefusalError(f"holds something that is no array as {shown(name)}")
            tensors[name] = native(name, array.value)
    return tensors


def _named(layer, value):
    if type(value) is dict:
        return [(f"{layer}/{role}", array) for role, array in value.items()]
    if type(value) in (list, tuple) and len(value) == 2:
        return [(f"{layer}/weights", value[0]), (f"{layer}/biases", value[1])]
    return [(str(layer), value)]


def _no_outside(_name):
    raise RefusalError("names an outside object, which NumPy never does; refusing to load")
