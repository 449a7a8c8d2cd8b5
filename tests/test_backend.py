"""Which device: array modules, and every refusal a user can meet on the way to a GPU (with CuPys made up for it)."""

import importlib
import inspect
import os
import sys
import types

import numpy as np
import pytest

from minicap import backend
from minicap.backend import (
    CPU,
    FEW,
    array_module,
    compiles,
    cuda_problem,
    few_pictures,
    for_few,
    get_device,
    installed_cupy_wheels,
    to_numpy,
)
from minicap.errors import UserError

# -------------------------------------------------------------------------------------------------- array modules


def test_the_module_of_an_array_is_that_of_its_device(device):
    x = device.asarray(np.ones(3))
    assert array_module(x) is device.xp
    assert array_module(x, None, x) is device.xp


def test_numpy_scalars_and_memory_maps_belong_to_numpy(tmp_path):
    mapped = np.memmap(tmp_path / "a", np.float32, "w+", shape=3)
    assert array_module(np.float32(1), mapped, np.zeros(2)) is np


def test_numba_is_left_out_for_a_few_pictures_unless_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(backend, "has_numba", lambda: True)
    monkeypatch.setattr(backend, "without_numba", False)
    monkeypatch.setattr(backend, "always_numba", False)
    with few_pictures(FEW):
        assert for_few() and not compiles()
        with few_pictures(FEW + 1):
            assert not for_few() and compiles()
        monkeypatch.setattr(backend, "always_numba", True)
        assert for_few() and compiles()
    with pytest.raises(UserError), few_pictures(1):
        raise UserError("ends early")
    assert not for_few()


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match="expected a NumPy or CuPy array, got list"):
        array_module([1, 2])
    with pytest.raises(TypeError, match="arrays of nothing"):
        array_module(None)


def test_arrays_of_two_devices_do_not_mix(device):
    if device.xp is np:
        pytest.skip("needs a second device: --device strict or cuda")
    with pytest.raises(TypeError, match=f"arrays of {device.xp.__name__} and numpy|arrays of numpy and"):
        array_module(np.zeros(2), device.asarray(np.zeros(2)))


def test_a_round_trip_through_the_device_keeps_values_and_type(device):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    there = device.asarray(x)
    back = to_numpy(there)
    assert type(back) is np.ndarray and back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)
    assert device.asarray(x, dtype=np.float64).dtype == np.float64
    assert to_numpy(np.float32(3)).shape == ()
    device.synchronize()


# ------------------------------------------------------------------------------------------------ device selection

class FakeCuda:
    """What ``cuda_problem`` asks of CuPy: versions, the number of GPUs, and one small computation."""

    def __init__(self, driver=12040, runtime=12040, gpus=2, kernel_error=None):
        self.used = []
        module = types.ModuleType("cupy")
        module.cuda = types.SimpleNamespace(
            runtime=types.SimpleNamespace(driverGetVersion=lambda: driver, runtimeGetVersion=lambda: runtime,
                                          getDeviceCount=lambda: gpus),
            Device=lambda index: types.SimpleNamespace(use=lambda: self.used.append(index)))

        def ones(n, dtype):
            if kernel_error:
                raise kernel_error
            return _FakeArray()

        module.ones = ones
        self.module = module


class _FakeArray:
    def __mul__(self, other):
        return self

    __matmul__ = __mul__

    def get(self):
        return np.ones(2)


@pytest.fixture
def fake(monkeypatch):
    """Install a made-up CuPy: ``fake(wheels=[...], driver=0, ...)``."""
    monkeypatch.delenv("CUPY_TF32", raising=False)  # and what a test leaves there is gone after it

    def install(wheels=("cupy-cuda12x",), **facts):
        cuda = FakeCuda(**facts)
        monkeypatch.setattr(backend, "installed_cupy_wheels", lambda: list(wheels))
        monkeypatch.setitem(sys.modules, "cupy", cuda.module)
        return cuda
    return install


def refusal(name="cuda"):
    with pytest.raises(UserError) as error:
        get_device(name)
    return str(error.value)


def test_cpu_is_numpy_and_never_asks_for_cupy(monkeypatch):
    monkeypatch.setattr(backend, "cuda_problem", lambda: pytest.fail("asked for CUDA"))
    assert get_device("cpu") is CPU and str(CPU) == "cpu" and CPU.xp is np


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "auto:1", "", "cuda:0:1", "CUDA"])
def test_an_unknown_device_is_refused_with_the_choices(name):
    assert refusal(name) == f"unknown device {name!r}; use auto, cpu, cuda or cuda:N"


