"""python -m minicap.export: a trained captioner as one small folder that can be shared.

    OUT/captioner.json      vocabulary, model, and the network whose features it reads
    OUT/best.safetensors    the weights: matrices in float16, which is half the size, vectors in float32
    OUT/settings.json       the settings of the training run, without the paths of the machine it ran on
    OUT/scores.json         the dev scores of the epoch that the weights are from, and those in --scores, if given
    OUT/decoding.json       --beam, --length-penalty, ...: how its captions are decoded unless options say otherwise
    OUT/README.md           a model card (Mitchell et al. 2019): what the model is, its scores, uses and limits

``caption``, ``evaluate`` and :meth:`.Captioner.load` accept the folder as a checkpoint; all they need besides are the
weights of the network whose features it reads. With ``--onnx`` it is a folder for ONNX Runtime and other engines
instead, which needs neither these weights nor minicap, or a file for a classifier (onnx_export/files.py).
"""

import os
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path
from textwrap import fill
from typing import NotRequired, TypedDict

import numpy as np

from .captioning.captioner import Captioner
from .captioning.checkpoint import (
    checkpoint_folder,
    load_tensors,
    read_description,
    run_settings,
    save_tensors,
    write_description,
)
from .captioning.decoding.search_settings import DEFAULTS, BeamSettings
from .captioning.scoring.metrics import TITLES
from .classify import MARGIN, names_for, read_classes
from .cli import option, parse_settings, run_program, warn_of_no_effect
from .errors import UserError, warn
from .files import read_json, write_json, write_text
from .locks import locked
from .networks import VGG
from .onnx_export.files import check_classifier_output, write_captioner, write_classifier
from .onnx_export.graph import onnx_package
from .paths import expanded
from .pretrained_networks import load_network, tell_assumptions
from .terminal import shown
from .weights import existing_weights
from .weights.preprocessing import CONVENTIONS
from .writing import new_folder

LARGEST = 60_000_000  # bytes; a larger folder is hard to send
PATHS = ("data_dir", "splits", "features", "mirrored", "augmented", "weights", "embeddings", "out")

CARD = """# A captioner trained by minicap

| | |
|---|---|
| model | `{model}` |
| input | {reads} |
| trained on | {data}, seed {seed}, {epochs} |
| vocabulary | {words} words of the training captions |
| weights | float16 matrices, {megabytes:.1f} MB |

## Use

    python -m minicap.{use}

## Scores

In per cent, CIDEr × 100. The dev scores are with {decoding}; the epoch was chosen by them.

{scores}

## Intended use and limits

{limits}
"""
OF_SCENES = "It knows drawn scenes and nothing else, and describes a photograph as if it were one."
OF_PICTURES = ("It imitates the captions of {data}: it knows few words, gets counts, colours and positions "
               "wrong{people}, and describes any picture with confidence. Nothing important should depend on its "
               "captions.")
PEOPLE = {"man", "men", "woman", "women", "boy", "boys", "girl", "girls", "his", "her"}  # words that tell their sex


@dataclass(frozen=True, kw_only=True)
class ExportSettings(BeamSettings):
    checkpoint: str = option(MISSING, "folder written by minicap.train; with --onnx also weights of VGG or "
                             "EfficientNet-Lite, a classifier", positional=True, metavar="DIR")
    out: str = option(MISSING, "folder to create; for a classifier the file, CLASSIFIER.onnx", positional=True,
                      metavar="OUT")
    scores: str | None = option(None, "scores to include, as `evaluate --split test --json` prints them",
                                metavar="FILE")
    onnx: bool = option(False, "write ONNX models, for ONNX Runtime and other engines")
    weights: str | None = option(None, "--onnx: the weights of the network that were used in training; FILE,FILE for "
                                 "two networks (default: MINICAP_WEIGHTS, downloaded or installed weights)",
                                 metavar="FILE")
    preprocessing: str | None = option(None, "--onnx, of a classifier: what the weights expect of pictures (default: "
                                       "found out)", choices=tuple(CONVENTIONS))


def main(argv=None):
    settings = parse_settings(ExportSettings, "export", "Export a trained captioner to a small folder.", argv)
    out = expanded(settings.out)
    with locked(out):
        if not settings.onnx:
            warn_of_no_effect(settings, ("weights", "preprocessing"), "without onnx=")
            export(settings, out)
        elif expanded(settings.checkpoint).is_file():
            export_classifier(settings, out)
        else:
            export_models(settings, out)


def export(settings, out):
    """Write the folder ``out``."""
    check_new(out)
    source = checkpoint_folder(settings.checkpoint)
    captioner = Captioner.load(source, device="cpu")  # checks that the files belong together
    scores = scores_of(source, settings.scores)
    with new_folder(out) as partial:
        write(partial, source, captioner, scores)
        if settings.given():
            write_json(partial / "decoding.json", settings.given())
        size = sum(file.stat().st_size for file in partial.iterdir())
    print(f"{out}: {size / 1e6:.1f} MB", file=sys.stderr)
    if size > LARGEST:
        warn(f"that is more than {LARGEST / 1e6:.0f} MB; train with a smaller --hidden or --embedding")


def check_new(out):
    if os.path.lexists(out):
        raise UserError(f"{out} is already there; name a folder that does not exist yet")


