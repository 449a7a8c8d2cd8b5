"""Lesson 13 with int.from_bytes, memoryviews, sets, and strides in bytes."""

import io
import json
import pickletools

import numpy as np

KINDS = {"F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "I32": "int32", "U8": "uint8",
         "BOOL": "bool"}


def read_header(data):
    stream = io.BytesIO(data)
    length = int.from_bytes(stream.read(8), "little")
    entries = json.loads(stream.read(length).decode("utf-8"))
    return {name: entry for name, entry in entries.items() if name != "__metadata__"}, stream.tell()


def read_safetensors(data):
    entries, begin = read_header(data)
    body = memoryview(data)[begin:]
    result = {}
    for name, entry in sorted(entries.items()):
        result[name] = np.ndarray(entry["shape"], KINDS[entry["dtype"]], body, entry["data_offsets"][0])
    return result


def imports_of(data):
    seen, names = set(), []
    for instruction, argument, _ in pickletools.genops(io.BytesIO(data)):
        if instruction.code == "c" and argument not in seen:
            seen.add(argument)
            names.append(".".join(argument.split(" ")))
    return tuple(names)


def strided(storage, offset, size, strides):
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps)
