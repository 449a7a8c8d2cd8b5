"""Archives of plain arrays: NumPy's .npz and .safetensors."""

import json
import math
import zipfile

import numpy as np

from ..npy import DamagedError, read_header
from .raw import BFLOAT16, native, numbers
from .refusal import RefusalError, damaged, library_reads, refuse_bomb, shown

_SAFETENSORS_KINDS = {"F64": "f8", "F32": "f4", "F16": "f2", "BF16": BFLOAT16, "I64": "i8", "I32": "i4", "I16": "i2",
                      "I8": "i1", "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?"}


def read_safetensors(path, buffer):
    """{name: array} of a .safetensors file mapped as ``buffer``: views of it, with bfloat16 converted to float32.

    The library checks the header (JSON, no gaps, no overlaps, every tensor within the file). The views are made here,
    because its interface for NumPy copies, and lacks bfloat16.
    """
    from safetensors import safe_open

    with library_reads("safetensors"):
        with safe_open(path, framework="numpy"):
            pass
        header_length = int.from_bytes(buffer[:8], "little")
        header = json.loads(buffer[8:8 + header_length])
        header.pop("__metadata__", None)
        body = memoryview(buffer)[8 + header_length:]
        return {name: _safetensor(name, entry, body) for name, entry in header.items()}


def _safetensor(name, entry, body):
    kind = _SAFETENSORS_KINDS.get(entry["dtype"])
    if kind is None:
        raise RefusalError(f"holds {shown(name)} as {shown(entry['dtype'])}, which is not supported: save it as F32")
    start, end = entry["data_offsets"]
    return numbers(body[start:end], kind).reshape(entry["shape"])


def read_npz(path, buffer):
    """{name: array} of an .npz file, compressed or not. Arrays of Python objects, which are pickles, are refused.

    The size that an array's header declares is compared with that of the zip member before memory is allocated.
    """
    with library_reads("an .npz archive"), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        refuse_bomb(sum(info.file_size for info in members), len(buffer))
        tensors = {}
        for info in members:
            name = info.filename.removesuffix(".npy")
            with archive.open(info) as stream:
                tensors[name] = _read_npy(name, stream, info.file_size)
    return tensors


def _read_npy(name, stream, member_size):
    try:
        shape, column_major, dtype = read_header(stream)
    except DamagedError as error:
        raise RefusalError(f"holds under the name {shown(name)} {error}") from error
    native(name, np.empty(0, dtype))
    if math.prod(shape) * dtype.itemsize != member_size - stream.tell():
        raise damaged(f"does not hold the {shape} numbers that it declares for {shown(name)}")
    values = np.frombuffer(stream.read(), dtype) if 0 not in shape else np.empty(0, dtype)
    return values.reshape(shape, order="F" if column_major else "C")
