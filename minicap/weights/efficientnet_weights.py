"""The arrays of an EfficientNet-Lite, by our names and in our layouts, from any file that :func:`.read_weights` reads.

    ours                              PyTorch
    kernels      (K, K, C, F)         (F, C, K, K)
    depthwise    (K, K, C)            (C, 1, K, K)
    dense layer  (D, H)               (H, D)

The kernels of the first layer tell whose weights they are: those of Google's three networks, which circulate in several
formats, are compared with some of their numbers, KERNELS. Google's networks want (x - 127) / 128 and TensorFlow's
padding. Timm's names and shapes are also those of a network that timm trained itself (efficientnet_lite0), with another
padding, another ε and another preprocessing, which no name shows; so weights with timm's names have to be Google's.
"""

import dataclasses
import re

import numpy as np

from ..errors import UserError
from . import WeightFile
from .arrays import check_array
from .efficientnet_names import naming
from .preprocessing import CONVENTIONS, EFFICIENTNET_LITE, convention, convention_name
from .refusal import RefusalError

# The middle of the first 16 kernels of each of Google's networks, red, green and blue, in hundredths.
KERNELS = {
    "EfficientNet-Lite0": (
        123, 199, 27, -120, -290, -42, 29, 127, 16, -105, -14, 111, 109, -84, -21, 0, 0, -5, 8, -7, 10, 10, -193, 161,
        -151, -256, -163, 14, -14, 2, -19, -8, -26, 0, 0, 0, 140, 169, 78, -119, -211, -98, 7, -17, -1, 134, 18, 10),
    "EfficientNet-Lite1": (
        -154, -260, -131, -50, -118, -16, 0, 0, 0, -5, -150, 152, -158, 145, 3, -7, 9, 0, 88, 151, 12, -115, 3, 11, 26,
        246, 29, -17, 139, -129, -2, -1, -1, -31, -81, -35, 0, 0, 0, 0, 0, 0, 20, 36, 24, -153, -215, -125),
    "EfficientNet-Lite2": (
        17, -11, -203, 0, 3, 3, 0, 0, 0, -2, 14, -6, 135, 171, 94, -5, 1, 0, -34, -320, -14, -178, -166, -36, 73, 321,
        36, 0, 0, 0, 94, 351, 21, -2, -4, 0, 0, 0, 0, -210, -316, -165, 195, 289, 137, 75, -123, 55),
}
SURE = 0.98  # correlation from which kernels are Google's; with red and blue exchanged it is 0.90 at most
FACTOR = 1.5  # by which their size may differ; for inputs of another scale it differs by 2 and more


class EfficientNetFile:
    """``names``: {our name: the file's}, also of arrays that are no part of the network, under their own names.

    RefusalError, from the constructor and from ``load``, for a file that cannot be read as an EfficientNet-Lite.
    """

    def __init__(self, file: WeightFile, found):
        self.file, self.found, self.names = file, found, found.names

    @classmethod
    def of(cls, file):
        """The EfficientNetFile of a WeightFile, None if it is of another network."""
        found = naming(file.tensors)
        return None if found is None else cls(file, found)

    @property
    def shape(self):
        """What tells the variants apart: (the number of blocks, the channels of the last one)."""
        blocks = [int(match[1]) for match in (re.fullmatch(r"block(\d+)\.project\.W", name) for name in self.names)
                  if match]
        last = self.names.get(f"block{max(blocks, default=0)}.project.W")
        return len(blocks), 0 if last is None else self._array(f"block{max(blocks)}.project.W").shape[-1]

    def load(self, wanted, preprocessing=None):
        """(Preprocessing without the network's size, {our name: array} of the ``wanted`` names, notes).

        UserError when numbers are whole or not finite.
        """
        tensors = {}
        for ours in wanted:
            if ours in self.names:
                check_array(self.names[ours], self.file.tensors[self.names[ours]], ours)
                tensors[ours] = self._array(ours)
            elif ours.endswith(".b") and (W := self.names.get(f"{ours[:-2]}.W")) and not ours.startswith("fc"):
                tensors[ours] = np.zeros(len(self.file.tensors[W]), np.float32)  # batch norm does without it
        found, why = self._preprocessing(tensors["stem.W"] if "stem.W" in tensors else np.empty(0), preprocessing)
        return found, tensors, (f"preprocessing {convention_name(found)}: {why}", *self.found.notes)

    def _preprocessing(self, kernels, wanted):
        """(the Preprocessing, why it is this one)."""
        try:
            name, order = google(kernels)
        except RefusalError:
            if wanted is None:
                raise
            name, order = None, None
        if self.found.is_timm and name is None:
            raise RefusalError("has timm's names, and first kernels that are not Google's, so that its padding and its "
                               "batch norm's ε are unknown: use timm's tf_efficientnet_lite0, 1 or 2, or the file of "
                               "efficientnet-lite-pytorch")
        if wanted is not None:
            return convention(wanted), "as it was given"
        if name is not None:
            return dataclasses.replace(EFFICIENTNET_LITE, order=order), f"the first kernels are Google's {name}"
        return EFFICIENTNET_LITE, ("assumed from the names in the file, because the first kernels are not Google's "
                                   "(preprocessing= overrides it)")

    def _array(self, ours):
        array = self.file.tensors[self.names[ours]]
        if ours == self.names[ours] or not ours.endswith(".W"):  # a file with our names has our layouts
            return array
        if ours.endswith("depthwise.W"):  # another shape stays, for the error message
            return array[:, 0].transpose(1, 2, 0) if array.ndim == 4 and array.shape[1] == 1 else array
        return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def google(kernels):
    """(name of the network, order of the channels) for the first kernels (3, 3, 3, F); (None, None) for others'.

    RefusalError when they are Google's for inputs of another scale.
    """
    if kernels.shape[:3] != (3, 3, 3) or kernels.shape[3] < 16:
        return None, None
    middle = kernels[1, 1, :, :16].T.astype(np.float64)  # (16, 3)
    if not np.isfinite(middle).all() or not middle.any():
        return None, None  # reported when the weights are loaded
    for name, numbers in KERNELS.items():
        for order in ("RGB", "BGR"):
            expected = np.reshape(numbers, (16, 3))[:, ::1 if order == "RGB" else -1] / 100
            product = (middle * expected).sum()
            if product < SURE * np.sqrt((middle**2).sum() * (expected**2).sum()):
                continue
            factor = product / (expected**2).sum()
            if max(factor, 1 / factor) > FACTOR:
                raise RefusalError(f"has {name}'s first kernels, but {factor:.3g} times as large, which fits no known "
                                   f"preprocessing of pictures; state it by preprocessing= ({', '.join(CONVENTIONS)})")
            return name, order
    return None, None


def efficientnet_file(weights):
    """The EfficientNetFile of a WeightFile, None if it is of another network; UserError for one that is not read."""
    try:
        return EfficientNetFile.of(weights)
    except RefusalError as error:
        raise UserError(f"weights file {weights.path} {error}") from error
