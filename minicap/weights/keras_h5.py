"""Keras' HDF5 files: weights only (with or without the dense layers) and complete saved models.

Each layer has a group with its arrays, whose names changed over the years; all become "layer/kernel" or "layer/bias":

    block1_conv1/block1_conv1_W_1:0             Keras 1, the VGG files of keras-applications
    block1_conv1/kernel:0                       Keras 2
    block1_conv1/block1_conv1/kernel:0          Keras 2 on TensorFlow
    model_weights/block1_conv1/.../kernel:0     a complete saved model; its optimizer_weights are ignored
    .../vgg19/block1_conv1/kernel:0             a network used as a layer of another
    layers/conv2d_4/vars/0                      Keras 3 .weights.h5: refused, because it names neither layers nor roles

Arrays keep Keras' layout: kernels (K, K, C, F) and (D, F).
"""

import re

import numpy as np

from .raw import native
from .refusal import RefusalError, library_reads, refuse_bomb, shown

_KERAS_1 = {"W": "kernel", "b": "bias"}
_ROLES = {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"}


def read_keras_h5(path, buffer):
    """{"layer/kernel": array, ...} of a Keras HDF5 file. Soft and external links are not followed."""
    import h5py

    with library_reads("HDF5"), h5py.File(path, "r") as file:
        root = file["model_weights"] if _is_own(file, "model_weights") else file
        found = {}
        for layer in root:
            for name, dataset in _arrays_of(layer, root[layer]) if _is_own(root, layer) else ():
                if name in found:
                    raise RefusalError(f"holds {shown(name)} twice: save the intended network by itself")
                native(name, np.empty(0, dataset.dtype))
                found[name] = dataset
        refuse_bomb(sum(dataset.nbytes for dataset in found.values()), len(buffer))
        return {name: np.asarray(dataset[()]) for name, dataset in found.items()}


def keras_backend(path):
    """ "theano", "tensorflow", ... if the file says which one Keras wrote it on, or else None."""
    import h5py

    with library_reads("HDF5"), h5py.File(path, "r") as file:
        for group in (file, file["model_weights"] if _is_own(file, "model_weights") else file):
            if isinstance(backend := group.attrs.get("backend"), str | bytes):
                return (backend.decode("utf-8", "replace") if isinstance(backend, bytes) else backend).lower()
    return None


def _is_own(group, name):
    """Whether a member lies in the group itself and is no link to elsewhere."""
    import h5py

    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _arrays_of(layer, group):
    """(name, dataset) of each array of a layer, or of all layers of a network that is used as a layer."""
    datasets = _datasets(group)
    owners = {path.rpartition("/")[0] for path in datasets}
    for path, dataset in datasets.items():
        owner, _, leaf = path.rpartition("/")
        if owner.rpartition("/")[2] == "vars":
            raise RefusalError("is a Keras 3 .weights.h5, which numbers its arrays instead of naming them: load it in "
                               "Keras and save the model by model.save('model.h5')")
        name = layer if len(owners) == 1 else owner.rpartition("/")[2]
        yield f"{name}/{_role(name, leaf)}", dataset


def _datasets(group):
    """{path within the group: dataset}, each object once (groups may contain each other).

    HDF5 can store an array's numbers in *another* file. Such an array is refused, because reading it would let a
    weights file read any of the user's files.
    """
    import h5py

    found = {}

    def visit(path, item):
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise RefusalError(f"stores the numbers of {shown(path)} in another file; refusing to load")
            found[path] = item

    if isinstance(group, h5py.Group):
        group.visititems(visit)
    return found


def _role(layer, leaf):
    """ "kernel" from "block1_conv1_W_1:0", "W", "kernel:0" or "kernel_1:0"; any other name as it is."""
    leaf = re.sub(r":\d+$", "", leaf).removeprefix(layer + "_")
    role = re.sub(r"_\d+$", "", leaf)
    role = _KERAS_1.get(role, role)
    return role if role in _ROLES else leaf
