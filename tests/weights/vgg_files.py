"""Files of one small VGG-11 in every layout: functions (path, model) that write one, or make such a function."""

import argparse
import io
import json
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import PurePosixPath

import h5py
import numpy as np
import tiny_vgg
from safetensors.numpy import save_file
from torch_writing import Call, FakeStorage, Global, save_zip, tensor

from minicap.weights import read_weights


def renamed(change):
    """A saver of torchvision's tensors under the names that ``change`` makes of theirs (None: left out)."""
    def save(path, model):
        tensors = {change(name): array for name, array in tiny_vgg.torchvision_tensors(model).items()}
        tensors.pop(None, None)
        save_file(tensors, path)
    return save


def replaced_classifier(*numbers):
    ours = dict(zip("036", map(str, numbers), strict=True))
    return renamed(lambda name: name if name[0] == "f" else f"classifier.{ours[name[11]]}{name[12:]}")


def with_more(save, **arrays):
    """The same with other modules' arrays beside them."""
    def save_more(path, model):
        save(path, model)
        tensors = read_weights(path).tensors
        save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()} | arrays, path)
    return save_more


def only(prefix, new=""):
    return renamed(lambda name: new + name.removeprefix(prefix) if name.startswith(prefix) else None)


def ten_classes(path, model):
    tensors = tiny_vgg.torchvision_tensors(model)
    head = {"classifier.6.weight": np.ones((10, 10), np.float32), "classifier.6.bias": np.ones(10, np.float32)}
    save_file(tensors | head, path)


def by_layer(path, model):
    save_file({f"vgg.{name.replace('.W', '.weight').replace('.b', '.bias')}": np.ascontiguousarray(
        array.transpose(3, 2, 0, 1) if array.ndim == 4 else as_torch(array) if name.startswith("fc6.W") else array.T)
        for name, array in model.state().items()}, path)


def as_torch(fc6):
    return fc6.reshape(7, 7, -1, fc6.shape[1]).transpose(3, 2, 0, 1).reshape(fc6.shape[1], -1)


def slices(path, model):
    """As perceptual losses cut a VGG into pieces, each with the numbers of the whole."""
    numbers = {"0": 1, "3": 2, "6": 3, "8": 3, "11": 4, "13": 4, "16": 5, "18": 5}
    save_file({f"slice{numbers[name.split('.')[1]]}.{name.removeprefix('features.')}": array
               for name, array in tiny_vgg.torchvision_tensors(model).items() if name[0] == "f"}, path)


# -------------------------------------------------------------------------------------------------------------- Keras

def layers_of(model):
    """[(W, b) of each layer], in order."""
    state = list(model.state().values())
    return list(zip(state[::2], state[1::2], strict=True))


def by_hand(path, model, first=4):
    """conv2d_4, ..., conv2d_11, dense, ...: HDF5 lists conv2d_10 before conv2d_4."""
    with h5py.File(path, "w") as file:
        for i, (W, b) in enumerate(layers_of(model)):
            layer = f"conv2d_{i + first}" if W.ndim == 4 else f"dense_{i}"
            file[f"model_weights/{layer}/{layer}/kernel:0"], file[f"model_weights/{layer}/{layer}/bias:0"] = W, b


def with_norms(path, model, names):
    """A VGG with batch normalisation, as people call its layers by hand: ``names(i, block)`` of layer and norm."""
    state = model.state()
    with h5py.File(path, "w") as file:
        for i, layer in enumerate(name[4:-2] for name in state if name.startswith("conv") and name.endswith(".W")):
            conv, norm = names(i, layer)
            for theirs, ours in (("kernel", f"conv{layer}.W"), ("bias", f"conv{layer}.b")):
                file[f"{conv}/{conv}/{theirs}:0"] = state[ours]
            for theirs, ours in (("gamma", "gamma"), ("beta", "beta"), ("moving_mean", "mean"),
                                 ("moving_variance", "var")):
                file[f"{norm}/{norm}/{theirs}:0"] = state[f"bn{layer}.{ours}"]


def keras_0(path, model):
    """layer_1/param_0, ...: channels first, turned by 180 degrees for Theano, rows of fc6 in C, H, W order."""
    with h5py.File(path, "w") as file:
        for i, (name, (W, b)) in enumerate(zip(list(model.state())[::2], layers_of(model), strict=True), start=1):
            if W.ndim == 4:
                W = W[::-1, ::-1].transpose(3, 2, 0, 1)
            elif name == "fc6.W":
                W = W.reshape(7, 7, -1, W.shape[1]).transpose(2, 0, 1, 3).reshape(W.shape)
            file[f"layer_{i}/param_0"], file[f"layer_{i}/param_1"] = W, b


