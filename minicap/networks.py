"""Pretrained networks: what belongs to one besides its layers, and a description of the outputs that captioners read.

The networks themselves are in vgg.py and efficientnet.py; pretrained_networks.py finds and loads them.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import getitem

from .backend import Array, for_few
from .errors import UserError
from .layer import Layer, Sequential
from .schema import Count, fitting
from .weights.preprocessing import Preprocessing

VGG, EFFICIENTNET_LITE, UNKNOWN = "VGG", "EfficientNet-Lite", "unknown"  # families; the last is that of own features


@dataclass(frozen=True)
class FeatureLayer:
    """One of the outputs of a network that captioners read.

    last       the layer whose output it is: for VGG the ReLU, as in the papers
    channels   the layer whose bias has one number for each channel of the output
    stride     rows (and columns) of the picture per row (and column) of the output; None for one vector per picture
    pooled     whether this vector is the mean over the map that the layer computes
    """

    last: str
    channels: str
    stride: int | None = None
    pooled: bool = False

    def shape(self, model):
        """The shape of this output of ``model`` for one picture: (rows, columns, channels) or (channels,)."""
        cells = () if self.stride is None else (model.cells(model.preprocessing.size, self.stride),) * 2
        return *cells, *functools.reduce(getitem, self.channels.split("."), model).b.shape

    def read(self, y):
        """The output y (N, ...) of the layer ``last`` -> what captioners read of it."""
        return y.mean(axis=(1, 2)) if self.pooled else y


def name_and_size(part):
    """"lite2-head@340", the layer of a network whose input has 340 x 340 pixels -> ("lite2-head", 340); of a network
    whose input has the size that it was trained with: ("lite2-head", None).
    """
    name, at, size = part.partition("@")
    if not at:
        return name, None
    if not re.fullmatch(r"[1-9][0-9]{1,3}", size, re.ASCII) or not 32 <= int(size) <= 1024:
        raise UserError(f"layer={part!r} has to name a size from 32 to 1024 pixels behind the @, as in {name}@340")
    return name, int(size)


@dataclass(frozen=True)
class NetworkFacts:
    """What identifies a network. ``str()`` is for people; programs compare the fields."""

    family: str
    depth: Count
    batch_norm: bool = False

    @classmethod
    def from_json(cls, value):
        """The facts from a JSON file. Older files have the text of ``repr(model)`` instead."""
        if isinstance(value, dict):
            return cls(**fitting(value, cls, "the description of a network"))
        match = re.fullmatch(r"VGG-(\d+)( with batch norm)?(, without top)?", str(value))
        if match is None:
            raise UserError(f"{value!r} is not a network that this version of minicap knows")
        return cls("VGG", int(match[1]), match[2] is not None)

    def to_json(self):
        return asdict(self)

    @property
    def name(self):
        """What pretrained_networks.py calls such a network, and the download program: "vgg19"."""
        return f"{self.family}{self.depth}".lower()

    def __str__(self):
        if self.family == UNKNOWN:
            return f"{self.family} network"
        hyphen = "" if self.family == EFFICIENTNET_LITE else "-"
        return f"{self.family}{hyphen}{self.depth}{' with batch norm' if self.batch_norm else ''}"


class Network(Sequential):
    """A network whose weights come from a file, and what belongs to them.

    preprocessing   how pictures become its input (weights/preprocessing.py)
    features        {"conv5_4": FeatureLayer(...), ...}: the outputs that captioners read
    facts           NetworkFacts: stored with its features, to tell networks apart
    top             does it have its dense layers, up to the ``classes`` of ImageNet?
    notes           sentences on what was assumed about the file of the weights
    digest          () -> the SHA-256 of that file
    """

    preprocessing: Preprocessing
    features: Mapping[str, FeatureLayer] = {}
    notes: Sequence[str] = ()
    digest: Callable[[], str] | None = None

    def __init__(self, *, facts: NetworkFacts, preprocessing: Preprocessing, top: bool = True, **layers: Layer):
        super().__init__(**layers)
        self.facts, self.preprocessing, self.top = facts, preprocessing, top

    @property
    def classes(self) -> int:
        """The number of classes of a network with its dense layers."""
        *_, last = self.layers.values()
        return last.b.shape[0]

    def keep_for(self, features: str) -> None:
        """Drop the layers behind those that compute these features; UserError when the network does not have them."""
        feature_stages(self, features)
        names = list(self.layers)
        last = max(names.index(self.features[part].last) for part in features.split("+"))
        self.layers, self.top = self.up_to(names[last]).layers, False

    def up_to(self, last: str) -> Sequential:
        """The layers from the first to ``last``, sharing their weights with this network."""
        return self.between(next(iter(self.layers)), last)

    def between(self, first: str, last: str) -> Sequential:
        """The layers from ``first`` to ``last``, sharing their weights with this network."""
        for name in (first, last):
            if name not in self.layers:
                raise ValueError(f"{self!r} has no layer {name!r}; it has {', '.join(self.layers)}")
        names = list(self.layers)
        return Sequential(**{n: self.layers[n] for n in names[names.index(first):names.index(last) + 1]})

    def load(self, tensors: Mapping[str, Array], notes: Sequence[str] = (),
             digest: Callable[[], str] | None = None) -> None:
        """:meth:`.Layer.load_state`, and what is known of the file that the arrays are from.

        For a few pictures (:func:`.few_pictures`) they stay in the file.
        """
        self.load_state(tensors, copy=not for_few())
        self.notes, self.digest = notes, digest

    def __repr__(self):
        return f"{self.facts}{'' if self.top else ', without top'}"


def has_regions(table, name):
    """Whether the features ``name`` ("fc7", "conv5_4+fc7", ...) include regions of the picture, not only a vector."""
    return table[name.split("+")[0]].stride is not None


def feature_shapes(model, name):
    """(the shape of the features ``name`` of one picture, the shapes of their parts).

    The outputs of two layers are flattened and concatenated.
    """
    shapes = tuple(model.features[part].shape(model) for part in name.split("+"))
    return shapes[0] if len(shapes) == 1 else (sum(map(math.prod, shapes)),), shapes


def feature_stages(model, name, after=None):
    """The stages of ``model`` that compute the features ``name``: one Sequential for each of their parts.

    The first starts from the picture or, with ``after``, from the features of that name. Raises UserError when the
    network has no such layer, or these features cannot be computed from those of ``after``.
    """
    layers, stages, parts = list(model.layers), [], name.split("+")
    for part in [*parts, after] if after else parts:
        if part not in model.features or model.features[part].last not in layers:
            available = ", ".join(n for n, layer in model.features.items() if layer.last in layers)
            raise UserError(f"the weights are of {model!r}, which has no {part}; it has {available}")
    begin = 0 if after is None else layers.index(model.features[after].last) + 1
    for part in parts:
        end = layers.index(model.features[part].last) + 1
        if end < begin:
            raise UserError(f"{part} comes before {after} in the network and cannot be computed from it")
        if after is not None and model.features[after].pooled:
            raise UserError(f"{after} is the mean of a map, and {part} is computed from the map")
        stages.append(Sequential(**{layer: model.layers[layer] for layer in layers[begin:end]}))
        begin = end
    return stages
