"""Captions in JSON.

    {"images": [{"id": 7, "file_name": ...}], "annotations": [{"image_id": 7, "caption": ...}]}     COCO's
    {"images": [{"filename": ..., "filepath": ..., "split": ..., "sentences": [{"raw": ...}]}]}      Karpathy's
    [{"image": name, "caption": text}, ...]    also "file_name", "image_id", ..., "captions": [...], "text": ...
    {name: text}, {name: [text, ...]}, {name: [{"caption": text}, ...]}, {name: {"captions": [...]}}
    [[name, text], ...]
    {"image": {"0": name, ...}, "caption": {"0": text, ...}}    columns, as pandas writes them; also as two lists
    {"0": {"image": name, "caption": text}, ...}                rows, as pandas writes them
    {"columns": ["image", "caption"], "data": [[name, text], ...]}      its orient="split"
    {"caption": {name: text, ...}}                              columns, with the names of the images as their index
    {"train": any of these, "val": ..., "test": ...}; {"data": [...]}
    JSON lines: one record a line, as ``minicap.caption --json`` and Hugging Face's metadata.jsonl have them

A key that is repeated with another value is refused: JSON would keep the last without a word.
"""

import json

from ...errors import UserError, warn
from ...files import many_objects
from .entries import SPLIT_WORDS, Entry, caption_list, entry_of, shortened
from .fields import ID_KEYS, NAME_KEYS, is_caption_key, is_image_key, key
from .names import ENDING, cleaned

LAYOUTS = ('{"image": ["caption", ...]}, [{"image": ..., "caption": ...}], COCO\'s annotations or Karpathy\'s '
           '{"images": [{"filename": ..., "sentences": [...]}]}')
WRAPPERS = ("data", "dataset", "annotation", "caption", "item", "sample", "result", "prediction", "reference", "image",
            "imgblob")  # of NeuralTalk
COCO_FIELDS = {"image_id", "id", "caption"}  # of an annotation


def json_entries(text, where):
    """The :class:`.Entry` objects of the JSON ``text``, or of JSON lines."""
    try:
        value = load_json(text, where)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise UserError(f"{where}, line {error.lineno}: this is not valid JSON ({error.msg})") from error
        return [entry for n, record in json_lines(text, where) for entry in _record(record, f"line {n}", where)]
    return _entries(value, where)


def load_json(text, where):
    """The value of the JSON ``text``; UserError for a key that is repeated with another value.

    Left out are the ``tokens`` that stand beside ``raw`` text in Karpathy's files, more than all the rest in them.
    """
    def entry_of_pairs(pairs):
        entry = dict(pairs)
        if len(entry) < len(pairs):
            _refuse_two_values(pairs, where)
        if isinstance(entry.get("raw"), str):
            entry.pop("tokens", None)
        return entry

    try:
        with many_objects():
            return json.loads(text, object_pairs_hook=entry_of_pairs)
    except (json.JSONDecodeError, UserError):
        raise
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, 1,000 open brackets
        raise UserError(f"{where} is not valid JSON ({error})") from error


def _refuse_two_values(pairs, where):
    entry = {}
    for name, value in pairs:
        if name in entry and entry[name] != value and not (entry[name] != entry[name] and value != value):  # NaN
            raise UserError(f"{where} has {name!r} twice, as {shortened(str(entry[name]))} and "
                            f"{shortened(str(value))}; keep one")
        entry[name] = value


def json_lines(text, where):
    """(number, value) of each line that is not empty."""
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield n, load_json(line, where)
            except json.JSONDecodeError as error:
                raise UserError(f"{where}, line {n}: this is not valid JSON ({error.msg})") from error


def _entries(value, where, split=None):
    if isinstance(value, list):
        for i, record in enumerate(value):
            yield from _record(record, f"entry {i}", where, split)
        return
    if not isinstance(value, dict):
        raise UserError(f"{where}, line 1: contains no predictions or captions; expected {LAYOUTS}")
    _refuse_two_groups(value, where)
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        yield from _entries(_split_table(value, where), where, split)
    elif isinstance(value.get("annotations"), list) and _has_captions(value["annotations"]):
        yield from _from_coco(value, where)
    elif isinstance(value.get("imgToEval"), dict):  # pycocoevalcap's scores, to which some add the captions
        yield from _entries(value["imgToEval"], where, split)
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
                yield from _named(name, captions, where, split)


def _named(name, captions, where, split):
    """The entries of ``name: captions``: captions of this image, or records of which it is the row or a label."""
    what = f"entry {name!r}"
    records = captions if isinstance(captions, list) else [captions]
    if _is_label(name, records):
        for record in records:
            yield from _record(record, what, where, split)
    elif records and all(isinstance(record, dict) and any(map(is_caption_key, record)) for record in records) and (
            records == [captions] or any(key(word) in ID_KEYS and key(word) != "id" for word in records[0])):
        for record in records:  # where they name their image too, both have to agree
            field = next(word for word in NAME_KEYS if word not in map(key, record))
            yield from _record({field: name} | record, what, where, split)
    else:
        said = captions.get("split", split) if isinstance(captions, dict) else split
        yield Entry((name,), captions, what, LAYOUTS, said)


def _refuse_two_groups(value, where):
    """UserError for predictions and references, or captions of two models, in one file."""
    lists = {word: part for word, part in value.items() if isinstance(part, list) and part and not word.isdecimal()
             and word not in SPLIT_WORDS}
    if len(lists) < 2:
        return
    groups = [word for word, part in lists.items() if _is_label(word, part)
              or (key(word) in WRAPPERS and _is_complete(part[0]))]
    if len(groups) > 1:  # only then is it worth looking at all of them
        groups = [word for word in groups if all(map(_is_complete, lists[word]))]
    if len(groups) > 1:
        raise UserError(f"{where} has captions in {groups[0]!r} and in {groups[1]!r}; write each of them to a file of "
                        "its own")


