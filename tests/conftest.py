"""Common fixtures of the tests: the device they run on, a seeded generator, the real data.

    pytest                              everything, on NumPy
    pytest --device strict              what computes, on arrays as strict as a GPU's (tests/strict.py); needs no GPU
    pytest --device emulated            the same with the CUDA twins, their kernels compiled by g++ (tests/emulator.py)
    pytest --device cuda                the same on CuPy; skipped with the reason where there is no GPU
    pytest tests/peers                  comparisons with PyTorch; skipped where it is not installed
    MINICAP_DATA=DIR pytest -m real_data    what needs Flickr8k and the VGG-19 weights

A test of a layer takes the fixture ``device``, moves the layer and its inputs there, and compares in NumPy:

    def test_...(device, rng):
        layer = Linear(3, 4, rng=rng).to(device)
        y = layer(device.asarray(x))
        np.testing.assert_allclose(to_numpy(y), expected)
"""

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from minicap import gradcheck
from minicap.backend import CPU, get_device, register_array_type
from minicap.errors import OPTIONS, UserError

# The same examples in every run: a failure is then somebody's change and not somebody's luck.
hypothesis.settings.register_profile("minicap", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.register_profile("full", deadline=None, max_examples=1000)  # .ci/full: other examples every time
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "minicap"))


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", choices=("cpu", "strict", "emulated", "cuda"),
                     help="where the tests of the core compute (default: cpu)")
    parser.addoption("--no-pool", action="store_true", help="give every array on a GPU an allocation of its own, so "
                     "that compute-sanitizer sees where it ends")


def pytest_collection_modifyitems(config, items):
    """Away from the CPU only the tests that compute on the device have something to say.

    Those of the CUDA twins bring their own device where there is no GPU: once is enough.
    """
    name = config.getoption("--device")
    if name == "cpu":
        return
    chosen = ["device" in item.fixturenames and (name == "cuda" or "cuda" not in item.fixturenames) for item in items]
    config.hook.pytest_deselected(items=[item for item, wanted in zip(items, chosen, strict=True) if not wanted])
    items[:] = [item for item, wanted in zip(items, chosen, strict=True) if wanted]


@pytest.fixture(autouse=True)
def no_program():
    """No program runs that messages could name the options of, whatever the test before has started."""
    OPTIONS.clear()


@pytest.fixture(scope="session")
def device(request):
    """The :class:`minicap.backend.Device` under test."""
    name = request.config.getoption("--device")
    if name == "cpu":
        return CPU
    if name == "strict":
        import strict

        return strict.DEVICE
    if name == "emulated":
        import emulator
        import strict

        if emulator.problem():
            pytest.skip(emulator.problem())
        register_array_type(strict.StrictArray, emulator.xp)
        return emulator.DEVICE
    try:
        device = get_device(name)
    except UserError as error:
        pytest.skip(str(error))
    if request.config.getoption("--no-pool"):
        device.xp.cuda.set_allocator(None)
    return device


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def assert_gradients(device):
    """:func:`minicap.gradcheck.assert_gradients` on the device under test; inputs may come as NumPy arrays."""
    def check(layer, *inputs, **options):
        inputs = (x if x is None else device.asarray(x) for x in inputs)
        return gradcheck.assert_gradients(layer.to(device), *inputs, **options)
    return check


@pytest.fixture(scope="session")
def data_dir():
    """The folder with Flickr8k and the VGG-19 weights."""
    folder = os.environ.get("MINICAP_DATA")
    if not folder:
        pytest.skip("MINICAP_DATA is not set: it names the folder with Flickr8k and the VGG-19 weights")
    if not Path(folder).is_dir():
        pytest.skip(f"MINICAP_DATA names {folder}, which is no folder")
    return Path(folder)
