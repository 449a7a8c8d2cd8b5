"""The array library that computes: NumPy on the CPU, CuPy on a CUDA GPU.

Layers never ask whether there is a GPU. They compute with the array module *of their input*:

    xp = array_module(x)          # numpy for a NumPy array, cupy for a CuPy array
    y = xp.maximum(x, 0)

so the same line runs on both. Arrays on different devices never mix silently: that is an error, not a copy.

CuPy is imported only here and in ``minicap/cuda/``, and only when a GPU is asked for.

Where that one line is not the fastest way, an :func:`op` has a twin for the device: the same mathematics, arranged for
its caches and cores, in ``minicap/cpu/`` or ``minicap/cuda/``.
"""

import contextlib
import functools
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .errors import UserError

Array = np.ndarray  # in the signature of a layer: an array of NumPy or of CuPy, which has the same methods

_MODULES = {np.ndarray: np}  # type of an array -> the module that computes with it


def register_array_type(array_type: type, module: ModuleType) -> None:
    """Let :func:`array_module` recognise ``array_type`` (CuPy's arrays; the strict test double)."""
    _MODULES[array_type] = module


def array_module(*arrays: Array | None) -> ModuleType:
    """The module (``numpy`` or ``cupy``) that ``arrays`` belong to. ``None`` entries are skipped.

    Raises TypeError when the arrays are on different devices, or something is not an array.
    """
    modules = {_module_of(x) for x in arrays if x is not None}
    if len(modules) != 1:
        names = " and ".join(sorted(m.__name__ for m in modules)) or "nothing"
        raise TypeError(f"arrays of {names} cannot be mixed; move them with to_device or to_numpy first")
    return modules.pop()


def _module_of(x):
    module = _MODULES.get(type(x))
    if module is not None:
        return module
    if type(x).__module__.partition(".")[0] == "cupy":
        import cupy

        register_array_type(cupy.ndarray, cupy)
        return cupy
    if isinstance(x, (np.ndarray, np.generic)):  # memory maps, and the scalars that reductions return
        return np
    raise TypeError(f"expected a NumPy or CuPy array, got {type(x).__name__}")


def op(plain):
    """Let the function ``plain`` be replaced by a faster twin with the same name and arguments, if there is one.

    The array module of the first argument decides where twins are looked up (``FOLDERS``, and ``TWINS`` in their
    ``__init__.py``); a twin is imported when it is first needed. A twin that returns NotImplemented does not support
    its arguments: the next one is called, and finally ``plain``. ``function.plain`` always calls ``plain``, as does the
    environment variable MINICAP_PLAIN, if set at the start, for all ops; MINICAP_NUMBA=0 leaves out the compiled twins.
    """
    @functools.wraps(plain)
    def faster(x, *args, **kwargs):
        for twin in _twins(plain.__name__, array_module(x).__name__):
            result = twin(x, *args, **kwargs)
            if result is not NotImplemented:
                return result
        return plain(x, *args, **kwargs)

    faster.plain = plain
    return faster


FOLDERS = {"numpy": (".cpu.compiled", ".cpu"), "cupy": (".cuda",)}  # array module -> its twins, the fastest first


# Read once: a lookup in the environment takes as long as a small op.
plain_only = bool(os.environ.get("MINICAP_PLAIN"))
without_numba = os.environ.get("MINICAP_NUMBA") == "0"
always_numba = os.environ.get("MINICAP_NUMBA") == "1"

FEW = 5       # pictures for which no preparation pays, see few_pictures
_few = False  # are there so few?


@contextlib.contextmanager
def few_pictures(count: int):
    """For the time of a ``with``: a program looks at ``count`` pictures, and ends. Up to FEW, it starts quicker.

    What pays off over many pictures is left out then: loading numba (0.5 s; it saves 0.03 s a picture), transforming
    kernels in advance (cpu/inference.py), and copying weights from the file into memory of our own (mapped.py).
    MINICAP_NUMBA=1 in the environment loads numba nevertheless.
    """
    global _few
    before, _few = _few, count <= FEW
    try:
        yield
    finally:
        _few = before


def for_few() -> bool:
    """Whether this is inside of :func:`few_pictures` for so few that no preparation pays."""
    return _few


def _twins(name, module):
    """The twins of the op ``name`` for arrays of ``module``, in the order in which they are tried."""
    return () if plain_only else _find_twins(name, module, compiles())


@functools.cache
def _find_twins(name, module, compiled):
    folders = [folder for folder in FOLDERS.get(module, ()) if folder != ".cpu.compiled" or compiled]
    found = [(folder, importlib.import_module(folder, __package__).TWINS.get(name)) for folder in folders]
    return tuple(getattr(importlib.import_module(f"{folder}.{file}", __package__), name)
                 for folder, file in found if file)


def compiles():
    """Whether inner loops on the CPU are compiled: if numba is installed, unless MINICAP_NUMBA=0 or for few pictures.
    """
    return not without_numba and (always_numba or not _few) and has_numba()


@functools.cache
def has_numba():
    """Whether numba (the extra `fast`) is installed and works with this version of NumPy; it often needs an older one.
    """
    try:
        importlib.import_module("numba")
    except ImportError:
        return False
    return True


def fuse(function):
    """Turn ``function``, a pointwise formula of arrays and numbers, into one kernel launch; on NumPy it is unchanged.

    CuPy traces the function once, with placeholders for its arguments, and compiles the trace. So a number that changes
    from call to call has to be an argument: any other is silently compiled into the kernel as a constant.
    """
    kernels = {}

    @functools.wraps(function)
    def fused(x, *others):
        xp = array_module(x)
        if xp not in kernels:
            kernels[xp] = function if xp is np else xp.fuse(function)
        return kernels[xp](x, *others)

    return fused


