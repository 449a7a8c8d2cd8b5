"""The .cu files of this folder, compiled for the GPU at hand when one of their kernels is first launched.

CuPy compiles with NVRTC, a library of the CUDA toolkit (libraries.py), and keeps the result on disk: a second run
starts at once.
"""

import functools
import re
from pathlib import Path

import numpy as np

from ..backend import array_module

FOLDER = Path(__file__).parent
THREADS = 256  # of a block where nothing else decides: enough to hide the wait for memory, on every GPU

TYPES = {"float": np.float32, "int": np.int32, "long long": np.int64}
DECLARATION = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\)')


def launch(source, name, grid, block, *arguments):
    """Run kernel ``name`` of ``source``.cu on ``grid`` blocks of ``block`` threads (ints or tuples (x, y)).

    The declaration in the source says what every argument is: an array has to be of that type and one run of memory, a
    number becomes one, None is a null pointer. (CuPy itself would hand over eight bytes for any Python number, also to
    a kernel that reads four of them as a float.) TypeError or ValueError says which argument does not fit.
    """
    code, parameters = declarations(source)[name]
    if len(arguments) != len(parameters):
        raise TypeError(f"{source}.cu: {name} takes {len(parameters)} arguments, got {len(arguments)}")
    xp = array_module(*(a for a in arguments if hasattr(a, "dtype")))
    values = [p.fitting(a) for p, a in zip(parameters, arguments, strict=True)]
    grid, block = ((size,) if isinstance(size, int) else size for size in (grid, block))
    if 0 not in grid:  # an empty batch has no work, and CUDA refuses to launch none
        _function(xp, code, name)(grid, block, tuple(values))


def blocks_for(count):
    """The grid and the block for one thread for each of ``count`` elements (and some beyond, which have to look)."""
    return -(-count // THREADS), THREADS


def fits(*arrays):
    """Can the kernels take these? They compute in float32 and count elements in 32 bits."""
    return all(a.dtype == np.float32 and a.size < 2**31 - THREADS for a in arrays)


class Parameter:
    """One parameter of a kernel: ``name``, ``ctype`` and NumPy ``dtype``; is it a ``pointer``, is it ``constant``?"""

    def __init__(self, kernel, declaration):
        match = re.fullmatch(r"(const )?(float|int|long long)(\*)? (\w+)", declaration.strip())
        if match is None:
            raise ValueError(f"a kernel's parameter is (const) float, int or long long, maybe *; got {declaration!r}")
        constant, self.ctype, pointer, self.name = match.groups()
        self.constant, self.pointer, self.dtype = bool(constant), bool(pointer), np.dtype(TYPES[self.ctype])
        self.where = f"{kernel}: {self.name}"

    def fitting(self, argument):
        """``argument`` as the kernel will read it."""
        if self.pointer:
            if argument is None:
                return np.uintp(0)
            if argument.dtype != self.dtype:
                raise TypeError(f"{self.where} points to {self.dtype}, got an array of {argument.dtype}")
            if not argument.flags.c_contiguous:
                raise ValueError(f"{self.where} has to be one run of memory; use xp.ascontiguousarray")
            return argument
        if isinstance(argument, float) != (self.dtype.kind == "f"):
            raise TypeError(f"{self.where} is a {self.ctype}, got {argument!r}")
        if self.dtype.kind == "i" and not np.iinfo(self.dtype).min <= argument <= np.iinfo(self.dtype).max:
            raise ValueError(f"{self.where}: {argument} does not fit into {self.ctype}")
        return self.dtype.type(argument)


@functools.cache
def declarations(source):
    """{kernel: (the whole source, its parameters)} of a .cu file."""
    code = (FOLDER / f"{source}.cu").read_text(encoding="utf-8")
    return {name: (code, [Parameter(f"{source}.cu: {name}", p) for p in parameters.split(",")])
            for name, parameters in DECLARATION.findall(code)}


@functools.cache
def _function(xp, code, name):
    return xp.RawModule(code=code).get_function(name)
