"""python -m minicap.evaluate: caption all images of a split and score the captions as the papers do."""

import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from .captioning.captioner import caption_all
from .captioning.checkpoint import checkpoint_folders, run_settings
from .captioning.data import DATASETS
from .captioning.ensemble import Ensemble, with_mirror
from .captioning.reporting.report import is_report, write_report
from .captioning.reporting.sharpness import Sharpness
from .captioning.run_data import (
    CheckpointSettings,
    feature_files,
    make_consensus,
    model_inputs,
    one_each,
    trained_dataset,
    training_settings,
)
from .captioning.scoring.metrics import score_captions, warn_of_flaws
from .captioning.text.tokens import TOKENIZERS
from .captioning.training.settings import RUN, TrainSettings
from .captioning.training.trainer import Line
from .cli import option, parse_settings, run_program
from .files import is_json_of_ours, read_json_lines, write_json
from .locks import locked

ATTENTION_IMAGES = 100  # of the split, for how sharp attention is: a thousand words, and a small part of the time


def is_file_of_predictions(path):
    return is_json_of_ours(path, lambda captions: isinstance(captions, dict)
                           and all(isinstance(caption, str) for caption in captions.values()))


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(CheckpointSettings):
    split: str = option("dev", "the images: make every choice on dev, and use test only once", choices=("dev", "test"))
    data: str | None = option(None, "data set (default: that of the training run)",
                              choices=DATASETS)
    data_dir: str | None = option(None, "folder of the data set (default: as in training, or MINICAP_DATA)",
                                  metavar="DIR")
    splits: str | None = option(None, "folder with the split lists (default: as in training)", metavar="DIR")
    split_seed: int | None = option(None, "--data folder without split lists: split at random with this seed (default: "
                                    "as in training)", metavar="N", least=0)
    weights: str | None = option(None, "weights of the network, where features have to be computed; FILE,FILE for "
                                 "two networks (default: MINICAP_WEIGHTS, downloaded or installed weights)",
                                 metavar="FILE")
    features: str | None = option(None, "features written by minicap.extract (default: those of the training run); for "
                                  "several checkpoints one file for all, or FILE,FILE,...", metavar="FILE")
    mirrored: str | None = option(None, "features of the mirrored images (extract --split dev --mirror): average the "
                                  "probabilities over each picture and its mirror image; for several checkpoints as "
                                  "--features", metavar="FILE")
    predictions: str | None = option(None, "write the captions to this file, which minicap.score reads", metavar="FILE",
                                     writes=is_file_of_predictions)
    tokenizer: str | None = option(None, "split captions into words, or also into characters where a script has no "
                                   "spaces between words, to score them (default: as in training)",
                                   choices=tuple(TOKENIZERS))
    html: str | None = option(None, "write a page with scores, learning curves, captioned pictures and attention",
                              metavar="FILE", writes=is_report)
    shuffle_images: bool = option(False, "give every image the caption of another one, to see which scores are reached "
                                  "without looking at the image")
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    json: bool = option(False, "print the scores as JSON")


def main(argv=None):
    settings = parse_settings(EvaluateSettings, "evaluate", "Caption a split of a data set and score it.", argv)
    with locked(settings.predictions, settings.html):
        evaluate(settings)


