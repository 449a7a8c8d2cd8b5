"""The data of a training run, for the programs that use its checkpoint."""

from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import same_path
from .checkpoint import run_settings
from .data import load_dataset
from .decoding.consensus import Consensus
from .features.feature_file import open_features
from .features.feature_paths import array_path, sidecar
from .features.inputs import FeatureInputs, PixelInputs

OF_A_RUN = ("captioner.json", "settings.json", "metrics.jsonl", "best.safetensors", "last.safetensors", "curve.png",
            "samples.png", "scores.json", "README.md")
KEYS = ("data", "data_dir", "splits", "split_seed", "features")


def training_settings(folder, data=None, data_dir=None):
    """The settings that ``minicap.train`` wrote to ``settings.json``, a dict that names the files of the data.

    For another data set than that of the training run, these are None.
    """
    trained = run_settings(folder, *KEYS)
    if data not in (None, trained["data"]):
        return dict.fromkeys(KEYS) | {"data": data}
    before = trained["data_dir"]
    if trained["data"] == "folder" and data_dir is not None and (before is None or not same_path(data_dir, before)):
        trained["features"] = None  # of other pictures, perhaps under the same names
    return trained


def trained_dataset(trained, data_dir=None, splits=None, split_seed=None):
    """The data set of a run; arguments override its settings."""
    return load_dataset(trained["data"], data_dir or trained["data_dir"], splits=splits or trained["splits"],
                        split_seed=trained["split_seed"] if split_seed is None else split_seed)


def expect_new_file(settings, out, folders, trained=None, features=()):
    """UserError when the file that the option ``out`` names is there already and is of another kind, or is one of a
    checkpoint in ``folders``, of the data of a run with the settings ``trained``, or one of the files of ``features``.
    """
    named = getattr(settings, out)
    path = Path(named).expanduser().resolve() if named else None
    if path is None or not path.is_file() or not path.stat().st_size:
        return
    if path.name in OF_A_RUN and path.parent in [Path(folder).resolve() for folder in folders]:
        raise UserError(f"{out}= {named} would replace a part of the checkpoint; name another file")
    if not KINDS[out](path):
        raise UserError(f"{out}= {named} is there already and was not written by this program; name another file")
    if any(same_path(path, file) for array in features if array for file in (array_path(array), sidecar(array))):
        raise UserError(f"{out}= {named} would replace the features that are read; name another file")
    for name in ("data_dir", "splits") if trained else ():
        place = getattr(settings, name, None) or trained[name]
        place = place and Path(place).expanduser().resolve()
        # Captions are read up to a folder below that of the data, pictures deeper.
        if place and (path == place or (place in path.parents and path.suffix != ".html" and (
                path.suffix != ".json" or len(path.relative_to(place).parts) <= 2))):
            raise UserError(f"{out}= {named} is there already, among the data in {place}; name another file")


def _begins(path, begin):
    with open(path, "rb") as file:
        return file.read(len(begin)).lower() == begin


KINDS = {"predictions": lambda path: _begins(path, b"{"), "html": lambda path: _begins(path, b"<!doctype"),
         "attention": lambda path: _begins(path, b"\x89png")}


def feature_files(named, runs):
    """The feature file of each checkpoint: those in ``named``, one for all or for each, or else those of the runs."""
    if named is None:
        return [run["features"] for run in runs]
    names = [named] if len(runs) == 1 else named.split(",")
    if len(names) not in (1, len(runs)):
        raise UserError(f"features= names {len(names)} files for {len(runs)} checkpoints; name one for all or one "
                        "each")
    return names * (len(runs) // len(names))


def split_inputs(captioner, dataset, split, features):
    """The model inputs of a split: pixels, rows of a feature file, or features computed from the pictures on demand."""
    names = dataset.splits[split]
    if captioner.source is None:
        if dataset.name != "shapes":
            raise UserError("this captioner reads the small pictures of data='shapes', not photographs; "
                            "train one with data='flickr8k'")
        return PixelInputs(dataset, names)
    if features is None:
        captioner.expect_network()
        return PictureInputs(captioner, dataset, names)
    file = open_features(features)
    if file.source != captioner.source and captioner.reads_own_features:
        raise UserError(f"{file.path} was not made from the array that this captioner was trained on; name the feature "
                        "file that was made from it, which holds the other splits, too")
    if file.source != captioner.source:
        raise UserError(f"{file.path} was not made by the network this captioner was trained with; extract the "
                        "features again with those weights and that layer")
    return FeatureInputs(file, names)


class PictureInputs:
    """Features computed from the pictures on demand."""

    def __init__(self, captioner, dataset, names):
        self.captioner, self.dataset, self.names = captioner, dataset, list(names)

    def __call__(self, rows):
        size = self.captioner.input_size
        return self.captioner.inputs_of([self.dataset.image(self.names[row], at_least=size) for row in rows])


def make_consensus(settings, captioner, dataset, features):
    """The :class:`.Consensus` for ``settings``, or None. ``features`` names a file that includes the train images."""
    if not settings.mbr_samples and not settings.neighbours:
        return None
    names, pictures = dataset.splits["train"], None
    if settings.neighbours:
        captioner, *_ = captioner.members  # an ensemble uses the similarity of its first member
        if captioner.source is not None and features is None:
            raise UserError("neighbours= needs the features of the train images; name the file with features=")
        inputs = split_inputs(captioner, dataset, "train", features)
        names = inputs.names
        pictures = np.concatenate([captioner.descriptors(inputs(rows))
                                   for rows in np.split(np.arange(len(names)), range(100, len(names), 100))])
    tokenize = captioner.vocabulary.tokenize
    return Consensus([[tokenize(text) for text in dataset.captions[name]] for name in names], pictures,
                     mbr_samples=settings.mbr_samples, neighbours=settings.neighbours, max_length=settings.max_length,
                     seed=settings.seed)