def test_without_cupy_the_refusal_says_what_to_install(fake):
    fake(wheels=[])
    assert refusal() == ("device='cuda' cannot be used: CuPy is not installed; pip install '.[cuda12]' or '.[cuda13]', "
                         "by your driver's CUDA version; device='cpu' works everywhere")


def test_two_cupy_packages_are_refused_by_name(fake):
    fake(wheels=["cupy-cuda11x", "cupy-cuda12x"])
    assert ("several CuPy packages are installed (cupy-cuda11x, cupy-cuda12x) and break each other; "
            "keep only one") in refusal()


def test_a_cupy_that_cannot_be_imported_shows_the_first_line_of_why(fake, monkeypatch, tmp_path):
    fake()
    monkeypatch.delitem(sys.modules, "cupy")
    (tmp_path / "cupy.py").write_text(
        "raise ImportError('numpy.core is of another age\\nlong explanation')")
    monkeypatch.syspath_prepend(tmp_path)
    assert ("CuPy cannot be loaded (ImportError: numpy.core is of another age); "
            "reinstall the package that fits your driver") in refusal()


def test_a_library_that_keeps_cupy_from_being_imported_is_named(fake, monkeypatch, tmp_path):
    fake()
    monkeypatch.delitem(sys.modules, "cupy")
    (tmp_path / "cupy.py").write_text("raise ImportError('libcurand.so.10: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    assert ("cuRAND is missing or cannot be loaded (libcurand.so.10), a library of the CUDA toolkit; pip install "
            "'cupy-cuda12x[ctk]>=14' brings it") in refusal()


def test_a_machine_without_driver_is_told_apart(fake):
    fake(driver=0)
    assert "there is no NVIDIA driver on this machine" in refusal()


def test_a_cupy_newer_than_the_driver_names_the_package_that_fits(fake):
    fake(wheels=["cupy-cuda13x"], driver=12080, runtime=13000)
    assert ("the CuPy package cupy-cuda13x is built for CUDA 13, the driver supports CUDA 12; install cupy-cuda12x, "
            "or a newer driver") in refusal()


def test_a_driver_too_old_for_any_cupy_has_to_be_replaced(fake):
    fake(wheels=["cupy-cuda12x"], driver=11080, runtime=12090)
    assert "the driver supports CUDA 11; install a newer driver" in refusal()


def test_a_driver_newer_than_cupy_is_fine(fake):
    fake(driver=13000, runtime=12040)
    assert cuda_problem() is None


def test_a_driver_that_sees_no_gpu_is_refused(fake):
    fake(gpus=0)
    assert "the driver sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES" in refusal()


