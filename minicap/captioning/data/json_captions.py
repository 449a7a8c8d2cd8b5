"""Captions in JSON.

    {"images": [{"id": 7, "file_name": ...}], "annotations": [{"image_id": 7, "caption": ...}]}     COCO's
    {"images": [{"filename": ..., "filepath": ..., "split": ..., "sentences": [{"raw": ...}]}]}      Karpathy's
    [{"image": name, "caption": text}, ...]    also "file_name", "image_id", ..., "captions": [...], "text": ...
    {name: text}, {name: [text, ...]}, {name: [{"caption": text}, ...]}, {name: {"captions": [...]}}
    [[name, text], ...]
    {"image": {"0": name, ...}, "caption": {"0": text, ...}}    columns, as pandas writes them; also as two lists
    {"0": {"image": name, "caption": text}, ...}                rows, as pandas writes them
    {"train": any of these, "val": ..., "test": ...}; {"data": [...]}
    JSON lines: one record a line, as ``minicap.caption --json`` and Hugging Face's metadata.jsonl have them

A key that is repeated with another value is refused: JSON would keep the last without a word.
"""

import json

from ...errors import UserError
from .entries import ID_KEYS, NAME_KEYS, SPLIT_WORDS, Entry, caption_list, entry_of, is_caption_key, key, shortened
from .names import ENDING

LAYOUTS = ('{"image": ["caption", ...]}, [{"image": ..., "caption": ...}], COCO\'s annotations or Karpathy\'s '
           '{"images": [{"filename": ..., "sentences": [...]}]}')
WRAPPERS = ("data", "dataset", "annotation", "caption", "item", "sample", "result", "prediction", "reference", "image")


def json_entries(text, where):
    """The :class:`.Entry` objects of the JSON ``text``, or of JSON lines."""
    try:
        value = _load(text, where)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise UserError(f"{where}, line {error.lineno}: this is not valid JSON ({error.msg})") from error
        return _from_lines(text, where)
    return list(_entries(value, where))


def _load(text, where):
    def unique(pairs):
        entry = {}
        for name, value in pairs:
            if name in entry and entry[name] != value and not (entry[name] != entry[name] and value != value):  # NaN
                raise UserError(f"{where} has {name!r} twice, as {shortened(str(entry[name]))} and "
                                f"{shortened(str(value))}; keep one")
            entry[name] = value
        return entry

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (json.JSONDecodeError, UserError):
        raise
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, 1,000 open brackets
        raise UserError(f"{where} is not valid JSON ({error})") from error


def _from_lines(text, where):
    entries = []
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                record = _load(line, where)
            except json.JSONDecodeError as error:
                raise UserError(f"{where}, line {n}: this is not valid JSON ({error.msg})") from error
            entries += _record(record, f"line {n}", where)
    return entries


def _entries(value, where, split=None):
    if isinstance(value, list):
        for i, record in enumerate(value):
            yield from _record(record, f"entry {i}", where, split)
        return
    if not isinstance(value, dict):
        raise UserError(f"{where}, line 1: contains no predictions or captions; expected {LAYOUTS}")
    if isinstance(value.get("annotations"), list) and _has_captions(value["annotations"]):
        yield from _from_coco(value, where)
    elif _is_columns(value):
        yield from _entries(_rows(value, where), where, split)
    elif _is_record(value):
        yield from _record(value, "line 1", where, split)
    elif value and all(word in SPLIT_WORDS and isinstance(part, dict | list) for word, part in value.items()):
        for word, part in value.items():
            yield from _entries(part, f"{where}, {word}", word)
    elif isinstance(value.get("images"), list):
        for i, image in enumerate(value["images"]):
            yield from _record(image, f"images[{i}]", where, split,
                               '{"filename": ..., "sentences": [{"raw": caption}]}')
    else:
        lists = [part for word, part in value.items() if key(word) in WRAPPERS and isinstance(part, list)
                 and any(isinstance(record, dict | list) for record in part)]
        if len(lists) == 1 and not isinstance(lists[0][0], str):
            yield from _entries(lists[0], where, split)
        else:
            for name, captions in value.items():
                said = captions.get("split", split) if isinstance(captions, dict) else split
                if name.isdecimal() and _names_its_image(captions):  # the number is that of a row
                    yield from _record(captions, f"entry {name!r}", where, split)
                else:
                    yield Entry((name,), captions, f"entry {name!r}", LAYOUTS, said)


