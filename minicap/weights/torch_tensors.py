"""Tensors as torch pickles them: a storage (an array of numbers outside the pickle) and a strided view of it.

    element [i, j, ...] of the tensor = storage[offset + i * strides[0] + j * strides[1] + ...]

Offset and strides count elements, not bytes. Everything is checked when it occurs in the pickle, before any memory is
touched; the arrays are made afterwards, when the storages have been found in the file. The forms in which torch 0.1 to
2.13 wrote a tensor:

    _rebuild_tensor_v2(storage, offset, size, strides, ...)         REDUCE; since 0.4 (before: _rebuild_tensor)
    FloatTensor(), then state (storage, offset, size, strides)      NEWOBJ + BUILD; the first releases
    _rebuild_parameter(tensor, ...) and Parameter(tensor, ...)      REDUCE, a state of three flags may follow
    Parameter(), then state (tensor, grad, hooks, flag, flag)       NEWOBJ + BUILD; the first releases
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from .inert import INERT_TABLE, Inert
from .raw import BFLOAT16
from .refusal import RefusalError, damaged, shown
from .torch_pickle import Constructor, PickleMachine, Refused, fill

_KINDS = {"Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": BFLOAT16, "Long": "i8", "Int": "i4", "Short": "i2",
          "Char": "i1", "Byte": "u1", "Bool": "?",
          "ComplexFloat": "c8", "ComplexDouble": "c16"}
_GARBLED = "holds a garbled tensor"

#: Strides of zero repeat elements (torch's expand); a tensor with more elements than its storage may have this many.
MAX_REPEATED = 1 << 24
_USUAL_NAMES = ("state_dict", "model_state_dict", "model")  # in a checkpoint

MAX_DIMENSIONS = 32  # supported by every version of NumPy
MAX_DEPTH, MAX_KEY = 8, 200  # of dictionaries in dictionaries, and letters of a key, in a checkpoint


@dataclass(frozen=True)
class Kind:
    """What a storage class such as torch.FloatStorage becomes: the name of its number format."""

    name: str


@dataclass(frozen=True)
class Storage:
    """``numel`` numbers of one ``kind``, from number ``start`` of the storage with this ``key`` in the file."""

    key: str
    kind: str
    start: int
    numel: int


@dataclass
class Tensor:
    """A view of a storage. In very old files it has none until the BUILD instruction."""

    storage: Storage | None = None
    offset: int = 0
    size: tuple = ()
    strides: tuple = ()

    def place(self, storage, offset, size, strides):
        """Set the position of the tensor; RefusalError unless every element is within ``storage``."""
        if self.storage is not None or type(storage) is not Storage or not _is_count(offset):
            raise damaged(_GARBLED)
        if not _are_counts(size) or not _are_counts(strides) or len(size) != len(strides):
            raise damaged("holds a tensor whose size and strides do not belong together")
        last = offset + sum((n - 1) * stride for n, stride in zip(size, strides, strict=True))
        if 0 not in size and last >= storage.numel:
            raise damaged(f"holds a tensor that reaches beyond its storage (element {last:,} of {storage.numel:,})")
        if math.prod(max(n, 1) for n in size) > max(storage.numel, MAX_REPEATED):
            raise RefusalError("holds a tensor that is far larger than its storage; refusing to load")
        self.storage, self.offset, self.size, self.strides = storage, offset, tuple(size), tuple(strides)

    def array(self, numbers):
        """The tensor as a view of ``numbers``, all numbers of its storage. NumPy checks the bounds again."""
        if 0 in self.size:
            return np.empty(self.size, numbers.dtype)
        start = self.storage.start + self.offset
        steps = [stride * numbers.itemsize if n > 1 else 0 for n, stride in zip(self.size, self.strides, strict=True)]
        return np.ndarray(self.size, numbers.dtype, numbers, start * numbers.itemsize, steps)


def _is_count(value):
    return type(value) is int and value >= 0


def _are_counts(values):
    """Whether this can be a tensor's size or strides. (Length first: a hostile file may refer to a long list often.)"""
    return type(values) in (tuple, list) and len(values) <= MAX_DIMENSIONS and all(map(_is_count, values))


# ------------------------------------------------- what a pickle may call; each function checks its tuple of arguments

def _rebuild_tensor(arguments):
    if not 4 <= len(arguments) <= 7:  # after the strides: requires_grad, hooks, metadata, which are ignored
        raise damaged(_GARBLED)
    tensor = Tensor()
    tensor.place(*arguments[:4])
    return tensor


def _parameter(arguments):
    if not arguments:
        return Tensor()
    if type(arguments[0]) is not Tensor:
        raise damaged(_GARBLED)
    return arguments[0]


def _empty_tensor(arguments):
    if arguments:
        raise damaged(_GARBLED)
    return Tensor()


def _size(arguments):
    if len(arguments) != 1 or not _are_counts(arguments[0]):
        raise damaged(_GARBLED)
    return tuple(arguments[0])


