"""VGG-16's convolutions at inference, and single convolutions forward and backward."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minicap.conv import Conv2d
from minicap.cpu.inference import InferencePlan
from minicap.vgg import VGG

from ..inference_row import InferenceRow, with_engines
from ..row import Row, Work, gradients, normal


@dataclass(frozen=True, kw_only=True)
class VGGInference(InferenceRow):
    """The 13 convolutions and 5 pools of VGG-16 on N pictures, random weights."""

    side: int = 224
    tolerance: float = 1e-3  # thirteen layers deep, and Winograd's rounding is 1e-5 in each
    small: ClassVar[dict] = {"N": 2, "side": 32}

    def data(self):
        rng = np.random.default_rng(0)
        return {"weights": random_vgg(16, rng, top=False), "x": normal(rng, self.N, self.side, self.side, 3)}

    def ours(self, data, place):
        device = place.minicap()
        model = VGG(16, top=False, rng=None)
        model.load_state(data["weights"])
        x = device.asarray(data["x"])
        infer = InferencePlan(model) if device.name == "cpu" else model.to(device)
        return Work(lambda: infer(x), lambda: {"y": infer(x)})

    def module(self, data):
        from ..pytorch_models import VGG

        return VGG(data["weights"]).eval()


def random_vgg(depth, rng, top):
    """name -> array for a VGG of ``depth``: He's kernels, and biases that are not zero."""
    model = VGG(depth, top=top, rng=rng)
    for name, p in model.named_parameters():
        if name.endswith(".b"):
            p.data = normal(rng, *p.shape, std=0.1)
    return {name: p.data for name, p in model.named_state()}


@dataclass(frozen=True, kw_only=True)
class ConvTrain(Row):
    """One convolution forward and backward; with ``input_gradient=False`` as a first layer, without dL/dx."""

    C: int
    F: int
    side: int
    N: int = 16
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    input_gradient: bool = True
    small: ClassVar[dict] = {"N": 2, "side": 14}

    def data(self):
        rng = np.random.default_rng(0)
        side = (self.side + 2 * self.padding - self.kernel) // self.stride + 1
        return {"W": normal(rng, self.kernel, self.kernel, self.C, self.F, std=(self.kernel**2 * self.C) ** -0.5),
                "b": normal(rng, self.F), "x": normal(rng, self.N, self.side, self.side, self.C),
                "dy": normal(rng, self.N, side, side, self.F)}

    def ours(self, data, place):
        device = place.minicap()
        layer = Conv2d(self.C, self.F, self.kernel, stride=self.stride, padding=self.padding,
                       input_gradient=self.input_gradient, rng=None)
        layer.load_state({"W": data["W"], "b": data["b"]})
        layer.to(device)
        x, dy = device.asarray(data["x"]), device.asarray(data["dy"])

        def run():
            layer.zero_grad()
            y, cache = layer.forward(x)
            return y, layer.backward(dy, cache)

        def results():
            y, dx = run()
            return {"y": y} | ({"dx": dx} if self.input_gradient else {}) | gradients(layer)
        return Work(run, results)

    def peer(self, data, place):
        import torch

        from .. import pytorch

        layer = torch.nn.Conv2d(self.C, self.F, self.kernel, self.stride, self.padding)
        pytorch.load(layer, {"W": data["W"], "b": data["b"]})
        layer.to(place.device, memory_format=torch.channels_last)
        x = pytorch.images(data["x"], place, requires_grad=self.input_gradient)
        dy = pytorch.images(data["dy"], place)

        def run():
            layer.zero_grad()
            x.grad = None
            y = layer(x)
            y.backward(dy)
            return y

        def results():
            y = run()
            found = {"y": pytorch.ours(y)} | pytorch.gradients(layer, ["W", "b"])
            return found | ({"dx": pytorch.ours(x.grad)} if self.input_gradient else {})
        return Work(run, results)


INFERENCE = tuple(row for N, target in ((1, 0.55), (8, 0.45), (32, 0.45)) for row in with_engines(
    VGGInference(name=f"vgg16_inference_b{N}", target=target, cuda_target=1.5, unit=f"batch of {N}", N=N)))
TRAINING = (
    *(ConvTrain(name=f"conv_train_3x3_{C}_{side}", target=target, cuda_target=1.5, C=C, F=C, side=side)
      for C, side, target in ((64, 56, 0.7), (256, 28, 0.6), (512, 14, 0.6))),
    ConvTrain(name="conv_train_7x7_s2", target=0.85, cuda_target=1.5, C=3, F=64, side=224, kernel=7, stride=2,
              padding=3, input_gradient=False),
)
