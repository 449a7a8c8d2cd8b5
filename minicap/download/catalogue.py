"""What can be downloaded, from where, and where it is stored on this machine."""

import os
from pathlib import Path

from ..errors import UserError
from ..paths import expanded
from .archives import Contents
from .fetch import RemoteFile

# The first address of each pair is the one in Keras' and torchvision's own tables of models today, the second is an
# earlier one. An address may stop working; whatever it sends, the checksum decides whether it is accepted.
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_KERAS_FORMERLY = "https://github.com/fchollet/deep-learning-models/releases/download/v0.1"
_TORCH = "https://download.pytorch.org/models"
_TORCH_FORMERLY = "https://s3.amazonaws.com/pytorch/models"
WITH_TOP, WITHOUT_TOP = 600_000_000, 100_000_000  # bytes that no such file exceeds, with VGG's dense layers or without
# Flickr8k's own site is closed. Most tutorials use the first of these copies, several public notebooks the second.
# Neither publishes a checksum, so the contents are counted.
_FLICKR8K = ("https://github.com/jbrownlee/Datasets/releases/download/Flickr8k",
             "https://github.com/Avaneesh40585/Flickr8k-Dataset/releases/download/v1.0")


def _keras(network, suffix, md5):
    name = f"{network}_weights_tf_dim_ordering_tf_kernels{suffix}.h5"
    return RemoteFile(name, (f"{_KERAS}/{network}/{name}", f"{_KERAS_FORMERLY}/{name}"), f"md5:{md5}",
                      largest=WITHOUT_TOP if suffix else WITH_TOP)


def _torch(name, sha256):
    return RemoteFile(name, (f"{_TORCH}/{name}", f"{_TORCH_FORMERLY}/{name}"), f"sha256:{sha256}", largest=WITH_TOP)


def _flickr8k(name, largest, contents):
    return RemoteFile(name, tuple(f"{base}/{name}" for base in _FLICKR8K), largest=largest,
                      inspect=contents.archive_problem), contents


# (network, format) -> file, in the order of preference of downloaded_weights.
WEIGHTS = {
    ("vgg16", "keras"): _keras("vgg16", "", "64373286793e3c8b2b4e3219cbf3544b"),
    ("vgg16", "torch"): _torch("vgg16-397923af.pth",
                               "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    ("vgg16", "keras-notop"): _keras("vgg16", "_notop", "6d6bbae143d832006294945121d1f1fc"),
    ("vgg19", "keras"): _keras("vgg19", "", "cbe5617147190e668d6c5d5026f83318"),
    ("vgg19", "torch"): _torch("vgg19-dcbb9e9d.pth", 
                               "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"),
    ("vgg19", "keras-notop"): _keras("vgg19", "_notop", "253f8cb515780f3b799900260a226db6"),
}

# Each archive with its contents. 40,460 captions are five for each of 8,092 images, one of which was never published.
FLICKR8K_TEXT = _flickr8k("Flickr8k_text.zip", 20_000_000, Contents(images={}, lines={
    "Flickr8k.token.txt": 40460, "Flickr_8k.trainImages.txt": 6000, "Flickr_8k.devImages.txt": 1000,
    "Flickr_8k.testImages.txt": 1000}))
FLICKR8K_IMAGES = _flickr8k("Flickr8k_Dataset.zip", 2_000_000_000,
                            Contents(images={"Flicker8k_Dataset": 8091}, lines={}))  # sic


def data_folder():
    """The folder of data sets and weights: the environment variable MINICAP_DATA, or ``~/.cache/minicap``."""
    if named := os.environ.get("MINICAP_DATA"):
        return expanded(named)
    try:
        return Path.home() / ".cache" / "minicap"
    except RuntimeError as error:
        raise UserError("there is no home folder, where data sets and weights are by default; name a folder for them "
                        "in the environment variable MINICAP_DATA") from error


def downloaded_weights(network):
    """The path of weights for ``network`` ("vgg16", "vgg19") in :func:`data_folder`, or None.

    This is the first one there with an official name: Keras, torchvision, or Keras without the dense layers.
    """
    try:
        folder = data_folder()
    except UserError:
        if os.environ.get("MINICAP_DATA"):
            raise
        return None  # no home folder, and so nothing in it
    paths = [folder / file.name for (of, _), file in WEIGHTS.items() if of == network]
    return next((path for path in paths if path.is_file()), None)
