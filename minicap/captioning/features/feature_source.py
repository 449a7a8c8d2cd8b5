"""What features are: everything that determines the numbers in a feature file, as its description holds it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import TypedDict

from ...errors import UserError
from ...networks import UNKNOWN, NetworkFacts
from ...schema import Count, Size, fitting
from ...weights.preprocessing import convention_name

NAMES = {"weights_sha256": "weights", "beside": "second network"}  # of fields, in words
MIRRORED = ", mirrored"  # at the end of FeatureSource.resize in files from before there was FeatureSource.mirrored


class Crop(TypedDict):
    """The numbers of an :class:`.RandomCrop`."""

    area: float
    seed: Count


class PictureSize(TypedDict, total=False):
    """What is read of a network's Preprocessing also without its weights; own arrays have none."""

    size: Size


@dataclass(frozen=True)
class FeatureSource:
    """Everything that determines the numbers. The features in two files are comparable only if their sources are equal.

    layer            "fc7", "conv5_4+fc7", ...
    network          NetworkFacts
    weights_sha256   hex digest of the weights file
    preprocessing    the network's Preprocessing, as a dict
    resize           how pictures were resized, in words
    shape            of one row
    parts            if a row is a concatenation of the outputs of several layers, the shape of each
    mirrored         were pictures flipped horizontally?
    crop             the :class:`.RandomCrop` of the pictures, as a dict; None for whole pictures
    beside           if several networks made a row, the sources of what those behind the first made; shape and parts
                     are those of the whole row
    """

    layer: str
    network: NetworkFacts
    weights_sha256: str
    preprocessing: PictureSize
    resize: str
    shape: tuple[Size, ...]
    parts: tuple[tuple[Size, ...], ...] = ()
    mirrored: bool = False
    crop: Crop | None = None
    beside: tuple = ()

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(self.shape))  # a JSON file has lists
        object.__setattr__(self, "parts", tuple(tuple(part) for part in self.parts))

    @classmethod
    def from_json(cls, value):
        """From the output of :meth:`to_json`, also of older versions; None stays None. UserError for anything else."""
        if value is None:
            return None
        where = "the description of the features"
        network = NetworkFacts.from_json(fitting(value, dict[str, object], where).get("network"))
        beside = tuple(map(cls.from_json, fitting(value.get("beside", []), list[dict[str, object]], where)))
        value = fitting(value | {"network": network.to_json(), "beside": []}, cls, where)
        value |= {"network": network, "beside": beside}
        if value["resize"].endswith(MIRRORED):
            value |= {"resize": value["resize"].removesuffix(MIRRORED), "mirrored": True}
        source = cls(**value)
        if source.parts and source.shape != (sum(map(math.prod, source.parts)),):
            raise UserError(f"{where} is not what belongs there: parts of the shapes {source.parts} do not make a row "
                            f"of {source.shape}; use another copy")
        return source

    def to_json(self):
        described = {**vars(self), "network": self.network.to_json(), "shape": list(self.shape),
                     "parts": [list(part) for part in self.parts], "beside": [one.to_json() for one in self.beside]}
        optional = ("parts", "mirrored", "crop", "beside")
        return {name: value for name, value in described.items() if name not in optional or value}

    @classmethod
    def joined(cls, sources):
        """The source of rows in which those of several networks' features stand behind each other."""
        first, *others = sources
        if not others:
            return first
        parts = tuple(part for source in sources for part in source.parts or (source.shape,))
        return dataclasses.replace(first, layer="+".join(source.layer for source in sources), parts=parts,
                                   shape=(sum(map(math.prod, parts)),), beside=tuple(others))

    def separate(self):
        """The sources of what each network made, in order: the inverse of :meth:`joined`."""
        count = sum(len(other.parts or (other.shape,)) for other in self.beside)
        if not count:
            return (self,)
        parts = self.parts[:-count]
        layer = "+".join(self.layer.split("+")[:len(parts)])
        shape = parts[0] if len(parts) == 1 else (sum(map(math.prod, parts)),)
        first = dataclasses.replace(self, layer=layer, shape=shape, parts=parts if len(parts) > 1 else (), beside=())
        return first, *self.beside

    @classmethod
    def of_own_array(cls, layer, digest, axes, shape):
        """Of an array that somebody brought: nobody but them knows the network. ``digest`` is that of their file."""
        return cls(layer, NetworkFacts(UNKNOWN, 0), digest, {"axes": list(axes)}, "unknown", shape)

    @property
    def networks(self):
        """The networks in words: "VGG-19", "EfficientNet-Lite2 and VGG-19"."""
        return " and ".join(str(source.network) for source in self.separate())

    @property
    def picture_size(self):
        """The largest side, in pixels, to which pictures are resized for its networks; None for own features."""
        return max((source.preprocessing.get("size") or 0 for source in self.separate()), default=0) or None

    @property
    def is_own(self):
        """Whether the network is unknown, because the features were brought as an array."""
        return self.network.family == UNKNOWN

    def as_mirrored(self):
        """The source of the same features of the mirrored pictures."""
        return dataclasses.replace(self, mirrored=True, beside=tuple(other.as_mirrored() for other in self.beside))

    def as_cropped(self, crop):
        """The source of the same features of parts of the pictures, by a RandomCrop or its numbers."""
        crop = crop if crop is None or isinstance(crop, dict) else dataclasses.asdict(crop)
        return dataclasses.replace(self, crop=crop, beside=tuple(other.as_cropped(crop) for other in self.beside))

    def global_size(self):
        """The number of global features after the regions; 0 if there are only regions."""
        return sum(map(math.prod, self.parts[1:]))

    def regions_shape(self):
        """The shape of the first, or only, part of a row: (rows, columns, channels), or (channels,) of fc7."""
        return self.parts[0] if self.parts else self.shape

    def differences(self, other):
        """What differs in another source, in words: "layer", "network", "weights", "preprocessing", ..."""
        return [NAMES.get(name, name) for name, value in vars(self).items() if vars(other)[name] != value]


def differences_in_words(wanted, found):
    """What differs in two sources: "layer, preprocessing of pictures (tf, not torchvision)". None is that of pixels."""
    if wanted is None or found is None:
        return "kind"
    conventions = f"{convention_name(found.preprocessing)}, not {convention_name(wanted.preprocessing)}"
    return ", ".join(wanted.differences(found)).replace("preprocessing", f"preprocessing of pictures ({conventions})")
