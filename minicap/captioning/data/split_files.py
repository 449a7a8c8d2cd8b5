"""Lists of images, and files that say in which split each image is.

    name                                    one a line, or a list in JSON: the images of one split
    {"train": [name, ...], "val": [...]}    all splits
    {name: "train", ...}                    also as lines
    image,split                             a table, or records of JSON, also with captions: Karpathy's files
"""

import json

from ...errors import UserError
from ...files import existing_file
from .caption_files import decode, parse_entries, split_of_entry
from .csv_captions import split_records
from .entries import SPLIT_WORDS, Entry, entry_of, shortened
from .fields import is_caption_key, is_image_key, key
from .json_captions import json_lines, load_json
from .names import ENDING, cleaned


def read_image_list(path):
    """The image names in a split list, one per line, as a tuple in file order."""
    return parse_image_list(existing_file(path, "the image list").read_bytes(), path)


def parse_image_list(data, where):
    """:func:`read_image_list` for the bytes ``data``; ``where`` names the file in error messages."""
    text = decode(data, where)
    named = _json_names(text, where) if text.lstrip()[:1] in ("[", "{") else _lines(text)
    first_at = {}
    for what, name in named:
        if "\t" in name:
            raise UserError(f"{where}, {what}: expected one image name per line, found {shortened(name)}")
        if name in first_at:
            raise UserError(f"{where}, {what}: {name} is on {first_at[name]} already")
        first_at[name] = what
    if not first_at:
        raise UserError(f"the image list {where} is empty; expected one image name per line")
    return tuple(first_at)


def _lines(text):
    """(line in words, name), without quotes around it, and without the header of a column."""
    lines = [(f"line {number}", line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    lines = [(what, line[1:-1] if len(line) > 2 and line[0] == line[-1] == '"' else line) for what, line in lines]
    return lines[1:] if len(lines) > 1 and is_image_key(lines[0][1]) and ENDING.search(cleaned(lines[1][1])) else lines


def _json_names(text, where):
    value = load_json_value(text, where)
    if not _are_names(value):
        raise UserError(f"{where} is no list of images; expected one image name per line, or [name, ...]")
    return [(f"entry {i}", str(name)) for i, name in enumerate(value)]


def load_json_value(text, where):
    """The value of a JSON text; a list for JSON lines."""
    try:
        return load_json(text, where)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise UserError(f"{where}, line {error.lineno}: this is not valid JSON ({error.msg})") from error
        return [value for _, value in json_lines(text, where)]


def parse_splits(data, where):
    """{"train": (image name, ...), "dev": ..., "test": ...} of a file that says the split of each image."""
    split_of = {}
    for entry in _entries(data, where):
        name, split = cleaned(entry.names[0]), split_of_entry(entry, where)
        if split is None:
            raise UserError(f"{where}, {entry.what}: {name} has no split; expected one of {', '.join(SPLIT_WORDS)}")
        if split_of.setdefault(name, split) != split:
            raise UserError(f"{where}, {entry.what}: {name} is in split {split} here and in {split_of[name]} before; "
                            "an image belongs to one split")
    return {part: tuple(name for name, split in split_of.items() if split == part) for part in ("train", "dev", "test")}


def _entries(data, where):
    text = decode(data, where)
    if text.lstrip()[:1] in ("[", "{"):
        value = load_json_value(text, where)
        if isinstance(value, dict) and value and all(_is_split(word) and _are_names(names)
                                                     for word, names in value.items()):
            return [Entry((name,), None, f"{word}, entry {i}", split=word) for word, names in value.items()
                    for i, name in enumerate(names)]
        value = value.get("images") if isinstance(value, dict) else value
        if isinstance(value, list) and all(map(_has_a_split, value)):
            return [_entry(record, f"entry {i}", where) for i, record in enumerate(value)]
    elif records := split_records(text, where):
        return [_entry(record, what, where) for what, record in records]
    problem = ""
    try:
        entries = list(parse_entries(data, where))
    except UserError as error:
        entries, problem = [], f" ({error})"
    if all(isinstance(entry.captions, str) and _is_split(entry.captions) for entry in entries):
        entries = [entry._replace(split=entry.captions) for entry in entries]  # {name: "train"}, name,train
    if not any(entry.split for entry in entries):
        raise UserError(f"{where} does not say which split each image is in{problem}; name a folder with three lists, "
                        'or a file with "split" fields')
    return entries


def _are_names(value):
    return isinstance(value, list) and all(isinstance(name, str | int) and name is not True for name in value)


def _has_a_split(record):
    return isinstance(record, dict) and any(map(is_image_key, record)) and any(key(word) == "split" for word in record)


def _entry(record, what, where):
    record = {word: value for word, value in record.items() if not is_caption_key(word)}
    return entry_of(record | {"caption": None}, what, where, '{"image": ..., "split": ...}')


def _is_split(word):
    return word.strip().lower() in SPLIT_WORDS
