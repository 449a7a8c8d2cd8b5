"""What a model reads for the images of a data set, by row number: drawn pictures, or features from a file."""

import numpy as np

from .captioner import pixels_to_input


class PixelInputs:
    """Small pictures kept in memory as bytes, (images, side, side, 3) uint8."""

    def __init__(self, dataset, names):
        self.names = list(names)
        self.pictures = np.stack([dataset.image(name) for name in self.names])

    def __call__(self, rows):
        return pixels_to_input(self.pictures[rows])


class FeatureInputs:
    """Rows of a memory-mapped feature file: only those a batch needs are read."""

    def __init__(self, features, names):
        features.check_images(names)
        self.names = list(names)
        self.array = features.array
        self.row = np.array([features.row[name] for name in self.names])

    def __call__(self, rows):
        return self.array[self.row[rows]].astype(np.float32)
