"""Files of both torch serialisations, written by hand, so that the tests need no torch and can write attacks too.

    save_legacy(path, obj), save_zip(path, obj)

``obj`` is a structure of plain objects, FakeTensor, FakeStorage, Global and Call; ``storages`` overrides what the file
holds for a key.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGE_OF = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage", "i4": "IntStorage",
              "i2": "ShortStorage", "i1": "CharStorage", "u1": "ByteStorage", "?": "BoolStorage"}


class Global:
    """Pickled as the bare name module.name, whatever there is (or is not) under it."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self, *_):
        raise AssertionError("only pickled, never called")


class Call:
    """Pickled as function(*arguments), followed by BUILD if there is a state; by NEWOBJ instead of REDUCE on demand."""

    def __init__(self, function, *arguments, state=None, newobj=False):
        self.function, self.arguments, self.state, self.newobj = function, arguments, state, newobj


@dataclass
class FakeStorage:
    key: str
    values: np.ndarray  # 1-D, little-endian
    kind: object = None
    numel: int | None = None
    view: object = None

    def persistent_id(self, legacy):
        kind = self.kind or Global("torch", STORAGE_OF[self.values.dtype.str[1:].replace("b1", "?")])
        identity = ("storage", kind, self.key, "cpu", len(self.values) if self.numel is None else self.numel)
        return (*identity, self.view) if legacy else identity


@dataclass
class Persistent:
    """Any persistent id at all."""

    id: object = field(default=None)


def tensor(storage, offset, size, strides):
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), storage, offset, size, strides, False, OrderedDict())


def contiguous(key, array):
    """The Call that torch pickles for ``array``, in a storage of its own."""
    array = np.asarray(array, order="C")
    strides = tuple(s // array.itemsize for s in array.strides)
    return tensor(FakeStorage(key, array.ravel()), 0, array.shape, strides)


class TorchPickler(pickle._Pickler):  # the Python one, whose writing of each object can be replaced
    def __init__(self, stream, protocol, legacy):
        super().__init__(stream, protocol)
        self.legacy, self.storages = legacy, {}

    def persistent_id(self, obj):
        if isinstance(obj, Persistent):
            return obj.id
        if isinstance(obj, FakeStorage):
            self.storages[obj.key] = obj.values
            return obj.persistent_id(self.legacy)
        return None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global) and self.proto >= 4:
            self.save(obj.module)
            self.save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        elif isinstance(obj, Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call) and id(obj) in self.memo:
            self.write(self.get(self.memo[id(obj)][0]))
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.NEWOBJ if obj.newobj else pickle.REDUCE)
            self.memoize(obj)
            if obj.state is not None:
                self.save(obj.state)
                self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)


def pickled(obj, protocol=2, legacy=False):
    """(bytes of the pickle, {key: values} of the storages it names). ``obj`` may be ready-made bytes of a pickle."""
    if isinstance(obj, bytes):
        return obj, {}
    stream = io.BytesIO()
    pickler = TorchPickler(stream, protocol, legacy)
    pickler.dump(obj)
    return stream.getvalue(), pickler.storages


def save_legacy(path, obj, *, protocol=2, storages=None, keys=None, version=1001):
    body, found = pickled(obj, protocol, legacy=True)
    found.update(storages or {})
    keys = sorted(found) if keys is None else keys
    with open(path, "wb") as f:
        for header in (MAGIC, version, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}):
            f.write(pickle.dumps(header, protocol))
        f.write(body + pickle.dumps(keys, protocol))
        for key in keys:
            values = found[key]
            f.write(struct.pack("<q", len(values)) + values.tobytes())
    return path


def save_zip(path, obj, *, protocol=2, storages=None, folder="archive", order="little", compression=zipfile.ZIP_STORED):
    body, found = pickled(obj, protocol)
    found.update(storages or {})
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{folder}/data.pkl", body)
        if order:
            archive.writestr(f"{folder}/byteorder", order)
        for key, values in found.items():
            archive.writestr(f"{folder}/data/{key}", values.tobytes())
        archive.writestr(f"{folder}/version", "3\n")
    return path
