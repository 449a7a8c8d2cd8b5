"""Raw bytes of a file as numbers, without a copy where NumPy has that kind of number; and are they finite?"""

import numpy as np

from ..mapped import pieces
from .refusal import RefusalError, shown

BFLOAT16 = "bfloat16"  # the upper half of a float32; NumPy has no such type


def itemsize(kind):
    """Bytes per number of ``kind``: a NumPy name such as "f4", or BFLOAT16."""
    return 2 if kind == BFLOAT16 else np.dtype(kind).itemsize


def numbers(data, kind, order="<"):
    """The buffer ``data``, in byte order ``order``, as a 1-D array in this machine's byte order.

    It is a read-only view of the buffer, except that bfloat16 is converted to a new float32 array, and numbers in the
    other byte order to a copy.
    """
    dtype = np.dtype("u2" if kind == BFLOAT16 else kind).newbyteorder(order)
    values = np.frombuffer(data, dtype) if len(data) else np.empty(0, dtype)
    if kind == BFLOAT16:
        bits = values.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    return values.astype(dtype.newbyteorder("="), copy=False)


def native(name, array):
    """``array`` in this machine's byte order; RefusalError if tensor ``name`` holds anything but real numbers."""
    if array.dtype.kind not in "fiub":
        raise RefusalError(f"holds {shown(name)} as {array.dtype}, which is not a kind of number that weights have")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def all_finite(array):
    """Whether all numbers are finite. A sum of squares, which takes no memory, is not finite if one of them is not."""
    if array.dtype.kind != "f":
        return True
    if array.flags.c_contiguous and array.dtype == np.float32:
        return all(map(_finite_sum, pieces(array.reshape(-1))))
    return bool(np.isfinite(array).all())


def _finite_sum(numbers):
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.dot(numbers, numbers)) or np.isfinite(numbers).all())  # a sum may overflow by itself
