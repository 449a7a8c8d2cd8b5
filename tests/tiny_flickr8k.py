"""Flickr8k with a few made-up pictures, and a tiny VGG-19 beside it, as a folder for MINICAP_DATA.

    python tests/tiny_flickr8k.py DIR
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tiny_vgg
from PIL import Image

SPLITS = {"train": 16, "dev": 4, "test": 4}
WORDS = "a dog runs on grass . the cat sits in red snow".split()  # noqa: SIM905
WEIGHTS = "vgg19_weights_tf_dim_ordering_tf_kernels.h5"


def make(folder):
    """Write it all below ``folder``, for networks as ``tiny_vgg.shrink(..., size=32)`` has them."""
    rng, flickr = np.random.default_rng(0), Path(folder) / "Flickr8k"
    flickr.mkdir(parents=True)
    names = {split: [f"{split}{i:02}.jpg" for i in range(count)] for split, count in SPLITS.items()}
    everything = [name for split in names.values() for name in split]
    with zipfile.ZipFile(flickr / "Flickr8k_Dataset.zip", "w") as archive:
        for name in everything:
            blobs = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
            picture = io.BytesIO()
            blobs.resize((50, 40), Image.Resampling.BICUBIC).save(picture, "jpeg")
            archive.writestr(f"Flicker8k_Dataset/{name}", picture.getvalue())
    with zipfile.ZipFile(flickr / "Flickr8k_text.zip", "w") as archive:
        archive.writestr("Flickr8k.token.txt", "".join(
            f"{name}#{i}\t{' '.join(rng.choice(WORDS, 5))}\n" for name in everything for i in range(5)))
        for split, listed in names.items():
            archive.writestr(f"Flickr_8k.{split}Images.txt", "".join(f"{name}\n" for name in listed))
    tiny_vgg.save_keras(Path(folder) / WEIGHTS, tiny_vgg.random_vgg(19, rng))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
    tiny_vgg.shrink(pytest.MonkeyPatch(), size=32)
    make(sys.argv[1])
