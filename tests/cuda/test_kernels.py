"""Launching: arguments that do not fit are refused; and the emulator finds errors that a GPU would not report."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import emulator
import numpy as np
import pytest

from minicap.backend import to_numpy
from minicap.cuda import kernels

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path.stem for path in kernels.FOLDER.glob("*.cu"))


@pytest.fixture
def source(monkeypatch, tmp_path):
    """``source(code)`` makes a file probe.cu of ``code`` that ``launch("probe", ...)`` finds."""
    def write(code):
        (tmp_path / "probe.cu").write_text(textwrap.dedent(code))

    monkeypatch.setattr(kernels, "FOLDER", tmp_path)
    kernels.declarations.cache_clear()
    yield write
    kernels.declarations.cache_clear()


SCALE = 'extern "C" __global__ void scale(const float* x, float* y, int n, float factor)\n' \
        "{ if (threadIdx.x < n) y[threadIdx.x] = factor * x[threadIdx.x]; }"


@pytest.fixture
def arrays(cuda):
    return cuda.asarray(np.arange(3, dtype=np.float32)), cuda.asarray(np.zeros(3, np.float32))


# ----------------------------------------------------------------------------------------------------- launching

def test_numbers_become_what_the_kernel_declares(source, arrays):
    source(SCALE)
    x, y = arrays
    kernels.launch("probe", "scale", 1, 32, x, y, 3, 0.5)
    np.testing.assert_array_equal(to_numpy(y), [0, 0.5, 1])


def test_arguments_that_do_not_fit_are_refused_by_name(source, arrays, cuda):
    source(SCALE)
    x, y = arrays
    strided = cuda.asarray(np.zeros(6, np.float32))[::2]
    for arguments, error, message in (
            ((x, y, 3), TypeError, "scale takes 4 arguments, got 3"),
            ((cuda.asarray(np.arange(3.0)), y, 3, 0.5), TypeError, "x points to float32, got an array of float64"),
            ((x, strided, 3, 0.5), ValueError, "scale: y has to be one run of memory"),
            ((x, y, 3.0, 0.5), TypeError, "probe.cu: scale: n is a int, got 3.0"),
            ((x, y, 3, 1), TypeError, "scale: factor is a float, got 1"),
            ((x, y, 2**31, 0.5), ValueError, "scale: n: 2147483648 does not fit into int")):
        with pytest.raises(error, match=re.escape(message)):
            kernels.launch("probe", "scale", 1, 32, *arguments)
    np.testing.assert_array_equal(to_numpy(y), [0, 0, 0])


def test_a_type_that_is_not_known_is_refused(source):
    source('extern "C" __global__ void f(double* x) {}')
    with pytest.raises(ValueError, match=r"a kernel's parameter is .* got 'double\* x'"):
        kernels.declarations("probe")


def test_an_empty_grid_launches_nothing(source, arrays):
    source(SCALE)
    kernels.launch("probe", "scale", 0, 32, *arrays, 0, 0.5)
    np.testing.assert_array_equal(to_numpy(arrays[1]), [0, 0, 0])


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_begins_with_what_it_is(name):
    text = (kernels.FOLDER / f"{name}.cu").read_text(encoding="utf-8")
    comment = text[:text.index("\n\n")]
    assert all(line.startswith("//") for line in comment.splitlines())
    assert "Replaces:" in comment and "NVRTC" in comment and "float32" in comment
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("__global__") == len(kernels.declarations(name))  # none is declared in a way we do not read


def test_the_sources_are_installed_with_the_package(tmp_path):
    pytest.importorskip("setuptools")
    code = ("from setuptools.dist import Distribution; d = Distribution(); d.parse_config_files(); "
            "b = d.get_command_obj('build_py'); b.ensure_finalized(); "
            "print([f for p, _, _, names in b.data_files for f in names if p == 'minicap.cuda'])")
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert sorted(re.findall(r"'([\w/]+)\.cu", result.stdout)) == sorted(SOURCES + [f"naive/{s}" for s in SOURCES])


# ---------------------------------------------------------------------------------------------- the emulator itself

@pytest.fixture
def emulated(cuda):
    if cuda.name != "emulated":
        pytest.skip("a GPU does not say so")


@pytest.mark.parametrize("code, message", [
    ("y[n] = 1;", "scale: y was written beyond its ends"),
    ("y[-1] = 1;", "scale: y was written beyond its ends"),
    ("((float*)x)[0] = 7;", "scale: x is const and was written"),
    ("if (threadIdx.x < 5) __syncthreads();", "barrier or in a warp that others never reach"),
    ("if (threadIdx.x % 2) y[0] = __shfl_xor_sync(~0u, factor, 1);", "barrier or in a warp that others never reach"),
])
def test_what_a_gpu_executes_without_a_word_is_an_error(emulated, source, arrays, code, message):
    source(f'extern "C" __global__ void scale(const float* x, float* y, int n, float factor)\n{{ {code} }}')
    with pytest.raises(emulator.KernelError, match=message):
        kernels.launch("probe", "scale", 1, 64, *arrays, 3, 0.5)


def test_a_number_from_beyond_the_end_is_no_number(emulated, source, arrays):
    source('extern "C" __global__ void scale(const float* x, float* y, int n, float factor) '
           "{ if (threadIdx.x < n) y[threadIdx.x] = x[threadIdx.x + 1]; }")
    kernels.launch("probe", "scale", 1, 32, *arrays, 3, 0.5)
    np.testing.assert_array_equal(to_numpy(arrays[1]), [1, 2, np.nan])


def test_an_element_that_nobody_writes_is_no_number(emulated, cuda):
    assert np.isnan(to_numpy(cuda.xp.empty((2, 3), dtype=np.float32))).all()


def test_a_missing_barrier_shows_in_one_of_the_two_orders(emulated, source, arrays, monkeypatch):
    source("""
        extern "C" __global__ void rotate(const float* x, float* y, int n)
        {
            __shared__ float all[32];
            all[threadIdx.x] = x[threadIdx.x % n];
            BARRIER
            if (threadIdx.x < n)
                y[threadIdx.x] = all[(threadIdx.x + 1) % n];
        }""".replace("BARRIER", ""))
    results = []
    for backwards in (False, True):
        monkeypatch.setattr(emulator.RawKernel, "backwards", backwards)
        kernels.launch("probe", "rotate", 1, 32, *arrays, 3)
        results.append(to_numpy(arrays[1]).tolist())
    assert results[0] != [1, 2, 0] or results[1] != [1, 2, 0]


def test_an_argument_of_another_width_never_reaches_a_kernel(emulated, arrays):
    kernel = emulator.RawModule(code=SCALE).get_function("scale")
    for n, factor in ((3, np.float32(1)), (np.int64(3), np.float32(1)), (np.int32(3), 0.5)):
        with pytest.raises(emulator.KernelError, match=r"(n is a int|factor is a float), got"):
            kernel((1,), (32,), (*arrays, n, factor))


def test_arrays_that_overlap_are_refused(emulated, cuda):
    x = cuda.asarray(np.zeros(4, np.float32))
    kernel = emulator.RawModule(code=SCALE).get_function("scale")
    with pytest.raises(emulator.KernelError, match="y and x overlap"):
        kernel((1,), (32,), (x[:3], x[1:], np.int32(3), np.float32(1)))
