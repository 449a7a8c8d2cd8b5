"""What fields and columns are called: which of them hold an image, its ids, its captions and its split.

Names are compared in a normal form (:func:`key`): ``Image_Names`` is ``image name``. Files of results often hold two
captions of an image, so three kinds are told apart: those that a model has made, those that people wrote to compare
them with, and those whose name does not say it. A model's beside references is clear, and ``caption`` beside references
is a model's; where it is not clear which one is meant, both are refused.
"""

import functools
import re
from typing import NamedTuple

from ...errors import UserError

NAME_KEYS = ("image", "imagename", "filename", "filepath", "imagepath", "imagefile", "imagefilename", "imgname",
             "imgpath", "imgfile", "img", "file", "path", "name", "picture", "photo")
ID_KEYS = ("imageid", "cocoid", "imgid", "id")
_TEXT = "(?:caption|text|sentence|description)"
_MADE = ("(?:generated|generation|predicted|prediction|pred|hypothesi|hypothese|hypo|hyp|candidate|output|result|"
         "re)")  # res, without its s
_WRITTEN = "(?:reference|ref|groundtruth|gt|target|gold|human)"
KINDS = {  # of the first that fits; each may be numbered
    "generated": re.compile(rf"(?:model)?{_MADE}{_TEXT}?\d*|{_TEXT}{_MADE}\d*|model{_TEXT}\d*"),
    "reference": re.compile(rf"{_WRITTEN}{_TEXT}?\d*|{_TEXT}{_WRITTEN}\d*"),
    # also "blip_caption", but no other form of a caption that stands beside it, and no number of captions
    "caption": re.compile(r"(?:caption|captiontext|captionstr|text|sentence|comment|description|raw)\d*|"
                          r"(?!(?:tokeni\w*|timed|clean\w*|(?:pre)?process\w*|normali\w*|lower\w*|n|no|nr|num|number|"
                          r"numberof|total)caption)\w+caption\d*"),
}
FIELDS = '"image" or "file_name" or "image_id"', '"caption" or "prediction" or "text"'


class Fields(NamedTuple):
    """The fields of a record, in words: those with the names of its image, its ids, its captions, and with captions
    when predictions are read; and that of its split or None. ``has_folder``: the names are Karpathy's file and folder.
    """

    names: list
    ids: list
    captions: list
    predictions: list
    split: str | None
    has_folder: bool


@functools.cache
def key(word):
    """The normal form of a field's or a column's name: "Image_Names " -> "imagename"."""
    return re.sub(r"[\W_]+", "", str(word).casefold()).removesuffix("s")


@functools.cache
def caption_kind(word):
    """"generated", "reference" or "caption"; None for a field that holds no captions."""
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(key(word))), None)


def is_image_key(word):
    return key(word) in NAME_KEYS + ID_KEYS


def is_caption_key(word):
    return caption_kind(word) is not None


def chosen_keys(words, where, expected):
    """The :class:`Fields` among ``words``, a tuple."""
    chosen, problem = _chosen_keys(words)
    if problem:
        raise UserError(f"{where} {problem}; expected {expected}")
    return chosen


@functools.lru_cache(maxsize=1000)  # all records of a file have the same fields
def _chosen_keys(words):
    """The result of :func:`chosen_keys`, and what is wrong with it or None.

    The id of an annotation is that of the image only if there is no other.
    """
    by_key = {}
    for word in words:
        if by_key.setdefault(key(word), word) != word:
            return None, f"has both {by_key[key(word)]!r} and {word!r}"
    names = [by_key[k] for k in NAME_KEYS if k in by_key and not (k == "name" and "imageid" in by_key)]
    has_folder = "filename" in by_key and "filepath" in by_key
    if has_folder:
        names = [by_key["filename"], by_key["filepath"]]
    ids = [k for k in ID_KEYS if k in by_key]
    if "id" in ids and (names or len(ids) > 1):
        ids.remove("id")
    texts = {kind: [word for word in words if caption_kind(word) == kind] for kind in KINDS}
    captions, generated, references = texts["caption"], texts["generated"], texts["reference"]
    if any(len({re.sub(r"\d+$", "", key(word)) for word in found}) > 1 for found in texts.values()) or \
            (captions and generated):
        found = [word for word in words if is_caption_key(word)]
        return None, f"needs one of the fields {FIELDS[1]}, not {' and '.join(map(repr, found))}"
    for found, fields in ((names or ids, FIELDS[0]), (captions or generated or references, FIELDS[1])):
        if not found:
            return None, f"needs one of the fields {fields}, but has {', '.join(map(repr, words)) or 'none'}"
    return Fields(names, [by_key[k] for k in ids], references + captions or generated,
                  generated or captions or references, by_key.get("split"),
                  has_folder), None
