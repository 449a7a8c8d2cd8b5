"""python -m minicap.classify: name ImageNet's 1000 classes that a network recognises in photographs.

    classifier = Classifier("vgg19_weights_tf_dim_ordering_tf_kernels.h5")
    for best in classifier.classify(["dog.jpg"]):
        best                                 # [{"index": 207, "class": "golden retriever", "p": 0.93}, ...]

The short side of a picture is resized to 32 pixels more than the network reads, and it reads the central square: for
VGG 224 x 224 of 256, the single-crop test of Simonyan and Zisserman 2015, section 3.2; for EfficientNet-Lite2 260 x 260
of 292, by bicubic interpolation, as in the evaluation of its authors.
"""

import contextlib
import json
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np

from .backend import CPU, few_pictures, get_device, to_numpy
from .cli import option, parse_settings, run_program
from .download.catalogue import data_folder
from .errors import UserError, error_line, warn
from .files import existing_file
from .images import centre_crop, read_ahead, read_image, resize_short_side
from .inference import inference
from .losses import log_softmax
from .pretrained_networks import find_weights, how_to_get, load_network, named_weights, tell_assumptions
from .terminal import shown
from .weights import existing_weights
from .weights.preprocessing import CONVENTIONS

CLASSES = "imagenet_classes.txt"  # looked for in the folder of the weights
MARGIN = 32  # pixels by which the resized short side is longer than the square
STRIDE = 32  # pixels to a row of the last map, of both families of networks
MAX_ASPECT = 20  # long side / short side; with a short side of 256 such a picture still fits in memory


@dataclass(frozen=True)
class ClassifySettings:
    images: tuple[str, ...] = option(MISSING, "picture files", positional=True, metavar="IMAGE")
    weights: str | None = option(None, "weights of VGG or EfficientNet-Lite with the dense layers (default: "
                                 "MINICAP_WEIGHTS, downloaded or installed weights)", metavar="FILE")
    preprocessing: str | None = option(None, "what the weights expect of pictures (default: found out from the file)",
                                       choices=tuple(CONVENTIONS))
    classes: str | None = option(None, "class names in the order of the outputs, one per line (default: "
                                 f"{CLASSES} in the folder of the weights or of the downloads)", metavar="FILE")
    top: int = option(5, "number of classes to show", metavar="N", least=1)
    resize: int | None = option(None, "resize the short side to N pixels before cropping (default: 32 more than the "
                                "network reads)", metavar="N", below=10_000)
    crop: int | None = option(None, "side in pixels of the central square that the network reads (default: 224 for "
                              "VGG, 224, 240 or 260 for EfficientNet-Lite)", metavar="N", below=10_000)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    json: bool = option(False, "print one JSON object per line")


