"""EfficientNet-Lite in PyTorch."""

from torch import nn

from minicap.activations import ReLU6
from minicap.conv import Conv2d, padding_of
from minicap.depthwise import DepthwiseConv2d
from minicap.efficientnet import EfficientNetLite
from minicap.inference import fold_batch_norm
from minicap.layer import Residual, Sequential
from minicap.linear import Flatten, Linear
from minicap.pooling import AvgPool2d

from .pytorch import load


class Sum(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return x + self.f(x)


def efficientnet(variant, weights, up_to=None):
    """(module, Preprocessing): (N, 3, side, side) -> logits, or the output of the layer ``up_to``.

    ``weights``: ours, {name: array}. Batch norms are folded here, as they are on our side.
    """
    model = EfficientNetLite(variant, rng=None)
    model.load_state(weights)
    preprocessing = model.preprocessing
    model = fold_batch_norm(model) if up_to is None else fold_batch_norm(model.up_to(up_to))
    module, _ = _module(model, preprocessing.size)
    return module.eval(), preprocessing


def _module(layer, side):
    """(the PyTorch module for a layer of ours, the side of its output). ``side``: of its input, in pixels."""
    if isinstance(layer, (Sequential, Residual)):
        modules = []
        for _, inner in layer.children():
            module, side = _module(inner, side)
            modules.append(module)
        f = nn.Sequential(*modules)
        return Sum(f) if isinstance(layer, Residual) else f, side
    if isinstance(layer, (Conv2d, DepthwiseConv2d)):
        return _convolution(layer, side), -(-side // layer.stride)
    if isinstance(layer, Linear):
        return load(nn.Linear(*layer.W.shape), layer.state()), side
    if isinstance(layer, AvgPool2d):
        return nn.AvgPool2d(layer.kernel), 1
    return {ReLU6: nn.ReLU6(inplace=True), Flatten: nn.Flatten()}.get(type(layer), nn.Identity()), side


def _convolution(layer, side):
    """Padding that differs on the sides needs a module of its own."""
    K, S, state = len(layer.W.data), layer.stride, layer.state()
    depthwise = isinstance(layer, DepthwiseConv2d)
    W = state["W"][:, :, None] if depthwise else state["W"]
    C, F = layer.W.shape[2], layer.W.shape[-1]
    (before, after), _ = padding_of(layer.padding, side, side, K, S)
    even = before == after
    conv = nn.Conv2d(C, F, K, S, before if even else 0, groups=C if depthwise else 1)
    load(conv, {"W": W, "b": state["b"]})
    return conv if even else nn.Sequential(nn.ZeroPad2d((before, after, before, after)), conv)
