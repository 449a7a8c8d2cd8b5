"""Whose weights a VGG file holds, as its first kernels tell: Oxford's, in which convention, or somebody else's.

The names in a file do not say how pictures have to be prepared: Oxford's weights, trained in Caffe, circulate under
torchvision's names, for BGR and for RGB. Nor does the size of the numbers: mean |W| of conv1_1 is 0.16 in Oxford's
VGG-19 and 0.2 to 0.3 in torchvision's VGG-16, though their inputs differ by a factor of 57. But kernels can be
recognised. Eight of Oxford's, compared with those of a file in all the ways in which they may have been converted:

                                            correlation
    VGG-19, as it was trained                      1.00
    red and blue exchanged                         0.56
    turned by 180 degrees (Theano)                -0.33
    both                                          -0.75
    VGG-16, first kernel (both began as VGG-11)    0.99     and 1.1 times as large
    random kernels, largest of 1000               0.22

A network that was converted to another scale of input has larger kernels, by 255 · std = 57 for torchvision's and 127.5
for inputs from -1 to 1: the factor by which the kernels are larger is the scale.
"""

import math
from dataclasses import dataclass

import numpy as np

from .preprocessing import CONVENTIONS
from .refusal import RefusalError

# Kernels of conv1_1 in VGG-19, in hundredths: rows, columns, then blue, green, red. The first three see edges and no
# colour, and so tell whether kernels are turned; the others tell the order of the channels.
KERNELS = {
    0: (34, 46, 39, 34, 42, 38, -4, -5, -5, 23, 31, 27, 9, 10, 10, -30, -37, -34, -7, -8, -8, -25, -31, -28, -34, -46,
        -42),
    51: (38, 50, 46, 20, 22, 22, -8, -15, -11, 31, 39, 37, -19, -24, -21, -51, -65, -59, 24, 31, 28, -4, -8, -6, -25,
         -38, -33),
    47: (-34, -46, -42, -35, -44, -41, -7, -10, -8, -16, -22, -19, 2, 2, 2, 20, 24, 23, 10, 13, 13, 33, 40, 37, 29, 40,
         36),
    29: (-19, -2, 22, -19, -1, 25, -15, -4, 13, -21, -6, 21, -24, -8, 21, -19, -11, 10, -15, -7, 11, -18, -10, 11, -12,
         -9, 4),
    22: (15, 6, -14, 15, 4, -19, 15, 5, -15, 15, 4, -19, 15, 0, -25, 15, 3, -20, 13, 4, -16, 15, 3, -19, 14, 4, -16),
    59: (-16, 15, 8, -20, 16, 12, -15, 15, 7, -21, 18, 14, -26, 19, 18, -20, 18, 13, -17, 16, 11, -23, 17, 14, -17, 16,
         10),
    25: (13, 8, -17, 16, 10, -17, 14, 10, -15, 18, 12, -16, 21, 14, -16, 19, 13, -14, 13, 9, -15, 17, 12, -16, 14, 10,
         -14),
    5: (21, -16, -4, 23, -18, -6, 21, -16, -3, 22, -19, -7, 23, -22, -10, 21, -19, -6, 19, -18, -4, 22, -18, -6, 19,
        -17, -3),
}
OXFORD = np.array(list(KERNELS.values())).reshape(-1, 3, 3, 3).transpose(1, 2, 3, 0) / 100  # (K, K, C, 8)

OF_VGG = ("caffe-bgr", "caffe-rgb", "torchvision", "tf")  # the conventions that these kernels can have been made for
SURE = 0.9  # correlation from which kernels are Oxford's; rows and columns exchanged still give 0.83
NONE = 0.4  # correlation up to which they are somebody else's
FACTOR = 1.5  # by which their size may differ from what a convention asks for; conventions differ by 2.2 and more


@dataclass(frozen=True)
class Origin:
    """Oxford's kernels, found in a file: what their input is (a name in CONVENTIONS), and are they turned?"""

    convention: str
    turned: bool


def origin(kernels, bias=None):
    """The Origin of conv1_1's ``kernels`` (3, 3, 3, F) and ``bias`` (F,), or None where they are not Oxford's.

    RefusalError when they resemble Oxford's and fit no convention.
    """
    if kernels.shape[:3] != (3, 3, 3) or kernels.shape[3] <= max(KERNELS):
        return None
    ours = kernels[..., list(KERNELS)].astype(np.float64)
    if not np.isfinite(ours).all() or not ours.any():
        return None  # reported when the weights are loaded
    found = [(_correlation(ours[::-1, ::-1] if turned else ours, _expected(name)), name, turned)
             for name in OF_VGG for turned in (False, True)]
    best = max(r for r, _, _ in found)
    if best < NONE:
        return None
    alike = [(abs(math.log(_factor(ours[::-1, ::-1] if turned else ours, _expected(name)))), name, turned)
             for r, name, turned in found if r > max(SURE, best - 0.05)]
    if not alike or min(alike)[0] > math.log(FACTOR):
        raise RefusalError(f"has first kernels that resemble Oxford's (correlation {best:.2f}, {_times(ours)} times as "
                           f"large) but fit no known preprocessing of pictures; state it by preprocessing= "
                           f"({', '.join(OF_VGG)})")
    found = Origin(*min(alike)[1:])
    if bias is not None and bias.shape == kernels.shape[3:] and _subtracts_mean(ours, bias[list(KERNELS)], found):
        raise RefusalError("has Oxford's first kernels, but their biases already subtract the mean of the pictures, "
                           "which no known preprocessing leaves to them; use a file that was not converted in this way")
    return found


def _subtracts_mean(kernels, bias, found):
    """Is the mean part of the biases? Oxford's are up to 2, what the mean makes of these kernels up to 126."""
    wanted = CONVENTIONS[found.convention]
    of_mean = kernels.sum(axis=(0, 1)).T @ (np.array(wanted.mean) / wanted.std)
    return -(bias @ of_mean) > 0.5 * (of_mean @ of_mean)


def _expected(name):
    """Oxford's kernels for the inputs of a convention."""
    wanted = CONVENTIONS[name]
    kernels = OXFORD if wanted.order == "BGR" else OXFORD[:, :, ::-1]
    return kernels * wanted.scale * np.array(wanted.std)[:, None]


def _correlation(a, b):
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def _factor(a, b):
    return float((a * b).sum() / (b * b).sum())


def _times(kernels):
    return f"{math.sqrt((kernels ** 2).sum() / (OXFORD ** 2).sum()):.3g}"
