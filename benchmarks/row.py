"""What a row of the table is, and where it runs."""

import dataclasses
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
    threads     a process may use
    folder      a Path for files both sides share
    tf32        may a GPU's matrix products round their factors to TF32, on both sides?
    peer_keeps_memory    does PyTorch's process get our setting of malloc, too (minicap/cpu/memory.py)?
    """

    device: str = "cpu"
    threads: int = 1
    folder: Path | None = None
    tf32: bool = False
    peer_keeps_memory: bool = False

    def minicap(self):
        """The :class:`minicap.backend.Device`; UserError if it cannot be had."""
        return get_device(self.device)


class Work(NamedTuple):
    """One side's share, ready to go.

    run()       the work that is timed
    results()   does it once, and returns everything that has to agree: {name: array}, in our names and layouts
    """

    run: Callable
    results: Callable


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. A subclass adds its sizes as fields, and writes ``data``, ``ours`` and ``peer``.

    target, cuda_target   ours / peer is to be at most this; None: reported without a target
    tolerance             results agree when max |ours - peer| <= tolerance · max |peer|, array by array
    unit, units           what the milliseconds are of, and how many of these one ``run()`` does
    threads               overrides the command's ``--threads``
    tf32                  a row of its own on a GPU, without a target: everything else is float32 throughout
    small                 sizes at which the row is checked in about a second
    """

    name: str
    target: float | None = None
    cuda_target: float | None = None
    tolerance: float = 1e-4
    unit: str = "call"
    units: int = 1
    threads: int | None = None
    tf32: bool = False
    small: ClassVar[dict] = {}

    def reduced(self):
        """The same row at its small sizes, where a target would mean nothing."""
        return dataclasses.replace(self, **self.small, target=None, cuda_target=None)

    def prepare(self, folder):
        """Write the files that both sides read, once, into ``folder``."""

    def data(self):
        """What both sides compute on: NumPy arrays by name, drawn from a fixed seed in either process."""
        raise TypeError(f"{type(self).__name__} does not define data")

    def ours(self, data, place):
        """The :class:`Work` of minicap."""
        raise TypeError(f"{type(self).__name__} does not define ours")

    def peer(self, data, place):
        """The :class:`Work` of PyTorch, which is imported in here."""
        raise TypeError(f"{type(self).__name__} does not define peer")

    def start_peer(self, place):
        """Import and set up what the peer computes with; returns its name and version."""
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
    """N(0, std²) in float32, drawn as float32: half the memory of drawing float64."""
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(std)


def gradients(layer):
    """{"d" + name: gradient} of all parameters of one of our layers."""
    return {f"d{name}": p.grad for name, p in layer.named_parameters()}
