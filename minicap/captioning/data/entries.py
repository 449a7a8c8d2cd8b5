"""What caption files consist of, whatever their layout: entries, each an image with a caption or several."""

import ast
import functools
import json
import re
from typing import NamedTuple

from ...errors import UserError

# What fields and columns are called, in lower case, without blanks, underscores and the s of a plural.
NAME_KEYS = ("image", "imagename", "filename", "filepath", "imagepath", "imagefile", "imagefilename", "imgname",
             "imgpath", "imgfile", "img", "file", "path", "name", "picture", "photo")
ID_KEYS = ("imageid", "cocoid", "imgid", "id")
CAPTION_KEYS = ("caption", "captiontext", "imagecaption", "generatedcaption", "prediction", "text", "sentence",
                "comment", "description", "raw")
SPLIT_WORDS = {"train": "train", "restval": "train", "val": "dev", "dev": "dev", "test": "test",  # those of Karpathy
               "training": "train", "valid": "dev", "validation": "dev", "testing": "test"}
FIELDS = '"image" or "file_name" or "image_id"', '"caption" or "prediction" or "text"'
EXPECTED = '{"image": name, "caption": text}'
QUOTED = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
NUMPY_LIST = re.compile(rf"\[\s*(?:{QUOTED})(?:\s+(?:{QUOTED}))+\s*\]")  # as str() of an array of texts


class Entry(NamedTuple):
    """One image of a file.

    names      its name, and then ids: str or int, at least one
    captions   what the file gives as its caption or captions: any value
    what       the entry in words: "entry 3", "line 7"
    expected   what stands there in files of this layout
    split      "train", "val", ... where the file says it
    """

    names: tuple
    captions: object
    what: str
    expected: str = EXPECTED
    split: object = None


@functools.cache
def key(word):
    """The normal form of a field's or a column's name: "Image_Names " -> "imagename"."""
    return re.sub(r"[\W_]+", "", str(word).casefold()).removesuffix("s")


@functools.cache
def is_caption_key(word):
    return re.fullmatch(f"(?:{'|'.join(CAPTION_KEYS)})\\d*", key(word)) is not None


def chosen_keys(words, where, expected):
    """(the fields with the name, with ids, with captions, and with the split of an image) among ``words``, a tuple."""
    chosen, problem = _chosen_keys(words)
    if problem:
        raise UserError(f"{where} {problem}; expected {expected}")
    return chosen


@functools.lru_cache(maxsize=1000)  # all records of a file have the same fields
def _chosen_keys(words):
    """The result of :func:`chosen_keys`, and what is wrong with it or None.

    A file name goes before ids. The id of an annotation is that of the image only if there is no other, Karpathy's
    ``imgid`` only without ``cocoid``.
    """
    by_key = {}
    for word in words:
        if by_key.setdefault(key(word), word) != word:
            return None, f"has both {by_key[key(word)]!r} and {word!r}"
    names = [by_key[k] for k in NAME_KEYS if k in by_key and not (k == "name" and "imageid" in by_key)][:1]
    if names and "filename" in by_key and "filepath" in by_key:
        names = [by_key["filename"], by_key["filepath"]]
    ids = [k for k in ID_KEYS if k in by_key]
    if "cocoid" in ids and "imgid" in ids:
        ids.remove("imgid")
    if "id" in ids and (names or len(ids) > 1):
        ids.remove("id")
    captions = [word for word in words if is_caption_key(word)]
    if len({re.sub(r"\d+$", "", key(word)) for word in captions}) > 1:
        return None, f"needs one of the fields {FIELDS[1]}, not {' and '.join(map(repr, captions))}"
    for found, fields in ((names or ids, FIELDS[0]), (captions, FIELDS[1])):
        if not found:
            return None, f"needs one of the fields {fields}, but has {', '.join(map(repr, words)) or 'none'}"
    return (names, [by_key[k] for k in ids], captions, by_key.get("split")), None


def entry_of(record, what, where, expected=EXPECTED):
    """The :class:`Entry` of a record {"image": ..., "caption": ...}, whatever its fields are called."""
    where = f"{where}, {what}"
    names, ids, captions, split = chosen_keys(tuple(record), where, expected)
    values = [_name(record[field], where) for field in names[:1]]
    if len(names) > 1:  # Karpathy's filepath is a folder; elsewhere it is the whole path
        folder = str(record[names[1]] or "").rstrip("/\\")
        values = [folder if re.split(r"[/\\]", folder)[-1] == values[0] or not folder else f"{folder}/{values[0]}"]
        values = [values[0] or record[names[0]]]
    values += [_name(record[field], where) for field in ids if record[field] is not None]
    if not values:
        raise UserError(f"{where} says nothing about the image; expected {expected}")
    found = [record[field] for field in captions]
    return Entry(tuple(values), found[0] if len(found) == 1 else [c for c in found if c not in ("", None)], what,
                 expected, record.get(split) if split else None)


def _name(value, where):
    if isinstance(value, dict):  # as the data sets of Hugging Face write an image
        value = next((value[k] for k in ("path", "filename", "file_name") if k in value), value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise UserError(f"{where}: the image has to be a name or a number, not {value!r:.60}")
    return value if isinstance(value, int) else value.strip()


def caption_list(value):
    """The captions in ``value`` as a list: one, a list of them, each as text or as {"raw" | "caption" | ...: text} or
    Karpathy's {"tokens": [...]}. What is no caption stays as it is.
    """
    if isinstance(value, dict):
        inner = [k for k in value if is_caption_key(k)]
        if len(inner) > 1 and "raw" in value:
            inner = ["raw"]
        if len(inner) == 1:
            return caption_list(value[inner[0]])
        tokens = value.get("tokens")
        return [" ".join(tokens)] if isinstance(tokens, list) and all(isinstance(t, str) for t in tokens) else [value]
    if isinstance(value, list):
        return [caption for one in value for caption in (caption_list(one) if isinstance(one, dict) else [one])]
    return [value]


def cell_captions(cell):
    """A cell of a table: its caption, or the captions of a list in it, as JSON, Python or NumPy write one; they may be
    {"raw": text} as in Karpathy's sentences.
    """
    if cell[:1] + cell[-1:] not in ("[]", "{}"):
        return cell
    if NUMPY_LIST.fullmatch(cell):  # to Python, texts without a comma between them are one text
        return [ast.literal_eval(text) for text in re.findall(QUOTED, cell)]
    for read in (json.loads, ast.literal_eval):
        try:
            captions = caption_list(read(cell))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if captions and all(isinstance(caption, str) for caption in captions):
            return captions
    return cell


def shortened(text, width=60):
    return repr(text if len(text) <= width else text[:width] + "…")
