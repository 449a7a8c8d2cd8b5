"""Tests of the CUDA twins run everywhere: on a GPU with --device cuda, else with their kernels compiled by g++."""

import emulator
import pytest
from strict import StrictArray

from minicap import backend
from minicap.cuda import kernels

launched = set()


@pytest.fixture(autouse=True)
def remember_launches(monkeypatch):
    """Which kernels of minicap/cuda/ were launched in all tests together is the last line of the summary."""
    function = kernels._function

    def remember(xp, code, name):
        launched.add((code, name))
        return function(xp, code, name)

    monkeypatch.setattr(kernels, "_function", remember)


def pytest_terminal_summary(terminalreporter):
    if not launched:  # in other processes (pytest -n)
        return
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(kernels.FOLDER.glob("*.cu"))}
    names = [(source, name) for source in sources for name in kernels.declarations(source)]
    missing = [f"{source}.cu: {name}" for source, name in names if (sources[source], name) not in launched]
    terminalreporter.write_line(f"kernels launched: {len(names) - len(missing)} of {len(names)}"
                                + (f"; not {', '.join(missing)}" if missing else ""))


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
