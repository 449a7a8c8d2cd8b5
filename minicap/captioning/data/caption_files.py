"""Caption files in all usual formats.

The format of a caption file is recognised by its content, not by its name:

    begins with { or [                  JSON, or JSON lines                    json_captions.py
    begins with name#0<tab>caption      Flickr8k.token.txt                     text_captions.py
    a header with image and caption     a table: "," ";" "|" or tab            csv_captions.py
    a cell like a.jpg in each row       the same without a header              csv_captions.py
    a name, a blank, a caption          lines of text                          text_captions.py

Files are in UTF-8, or in UTF-16 or UTF-32 with a byte order mark, with any line ends. What cannot be read for certain
is a :class:`UserError` that names the file, the first such line and the expected format. Captions are returned as they
are; text/tokens.py splits them into words. docs/formats.md lists the layouts with examples.
"""

import json
from dataclasses import dataclass

from ...errors import UserError, warn
from ...files import decode_text, existing_file, many_objects
from .csv_captions import has_header, headless_entries, table_entries
from .entries import SPLIT_WORDS, caption_list, shortened
from .fields import is_caption_key
from .json_captions import json_entries
from .names import cleaned
from .text_captions import is_token_file, name_entries, token_entries

NOTHING = ("", "nan", "none", "null", "<na>")  # what programs write where there is no caption
MANY = 20  # captions that are not all single words by chance
CONTAINERS = {b"PK\x03\x04": "a zip archive or an Excel file", b"\x1f\x8b": "a gzip archive", b"BZh": "a bzip2 archive",
              b"\xfd7zXZ": "an xz archive", b"PAR1": "a Parquet file", b"ARROW1": "an Arrow file",
              b"\x93NUMPY": "an array of NumPy", b"\x89HDF": "an HDF5 file", b"MATLAB": "a MATLAB file",
              b"SQLite": "a database", b"\x80\x02": "a pickle", b"\x80\x03": "a pickle", b"\x80\x04": "a pickle",
              b"\x80\x05": "a pickle", b"\xd0\xcf\x11\xe0": "an old Excel file", b"%PDF": "a PDF"}


@dataclass(frozen=True)
class CaptionFile:
    """What a caption file holds, in file order.

    captions   {image name: [raw caption, ...]}
    ids        {image name: (id, ...)} for images that have ids beside their names
    splits     {"train" | "dev" | "test": (image name, ...)} where the file says it, else None
    """

    captions: dict
    ids: dict
    splits: dict | None


def read_captions(path):
    """The captions of the file ``path``: {image name: [raw caption, ...]}, in file order.

    Flaws of official files are left in: in ``Flickr8k.token.txt``, ``2258277193_586949ec62.jpg.1`` is a separate name.
    """
    return read_caption_file(path).captions


def read_caption_file(path):
    """The :class:`CaptionFile` at ``path``."""
    return parse_caption_file(existing_file(path, "the caption file").read_bytes(), path)


def parse_captions(data, where):
    """:func:`read_captions` for the bytes ``data``; ``where`` names the file in error messages."""
    return parse_caption_file(data, where).captions


def parse_caption_file(data, where):
    """:func:`read_caption_file` for the bytes ``data``; ``where`` names the file in error messages."""
    text = decode(data, where)
    del data  # of a file of 100 MB, three copies would be in memory: as bytes, as text, as values of JSON
    entries = entries_of_text(text, where)
    del text
    with many_objects():
        return _caption_file(entries, where)


