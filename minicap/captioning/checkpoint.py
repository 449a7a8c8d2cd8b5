"""Checkpoints: safetensors for arrays, JSON for the rest, no pickle; each file is written completely or not at all.

    DIR/captioner.json       vocabulary, model, features: what captioning needs besides the weights
    DIR/best.safetensors     weights of the best epoch so far, by the dev score
    DIR/last.safetensors     everything needed to resume: weights, their average, optimiser, epoch, random states
    DIR/settings.json        the settings of the run
    DIR/metrics.jsonl        one line per epoch
    DIR/decoding.json        in an exported folder: how its captions are decoded unless options say otherwise

A safetensors file can have a JSON text in its header. What belongs together is in one file, so that it stays
consistent: ``last.safetensors`` is replaced by a single rename.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from ..errors import UserError
from ..files import existing_file, parse_json, read_json, write_json
from ..paths import expanded
from ..schema import Count, fitting
from ..weights.raw import all_finite
from ..writing import replacing
from .decoding.search_settings import DEFAULTS, Decoding
from .features.feature_source import FeatureSource
from .models.settings import settings_from_json, settings_to_json
from .text.vocabulary import Vocabulary

PRETRAINED = Path(__file__).parents[1] / "pretrained"
FORMAT = 2  # raised when an older program could misread a newer checkpoint
READABLE = (1, 2)
READABLE_FORMATS = " or ".join(map(str, READABLE))
# What a file says beside its tensors: best.safetensors the first two, last.safetensors all but "dev".
# The names of the layers of Show, Attend and Tell in format 1, in which the model was not divided into parts.
FORMER_LAYERS = {"scale": "regions.scale", "keys": "regions.keys", "begin": "regions.init_state",
                 "overview": "words.global_projection", "embedding": "words.embedding",
                 "say_state": "output.hidden_to_output", "say_seen": "output.context_to_output",
                 "output": "output.vocabulary"}


class Versioned(TypedDict):
    """What every format has."""

    format: Count


class BestFacts(Versioned):
    """The facts of best.safetensors and, with others, of last.safetensors (trainer.py)."""

    vocabulary: NotRequired[str]                        # Vocabulary.digest
    dev: NotRequired[dict[str, Count | float]]          # the scores of its epoch


class DescriptionFile(Versioned):
    """captioner.json."""

    model: object       # checked by settings_from_json,
    source: object      # FeatureSource.from_json
    vocabulary: object  # and Vocabulary.from_json


def save_tensors(path, tensors, facts):
    """Write ``tensors`` (name -> NumPy array) and ``facts`` (anything JSON can hold) into one file, atomically."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(a) for name, a in tensors.items()}
    data = save(tensors, metadata={"minicap": json.dumps(facts | {"format": FORMAT})})
    with replacing(path) as partial:
        partial.write_bytes(data)  # not save_file, whose error on a full disk is not an OSError


