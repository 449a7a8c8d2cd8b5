"""Keras' HDF5 files: weights only (with or without the dense layers) and complete saved models.

Each layer has a group with its arrays, whose names changed over the years; all become "layer/kernel" or "layer/bias":

    block1_conv1/block1_conv1_W_1:0             Keras 1, the VGG files of keras-applications
    block1_conv1/kernel:0                       Keras 2
    block1_conv1/block1_conv1/kernel:0          Keras 2 on TensorFlow
    model_weights/block1_conv1/.../kernel:0     a complete saved model; its optimizer_weights are ignored
    .../vgg19/block1_conv1/kernel:0             a network used as a layer of another
    layers/conv2d_4/vars/0                      Keras 3 .weights.h5, also in the zip archive .keras

Keras 3 numbers the arrays of a layer, and numbers the layers by their kind; newer releases add a layer's own name as an
attribute. Arrays keep Keras' layout: kernels (K, K, C, F) and (D, F). Layers come in the network's order where the file
states it, or else in that of the numbers in their names.
"""

import contextlib
import io
import os
import re
import zipfile

import numpy as np

from .child import Child
from .hdf5 import check_storage, offset_of, opened
from .raw import native
from .refusal import RefusalError, allowed, library_reads, refuse_bomb, shown

KERAS_3_MEMBER = "model.weights.h5"  # of a .keras archive
MAX_ARRAYS = 10_000  # the largest networks that Keras offers have some 2,000
_KERAS_1 = {"W": "kernel", "b": "bias"}
_NORM_ROLES = ("gamma", "beta", "moving_mean", "moving_variance")
_ROLES = {"kernel", "bias", *_NORM_ROLES}


def read_keras_h5(path, buffer):
    """({"layer/kernel": array, ...}, backend) of a Keras HDF5 file. Soft and external links are not followed.

    The backend is "theano", "tensorflow", ... if the file says which one Keras wrote it on, or else None. Arrays that
    lie in the file as they are, as in all files of VGG, are views of it.
    """
    with library_reads("HDF5"):
        return _read("of_file", path, buffer)


def read_keras_zip(path, buffer):
    """The same for a .keras archive."""
    with library_reads("a .keras archive"):
        return _read("of_archive", path, buffer)


def _read(answers, path, buffer):
    with Child(__name__, answers, path, allowed(len(buffer))) as child:
        facts = child.ask("list")
        return {name: child.ask("numbers", name) if offset is None else _view(buffer, offset, dtype, shape)
                for name, offset, dtype, shape in facts["arrays"]}, facts["backend"]


def _view(buffer, offset, dtype, shape):
    return np.ndarray(shape, dtype, buffer, offset) if 0 not in shape else np.empty(shape, dtype)


# ----------------------------------------------------------------------------------------------------- in the child

@contextlib.contextmanager
def of_file(path):
    """What a Child answers about a Keras HDF5 file."""
    with opened(path) as file:
        yield _answers(file, os.path.getsize(path), in_place=True)


@contextlib.contextmanager
def of_archive(path):
    """The same for a .keras archive, in which the numbers have no place of their own."""
    packed = os.path.getsize(path)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(KERAS_3_MEMBER)
        refuse_bomb(info.file_size, packed)
        with opened(io.BytesIO(archive.read(info))) as file:
            yield _answers(file, packed, in_place=False)


def _answers(file, packed, in_place):
    found = _found(file, packed)
    facts = {"backend": _backend(file),
             "arrays": [(name, offset_of(dataset) if in_place else None, dataset.dtype.str, dataset.shape)
                        for name, dataset in found.items()]}
    return lambda question, name=None: facts if question == "list" else np.asarray(found[name][()])


def _backend(file):
    for group in (file, _root(file)):
        if isinstance(backend := group.attrs.get("backend"), str | bytes):
            return (backend.decode("utf-8", "replace") if isinstance(backend, bytes) else backend).lower()
    return None


def _is_own(group, name):
    """Whether a member lies in the group itself and is no link to elsewhere."""
    import h5py

    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _root(file):
    return file["model_weights"] if _is_own(file, "model_weights") else file


def _found(file, packed):
    """{"layer/kernel": dataset, ...}, none of which takes too much memory to read."""
    root, found = _root(file), {}
    for layer in _in_order(root):
        for name, dataset in _arrays_of(layer, root[layer]):
            if name in found:
                raise RefusalError(f"holds {shown(name)} twice: save the intended network by itself")
            native(name, np.empty(0, dataset.dtype))
            check_storage(dataset, packed)
            found[name] = dataset
            if len(found) > MAX_ARRAYS:
                raise RefusalError(f"holds more than {MAX_ARRAYS:,} arrays, which no VGG does: save the network alone")
    refuse_bomb(sum(dataset.nbytes for dataset in found.values()), packed)
    return found


def _in_order(root):
    """The names of the groups of layers, as the file's "layer_names" has them, the others behind, by number."""
    stated = {name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name): i
              for i, name in enumerate(np.ravel(root.attrs.get("layer_names", ())))}
    own = [name for name in root if _is_own(root, name) and name != "optimizer"]
    return sorted(own, key=lambda name: (stated.get(name, len(stated)), _by_number(name)))


def _by_number(name):
    """A key that sorts conv2d_2 before conv2d_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def _arrays_of(layer, group):
    """(name, dataset) of each array of a layer, or of all layers of a network that is used as a layer."""
    datasets = _datasets(group)
    owners = {}
    for path in sorted(datasets, key=_by_number):
        owner, _, leaf = path.rpartition("/")
        owners.setdefault(owner, []).append(leaf)
    for owner, leaves in owners.items():
        last = owner.rpartition("/")[2]
        numbered = last == "vars"
        name = _keras_3_name(layer, group, owner) if numbered else layer if len(owners) == 1 else last
        for leaf in leaves:
            role = _keras_3_role(leaf, len(leaves)) if numbered else _role(name, leaf)
            yield f"{name}/{role}", datasets[f"{owner}/{leaf}" if owner else leaf]


def _datasets(group):
    """{path within the group: dataset}, each object once (groups may contain each other)."""
    import h5py

    found = {}

    def visit(path, item):
        if isinstance(item, h5py.Dataset):
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


def _keras_3_name(layer, group, owner):
    """The layer's own name, where the file has it, or what stands before "vars": conv2d_4."""
    own = group[owner].attrs.get("name")
    before = owner.rpartition("/")[0].rpartition("/")[2] or layer
    return own if isinstance(own, str) and own and "/" not in own else before.rpartition("\\")[2]


def _keras_3_role(leaf, count):
    """Keras 3 numbers arrays as they were made: kernel, bias; or those of a batch normalisation."""
    roles = _NORM_ROLES if count == len(_NORM_ROLES) else ("kernel", "bias")
    return roles[int(leaf)] if leaf.isdigit() and int(leaf) < len(roles) else leaf
