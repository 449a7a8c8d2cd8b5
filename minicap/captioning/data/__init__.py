"""The data sets by name. Their common interface, which is all that the programs use:

    data.name          "shapes", "flickr8k", "flickr30k", "coco" or "folder"
    data.splits        {"train": (image name, ...), "dev": ..., "test": ...}
    data.captions      {image name: (raw caption, ...)}
    data.all_images    all image names, for extraction
    data.image(name)   the picture, uint8 (H, W, 3) RGB; with at_least=224 perhaps reduced, to sides of at least 448
"""

import os
from typing import TYPE_CHECKING

from ...errors import UserError
from ...files import many_objects
from ...paths import StrPath
from .caption_dataset import CaptionDataset

if TYPE_CHECKING:
    from .shapes import ShapesDataset

__all__ = ["DATASETS", "PHOTOGRAPHS", "CaptionDataset", "load_dataset"]

DATASETS = ("shapes", "flickr8k", "flickr30k", "coco", "folder")
PHOTOGRAPHS = DATASETS[1:]


def load_dataset(name: str, data_dir: StrPath | None = None, *, splits: StrPath | None = None,
                 split_seed: int | None = None, pictures: bool = True) -> "CaptionDataset | ShapesDataset":
    """The data set called ``name``.

    ``data_dir``     its folder. For flickr8k the default is the environment variable MINICAP_DATA, or else
                     ~/.cache/minicap, which is also that of the download program; "shapes" needs no files.
    ``splits``       a folder with train, dev and test lists of image names.
    ``split_seed``   folder: split at random with this seed.
    ``pictures``     whether they have to be there. Without them features can be trained on, and captions are scored.

    Raises UserError when files are missing or broken, or an option does not apply to the data set.
    """
    with many_objects():
        return _load(name, data_dir, splits, split_seed, pictures)


def _load(name, data_dir, splits, split_seed, pictures):
    if name not in DATASETS:
        raise UserError(f"there is no data set {name!r}; choose one of {', '.join(DATASETS)}")
    if split_seed is not None and name != "folder":
        raise UserError(f"split_seed= is for data='folder'; {name} has splits of its own")
    if name == "shapes":
        from .shapes import ShapesDataset

        if splits is not None:
            raise UserError("splits= is for data sets of photographs; shapes has splits of its own")
        return ShapesDataset()
    if name == "folder":
        from .folder import load_folder

        if data_dir is None:
            raise UserError("data='folder' needs data_dir=, the folder with your pictures and their captions")
        return load_folder(data_dir, splits, split_seed, pictures)
    if name in ("coco", "flickr30k"):
        from .coco import load_coco, load_flickr30k

        if data_dir is None:
            raise UserError(f"data={name!r} needs data_dir=, the folder into which you have unpacked it")
        return (load_coco if name == "coco" else load_flickr30k)(data_dir, splits, pictures)
    from .flickr8k import load_flickr8k

    return load_flickr8k(data_dir or _default_folder(), splits, pictures)


def _default_folder():
    from ...download.catalogue import data_folder

    folder = data_folder()
    if not (os.environ.get("MINICAP_DATA") or folder.is_dir()):
        raise UserError("where is Flickr8k? Name its folder with data_dir= or in the environment variable "
                        "MINICAP_DATA, or fetch it with `python -m minicap.download flickr8k`")
    return folder
