"""python -m minicap.evaluate: caption a whole split and score it the way the papers do."""

import json
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np

from .captioning.checkpoint import checkpoint_folders
from .captioning.dataset import load_dataset
from .captioning.ensemble import Ensemble, EnsembleInputs
from .captioning.features import open_features
from .captioning.inputs import FeatureInputs, PixelInputs
from .captioning.metrics import score_captions
from .captioning.report import write_report
from .captioning.search_settings import SearchSettings
from .captioning.training import caption_all
from .cli import option, parse_settings, run_program
from .errors import UserError
from .files import read_json, write_json


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(SearchSettings):
    checkpoint: str = option(MISSING, "folder that minicap.train has written; several, for the mean of their "
                             "probabilities, as DIR,DIR", metavar="DIR")
    split: str = option("dev", "choose everything on dev; look at test once", choices=("dev", "test"))
    data: str | None = option(None, "data set (default: the one it was trained on)",
                              choices=("shapes", "flickr8k", "folder"))
    data_dir: str | None = option(None, "folder of the data set (or MINICAP_DATA)", metavar="DIR")
    splits: str | None = option(None, "folder with the split lists, where the data has none", metavar="DIR")
    split_seed: int | None = option(None, "--data folder without split lists: draw them with this seed (default: as in "
                                    "training)", metavar="N")
    weights: str | None = option(None, "VGG weights, where features have to be made (or MINICAP_WEIGHTS)",
                                 metavar="FILE")
    features: str | None = option(None, "features made by minicap.extract (default: those of the training run); for "
                                  "several checkpoints one file for all, or FILE,FILE", metavar="FILE")
    predictions: str | None = option(None, "write the captions here, as minicap.score reads them", metavar="FILE")
    html: str | None = option(None, "write a page to look at: scores, curves, pictures with captions, where it looked",
                              metavar="FILE")
    shuffle_images: bool = option(False, "give every caption another image: what is left is recited, not seen")
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    json: bool = option(False, "print the scores as JSON")


def main(argv=None):
    settings = parse_settings(EvaluateSettings, "evaluate", "Caption a split of a data set and score it.", argv)
    folders = checkpoint_folders(settings.checkpoint)
    runs = [training_settings(folder, settings) for folder in folders]
    trained = runs[0]
    captioner = Ensemble.load(folders, weights=settings.weights, device=settings.device)
    dataset = load_dataset(settings.data or trained["data"], settings.data_dir or trained["data_dir"],
                           splits=settings.splits or trained["splits"],
                           split_seed=trained["split_seed"] if settings.split_seed is None else settings.split_seed)
    inputs = [split_inputs(one, dataset, settings.split, features) for one, features in
              zip(getattr(captioner, "captioners", [captioner]), feature_files(settings.features, runs), strict=True)]
    inputs = inputs[0] if len(inputs) == 1 else EnsembleInputs(inputs)
    predictions = caption_all(captioner, inputs, **settings.search())
    if settings.shuffle_images:
        predictions = shuffled(predictions)
    if settings.predictions:
        write_json(settings.predictions, predictions)
    scores = score_captions(predictions, dataset.captions)
    if dataset.name == "shapes":
        from .captioning.shapes_language import judge_captions

        scores["facts"] = judge_captions(predictions, dataset)
    if settings.html:
        write_report(settings.html, captioner, dataset, settings.split, predictions,
                     subtitle=f"{settings.checkpoint}, {settings.search_in_words()}.", history=history_of(folders[0]))
    show(scores, settings)


def history_of(folder):
    """The lines of metrics.jsonl, if the folder has it (an exported one has not)."""
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def training_settings(folder, settings):
    """The dict that ``minicap.train`` wrote into ``settings.json``: where the data was, as far as it is to be used."""
    trained = read_json(folder / "settings.json", "settings of the training run,")
    keys = ("data", "data_dir", "splits", "split_seed", "features")
    if not isinstance(trained, dict) or any(key not in trained for key in keys):
        raise UserError(f"{folder}/settings.json lacks some of {', '.join(keys)}; keep the one training wrote")
    if settings.data not in (None, trained["data"]):
        return dict.fromkeys(keys) | {"data": settings.data}
    if trained["data"] == "folder" and settings.data_dir not in (None, trained["data_dir"]):
        trained["features"] = None  # of other pictures, perhaps under the same names
    return trained


def feature_files(named, runs):
    """The feature file of each checkpoint: those that were named, one for all or one each, or those of its run."""
    if named is None:
        return [run["features"] for run in runs]
    names = [named] if len(runs) == 1 else named.split(",")
    if len(names) not in (1, len(runs)):
        raise UserError(f"--features names {len(names)} files for {len(runs)} checkpoints; name one for all or one "
                        "each")
    return names * (len(runs) // len(names))


def split_inputs(captioner, dataset, split, features):
    """Model inputs of a split: pixels, the rows of a feature file, or features made on the way from the pictures."""
    names = dataset.splits[split]
    if captioner.source is None:
        if dataset.name != "shapes":
            raise UserError("this captioner reads the small pictures of --data shapes, not photographs; "
                            "train one with --data flickr8k")
        return PixelInputs(dataset, names)
    if features is None:
        return PictureInputs(captioner, dataset, names)
    file = open_features(features)
    if file.info["source"] != captioner.source:
        raise UserError(f"{file.path} was not made by the network this captioner was trained with; extract the "
                        "features again with those weights and that layer")
    return FeatureInputs(file, names)


class PictureInputs:
    """Features computed from the pictures when they are asked for."""

    def __init__(self, captioner, dataset, names):
        self.captioner, self.dataset, self.names = captioner, dataset, list(names)

    def __call__(self, rows):
        return self.captioner.inputs_of([self.dataset.image(self.names[row], at_least=224) for row in rows])


def shuffled(predictions):
    """Every image gets the caption of another one."""
    names = list(predictions)
    order = np.random.default_rng(0).permutation(len(names))
    return {names[i]: predictions[names[j]] for i, j in zip(order, np.roll(order, 1), strict=True)}


def show(scores, settings):
    if settings.json:
        print(json.dumps(scores))
        return
    print(f"{settings.split}, {scores['n']} images, {settings.search_in_words()}")
    for key in ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider"):
        print(f"  {key:8} {100 * scores[key]:6.1f}")
    for kind, facts in scores.get("facts", {}).items():
        print(f"  {kind} combinations: " + ", ".join(f"{k} {v:.1%}" for k, v in facts.items() if k != "n")
              + f" of {facts['n']} scenes")
    if settings.html:
        print(f"report written to {Path(settings.html)}", file=sys.stderr)
    if settings.predictions:
        print(f"captions written to {Path(settings.predictions)}", file=sys.stderr)


if __name__ == "__main__":
    run_program(main)
