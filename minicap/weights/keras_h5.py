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
import re
import zipfile

import numpy as np

from .raw import native
from .refusal import RefusalError, library_reads, refuse_bomb, shown

KERAS_3_MEMBER = "model.weights.h5"  # of a .keras archive
_KERAS_1 = {"W": "kernel", "b": "bias"}
_NORM_ROLES = ("gamma", "beta", "moving_mean", "moving_variance")
_ROLES = {"kernel", "bias", *_NORM_ROLES}


def read_keras_h5(path, buffer):
    """{"layer/kernel": array, ...} of a Keras HDF5 file. Soft and external links are not followed."""
    with library_reads("HDF5"), _opened(path) as file:
        return _read(file, len(buffer))


def read_keras_zip(path, buffer):
    """The same for a .keras archive."""
    with library_reads("a .keras archive"), zipfile.ZipFile(path) as archive:
        info = archive.getinfo(KERAS_3_MEMBER)
        refuse_bomb(info.file_size, len(buffer))
        with _opened(io.BytesIO(archive.read(info))) as file:
            return _read(file, len(buffer))


def keras_backend(path):
    """ "theano", "tensorflow", ... if an HDF5 file says which one Keras wrote it on, or else None."""
    with library_reads("HDF5"), _opened(path) as file:
        for group in (file, _root(file)):
            if isinstance(backend := group.attrs.get("backend"), str | bytes):
                return (backend.decode("utf-8", "replace") if isinstance(backend, bytes) else backend).lower()
    return None


@contextlib.contextmanager
def _opened(source):
    """The HDF5 file, also while another program keeps it locked."""
    import h5py

    try:
        try:
            file = h5py.File(source, "r", locking=False)
        except OSError as error:
            if "locking flag" not in str(error):
                raise
            file = h5py.File(source, "r")  # this process has it open already, with locks
    except OSError as error:
        if "open for write" in str(error) or "unable to lock" in str(error):
            raise RefusalError("is open for writing in another program, or the program that wrote it ended before it "
                               "closed the file: wait for it, or clear the mark by `h5clear -s FILE`") from error
        raise
    with file:
        yield file


def _is_own(group, name):
    """Whether a member lies in the group itself and is no link to elsewhere."""
    import h5py

    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _root(file):
    return file["model_weights"] if _is_own(file, "model_weights") else file


def _read(file, packed):
    root, found = _root(file), {}
    for layer in _in_order(root):
        for name, dataset in _arrays_of(layer, root[layer]):
            if name in found:
                raise RefusalError(f"holds {shown(name)} twice: save the intended network by itself")
            native(name, np.empty(0, dataset.dtype))
            found[name] = dataset
    refuse_bomb(sum(dataset.nbytes for dataset in found.values()), packed)
    return {name: np.asarray(dataset[()]) for name, dataset in found.items()}


def _in_order(root):
    """The names of the groups of layers, as the file's "layer_names" has them, the others behind, by number."""
    stated = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
              for name in np.ravel(root.attrs.get("layer_names", ()))]
    own = [name for name in root if _is_own(root, name) and name != "optimizer"]
    return sorted(own, key=lambda name: (stated.index(name) if name in stated else len(stated), _by_number(name)))


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


def _keras_3_name(layer, group, owner):
    """The layer's own name, where the file has it, or what stands before "vars": conv2d_4."""
    own = group[owner].attrs.get("name")
    before = owner.rpartition("/")[0].rpartition("/")[2] or layer
    return own if isinstance(own, str) and own and "/" not in own else before.rpartition("\\")[2]


def _keras_3_role(leaf, count):
    """Keras 3 numbers arrays as they were made: kernel, bias; or those of a batch normalisation."""
    roles = _NORM_ROLES if count == len(_NORM_ROLES) else ("kernel", "bias")
    return roles[int(leaf)] if leaf.isdigit() and int(leaf) < len(roles) else leaf
