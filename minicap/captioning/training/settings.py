"""The settings of a training run: every option of ``python -m minicap.train``, and its default.

Each field states what it is for:

    of           what it belongs to: "show-tell" or "attend" (a model), "cider" (an objective), "finetune", "teachers"
    inherited    with --init, it is taken from the run named there unless it is given
    decides      whether the result depends on it, so that a resumed run has to have the same value

A default that depends on the data set or the model is None until :meth:`TrainSettings.resolved` looks it up in RECIPES.
"""

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict, get_type_hints

from ...cli import check_bounds, option
from ...errors import UserError
from ...pretrained_networks import by_network
from ...vgg import FINE_TUNED
from ...weights.preprocessing import CONVENTIONS
from ..checkpoint import checkpoint_folder, run_settings
from ..data import DATASETS
from ..models.attend_parts import NORMALIZERS
from ..models.settings import DROPOUT_LOCATIONS
from ..text.tokens import TOKENIZERS
from ..text.word_vectors import WordVectors

# The settings that were chosen on dev: for shapes, for each model on photographs, and for the objective cider.
RECIPES = {
    "shapes": {"epochs": 13, "batch_size": 64, "lr": 3e-3, "warmup_epochs": 0.5, "embedding": 128, "hidden": 128,
               "drop": 0.0, "min_count": 1, "label_smoothing": 0.0, "average": 0.99, "weight_decay": 0.0,
               "image": "every", "batches": "length", "select_beam": 1},
    "features": {"epochs": 8, "batch_size": 64, "lr": 1e-3, "warmup_epochs": 0.1, "embedding": 512, "hidden": 768,
                 "drop": 0.5, "min_count": 5, "label_smoothing": 0.0, "average": 0.999, "weight_decay": 0.3,
                 "image": "every", "batches": "length", "select_beam": 3},
    "attend": {"epochs": 6, "batch_size": 64, "lr": 1e-3, "warmup_epochs": 0.1, "embedding": 512, "hidden": 512,
               "drop": 0.5, "min_count": 5, "label_smoothing": 0.0, "average": 0.999, "weight_decay": 0.3,
               "region_size": 0, "attention": 256, "query": "state", "normalize": "channels", "doubly_stochastic": 0.03,
               "drop_at": "words,output", "word_dropout": 0.0, "batches": "image", "select_beam": 3},
    "cider": {"epochs": 6, "batch_size": 80, "lr": 1e-4, "warmup_epochs": 0.1, "label_smoothing": 0.0, "average": 0.99,
              "weight_decay": 0.0, "drop": 0.0, "word_dropout": 0.0},
}
# What runs had that are from before there was such a setting.
FORMERLY = {"select_beam": 1, "region_size": 0, "query": "state", "consensus_weight": 0.0}
FEATURES_OF = {"show-tell": "fc7", "attend": "conv5_4+fc7"}  # the features that are extracted for a model
DATA, MODEL, LEARNING = "data and features", "model", "optimisation"
FINE_TUNING, RUN = "starting from another run", "the run"


def setting(default, help, group, *, of=None, inherited=False, decides=True, recipe=None, **facts):
    """An option of the training program, see the top of this file; ``recipe`` is its name in RECIPES, for the help."""
    help += f" (default: {recipe_defaults(recipe)})" if recipe else ""
    return option(default, help, group=group, of=of, inherited=inherited, decides=decides, **facts)


def recipe_defaults(name):
    """The values of a setting in RECIPES, in words: "13 for shapes, 8 for show-tell, 6 for attend, 6 for cider"."""
    values = {"show-tell" if key == "features" else key: recipe[name] for key, recipe in RECIPES.items()
              if name in recipe}
    if len(set(values.values())) == 1:
        return str(next(iter(values.values())))
    return ", ".join(f"{value} for {key}" for key, value in values.items())