def _ordered_dict(arguments):
    """Python 3 writes OrderedDict() and then its items, Python 2 OrderedDict([[key, value], ...])."""
    if not arguments:
        return OrderedDict()
    pairs = arguments[0]
    if len(arguments) != 1 or type(pairs) is not list \
            or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise damaged("holds a garbled OrderedDict")
    made = fill(OrderedDict(), pairs)
    pairs.clear()  # each list is used once, or else a hostile file could multiply a long one
    return made


TABLE = INERT_TABLE | {
    ("collections", "OrderedDict"): Constructor(_ordered_dict),
    ("torch", "Size"): Constructor(_size),
    ("torch._utils", "_rebuild_tensor"): Constructor(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Constructor(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Constructor(_parameter),
    ("torch.nn.parameter", "Parameter"): Constructor(_parameter),
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): Refused("tensors without numbers (of the device meta)"),
    ("torch._utils", "_rebuild_qtensor"): Refused("numbers that were rounded to save space (quantised)"),
    ("torch._utils", "_rebuild_sparse_tensor"): Refused("sparse tensors"),
    ("torch._utils", "_rebuild_tensor_v3"): Refused("tensors of a rare type, such as float8"),
}
for _name, _kind in _KINDS.items():
    for _module in ("torch", "torch.cuda"):
        TABLE[_module, f"{_name}Storage"] = Kind(_kind)
        TABLE[_module, f"{_name}Tensor"] = Constructor(_empty_tensor)


def _build(made, state):
    """The BUILD instruction: set the state of an existing object."""
    if type(made) is Inert:
        return
    if type(made) is OrderedDict and type(state) is dict:
        return  # attributes of the dictionary: state_dict() stores module versions there (_metadata)
    if type(made) is not Tensor or type(state) is not tuple:
        raise RefusalError("sets the state of something that is not a tensor; refusing to load")
    if len(state) == 4:
        made.place(*state)
    elif len(state) == 5 and type(state[0]) is Tensor:
        made.place(state[0].storage, state[0].offset, state[0].size, state[0].strides)
    elif len(state) != 3:  # three are flags: requires_grad, volatile, hooks
        raise damaged(_GARBLED)


@dataclass
class Storages:
    """The storages that occur in a pickle: ``declared[key]`` is (kind, numel)."""

    declared: dict = field(default_factory=dict)

    def persistent(self, name):
        """The Storage for an id ("storage", class, key, device, numel[, None or (view key, offset, numel)])."""
        if type(name) is not tuple or len(name) not in (5, 6) or name[0] != "storage":
            raise RefusalError("names an outside object that is not a tensor storage; refusing to load")
        kind, key, _device, numel = name[1:5]
        if type(kind) is not Kind or type(key) is not str or not _is_count(numel):
            raise damaged(_GARBLED)
        if self.declared.setdefault(key, (kind.name, numel)) != (kind.name, numel):
            raise damaged(f"describes the tensor storage {shown(key)} in two different ways")
        view = name[5] if len(name) == 6 else None
        if view is None:
            return Storage(key, kind.name, 0, numel)
        if type(view) is not tuple or len(view) != 3 or not _are_counts(view[1:]) or view[1] + view[2] > numel:
            raise damaged(_GARBLED)
        return Storage(key, kind.name, view[1], view[2])


def machine():
    """A PickleMachine for torch's pickles, and the Storages that it fills as it runs."""
    storages = Storages()
    return PickleMachine(TABLE, storages.persistent, _build), storages


# ------------------------------------------------------------------------------ the weights among a pickle's objects

def find_state_dict(root):
    """{name: tensor} of a saved object: a state dict, or a checkpoint that contains one or several.

    The tensors of several, such as encoder and decoder, are called "encoder.features.0.weight".
    """
    if type(root) not in (dict, OrderedDict):
        raise RefusalError(f"holds a {type(root).__name__} where a state dict was expected: save model.state_dict()")
    found = {"": root} if _is_state_dict(root) else {
        key: value for key, value in root.items() if type(value) in (dict, OrderedDict) and _is_state_dict(value)}
    if len(found) > 1:  # a checkpoint often contains averages (EMA) of the weights too, under another name
        found = {key: value for key, value in found.items() if key in _USUAL_NAMES} or found
    (tensors,) = found.values() if len(found) == 1 else (_all_tensors(root),)
    if not tensors:
        raise RefusalError("holds no mapping of names to tensors: save model.state_dict()")
    return dict(tensors)


def _all_tensors(root):
    """{"encoder.features.0.weight": tensor, ...} of all dictionaries in ``root``, each once however often it occurs."""
    tensors, seen, found = {}, {id(root)}, [("", root, 0)]
    for prefix, mapping, depth in found:  # which grows
        for key, value in mapping.items():
            name = f"{prefix}{str(key)[:MAX_KEY]}"
            if type(value) is Tensor and value.storage is not None:
                tensors[name] = value
            elif type(value) in (dict, OrderedDict) and id(value) not in seen and depth < MAX_DEPTH:
                seen.add(id(value))
                found.append((f"{name}.", value, depth + 1))
    return tensors


def _is_state_dict(mapping):
    return bool(mapping) and all(
        type(name) is str and type(tensor) is Tensor and tensor.storage is not None for name, tensor in mapping.items())
