"""The settings of a training run: every option of ``python -m minicap.train``, and what each is by default.

A default that depends on the data set or the model is None until :meth:`TrainSettings.resolved` looks it up in RECIPES.
"""

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path

from ...cli import option
from ...errors import UserError
from ...files import read_json
from ..checkpoint import checkpoint_folder
from ..models.fine_tune import BLOCKS
from ..models.show_attend_tell import NORMALIZERS, PLACES

# What "by data set" means: the settings that were chosen on dev.
RECIPES = {
    "shapes": {"epochs": 13, "batch_size": 64, "lr": 3e-3, "warmup_epochs": 0.5, "embedding": 128, "hidden": 128,
               "drop": 0.0, "min_count": 1, "label_smoothing": 0.0, "average": 0.99, "weight_decay": 0.0,
               "image": "every", "batches": "length"},
    "features": {"epochs": 8, "batch_size": 64, "lr": 1e-3, "warmup_epochs": 0.1, "embedding": 512, "hidden": 768,
                 "drop": 0.5, "min_count": 5, "label_smoothing": 0.0, "average": 0.999, "weight_decay": 0.3,
                 "image": "every", "batches": "length"},
    "attend": {"epochs": 6, "batch_size": 64, "lr": 1e-3, "warmup_epochs": 0.1, "embedding": 512, "hidden": 512,
               "drop": 0.5, "min_count": 5, "label_smoothing": 0.0, "average": 0.999, "weight_decay": 0.3,
               "attention": 256, "normalize": "channels", "doubly_stochastic": 0.03, "drop_at": "words,output",
               "word_dropout": 0.0, "batches": "image"},
    "cider": {"epochs": 6, "batch_size": 80, "lr": 1e-4, "warmup_epochs": 0.1, "label_smoothing": 0.0, "average": 0.99,
              "weight_decay": 0.0, "drop": 0.0, "word_dropout": 0.0},
}
# What a run takes over from the one it begins with (--init), where nothing else is said.
INHERITED = ("data_dir", "splits", "split_seed", "features", "mirrored", "image", "embedding", "hidden", "drop",
             "min_count", "attention", "normalize", "doubly_stochastic", "drop_at", "word_dropout")
LAYERS = {"show-tell": "fc7", "attend": "conv5_4+fc7"}  # what is extracted for a model
WHERE = ("data_dir", "splits", "features", "layer", "weights", "device", "out", "init",
         "resume", "gradcheck")  # not what is learned
ONLY = {"show-tell": ("image",),
        "attend": ("attention", "normalize", "sentinel", "doubly_stochastic", "drop_at", "word_dropout")}


