"""python -m minicap.train: learn to caption; by default the built-in scenes, with nothing to download."""

import dataclasses
import hashlib
import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .backend import get_device
from .captioning.attend import NORMALIZERS
from .captioning.caption_dataset import warn
from .captioning.captioner import Captioner, ModelSettings
from .captioning.checkpoint import FORMAT
from .captioning.dataset import load_dataset
from .captioning.features import open_features
from .captioning.inputs import FeatureInputs, PixelInputs
from .captioning.tokens import tokenize
from .captioning.training import Trainer, caption_all
from .captioning.vocabulary import SPECIAL, Vocabulary
from .cli import option, parse_settings, run_program
from .errors import UserError
from .files import write_json

# What "by data set" means: the settings that were chosen on dev.
RECIPES = {
    "shapes": {"epochs": 13, "batch_size": 64, "lr": 3e-3, "warmup_epochs": 0.5, "embedding": 128, "hidden": 128,
               "drop": 0.0, "min_count": 1, "label_smoothing": 0.0, "average": 0.99, "weight_decay": 0.0,
               "image": "every"},
    "features": {"epochs": 8, "batch_size": 64, "lr": 1e-3, "warmup_epochs": 0.1, "embedding": 512, "hidden": 768,
                 "drop": 0.5, "min_count": 5, "label_smoothing": 0.0, "average": 0.999, "weight_decay": 0.3,
                 "image": "every"},
    "attend": {"epochs": 8, "batch_size": 64, "lr": 1e-3, "warmup_epochs": 0.1, "embedding": 512, "hidden": 512,
               "drop": 0.5, "min_count": 5, "label_smoothing": 0.0, "average": 0.999, "weight_decay": 0.3,
               "attention": 512, "normalize": "channels", "doubly_stochastic": 0.03},
}
LAYERS = {"show-tell": "fc7", "attend": "conv5_4"}  # what is extracted for a model
WHERE = ("data_dir", "splits", "features", "layer", "weights", "device", "out", "resume",
         "gradcheck")  # not what is learned
ONLY = {"show-tell": ("image",), "attend": ("attention", "normalize", "sentinel", "doubly_stochastic")}


@dataclass(frozen=True)
class TrainSettings:
    data: str = option("shapes", "data set", choices=("shapes", "flickr8k", "folder"))
    data_dir: str | None = option(None, "folder of the data set (or MINICAP_DATA)", metavar="DIR")
    splits: str | None = option(None, "folder with the split lists, where the data has none", metavar="DIR")
    split_seed: int | None = option(None, "--data folder without split lists: draw them with this seed", metavar="N")
    weights: str | None = option(None, "VGG weights for the features (or MINICAP_WEIGHTS)", metavar="FILE")
    features: str | None = option(None, "features made by minicap.extract; else they are made first", metavar="FILE")
    mirrored: str | None = option(None, "features of the mirrored train images (extract --split train --mirror), to "
                                  "learn from as well", metavar="FILE")
    layer: str | None = option(None, "which features are made where none are named; by model",
                               choices=("fc7", "conv5_4", "pool5"))
    model: str = option("show-tell", "captioner", choices=("show-tell", "attend"))
    image: str | None = option(None, "read the image as the first word or beside every word; by data set",
                               choices=("first", "every"))
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    out: str | None = option(None, "folder for the checkpoint (else a new one in runs/)", metavar="DIR")
    resume: bool = option(False, "go on with the run in --out")
    gradcheck: bool = option(False, "check the gradients of the model on a real batch, then stop")
    epochs: int | None = option(None, "passes over the training captions; by data set", metavar="N")
    batch_size: int | None = option(None, "captions a step; by data set", metavar="N")
    lr: float | None = option(None, "highest learning rate of Adam; by data set", metavar="X")
    warmup_epochs: float | None = option(None, "epochs in which the learning rate rises, before it falls; by data set",
                                         metavar="X")
    weight_decay: float | None = option(None, "decoupled weight decay (AdamW); by data set", metavar="X")
    clip: float = option(5.0, "largest global gradient norm", metavar="X")
    average: float | None = option(None, "decay of the moving average of the weights; by data set", metavar="X")
    embedding: int | None = option(None, "size E of a word's vector; by data set", metavar="N")
    hidden: int | None = option(None, "size H of the LSTM's state; by data set", metavar="N")
    drop: float | None = option(None, "dropout probability; by data set", metavar="X")
    attention: int | None = option(None, "attend: width A of the attention; by model", metavar="N")
    normalize: str | None = option(None, "attend: scale channels by their deviation in train, or each region to one "
                                   "length; by model", choices=tuple(NORMALIZERS))
    sentinel: bool = option(False, "attend: let it look at its memory instead of the image")
    doubly_stochastic: float | None = option(None, "attend: weight of the term that gives every region its share; by "
                                             "model", metavar="X")
    label_smoothing: float | None = option(None, "share of the target spread over all words; by data set", metavar="X")
    min_count: int | None = option(None, "rarer words of train become <unk>; by data set", metavar="N")
    select: str = option("cider", "dev score that chooses the best epoch", choices=("bleu4", "cider"))
    patience: int = option(5, "stop after so many epochs without a better dev score", metavar="N")
    seed: int = option(0, "of weights, shuffling and dropout", metavar="N")

    def resolved(self):
        """The same settings with every "by data set" filled in."""
        if self.model == "attend" and self.data == "shapes":
            raise UserError("--model attend reads regions of photographs, of which --data shapes has none; use --data "
                            "flickr8k or folder")
        recipe = RECIPES["shapes" if self.data == "shapes" else "attend" if self.model == "attend" else "features"]
        if self.resume and self.out is None:
            raise UserError("--resume needs --out, the folder of the run to go on with")
        chosen = {k: v for k, v in recipe.items() if getattr(self, k) is None}
        settings = dataclasses.replace(self, **chosen, out=self.out or _next_folder(self.data))
        for name, least in (("epochs", 1), ("batch_size", 1), ("embedding", 1), ("hidden", 1), ("min_count", 1),
                            ("patience", 1), ("warmup_epochs", 0), ("weight_decay", 0), ("seed", 0), ("attention", 1),
                            ("doubly_stochastic", 0)):
            if getattr(settings, name) is not None and not getattr(settings, name) >= least:
                raise UserError(f"--{name.replace('_', '-')} has to be at least {least}, got {getattr(settings, name)}")
        for name in ("drop", "label_smoothing", "average"):
            if not 0 <= getattr(settings, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} has to be in [0, 1), got {getattr(settings, name)}")
        for name in ("lr", "clip"):
            if not getattr(settings, name) > 0:
                raise UserError(f"--{name} has to be above 0, got {getattr(settings, name)}")
        return settings

    def identity(self):
        """What decides the result, and so has to be the same when a run is resumed."""
        others = {name for model, names in ONLY.items() if model != self.model for name in names}
        kept = {k: v for k, v in dataclasses.asdict(self).items() if k not in WHERE and k not in others}
        return kept | {"mirrored": bool(self.mirrored)}  # whether, and not where


