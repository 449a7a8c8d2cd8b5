"""What doctor.py asks about a GPU: the driver, CuPy, the libraries of the CUDA toolkit, the GPUs themselves.

As in doctor.py nothing but the standard library is imported up here.
"""

import ctypes
import os
from importlib import metadata

from ..errors import with_flags


class MissingError(Exception):
    """What is looked for is not there: MissingError(what is wrong, cure)."""

    def __init__(self, detail, cure):
        super().__init__(detail)
        self.detail, self.cure = detail, cure


def two_parts(problem):
    """(what is wrong, the cure): the sentences of minicap's errors put a semicolon between them."""
    detail, _, cure = with_flags(str(problem)).partition("; ")
    return detail, cure


def driver():
    """The CUDA version that the NVIDIA driver supports, asked of the driver itself: it tells which CuPy to install."""
    number = ctypes.c_int(0)
    try:
        status = _load_driver().cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError) as error:
        raise MissingError("no NVIDIA driver", "fine without a GPU, everything runs on the CPU; otherwise install "
                           "the driver, until nvidia-smi works") from error
    if status or not number.value:
        raise MissingError(f"answers with error {status}", "reinstall the NVIDIA driver, until nvidia-smi works")
    major = number.value // 1000
    if major < 12:
        raise MissingError(f"supports CUDA {_cuda(number.value)}, CuPy needs 12", "install a newer driver")
    return f"supports CUDA {_cuda(number.value)}; CuPy comes with pip install '.[cuda{min(major, 13)}]'"


def _load_driver():
    return ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")


def cupy():
    from ..backend import cuda_problem, get_device, installed_cupy_wheels

    problem = cuda_problem()
    if problem is not None:
        raise MissingError(*two_parts(problem))
    runtime = get_device("cuda").xp.cuda.runtime.runtimeGetVersion()
    (wheel,) = installed_cupy_wheels()
    return f"{wheel} {metadata.version(wheel)}, CUDA runtime {_cuda(runtime)}"


def toolkit():
    """NVRTC, cuBLAS and the others, with their versions."""
    from ..backend import installed_cupy_wheels
    from .libraries import NEEDED, explain, found_and_missing

    wheels = installed_cupy_wheels()
    if not wheels:
        raise MissingError("CuPy looks for them", "see CuPy above")
    found, missing = found_and_missing()
    detail = ", ".join(f"{name} {version}" for name, version in found.items())
    if absent := [name for name in missing if name not in NEEDED]:
        detail += f"{', ' if found else ''}without {', '.join(absent)}, of which minicap needs none"
    if lacking := [name for name in NEEDED if name in missing]:
        phrase = explain(ImportError(missing[lacking[0]]), wheels[0])
        cure = two_parts(phrase)[1] if phrase else f"see CuPy above ({missing[lacking[0]]})"
        raise MissingError(f"{' and '.join(lacking)} missing; {detail}", cure)
    return detail


def _cuda(number):
    """12040 -> "12.4" """
    return f"{number // 1000}.{number % 1000 // 10}"


def gpus():
    from ..backend import cuda_problem, get_device

    if cuda_problem() is not None:
        raise MissingError("none that can be used", "see CuPy above; --device auto takes the CPU")
    runtime = get_device("cuda").xp.cuda.runtime
    found = [runtime.getDeviceProperties(i) for i in range(runtime.getDeviceCount())]
    return "; ".join(f"cuda:{i} {gpu['name'].decode(errors='replace')}, {gpu['totalGlobalMem'] / 2**30:.0f} GiB"
                     for i, gpu in enumerate(found))


CHECKS = (("CUDA driver", driver), ("CuPy", cupy), ("CUDA libs", toolkit), ("GPU", gpus))


def config():
    """What CuPy says of itself, a list of lines; empty where it is not installed or cannot say."""
    try:
        from ..backend import installed_cupy_wheels
        from . import libraries

        return libraries.config() if installed_cupy_wheels() else []
    except Exception:  # then the lines above have said why
        return []
