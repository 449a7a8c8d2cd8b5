"""Attention as heat over a photograph: clear where the weights are low, so that the photograph keeps its own light."""

import functools

import numpy as np

COLOURS = "inferno"     # of matplotlib: its lightness grows evenly, for every kind of colour vision
PART = (0.25, 0.85)     # of it, from purple to orange: neither black, which would darken the photograph, nor white
OPAQUE = 0.65           # opacity at the maximum; what is attended to has to be seen
FULL = 0.8              # opacity grows in proportion to the weight, up to this part of the maximum


@functools.cache
def palette():
    """RGBA (256, 4) uint8, of weights from 0 to the maximum."""
    from matplotlib import colormaps

    level = np.linspace(0, 1, 256)
    colours = colormaps[COLOURS](PART[0] + (PART[1] - PART[0]) * level)
    colours[:, 3] = OPAQUE * np.minimum(level / FULL, 1)
    return np.round(255 * colours).astype(np.uint8)


def heat_levels(alpha, size):
    """Attention weights of regions (h, w) as colours of :func:`palette` (H, W) uint8 for a picture of ``size`` (H, W).

    255 is the map's own maximum. The network has seen the whole picture squashed into a square, so the grid of regions
    is stretched to the picture, whatever its aspect ratio. Enlarged and blurred by half a region, about the receptive
    field of the last convolutions (as in Xu et al.).
    """
    from scipy.ndimage import gaussian_filter, zoom

    (h, w), (H, W) = alpha.shape, size
    light = zoom(alpha.astype(np.float64), (H / h, W / w), order=1, mode="nearest", grid_mode=True)
    light = gaussian_filter(light, (H / h / 2, W / w / 2), mode="nearest")
    return np.round(255 * light / max(light.max(), 1e-12)).astype(np.uint8)


def half_lines(levels):
    """The lines around the places where the heat is above half of the maximum: arrays of points (x, y) in pixels."""
    from contourpy import contour_generator  # comes with matplotlib

    return contour_generator(z=levels).lines(127.5) if min(levels.shape) > 1 else []
