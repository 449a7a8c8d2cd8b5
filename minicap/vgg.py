"""VGG (Simonyan and Zisserman 2015): stacks of 3 x 3 convolutions, and pretrained weights from files people have.

    model = vgg19(weights="vgg19_weights_tf_dim_ordering_tf_kernels.h5")
    x = model.preprocessing(images)           # (N, 224, 224, 3) uint8 RGB -> float32, as these weights expect
    fc7 = model.up_to("relu7")(x)             # (N, 4096)

What a file means by an image (channel order, scaling, mean) and by its layouts belongs to the file. So
``preprocessing`` travels with the weights, kernels are stored as (K, K, C, F) whatever the file says, and the rows of
the first dense layer are put into our (H, W, C) flatten order.
"""

from typing import Any

import numpy as np

from .activations import Dropout, ReLU
from .conv import Conv2d
from .errors import UserError
from .initializers import Rng
from .linear import Flatten, Linear
from .networks import FeatureLayer, Network, NetworkFacts, feature_stages
from .normalization import BatchNorm2d
from .paths import StrPath
from .pooling import MaxPool2d
from .weights import WeightFile, vgg_weights
from .weights.preprocessing import TORCHVISION, Preprocessing, convention

# Table 1 of the paper, columns A, B, D and E: convolutions per block. Every block ends in 2 x 2 max-pooling.
CONVOLUTIONS = {11: (1, 1, 2, 2, 2),
                13: (2, 2, 2, 2, 2),
                16: (2, 2, 3, 3, 3),
                19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)
DENSE = {"fc6": (7 * 7 * 512, 4096), "fc7": (4096, 4096), "fc8": (4096, 1000)}

# The outputs that captioners read, in the order in which they are computed: each can be made from any before it.
FEATURES = {"pool4": FeatureLayer("pool4", "conv4_1", stride=16),
            "conv5_4": FeatureLayer("relu5_4", "conv5_4", stride=16),  # of VGG-19 alone
            "pool5": FeatureLayer("pool5", "conv5_1", stride=32),
            "fc7": FeatureLayer("relu7", "fc7")}
# A block that can be fine-tuned: the features it reads, and those it makes.
FINE_TUNED = {"block5": ("pool4", "conv5_4")}


class VGG(Network):
    """conv1_1, [bn1_1,] relu1_1, ..., pool1, ..., pool5; with ``top`` flatten, fc6, relu6, drop6, fc7, ..., fc8.

    Built in lesson 14, lessons/14_vgg.
    """

    features = FEATURES

    def __init__(self, depth: int, *, batch_norm: bool = False, top: bool = True,
                 preprocessing: Preprocessing = TORCHVISION, rng: Rng):
        layers, C = {}, 3
        for block, (count, F) in enumerate(zip(CONVOLUTIONS[depth], CHANNELS, strict=True), start=1):
            for i in range(1, count + 1):
                layers[f"conv{block}_{i}"] = Conv2d(C, F, 3, padding=1, rng=rng)
                if batch_norm:
                    layers[f"bn{block}_{i}"] = BatchNorm2d(F)
                layers[f"relu{block}_{i}"] = ReLU()
                C = F
            layers[f"pool{block}"] = MaxPool2d(2)
        if top:
            layers["flatten"] = Flatten()
            for number, (name, (D, H)) in enumerate(DENSE.items(), start=6):
                layers[name] = Linear(D, H, rng=rng)
                if name != "fc8":
                    layers[f"relu{number}"] = ReLU()
                    layers[f"drop{number}"] = Dropout(0.5, rng=rng or np.random.default_rng())
        super().__init__(facts=NetworkFacts("VGG", depth, batch_norm), preprocessing=preprocessing, top=top, **layers)
        self.depth, self.batch_norm = depth, batch_norm
        self.digest = None  # () -> the SHA-256 of that file

    def keep_for(self, features: str) -> None:
        """Keep what these features are computed with: all convolutions, and the dense layers up to fc7 if they read it.

        All, because a block of them may be fine-tuned behind the features. UserError when the network has no such
        layer.
        """
        feature_stages(self, features)
        kept = self.up_to("relu7" if "fc7" in features else "pool5")
        self.layers, self.top = kept.layers, False

    @staticmethod
    def cells(size: int, stride: int) -> int:
        """The rows of a map with this stride, for pictures of ``size`` rows."""
        return size // stride


