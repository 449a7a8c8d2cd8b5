"""A description of pretrained networks: the outputs that captioners read, and what identifies a network.

A network whose features captioners read (vgg.py) has three attributes:

    model.preprocessing       how pictures become its input; it belongs to the weights (weights/preprocessing.py)
    model.features            {"conv5_4": FeatureLayer(...), ...}: the outputs that captioners read
    model.facts               NetworkFacts: stored with its features, to tell networks apart
"""

import math
import re
from dataclasses import asdict, dataclass

from .errors import UserError
from .layer import Sequential
from .schema import Count, fitting


@dataclass(frozen=True)
class FeatureLayer:
    """One of the outputs of a network that captioners read.

    last       the layer whose output it is: for VGG the ReLU, as in the papers
    channels   the layer whose bias has one number for each channel of the output
    stride     rows (and columns) of the picture per row (and column) of the output; None for one vector per picture
    """

    last: str
    channels: str
    stride: int | None = None

    def shape(self, model):
        """The shape of this output of ``model`` for one picture: (rows, columns, channels) or (channels,)."""
        cells = () if self.stride is None else (model.preprocessing.size // self.stride,) * 2
        return *cells, *model[self.channels].b.shape


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

    def __str__(self):
        if not self.depth:
            return f"{self.family} network"
        return f"{self.family}-{self.depth}{' with batch norm' if self.batch_norm else ''}"


def feature_names(table):
    """All valid names of features: each entry of ``table``, and regions together with a vector, "conv5_4+fc7"."""
    regions = [name for name, layer in table.items() if layer.stride is not None]
    vectors = [name for name, layer in table.items() if layer.stride is None]
    return (*table, *(f"{a}+{b}" for b in vectors for a in regions))


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
        if model.features[part].last not in layers:
            available = ", ".join(n for n, layer in model.features.items() if layer.last in layers)
            raise UserError(f"the weights are of {model!r}, which has no {part}; it has {available}")
    begin = 0 if after is None else layers.index(model.features[after].last) + 1
    for part in parts:
        end = layers.index(model.features[part].last) + 1
        if end < begin:
            raise UserError(f"{part} comes before {after} in the network and cannot be computed from it")
        stages.append(Sequential(**{layer: model.layers[layer] for layer in layers[begin:end]}))
        begin = end
    return stages
