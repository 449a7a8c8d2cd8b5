"""The split into train, dev and test: from lists in files, or at random with a seed."""

import numpy as np

from ...errors import UserError, warn
from .split_files import parse_image_list, parse_splits

SPLITS = ("train", "dev", "test")
LIST_NAMES = {  # in order of preference; the first are those of Flickr8k_text.zip
    "train": ("Flickr_8k.trainImages.txt", "train.txt"),
    "dev": ("Flickr_8k.devImages.txt", "dev.txt", "val.txt"),
    "test": ("Flickr_8k.testImages.txt", "test.txt"),
}


def find_split_lists(find):
    """{split: (path, contents)} of the lists that exist; ``find(name)`` returns (path, contents) of a file, or None."""
    lists = {}
    for split, names in LIST_NAMES.items():
        found = [file for name in names if (file := find(name)) is not None]
        if found:
            lists[split] = found[0]
            for path, contents in found[1:]:
                if contents.split() != found[0][1].split():
                    warn(f"{found[0][0]} is the list of {split}, and {path}, which differs, is not used")
    return lists


def find_in(*folders):
    """The function ``find(name)`` that looks for a text file in ``folders``, in order."""
    def find(name):
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        return None if path is None else (path, path.read_bytes())
    return find


def parse_split_lists(lists):
    """{split: image names} from the result of :func:`find_split_lists`."""
    return {split: parse_image_list(contents, path) for split, (path, contents) in lists.items()}


def read_split_folder(folder):
    """The three lists in a folder named by the user, or a file with all splits, see :mod:`.split_files`.

    UserError states what is missing.
    """
    if folder.is_file():
        return parse_splits(folder.read_bytes(), folder)
    lists = find_split_lists(find_in(folder))
    missing = [" or ".join(LIST_NAMES[split]) for split in SPLITS if split not in lists]
    if missing:
        raise UserError(f"{folder} has no {', no '.join(missing)}; three lists are needed, one image name per line")
    return parse_split_lists(lists)


def random_splits(names, seed):
    """Shuffle ``names`` and cut: a tenth (at least one picture) each for dev and test, the rest for train.

    The same names and seed give the same splits, whatever the order of the names.
    """
    shuffled = [str(name) for name in np.random.default_rng(seed).permutation(sorted(names))]
    tenth = max(1, round(len(shuffled) / 10))
    if len(shuffled) < 3:
        raise UserError(f"{len(shuffled)} captioned pictures cannot be split into train, dev and test; at least 3 are "
                        "needed")
    return {"train": tuple(shuffled[2 * tenth:]), "dev": tuple(shuffled[:tenth]),
            "test": tuple(shuffled[tenth:2 * tenth])}


def random_part(names, size, parts):
    """``parts`` different tuples of ``size`` of the ``names`` each, always the same ones."""
    shuffled = [str(name) for name in np.random.default_rng(0).permutation(sorted(names))]
    return [tuple(sorted(shuffled[i * size:(i + 1) * size])) for i in range(parts)]


def check_disjoint(splits):
    """UserError when a picture is in two splits: a model would be tested on what it was trained on."""
    split_of = {}
    for split, names in splits.items():
        for name in names:
            if name in split_of:
                raise UserError(f"{name} is both in {split_of[name]} and in {split}; a picture belongs to one split")
            split_of[name] = split
