"""The model inputs for the images of a data set, by row number: generated pictures, or features from a file."""

import numpy as np

from ...errors import UserError, warn
from ..data.caption_dataset import first_of


def pixels_to_input(images):
    """(N, H, W, 3) uint8 -> float32 from -1 to 1."""
    return images.astype(np.float32) * np.float32(2 / 255) - 1


class PixelInputs:
    """Small pictures kept in memory as bytes, (images, side, side, 3) uint8."""

    def __init__(self, dataset, names):
        self.names = list(names)
        self.pictures = np.stack([dataset.image(name) for name in self.names])

    def __call__(self, rows, rng=None):
        return pixels_to_input(self.pictures[rows])


class FeatureInputs:
    """Rows of a memory-mapped feature file: only those that a batch needs are read, and checked to be finite.

    Pictures that could not be read during extraction are left out, with a warning, since extracting them again would
    not help. Pictures that are missing from the file are a UserError.

    With features of the ``mirrored`` pictures as well, and of ``augmented`` ones, a call with an ``rng`` (in training)
    returns for each picture one or the other, with equal probability.
    """

    def __init__(self, features, names, mirrored=None, augmented=()):
        unreadable = set(features.unreadable)
        self.names = [name for name in names if name not in unreadable]
        features.check_images(self.names)
        if left_out := [name for name in names if name in unreadable]:
            warn(f"{len(left_out)} of {len(names)} pictures left out, which could not be read for {features.path} "
                 f"({first_of(left_out)})")
        if not self.names:
            raise UserError(f"none of the {len(names)} pictures could be read for {features.path}; fetch them again")
        self.features = features
        self.row = np.array([features.row[name] for name in self.names])
        self.mirrored, self.others = None, []
        if mirrored is not None:
            check_mirrored(features, mirrored)
            self.mirrored = self._beside(mirrored)
            self.others.append(self.mirrored)
        for file in augmented:
            check_augmented(features, file)
            self.others.append(self._beside(file))

    def _beside(self, file):
        """The inputs for the same names of another file."""
        inputs = FeatureInputs(file, self.names)
        if inputs.names != self.names:  # or its rows would be those of other pictures
            raise UserError(f"{file.path} lacks pictures that {self.features.path} has; extract it again")
        return inputs

    def __call__(self, rows, rng=None):
        x = self.features.read(self.row[rows])
        if rng is not None and self.others:
            which = ((len(self.others) + 1) * rng.random(len(rows))).astype(int)  # the last is the picture as it is
            for k, other in enumerate(self.others):
                x[which == k] = other(rows[which == k])
        return x


def check_mirrored(features, mirrored):
    """UserError unless the second file is from ``extract --mirror`` with the network of the first."""
    if mirrored.source != features.source.as_mirrored():
        raise UserError(f"{mirrored.path} does not hold the mirrored pictures' features by the network of "
                        f"{features.path}; extract them with mirror= and otherwise the same options")


def check_augmented(features, augmented):
    """UserError unless the second file is from ``extract --random-crop`` with the network of the first."""
    if augmented.source.crop is None or augmented.source.as_cropped(None) != features.source:
        raise UserError(f"{augmented.path} does not hold features of parts of the pictures by the network of "
                        f"{features.path}; extract them with random_crop= and otherwise the same options")
