"""A row of the table, and where it runs."""

import dataclasses
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from minicap.backend import get_device, to_numpy


@dataclass(frozen=True)
class Place:
    """Where a side computes.

    device      "cpu" or "cuda"
    threads     the number that a process may use
    folder      a Path for files that both sides read
    tf32        whether a GPU's matrix products may round their factors to TF32, on both sides
    peer_keeps_memory    whether PyTorch's process uses our malloc settings too (minicap/cpu/memory.py)
    """

    device: str = "cpu"
    threads: int = 1
    folder: Path | None = None
    tf32: bool = False
    peer_keeps_memory: bool = False

    def minicap(self):
        """The :class:`minicap.backend.Device`; UserError if it is not available."""
        return get_device(self.device)


class Work(NamedTuple):
    """The work of one side.

    run()       the work that is timed
    results()   does it once, and returns everything that has to agree, {name: array} in our names and layouts
    """

    run: Callable
    results: Callable


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. A subclass adds its sizes as fields, and writes ``data``, ``ours`` and ``peer``.

    target, cuda_target   the largest ratio ours / peer that we aim for; None for no target
    tolerance             results agree when max |ours - peer| <= tolerance · max |peer|, for each array
    unit, units           the unit of the milliseconds, and the number of units in one ``run()``
    threads               overrides the command's ``--threads``
    tf32                  a separate row on a GPU, without a target: all others are float32 throughout
    cpu_only              the peer has no GPU build here
    packages              what the peer needs besides PyTorch; a row for which one is missing is skipped
    small                 sizes at which the row is tested in about a second
    """

    name: str
    target: float | None = None
    cuda_target: float | None = None
    tolerance: float = 1e-4
    unit: str = "call"
    units: int = 1
    threads: int | None = None
    tf32: bool = False
    cpu_only: bool = False
    small: ClassVar[dict] = {}
    packages: ClassVar[tuple] = ()

    def reduced(self):
        """The same row at its small sizes, without a target, which would be meaningless."""
        return dataclasses.replace(self, **self.small, target=None, cuda_target=None)

    def missing(self):
        """Those of ``packages`` that are not installed. They are not imported here."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]

    def prepare(self, folder):
        """Write the files that both sides read, once, into ``folder``."""

    def data(self):
        """The inputs of both sides: NumPy arrays by name, generated from a fixed seed in either process."""
        raise TypeError(f"{type(self).__name__} does not define data")

    def ours(self, data, place):
        """The :class:`Work` of minicap."""
        raise TypeError(f"{type(self).__name__} does not define ours")

    def peer(self, data, place):
        """The :class:`Work` of PyTorch, which is imported here."""
        raise TypeError(f"{type(self).__name__} does not define peer")

    def start_peer(self, place):
        """Import and set up the peer's library; returns its name and version."""
        from . import pytorch

        return pytorch.start(place)


def as_numpy(x):
    """A NumPy array of a result: an array of any device, a PyTorch tensor, a number, or a list of numbers."""
    if hasattr(x, "detach"):
        return x.detach().cpu().numpy()
    if isinstance(x, (list, tuple)):
        return np.array([as_numpy(element) for element in x])
    return np.asarray(x) if np.isscalar(x) else to_numpy(x)


def normal(rng, *shape, std=1.0):
    """N(0, std²), sampled in float32: half the memory of sampling in float64."""
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(std)


def gradients(layer):
    """{"d" + name: gradient} of all parameters of one of our layers."""
    return {f"d{name}": p.grad for name, p in layer.named_parameters()}