def load_tensors(path, what):
    """The (tensors, facts) of :func:`save_tensors`.

    UserError when the file is missing, damaged or of another kind, or a tensor has values that are not finite.
    """
    from safetensors import SafetensorError, safe_open

    path = existing_file(path, what)
    try:
        with safe_open(path, framework="numpy") as file:
            facts = _facts(file.metadata(), f"{what} {path}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, TypeError, AttributeError) as error:  # the last two: a type NumPy does not have
        raise UserError(f"{what} {path} is damaged or not a safetensors file ({error}); use another copy") from error
    for name, a in tensors.items():
        if not all_finite(a):
            raise UserError(f"{what} {path} holds values that are not finite (nan or inf) in the tensor {name}; "
                            "use another copy, or train again")
    return tensors if facts["format"] == FORMAT else with_todays_names(tensors), facts


def with_todays_names(tensors):
    """The tensors of a checkpoint of format 1 under their present names: "m/keys.W" is "m/regions.keys.W"."""
    if not any(name.endswith("say_seen.W") for name in tensors):  # Show and Tell, whose names have not changed
        return tensors
    former = re.compile(rf"(?P<before>(?:.*/)?(?:captioner\.)?)(?P<layer>{'|'.join(FORMER_LAYERS)})(?P<rest>\..+)")

    def today(name):
        match = former.fullmatch(name)
        return match["before"] + FORMER_LAYERS[match["layer"]] + match["rest"] if match else name

    return {today(name): array for name, array in tensors.items()}


def _facts(metadata, where):
    """The facts in the header of a file. They are read before its tensors, whose types NumPy may not have."""
    try:
        facts = parse_json((metadata or {}).get("minicap", ""), where, Versioned)
    except UserError as error:
        raise UserError(f"{where} was not written by minicap; name a folder written by minicap.train") from error
    if facts["format"] not in READABLE:
        raise UserError(f"{where} has checkpoint format {facts['format']}, this version of minicap reads "
                        f"{READABLE_FORMATS}; use the version that wrote it")
    return fitting(facts, BestFacts, f"the header of {where}")


def split_prefix(tensors, prefix):
    """The entries named ``prefix/...``, without the prefix."""
    return {name[len(prefix) + 1:]: a for name, a in tensors.items() if name.startswith(prefix + "/")}


def with_prefix(tensors, prefix):
    return {f"{prefix}/{name}": a for name, a in tensors.items()}


def pretrained_folders():
    """{name: folder} of the captioners that come with the package."""
    return {folder.name: folder for folder in sorted(PRETRAINED.glob("*")) if (folder / "captioner.json").exists()}


def checkpoint_folder(path):
    """``path`` as a Path, or the folder of the captioner of the package with this name.

    UserError if there is neither such a captioner nor a folder written by training.
    """
    named, path = path, expanded(path)
    if not (path / "captioner.json").exists() and str(named) in pretrained_folders():
        return pretrained_folders()[str(named)]
    if not path.exists():
        raise UserError(f"checkpoint folder {path} does not exist; `python -m minicap.train --out {path}` creates one "
                        f"(and the package has captioners called {' and '.join(pretrained_folders())})")
    if not path.is_dir():
        raise UserError(f"{path} is a file, not a folder that training has written")
    if not (path / "captioner.json").exists():
        raise UserError(f"{path} has no captioner.json, so it is not a checkpoint; name a folder that training has "
                        "written")
    return path


def run_settings(folder, schema=dict[str, object]):
    """The settings of a training run, a dict from its ``settings.json``; UserError if they do not fit ``schema``."""
    return read_json(Path(folder) / "settings.json", "settings of the training run,", schema)


def checkpoint_folders(paths):
    """The folders of ``--checkpoint A,B,C`` as a list; an existing folder may have a comma in its name."""
    one = expanded(paths)
    return [checkpoint_folder(path) for path in ([paths] if one.exists() else paths.split(","))]


@dataclass(frozen=True)
class Description:
    """``captioner.json`` of a checkpoint: ``settings`` of its model, ``source`` of its features, ``vocabulary``."""

    settings: object
    source: FeatureSource | None
    vocabulary: Vocabulary


def read_description(folder):
    """The :class:`Description` of a checkpoint folder; UserError when this version of minicap cannot read it."""
    where = checkpoint_folder(folder) / "captioner.json"
    found = read_json(where, "checkpoint description", Versioned)
    if found["format"] not in READABLE:
        raise UserError(f"{where} is not of checkpoint format {READABLE_FORMATS}; use the version that wrote it")
    fitting(found, DescriptionFile, f"checkpoint description {where}")
    try:
        settings, source = settings_from_json(found["model"]), FeatureSource.from_json(found["source"])
    except UserError as error:
        raise UserError(f"{where} does not describe a model of this version of minicap ({error}); "
                        "use the version that wrote it") from error
    vocabulary = Vocabulary.from_json(found["vocabulary"], where)
    if settings.vocabulary != len(vocabulary):
        raise UserError(f"{where} describes a model of {settings.vocabulary:,} words, but has {len(vocabulary):,}; use "
                        "another copy of the checkpoint")
    return Description(settings, source, vocabulary)


def read_decoding(folder):
    """The settings for decoding that a captioner comes with, :class:`.Decoding`; {} if it has none."""
    path = Path(folder) / "decoding.json"
    found = read_json(path, "settings for decoding", Decoding) if path.exists() else {}
    return {name: found[name] for name in DEFAULTS if name in found}


def write_description(folder, captioner):
    """Write what captioning and resuming need besides the weights."""
    source = None if captioner.source is None else captioner.source.to_json()
    write_json(folder / "captioner.json", {"format": FORMAT, "model": settings_to_json(captioner.settings),
                                           "source": source, "vocabulary": captioner.vocabulary.to_json()})
