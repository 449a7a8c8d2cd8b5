"""What caption files consist of, whatever their layout: entries, each an image with a caption or several."""

import ast
import json
import re
from typing import NamedTuple

from ...errors import UserError
from .fields import caption_kind, chosen_keys, is_caption_key, key
from .names import ENDING, ImgId, stem

SPLIT_WORDS = {"train": "train", "restval": "train", "val": "dev", "dev": "dev", "test": "test",  # those of Karpathy
               "training": "train", "valid": "dev", "validation": "dev", "testing": "test"}
EXPECTED = '{"image": name, "caption": text}'
QUOTED = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
NUMPY_LIST = re.compile(rf"\[\s*(?:{QUOTED})(?:\s+(?:{QUOTED}))+\s*\]")  # as str() of an array of texts
CALL = re.compile(r"(?:np\.)?(?:array|list|tuple)\((.*[\])])(?:,\s*dtype=[^()]*)?\)", re.DOTALL)  # repr() of an array
# Texts as a program writes a list of them, a tuple, ...; not "[laughs]" or "(two men)".
WRITTEN = re.compile(r"""
    \[\s*['"].* | \[.*['"]\s*,?\s*\]        # ['a dog', nan]    ['a dog',    [nan, 'a dog']
    | \[[\s\[{\d].*\] | \[\]                # [{'raw': 'a dog'}]    [['a dog']]    [1, 2]
    | \(\s*['"].*['"]\s*,?\s*\)             # ('a dog', 'a cat')
    | \{\s*['"].*\}                         # {'raw': 'a dog'}
    | \[?[\w.]+\(\s*[\[{(].*\)\]?           # array(['a dog'], dtype=object)
    | b'.*' | b".*"                         # b'a dog'
    """, re.DOTALL | re.VERBOSE)


class Entry(NamedTuple):
    """One image of a file.

    names      its name, and then ids: str or int, at least one
    captions   what the file gives as its caption or captions: any value
    what       the entry in words: "entry 3", "line 7"
    expected   what stands there in files of this layout
    split      "train", "val", ... where the file says it
    generated  (what the file gives as the caption of a model,) where it stands beside ``captions``
    """

    names: tuple
    captions: object
    what: str
    expected: str = EXPECTED
    split: object = None
    generated: tuple = ()

    @property
    def prediction(self):
        return self.generated[0] if self.generated else self.captions


def entry_of(record, what, where, expected=EXPECTED):
    """The :class:`Entry` of a record {"image": ..., "caption": ...}, whatever its fields are called."""
    where = f"{where}, {what}"
    fields = chosen_keys(tuple(record), where, expected)
    if fields.has_folder:
        name = _in_folder(record[fields.names[0]], record[fields.names[1]], where)
    else:
        name = _one_name([record[field] for field in fields.names], where)
    ids = [_id(record[field], field, where) for field in fields.ids if record[field] is not None]
    names = [*([] if name is None else [name]), *ids]
    if not names:
        raise UserError(f"{where}: the image has to be a name or a number, not {record[fields.names[0]]!r:.60}"
                        if fields.names else f"{where} says nothing about the image; expected {expected}")
    generated = () if fields.predictions == fields.captions else (_texts(record, fields.predictions),)
    return Entry(tuple(names), _texts(record, fields.captions), what, expected,
                 record.get(fields.split) if fields.split else None, generated)


def _texts(record, fields):
    """What the ``fields`` of a record hold: several columns are a list, two kinds of captions a dictionary of both."""
    if len({caption_kind(field) for field in fields}) > 1:
        return {field: record[field] for field in fields}
    found = [record[field] for field in fields]
    return found[0] if len(found) == 1 else [text for text in found if text not in ("", None)]


def _in_folder(name, folder, where):
    """Karpathy's ``filename`` in ``filepath``, which is a folder; elsewhere it is the whole path."""
    name, folder = _name(name, where), str(folder or "").rstrip("/\\")
    return folder if re.split(r"[/\\]", folder)[-1] == name else f"{folder}/{name}" if folder and name else name


def _one_name(values, where):
    """The first of ``values`` that names the image, or None; two that name two pictures are refused."""
    if len(values) == 1:
        return _name(values[0], where)
    names = [name for value in values if (name := _name(value, where)) is not None]
    files = [name for name in names if isinstance(name, str) and ENDING.search(name)]
    for other in files[1:]:
        if stem(other) != stem(files[0]):
            raise UserError(f"{where} names two images, {files[0]!r} and {other!r}; keep the name of the file")
    return names[0] if names else None


def _name(value, where):
    """The name or number of an image; None where nothing stands there, or the picture itself."""
    if isinstance(value, str) and value[:1] == "{" and value[-1:] == "}":
        value = _literal(value)
    if isinstance(value, dict):  # as the data sets of Hugging Face write an image
        value = next((value[k] for k in ("path", "filename", "file_name") if k in value), value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, str) and (not value.strip() or value.startswith("<PIL."))):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserError(f"{where}: the image has to be a name or a number, not {value!r:.60}")
    return value if isinstance(value, int) else value.strip()


def _id(value, field, where):
    value = _name(value, where)
    is_number = isinstance(value, int) or (value is not None and re.fullmatch(r"0|[1-9][0-9]{0,18}", value))
    return ImgId(value) if key(field) == "imgid" and is_number else value


def caption_list(value):
    """The captions in ``value`` as a list: one, a list of them, each as text or as {"raw" | "caption" | ...: text} or
    Karpathy's {"tokens": [...]}. A text may be such a list as a program writes it. What is no caption stays as it is.
    """
    if isinstance(value, str):
        return _written_captions(value) if WRITTEN.fullmatch(value) else [value]
    if isinstance(value, dict):
        inner = ["raw"] if "raw" in value else [k for k in value if is_caption_key(k)]
        if len(inner) == 1:
            return caption_list(value[inner[0]])
        tokens = value.get("tokens")
        return [" ".join(tokens)] if isinstance(tokens, list) and all(isinstance(t, str) for t in tokens) else [value]
    if isinstance(value, list):
        return [caption for one in value for caption in ([one] if isinstance(one, list) else caption_list(one))]
    return [value]


def _written_captions(text):
    """The captions in a text like "['a dog', 'a cat']", as JSON, Python or NumPy write a list; [None], which is no
    caption, if it is not understood.
    """
    if call := CALL.fullmatch(text):
        text = call[1]
    if NUMPY_LIST.fullmatch(text):  # to Python, texts without a comma between them are one text
        return [ast.literal_eval(one) for one in re.findall(QUOTED, text)]
    value = _literal(text)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    captions = caption_list(list(value) if isinstance(value, tuple) else value) if value != text else []
    return captions if captions and all(isinstance(caption, str) for caption in captions) else [None]


def _literal(text):
    """The value that is written in ``text`` as JSON or Python write it, or else the text."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def shortened(text, width=60):
    return repr(text if len(text) <= width else text[:width] + "…")