def in_stated_order(path, model):
    names = [f"{word}_layer" for word in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
                                          "eleven")]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in ["input", *names]]
        for name, (W, b) in zip(names, layers_of(model), strict=True):
            file[f"{name}/{name}/kernel:0"], file[f"{name}/{name}/bias:0"] = W, b


def keras_3(path, model, below="layers", own_names=False):
    counts = defaultdict(int)
    with h5py.File(path, "w") as file:
        file.create_group("optimizer/vars")["0"] = np.zeros(3)
        for name, (W, b) in zip([n[:-2] for n in list(model.state())[::2]], layers_of(model), strict=True):
            kind = "conv2d" if W.ndim == 4 else "dense"
            layer = kind + (f"_{counts[kind]}" if counts[kind] else "")
            counts[kind] += 1
            group = file.create_group(f"{below}/{layer}/vars")
            group["0"], group["1"] = W, b
            if own_names:
                group.attrs["name"] = tiny_vgg.KERAS_DENSE.get(name) or f"block{name[4]}_conv{name[6]}"


def keras_3_archive(path, model):
    inner = io.BytesIO()
    keras_3(inner, model)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", inner.getvalue())


def dense_on_top(path, model):
    """A new head, and the convolutions as a layer called vgg."""
    with h5py.File(path, "w") as file:
        for name, array in model.state().items():
            layer, kind = name.split(".")
            if layer.startswith("conv"):
                theirs = f"block{layer[4]}_conv{layer[6]}"
                file[f"model_weights/vgg11/{theirs}/{'kernel' if kind == 'W' else 'bias'}:0"] = array
        file["model_weights/dense/dense/kernel:0"] = np.ones((8, 3), np.float32)
        file["model_weights/dense/dense/bias:0"] = np.ones(3, np.float32)


# -------------------------------------------------------------------------------------------------------------- NumPy

def npz(spelling):
    def save(path, model):
        arrays = {}
        for name, array in model.state().items():
            layer = tiny_vgg.KERAS_DENSE.get(name[:-2]) or f"block{name[4]}_conv{name[6]}"
            arrays[spelling(layer, name[-1])] = array
        with open(path, "wb") as file:
            np.savez(file, **arrays)
    return save


def chainer(path, model):
    """Oxford's names; kernels (F, C, K, K), dense layers (H, D), the rows of fc6 in C, H, W order."""
    with open(path, "wb") as file:
        np.savez(file, **{name.replace(".", "/"): array.transpose(3, 2, 0, 1) if array.ndim == 4 else
                          as_torch(array) if name == "fc6.W" else array.T for name, array in model.state().items()})


def npy(make, protocol=2):
    """As numpy.save in Python 2 and 3 writes an array of one object, a dictionary."""
    def save(path, model):
        content = {name[:-2]: make(W, model.state()[name[:-1] + "b"]) for name, W in model.state().items()
                   if name.endswith(".W")}
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
            pickle.dump(np.array(content, dtype=object), file, protocol=protocol)
    return save


# ------------------------------------------------------------------------------------------------------------ PyTorch

def fake(tensors, first_key=0):
    made = OrderedDict()
    for i, (name, array) in enumerate(tensors.items(), first_key):
        strides = [s // array.itemsize for s in np.ascontiguousarray(array).strides]
        made[name] = tensor(FakeStorage(str(i), np.ascontiguousarray(array).ravel()), 0, array.shape, tuple(strides))
    return made


def checkpoint(serialisation):
    """What training scripts put beside the weights."""
    def save(path, model):
        history = defaultdict(list, loss=[0.5, 0.25])
        return serialisation(path, {
            "args": argparse.Namespace(lr=0.1, layers=[1, 2]), "best": np.float64(0.75), "epoch": np.int64(3),
            "history": history, "path": PurePosixPath("a/b"), "classes": {"dog", "cat"}, "mean": np.zeros(3),
            "device": Call(Global("torch", "device"), "cuda", 0),
            "model": fake({f"module.{name}": array for name, array in tiny_vgg.torchvision_tensors(model).items()})})
    return save


def state_dicts(wrap):
    """A checkpoint with dictionaries in it; ``wrap`` gets the tensors of a VGG."""
    def save(path, model):
        return save_zip(path, wrap(fake(tiny_vgg.torchvision_tensors(model))))
    return save


def parts(path, model):
    """As Hugging Face saves large models; ``path`` is the index."""
    tensors, where = tiny_vgg.torchvision_tensors(model), {}
    for number, names in ((1, list(tensors)[:9]), (2, list(tensors)[9:])):
        save_file({name: tensors[name] for name in names}, path.with_name(f"part-0000{number}-of-00002.safetensors"))
        where |= dict.fromkeys(names, f"part-0000{number}-of-00002.safetensors")
    path.write_text(json.dumps({"metadata": {"total_size": 9}, "weight_map": where}))
