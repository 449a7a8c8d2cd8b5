"""The names and layouts of VGG's arrays in files, and their conversion to ours.

    ours            Keras                            torchvision           timm                   .npz
    conv3_2.W       block3_conv2/kernel              features.7.weight     features.7.weight      conv3_2_W
    fc6.W           fc1/kernel                       classifier.0.weight   pre_logits.fc1.weight  fc6_W
    layout of W     (K, K, C, F), (D, H)             (F, C, K, K), (H, D)  the same, fc6 7 x 7    (K, K, C, F), (D, H)
    rows of fc6     pixels of pool5 in H, W, C order C, H, W               C, H, W                H, W, C
"""

import re

import numpy as np

from .preprocessing import CAFFE, CAFFE_RGB, TORCHVISION


def our_names(file):
    """From a :class:`.WeightFile`: (tensors by our names, in our layouts; the Preprocessing that belongs to them).

    Unknown names are left as they are; the error on loading the weights then lists them.
    """
    if file.format == "keras-h5":
        return _from_keras(file.tensors), CAFFE
    if any(re.fullmatch(r"features\.\d+\.weight", n) for n in file.tensors):
        return _from_torch(file.tensors), TORCHVISION
    if "conv1_1_W" in file.tensors:  # the widespread vgg16_weights.npz: Oxford's weights, for RGB input
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
    """torchvision's and timm's names: ``features.N`` counts all layers before the dense ones, with ReLU and pooling."""
    names = _feature_names(tensors)
    names |= {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8",    # torchvision
              "pre_logits.fc1": "fc6", "pre_logits.fc2": "fc7", "head.fc": "fc8"}     # timm
    ours = {}
    for name, array in tensors.items():
        layer, _, kind = name.rpartition(".")
        ours_layer = names.get(layer)
        if kind == "num_batches_tracked":
            continue  # PyTorch's counter, which has no effect with a fixed momentum
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
    """{"features.0": "conv1_1", ...}. Kernels have four axes; a wider gap between two of them means a pooling layer."""
    indices = sorted({int(n.split(".")[1]) for n in tensors if re.fullmatch(r"features\.\d+\.\w+", n)})
    with_norm = any(n.endswith(".running_mean") for n in tensors)
    names, block, i, last = {}, 1, 0, None
    for index in indices:
        if tensors.get(f"features.{index}.weight", np.empty(0)).ndim == 4:
            # conv, (bn,) relu follow each other directly; pooling between two convolutions makes the gap longer by one.
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
        return array  # not such a matrix: load_state reports its shape and the expected one
    if layer == "fc6":  # its rows are the pixels of pool5, flattened in C, H, W order by PyTorch and in H, W, C by us
        return array.reshape(len(array), -1, 7, 7).transpose(2, 3, 1, 0).reshape(-1, len(array))
    return array.reshape(len(array), -1).T  # timm stores fc7 as a 1 x 1 convolution
