"""Whose features are in which row of an array that somebody brings, by the names of a data set."""

import csv
import json
import re

import numpy as np

from ...errors import UserError
from ...files import decode_text, existing_file
from ..data.fields import ID_KEYS, NAME_KEYS, key
from ..data.names import NameIndex

FIELDS = (*NAME_KEYS, *ID_KEYS, "key")  # what an array, a column or a field of names is called
OF_ARRAYS = re.compile(r"\.np[yz]$", re.IGNORECASE)  # a.jpg.npy are the features of a.jpg


def read_names(path):
    """The names in a file: one a line, perhaps in a table under a header; or JSON, a list or lines, of names or of
    objects with one, or {name: row}.
    """
    path = existing_file(path, "list of names")
    try:
        text = decode_text(path.read_bytes())
    except UnicodeDecodeError as error:
        raise UserError(f"the list of names {path} is no text in UTF-8; save it as one name a line") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if text.lstrip()[:1] in ("[", "{"):
        found = _from_json(text, lines, path)
    else:
        found = _from_table(lines, path) or [line.strip() for line in lines]
    if not found:
        raise UserError(f"the list of names {path} is empty")
    return found


def _from_table(lines, path):
    """The names in the column of a table that says so in its header, or None."""
    if not lines:
        return None
    header, *rows = csv.reader(lines, delimiter=max(",;\t", key=lines[0].count))
    columns = sorted((FIELDS.index(key(word)), at) for at, word in enumerate(header) if key(word) in FIELDS)
    if not columns:
        return None
    at = columns[0][1]
    if short := [number for number, cells in enumerate(rows, start=2) if len(cells) <= at]:
        raise UserError(f"the list of names {path}, line {short[0]} has no {header[at]!r}")
    return [cells[at].strip() for cells in rows]


def _from_json(text, lines, path):
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits, 1,000 open brackets
        try:
            found = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            raise UserError(f"the list of names {path} is not valid JSON ({error})") from error
    found = _list_in(found) if isinstance(found, dict) else found
    if not isinstance(found, list):
        raise UserError(f"the list of names {path} is JSON without a list of images")
    names = [_name_in(item) for item in found]
    if None in names:
        raise UserError(f"the list of names {path} has no name for image {names.index(None) + 1}")
    return names


def _list_in(mapping):
    """The list in {"images": [...]}, the keys of {name: row} in the order of the rows, or None."""
    lists = [value for field, value in mapping.items() if isinstance(value, list) and key(field) in FIELDS]
    if len(lists) == 1:
        return lists[0]
    rows = list(mapping.values())
    if all(type(row) is int for row in rows) and sorted(rows) == list(range(len(rows))):
        return sorted(mapping, key=mapping.get)
    return None


def _name_in(item):
    """A name or a number; of an object that of its fields which says it best; None for anything else."""
    if isinstance(item, dict):
        fields = sorted((FIELDS.index(key(field)), field) for field in item if key(field) in FIELDS)
        return next((name for _, field in fields if (name := _name_in(item[field])) is not None), None) \
            if fields else None
    return item if type(item) in (str, int) else None


def names_inside(path, entries, features, shape):
    """The names beside the array ``features`` of a file, or None; UserError when several arrays could be them."""
    def rank(name):
        field = key(name.rpartition("/")[2])
        return FIELDS.index(field) if field in FIELDS else len(FIELDS)

    vectors = {name: entry for name, entry in entries.items()
               if name != features and sum(n > 1 for n in entry.shape) <= 1
               and (entry.kind == "strings" or (entry.kind == "numbers" and rank(name) < len(FIELDS)))}
    fitting = {name: entry for name, entry in vectors.items() if int(np.prod(entry.shape)) in (shape[0], shape[-1])}
    candidates = fitting or vectors
    if not candidates:
        if objects := [name for name, entry in entries.items() if entry.kind == "Python objects"]:
            raise UserError(f"{path} has {objects[0]!r} as Python objects, which are not read; if these are the names, "
                            f"write them by `{objects[0]}=numpy.array(names, str)`, or name a file of them with names=")
        return None
    best = min(map(rank, candidates))
    chosen = [name for name in candidates if rank(name) == best]
    if len(chosen) > 1:
        raise UserError(f"{path} has several lists of names, {', '.join(chosen)}; write that of the images to a file "
                        "and name it with names=")
    entry = candidates[chosen[0]]
    found = entry.take(0, 0, entry.shape[0] if entry.shape else 1)
    return found if entry.kind == "strings" else _whole_numbers(np.ravel(found), f"{path}, {chosen[0]}")


def _whole_numbers(found, where):
    exact = 2.0 ** 63 if found.dtype.kind != "f" else 2.0 ** (np.finfo(found.dtype).nmant + 1)
    if found.dtype.kind == "b" or not ((found == np.round(found)) & (np.abs(found) < exact)).all():
        raise UserError(f"{where} has numbers that cannot be those of images, as they are not whole or too large for "
                        f"their type, {found.dtype}; write the names to a file and name it with names=")
    return [int(number) for number in found]


def match(names, dataset, where):
    """For each of ``names`` that of the data set, or None where it has none such. UserError for names given twice.

    They are found as those of captions are (:class:`..data.names.NameIndex`): they may be paths, lack the ending, or
    be the number of the image.
    """
    index = NameIndex(dataset.all_images)
    found = [index.find(OF_ARRAYS.sub("", name) if isinstance(name, str) else name, where) for name in names]
    if not any(found):
        raise UserError(f"{where} names none of the {len(dataset.all_images):,} images of the data set (its first is "
                        f"{str(names[0])!r:.100}, theirs is {dataset.all_images[0]!r})")
    row_of = {}
    for row, (name, image) in enumerate(zip(names, found, strict=True)):
        other = row_of.setdefault(image or (str(name),), row)
        if other != row:
            raise UserError(f"{where} names {name!r} twice, in row {other + 1} and row {row + 1}")
    return found
