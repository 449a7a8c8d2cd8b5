"""The settings of each model: the argument of its constructor, and its description in a checkpoint."""

import dataclasses
import typing
from dataclasses import dataclass
from typing import ClassVar

from ...vgg import FINE_TUNED

DROPOUT_LOCATIONS = ("regions", "words", "state", "output")  # of Show, Attend and Tell


@dataclass(frozen=True, kw_only=True)
class ShowTellSettings:
    """For show_tell.py.

    input              "pixels": pictures of ``side`` pixels, read by the model's own CNN; "features": vectors of
                       ``feature_size`` numbers, such as fc7
    vocabulary         V, the number of words
    embedding          E, the size of a word vector
    hidden             H, the size of the LSTM's state
    drop               probability of dropout, on the words and on the LSTM's output
    image_every_step   read the image together with every word, instead of before the first
    """

    kind: ClassVar[str] = "show-tell"

    input: str
    vocabulary: int
    embedding: int = 512
    hidden: int = 512
    drop: float = 0.5
    label_smoothing: float = 0.0
    image_every_step: bool = False
    side: int | None = None
    feature_size: int | None = None

    finetune: ClassVar[None] = None


@dataclass(frozen=True, kw_only=True)
class ShowAttendTellSettings:
    """For show_attend_tell.py.

    vocabulary          V, the number of words
    feature_size        D, the channels of a region
    global_size         G, the number of global features after the regions, such as fc7; 0 for none
    attention           A, the width of the attention
    embedding, hidden   E and H
    drop, dropout_at    probability of dropout, and where: some of DROPOUT_LOCATIONS
    word_dropout        probability that a word is read as <unk>
    normalize           "channels" (each to mean 0 and standard deviation 1 over train), "length" (each region to one
                        length) or "none"
    sentinel            the model can attend to its memory instead of the image (Lu et al. 2017)
    doubly_stochastic   the weight λ of eq. 14
    finetune            a block of VGG that is part of the model (fine_tune.py)
    """

    kind: ClassVar[str] = "attend"

    vocabulary: int
    feature_size: int
    global_size: int = 0
    attention: int = 512
    embedding: int = 512
    hidden: int = 512
    drop: float = 0.5
    dropout_at: tuple = ("words", "output")
    word_dropout: float = 0.0
    label_smoothing: float = 0.0
    normalize: str = "channels"
    sentinel: bool = False
    doubly_stochastic: float = 0.0
    finetune: str | None = None

    side: ClassVar[None] = None  # it reads features, not pictures


KINDS = {settings.kind: settings for settings in (ShowTellSettings, ShowAttendTellSettings)}
CHOICES = {"input": ("pixels", "features"), "normalize": ("channels", "length", "none"), "finetune": FINE_TUNED}
INPUT_SIZE = {"pixels": "side", "features": "feature_size"}
LEAST, MOST = {"global_size": 0}, 1 << 24  # of whole numbers; the least of all others is 1
FORMER_NAMES = {"model": "kind", "whole": "global_size", "drop_at": "dropout_at"}  # in checkpoints of format 1


def settings_to_json(settings):
    return {"kind": settings.kind} | dataclasses.asdict(settings)


def settings_from_json(value):
    """The settings from a checkpoint. TypeError, ValueError or KeyError when no model of this version has them.

    Format 1 had one list of names for both models: those of the other model are ignored.
    """
    value = {FORMER_NAMES.get(name, name): v for name, v in value.items()}
    settings_class = KINDS[value.pop("kind", "show-tell")]
    names = {field.name for field in dataclasses.fields(settings_class)}
    others = {field.name for kind in KINDS.values() for field in dataclasses.fields(kind)} - names
    settings = settings_class(**{name: v for name, v in value.items() if name not in others})
    if settings.kind == "attend":
        settings = dataclasses.replace(settings, dropout_at=tuple(settings.dropout_at))
    _check(settings)
    return settings


def _check(settings):
    """TypeError or ValueError for a setting of another type, or that no model can have."""
    types = typing.get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        name, value = field.name, getattr(settings, field.name)
        if value is None and type(None) in typing.get_args(types[name]):
            continue
        kind = next(iter(typing.get_args(types[name])), types[name])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise TypeError(f"{name} is {value!r:.60}")
        allowed = (value in CHOICES[name] if name in CHOICES else
                   set(value) <= set(DROPOUT_LOCATIONS) if kind is tuple else
                   0 <= value < (float("inf") if name == "doubly_stochastic" else 1) if kind is float else
                   LEAST.get(name, 1) <= value <= MOST if kind is int else True)
        if not allowed:
            raise ValueError(f"{name} is {value!r:.60}")
    if settings.kind == "show-tell" and getattr(settings, INPUT_SIZE[settings.input]) is None:
        raise ValueError(f"{INPUT_SIZE[settings.input]} is missing")
