"""VGG networks with a handful of channels, and files of their weights with all common names and layouts.

    shrink(monkeypatch)                          from here on vgg.py's table describes tiny networks
    shrink(monkeypatch, size=32)                 and files are for pictures of 32 x 32, which is 49 times faster
    model = random_vgg(16, rng, batch_norm=True)
    save_keras(path, model), save_npz(path, model), torchvision_tensors(model), timm_tensors(model)

Widths all differ, so that no two layers can be confused.
"""

import dataclasses

import numpy as np

from minicap import vgg
from minicap.weights.preprocessing import CONVENTIONS

CHANNELS = (4, 5, 6, 7, 8)
KERAS_DENSE = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
TORCHVISION_DENSE = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}
TIMM_DENSE = {"fc6": "pre_logits.fc1", "fc7": "pre_logits.fc2", "fc8": "head.fc"}


def shrink(monkeypatch, size=224):
    cells = (size // 32) ** 2  # of pool5
    monkeypatch.setattr(vgg, "CHANNELS", CHANNELS)
    monkeypatch.setattr(vgg, "DENSE", {"fc6": (cells * CHANNELS[-1], 9), "fc7": (9, 10), "fc8": (10, 11)})
    for name, known in CONVENTIONS.items():
        monkeypatch.setitem(CONVENTIONS, name, dataclasses.replace(known, size=size))


def random_vgg(depth, rng, **options):
    """A VGG of which no array is zero or one everywhere, as fresh biases and batch norms are."""
    model = vgg.VGG(depth, rng=rng, **options)
    for name, p in model.named_state():
        if name.endswith((".gamma", ".var")):
            p.data = rng.uniform(0.5, 1.5, p.data.shape).astype(np.float32)
        elif not name.endswith(".W"):
            p.data = rng.uniform(-0.3, 0.3, p.data.shape).astype(np.float32)
    return model


def save_keras(path, model):
    """As keras-applications' files: block1_conv1/block1_conv1_W_1:0, kernels as ours."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in model.state().items():
            layer, kind = name.split(".")
            layer = KERAS_DENSE.get(layer) or f"block{layer[4]}_conv{layer[6]}"
            file.require_group(layer).create_dataset(f"{layer}_{kind}_1:0", data=array)
    return path


def save_npz(path, model):
    """As the vgg16_weights.npz that circulates: conv1_1_W, conv1_1_b, ..., fc8_b."""
    with open(path, "wb") as file:  # given a name, NumPy would append ".npz"
        np.savez(file, **{name.replace(".", "_"): array for name, array in model.state().items()})
    return path


def torchvision_tensors(model):
    """{"features.0.weight": (F, C, K, K), ..., "classifier.6.bias": ...} with PyTorch's flatten order, C, H, W."""
    return _torch_tensors(model, TORCHVISION_DENSE)


def timm_tensors(model):
    """The same with timm's names; it keeps the dense layers as convolutions, except the last one."""
    tensors = _torch_tensors(model, TIMM_DENSE)
    for name, side in (("pre_logits.fc1.weight", 7), ("pre_logits.fc2.weight", 1)):
        if name in tensors:
            tensors[name] = tensors[name].reshape(len(tensors[name]), -1, side, side)
    return tensors


def _torch_tensors(model, dense_names):
    state, tensors = model.state(), {}
    features = [name for name in model.layers if name.startswith(("conv", "bn", "relu", "pool"))]
    names = {name: f"features.{i}" for i, name in enumerate(features)} | dense_names
    kinds = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias", "mean": "running_mean",
             "var": "running_var"}
    for name, array in state.items():
        layer, kind = name.split(".")
        if kind == "W" and layer.startswith("conv"):
            array = array.transpose(3, 2, 0, 1)
        elif kind == "W" and layer == "fc6":
            array = array.reshape(7, 7, -1, array.shape[1]).transpose(3, 2, 0, 1).reshape(array.shape[1], -1)
        elif kind == "W":
            array = array.T
        tensors[f"{names[layer]}.{kinds[kind]}"] = np.ascontiguousarray(array)
        if kind == "var":
            tensors[f"{names[layer]}.num_batches_tracked"] = np.array(1000)
    return tensors
