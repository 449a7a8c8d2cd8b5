"""What a file's weights expect of pictures: what is certain, what is assumed, and why, in words for their user.

In this order: what the user says; the checksum of the whole file, if it is a known one with torchvision's names, which
files of several conventions have; Oxford's kernels, which are recognised (oxford.py) whatever the names; and last the
convention of the names, which holds for weights that nobody converted.
"""

from dataclasses import dataclass

from .oxford import origin
from .preprocessing import CONVENTIONS, Preprocessing, convention, convention_name
from .refusal import RefusalError

# How the SHA-256 of files with torchvision's names begins, as their own names say: (convention, what they are).
KNOWN_FILES = {start: ("torchvision", f"torchvision's own VGG-{network}") for start, network in {
    "8a719046": "11", "bbd30ac9": "11", "19584684": "13", "c768596a": "13", "397923af": "16", "dcbb9e9d": "19",
    "6002323d": "11 with batch norm", "abd245e5": "13 with batch norm", "6c64b313": "16 with batch norm",
    "c79401a0": "19 with batch norm"}.items()} | {
    "88682ab5": ("caffe-rgb", "torchvision's copy of Oxford's VGG-16"),  # IMAGENET1K_FEATURES
    "00b39a1b": ("caffe-bgr", "Johnson's copy of Oxford's VGG-16"),
    "d01eb7cb": ("caffe-bgr", "Johnson's copy of Oxford's VGG-19")}


@dataclass(frozen=True)
class Provenance:
    """``preprocessing`` of pictures, whether kernels are ``turned`` by 180 degrees, and why, a tuple of sentences."""

    preprocessing: Preprocessing
    turned: bool
    notes: tuple


def provenance(file, kernels, bias, by_names, channels_first=False, wanted=None):
    """The Provenance of a :class:`.WeightFile` whose first ``kernels`` (K, K, C, F) and ``bias`` (or None) are given.

    by_names   the name of the convention that files with such names have
    channels_first  are kernels stored as (F, C, K, K)?
    wanted     what the user says: a name in CONVENTIONS or a Preprocessing, which nothing overrules; or None
    """
    if wanted is not None:
        wanted = convention(wanted)
    known = KNOWN_FILES.get(file.digest()[:8]) if wanted is None and by_names == "torchvision" else None
    try:
        found = origin(kernels, bias)
    except RefusalError:
        if wanted is None and known is None:
            raise
        found = None
    turned, why_turned = _turned(file, found, channels_first)
    if wanted is not None:
        preprocessing, why = wanted, "as it was given"
    elif known is not None:
        name, words = known
        preprocessing, why = CONVENTIONS[name], f"{words}, by its checksum"
    elif found is not None:
        preprocessing = CONVENTIONS[found.convention]
        why = f"the first kernels are Oxford's, for {_input(preprocessing)}"
    else:
        where = "a Keras file" if file.format.startswith("keras") else "the names in the file"
        preprocessing = CONVENTIONS[by_names]
        why = f"assumed from {where}, because the first kernels are not Oxford's (preprocessing= overrides it)"
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


def _input(preprocessing):
    order = "red first" if preprocessing.order == "RGB" else "blue first"
    scale = {1.0: "0 to 255", 127.5: "-1 to 1", 255.0: "0 to 1, divided by the deviation"}[preprocessing.scale]
    return f"channels {order}, {scale}"
