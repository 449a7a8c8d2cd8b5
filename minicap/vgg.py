"""VGG (Simonyan and Zisserman 2015): stacks of 3 x 3 convolutions, and pretrained weights from files people have.

    model = vgg19(weights="vgg19_weights_tf_dim_ordering_tf_kernels.h5")
    x = model.preprocessing(images)           # (N, 224, 224, 3) uint8 RGB -> float32, as these weights expect
    fc7 = model.up_to("relu7")(x)             # (N, 4096)

What a file means by an image (channel order, scaling, mean) and by its layouts belongs to the file. So
``preprocessing`` travels with the weights, kernels are stored as (K, K, C, F) whatever the file says, and the rows of
the first dense layer are put into our (H, W, C) flatten order.
"""

import re
from dataclasses import asdict, dataclass

import numpy as np

from .activations import Dropout, ReLU
from .conv import Conv2d
from .errors import UserError
from .layer import Sequential
from .linear import Flatten, Linear
from .normalization import BatchNorm2d
from .pooling import MaxPool2d

# Table 1 of the paper, columns A, B, D and E: convolutions per block. Every block ends in 2 x 2 max-pooling.
CONVOLUTIONS = {11: (1, 1, 2, 2, 2),
                13: (2, 2, 2, 2, 2),
                16: (2, 2, 3, 3, 3),
                19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)
DENSE = {"fc6": (7 * 7 * 512, 4096), "fc7": (4096, 4096), "fc8": (4096, 1000)}


@dataclass(frozen=True)
class Preprocessing:
    """From RGB bytes to what a network was trained on: y = (channels in ``order`` / ``scale`` - mean) / std."""

    order: str
    scale: float
    mean: tuple
    std: tuple
    size: int = 224

    def __call__(self, images):
        """images: (N, H, W, 3) uint8, RGB -> (N, H, W, 3) float32."""
        images = images[..., ::-1] if self.order == "BGR" else images
        images = images.astype(np.float32) / np.float32(self.scale) - np.asarray(self.mean, np.float32)
        return images / np.asarray(self.std, np.float32)

    def to_json(self):
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


CAFFE = Preprocessing("BGR", 1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))  # Oxford's own weights, as in Keras
CAFFE_RGB = Preprocessing("RGB", 1.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))  # the same, first kernel turned
TORCHVISION = Preprocessing("RGB", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class VGG(Sequential):
    """conv1_1, [bn1_1,] relu1_1, ..., pool1, ..., pool5; with ``top`` flatten, fc6, relu6, drop6, fc7, ..., fc8."""

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
        return f"VGG-{self.depth}{' with batch norm' if self.batch_norm else ''}{'' if self.top else ', without top'}"


def vgg11(weights=None, **options):
    return vgg(11, weights, **options)


def vgg13(weights=None, **options):
    return vgg(13, weights, **options)


def vgg16(weights=None, **options):
    return vgg(16, weights, **options)


def vgg19(weights=None, **options):
    return vgg(19, weights, **options)


def vgg(depth=None, weights=None, *, top=None, batch_norm=None, rng=None):
    """A VGG network, with the weights of a file or fresh ones (then ``rng`` draws them).

    weights: a Keras ``.h5``, PyTorch ``.pth``, ``.safetensors`` or ``.npz`` file. ``depth``, ``top`` (the dense layers)
    and ``batch_norm`` left at None are read off the file. Names and shapes have to match in both directions: UserError
    lists what is missing, unexpected or misshapen.
    """
    if weights is None:
        rng = rng or np.random.default_rng()
        return VGG(depth or 16, batch_norm=bool(batch_norm), top=top is not False, rng=rng)
    from .weights import read_weights

    file = read_weights(weights)
    tensors, preprocessing = our_names(file)
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


# --- From a file's names and layouts to ours ------------------------------------------------------------------------

def our_names(file):
    """(tensors by our names, in our layouts; the Preprocessing that belongs to them). Unknown names are left as is."""
    if file.format == "keras-h5":
        return _from_keras(file.tensors), CAFFE
    if any(re.fullmatch(r"features\.\d+\.weight", n) for n in file.tensors):
        return _from_torch(file.tensors), TORCHVISION
    if "conv1_1_W" in file.tensors:  # the .npz that circulates as vgg16_weights.npz: Oxford's weights for RGB input
        return {re.sub(r"_([Wb])$", r".\1", n): a for n, a in file.tensors.items()}, CAFFE_RGB
    return dict(file.tensors), TORCHVISION


def _from_keras(tensors):
    dense = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
    ours = {}
    for name, array in tensors.items():
        layer, _, kind = name.rpartition("/")
        layer = dense.get(layer) or re.sub(r"^block(\d)_conv(\d)$", r"conv\1_\2", layer)
        ours[f"{layer}.{'W' if kind == 'kernel' else 'b'}" if kind in ("kernel", "bias") else name] = array
    return ours


def _from_torch(tensors):
    """torchvision's and timm's names: ``features.N`` counts every layer before the dense ones, ReLU and pools too."""
    names = _feature_names(tensors)
    names |= {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8",    # torchvision
              "pre_logits.fc1": "fc6", "pre_logits.fc2": "fc7", "head.fc": "fc8"}     # timm
    ours = {}
    for name, array in tensors.items():
        layer, _, kind = name.rpartition(".")
        ours_layer = names.get(layer)
        if kind == "num_batches_tracked":
            continue  # PyTorch's counter, of no consequence with a fixed momentum
        if ours_layer is None:
            ours[name] = array
        elif ours_layer.startswith("bn"):
            kinds = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
            ours[f"{ours_layer}.{kinds.get(kind, kind)}"] = array
        elif kind == "weight":
            ours[f"{ours_layer}.W"] = _kernel(ours_layer, array)
        else:
            ours[f"{ours_layer}.{'b' if kind == 'bias' else kind}"] = array
    return ours


def _feature_names(tensors):
    """{"features.0": "conv1_1", ...}: kernels have four axes; a wider gap between two of them is a pooling layer."""
    indices = sorted({int(n.split(".")[1]) for n in tensors if re.fullmatch(r"features\.\d+\.\w+", n)})
    with_norm = any(n.endswith(".running_mean") for n in tensors)
    names, block, i, last = {}, 1, 0, None
    for index in indices:
        if tensors.get(f"features.{index}.weight", np.empty(0)).ndim == 4:
            # conv, (bn,) relu follow each other directly; a pool between two convolutions makes the step one longer.
            if last is not None and index - last > (3 if with_norm else 2):
                block, i = block + 1, 0
            i, last = i + 1, index
            names[f"features.{index}"] = f"conv{block}_{i}"
        else:
            names[f"features.{index}"] = f"bn{block}_{i}"
    return names


def _kernel(layer, array):
    """A PyTorch kernel (F, C, K, K) or matrix (H, D) in our layout: (K, K, C, F) or (D, H)."""
    if layer.startswith("conv"):
        return array.transpose(2, 3, 1, 0)
    if array.ndim not in (2, 4) or array.size == 0 or (layer == "fc6" and array[0].size % (7 * 7)):
        return array  # no such matrix: load_state says which shape it has and which was expected
    if layer == "fc6":  # its rows are pixels of pool5: PyTorch flattens them in C, H, W order, we in H, W, C
        return array.reshape(len(array), -1, 7, 7).transpose(2, 3, 1, 0).reshape(-1, len(array))
    return array.reshape(len(array), -1).T  # timm keeps fc7 as a 1 x 1 convolution
