"""Lesson 13: what is inside a weights file. Fill in what is still to do, then `python -m minicap.learn check`."""

import json
import pickletools
import struct

import numpy as np

KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}  # NumPy's names


def read_header(data):
    """The table of contents of a .safetensors file, and where the numbers begin.

    data: the whole file, bytes. Its first 8 bytes are a whole number, little-endian: the length of the JSON text that
    follows. Returns (tensors, begin): what the JSON says, as a dictionary, without its entry "__metadata__" if there
    is one; and the position in ``data`` of the first byte after the JSON.

        data = the number 61 in 8 bytes,
               these 61 characters: {"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
               and 8 bytes for the numbers 1 and 2

        tensors = {"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}    begin = 8 + 61 = 69
    """
    raise NotImplementedError("exercise 13.1 is still to do")


def read_safetensors(data):
    """All arrays of a .safetensors file: a dictionary, name -> array.

    data: the whole file, bytes. The bytes of an array go from data_offsets[0] up to, but not including,
    data_offsets[1], counted from where read_header says that the numbers begin. KINDS has NumPy's name of each dtype.

        The file of read_header gives {"b": array([1, 2], dtype=float32)}.
    """
    raise NotImplementedError("exercise 13.2 is still to do")


def imports_of(data):
    """The names that a pickle would import, without running it.

    data: a pickle of protocol 2, bytes, as torch.save writes them. ``pickletools.genops(data)`` goes through its
    instructions and yields (instruction, argument, position) for each; instruction.name is "GLOBAL" for those that
    import, and their argument is a module and a name with a space in between. Returns a list of "module.name", in the
    order of first appearance, each once.

        pickle.dumps(collections.OrderedDict(a=1), protocol=2) gives ["collections.OrderedDict"]
        pickle.dumps([1, "os system"], protocol=2)             gives []
    """
    raise NotImplementedError("exercise 13.3 is still to do")


def strided(storage, offset, size, strides):
    """A tensor as PyTorch stores it: element [i, j, ...] is storage[offset + i * strides[0] + j * strides[1] + ...].

    storage: (n,), the numbers; offset: a whole number; size, strides: tuples with a number for each axis. offset and
    strides count numbers, not bytes. Returns an array of shape ``size``.

        storage = [0, 10, 20, 30, 40, 50, 60, 70]

        strided(storage, 2, (2, 2), (3, 1)) is [[20, 30],    and with strides (1, 3) it is [[20, 50],
                                                [50, 60]]                                   [30, 60]]
    """
    raise NotImplementedError("exercise 13.4 is still to do")
