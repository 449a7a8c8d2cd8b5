"""Pictures with captions, from any source."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import UserError, warn
from ...images import read_image
from .splits import check_disjoint


@dataclass(frozen=True)
class CaptionDataset:
    """Three splits of captioned pictures.

    name         its name on the command line: "flickr8k", "coco", "folder"
    splits       {"train": (image name, ...), "dev": ..., "test": ...}, disjoint
    captions     {image name: (raw caption, ...)}, including those of pictures in no split
    all_images   every picture that can be used, sorted: features are extracted for all of them
    read         (image name, at_least) -> uint8 (H, W, 3), see :func:`minicap.images.read_image`; safe from any thread
    """

    name: str
    splits: dict[str, tuple[str, ...]]
    captions: dict[str, tuple[str, ...]]
    all_images: tuple[str, ...]
    read: Callable[[str, int | None], np.ndarray]

    def image(self, name: str, at_least: int | None = None) -> np.ndarray:
        """The picture as a uint8 array (H, W, 3), RGB. UserError when the file is damaged."""
        return self.read(name, at_least)

    @property
    def images(self) -> tuple[str, ...]:
        """The names of all pictures in a split: train, then dev, then test."""
        return tuple(name for names in self.splits.values() for name in names)

    @property
    def outside_splits(self) -> tuple[str, ...]:
        """The captioned pictures that are in no split, in file order. In Flickr8k these are 91 of 8,091."""
        inside = set(self.images)
        return tuple(name for name in self.captions if name not in inside)

    def __repr__(self):
        sizes = ", ".join(f"{split}={len(names)}" for split, names in self.splits.items())
        return f"CaptionDataset({self.name}, {sizes}, images={len(self.all_images)})"


def assemble(name, where, splits, captions, available, read):
    """A :class:`CaptionDataset` of everything that is consistent, with one line of warning for each kind of flaw.

    Captions and list entries without a picture are left out. What would silently change the task is a UserError: a
    picture in two splits or without a caption, a split without pictures.

    ``where`` names the source in messages; ``available`` are the names of the pictures that exist.
    """
    check_disjoint(splits)
    listed = [image for names in splits.values() for image in names]
    missing = set(listed) - set(available)
    unlisted = [image for image in captions if image not in available and image not in missing]
    if unlisted:
        warn(f"{name}: {len(unlisted):,} captioned image(s) without a file in {where}, left out ({first_of(unlisted)})")
    if missing:
        warn(f"{name}: {len(missing):,} image(s) of the split lists without a file in {where}, left out "
             f"({first_of([image for image in listed if image in missing])})")
    present = {split: tuple(image for image in names if image not in missing) for split, names in splits.items()}
    for split, names in present.items():
        if not splits[split]:
            raise UserError(f"the split {split} of {where} has no images; train, dev and test need some each")
        if not names:
            raise UserError(f"none of the {len(splits[split])} images of split {split} is in {where}; "
                            "the names in lists and captions have to be those of the files")
        without = [image for image in names if image not in captions]
        if without:
            raise UserError(f"{len(without):,} image(s) of split {split} without a caption in {where} "
                            f"({first_of(without)}); add captions to the caption file, or take the names off the list")
    usable = {image: tuple(texts) for image, texts in captions.items() if image in available}
    return CaptionDataset(name, present, usable, tuple(sorted(available)), read)


def file_reader(paths):
    """The ``read`` of a data set whose pictures are files: {image name: path}."""
    return lambda name, at_least=None: read_image(paths[name], at_least)


def first_of(names):
    """The first three of ``names``, in words."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