@dataclass(frozen=True)
class TrainSettings:
    data: str | None = setting(None, "data set (default: shapes)", DATA, choices=DATASETS)
    data_dir: str | None = setting(None, "folder of the data set (default: MINICAP_DATA, or downloaded data)", DATA,
                                   metavar="DIR", inherited=True, decides=False)
    splits: str | None = setting(None, "folder with the split lists (default: those of the data set)", DATA,
                                 metavar="DIR", inherited=True, decides=False)
    split_seed: int | None = setting(None, "--data folder without split lists: split at random with this seed", DATA,
                                     metavar="N", inherited=True, least=0)
    features: str | None = setting(None, "features written by minicap.extract (default: extract them first)", DATA,
                                   metavar="FILE", inherited=True, decides=False)
    mirrored: str | None = setting(None, "features of the mirrored training images (extract --split train --mirror), "
                                   "to train on as well", DATA, metavar="FILE", inherited=True)
    augmented: str | None = setting(None, "features of parts of the training images (extract --split train "
                                    "--random-crop), to train on as well; FILE,FILE,... for several", DATA,
                                    metavar="FILE", inherited=True)
    layer: str | None = setting(None, "features to extract without --features (default: "
                                + ", ".join(f"{layer} for {model}" for model, layer in FEATURES_OF.items())
                                + "), as for minicap.extract", DATA, metavar="LAYER", decides=False)
    weights: str | None = setting(None, "weights of the network for extracting features (default: MINICAP_WEIGHTS, "
                                  "downloaded or installed weights)", DATA, metavar="FILE", decides=False)
    preprocessing: str | None = setting(None, "what these weights expect of pictures (default: found out)", DATA,
                                        choices=tuple(CONVENTIONS), decides=False)
    min_count: int | None = setting(None, "words with fewer occurrences in the training captions become <unk>", DATA,
                                    recipe="min_count", metavar="N", inherited=True, least=1)
    tokenizer: str | None = setting(None, "split captions into words, or also into characters where a script has no "
                                    "spaces between words (default: words)", DATA, choices=tuple(TOKENIZERS),
                                    inherited=True, decides=False)  # its effect, the vocabulary, is compared instead

    model: str | None = setting(None, "captioner (default: show-tell)", MODEL, choices=tuple(FEATURES_OF))
    embedding: int | None = setting(None, "size E of the word vectors", MODEL, recipe="embedding", metavar="N",
                                    inherited=True, least=1)
    embeddings: str | None = setting(None, "begin with these word vectors, whose size --embedding then is: GloVe's "
                                     "text, word2vec's text or binary, also .gz", MODEL, metavar="FILE", decides=False)
    embeddings_frozen: bool = setting(False, "keep the word vectors of --embeddings, or those of the run in --init, as "
                                      "they are", MODEL)
    hidden: int | None = setting(None, "size H of the LSTM's state", MODEL, recipe="hidden", metavar="N",
                                 inherited=True, least=1)
    drop: float | None = setting(None, "dropout probability", MODEL, recipe="drop", metavar="X", inherited=True,
                                 least=0, below=1)
    image: str | None = setting(None, "show-tell: read the image before the first word or together with every word",
                                MODEL, recipe="image", choices=("first", "every"), of="show-tell", inherited=True)
    attention: int | None = setting(None, "attend: width A of the attention", MODEL, recipe="attention", metavar="N",
                                    of="attend", inherited=True, least=1)
    region_size: int | None = setting(None, "attend: size D' to which the regions are projected first; 0 leaves them "
                                      "as they are", MODEL, recipe="region_size", metavar="N", of="attend",
                                      inherited=True, least=0)
    query: str | None = setting(None, "attend: ask the attention with the LSTM's state alone, or with the word that is "
                                "read as well", MODEL, recipe="query", choices=("state", "word"), of="attend",
                                inherited=True)
    normalize: str | None = setting(None, "attend: standardise each channel over the training images, scale each "
                                    "region to one length, or neither", MODEL, recipe="normalize",
                                    choices=tuple(NORMALIZERS), of="attend", inherited=True)
    sentinel: bool = setting(False, "attend: adaptive attention, which can attend to the LSTM's memory instead of the "
                             "image", MODEL, of="attend")
    doubly_stochastic: float | None = setting(None, "attend: weight of the penalty that makes the attention to each "
                                              "region sum to 1 over a caption", MODEL, recipe="doubly_stochastic",
                                              metavar="X", of="attend", inherited=True, least=0)
    drop_at: str | None = setting(None, "attend: where dropout is applied, some of " + ",".join(DROPOUT_LOCATIONS),
                                  MODEL, recipe="drop_at", metavar="A,B", of="attend", inherited=True)
    word_dropout: float | None = setting(None, "attend: probability that an input word is replaced by <unk>", MODEL,
                                         recipe="word_dropout", metavar="X", of="attend", inherited=True, least=0,
                                         below=1)

    epochs: int | None = setting(None, "passes over the training data", LEARNING, recipe="epochs", metavar="N", least=1)
    batch_size: int | None = setting(None, "captions per batch", LEARNING, recipe="batch_size", metavar="N", least=1)
    batches: str | None = setting(None, "group captions of similar length, or all captions of an image, into a batch",
                                  LEARNING, recipe="batches", choices=("length", "image"))
    lr: float | None = setting(None, "peak learning rate of Adam", LEARNING, recipe="lr", metavar="X", above=0)
    warmup_epochs: float | None = setting(None, "epochs of linear warm-up", LEARNING, recipe="warmup_epochs",
                                          metavar="X", least=0)
    schedule: str = setting("cosine", "learning rate after the warm-up", LEARNING, choices=("cosine", "constant"))
    weight_decay: float | None = setting(None, "decoupled weight decay, as in AdamW", LEARNING, recipe="weight_decay",
                                         metavar="X", least=0)
    label_smoothing: float | None = setting(None, "fraction of the target probability spread over all words", LEARNING,
                                            recipe="label_smoothing", metavar="X", least=0, below=1)
    consensus_weight: float = setting(0.0, "how much more the reference captions count that agree with the others of "
                                      "their image: 0 not at all, 1 in proportion to their CIDEr", LEARNING,
                                      metavar="X", least=0)
    clip: float = setting(5.0, "largest global norm of the gradient", LEARNING, metavar="X", above=0)
    average: float | None = setting(None, "decay of the moving average of the weights", LEARNING, recipe="average",
                                    metavar="X", least=0, below=1)
    seed: int = setting(0, "random seed of weights, shuffling and dropout", LEARNING, metavar="N", least=0)

    init: str | None = setting(None, "start with the model, data and best weights of this training run", FINE_TUNING,
                               metavar="DIR", decides=False)
    objective: str = setting("likelihood", "maximise the likelihood of the reference captions, or the CIDEr of "
                             "captions sampled from the model (self-critical training, needs --init)", FINE_TUNING,
                             choices=("likelihood", "cider"))
    samples: int = setting(5, "cider: captions to sample for each image", FINE_TUNING, metavar="N", of="cider", least=1)
    baseline: str = setting("greedy", "cider: compare the reward of a sampled caption with that of the greedy caption, "
                            "or with the mean of the other samples", FINE_TUNING, choices=("greedy", "others"),
                            of="cider")
    teachers: str | None = setting(None, "learn the probabilities of these runs as well, on the same features: "
                                   "knowledge distillation; DIR,DIR for the mean of several", FINE_TUNING,
                                   metavar="DIR")
    distill: float = setting(0.5, "how much the probabilities of the teachers count, the references counting the rest",
                             FINE_TUNING, metavar="X", of="teachers", least=0,
                             below=1)
    finetune: str | None = setting(None, "block of VGG to fine-tune; needs --init with a run on the features that this "
                                   "block computes, and --features with its input (for block5 pool4, or pool4+fc7 if "
                                   "that run also read fc7)", FINE_TUNING, choices=tuple(FINE_TUNED))
    finetune_lr: float = setting(1e-5, "peak learning rate of the fine-tuned block", FINE_TUNING, metavar="X",
                                 of="finetune", above=0)

    out: str | None = setting(None, "folder for the checkpoint (default: a new one in runs/)", RUN, metavar="DIR",
                              decides=False)
    resume: bool = setting(False, "continue the run in --out", RUN, decides=False)
    select: str = setting("cider", "dev score that selects the best epoch", RUN, choices=("bleu4", "cider"))
    select_beam: int | None = setting(None, "width of the beam search for the dev captions of an epoch; 1 is greedy",
                                      RUN, recipe="select_beam", metavar="N", least=1, below=10_000)
    patience: int = setting(5, "stop after N epochs without a better dev score", RUN, metavar="N", least=1)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N", RUN, decides=False)
    tensorboard: bool = setting(False, "log the figures for TensorBoard, too (extra tensorboard)", RUN, decides=False)
    gradcheck: bool = setting(False, "only check the gradients of the model on an actual batch", RUN, decides=False)

    def resolved(self):
        """The same settings with the values of --init, and all defaults that depend on data set or model, filled in."""
        settings = dataclasses.replace(self, data=self.data or "shapes", model=self.model or "show-tell")
        if self.init is not None:
            settings = self._inheriting()
        elif self.finetune is not None:
            raise UserError("finetune= continues the training of a captioner on the frozen network; name that run "
                            "with init=")
        elif self.objective == "cider":
            raise UserError("objective='cider' learns from the model's own captions, which have to make sense already; "
                            "name a run that was trained by likelihood with init=")
        if settings.model == "attend" and settings.data == "shapes":
            raise UserError("model='attend' reads regions of photographs, not data='shapes'; use data='flickr8k'")
        if settings.resume and settings.out is None:
            raise UserError("resume= needs out=, the folder of the run to continue")
        if self.embeddings is not None:
            settings = dataclasses.replace(settings, embedding=self._vector_size())
        elif self.embeddings_frozen and self.init is None:
            raise UserError("embeddings_frozen= keeps word vectors that are given; name them with embeddings=")
        recipe = RECIPES["shapes" if settings.data == "shapes" else
                         "attend" if settings.model == "attend" else "features"]
        chosen = {k: v for k, v in recipe.items() if getattr(settings, k) is None}
        settings = dataclasses.replace(settings, **chosen, out=settings.out or next_folder(settings.data))
        settings.check()
        return settings

    def _vector_size(self):
        if self.init is not None:
            raise UserError("init= begins with the word vectors of its run; leave out embeddings=, or start without "
                            "init=")
        vectors = WordVectors(self.embeddings)
        if self.embedding not in (None, vectors.size):
            raise UserError(f"embedding= ({self.embedding}) does not fit {vectors.path}, whose words have "
                            f"{vectors.size} numbers each; leave it out")
        return vectors.size

    def _inheriting(self):
        """With the data and model of --init, and the recipe of the objective, unless they are given."""
        run = self._settings_of_init()
        settings = dataclasses.replace(self, data=self.data or run["data"], model=self.model or run["model"],
                                       sentinel=self.sentinel or run["sentinel"],
                                       finetune=self.finetune or run.get("finetune"))
        if settings.model != run["model"]:
            raise UserError(f"init= {self.init} is a run of model={run['model']!r}, not of {settings.model}")
        recipe = RECIPES.get(self.objective, {})
        chosen = {k: v for k, v in recipe.items() if getattr(settings, k) is None}
        chosen |= {field.name: run.get(field.name) for field in dataclasses.fields(self) if field.metadata["inherited"]
                   and getattr(settings, field.name) is None and field.name not in chosen}
        return dataclasses.replace(settings, **chosen)

    def _settings_of_init(self):
        """The settings of the run in --init; UserError, naming its file, for what no run can have had."""
        folder = checkpoint_folder(self.init)
        taken = {field.name for field in dataclasses.fields(self) if field.metadata["inherited"]} | {"finetune"}
        former = {name: value for name, value in FORMERLY.items() if name in taken}
        run = dict.fromkeys(taken) | former | run_settings(folder, RUN)
        try:
            check_bounds(TrainSettings(**{name: run[name] for name in (*taken, "data", "model")}))
        except UserError as error:
            raise UserError(f"{folder / 'settings.json'} is damaged, {error}; keep the one that training wrote") \
                from error
        return run

    def check(self):
        """UserError for invalid settings, or those that do not go together."""
        check_bounds(self)
        if self.layer is not None:
            by_network(self.layer)
        if self.objective == "cider" and self.baseline == "others" and self.samples < 2:
            raise UserError(f"samples= has to be at least 2 for baseline='others', not {self.samples}")
        wrong = [location for location in self.dropout_locations() if location not in DROPOUT_LOCATIONS]
        if wrong:
            raise UserError(f"drop_at= does not know {wrong[0]!r}; name some of {', '.join(DROPOUT_LOCATIONS)}, "
                            "separated by commas")
        if self.finetune is not None and self.model != "attend":
            raise UserError("finetune= needs model='attend', which reads the features that the block computes")
        if self.objective == "cider" and (self.word_dropout or (self.drop and "regions" in self.dropout_locations())):
            raise UserError("objective='cider' has to sample captions and learn from them with the same dropout, which "
                            "works for words, state and output; leave out regions, and set word_dropout= to 0")
        if self.teachers and (self.objective == "cider" or self.data == "shapes"):
            raise UserError("teachers= needs features of photographs and objective='likelihood'; leave it out")
        if self.objective == "cider" and self.label_smoothing:
            raise UserError("label_smoothing= smooths the words of reference captions, which objective='cider' "
                            "does not use; set it to 0")

    def dropout_locations(self):
        return tuple(location for location in (self.drop_at or "").split(",") if location)

    def applies(self, field):
        """Whether a field has an effect on this run."""
        what = field.metadata["of"]
        return what in (None, self.model, self.objective, self.finetune and "finetune", self.teachers and "teachers")

    def of_use(self):
        """{name: value} of the fields that have an effect and are not None."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if self.applies(field)}
        return {name: value for name, value in values.items() if value is not None}

    def identity(self):
        """The settings that decide the result, and so have to be the same when a run is resumed."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)
                  if field.metadata["decides"] and self.applies(field)}
        values |= {"mirrored": bool(self.mirrored), "embeddings": self.embeddings is not None or None,
                   "augmented": len(self.augmented.split(",")) if self.augmented else None,
                   "teachers": len(self.teachers.split(",")) if self.teachers else None,
                   "embeddings_frozen": self.embeddings_frozen or None}
        # None, as in the checkpoints from before there were word vectors and the others
        return {name: None if FORMERLY.get(name) == value else value for name, value in values.items()}


# The settings in settings.json, of this version or another; these three are in all of them.
RUN = TypedDict("RUN", {name: kind if name in ("data", "model", "sentinel") else NotRequired[kind]
                        for name, kind in get_type_hints(TrainSettings).items()})


def next_folder(data):
    """The first folder runs/DATA-1, runs/DATA-2, ... that is not there."""
    return next(str(p) for n in itertools.count(1) if not (p := Path(f"runs/{data}-{n}")).exists())