def _record(record, what, where, split=None, expected='{"image": ..., "caption": ...}'):
    if isinstance(record, list) and len(record) == 2 and isinstance(record[0], str):
        yield Entry((record[0],), record[1], what, expected, split)
    elif isinstance(record, dict) and record and all(map(ENDING.search, record)):  # [{"a.jpg": text}, ...]
        yield from (Entry((name,), caption, what, expected, split) for name, caption in record.items())
    elif not isinstance(record, dict):
        raise UserError(f"{where}, {what} is {record!r:.60}; expected {expected}")
    else:
        entry = entry_of(record, what, where, expected)
        yield entry if entry.split is not None or split is None else \
            Entry(entry.names, entry.captions, what, expected, split)


def _from_coco(value, where):
    """COCO's annotations: each names its image by id. Images without a caption, as those of its test set, are none."""
    images, names = {}, {}
    for i, image in enumerate(value.get("images") or ()):
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str) or "id" not in image:
            raise UserError(f'{where}, images[{i}]: expected {{"id": ..., "file_name": ...}}, found '
                            f"{shortened(json.dumps(image))}")
        name, id = image["file_name"], image["id"]
        if images.setdefault(str(id), image) != image or names.setdefault(name, id) != id:
            raise UserError(f"{where}, images[{i}]: {name!r} and id {id} belong to two images; each has its own")
    for i, annotation in enumerate(value["annotations"]):
        what, expected = f"annotations[{i}]", '{"image_id": ..., "caption": ...}'
        entry = entry_of(annotation, what, where, expected) if isinstance(annotation, dict) else None
        if entry is None or (images and str(annotation.get("image_id")) not in images):
            raise UserError(f"{where}, {what}: expected {expected} of one of the images, found "
                            f"{shortened(json.dumps(annotation))}")
        if images:
            image = images[str(annotation["image_id"])]
            entry = Entry((image["file_name"], image["id"]), entry.captions, what, expected, image.get("split"))
        yield entry


def _has_captions(annotations):
    return any(isinstance(a, dict) and any(map(is_caption_key, a)) for a in annotations)


def _fields(value):
    return ([word for word in value if key(word) in NAME_KEYS + ID_KEYS],
            [word for word in value if is_caption_key(word)])


def _names_its_image(value):
    names, captions = _fields(value) if isinstance(value, dict) else ([], [])
    return bool(captions) and any(key(word) != "id" for word in names)


def _is_record(value):
    names, captions = _fields(value)
    return bool(names) and bool(captions) and isinstance(value[names[0]], str | int) and all(
        isinstance(caption, str) for word in captions for caption in caption_list(value[word]))


def _is_columns(value):
    names, captions = _fields(value)
    columns = [value[word] for word in (*names, *captions)]
    if not (names and captions):
        return False
    return all(isinstance(c, dict) and c.keys() == columns[0].keys() for c in columns) or \
        all(isinstance(c, list) and len(c) == len(columns[0]) and not any(isinstance(v, dict) for v in c)
            for c in columns)


def _rows(value, where):
    columns = {word: column for word, column in value.items()
               if isinstance(column, dict | list) and len(column) == len(value[_fields(value)[0][0]])}
    keys = list(range(len(column))) if isinstance(column := next(iter(columns.values())), list) else list(column)
    try:
        return [{word: column[k] for word, column in columns.items()} for k in keys]
    except (KeyError, IndexError) as error:
        raise UserError(f"{where}: the columns {', '.join(columns)} have different rows") from error