def export_models(settings, out):
    """Write the folder ``out`` with the ONNX models of a captioner."""
    onnx_package()
    check_new(out)
    warn_of_no_effect(settings, ("scores", "preprocessing"), "with onnx=")
    captioner = Captioner.load(settings.checkpoint, weights=settings.weights, device="cpu")
    size = write_captioner(out, captioner, DEFAULTS | captioner.decoding | settings.given())
    print(f"{out}: {size / 1e6:.1f} MB", file=sys.stderr)


def export_classifier(settings, out):
    """Write the file ``out`` with the ONNX model of a network that classifies pictures."""
    onnx_package()
    check_classifier_output(settings.out)
    warn_of_no_effect(settings, ("scores", "weights", *DEFAULTS), "on a classifier")
    path = existing_weights(settings.checkpoint)
    network = load_network(path, preprocessing=settings.preprocessing)
    if not network.top:
        raise UserError(f"{path} has no dense layers, and so no classes; name a file that has them")
    tell_assumptions(network, path)
    classes = read_classes(names_for(path), network.classes, required=False)
    size = write_classifier(out, network, classes, network.preprocessing.size + MARGIN)
    print(f"{out}: {size / 1e6:.1f} MB", file=sys.stderr)


def scores_of(source, extra):
    """{"dev": scores of the best epoch}, and the scores in the file ``extra`` under its name."""
    _, facts = load_tensors(source / "best.safetensors", "checkpoint")
    scores = {"dev": {key: value for key, value in facts.get("dev", {}).items() if key in TITLES or key == "epoch"}}
    if extra is not None:
        found = read_json(extra, "scores", TypedDict("Scores", {key: NotRequired[float] for key in TITLES}))
        if not any(key in found for key in TITLES):
            raise UserError(f"{extra} contains no scores; it has to be the output of `minicap.evaluate --json`")
        name = Path(extra).name.removesuffix(".json")
        scores[Path(extra).name if name in scores else name] = {k: v for k, v in found.items() if k in TITLES}
    return scores


def write(folder, source, captioner, scores):
    write_description(folder, captioner)
    tensors, facts = load_tensors(source / "best.safetensors", "checkpoint")
    save_tensors(folder / "best.safetensors", {name: to_float16(a, name) for name, a in tensors.items()}, facts)
    settings = run_settings(source, TypedDict("Settings", {"data": str}))
    settings |= {key: None for key in PATHS if key in settings}
    write_json(folder / "settings.json", settings)
    write_json(folder / "scores.json", scores)
    megabytes = (folder / "best.safetensors").stat().st_size / 1e6
    write_text(folder / "README.md", card(source, captioner, settings, scores, megabytes))


def to_float16(a, name):
    """Matrices in float16, vectors (biases, statistics) unchanged. UserError for values beyond float16's range."""
    if a.ndim < 2:
        return a
    if np.abs(a).max(initial=0) > np.finfo(np.float16).max:
        raise UserError(f"the weights {name} exceed 65,504, the largest float16 number; the training run has diverged")
    return a.astype(np.float16)


def card(source, captioner, settings, scores, megabytes):
    """The text of the model card."""
    features = read_description(source).source
    use = "caption photo.jpg --checkpoint DIR"
    if settings["data"] == "shapes":
        reads = f"drawn scenes of {captioner.input_size} × {captioner.input_size} pixels, by a network of its own"
        use = "evaluate --checkpoint DIR --split dev"
    elif features is None:
        reads = "small pictures, by a network of its own"
    elif features.is_own:
        reads = (f"an array of features with SHA-256 {features.weights_sha256[:16]}…; by which network is not known, "
                 "so it cannot read pictures")
        use = "evaluate --checkpoint DIR --features FILE --data-dir DATA"
    else:
        reads = "; ".join(f"{one.layer} of {one.network}, weights with SHA-256 {one.weights_sha256[:16]}…, {one.resize}"
                          for one in features.separate())
        if any(one.network.family == VGG for one in features.separate()):
            use += " --weights VGG.h5"
    lines = ["| | " + " | ".join(TITLES.values()) + " |", "|---" * (len(TITLES) + 1) + "|"]
    for which, found in scores.items():
        cells = [f"{100 * found[key]:.1f}" if key in found else "" for key in TITLES]
        lines.append(f"| {which} | " + " | ".join(cells) + " |")
    epochs = f"{settings.get('epochs')} epochs"
    if epoch := scores["dev"].get("epoch"):
        epochs += f" (the weights are of epoch {epoch})"
    beam = settings.get("select_beam") or 1  # of runs from before there was this setting
    people = PEOPLE & set(captioner.vocabulary.words)
    limits = OF_SCENES if settings["data"] == "shapes" else OF_PICTURES.format(
        data=settings["data"], people=", guesses the sex of people from its training captions" if people else "")
    text = CARD.format(model=repr(captioner.model).split("\n")[0], reads=reads, data=settings["data"],
                       seed=settings.get("seed"), epochs=epochs, words=len(captioner.vocabulary), megabytes=megabytes,
                       use=use, scores="\n".join(lines), decoding="greedy decoding" if beam == 1 else f"beam {beam}",
                       limits=fill(f"For studying how a captioner works, and for comparison. {limits}", 118))
    return shown(text, None, keep="\n")


if __name__ == "__main__":
    run_program(main)
