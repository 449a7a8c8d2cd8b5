"""VGG (Simonyan and Zisserman 2015): stacks of 3 x 3 convolutions, and pretrained weights from files people have.

    model = vgg19(weights="vgg19_weights_tf_dim_ordering_tf_kernels.h5")
    x = model.preprocessing(images)           # (N, 224, 224, 3) uint8 RGB -> float32, as these weights expect
    fc7 = model.up_to("relu7")(x)             # (N, 4096)

What a file means by an image (channel order, scaling, mean) and by its layouts belongs to the file. So
``preprocessing`` travels with the weights, kernels are stored as (K, K, C, F) whatever the file says, and the rows of
the first dense layer are put into our (H, W, C) flatten order.
"""

import numpy as np

from .activations import Dropout, ReLU
from .conv import Conv2d
from .errors import UserError
from .layer import Sequential
from .linear import Flatten, Linear
from .networks import FeatureLayer, NetworkFacts
from .normalization import BatchNorm2d
from .pooling import MaxPool2d
from .weights import read_weights, vgg_names
from .weights.preprocessing import TORCHVISION

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


class VGG(Sequential):
    """conv1_1, [bn1_1,] relu1_1, ..., pool1, ..., pool5; with ``top`` flatten, fc6, relu6, drop6, fc7, ..., fc8.

    Built in lesson 14, lessons/14_vgg.
    """

    features = FEATURES

    def __init__(self, depth, *, batch_norm=False, top=True, preprocessing=TORCHVISION, rng):
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
        super().__init__(**layers)
        self.depth, self.batch_norm, self.top, self.preprocessing = depth, batch_norm, top, preprocessing

    @property
    def facts(self):
        """The :class:`.NetworkFacts` that are stored with its features."""
        return NetworkFacts("VGG", self.depth, self.batch_norm)

    def up_to(self, last):
        """The layers from the first to ``last``, sharing their weights with this network."""
        return self.between(next(iter(self.layers)), last)

    def between(self, first, last):
        """The layers from ``first`` to ``last``, sharing their weights with this network."""
        for name in (first, last):
            if name not in self.layers:
                raise ValueError(f"{self!r} has no layer {name!r}; it has {', '.join(self.layers)}")
        names = list(self.layers)
        return Sequential(**{n: self.layers[n] for n in names[names.index(first):names.index(last) + 1]})

    def __repr__(self):
        return f"{self.facts}{'' if self.top else ', without top'}"


def vgg11(weights=None, **options):
    return vgg(11, weights, **options)


def vgg13(weights=None, **options):
    return vgg(13, weights, **options)


def vgg16(weights=None, **options):
    return vgg(16, weights, **options)


def vgg19(weights=None, **options):
    return vgg(19, weights, **options)


def vgg(depth=None, weights=None, *, top=None, batch_norm=None, rng=None):
    """A VGG network, with weights from a file or random ones from ``rng``.

    weights: a Keras ``.h5``, PyTorch ``.pth``, ``.safetensors`` or ``.npz`` file. ``depth``, ``top`` (the dense layers)
    and ``batch_norm`` left at None are read off the file. Names and shapes have to match in both directions: UserError
    lists what is missing, unexpected or misshapen.
    """
    if weights is None:
        rng = rng or np.random.default_rng()
        return VGG(depth or 16, batch_norm=bool(batch_norm), top=top is not False, rng=rng)
    file = read_weights(weights)
    tensors, preprocessing = vgg_names.our_names(file)
    found_depth = _depth(tensors)
    depth = depth or found_depth
    if depth is None:
        convolutions = sum(n.startswith("conv") and n.endswith(".W") for n in tensors)
        raise UserError(f"{file.path} is not a VGG network: {convolutions} of its convolutions fit (VGG has 8, 10, 13 "
                        f"or 16), and it has names such as {', '.join(list(file.tensors)[:3]) or 'none at all'}")
    if found_depth not in (None, depth):
        raise UserError(f"{file.path} holds VGG-{found_depth}, not VGG-{depth}; use vgg{found_depth} or another file")
    if batch_norm is None:
        batch_norm = any(n.startswith("bn") for n in tensors)
    if top is None:
        top = any(n.startswith("fc") for n in tensors)
    if not top:
        tensors = {n: a for n, a in tensors.items() if not n.startswith("fc")}
    model = VGG(depth, batch_norm=batch_norm, top=top, preprocessing=preprocessing, rng=None)
    try:
        model.load_state(tensors)
    except UserError as error:
        raise UserError(f"{file.path}: {error}") from None
    return model


def _depth(tensors):
    """11, 13, 16 or 19 by the names of the convolutions, or None."""
    blocks = tuple(sum(f"conv{b}_{i}.W" in tensors for i in range(1, 9)) for b in range(1, 6))
    return {counts: depth for depth, counts in CONVOLUTIONS.items()}.get(blocks)
