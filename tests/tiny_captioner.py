"""A data set of twelve pictures, their features, and captioners that are trained on them in a second.

    folder = write_folder(tmp_path / "data")                    pictures, captions.csv and split lists
    features = write_features(tmp_path / "features.npy")        six numbers a picture: its colour, blurred
    regions = write_regions(tmp_path / "regions.npy")           the same in a grid of 2 x 2 regions, for --model attend
    run_train(tmp_path / "run", folder, features, "--epochs", 2)

    captioner = pixel_captioner()                               fresh weights, reads small pictures
    save_checkpoint(tmp_path / "run", captioner)                as training leaves it
"""

import numpy as np
from PIL import Image

from minicap import train
from minicap.backend import CPU
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import save_tensors, write_description
from minicap.captioning.features.feature_source import FeatureSource
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowTellSettings
from minicap.captioning.text.vocabulary import Vocabulary
from minicap.files import write_json
from minicap.networks import NetworkFacts

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (20, 40, 230)}
NAMES = tuple(f"{colour}-{i}.png" for i in range(4) for colour in COLOURS)
SPLITS = {"train": NAMES[:6], "dev": NAMES[6:9], "test": NAMES[9:]}
SOURCE = FeatureSource("fc7", NetworkFacts("VGG", 19), "0" * 64, {"order": "RGB", "size": 224}, "whole image squashed",
                       (6,))


def captions_of(name):
    colour = name.split("-")[0]
    return (f"a {colour} picture", f"this picture is all {colour}")


def write_folder(folder):
    """The twelve pictures as ``--data folder`` takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        Image.new("RGB", (40, 30), COLOURS[name.split("-")[0]]).save(folder / name)
    (folder / "captions.csv").write_text("image,caption\n" + "".join(
        f"{name},{caption}\n" for name in NAMES for caption in captions_of(name)))
    for split, names in SPLITS.items():
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
    return folder


def write_features(path, names=NAMES, unreadable=(), **source):
    """A feature file (N, 6) with its description; ``source`` overrides what it is said to come from."""
    rng = np.random.default_rng(0)
    colours = np.array([COLOURS[name.split("-")[0]] for name in names]) / 100
    blur = rng.normal(0, 0.1, (len(names), 6))
    np.save(path, (np.hstack([colours, 3 - colours]) + blur).astype(np.float16))
    write_json(path.with_suffix(".json"), {"source": SOURCE.to_json() | source, "unreadable": list(unreadable),
                                           "images": list(names)})
    return path


def write_regions(path, names=NAMES, **source):
    """The features of :func:`write_features` in one of four regions of each picture, noise in the others."""
    write_features(path, names, **{"layer": "conv5_4", "shape": [2, 2, 6]} | source)
    rng, features = np.random.default_rng(1), np.load(path)
    regions = rng.normal(0, 0.3, (len(names), 4, 6)).astype(np.float16)
    regions[np.arange(len(names)), np.arange(len(names)) % 4] += features
    np.save(path, regions.reshape(-1, 2, 2, 6))
    return path


def train_arguments(out, folder, features, *more):
    """The command line of a training run that takes a fraction of a second; ``more`` comes last and so counts."""
    return [str(a) for a in ("--data", "folder", "--data-dir", folder, "--features", features, "--out", out,
                             "--device", "cpu", "--min-count", 1, "--embedding", 8, "--hidden", 12, "--batch-size", 5,
                             "--epochs", 4, "--lr", 0.02, "--average", 0.5, "--label-smoothing", 0.1, *more)]


def run_train(out, folder, features, *more):
    """Train in this process; returns the folder ``out``."""
    train.main(train_arguments(out, folder, features, *more))
    return out


def vocabulary():
    return Vocabulary.from_captions([text.split() for name in NAMES for text in captions_of(name)], min_count=1)


def pixel_captioner(side=8, seed=0, **settings):
    """A captioner of pictures of ``side`` pixels with random weights, with another caption for each."""
    words = vocabulary()
    settings = ShowTellSettings(input="pixels", vocabulary=len(words), embedding=6, hidden=7, side=side,
                                image_every_step=True, **settings)
    model = build_model(settings, np.random.default_rng(seed))
    for name, p in model.named_parameters():
        scale = {"output.W": 100, "encoder.project.W": 10}.get(name, 1)
        p.data = (scale * p.data).astype(np.float32)
    return Captioner(model, words, settings, CPU)


def save_checkpoint(folder, captioner):
    """The two files of a checkpoint that captioning needs."""
    folder.mkdir(parents=True, exist_ok=True)
    write_description(folder, captioner)
    save_tensors(folder / "best.safetensors", captioner.model.state(), {"vocabulary": captioner.vocabulary.digest})
    return folder