def evaluate(settings):
    """Caption the split, score it, and write and print what is asked for."""
    folders = checkpoint_folders(settings.checkpoint)
    runs = [training_settings(folder, settings.data, settings.data_dir) for folder in folders]
    captioner = Ensemble.load(folders, weights=settings.weights, preprocessing=settings.preprocessing,
                              device=settings.device)
    settings = settings.resolved(captioner.decoding)
    files = feature_files(settings.features, runs)
    dataset = trained_dataset(runs[0], settings.data_dir, settings.splits, settings.split_seed, pictures=None in files)
    inputs = model_inputs(captioner, dataset, settings.split, files)
    views = (captioner, inputs)
    if settings.mirrored:
        views = (with_mirror(captioner), model_inputs(captioner, dataset, settings.split, files,
                                                      one_each(settings.mirrored, len(runs), "mirrored")))
    predictions = caption_all(*views, consensus=make_consensus(settings, captioner, dataset, files),
                              **settings.search())
    attention = attention_of(captioner, folders, inputs, predictions)
    if settings.shuffle_images:
        predictions = shuffled(predictions)
    if settings.predictions:
        write_json(settings.predictions, predictions)
    tokenizer = settings.tokenizer or captioner.vocabulary.tokenizer
    warn_of_flaws(predictions, dataset.captions, tokenizer)
    scores = score_captions(predictions, dataset.captions, tokenizer)
    if dataset.name == "shapes":
        from .captioning.data.shapes_language import judge_captions

        scores["facts"] = judge_captions(predictions, dataset)
    if attention:
        scores["attention"] = [{"checkpoint": name, **vars(sharpness)} for name, sharpness in attention.items()]
    if settings.html:
        history = history_of(folders[0])
        write_report(settings.html, captioner, dataset, settings.split, predictions,
                     subtitle=f"{settings.checkpoint}, {settings.describe()}.", attention=sentences(attention),
                     facts=scores.get("facts", {}), history=history,
                     settings=settings_of(folders[0]) if history else {})
    show(scores, attention, settings)


def attention_of(captioner, folders, inputs, predictions):
    """{folder: its :class:`.Sharpness`} for every checkpoint with attention, on the first images of the split."""
    if not any(member.attends for member in captioner.members):
        return {}
    names = inputs.names[:ATTENTION_IMAGES]
    x, captions = inputs(np.arange(len(names))), [predictions[name] for name in names]
    of_members = x if isinstance(captioner, Ensemble) else (x,)
    found = {str(folder): Sharpness.of([alpha for alpha, _ in member.attention_of_inputs(x, captions)])
             for folder, member, x in zip(folders, captioner.members, of_members, strict=True) if member.attends}
    return {folder: sharpness for folder, sharpness in found.items() if sharpness is not None}


def sentences(attention):
    """The output of :func:`attention_of` in words."""
    return [f"attention, first {sharpness.captions} images{f', {folder}' if len(attention) > 1 else ''}: {sharpness}"
            for folder, sharpness in attention.items()]


def history_of(folder):
    """The lines of metrics.jsonl, if there is one (an exported folder has none)."""
    path = folder / "metrics.jsonl"
    return read_json_lines(path, "learning curves", Line) if path.exists() else []


def settings_of(folder):
    """{name: value} of the settings of a training run that had an effect."""
    known = {field.name for field in fields(TrainSettings)}
    found = {name: value for name, value in run_settings(folder, RUN).items() if name in known}
    return TrainSettings(**found).of_use()


def shuffled(predictions):
    """Every image gets the caption of another one."""
    names = list(predictions)
    order = np.random.default_rng(0).permutation(len(names))
    return {names[i]: predictions[names[j]] for i, j in zip(order, np.roll(order, 1), strict=True)}


def show(scores, attention, settings):
    if settings.json:
        print(json.dumps(scores))
        return
    print(f"{settings.split}, {scores['n']} images, {settings.describe()}")
    for key in ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider"):
        print(f"  {key:8} {100 * scores[key]:6.1f}")
    for kind, facts in scores.get("facts", {}).items():
        print(f"  {kind} combinations: " + ", ".join(f"{k} {v:.1%}" for k, v in facts.items() if k != "n")
              + f" of {facts['n']} scenes")
    for sentence in sentences(attention):
        print(f"  {sentence}")
    if settings.html:
        print(f"report written to {Path(settings.html)}", file=sys.stderr)
    if settings.predictions:
        print(f"captions written to {Path(settings.predictions)}", file=sys.stderr)


if __name__ == "__main__":
    run_program(main)
