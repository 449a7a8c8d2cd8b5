"""What a file's weights expect of pictures: what is certain, what is assumed, and why, in words for their user.

In this order: what the user says; Oxford's kernels, which are recognised (oxford.py) whatever the names; a known
checksum of the whole file; and last the convention of the names, which holds for weights that nobody converted.
"""

from dataclasses import dataclass

from ..files import sha256
from .oxford import origin
from .preprocessing import CONVENTIONS, Preprocessing, convention, convention_name
from .refusal import RefusalError

# How the SHA-256 of torchvision's own files begins: their names say so.
TORCHVISION_FILES = {"8a719046": "VGG-11", "bbd30ac9": "VGG-11", "19584684": "VGG-13", "c768596a": "VGG-13",
                     "397923af": "VGG-16", "dcbb9e9d": "VGG-19", "6002323d": "VGG-11 with batch norm",
                     "abd245e5": "VGG-13 with batch norm", "6c64b313": "VGG-16 with batch norm",
                     "c79401a0": "VGG-19 with batch norm"}


@dataclass(frozen=True)
class Provenance:
    """``preprocessing`` of pictures, whether kernels are ``turned`` by 180 degrees, and why, a tuple of sentences."""

    preprocessing: Preprocessing
    turned: bool
    notes: tuple


def provenance(file, kernels, by_names, channels_first=False, wanted=None):
    """The Provenance of a :class:`.WeightFile` whose first kernels (K, K, C, F) are given.

    by_names   the name of the convention that files with such names have
    channels_first  are kernels stored as (F, C, K, K)?
    wanted     what the user says: a name in CONVENTIONS or a Preprocessing, which nothing overrules; or None
    """
    if isinstance(wanted, str):
        wanted = convention(wanted)
    try:
        found = origin(kernels)
    except RefusalError:
        if wanted is None:
            raise
        found = None
    turned, why_turned = _turned(file, found, channels_first)
    if wanted is not None:
        preprocessing, why = wanted, "as it was given"
    elif found is not None:
        preprocessing = CONVENTIONS[found.convention]
        why = f"the first kernels are Oxford's, for {_input(preprocessing)}"
    else:
        preprocessing, why = CONVENTIONS[by_names], _why_by_names(file, by_names)
    return Provenance(preprocessing, turned, (f"preprocessing {convention_name(preprocessing)}: {why}", *why_turned))


def _turned(file, found, channels_first):
    if found is not None:
        return found.turned, ("kernels turned by 180 degrees: the first are Oxford's, turned as for Theano",
                              ) * found.turned
    if file.backend == "theano":
        return True, ("kernels turned by 180 degrees: the file says that Keras wrote it on Theano",)
    if file.format == "keras-h5" and file.backend is None and channels_first:
        return True, ("kernels turned by 180 degrees: assumed, because the file does not say its backend, and kernels "
                      "stored channels first are from the time of Keras on Theano",)
    return False, ()


def _why_by_names(file, by_names):
    if by_names == "torchvision":
        known = TORCHVISION_FILES.get(sha256(file.path)[:8])
        if known is not None:
            return f"torchvision's own {known}, by its checksum"
    where = "a Keras file" if file.format.startswith("keras") else "the names in the file"
    return f"assumed from {where}, because the first kernels are not Oxford's (preprocessing= overrides it)"


def _input(preprocessing):
    order = "red first" if preprocessing.order == "RGB" else "blue first"
    scale = {1.0: "0 to 255", 127.5: "-1 to 1", 255.0: "0 to 1, divided by the deviation"}[preprocessing.scale]
    return f"channels {order}, {scale}"
