"""The two files of features, by the name of either: the array, ``vgg-0.1.npy``, and its description, ``vgg-0.1.json``.

Names are never cut at a dot, and a file of such a name that minicap has not written is never overwritten. Features that
several machines have made are several such pairs, ``vgg-0.1.1-of-2.npy``, ..., with one ``vgg-0.1.json`` for them all.
"""

import os

from ...errors import UserError
from ...files import existing_file, read_json
from ...paths import expanded, is_stream

OTHERS = (".mat", ".npz", ".h5", ".hdf5", ".pkl", ".pickle", ".pt", ".pth", ".safetensors", ".csv", ".tsv")


def array_path(path):
    """Where the array of ``path`` stands, which names it with ``.npy`` or without, or names its description."""
    given, path = path, expanded(path)
    if path.name in ("", "..") or os.fspath(given).endswith(("/", os.sep)):
        raise UserError(f"{given} is a folder; name a file of features")
    if is_stream(path):
        raise UserError(f"{given} is a device or a pipe; name a file of features")
    return path if path.suffix == ".npy" else path.with_name(_without(".json", path.name) + ".npy")


def sidecar(path):
    """Where the description of ``path`` stands."""
    array = array_path(path)
    return array.with_name(_without(".npy", array.name) + ".json")


def partial_path(path):
    """Where the array stands while it is being written."""
    array = array_path(path)
    return array.with_name(_without(".npy", array.name) + ".partial.npy")


def marks_path(path):
    """Where a byte for each image says meanwhile whether its row is there."""
    partial = partial_path(path)
    return partial.with_name(_without(".npy", partial.name) + ".done")


def shard_path(path, number, count):
    """Where the array stands that the machine of this number, from 1, writes of the features ``path``."""
    array = array_path(path)
    return array.with_name(f"{_without('.npy', array.name)}.{number}-of-{count}.npy")


def _without(ending, name):
    return name.removesuffix(ending)  # in this case only: a.npy and a.NPY are two files, with two descriptions


def existing_array(path):
    named, array = expanded(path), array_path(path)
    if not array.exists() and named.exists() and _without(".json", named.name) == named.name:
        raise UserError(f"{named} is not a feature file of minicap, whose names end in .npy; {_import(named)}")
    if not array.exists() and not named.exists() and named.suffix.lower() in OTHERS:
        raise UserError(f"feature file {named} does not exist; check the path (and import what is no feature file of "
                        "minicap by `python -m minicap.extract --from-array`)")
    if not array.exists() and (former := named.with_suffix(".npy")).exists():  # what minicap 0.1 made of "vgg-0.1"
        raise UserError(f"feature file {array} does not exist; if you mean {former}, name that")
    return existing_file(array, "feature file")


def existing_description(array):
    path = sidecar(array)
    if not path.exists():
        raise UserError(f"{array} has no description {path.name} beside it, so it is not a feature file of minicap; "
                        + _import(array))
    return path


def _import(path):
    return (f"if it holds features of your own, import them by `python -m minicap.extract --from-array {path} --out "
            "FILE.npy`, and name that file")


def check_not_somebody_elses(path):
    """UserError where writing features to ``path`` would overwrite a file that minicap has not written."""
    array, description = array_path(path), sidecar(path)
    for file in (array, description):
        if file.is_dir():
            raise UserError(f"{file} is a folder; out= has to be a file")
        if is_stream(file):
            raise UserError(f"{file} is a device or a pipe; out= has to be a file")
    if array.stem.lower().endswith(".partial"):
        raise UserError(f"out= {path}: names in .partial are those of unfinished features; choose another one")
    if description.exists() and not _is_description(description):
        raise UserError(f"{description}, where the description of {array.name} has to be, is there already and was not "
                        "written by minicap; it is not overwritten, so choose another name with out=")
    if array.exists() and not description.exists():
        raise UserError(f"{array} is there already and was not written by minicap, whose feature files have a "
                        "description beside them; it is not overwritten, so choose another name with out=")


def _is_description(path):
    try:
        info = read_json(path)
    except UserError:
        return False
    return isinstance(info, dict) and (is_index(info) or ("images" in info and isinstance(info.get("source"), dict)))


def is_index(description):
    """Whether a description, as JSON has it, is that of features in several files."""
    return isinstance(description, dict) and description.keys() == {"shards", "images_sha256"}