def test_a_gpu_that_cannot_run_a_kernel_is_refused_before_an_hour_is_lost(fake, monkeypatch):
    fake(kernel_error=RuntimeError("NVRTC missing\nmore"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "the GPU does not answer: RuntimeError: NVRTC missing; run python -m minicap.doctor" in refusal()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert "the GPU does not answer (CUDA_VISIBLE_DEVICES is '7')" in refusal()


@pytest.mark.parametrize("message, told", [
    ('Failure finding "libnvrtc.so.12": No such file', "NVRTC is missing or cannot be loaded (libnvrtc.so.12)"),
    ('Failure finding "libcublasLt.so.12": No such file', "cuBLAS is missing or cannot be loaded (libcublasLt.so.12)"),
    ("cudaErrorNoDevice: no CUDA-capable device is detected", "the driver sees no GPU"),
    ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "the driver is too old for cupy-cuda12x")])
def test_what_is_missing_is_said_where_the_first_kernel_fails(fake, message, told):
    fake(kernel_error=RuntimeError(message))
    assert f"device='cuda' cannot be used: {told}" in refusal()


def test_an_index_beyond_the_last_gpu_is_refused(fake):
    fake(gpus=2)
    assert refusal("cuda:2") == "device='cuda:2' does not exist; this machine has cuda:0 to cuda:1"


@pytest.mark.parametrize(("name", "index"), [("cuda", 0), ("cuda:1", 1), ("auto", 0)])
def test_a_working_gpu_is_selected(fake, name, index):
    cuda = fake(gpus=2)
    device = get_device(name)
    assert str(device) == f"cuda:{index}" and device.xp is cuda.module and cuda.used == [index]


@pytest.mark.parametrize("asked, told", [(None, "0"), ("0", "0"), ("", "0"), ("1", "1")])
def test_cupy_is_told_to_use_tf32_only_if_asked(fake, monkeypatch, asked, told):
    fake()
    monkeypatch.setenv("CUPY_TF32", "1")
    monkeypatch.delenv("MINICAP_TF32", raising=False)
    if asked is not None:
        monkeypatch.setenv("MINICAP_TF32", asked)
    get_device("cuda")
    assert os.environ["CUPY_TF32"] == told


def test_auto_falls_back_to_the_cpu_when_cuda_has_a_problem(fake):
    fake(gpus=0)
    assert get_device("auto") is CPU and get_device() is CPU


def test_every_refusal_is_one_line(fake):
    for facts in ({"wheels": []}, {"driver": 0}, {"gpus": 0}, {"kernel_error": ValueError("a\nb")}):
        fake(**facts)
        assert "\n" not in refusal()


def test_installed_cupy_packages_are_found_by_their_metadata(monkeypatch, tmp_path):
    for name in ("cupy-cuda12x", "not-cupy-cuda13x", "other"):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert installed_cupy_wheels() == ["cupy-cuda12x"]


# ------------------------------------------------------------------------------------------------------------- twins

@pytest.fixture
def doubled(monkeypatch):
    """An op ``doubled(x)`` and its twin for the CPU, which answers float32 only and says that it did."""
    twin = types.ModuleType("minicap.cpu.some_twins")
    twin.doubled = lambda x: ("twin", 2 * x) if x.dtype == np.float32 else NotImplemented
    monkeypatch.setitem(sys.modules, twin.__name__, twin)
    monkeypatch.setitem(importlib.import_module("minicap.cpu").TWINS, "doubled", "some_twins")

    @backend.op
    def doubled(x):
        """Twice x."""
        return "plain", 2 * x

    backend._find_twins.cache_clear()
    yield doubled
    backend._find_twins.cache_clear()


def test_an_op_is_computed_by_its_twin_where_the_twin_can(doubled, monkeypatch):
    single, double = np.ones(1, np.float32), np.ones(1)
    assert doubled(single) == ("twin", 2) and doubled(double) == ("plain", 2)
    assert doubled.plain(single) == ("plain", 2) and doubled.__doc__ == "Twice x."
    monkeypatch.setattr(backend, "plain_only", True)
    assert doubled(single) == ("plain", 2)


def test_other_devices_do_not_get_the_twins_of_the_cpu(doubled, device):
    if device is CPU:
        pytest.skip("needs a second device: --device strict or cuda")
    assert doubled(device.asarray(np.ones(1, np.float32)))[0] == "plain"


def ops_in(*modules):
    return {name: value for module in modules
            for name, value in vars(importlib.import_module(f"minicap.{module}")).items()
            if hasattr(value, "plain") and value.__module__ == f"minicap.{module}"}


LIBRARY = ("activations", "attention", "backend", "conv", "depthwise", "linear", "losses", "normalization", "optim",
           "pooling", "recurrent")
ATTENTION = {"prepare_keys", "attention_scores", "attention_scores_backward", "weighted_sum", "weighted_sum_backward"}
COMPILED = ("captioning.decoding.beam_search", "linear", "optim", "cpu.activations", "cpu.attention", "cpu.depthwise",
            "cpu.losses", "cpu.normalization", "cpu.pooling", "cpu.recurrent", "cpu.winograd")


@pytest.mark.parametrize("folder, homes, left_out", [
    ("cpu", LIBRARY, {"gates_backward", "adam_", "lerp_"}),
    ("cpu.compiled", COMPILED, {"slot_for", "sum_of_squares", "times_transpose"}),
    ("cuda", LIBRARY, {"change_each", "relu_backward", "relu6_backward", "adam_", "lerp_", "slot_for",
                       "sum_of_squares", "times_transpose"} | ATTENTION)])
def test_every_twin_in_the_table_exists_under_the_name_and_with_the_arguments_of_its_op(folder, homes, left_out):
    table, ops = importlib.import_module(f"minicap.{folder}").TWINS, ops_in(*homes)
    assert set(table) == set(ops) - left_out
    for name, module in table.items():
        if folder == "cpu.compiled":
            pytest.importorskip("numba", reason="needs the extra `fast`")
        twin = getattr(importlib.import_module(f"minicap.{folder}.{module}"), name)
        assert inspect.signature(twin) == inspect.signature(ops[name].plain), name


# ------------------------------------------------------------------------------------------------------------ fuse

def test_a_fused_formula_computes_the_same_in_place_and_not(device):
    @backend.fuse
    def nearer(x, goal, share):
        x += share * (goal - x)

    @backend.fuse
    def distance(x, y):
        return backend.array_module(x).sqrt((x - y) * (x - y)) + 1

    x, goal = device.asarray(np.array([0.0, 2, 4])), device.asarray(np.array([1.0, 1, 1]))
    for share in (0.5, 1.0):
        nearer(x, goal, share)
    np.testing.assert_array_equal(to_numpy(x), [1, 1, 1])
    np.testing.assert_array_equal(to_numpy(distance(goal, 3 * x)), [3, 3, 3])
