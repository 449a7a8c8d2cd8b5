"""Whose features are in which row of an array that somebody brings, by the names of a data set."""

import json
import re
from pathlib import PurePosixPath

import numpy as np

from ...errors import UserError
from ...files import existing_file

# What such an array of names is called, in files of features.
FIELDS = ("names", "image_names", "imagenames", "img_names", "filenames", "file_names", "file_name", "filename",
          "image_files", "files", "paths", "images", "image_ids", "image_id", "img_ids", "ids", "keys", "name", "id")
ENDING = re.compile(r"\.(jpe?g|png|webp|bmp|gif|tiff?|hei[cf]|avif|npy)$", re.IGNORECASE)


def read_names(path):
    """The names in a file: one a line; or JSON, a list of names or of objects with a ``filename`` as Karpathy has it.
    """
    path = existing_file(path, "list of names")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"the list of names {path} is no text in UTF-8; save it as one name a line") from error
    if text.lstrip()[:1] in "[{" and text.strip():
        found = _from_json(text, path)
    else:
        found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise UserError(f"the list of names {path} is empty")
    return found


def _from_json(text, path):
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits, 1,000 open brackets
        raise UserError(f"the list of names {path} is not valid JSON ({error})") from error
    found = found.get("images", found) if isinstance(found, dict) else found
    if not isinstance(found, list):
        raise UserError(f"the list of names {path} is JSON without a list of images")
    names = [item if isinstance(item, (str, int)) else next((item[key] for key in FIELDS if key in item), None)
             if isinstance(item, dict) else None for item in found]
    if None in names:
        raise UserError(f"the list of names {path} has no name for image {names.index(None) + 1}")
    return [str(name) for name in names]


def names_inside(path, entries, key, shape):
    """The names beside the array ``key`` of a file, or None; UserError when several arrays could be them."""
    def rank(name):
        field = name.rpartition("/")[2].lower()
        return FIELDS.index(field) if field in FIELDS else len(FIELDS)

    vectors = {name: entry for name, entry in entries.items()
               if name != key and entry.kind is not None and sum(n > 1 for n in entry.shape) <= 1
               and (entry.kind == "strings" or rank(name) < len(FIELDS))}
    fitting = {name: entry for name, entry in vectors.items() if int(np.prod(entry.shape)) in (shape[0], shape[-1])}
    candidates = fitting or vectors
    if not candidates:
        return None
    best = min(map(rank, candidates))
    chosen = [name for name in candidates if rank(name) == best]
    if len(chosen) > 1:
        raise UserError(f"{path} has several lists of names, {', '.join(chosen)}; write that of the images to a file "
                        "and name it with names=")
    entry = candidates[chosen[0]]
    found = entry.take(0, 0, entry.shape[0] if entry.shape else 1)
    return [str(name) for name in found] if entry.kind == "strings" else [f"{n:.0f}" for n in np.ravel(found)]


def match(names, dataset, where):
    """For each of ``names`` that of the data set, or None where it has none such. UserError for names given twice.

    They may be paths, lack the ending, or be the number of the image; the one way is taken that most names follow.
    """
    best, fewest = None, len(names)
    for ours, theirs in ((str, str), (_last, _last), (_stem, _stem), (_number, _whole_number)):
        table = {}
        for image in dataset.all_images:
            table.setdefault(ours(image), []).append(image)
        table.pop(None, None)
        found = [table.get(theirs(str(name)), [None]) for name in names]
        unknown = sum(images[0] is None for images in found)
        if unknown < fewest:
            best, fewest = found, unknown
    if best is None:
        raise UserError(f"{where} names none of the {len(dataset.all_images):,} images of the data set (its first is "
                        f"{names[0]!r}, theirs is {dataset.all_images[0]!r})")
    row_of = {}
    for row, (name, images) in enumerate(zip(names, best, strict=True)):
        if len(images) > 1:
            raise UserError(f"{where} names {name!r}, which could be {images[0]} or {images[1]} of the data set")
        other = row_of.setdefault(images[0] or (str(name),), row)
        if other != row:
            raise UserError(f"{where} names {name!r} twice, in row {other + 1} and row {row + 1}")
    return [images[0] for images in best]


def _last(name):
    return PurePosixPath(name.replace("\\", "/")).name


def _stem(name):
    return ENDING.sub("", _last(name))


def _number(name):
    """391895 of COCO_val2014_000000391895.jpg"""
    digits = re.search(r"\d+$", _stem(name))
    return int(digits[0]) if digits else None


def _whole_number(name):
    return int(name) if name.isdecimal() and len(name) < 256 else -1  # no file has a longer name