def _next_folder(data):
    return next(str(p) for n in itertools.count(1) if not (p := Path(f"runs/{data}-{n}")).exists())


def inputs_for(dataset, settings):
    """(split -> model inputs, facts about them): drawn pictures, or the rows of a feature file."""
    if dataset.name == "shapes":
        return {s: PixelInputs(dataset, dataset.splits[s]) for s in ("train", "dev")}, None
    features = open_features(settings.features)
    source = features.info["source"]
    if (len(source["shape"]) > 1) != (settings.model == "attend"):
        wanted = "regions, which --layer conv5_4 or pool5 extracts" if settings.model == "attend" else "fc7"
        raise UserError(f"{features.path} holds {source['layer']} features of shape {tuple(source['shape'])}; --model "
                        f"{settings.model} reads {wanted}")
    mirrored = open_features(settings.mirrored) if settings.mirrored else None
    return {"train": FeatureInputs(features, dataset.splits["train"], mirrored),
            "dev": FeatureInputs(features, dataset.splits["dev"])}, source


def extracted_features(dataset, settings, device):
    """The path of the features of ``dataset``, made now if they are not there."""
    from .captioning.extractor import Extractor, extract
    from .download import data_folder, find_weights

    weights = settings.weights or find_weights("vgg19") or find_weights("vgg16")
    if weights is None:
        raise UserError("where are the VGG weights? Name the file with --weights or in MINICAP_WEIGHTS, fetch it with "
                        "`python -m minicap.download vgg19`, or name extracted features with --features")
    layer = settings.layer or LAYERS[settings.model]
    extractor = Extractor(weights, layer, device)
    name = dataset.name
    if name == "folder":  # two folders may hold different pictures under the same names
        name += "-" + hashlib.sha256(str(Path(settings.data_dir).expanduser().resolve()).encode()).hexdigest()[:8]
    path = data_folder() / "features" / f"{name}-{layer}-{extractor.source.weights_sha256[:8]}.npy"
    extract(dataset, extractor, path)
    return path


def build(settings, dataset, source, device):
    """A captioner with fresh weights for ``dataset``; its vocabulary is train's."""
    train_captions = [tokenize(t) for name in dataset.splits["train"] for t in dataset.captions[name]]
    vocabulary = Vocabulary.from_captions(train_captions, settings.min_count)
    if len(vocabulary) == len(SPECIAL):
        raise UserError(f"no word occurs {settings.min_count} times in the {len(train_captions)} training captions; "
                        "use a smaller --min-count")
    shape = ({"input": "pixels", "side": dataset.side} if source is None
             else {"input": "features", "feature_size": source["shape"][-1]})
    if settings.model == "attend":
        shape |= {name: getattr(settings, name) for name in ONLY["attend"]}
    model_settings = ModelSettings(vocabulary=len(vocabulary), model=settings.model, embedding=settings.embedding,
                                   hidden=settings.hidden, drop=settings.drop, label_smoothing=settings.label_smoothing,
                                   image_every_step=settings.image == "every", **shape)
    model = model_settings.build(np.random.default_rng([settings.seed, 0]), vocabulary.log_frequencies())
    return Captioner(model, vocabulary, model_settings, device, source=source, weights=settings.weights)


