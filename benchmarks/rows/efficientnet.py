"""EfficientNet-Lite2 at inference, and a depthwise convolution of it forward and backward."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minicap.depthwise import DepthwiseConv2d
from minicap.efficientnet import VARIANTS, EfficientNetLite
from minicap.inference import inference

from ..inference_row import InferenceRow, with_engines
from ..row import Row, Work, gradients, normal


@dataclass(frozen=True, kw_only=True)
class LiteInference(InferenceRow):
    """The whole network on N pictures, random weights."""

    variant: int = 2
    tolerance: float = 1e-3  # fifty layers deep
    small: ClassVar[dict] = {"N": 1, "variant": 0}

    def data(self):
        rng = np.random.default_rng(0)
        side = VARIANTS[self.variant][2]
        return {"weights": random_lite(self.variant, rng), "x": normal(rng, self.N, side, side, 3)}

    def ours(self, data, place):
        device, model = place.minicap(), EfficientNetLite(self.variant, rng=None)
        model.load_state(data["weights"])
        infer, x = inference(model, device), device.asarray(data["x"])
        return Work(lambda: infer(x), lambda: {"y": infer(x)})

    def module(self, data):
        from ..pytorch_efficientnet import efficientnet

        return efficientnet(self.variant, data["weights"])[0]


def random_lite(variant, rng):
    """name -> array for an EfficientNet-Lite: He's kernels, biases and batch norms that are not trivial."""
    model = EfficientNetLite(variant, rng=rng)
    for name, p in model.named_state():
        if name.endswith((".gamma", ".var")):
            p.data = rng.uniform(0.5, 1.5, p.data.shape).astype(np.float32)
        elif not name.endswith(".W"):
            p.data = normal(rng, *p.data.shape, std=0.1)
    return {name: p.data for name, p in model.named_state()}


@dataclass(frozen=True, kw_only=True)
class DepthwiseTrain(Row):
    """A depthwise convolution with stride 1, forward and backward; the default is that of blocks 6 and 7 of lite2."""

    N: int = 16
    side: int = 33
    C: int = 288
    kernel: int = 5
    small: ClassVar[dict] = {"N": 2, "side": 9, "C": 24}

    def data(self):
        rng = np.random.default_rng(0)
        shape = (self.N, self.side, self.side, self.C)
        return {"W": normal(rng, self.kernel, self.kernel, self.C, std=1 / self.kernel), "b": normal(rng, self.C),
                "x": normal(rng, *shape), "dy": normal(rng, *shape)}

    def ours(self, data, place):
        device, layer = place.minicap(), DepthwiseConv2d(self.C, self.kernel, padding=self.kernel // 2, rng=None)
        layer.load_state({"W": data["W"], "b": data["b"]})
        layer.to(device)
        x, dy = device.asarray(data["x"]), device.asarray(data["dy"])

        def run():
            layer.zero_grad()
            y, cache = layer.forward(x)
            return {"y": y, "dx": layer.backward(dy, cache)}
        return Work(run, lambda: run() | gradients(layer))

    def peer(self, data, place):
        import torch

        from .. import pytorch

        layer = torch.nn.Conv2d(self.C, self.C, self.kernel, padding=self.kernel // 2, groups=self.C)
        pytorch.load(layer, {"W": data["W"][:, :, None], "b": data["b"]})
        layer.to(place.device, memory_format=torch.channels_last)
        x, dy = pytorch.images(data["x"], place, requires_grad=True), pytorch.images(data["dy"], place)

        def run():
            layer.zero_grad()
            x.grad = None
            y = layer(x)
            y.backward(dy)
            return {"y": pytorch.ours(y), "dx": pytorch.ours(x.grad)}

        def results():
            found = run() | pytorch.gradients(layer, ["W", "b"])
            return found | {"dW": found["dW"][:, :, 0]}
        return Work(run, results)


INFERENCE = tuple(row for N in (1, 8) for row in with_engines(
    LiteInference(name=f"lite2_inference_b{N}", target=1.0, cuda_target=1.5, unit=f"batch of {N}", N=N)))
TRAINING = (DepthwiseTrain(name="depthwise_train", target=1.0, cuda_target=1.5),)
