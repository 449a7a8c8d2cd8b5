"""Tests of the CUDA twins run everywhere: on a GPU with --device cuda, else with their kernels compiled by g++."""

import emulator
import pytest
from strict import StrictArray

from minicap import backend


@pytest.fixture
def cuda(request, device, monkeypatch):
    """A :class:`minicap.backend.Device` on which the CUDA twins compute."""
    if device.name.startswith("cuda"):
        return device
    if emulator.problem():
        pytest.skip(emulator.problem())
    monkeypatch.setitem(backend._MODULES, StrictArray, emulator.xp)
    return emulator.DEVICE


@pytest.fixture(params=["in order", "backwards"])
def order(request, device, monkeypatch):
    """Emulated threads and blocks take turns in this order. A kernel that lacks a barrier notices."""
    if device.name.startswith("cuda") and request.param == "backwards":
        pytest.skip("a GPU has an order of its own")
    monkeypatch.setattr(emulator.RawKernel, "backwards", request.param == "backwards")
    return request.param
