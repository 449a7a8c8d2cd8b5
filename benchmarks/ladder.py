"""``--ladder``: one convolution as in most tutorials, and faster and faster, compared with PyTorch."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minicap.activations import ReLU
from minicap.conv import Conv2d, conv2d, conv2d_im2col, conv2d_loops
from minicap.cpu.inference import InferencePlan
from minicap.layer import Sequential

from .row import Row, Work, normal

NOTE = ("3x3 convolution with bias and ReLU, 64 -> 64 channels, 56x56 pixels, forward; times are per image. The loops "
        "are timed on one image, all others on eight: in the loops every image costs the same.")


@dataclass(frozen=True, kw_only=True)
class Rung(Row):
    """y = relu(conv(x) + b), forward only. ``how``: "loops", "im2col", "shifted products" or "winograd"."""

    how: str
    C: int = 64
    side: int = 56
    tolerance: float = 1e-3
    unit: str = "image"
    small: ClassVar[dict] = {"C": 16, "side": 8}

    def data(self):
        rng = np.random.default_rng(0)
        return {"W": normal(rng, 3, 3, self.C, self.C, std=(9 * self.C) ** -0.5), "b": normal(rng, self.C),
                "x": normal(rng, self.units, self.side, self.side, self.C)}

    def ours(self, data, place):
        device = place.minicap()
        W, b, x = (device.asarray(data[name]) for name in ("W", "b", "x"))
        if self.how == "winograd":
            model = Sequential(conv=Conv2d(self.C, self.C, 3, padding=1, rng=None), relu=ReLU())
            model.load_state({"conv.W": data["W"], "conv.b": data["b"]})
            run = InferencePlan(model)
            return Work(lambda: run(x), lambda: {"y": run(x)})
        convolve = {"loops": conv2d_loops, "im2col": conv2d_im2col, "shifted products": conv2d.plain}[self.how]
        relu = ReLU()

        def run():
            return relu(convolve(x, W, b, 1, 1))
        return Work(run, lambda: {"y": run()})

    def peer(self, data, place):
        import torch

        from . import pytorch

        layer = pytorch.load(torch.nn.Conv2d(self.C, self.C, 3, padding=1), {"W": data["W"], "b": data["b"]})
        layer.to(place.device, memory_format=torch.channels_last)
        x = pytorch.images(data["x"], place)

        def run():
            with torch.inference_mode():
                return layer(x).relu_()
        return Work(run, lambda: {"y": pytorch.ours(run())})


LADDER = tuple(Rung(name=how.replace(" ", "_"), how=how, units=1 if how == "loops" else 8)
               for how in ("loops", "im2col", "shifted products", "winograd"))