def vgg11(weights: StrPath | WeightFile | None = None, **options: Any) -> VGG:
    """VGG-11, column A of the paper's table: 8 convolutions, 3 dense layers. For the options see :func:`vgg`."""
    return vgg(11, weights, **options)


def vgg13(weights: StrPath | WeightFile | None = None, **options: Any) -> VGG:
    """VGG-13, column B of the paper's table: 10 convolutions, 3 dense layers. For the options see :func:`vgg`."""
    return vgg(13, weights, **options)


def vgg16(weights: StrPath | WeightFile | None = None, **options: Any) -> VGG:
    """VGG-16, column D of the paper's table: 13 convolutions, 3 dense layers. For the options see :func:`vgg`."""
    return vgg(16, weights, **options)


def vgg19(weights: StrPath | WeightFile | None = None, **options: Any) -> VGG:
    """VGG-19, column E of the paper's table: 16 convolutions, 3 dense layers. For the options see :func:`vgg`."""
    return vgg(19, weights, **options)


def vgg(depth: int | None = None, weights: StrPath | WeightFile | None = None, *, top: bool | None = None,
        batch_norm: bool | None = None, preprocessing: str | Preprocessing | None = None, features: str | None = None,
        rng: Rng = None) -> VGG:
    """A VGG network, with weights from a file or random ones from ``rng``.

    weights: a file in any of the formats and under any of the names of docs/formats.md, or a WeightFile, which was read
    already. ``depth``, ``top`` (the dense layers) and ``batch_norm`` left at None are read off the file. Names and
    shapes have to match in both directions: UserError lists what is missing, unexpected or misshapen. For ``features``
    such as "conv5_4" or "fc7" (those of :func:`.by_network`) the network ends with pool5 or relu7, and what the file
    holds beyond does not matter.

    preprocessing: what the weights expect of pictures, "caffe-bgr", "caffe-rgb", "torchvision" or "tf" (or a
    Preprocessing); left at None it is found out (weights/provenance.py). ``model.notes`` says what was assumed.
    """
    if weights is None:
        rng = rng or np.random.default_rng()
        fresh = VGG(depth or 16, batch_norm=bool(batch_norm), top=top is not False, rng=rng)
        if preprocessing is not None:
            fresh.preprocessing = convention(preprocessing)
        return fresh
    file = vgg_weights.read(weights)
    found_depth = _depth(file.names)
    depth = depth or found_depth
    if depth is None:
        convolutions = sum(n.startswith("conv") and n.endswith(".W") for n in file.names)
        raise UserError(f"{file.path} is not a VGG network: {convolutions} of its convolutions fit (VGG has 8, 10, 13 "
                        f"or 16), and it has names such as {', '.join(list(file.names.values())[:3])}")
    if found_depth not in (None, depth):
        raise UserError(f"{file.path} holds VGG-{found_depth}, not VGG-{depth}; use vgg{found_depth} or another file")
    if batch_norm is None:
        batch_norm = any(n.startswith("bn") for n in file.names)
    if top is None:
        dense = [name for name in ("fc6.W", "fc7.W", "fc8.W") if name in file.names]
        top = bool(dense) if features is None else dense[:2] == ["fc6.W", "fc7.W"]
    model = VGG(depth, batch_norm=batch_norm, top=top, rng=None)
    wanted = [name for name in file.names if top or not name.startswith("fc")]
    try:
        if features is not None:
            model.keep_for(features)
            wanted = [name for name, _ in model.named_state() if name in file.names]
        model.preprocessing, tensors, notes = file.load(wanted, preprocessing)
        model.load(tensors, notes, file.file.digest)
    except UserError as error:
        raise UserError(f"{file.path}: {error}") from None
    return model


def _depth(names):
    """11, 13, 16 or 19 by the names of the convolutions, or None."""
    blocks = tuple(sum(f"conv{b}_{i}.W" in names for i in range(1, 9)) for b in range(1, 6))
    return {counts: depth for depth, counts in CONVOLUTIONS.items()}.get(blocks)
