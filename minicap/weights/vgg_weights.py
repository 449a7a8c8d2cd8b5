"""The arrays of a VGG, by our names and in our layouts, from any file that :func:`.read_weights` reads."""

from pathlib import Path

import numpy as np

from ..errors import UserError
from . import WeightFile, read_weights
from .arrays import check_array
from .provenance import provenance
from .refusal import RefusalError
from .vgg_layouts import is_channels_first, our_layout, outputs_first
from .vgg_names import naming


def read(weights):
    """The :class:`VGGFile` of ``weights``, a path or a WeightFile; UserError, with the cure, on anything wrong."""
    file = weights if isinstance(weights, WeightFile) else read_weights(weights)
    try:
        return VGGFile(file)
    except RefusalError as error:
        raise UserError(f"weights file {file.path} {error}") from error


class VGGFile:
    """``names``: {our name: the file's}, also of arrays that are no part of a VGG, under their own names."""

    def __init__(self, file: WeightFile):
        self.file, self.found = file, naming(file)
        self.path: Path = file.path
        self.names = self.found.names
        self.transposed = outputs_first(self.names, file.tensors)

    def load(self, wanted=None, preprocessing=None):
        """(Preprocessing, {our name: array} for the ``wanted`` names or all, sentences on what was assumed).

        UserError when numbers are whole or not finite, or when nothing tells which preprocessing is right and it is not
        given.
        """
        kernels_first = "conv1_1.W" in self.names and is_channels_first(self.file.tensors[self.names["conv1_1.W"]])
        tensors = {ours: self._array(ours, kernels_first) for ours in (self.names if wanted is None else wanted)}
        try:
            came_from = provenance(self.file, tensors.get("conv1_1.W", np.empty(0)), tensors.get("conv1_1.b"),
                                   self.found.convention, kernels_first, preprocessing)
        except RefusalError as error:
            raise UserError(f"the file {error}") from error
        if came_from.turned:
            tensors = {ours: array[::-1, ::-1] if ours.startswith("conv") and ours.endswith(".W") else array
                       for ours, array in tensors.items()}
        return came_from.preprocessing, tensors, (*came_from.notes, *self.found.notes)

    def _array(self, ours, kernels_first):
        theirs = self.names[ours]
        array = self.file.tensors[theirs]
        check_array(theirs, array, ours)
        return our_layout(ours, theirs, array, kernels_first, self.transposed)