@dataclass(frozen=True)
class TrainSettings:
    data: str | None = option(None, "data set (default: shapes)", choices=("shapes", "flickr8k", "folder"))
    data_dir: str | None = option(None, "folder of the data set (or MINICAP_DATA)", metavar="DIR")
    splits: str | None = option(None, "folder with the split lists, where the data has none", metavar="DIR")
    split_seed: int | None = option(None, "--data folder without split lists: draw them with this seed", metavar="N")
    weights: str | None = option(None, "VGG weights for the features (or MINICAP_WEIGHTS)", metavar="FILE")
    features: str | None = option(None, "features made by minicap.extract; else they are made first", metavar="FILE")
    mirrored: str | None = option(None, "features of the mirrored train images (extract --split train --mirror), to "
                                  "learn from as well", metavar="FILE")
    layer: str | None = option(None, "which features are made where none are named; by model",
                               choices=("fc7", "conv5_4", "pool5", "pool4", "conv5_4+fc7", "pool5+fc7", "pool4+fc7"))
    model: str | None = option(None, "captioner (default: show-tell)", choices=("show-tell", "attend"))
    image: str | None = option(None, "read the image as the first word or beside every word; by data set",
                               choices=("first", "every"))
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    out: str | None = option(None, "folder for the checkpoint (else a new one in runs/)", metavar="DIR")
    resume: bool = option(False, "go on with the run in --out")
    init: str | None = option(None, "begin with the weights of this run's best epoch, and its model and data",
                              metavar="DIR")
    finetune: str | None = option(None, "a block of VGG that learns too; needs --init, a run on what this block makes, "
                                  "and --features that it reads (pool4 for block5; pool4+fc7 where that run read "
                                  "fc7, too)", choices=tuple(BLOCKS))
    finetune_lr: float = option(1e-5, "highest learning rate of that block", metavar="X")
    objective: str = option("likelihood", "what is to grow: the likelihood of people's captions, or the CIDEr of its "
                            "own (self-critical, needs --init)", choices=("likelihood", "cider"))
    samples: int = option(5, "cider: captions it draws of an image", metavar="N")
    baseline: str = option("greedy", "cider: what a caption's score is compared with, that of the greedy one or the "
                           "mean of the others drawn", choices=("greedy", "others"))
    gradcheck: bool = option(False, "check the gradients of the model on a real batch, then stop")
    epochs: int | None = option(None, "passes over the training captions; by data set", metavar="N")
    batch_size: int | None = option(None, "captions a step; by data set", metavar="N")
    batches: str | None = option(None, "what the captions of a batch share: about their length, or the image, all of "
                                 "its captions; by model", choices=("length", "image"))
    lr: float | None = option(None, "highest learning rate of Adam; by data set", metavar="X")
    warmup_epochs: float | None = option(None, "epochs in which the learning rate rises, before it falls; by data set",
                                         metavar="X")
    schedule: str = option("cosine", "how the learning rate falls after its rise", choices=("cosine", "constant"))
    weight_decay: float | None = option(None, "decoupled weight decay (AdamW); by data set", metavar="X")
    clip: float = option(5.0, "largest global gradient norm", metavar="X")
    average: float | None = option(None, "decay of the moving average of the weights; by data set", metavar="X")
    embedding: int | None = option(None, "size E of a word's vector; by data set", metavar="N")
    hidden: int | None = option(None, "size H of the LSTM's state; by data set", metavar="N")
    drop: float | None = option(None, "dropout probability; by data set", metavar="X")
    drop_at: str | None = option(None, "attend: where there is dropout, some of " + ",".join(PLACES) + "; by model",
                                 metavar="A,B")
    word_dropout: float | None = option(None, "attend: probability that a word is read as <unk>; by model", metavar="X")
    attention: int | None = option(None, "attend: width A of the attention; by model", metavar="N")
    normalize: str | None = option(None, "attend: scale channels by their deviation in train, each region to one "
                                   "length, or nothing; by model", choices=tuple(NORMALIZERS))
    sentinel: bool = option(False, "attend: let it look at its memory instead of the image")
    doubly_stochastic: float | None = option(None, "attend: weight of the term that gives every region its share; by "
                                             "model", metavar="X")
    label_smoothing: float | None = option(None, "share of the target spread over all words; by data set", metavar="X")
    min_count: int | None = option(None, "rarer words of train become <unk>; by data set", metavar="N")
    select: str = option("cider", "dev score that chooses the best epoch", choices=("bleu4", "cider"))
    patience: int = option(5, "stop after so many epochs without a better dev score", metavar="N")
    seed: int = option(0, "of weights, shuffling and dropout", metavar="N")

    def resolved(self):
        """The same settings with every "by data set" or "by model" filled in, and what --init says."""
        settings = dataclasses.replace(self, data=self.data or "shapes", model=self.model or "show-tell")
        if self.init is not None:
            settings = self._inheriting()
        elif self.finetune is not None:
            raise UserError("--finetune goes on from a captioner that has learned on the frozen network; name its run "
                            "with --init")
        elif self.objective == "cider":
            raise UserError("--objective cider learns from the model's own captions, which have to make sense already; "
                            "name a run that was trained by likelihood with --init")
        if settings.model == "attend" and settings.data == "shapes":
            raise UserError("--model attend reads regions of photographs, of which --data shapes has none; use --data "
                            "flickr8k or folder")
        if settings.resume and settings.out is None:
            raise UserError("--resume needs --out, the folder of the run to go on with")
        recipe = RECIPES["shapes" if settings.data == "shapes" else
                         "attend" if settings.model == "attend" else "features"]
        chosen = {k: v for k, v in recipe.items() if getattr(settings, k) is None}
        settings = dataclasses.replace(settings, **chosen, out=settings.out or _next_folder(settings.data))
        settings.check()
        return settings

    def _inheriting(self):
        """With the data and the model of --init, and the recipe of the objective, where nothing else was said."""
        run = read_json(checkpoint_folder(self.init) / "settings.json", "settings of --init,")
        settings = dataclasses.replace(self, data=self.data or run["data"], model=self.model or run["model"],
                                       sentinel=self.sentinel or run["sentinel"],
                                       finetune=self.finetune or run.get("finetune"))
        if settings.model != run["model"]:
            raise UserError(f"--init {self.init} is a run of --model {run['model']}, not of {settings.model}")
        recipe = RECIPES.get(self.objective, {})
        chosen = {k: v for k, v in recipe.items() if getattr(settings, k) is None}
        chosen |= {k: run.get(k) for k in INHERITED if getattr(settings, k) is None and k not in chosen}
        return dataclasses.replace(settings, **chosen)

    def check(self):
        """UserError for a number, or a list of places, that cannot be."""
        for name, least in (("epochs", 1), ("batch_size", 1), ("embedding", 1), ("hidden", 1), ("min_count", 1),
                            ("patience", 1), ("warmup_epochs", 0), ("weight_decay", 0), ("seed", 0), ("attention", 1),
                            ("doubly_stochastic", 0), ("samples", 2 if self.baseline == "others" else 1)):
            if getattr(self, name) is not None and not getattr(self, name) >= least:
                raise UserError(f"--{name.replace('_', '-')} has to be at least {least}, got {getattr(self, name)}")
        for name in ("drop", "label_smoothing", "average", "word_dropout"):
            if getattr(self, name) is not None and not 0 <= getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} has to be in [0, 1), got {getattr(self, name)}")
        for name in ("lr", "clip", "finetune_lr"):
            if not getattr(self, name) > 0:
                raise UserError(f"--{name.replace('_', '-')} has to be above 0, got {getattr(self, name)}")
        wrong = [place for place in self.places() if place not in PLACES]
        if wrong:
            raise UserError(f"--drop-at knows no {wrong[0]!r}; name some of {', '.join(PLACES)}, with commas between")
        if self.finetune is not None and self.model != "attend":
            raise UserError("--finetune needs --model attend, which reads what the block makes")
        if self.objective == "cider" and (self.word_dropout or (self.drop and "regions" in self.places())):
            raise UserError("--objective cider has to draw captions with the same dropout that it learns with, which "
                            "works for words, state and output; leave out regions, and use --word-dropout 0")
        if self.objective == "cider" and self.label_smoothing:
            raise UserError("--label-smoothing smooths people's words, and --objective cider has none; use 0")

    def places(self):
        """Where there is dropout, as a tuple of names."""
        return tuple(place for place in (self.drop_at or "").split(",") if place)

    def identity(self):
        """What decides the result, and so has to be the same when a run is resumed."""
        others = {name for model, names in ONLY.items() if model != self.model for name in names}
        others |= {"samples", "baseline"} if self.objective == "likelihood" else set()
        others |= {"finetune_lr"} if self.finetune is None else set()
        kept = {k: v for k, v in dataclasses.asdict(self).items() if k not in WHERE and k not in others}
        return kept | {"mirrored": bool(self.mirrored)}  # whether, and not where


def _next_folder(data):
    return next(str(p) for n in itertools.count(1) if not (p := Path(f"runs/{data}-{n}")).exists())