def _caption_file(entries, where):
    captions, ids, split_of, what, known = {}, {}, {}, {}, {}
    for entry in entries:
        texts = caption_list(entry.captions)
        if isinstance(entry.captions, dict) and len(both := list(filter(is_caption_key, entry.captions))) > 1:
            raise UserError(f"{where}, {entry.what}: {both[0]!r} and {both[1]!r} could both be the captions; leave "
                            "one of them out")
        if not texts or not all(isinstance(text, str) and not is_nothing(text) for text in texts):
            if entry.captions is None or (isinstance(entry.captions, str) and is_nothing(entry.captions)):
                raise UserError(f"{where}, {entry.what}: expected {entry.expected}, but the caption of "
                                f"{entry.names[0]} is empty; write one, or leave the image out")
            raise UserError(f"{where}, {entry.what}: expected {entry.expected}, found "
                            f"{shortened(json.dumps(entry.captions, ensure_ascii=False, default=str))}")
        about = entry.names if entry.split is None else (entry.names, repr(entry.split))
        if name := known.get(about):  # with its first caption all that follows was looked at
            captions[name].extend(text.strip() for text in texts)
            continue
        name = known[about] = cleaned(entry.names[0])
        captions.setdefault(name, []).extend(text.strip() for text in texts)
        if ids.setdefault(name, entry.names[1:]) != entry.names[1:]:
            here, before = (" and ".join(map(str, found)) or "none" for found in (entry.names[1:], ids[name]))
            raise UserError(f"{where}, {entry.what}: {name} has the id {here} here and {before} before; two images "
                            "need two names, and one image has one id")
        split, what[name] = split_of_entry(entry, where), entry.what
        if split_of.setdefault(name, split) != split:
            raise UserError(f"{where}, {entry.what}: {name} is in split {split} here and in {split_of[name]} before; "
                            "an image belongs to one split")
    if not captions:
        raise UserError(f"the caption file {where} contains no captions")
    texts = [text for found in captions.values() for text in found]
    if all(text.lower() in SPLIT_WORDS for text in texts):
        raise UserError(f"{where} says the split of each image and has no captions; name it with splits=")
    if len(texts) >= max(MANY, 3 * len(captions)) and all(text.isascii() and " " not in text for text in texts):
        warn(f"every caption in {where} is a single word; if its lists are captions that were split into words, write "
             "each caption as one text")
    splits = None
    if any(split is not None for split in split_of.values()):
        if missing := [name for name, split in split_of.items() if split is None]:
            raise UserError(f'{where}, {what[missing[0]]}: {missing[0]} has no "split", as other images have; expected '
                            f'one of {", ".join(SPLIT_WORDS)}')
        splits = {part: tuple(n for n, split in split_of.items() if split == part) for part in ("train", "dev", "test")}
    return CaptionFile(captions, {name: found for name, found in ids.items() if found}, splits)


def is_nothing(text):
    return text.strip().lower() in NOTHING


def parse_entries(data, where):
    """The :class:`.Entry` objects in the bytes of a caption file of any layout, a list or an iterator."""
    return entries_of_text(decode(data, where), where)


def entries_of_text(text, where):
    """:func:`parse_entries` for a text."""
    where, start = str(where), text.lstrip()
    if start[:1] in ("{", "[") or _is_json_text(start):
        return json_entries(text, where)
    if is_token_file(text):
        return token_entries(text, where)
    if has_header(text):
        return table_entries(text, where)
    for read in (headless_entries, name_entries):
        entries = read(text, where)
        if entries is not None:
            return entries
    if not start:
        return []
    number = text[:len(text) - len(start)].count("\n") + 1
    raise UserError(f"{where}, line {number}: expected name.jpg#0<tab>caption, a CSV header image,caption or JSON, "
                    f"found {shortened(start.partition(chr(10))[0])}")


def split_of_entry(entry, where):
    """"train", "dev" or "test", or None for an entry that says nothing.

    "restval", the part of COCO's validation set that is used for training, counts as train, "val" is our dev.
    """
    if entry.split is None:
        return None
    split = SPLIT_WORDS.get(str(entry.split).strip().lower())
    if split is None:
        raise UserError(f'{where}, {entry.what}: "split" is {entry.split!r}; expected one of {", ".join(SPLIT_WORDS)}')
    return split


def is_of_a_model(data):
    """Whether minicap wrote these captions: ``evaluate --predictions``, ``caption --json`` or ``score --per-image``."""
    lines, table = data.startswith(b'{"image": '), data.startswith(b'{\n "')  # one caption a line, as we write them
    if not (lines or table):
        return False
    try:
        text = data.decode("utf-8")
        first = json.loads(text.partition("\n")[0] if lines else text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(first, dict) or not first:
        return False
    if lines:
        return {"image", "caption", "beams"} <= first.keys()
    return (all(isinstance(caption, str) for caption in first.values()) or
            all(isinstance(scores, dict) and {"caption", "bleu4", "cider"} <= scores.keys()
                for scores in first.values()))


def container(data):
    """What the bytes ``data`` are, in words, if they begin as a common format does that is no text; else None."""
    return next((words for begin, words in CONTAINERS.items() if data.startswith(begin)), None)


def decode(data, where):
    if kind := container(data):
        raise UserError(f"{where} is {kind} and no text; unpack it, or save what is in it as CSV or JSON")
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}, line {line}: not UTF-8 text; save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{where}, line {line}: not UTF-8 text (it has zero bytes); save the file as UTF-8")
    return text.replace("\r", " ")


def _is_json_text(text):
    try:
        return text[:1] == '"' and isinstance(json.loads(text), str)
    except (ValueError, RecursionError):
        return False
