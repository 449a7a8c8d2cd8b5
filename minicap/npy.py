"""NumPy's .npy files of plain numbers or texts: the header read and checked before anything is believed of it."""

import math

import numpy as np

PLAIN = "biufcUS"  # dtype.kind of what is stored as it is in memory; others are objects, dates, records


class DamagedError(ValueError):
    """What a file is instead of a complete .npy file of plain values."""


def read_header(stream):
    """(shape, whether the first axis varies fastest, dtype) of an .npy file; ``stream`` then stands at the numbers.

    DamagedError for what is no .npy or has another kind of values. NumPy evaluates the header as a Python literal and
    believes it, so that files can be made with which it stops with nearly every exception.
    """
    try:
        shape, column_major, dtype = parse_header(stream)
    except Exception as error:
        raise DamagedError(f"no .npy file of plain numbers ({type(error).__name__}: {str(error)[:100]})") from error
    if dtype.kind not in PLAIN or dtype.names or dtype.subdtype or dtype.itemsize == 0:
        raise DamagedError("Python objects, which could run code" if dtype.hasobject else
                           f"values of type {str(dtype)[:60]}, which are no numbers or texts")
    if not all(type(length) is int and 0 <= length < 2**62 for length in shape) or math.prod(shape) >= 2**62:
        raise DamagedError(f"an .npy file of the impossible shape {str(shape)[:100]}")
    return shape, column_major, dtype


def parse_header(stream):
    """The same three as NumPy reads them, which may raise anything: see :func:`read_header`."""
    version = np.lib.format.read_magic(stream)
    return {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version](stream)


def open_npy(path, mode="r"):
    """The array in the .npy file ``path``, memory-mapped; DamagedError if it is none or does not have all its numbers.

    Numbers behind the last one are refused as well, and so is a file without any number, which cannot be mapped.
    """
    with open(path, "rb") as stream:
        shape, column_major, dtype = read_header(stream)
        begin, size = stream.tell(), stream.seek(0, 2)
    if size != begin + math.prod(shape) * dtype.itemsize:
        raise DamagedError(f"{size:,} bytes that cannot be an array of shape {shape} and type {dtype}")
    if size == begin:
        raise DamagedError(f"an array of shape {shape}, without any value")
    return np.memmap(path, dtype, mode, begin, shape, order="F" if column_major else "C")
