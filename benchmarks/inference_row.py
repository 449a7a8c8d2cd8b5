"""Rows of inference: a network on pictures, against PyTorch or against an engine for inference alone."""

from dataclasses import dataclass, replace

import numpy as np

from . import engines
from .engines import ENGINES
from .row import Row, Work


@dataclass(frozen=True, kw_only=True)
class EngineRow(Row):
    """``engine``: the peer's name in ``ENGINES``, if it is not PyTorch."""

    engine: str | None = None

    @property
    def packages(self):
        return ENGINES[self.engine].packages if self.engine else super().packages

    def start_peer(self, place):
        return engines.name(self.engine) if self.engine else super().start_peer(place)

    def exported(self, module, x, place):
        """The engine's function for a module of PyTorch, and for NumPy arrays of the shape of the tensor ``x``."""
        from . import pytorch

        return ENGINES[self.engine].load(pytorch.export(module, x, place.folder / f"{self.name}.onnx"), place.threads)


@dataclass(frozen=True, kw_only=True)
class InferenceRow(EngineRow):
    """N pictures. A subclass writes ``data``, with the pictures ``x`` (N, side, side, 3), ``ours`` and ``module``."""

    N: int

    def module(self, data):
        """The network as a module of PyTorch, (N, 3, side, side) -> an array in our layout."""
        raise TypeError(f"{type(self).__name__} does not define module")

    def peer(self, data, place):
        import torch

        from . import pytorch

        module = self.module(data)
        if self.engine:
            x = np.ascontiguousarray(data["x"].transpose(0, 3, 1, 2))  # the order in which they expect axes
            infer = self.exported(module, torch.from_numpy(x), place)
            return Work(lambda: infer(x), lambda: {"y": infer(x)})
        module.to(place.device, memory_format=torch.channels_last)
        x = pytorch.images(data["x"], place)

        def run():
            with torch.inference_mode():
                return module(x)
        return Work(run, lambda: {"y": run()})


def with_engines(row):
    """The row, and one against each engine; against those that round to bfloat16 there is no target."""
    return (row, *(replace(row, name=f"{row.name}_{name}", engine=name, cuda_target=None, cpu_only=True,
                           target=None if engine.tolerance else row.target, tolerance=engine.tolerance or row.tolerance)
                   for name, engine in ENGINES.items()))
