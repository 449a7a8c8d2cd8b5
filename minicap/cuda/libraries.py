"""The libraries of the CUDA toolkit, which CuPy loads when they are first needed: which is missing, and what to do.

A driver brings none of them. They come as Python packages with the extra `ctk` of CuPy 14 and newer, for which the
extras of minicap ask, or with an installed toolkit.
"""

import contextlib
import re
import warnings

import numpy as np

NAMES = {"nvrtc": "NVRTC", "cublas": "cuBLAS", "curand": "cuRAND", "cufft": "cuFFT", "cusolver": "cuSOLVER",
         "cusparse": "cuSPARSE"}  # as CuPy's report of itself calls them: what people say
NEEDED = ("NVRTC", "cuBLAS")  # to compile kernels and for matrix products; minicap calls no other
OTHERS = {"nvrtc-builtins": "NVRTC", "cublasLt": "cuBLAS", "cudart": "the CUDA runtime", "nvJitLink": "nvJitLink"}
FILE = re.compile(rf"\b(?:lib({'|'.join(NAMES | OTHERS)})\.so(?:\.\d+)*|({'|'.join(NAMES | OTHERS)})64_\w+\.dll)")
HEADER = re.compile(r"(?:cannot|could not) open (?:source )?file \"([\w./]+)\"")


def try_out(cupy):
    """Compile and run a kernel and a matrix product: what is missing shows here and not an hour later.

    In float64: with its first product in float32 CuPy decides once and for all whether to use TF32.
    """
    x = cupy.ones((2, 2), np.float64)
    ((x * 2) @ x).get()


def explain(error, wheel):
    """What ``error``, raised by CuPy of the package ``wheel``, means: a phrase with its cure, or None for others."""
    text = "\n".join(map(str, _chain(error)))
    toolkit = f"pip install '{wheel}[ctk]>=14' brings it" if wheel != "cupy" else "install the CUDA toolkit"
    if file := FILE.search(text):
        name = (NAMES | OTHERS)[file[1] or file[2]]
        return f"{name} is missing or cannot be loaded ({file[0]}), a library of the CUDA toolkit; {toolkit}"
    if header := HEADER.search(text):
        return f"the headers of the CUDA runtime are missing ({header[1]}), which every kernel needs; {toolkit}"
    if "cudaErrorNoDevice" in text:
        return "the driver sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES"
    if "cudaErrorInsufficientDriver" in text:
        return f"the driver is too old for {wheel}; install a newer driver"
    if "cudaErrorNoKernelImageForDevice" in text or "invalid value for --gpu-architecture" in text:
        return f"{wheel} does not know this GPU; a new one needs a newer CuPy, an old one cupy-cuda12x"
    return None


def _chain(error):
    """The exception and what caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def found_and_missing():
    """({name: version}, {name: why}) of the toolkit's libraries, as CuPy reports them."""
    found, missing = {}, {}
    report = _report()
    for field, name in NAMES.items():
        version = getattr(report, f"{field}_version", None)
        if version is None or (isinstance(version, str) and "(" in version):  # CuPy puts the repr of an error there
            missing[name] = version or "not found"
        else:
            found[name] = ".".join(map(str, version)) if isinstance(version, tuple) else str(version)
    return found, missing


def config():
    """The lines of ``cupy.show_config()``."""
    with _quiet():
        return str(_report()).splitlines()


def _report():
    import cupyx

    with _quiet():
        return cupyx.get_runtime_info(full=True)


@contextlib.contextmanager
def _quiet():
    """No warnings: a driver that cannot be asked has a line of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
