"""Caption files and split lists, in their usual formats.

The format of a caption file is recognised by its content, not by its name:

* ``Flickr8k.token.txt``: each line is ``name.jpg#0<tab>caption`` (Hodosh, Young and Hockenmaier 2013).
* CSV with a header that names the columns ``image`` and ``caption`` (the Kaggle copy of Flickr8k).
* JSON in the layout of Karpathy's ``dataset_flickr8k.json``:
  ``{"images": [{"filename": ..., "split": ..., "sentences": [{"raw": ...}]}]}``.
* JSON ``{"name.jpg": ["caption", ...]}``.

Files are in UTF-8, with or without a byte order mark, with either line ending. The first invalid line is a
:class:`UserError` that names the file, the line and the expected format. Captions are returned as they are;
text/tokens.py splits them into words.
"""

import csv
import io
import json
import re

from ...errors import UserError
from ...files import existing_file

TOKEN_LINE = re.compile(r"(?P<image>.+)#\d+\t(?P<caption>.*)")
KARPATHY_SPLITS = {"train": "train", "restval": "train", "val": "dev", "dev": "dev", "test": "test"}


def read_captions(path):
    """The captions of the file ``path``: {image name: [raw caption, ...]}, in file order.

    Flaws of official files are left in: in ``Flickr8k.token.txt``, ``2258277193_586949ec62.jpg.1`` is a separate name.
    """
    return parse_captions(existing_file(path, "the caption file").read_bytes(), path)


def read_image_list(path):
    """The image names in a split list, one per line, as a tuple in file order."""
    return parse_image_list(existing_file(path, "the image list").read_bytes(), path)


def parse_captions(data, where):
    """:func:`read_captions` for the bytes ``data``; ``where`` names the file in error messages."""
    text = _decode(data, where)
    first_line = text.lstrip().partition("\n")[0]
    if first_line[:1] in ("{", "["):
        return _from_json(_load_json(text, where), where)
    is_csv = "\t" not in first_line and "," in first_line
    captions = {}
    for image, caption in _csv_pairs(text, where) if is_csv else _token_pairs(text, where):
        captions.setdefault(image, []).append(caption)
    if not captions:
        raise UserError(f"the caption file {where} contains no captions")
    return captions


def parse_image_list(data, where):
    """:func:`read_image_list` for the bytes ``data``; ``where`` names the file in error messages."""
    first_line_of = {}
    for number, line in enumerate(_decode(data, where).split("\n"), start=1):
        name = line.strip()
        if name in first_line_of:
            raise UserError(f"{where}, line {number}: {name} is on line {first_line_of[name]} already")
        if name:
            first_line_of[name] = number
    if not first_line_of:
        raise UserError(f"the image list {where} is empty; expected one image name per line")
    return tuple(first_line_of)


def parse_karpathy_splits(data, where):
    """{"train" | "dev" | "test": image names} from the "split" fields of Karpathy's layout; None without such fields.

    "restval" (the part of COCO's validation set that is used for training) counts as train, "val" is our dev. Parse the
    captions of the file first, which checks the rest of the layout.
    """
    text = _decode(data, where)
    if text.lstrip()[:1] not in ("{", "["):
        return None
    value = _load_json(text, where)
    images = value.get("images") if isinstance(value, dict) else None
    if not isinstance(images, list) or not any("split" in image for image in images if isinstance(image, dict)):
        return None
    splits = {"train": [], "dev": [], "test": []}
    for i, image in enumerate(images):
        split = KARPATHY_SPLITS.get(image.get("split"))
        if split is None:
            raise UserError(f'{where}, images[{i}]: "split" is {image.get("split")!r}; '
                            f'expected one of {", ".join(KARPATHY_SPLITS)}')
        splits[split].append(image["filename"])
    return {split: tuple(names) for split, names in splits.items()}


def _decode(data, where):
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}, line {line}: not UTF-8 text; save the file as UTF-8") from error
    return text.replace("\r\n", "\n")


def _token_pairs(text, where):
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        match = TOKEN_LINE.fullmatch(line)
        if match is None or not match["caption"].strip():
            expected = "name.jpg#0<tab>caption (or, on the first line, a CSV header image,caption or JSON)"
            raise UserError(f"{where}, line {number}: expected {expected}, found {_shortened(line)}")
        yield match["image"], match["caption"].strip()


def _csv_pairs(text, where):
    # strict: a missing closing quote is an error, not a caption of a thousand lines.
    rows = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    columns, number = None, 1  # number: the line on which the row begins; a quoted caption may span several
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{where}, line {number}: broken quotes ({error}); "
                            'inside a quoted caption a quote is written twice: ""') from error
        if columns is None:
            columns = [name.strip().lower() for name in row]
            if "image" not in columns or "caption" not in columns:
                raise UserError(f"{where}, line {number}: expected the CSV header image,caption, "
                                f"found {_shortened(','.join(row))}")
            image, caption = columns.index("image"), columns.index("caption")
        elif row:
            if len(row) != len(columns) or not row[image].strip() or not row[caption].strip():
                raise UserError(f"{where}, line {number}: expected {','.join(columns)} (in double quotes if it holds a "
                                f"comma), found {_shortened(','.join(row))}")
            yield row[image].strip(), row[caption].strip()
        number = rows.line_num + 1


def _load_json(text, where):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}, line {error.lineno}: not valid JSON ({error.msg})") from error


def _from_json(value, where):
    layouts = '{"image": ["caption", ...]} or Karpathy\'s {"images": [{"filename": ..., "sentences": [...]}]}'
    if not isinstance(value, dict) or not value:
        raise UserError(f"{where}, line 1: expected {layouts}")
    if isinstance(value.get("images"), list):
        return _from_karpathy(value["images"], where)
    for image, captions in value.items():
        if not isinstance(captions, list) or not captions or not all(map(_is_caption, captions)):
            raise UserError(f"{where}, entry {image!r}: expected {layouts}, found {_shortened(json.dumps(captions))}")
    return {image: [caption.strip() for caption in captions] for image, captions in value.items()}


def _from_karpathy(images, where):
    captions = {}
    for i, image in enumerate(images):
        name = image.get("filename") if isinstance(image, dict) else None
        sentences = image.get("sentences") if isinstance(image, dict) else None
        texts = [_sentence(s) for s in sentences] if isinstance(sentences, list) else []
        if not isinstance(name, str) or not texts or not all(map(_is_caption, texts)):
            raise UserError(f'{where}, images[{i}]: expected {{"filename": ..., "sentences": [{{"raw": caption}}]}}, '
                            f"found {_shortened(json.dumps(image))}")
        captions.setdefault(name, []).extend(text.strip() for text in texts)
    if not captions:
        raise UserError(f"the caption file {where} contains no captions")
    return captions


def _sentence(sentence):
    """The text of one of Karpathy's sentences: "raw", or its "tokens" joined; None where it has neither."""
    if not isinstance(sentence, dict):
        return None
    tokens = sentence.get("tokens")
    joined = " ".join(tokens) if isinstance(tokens, list) and all(isinstance(t, str) for t in tokens) else None
    return sentence.get("raw", joined)


def _is_caption(value):
    return isinstance(value, str) and bool(value.strip())


def _shortened(text, width=60):
    return repr(text if len(text) <= width else text[:width] + "…")