class Classifier:
    """A network with its dense layers, and the names of its classes."""

    def __init__(self, weights, classes=None, *, preprocessing=None, resize=None, crop=None, device=CPU):
        weights = existing_weights(weights)
        self.model = load_network(weights, preprocessing=preprocessing)
        if not self.model.top:
            raise UserError(f"{weights} has no dense layers, and so no classes; name a file that has them")
        size, cells = self.model.preprocessing.size, self.model.cells
        crop = size if crop is None else crop
        resize = max(size, crop) + MARGIN if resize is None else resize
        if cells(crop, STRIDE) != cells(size, STRIDE):  # rows and columns of the last map
            possible = [side for side in range(1, 2 * size) if cells(side, STRIDE) == cells(size, STRIDE)]
            raise UserError(f"crop= has to be from {possible[0]} to {possible[-1]}, which the dense layers expect, not "
                            f"{crop}")
        if resize < crop:
            raise UserError(f"resize= has to be at least crop=, {crop}, not {resize}; the crop has to fit into the "
                            "picture")
        self.resize, self.crop, self.device = resize, crop, device
        self.classes = read_classes(classes or names_for(weights), self.model.classes, required=classes is not None)
        self.run = inference(self.model, device)

    def read(self, path):
        """One picture, (crop, crop, 3) uint8. UserError when it cannot be read."""
        image = read_image(path, at_least=self.resize)
        H, W, _ = image.shape
        if max(H, W) > MAX_ASPECT * min(H, W):
            raise UserError(f"{path} is {W} x {H} pixels, too long and narrow for a central square; crop it first")
        return centre_crop(resize_short_side(image, self.resize, self.model.preprocessing.interpolation), self.crop)

    def __call__(self, images):
        """Pictures (N, crop, crop, 3) uint8 -> probabilities (N, classes) float32, a NumPy array.

        UserError when the network's numbers overflow.
        """
        x = self.device.asarray(self.model.preprocessing(images))
        with np.errstate(over="ignore", invalid="ignore"):
            p = np.exp(log_softmax(to_numpy(self.run(x))))
        if not np.isfinite(p).all():
            raise UserError("the numbers of this network become too large for float32, so it tells nothing about "
                            "pictures; name other weights with weights=")
        return p

    def classify(self, paths, top=5, batch_size=16):
        """Yield for each path its ``top`` classes, [{"index", "class", "p"}, ...], the most likely first.

        For a picture that cannot be read, yield the UserError that states why.
        """
        for batch in read_ahead(self._read_or_error, paths, batch_size):
            good = [image for image in batch if not isinstance(image, UserError)]
            probabilities = iter(self(np.stack(good)) if good else ())
            for image in batch:
                yield image if isinstance(image, UserError) else self._best(next(probabilities), top)

    def _read_or_error(self, path):
        try:
            return self.read(path)
        except UserError as error:
            return error

    def _best(self, p, top):
        order = np.argsort(-p, kind="stable")[:top]
        return [{"index": int(i), "class": self.classes[i], "p": round(float(p[i]), 6)} for i in order]


def read_classes(path, count, required=True):
    """``count`` names, one on each line of the file. If it is missing and not required: "class 0", "class 1", ..."""
    if not required and not Path(path).is_file():
        warn(f"no class names, only numbers: there is no {path}, and no classes= was given")
        return [f"class {i}" for i in range(count)]
    path = existing_file(path, "class file")
    try:
        names = path.read_text(encoding="utf-8").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"class file {path} is not a text file in UTF-8; name one with a class on each line") from error
    if len(names) != count:
        raise UserError(f"class file {path} has {len(names)} lines, but the network has {count} classes; name a file "
                        "with classes= that has a class on each line, in the order of the outputs")
    return [name.strip() for name in names]


def names_for(weights):
    """Where the names of the classes are expected: beside the weights, or else where downloads are."""
    beside = weights.with_name(CLASSES)
    with contextlib.suppress(UserError):  # no home folder
        if not beside.is_file() and (data_folder() / CLASSES).is_file():
            return data_folder() / CLASSES
    return beside


def default_weights():
    """Weights from the usual places; UserError if there are none. Files without dense layers are the last choice."""
    if named := named_weights():
        return named[0]
    found = [path for network in ("vgg19", "vgg16", "efficientnet-lite2")
             if (path := find_weights(network)) is not None]
    if not found:
        raise UserError("no weights were found; name a file with weights= or in MINICAP_WEIGHTS, or "
                        + ", or ".join(map(how_to_get, ("vgg19", "efficientnet-lite2"))))
    return min(found, key=lambda path: "notop" in path.name)


def main(argv=None):
    settings = parse_settings(ClassifySettings, "classify", "Classify photographs by ImageNet's classes.", argv)
    with few_pictures(len(settings.images)):
        return classify(settings)


def classify(settings):
    """Name the classes of the photographs; returns the exit code."""
    weights = settings.weights or default_weights()
    classifier = Classifier(weights, settings.classes, preprocessing=settings.preprocessing, resize=settings.resize,
                            crop=settings.crop, device=get_device(settings.device))
    tell_assumptions(classifier.model, weights)
    failed = False
    for path, best in zip(settings.images, classifier.classify(settings.images, settings.top), strict=True):
        if isinstance(best, UserError):
            print(error_line(best), file=sys.stderr)
            failed = True
        elif settings.json:
            print(json.dumps({"image": path, "top": best}, ensure_ascii=False), flush=True)
        else:
            print("\n".join([shown(path, None), *(f"{100 * b['p']:6.1f} %  {shown(b['class'])}" for b in best)]),
                  flush=True)
    return 2 if failed else 0


if __name__ == "__main__":
    run_program(main)
