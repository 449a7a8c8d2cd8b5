"""Parts of pictures at random: a captioner on a frozen network then does not see the same features in every epoch."""

import zlib
from dataclasses import dataclass

import numpy as np

ATTEMPTS = 100  # to find a part of some area and shape within the picture


@dataclass(frozen=True)
class RandomCrop:
    """A part of a picture with ``area``, a fraction from 0 to 1, or more of its area, and flipped in half of the cases.

    As in Szegedy et al. 2015 ("Going deeper with convolutions", section 6), the fraction is uniform and the part up to
    4/3 times wider or higher than the picture, relatively. ``seed`` and the picture's name determine them.
    """

    area: float
    seed: int

    def __call__(self, picture, name):
        """(H, W, 3) uint8 -> (h, w, 3), a view of it or a mirrored one."""
        rng = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        H, W = picture.shape[:2]
        height, width = self._size(rng)
        h, w = max(1, round(H * height)), max(1, round(W * width))
        top, left = rng.integers(H - h + 1), rng.integers(W - w + 1)
        part = picture[top:top + h, left:left + w]
        return part[:, ::-1] if rng.random() < 0.5 else part

    def _size(self, rng):
        """Height and width, as fractions of those of the picture."""
        for _ in range(ATTEMPTS):
            area, aspect = rng.uniform(self.area, 1), np.exp(rng.uniform(-1, 1) * np.log(4 / 3))
            height, width = np.sqrt(area / aspect), np.sqrt(area * aspect)
            if max(height, width) <= 1:
                return height, width
        return np.sqrt(self.area), np.sqrt(self.area)  # an area of nearly 1 leaves no room for other shapes
