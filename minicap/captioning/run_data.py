"""The data of a training run, for the programs that use its checkpoint."""

import tempfile
from dataclasses import MISSING, dataclass
from typing import Literal, TypedDict

import numpy as np

from ..cli import option
from ..errors import UserError
from ..paths import same_path
from ..weights.preprocessing import CONVENTIONS
from .checkpoint import run_settings
from .data import load_dataset
from .decoding.consensus import Consensus
from .decoding.search_settings import SearchSettings
from .ensemble import EnsembleInputs
from .features.feature_file import open_features
from .features.feature_source import differences_in_words
from .features.inputs import FeatureInputs, PixelInputs


class RunData(TypedDict):
    """The settings of a training run that name the files of its data."""

    data: Literal["shapes", "flickr8k", "flickr30k", "coco", "folder"]
    data_dir: str | None
    splits: str | None
    split_seed: int | None
    features: str | None


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings(SearchSettings):
    """The options of all programs that caption with a checkpoint."""

    checkpoint: str = option(MISSING, "folder written by minicap.train, or the name of a captioner of the package "
                             "(flickr8k, shapes); DIR,DIR,... for an ensemble, which averages the probabilities of its "
                             "members", metavar="DIR")
    preprocessing: str | None = option(None, "what the weights expect of pictures (default, and all that works: as in "
                                       "training)", choices=tuple(CONVENTIONS))


def training_settings(folder, data=None, data_dir=None):
    """The settings that ``minicap.train`` wrote to ``settings.json``, a dict that names the files of the data.

    For another data set than that of the training run, these are None.
    """
    trained = run_settings(folder, RunData)
    if data not in (None, trained["data"]):
        return dict.fromkeys(RunData.__annotations__) | {"data": data}
    before = trained["data_dir"]
    if trained["data"] == "folder" and data_dir is not None and (before is None or not same_path(data_dir, before)):
        trained["features"] = None  # of other pictures, perhaps under the same names
    return trained


def trained_dataset(trained, data_dir=None, splits=None, split_seed=None, pictures=True):
    """The data set of a run; arguments override its settings. It has to have ``pictures`` where there are no features.
    """
    return load_dataset(trained["data"], data_dir or trained["data_dir"], splits=splits or trained["splits"],
                        split_seed=trained["split_seed"] if split_seed is None else split_seed, pictures=pictures)


def feature_files(named, runs):
    """The feature file of each checkpoint: those in ``named``, one for all or for each, or else those of the runs."""
    return [run["features"] for run in runs] if named is None else one_each(named, len(runs), "features")


def one_each(named, count, option):
    """The files in ``named``, "FILE" or "FILE,FILE,...", for ``count`` checkpoints."""
    names = [named] if count == 1 else named.split(",")
    if len(names) not in (1, count):
        raise UserError(f"{option}= names {len(names)} files for {count} checkpoints; name one for all or one each")
    return names * (count // len(names))


def model_inputs(captioner, dataset, split, files, mirrored=None):
    """The model inputs of a split for a captioner or an ensemble, whose members read ``files``.

    With ``mirrored``, as many files of the mirrored pictures: those for :func:`.with_mirror` of it.
    """
    inputs = [split_inputs(member, dataset, split, *of_member) for member, *of_member in
              zip(captioner.members, files, mirrored or [None] * len(files), strict=True)]
    inputs += [of_member.mirrored for of_member in inputs if mirrored]
    return inputs[0] if len(inputs) == 1 else EnsembleInputs(inputs)


def split_inputs(captioner, dataset, split, features, mirrored=None):
    """The model inputs of a split: pixels, rows of a feature file, or features computed from the pictures on demand.

    With the file of ``mirrored`` pictures, which goes with a feature file, the inputs have the mirrored ones, too.
    """
    names = dataset.splits[split]
    if captioner.source is None:
        if dataset.name != "shapes":
            raise UserError("this captioner reads the small pictures of data='shapes', not photographs; "
                            "train one with data='flickr8k'")
        return PixelInputs(dataset, names)
    if features is None:
        captioner.expect_network()
        if mirrored is not None:
            raise UserError("mirrored= goes with features= of the same pictures as they are; name that file, too")
        return PictureInputs(captioner, dataset, names)
    file = open_features(features)
    if file.source != captioner.source and captioner.reads_own_features:
        raise UserError(f"{file.path} was not made from the array that this captioner was trained on; name the feature "
                        "file that was made from it, which holds the other splits, too")
    if file.source != captioner.source:
        raise UserError(f"{file.path} does not hold the features that this captioner was trained on, but others, which "
                        f"differ in {differences_in_words(captioner.source, file.source)}; extract the features again "
                        "with the weights, the layer and the preprocessing= of the training, or train on these")
    return FeatureInputs(file, names, None if mirrored is None else open_features(mirrored))


class PictureInputs:
    """Features computed from the pictures on demand."""

    def __init__(self, captioner, dataset, names):
        self.captioner, self.dataset, self.names = captioner, dataset, list(names)

    def __call__(self, rows):
        size = self.captioner.input_size
        return self.captioner.inputs_of([self.dataset.image(self.names[row], at_least=size) for row in rows])


def make_consensus(settings, captioner, dataset, files):
    """The :class:`.Consensus` for ``settings``, or None. ``files``, of all members, hold the train images, too."""
    if not settings.mbr_samples and not settings.neighbours:
        return None
    names, descriptors = dataset.splits["train"], None
    if settings.neighbours:
        if any(member.source is not None and file is None
               for member, file in zip(captioner.members, files, strict=True)):
            raise UserError("neighbours= needs the features of the train images; name the file with features=")
        inputs = model_inputs(captioner, dataset, "train", files)
        names = inputs.names
        descriptors = on_disk(captioner.descriptors(inputs(rows))
                              for rows in np.split(np.arange(len(names)), range(100, len(names), 100)))
    tokenize = captioner.vocabulary.tokenize
    return Consensus(([tokenize(text) for text in dataset.captions[name]] for name in names), descriptors,
                     mbr_samples=settings.mbr_samples, neighbours=settings.neighbours, max_length=settings.max_length,
                     seed=settings.seed)


def on_disk(parts):
    """The rows of ``parts``, arrays (n, G), as one memory-mapped array in a file without a name, gone when it is.

    Descriptors of the 113,000 training images of COCO are 2 GB, which are read a block at a time.
    """
    rows = 0
    with tempfile.TemporaryFile() as file:
        for part in parts:
            file.write(np.ascontiguousarray(part))
            rows += len(part)
        file.flush()
        return np.memmap(file, part.dtype, "r", shape=(rows, *part.shape[1:]))
