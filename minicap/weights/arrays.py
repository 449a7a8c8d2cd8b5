"""Arrays that no trained network has: rounded to integers, not finite, nothing but zeros, negative variances."""

import numpy as np

from ..errors import UserError
from ..mapped import pieces
from .raw import all_finite
from .refusal import shown

OF_LAYERS = (".W", ".b", ".gamma", ".beta", ".mean", ".var")  # ends of our names


def check_array(theirs, array, ours):
    """UserError unless the ``array`` that a file calls ``theirs`` can be what we call ``ours``."""
    if array.dtype.kind != "f" and ours.endswith(OF_LAYERS):
        raise UserError(f"{shown(theirs)} has numbers of type {array.dtype}, as weights have that were rounded to "
                        "save space (quantised); use the file with the original numbers, float32 or float16")
    if not all_finite(array):
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise UserError(f"{shown(theirs)} has {count:,} of {array.size:,} numbers that are not finite (NaN or "
                        "infinity), so nothing can be computed with it; use another file")
    if ours.endswith(".W") and array.size and not any(part.any() for part in pieces(array)):
        raise UserError(f"{shown(theirs)} holds nothing but zeros, as a download that was not finished does; "
                        "download or copy the file again")
    if ours.endswith(".var") and array.size and array.min() < 0:
        raise UserError(f"{shown(theirs)} has negative numbers, which no variance has; use another file")
