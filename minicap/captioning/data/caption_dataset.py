"""Pictures with captions, whatever they were read from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import UserError, warn
from ...images import read_image
from .splits import check_disjoint


@dataclass(frozen=True)
class CaptionDataset:
    """Three splits of captioned pictures.

    name         what it is called on the command line: "flickr8k", "folder"
    splits       {"train": (image name, ...), "dev": ..., "test": ...}, disjoint
    captions     {image name: (raw caption, ...)}, also of pictures in no split
    all_images   every picture that can be used, sorted: features are extracted for all of them
    read         (image name, at_least) -> uint8 (H, W, 3), see :func:`minicap.images.read_image`; safe from any thread
    """

    name: str
    splits: dict[str, tuple[str, ...]]
    captions: dict[str, tuple[str, ...]]
    all_images: tuple[str, ...]
    read: Callable[[str, int | None], np.ndarray]

    def image(self, name, at_least=None):
        """The picture as a uint8 array (H, W, 3), RGB. UserError when the file is damaged."""
        return self.read(name, at_least)

    @property
    def images(self):
        """The names of all pictures in a split: train, then dev, then test."""
        return tuple(name for names in self.splits.values() for name in names)

    @property
    def outside_splits(self):
        """The captioned pictures in no split, in file order. Flickr8k has 91: 8,091 pictures, 8,000 in its lists."""
        inside = set(self.images)
        return tuple(name for name in self.captions if name not in inside)

    def __repr__(self):
        sizes = ", ".join(f"{split}={len(names)}" for split, names in self.splits.items())
        return f"CaptionDataset({self.name}, {sizes}, images={len(self.all_images)})"


def assemble(name, where, splits, captions, available, read):
    """A :class:`CaptionDataset` of what is consistent. Each kind of flaw is one warning line on stderr.

    Captions without a picture and listed names without a picture are left out. What would silently change the task is
    a UserError: a picture in two splits, listed but without a caption, a split without any picture.

    ``where`` names the place in messages; ``available`` are the names of the pictures that exist.
    """
    check_disjoint(splits)
    listed = [image for names in splits.values() for image in names]
    gone = set(listed) - set(available)
    strays = [image for image in captions if image not in available and image not in gone]
    if strays:
        warn(f"{name}: {len(strays):,} captioned image(s) without a file in {where}, left out ({first_of(strays)})")
    if gone:
        warn(f"{name}: {len(gone):,} image(s) of the split lists without a file in {where}, left out "
             f"({first_of([image for image in listed if image in gone])})")
    present = {split: tuple(image for image in names if image not in gone) for split, names in splits.items()}
    for split, names in present.items():
        if not names:
            raise UserError(f"none of the {len(splits[split])} images of split {split} is in {where}; "
                            "the names in lists and captions have to be those of the files")
        silent = [image for image in names if image not in captions]
        if silent:
            raise UserError(f"{len(silent):,} image(s) of split {split} without a caption in {where} "
                            f"({first_of(silent)}); add captions to the caption file, or take the names off the list")
    kept = {image: tuple(texts) for image, texts in captions.items() if image in available}
    return CaptionDataset(name, present, kept, tuple(sorted(available)), read)


def file_reader(paths):
    """The ``read`` of a data set whose pictures are files: {image name: path}."""
    return lambda name, at_least=None: read_image(paths[name], at_least)


def first_of(names):
    """The first three of ``names``, in words."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
