"""The data of a training run, for the programs that use its checkpoint."""

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
from .features.feature_file import open_features
from .features.feature_source import differences_in_words
from .features.inputs import FeatureInputs, PixelInputs


class RunData(TypedDict):
    """The settings of a training run that name the files of its data."""

    data: Literal["shapes", "flickr8k", "folder"]
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
        raise UserError(f"{file.path} does not hold the features that this captioner was trained on, but others, which "
                        f"differ in {differences_in_words(captioner.source, file.source)}; extract the features again "
                        "with the weights, the layer and the preprocessing= of the training, or train on these")
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