def fit_normalization(captioner, inputs, images=256):
    """Let the model take the statistics of its features from some images of train, evenly spread over the split."""
    if captioner.settings.model == "attend" and captioner.settings.normalize == "channels":
        rows = np.unique(np.linspace(0, len(inputs.names) - 1, images).astype(int))
        captioner.model.scale.fit(captioner.device.asarray(inputs(rows)))


def check_gradients_of(trainer, captions=4):
    """Print the gradient check of the real model on the first few captions of a real batch; 0 if all is well."""
    from .captioning.batches import make_batch
    from .gradcheck import check_gradients

    first = next(iter(trainer.batches))
    batch = make_batch([(int(image), words[:n - 1].tolist()) for image, words, n in
                        zip(first.image_index[:captions], first.targets, first.lengths, strict=False)])
    report = check_gradients(trainer.model, *trainer.model_inputs("train", batch), max_elements=30)
    print(report)
    return 0 if report.ok else 1


def check_folder(folder, resume):
    """Refuse to write over another run, or to go on with none."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; name a folder")
    if (folder / "last.safetensors").exists() and not resume:
        raise UserError(f"{folder} already holds a training run; add --resume to go on with it, or name another --out")
    if resume and not (folder / "last.safetensors").exists():
        raise UserError(f"{folder} holds no run to resume; leave out --resume to start one")


def describe_run(folder, settings, captioner):
    """Write what captioning, evaluating and resuming need beside the weights."""
    write_json(folder / "settings.json", dataclasses.asdict(settings))
    write_json(folder / "captioner.json", {"format": FORMAT, "model": dataclasses.asdict(captioner.settings),
                                           "source": captioner.source, "vocabulary": captioner.vocabulary.to_json()})


def main(argv=None):
    settings = parse_settings(TrainSettings, "train", "Train an image captioner.", argv).resolved()
    print("settings: " + ", ".join(f"{k}={v}" for k, v in dataclasses.asdict(settings).items() if v is not None))
    folder = Path(settings.out).expanduser()
    if not settings.gradcheck:
        check_folder(folder, settings.resume)
    unused = [name for name in ("data_dir", "features", "mirrored", "weights") if getattr(settings, name)]
    if unused and settings.data == "shapes":
        warn(f"--{unused[0].replace('_', '-')} is of no use to --data shapes, which are drawn and not read")
    unused = [name for model, names in ONLY.items() if model != settings.model for name in names
              if getattr(settings, name)]
    if unused:
        warn(f"--{unused[0].replace('_', '-')} is of no use to --model {settings.model}")
    device = get_device(settings.device)
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed)
    if dataset.name != "shapes" and settings.features is None:
        settings = dataclasses.replace(settings, features=str(extracted_features(dataset, settings, device)))
    inputs, source = inputs_for(dataset, settings)
    captioner = build(settings, dataset, source, device)
    fit_normalization(captioner, inputs["train"])
    trainer = Trainer(captioner, dataset, inputs, settings, folder)
    if settings.gradcheck:
        return check_gradients_of(trainer)
    print(f"{dataset!r}; {captioner.vocabulary!r}; {captioner.model!r} on {device}")
    if settings.resume:
        trainer.resume()  # before anything is written: a run that these settings do not fit stays as it was
        print(f"going on after epoch {trainer.epoch}")
    describe_run(folder, settings, captioner)
    try:
        best = trainer.run()
    except KeyboardInterrupt as interrupt:
        if not (folder / "last.safetensors").exists():
            raise
        raise KeyboardInterrupt(f"the last checkpoint in {folder} is kept; go on with --resume") from interrupt
    print(f"best epoch {best['epoch']}: dev BLEU-4 {100 * best['bleu4']:.1f}, CIDEr {100 * best['cider']:.1f} (greedy)")
    show(folder, trainer, device)


def show(folder, trainer, device, count=12):
    """Draw the curves and some dev pictures with what the best epoch says about them."""
    from .captioning.plots import save_curves, save_samples, terminal_picture

    captioner = Captioner.load(folder, device=str(device))
    dataset, inputs = trainer.dataset, trainer.inputs["dev"]
    captions = caption_all(captioner, inputs)
    names = inputs.names[:count]
    save_curves(folder / "curve.png", trainer.history)
    save_samples(folder / "samples.png", [dataset.image(n) for n in names], [captions[n] for n in names])
    if sys.stdout.isatty() and os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        print(terminal_picture(dataset.image(names[0])))
    print(f"a dev picture, {names[0]}: {captions[names[0]]}")
    print(f"{len(names)} dev pictures with captions: {folder / 'samples.png'}; learning curves: {folder / 'curve.png'}")


if __name__ == "__main__":
    run_program(main)
