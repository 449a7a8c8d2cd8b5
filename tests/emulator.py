"""The CUDA twins on a machine without a GPU: the strict double, and minicap/cuda/*.cu compiled by g++ (emulator.h).

What runs is the very source of the kernels and the very Python of the twins. A launch is checked more strictly than a
GPU would: the arguments have to be what CuPy passes and the kernel declares; memory around each array is guarded, so
that a write beyond its end is an error and a number read from there is NaN; arrays declared const must not change; and
fresh arrays are full of NaN, so that an element nobody writes is found. It says nothing about speed.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import strict
from strict import StrictArray, StrictModule

from minicap import backend
from minicap.cuda import kernels

HERE = Path(__file__).parent
GUARD = 64  # bytes of 0xff on either side of an array: NaN as float, -1 as an integer
LIMITS = (2**31 - 1, 65535, 65535)  # of a grid


class KernelError(Exception):
    """A launch that a GPU would have executed wrongly, or not at all."""


def problem():
    """Why the kernels cannot be emulated here, or None."""
    if sys.platform != "linux":
        return "the emulator of CUDA kernels switches stacks as Linux has it"
    return None if shutil.which("g++") else "no g++ on this machine, which compiles the kernels for the emulator"


@functools.cache
def _library(code):
    """``code`` compiled with a launcher for each kernel that takes its arguments as CUDA does: an array of pointers."""
    launchers = []
    for name, parameters in kernels.DECLARATION.findall(code):
        types = [kernels.Parameter(name, p) for p in parameters.split(",")]
        values = ", ".join(f"*({p.ctype}{'*' * p.pointer}*)a[{i}]" for i, p in enumerate(types))
        launchers.append(f'extern "C" const char* launch_{name}(const unsigned* sizes, bool backwards, void** a)\n'
                         f"{{ return emulator::launch(sizes, backwards, [=] {{ {name}({values}); }}); }}\n")
    source = '#include "emulator.h"\n' + code + "\n" + "".join(launchers)
    command = ["g++", "-std=c++20", "-O1", "-shared", "-fPIC", "-Wall", "-Wno-unknown-pragmas", "-Wno-sign-compare",
               f"-I{HERE}"]
    with tempfile.TemporaryDirectory(prefix="minicap-emulator-") as folder:
        folder = Path(folder)
        cache = Path(os.environ.get("MINICAP_EMULATOR_CACHE") or folder)  # several processes may share one
        everything = source + " ".join(command) + (HERE / "emulator.h").read_text()
        compiled = cache / f"{hashlib.sha256(everything.encode()).hexdigest()[:16]}.so"
        if not compiled.exists():
            (folder / "kernels.cpp").write_text(source)
            result = subprocess.run([*command, str(folder / "kernels.cpp"), "-o", str(folder / "kernels.so")],
                                    capture_output=True, text=True)
            if result.returncode:
                raise KernelError(result.stderr)
            partial = cache / f"{compiled.stem}.{os.getpid()}.partial"
            shutil.copyfile(folder / "kernels.so", partial)
            os.replace(partial, compiled)
        return ctypes.CDLL(str(compiled))


class _Guarded:
    """A copy of an array with guards around it."""

    def __init__(self, array):
        self.array = array
        data = array.tobytes()
        self.memory = np.full(len(data) + 2 * GUARD, 0xff, np.uint8)
        self.memory[GUARD:GUARD + len(data)] = np.frombuffer(data, np.uint8)
        self.before = data
        self.pointer = ctypes.c_void_p(self.memory.ctypes.data + GUARD)

    def give_back(self, where, constant):
        inside = self.memory[GUARD:GUARD + len(self.before)]
        if (self.memory[:GUARD] != 0xff).any() or (self.memory[GUARD + len(self.before):] != 0xff).any():
            raise KernelError(f"{where} was written beyond its ends")
        if constant and inside.tobytes() != self.before:
            raise KernelError(f"{where} is const and was written")
        if not constant:
            self.array[...] = inside.view(self.array.dtype).reshape(self.array.shape)


class RawKernel:
    """Like CuPy's: called with grid, block and arguments."""

    backwards = False  # run the last block and the last thread first

    def __init__(self, code, name):
        (parameters,) = (p for n, p in kernels.DECLARATION.findall(code) if n == name)
        self.name, self.parameters = name, [kernels.Parameter(name, p) for p in parameters.split(",")]
        self.function = getattr(_library(code), f"launch_{name}")
        self.function.restype = ctypes.c_char_p

    def __call__(self, grid, block, arguments):
        strict.count("kernel", self.name)
        sizes = [*((*grid, 1, 1)[:3]), *((*block, 1, 1)[:3])]
        if not all(0 < n <= limit for n, limit in zip(sizes, LIMITS)):  # noqa: B905 (the grid alone)
            raise KernelError(f"{self.name}: a grid of {grid} blocks cannot be launched")
        if len(arguments) != len(self.parameters):
            raise KernelError(f"{self.name} takes {len(self.parameters)} arguments, got {len(arguments)}")
        values, guarded = [], {}
        for p, argument in zip(self.parameters, arguments, strict=True):
            values.append(self._value(p, argument, guarded))
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
        problem = self.function((ctypes.c_uint * 6)(*sizes), ctypes.c_bool(self.backwards), pointers)
        if problem:
            raise KernelError(f"{self.name}: {problem.decode()}")
        for memory, names, constant in guarded.values():
            memory.give_back(f"{self.name}: {names[0]}", constant)

    def _value(self, parameter, argument, guarded):
        """The ctypes object whose bytes the kernel reads as this parameter."""
        if not parameter.pointer:
            if type(argument) is not parameter.dtype.type:
                raise KernelError(f"{self.name}: {parameter.name} is a {parameter.ctype}, got {type(argument)}")
            return np.ctypeslib.as_ctypes_type(parameter.dtype)(argument)
        if type(argument) is np.uintp and argument == 0:
            return ctypes.c_void_p(None)
        if not isinstance(argument, StrictArray):
            raise KernelError(f"{self.name}: {parameter.name} is a {parameter.ctype}*, got {type(argument)}")
        array = argument._array
        if array.dtype != parameter.dtype or not array.flags.c_contiguous:
            raise KernelError(f"{self.name}: {parameter.name} is a {parameter.ctype}*, got {array.dtype} with strides "
                              f"{array.strides}")
        key = array.ctypes.data, array.size
        for other, (memory, names, _) in guarded.items():
            if other != key and np.may_share_memory(array, memory.array):
                raise KernelError(f"{self.name}: {parameter.name} and {names[0]} overlap")
        memory, names, constant = guarded.get(key, (_Guarded(array), [], True))
        guarded[key] = memory, [*names, parameter.name], constant and parameter.constant
        return memory.pointer


class RawModule:
    def __init__(self, *, code):
        self.code = code

    def get_function(self, name):
        return RawKernel(self.code, name)


class EmulatedModule(StrictModule):
    """The strict double with what only a GPU has: kernels."""

    __name__ = "emulated"
    RawModule = RawModule

    def empty(self, shape, dtype=np.float64):
        array = np.empty(shape, dtype)
        array.reshape(-1).view(np.uint8)[...] = 0xff
        return StrictArray(array)

    def empty_like(self, x, dtype=None):
        """As CuPy and NumPy have it, in the order of ``x`` in memory."""
        array = np.empty_like(x._array, dtype=dtype)
        array[...] = np.frombuffer(b"\xff" * array.itemsize, array.dtype)[0]
        return StrictArray(array)


xp = EmulatedModule()
DEVICE = backend.Device("emulated", xp)
backend.FOLDERS["emulated"] = backend.FOLDERS["cupy"]
