"""Which library of the CUDA toolkit is missing, from the words in which CuPy says it. The words are CuPy's own."""

import numpy as np
import pytest

from minicap.cuda.libraries import explain, try_out

LINUX, WINDOWS = "OSError: {}: cannot open shared object file: No such file or directory", \
    "FileNotFoundError: Could not find module '{}' (or one of its dependencies)."


@pytest.mark.parametrize("message, name, file", [
    # CuPy 14, through cuda-pathfinder
    ('Failure finding "libnvrtc.so.13 or libnvrtc.so.12": No such file: libnvrtc.so.13', "NVRTC", "libnvrtc.so.13"),
    ('Failure finding "libcublasLt.so.13 or libcublasLt.so.12": No such file\n  listdir("lib"):\n    libnvrtc.so.13',
     "cuBLAS", "libcublasLt.so.13"),
    ('Failure finding "libcurand.so.11 or libcurand.so.10": No such file', "cuRAND", "libcurand.so.11"),
    ('Failure finding "libnvJitLink.so.13 or libnvJitLink.so.12": No such file', "nvJitLink", "libnvJitLink.so.13"),
    # CuPy 13, through the loader of the system
    ("CuPy failed to load libnvrtc.so.12: " + LINUX.format("libnvrtc.so.12"), "NVRTC", "libnvrtc.so.12"),
    ("CuPy failed to load nvrtc64_120_0.dll: " + WINDOWS.format("nvrtc64_120_0.dll"), "NVRTC", "nvrtc64_120_0.dll"),
    (LINUX.format("libcudart.so.12"), "the CUDA runtime", "libcudart.so.12"),
    (LINUX.format("libcublas.so.12"), "cuBLAS", "libcublas.so.12"),
    (LINUX.format("libcufft.so.11"), "cuFFT", "libcufft.so.11"),
    (LINUX.format("libcusolver.so.11"), "cuSOLVER", "libcusolver.so.11"),
    (LINUX.format("libcusparse.so.12"), "cuSPARSE", "libcusparse.so.12"),
    # NVRTC itself
    ("nvrtc: error: failed to open libnvrtc-builtins.so.13.0.", "NVRTC", "libnvrtc-builtins.so.13.0"),
    ("nvrtc: error: failed to open nvrtc-builtins64_131.dll.", "NVRTC", "nvrtc-builtins64_131.dll"),
])
def test_a_missing_library_is_named_with_its_file_and_its_cure(message, name, file):
    problem, cure = explain(ImportError(message), "cupy-cuda13x").split("; ")
    assert problem == f"{name} is missing or cannot be loaded ({file}), a library of the CUDA toolkit"
    assert cure == "pip install 'cupy-cuda13x[ctk]>=14' brings it"


def test_a_cupy_that_is_no_wheel_needs_an_installed_toolkit():
    assert explain(OSError("libcublas.so.12: no such file"), "cupy").endswith("; install the CUDA toolkit")


def test_the_cause_of_an_error_is_looked_at_too():
    try:
        try:
            raise OSError(LINUX.format("libnvrtc.so.13"))
        except OSError as cause:
            raise RuntimeError("a kernel could not be compiled") from cause
    except RuntimeError as error:
        assert explain(error, "cupy-cuda13x").startswith("NVRTC is missing")


@pytest.mark.parametrize("message, told", [
    ('catastrophic error: cannot open source file "cuda_fp16.h"', "headers of the CUDA runtime are missing"),
    ("cudaErrorNoDevice: no CUDA-capable device is detected", "sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES"),
    ("cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version",
     "the driver is too old for cupy-cuda13x; install a newer driver"),
    ("nvrtc: error: invalid value for --gpu-architecture (-arch)", "does not know this GPU"),
    ("cudaErrorNoKernelImageForDevice: no kernel image is available", "does not know this GPU")])
def test_other_reasons_are_said_in_words(message, told):
    assert told in explain(RuntimeError(message), "cupy-cuda13x")


def test_an_error_nobody_knows_is_not_explained():
    assert explain(MemoryError("out of memory"), "cupy-cuda13x") is None


def test_trying_out_runs_a_kernel_and_a_product(device):
    if device.name == "cpu":
        pytest.skip("needs a second device")
    try_out(device.xp)


def test_trying_out_leaves_the_precision_of_float32_open():
    """CuPy reads CUPY_TF32 at its first float32 product, and get_device sets it only afterwards."""
    made = []

    class Recorder:
        @staticmethod
        def ones(shape, dtype):
            made.append(dtype)
            raise StopIteration

    with pytest.raises(StopIteration):
        try_out(Recorder)
    assert made == [np.float64]
