"""EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excite): 4.7 to 6.1 million parameters; VGG-19 has 144.

Every block is an inverted residual (Sandler et al. 2018): a 1 x 1 convolution to six times the channels, a depthwise
convolution, and a 1 x 1 convolution back, without an activation behind it. Where stride and channels allow, x is added.
All padding is TensorFlow's "SAME", and every convolution has a batch norm with ε = 1e-3 behind it.
"""

import math
import re

import numpy as np

from .activations import Dropout, ReLU6
from .conv import Conv2d
from .depthwise import DepthwiseConv2d
from .layer import Residual, Sequential
from .linear import Flatten, Linear
from .normalization import BatchNorm2d
from .pooling import AvgPool2d

# Table 1 of the paper, stages 2 to 8: factor of the expansion, K x K, stride of the first block, channels, blocks.
STAGES = ((1, 3, 1, 16, 1),
          (6, 3, 2, 24, 2),
          (6, 5, 2, 40, 2),
          (6, 3, 2, 80, 3),
          (6, 5, 1, 112, 3),
          (6, 5, 2, 192, 4),
          (6, 3, 1, 320, 1))
STEM, HEAD, CLASSES = 32, 1280, 1000
# Width and depth of the network, by which channels and blocks are multiplied, pixels of a picture's side, and dropout.
VARIANTS = {0: (1.0, 1.0, 224, 0.2), 1: (1.0, 1.1, 240, 0.2), 2: (1.1, 1.2, 260, 0.3)}
EPSILON = 1e-3


def efficientnet_lite(variant, *, rng=None):
    """EfficientNet-Lite0, 1 or 2: (N, side, side, 3) -> logits (N, 1000), with the side of ``VARIANTS``.

    stem, bn_stem, relu_stem, block1, ..., head, bn_head, relu_head, pool, flatten, drop, fc. A convolution's own bias
    has no effect before a batch norm; it is there for :func:`.fold_batch_norm`.
    """
    width, depth, side, drop = VARIANTS[variant]
    layers = _normalised("stem", Conv2d(3, STEM, 3, stride=2, padding="same", rng=rng), STEM)
    C = STEM
    for stage, (factor, kernel, stride, channels, count) in enumerate(STAGES):
        F = round_channels(channels * width)
        fixed = stage in (0, len(STAGES) - 1)  # as stem and head, the first and the last stage are not scaled in depth
        for i in range(count if fixed else math.ceil(count * depth)):
            number = 1 + sum(name.startswith("block") for name in layers)
            layers[f"block{number}"] = _block(C, F, factor, kernel, 1 if i else stride, rng)
            C = F
    layers |= _normalised("head", Conv2d(C, HEAD, 1, rng=rng), HEAD)
    return Sequential(**layers, pool=AvgPool2d(-(-side // 32)), flatten=Flatten(), drop=Dropout(drop, rng=rng),
                      fc=Linear(HEAD, CLASSES, rng=rng))


def round_channels(channels):
    """The multiple of 8 next to ``channels``, but not less than nine tenths of it."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _normalised(name, convolution, F):
    """{name: layer} of a convolution, its batch norm and its activation."""
    return {name: convolution, f"bn_{name}": BatchNorm2d(F, eps=EPSILON), f"relu_{name}": ReLU6()}


def _block(C, F, factor, kernel, stride, rng):
    """The inverted residual block of C -> F channels: a Residual if shapes allow it."""
    wide = C * factor
    layers = {} if factor == 1 else _normalised("expand", Conv2d(C, wide, 1, rng=rng), wide)
    layers |= _normalised("depthwise", DepthwiseConv2d(wide, kernel, stride=stride, padding="same", rng=rng), wide)
    layers |= {"project": Conv2d(wide, F, 1, rng=rng), "bn_project": BatchNorm2d(F, eps=EPSILON)}
    return Residual(**layers) if (stride, C) == (1, F) else Sequential(**layers)


# --- Names in files -----------------------------------------------------------------------------------------------

KINDS = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
LAYERS = {"_conv_stem": "stem", "_bn0": "bn_stem", "_conv_head": "head", "_bn1": "bn_head", "_fc": "fc"}
IN_BLOCK = {"_expand_conv": "expand", "_bn0": "bn_expand", "_depthwise_conv": "depthwise", "_bn1": "bn_depthwise",
            "_project_conv": "project", "_bn2": "bn_project"}


def from_efficientnet_pytorch(tensors):
    """Arrays under our names from a file of ``efficientnet-lite-pytorch``, for ``load_state``, which is strict.

    Convolutions have no bias there: it is 0. A name that is none of theirs stays, and ``load_state`` will name it.
    """
    ours = {}
    for name, value in tensors.items():
        match = re.fullmatch(r"(?:_blocks\.(\d+)\.)?(_\w+)\.(\w+)", name)
        block, layer, kind = match.groups() if match else (None, None, None)
        layer = (LAYERS if block is None else IN_BLOCK).get(layer)
        if kind == "num_batches_tracked" and layer:
            continue
        if layer is None or kind not in KINDS:
            ours[name] = value
            continue
        path = layer if block is None else f"block{int(block) + 1}.{layer}"
        if layer.startswith("bn_"):
            ours[f"{path}.{KINDS[kind]}"] = value
        elif layer == "fc":
            ours[f"{path}.{'W' if kind == 'weight' else 'b'}"] = value.T
        else:  # (F, C, K, K), or (C, 1, K, K) for a depthwise convolution
            ours[f"{path}.W"] = value[:, 0].transpose(1, 2, 0) if layer == "depthwise" else value.transpose(2, 3, 1, 0)
            ours[f"{path}.b"] = np.zeros(len(value), np.float32)
    return ours