def _is_complete(record):
    """Whether a record names both its image and its caption."""
    return isinstance(record, dict) and all(_fields(record))


def _is_label(name, records):
    """Is ``name`` the number of a row or the label of a group, since the ``records`` under it name their images?"""
    if not records or ENDING.search(cleaned(name)):
        return False
    for record in records:
        names, captions = _fields(record) if isinstance(record, dict) else ([], [])
        files = [word for word in names if isinstance(record[word], str) and ENDING.search(record[word])]
        if not captions or not (files or (name.isdecimal() and any(key(word) != "id" for word in names))):
            return False
    return True


def _record(record, what, where, split=None, expected='{"image": ..., "caption": ...}'):
    if isinstance(record, list) and len(record) == 2 and isinstance(record[0], str):
        yield Entry((record[0],), record[1], what, expected, split)
    elif isinstance(record, dict) and record and all(map(ENDING.search, record)):  # [{"a.jpg": text}, ...]
        yield from (Entry((name,), caption, what, expected, split) for name, caption in record.items())
    elif not isinstance(record, dict):
        raise UserError(f"{where}, {what} is {record!r:.60}; expected {expected}")
    else:
        entry = entry_of(record, what, where, expected)
        yield entry if entry.split is not None or split is None else entry._replace(split=split)


def _from_coco(value, where):
    """COCO's annotations: each names its image by id. Images without a caption, as those of its test set, are none."""
    images, ids = {}, {}  # by id as a text, and ids by name
    for i, image in enumerate(value["images"] if isinstance(value.get("images"), list) else ()):
        if (not isinstance(image, dict) or not isinstance(image.get("file_name"), str)
                or type(image.get("id")) not in (int, str)):
            raise UserError(f'{where}, images[{i}]: expected {{"id": ..., "file_name": ...}}, found '
                            f"{shortened(json.dumps(image))}")
        name, id = image["file_name"], image["id"]
        if images.setdefault(str(id), image) != image or ids.setdefault(name, id) != id:
            raise UserError(f"{where}, images[{i}]: {name!r} and id {id} belong to two images; each has its own")
    names = {id: ((image["file_name"], image["id"]), image.get("split")) for id, image in images.items()}
    expected, marked = '{"image_id": ..., "caption": ...}', 0
    for i, annotation in enumerate(value["annotations"]):
        what = f"annotations[{i}]"
        if type(annotation) is dict and annotation.keys() == COCO_FIELDS and type(annotation["image_id"]) is int:
            named, split = names.get(str(annotation["image_id"]), (None, None))
            if named:  # what is done below, only sooner
                yield Entry(named, annotation["caption"], what, expected, split)
                continue
        entry = entry_of(annotation, what, where, expected) if isinstance(annotation, dict) else None
        if entry is None or (names and str(annotation.get("image_id")) not in names):
            raise UserError(f"{where}, {what}: expected {expected} of one of the images, found "
                            f"{shortened(json.dumps(annotation))}")
        if names:
            named, split = names[str(annotation["image_id"])]
            entry = Entry(named, entry.captions, what, expected, split, entry.generated)
        marked += bool(annotation.get("is_rejected") or annotation.get("is_precanned"))
        yield entry
    if marked:  # VizWiz
        warn(f"{where}: {marked:,} of {len(value['annotations']):,} captions are marked is_rejected or is_precanned; "
             "they are read like the others")


def _has_captions(annotations):
    return any(isinstance(a, dict) and any(map(is_caption_key, a)) for a in annotations)


def _fields(value):
    return list(filter(is_image_key, value)), list(filter(is_caption_key, value))


def _is_record(value):
    names, captions = _fields(value)
    return bool(names) and bool(captions) and isinstance(value[names[0]], str | int) and all(
        isinstance(caption, str) for word in captions for caption in caption_list(value[word]))


def _is_columns(value):
    """Columns of one length; where no column names the image, the keys of the others do."""
    names, captions = _fields(value)
    columns = [value[word] for word in (*names, *captions)]
    if not captions:
        return False
    return all(isinstance(c, dict) and c.keys() == columns[0].keys() for c in columns) or \
        (names and all(isinstance(c, list) and len(c) == len(columns[0]) and not any(isinstance(v, dict) for v in c)
                       for c in columns))


def _split_table(value, where):
    """The records of pandas' ``orient="split"``; if no column names the image, the index does."""
    columns, index = [str(column) for column in value["columns"]], value.get("index")
    named = any(map(is_image_key, columns))
    records = []
    for i, row in enumerate(value["data"]):
        if not isinstance(row, list) or len(row) != len(columns):
            raise UserError(f"{where}, data[{i}]: expected a value for each of the columns "
                            f"{', '.join(columns)}, found {shortened(json.dumps(row, ensure_ascii=False))}")
        records.append(dict(zip(columns, row, strict=True)))
        if not named and isinstance(index, list) and len(index) == len(value["data"]):
            records[-1]["image"] = index[i]
    return records


def _rows(value, where):
    names, captions = _fields(value)
    first = value[(names or captions)[0]]
    columns = {word: column for word, column in value.items()
               if isinstance(column, dict | list) and len(column) == len(first)}
    keys = list(first) if isinstance(first, dict) else range(len(first))
    try:
        records = [{word: column[k] for word, column in columns.items()} for k in keys]
    except (KeyError, IndexError, TypeError) as error:
        raise UserError(f"{where}: the columns {', '.join(columns)} have different rows") from error
    return records if names else [{"image": k} | record for k, record in zip(keys, records, strict=True)]
