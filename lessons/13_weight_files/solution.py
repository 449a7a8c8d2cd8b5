"""Lesson 13, solved."""

import json
import pickletools
import struct

import numpy as np

KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_header(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin = 8 + length
    tensors = json.loads(data[8:begin])
    tensors.pop("__metadata__", None)
    return tensors, begin


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[begin + start:begin + end], KINDS[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


def imports_of(data):
    names = [argument.replace(" ", ".", 1) for instruction, argument, _ in pickletools.genops(data)
             if instruction.name == "GLOBAL"]
    return list(dict.fromkeys(names))


def strided(storage, offset, size, strides):
    array = np.empty(size, storage.dtype)
    for index in np.ndindex(size):
        array[index] = storage[offset + sum(i * stride for i, stride in zip(index, strides, strict=True))]
    return array
