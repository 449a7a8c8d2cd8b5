"""Inference with a frozen network on many pictures, in the fastest way for the device."""

import copy

from .conv import Conv2d
from .cpu.inference import InferencePlan
from .depthwise import DepthwiseConv2d
from .layer import Parameter, Residual, Sequential
from .normalization import BatchNorm2d, inverse_deviation


def inference(model, device):
    """A function x -> y for inference with ``model`` (a Sequential) on ``device``, equal to the model up to rounding.

    Batch norm is folded into the convolutions before it. On the CPU it is a plan with prepared kernels, on a GPU the
    layers, moved there. It has to be made anew when the weights change.
    """
    folded = fold_batch_norm(model.to(device))
    return InferencePlan(folded) if device.name == "cpu" else folded


def fold_batch_norm(model):
    """``model``, a Sequential or Residual, for inference without the batch norms that stand behind a convolution.

    With its running statistics, batch norm is a factor and a shift for each channel, which the convolution can do:

        γ · scale · (x ∗ W + b - μ) + β = x ∗ (γ · scale · W) + (γ · scale · (b - μ) + β)

    with scale = 1 / sqrt(σ² + ε). Blocks inside are folded too. Names stay, ``model`` does not change, and layers
    without batch norm are its own. Derived in lesson 15, lessons/15_depthwise_separable.
    """
    if isinstance(model, Residual):
        return Residual(**fold_batch_norm(model.f).layers)
    folded, before = {}, None  # before: the name of the layer before, if it is a convolution as it was
    for name, layer in model.layers.items():
        if isinstance(layer, BatchNorm2d) and before and layer.gamma.shape == folded[before].b.shape:
            folded[before], before = _folded(folded[before], layer), None
            continue
        folded[name] = fold_batch_norm(layer) if isinstance(layer, (Sequential, Residual)) else layer
        before = name if isinstance(layer, (Conv2d, DepthwiseConv2d)) else None
    return Sequential(**folded)


def _folded(conv, norm):
    """A copy of ``conv`` with the factor and the shift of ``norm`` in W (..., F) and b (F,)."""
    factor = norm.gamma.data * inverse_deviation(norm.var.data, norm.eps)
    conv = copy.copy(conv)
    conv.W = Parameter(conv.W.data * factor)
    conv.b = Parameter(factor * (conv.b.data - norm.mean.data) + norm.beta.data)
    return conv