def tf32():
    """Whether a GPU may round the factors of matrix products to TF32 (10-bit mantissa): only with MINICAP_TF32=1."""
    return os.environ.get("MINICAP_TF32", "0") not in ("", "0")


@dataclass(frozen=True)
class Device:
    """Where parameters and batches are stored. ``name`` is ``cpu`` or ``cuda:N``, ``xp`` the array module."""

    name: str
    xp: ModuleType

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """``x`` (a NumPy array, or one that is already on this device) as an array on this device."""
        return self.xp.asarray(x, dtype=dtype)

    def synchronize(self) -> None:
        """Wait until all work submitted to this device is done, before reading a clock for instance."""
        if self.name.startswith("cuda"):
            self.xp.cuda.get_current_stream().synchronize()

    def __str__(self):
        return self.name


CPU = Device("cpu", np)


def to_numpy(x: Array) -> np.ndarray:
    """A NumPy array with the values of ``x``, copied from the GPU if necessary."""
    if isinstance(x, (np.ndarray, np.generic)):
        return np.asarray(x)
    return x.get()


def pointwise(x, *others, change):
    """Call ``change(x, *others)``, which modifies arrays of equal shape in place, element by element."""
    pointwise_each([(x, *others, change)])


def pointwise_each(tasks):
    """:func:`pointwise` for each of ``tasks``, tuples (x, *others, change), whose arrays are on one device."""
    if tasks:
        change_each(tasks[0][0], tasks)


@op
def change_each(x, tasks):
    """What :func:`pointwise_each` does; x is the first of the arrays. NumPy makes one pass over memory for each step of
    a formula. The CPU's twin calls ``change`` on pieces that fit into the cache, so that only the first pass goes to
    memory, and wakes the other cores once for all tasks. A GPU is better served by few large kernels."""
    for *arrays, change in tasks:
        change(*arrays)


def get_device(name: str | Device = "auto") -> Device:
    """The device that ``--device NAME`` means: ``auto``, ``cpu``, ``cuda`` (= ``cuda:0``) or ``cuda:N``.

    ``auto`` takes the first GPU if CuPy and a driver work, else the CPU. Anything else that cannot be had raises
    UserError with the reason and the cure. On a GPU, MINICAP_TF32=1 lets the tensor cores (compute capability 8.0 on)
    compute float32 products in TF32: several times faster, with errors of 1e-3 instead of 1e-7.
    """
    kind, colon, index = str(name).partition(":")
    if kind not in ("auto", "cpu", "cuda") or (colon and not (kind == "cuda" and index.isdigit())):
        raise UserError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N")
    if kind == "cpu":
        return CPU
    problem = cuda_problem()
    if problem is None:
        return _cuda_device(int(index or 0))
    if kind == "auto":
        return CPU
    raise UserError(f"device='{name}' cannot be used: {problem}; device='cpu' works everywhere")


def cuda_problem():
    """Why CUDA cannot be used here, as a phrase with its cure, or None when it can."""
    wheels = installed_cupy_wheels()
    if not wheels:
        return "CuPy is not installed; pip install '.[cuda12]' or '.[cuda13]', by your driver's CUDA version"
    if len(wheels) > 1:
        return f"several CuPy packages are installed ({', '.join(wheels)}) and break each other; keep only one"
    from .cuda.libraries import explain, try_out

    try:
        import cupy

        driver = cupy.cuda.runtime.driverGetVersion()
    except Exception as error:  # an ImportError of a library, or CUDA's own error types
        return explain(error, wheels[0]) or (f"CuPy cannot be loaded ({_first_line(error)}); reinstall the package "
                                             "that fits your driver")
    if driver == 0:
        return "there is no NVIDIA driver on this machine; install one (nvidia-smi has to work)"
    runtime = cupy.cuda.runtime.runtimeGetVersion()
    if runtime // 1000 > driver // 1000:
        fitting = f"cupy-cuda{driver // 1000}x, or " if driver // 1000 >= 12 else ""
        return (f"the CuPy package {wheels[0]} is built for CUDA {runtime // 1000}, the driver supports CUDA "
                f"{driver // 1000}; install {fitting}a newer driver")
    try:
        if cupy.cuda.runtime.getDeviceCount() == 0:
            return "the driver sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES"
        try_out(cupy)
    except Exception as error:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        hint = f" (CUDA_VISIBLE_DEVICES is {visible!r})" if visible is not None else ""
        return explain(error, wheels[0]) or (f"the GPU does not answer{hint}: {_first_line(error)}; run python -m "
                                             "minicap.doctor")
    return None


def installed_cupy_wheels():
    """Names of the installed distributions that provide the module ``cupy``."""
    from importlib import metadata

    folders = {folder for place in sys.path for folder in Path(place).glob("cupy*-info")}  # all would take 30 ms
    names = {(metadata.Distribution.at(folder).metadata["Name"] or "").lower() for folder in folders}
    return sorted(n for n in names if n == "cupy" or n.startswith(("cupy-cuda", "cupy-rocm")))


def _cuda_device(index):
    import cupy

    count = cupy.cuda.runtime.getDeviceCount()
    if index >= count:
        raise UserError(f"device='cuda:{index}' does not exist; this machine has cuda:0 to cuda:{count - 1}")
    os.environ["CUPY_TF32"] = "1" if tf32() else "0"  # CuPy looks there before its first float32 product
    cupy.cuda.Device(index).use()
    return Device(f"cuda:{index}", cupy)


def _first_line(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]
