"""What a learner's function returned, as bytes: from the process that runs it to the one that judges it.

Numbers, text, arrays, and lists, tuples, sets and dictionaries of them arrive as they were. Of everything else only
the type and how it is printed arrive. There is no pickle in it: reading such bytes runs no code of theirs.
"""

import json
import struct

import numpy as np

LARGEST = 1 << 26  # bytes of one message
PLAIN = (type(None), bool, int, float, str)
COLLECTIONS = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
KINDS = "biufcSUmM"  # of arrays that hold no objects


class Something:
    """In place of an object that cannot be sent; its class has the name of the object's class. It equals nothing."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def to_bytes(value):
    """The message for ``value``; ValueError if it is too long."""
    arrays = []
    text = json.dumps(_tree(value, arrays)).encode()
    length = len(text) + sum(array.nbytes for array in arrays)
    if length > LARGEST:
        raise ValueError(f"it takes {length >> 20:,} MB, too much for an answer")
    return struct.pack("<QI", length, len(text)) + text + b"".join(array.tobytes() for array in arrays)


def read_message(stream):
    """The next value that was written to ``stream``, None at its end; ValueError for what :func:`to_bytes` writes not.
    """
    head = stream.read(12)
    if len(head) < 12:
        return None
    length, of_text = struct.unpack("<QI", head)
    if not of_text <= length <= LARGEST:
        raise ValueError("the lengths are impossible")
    data = stream.read(length)
    if len(data) < length:
        return None
    arrays = memoryview(bytearray(data[of_text:]))  # which, unlike bytes, arrays may share and change
    try:
        return _value(json.loads(data[:of_text]), arrays)
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"the text is not a message: {error}") from error


def _tree(value, arrays, depth=0):
    """``value`` for JSON: itself, or [kind, ...]. The bytes of arrays are appended to ``arrays``."""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        if array.dtype.kind not in KINDS:
            return ["objects", array.shape]
        arrays.append(array)
        return ["array", array.dtype.str, array.shape, isinstance(value, np.generic),
                sum(other.nbytes for other in arrays[:-1])]
    for kind in PLAIN:  # np.float64 is a float, and was an array; here are also True, and other subclasses
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return _plain(value, kind)
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", bytes(value).hex()]
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if depth < 50:
        for kind, collection in COLLECTIONS.items():
            if isinstance(value, collection):
                return [kind, [_tree(item, arrays, depth + 1) for item in collection.__iter__(value)]]
        if isinstance(value, dict):
            return ["dict", [[_tree(key, arrays, depth + 1), _tree(item, arrays, depth + 1)]
                             for key, item in dict.items(value)]]
    return ["something", type(value).__name__, _printed(value)]


def _plain(value, kind):
    if value is None:
        return None
    if kind is int and abs(int.__index__(value)) >= 1 << 4000:
        return ["hex", hex(value)]  # in decimal, Python refuses thousands of digits
    return kind.__str__(value) if kind is str else kind(value)


def _printed(value):
    try:
        return repr(value)[:200]
    except Exception:  # theirs
        return f"a {type(value).__name__}"


def _value(tree, arrays):
    if not isinstance(tree, list):
        return tree
    kind, *rest = tree
    if kind == "array":
        dtype, shape, is_scalar, begin = rest
        dtype = np.dtype(dtype)
        if dtype.kind not in KINDS or not dtype.itemsize or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise ValueError("an array of objects")
        array = np.ndarray(shape, dtype, arrays[begin:]) if 0 not in shape else np.zeros(shape, dtype)
        return array[()] if is_scalar else array.copy()
    if kind == "objects":
        return np.empty(rest[0], object) if np.prod(rest[0], dtype=float) < 1e6 else Something("an array of objects")
    if kind in COLLECTIONS:
        return COLLECTIONS[kind](_value(item, arrays) for item in rest[0])
    if kind == "dict":
        return {_value(key, arrays): _value(item, arrays) for key, item in rest[0]}
    if kind == "bytes":
        return bytes.fromhex(rest[0])
    if kind == "complex":
        return complex(*rest)
    if kind == "hex":
        return int(rest[0], 16)
    if kind == "something":
        return type(str(rest[0]), (Something,), {})(str(rest[1]))
    raise ValueError(f"unknown kind {kind!r}")
