"""One step of Adam for the parameters of a large captioner, with given gradients."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minicap.layer import Parameter
from minicap.optim import Adam

from ..row import Row, Work, normal

# Convolutions of VGG's size, a projection, an LSTM, an embedding and an output layer for 10,000 words: 30.1 M.
SHAPES = (*[(3, 3, 512, 512)] * 6, (512,), (4096, 512), (512, 2048), (512, 2048), (2048,), (10_000, 512),
          (512, 10_000), (10_000,), (3, 3, 128, 256), *[(3, 3, 256, 256)] * 2, (256,))


@dataclass(frozen=True, kw_only=True)
class AdamStep(Row):
    """Against PyTorch's fused Adam, on tensors of a network's shapes."""

    shapes: tuple = SHAPES
    lr: float = 1e-3
    small: ClassVar[dict] = {"shapes": ((3, 3, 4, 5), (7,), (6, 8))}

    def data(self):
        rng = np.random.default_rng(0)
        return {"theta": [normal(rng, *shape, std=0.05) for shape in self.shapes],
                "grad": [normal(rng, *shape, std=0.01) for shape in self.shapes]}

    def ours(self, data, place):
        device = place.minicap()
        parameters = {str(i): Parameter(device.asarray(theta)) for i, theta in enumerate(data["theta"])}
        for p, grad in zip(parameters.values(), data["grad"], strict=True):
            p.grad = device.asarray(grad)
        adam = Adam(parameters.items(), self.lr)

        def results():
            before = {name: p.data.copy() for name, p in parameters.items()}
            adam.step()
            adam.step()
            return {f"moved {name}": p.data - before[name] for name, p in parameters.items()}
        return Work(adam.step, results)

    def peer(self, data, place):
        import torch

        from .. import pytorch

        parameters = [pytorch.tensor(theta, place, requires_grad=True) for theta in data["theta"]]
        for p, grad in zip(parameters, data["grad"], strict=True):
            p.grad = pytorch.tensor(grad, place)
        adam = torch.optim.Adam(parameters, self.lr, fused=True)

        def results():
            before = [p.detach().clone() for p in parameters]
            adam.step()
            adam.step()
            return {f"moved {i}": p.detach() - old for i, (p, old) in enumerate(zip(parameters, before, strict=True))}
        return Work(adam.step, results)


ROWS = (AdamStep(name="adam_step", target=1.0, cuda_target=1.3, unit="step"),)
