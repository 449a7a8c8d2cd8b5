"""The settings of each model: the argument of its constructor, and its description in a checkpoint."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ...errors import UserError
from ...schema import Count, Fraction, Size, Within, fitting
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

    input: Literal["pixels", "features"]
    vocabulary: Size
    embedding: Size = 512
    hidden: Size = 512
    drop: Fraction = 0.5
    label_smoothing: Fraction = 0.0
    image_every_step: bool = False
    side: Annotated[int, Within(1, 4097)] | None = None
    feature_size: Size | None = None

    finetune: ClassVar[None] = None


@dataclass(frozen=True, kw_only=True)
class ShowAttendTellSettings:
    """For show_attend_tell.py.

    vocabulary          V, the number of words
    feature_size        D, the channels of a region
    global_size         G, the number of global features after the regions, such as fc7; 0 for none
    region_size         D', to which the regions are projected before everything else; 0 leaves them as they are
    attention           A, the width of the attention
    query_word          attention is asked with the word just read, too, not only with the LSTM's state
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

    vocabulary: Size
    feature_size: Size
    global_size: Count = 0
    attention: Size = 512
    embedding: Size = 512
    hidden: Size = 512
    drop: Fraction = 0.5
    dropout_at: tuple[Literal[DROPOUT_LOCATIONS], ...] = ("words", "output")
    word_dropout: Fraction = 0.0
    label_smoothing: Fraction = 0.0
    normalize: Literal["channels", "length", "none"] = "channels"
    sentinel: bool = False
    doubly_stochastic: float = 0.0
    region_size: Count = 0
    query_word: bool = False
    finetune: Literal[*FINE_TUNED] | None = None

    side: ClassVar[None] = None  # it reads features, not pictures


KINDS = {settings.kind: settings for settings in (ShowTellSettings, ShowAttendTellSettings)}
INPUT_SIZE = {"pixels": "side", "features": "feature_size"}
FORMER_NAMES = {"model": "kind", "whole": "global_size", "drop_at": "dropout_at"}  # in checkpoints of format 1


def settings_to_json(settings):
    return {"kind": settings.kind} | dataclasses.asdict(settings)


def settings_from_json(value):
    """The settings from a checkpoint. UserError when they do not describe a model of this version.

    Format 1 had one list of names for both models: those of the other model are ignored.
    """
    where = "the description of the model"
    value = {FORMER_NAMES.get(name, name): v for name, v in fitting(value, dict[str, object], where).items()}
    kind = fitting(value.pop("kind", "show-tell"), Literal[*KINDS], f"{where}, its kind,")
    names = {field.name for field in dataclasses.fields(KINDS[kind])}
    others = {field.name for kind in KINDS.values() for field in dataclasses.fields(kind)} - names
    value = fitting({name: v for name, v in value.items() if name not in others}, KINDS[kind], where)
    settings = KINDS[kind](**{name: tuple(v) if isinstance(v, list) else v for name, v in value.items()})
    if kind == "show-tell" and getattr(settings, INPUT_SIZE[settings.input]) is None:
        raise UserError(f"{where} is not what belongs there: {INPUT_SIZE[settings.input]} is missing; use another copy")
    return settings
