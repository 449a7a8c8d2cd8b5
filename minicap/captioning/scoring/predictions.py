"""Files of predictions from other systems: the usual layouts, and the usual variations of image names."""

import re

from ...errors import UserError
from ...files import read_json

IMAGE_KEYS = ("image", "img_id", "image_id")
CAPTION_KEYS = ("caption", "prediction")


def read_predictions(path):
    """The (image name, raw caption) pairs in a JSON file, in file order; an image may occur more than once.

    Layouts: ``{"image": "caption"}``, or a list of ``{"image" | "img_id" | "image_id": name or number, "caption" |
    "prediction": "caption"}``. A caption may be in a list of one: ``["caption"]``. Anything else is a UserError that
    names the entry.
    """
    def unique(pairs):  # json would silently use the last of several captions for the same key
        entry = {}
        for key, value in pairs:
            if entry.setdefault(key, value) != value:
                raise UserError(f"{path} has {key!r} twice, as {entry[key]!r} and {value!r}; keep one")
        return entry

    content = read_json(path, "the predictions file", object_pairs_hook=unique)
    if isinstance(content, dict):
        pairs = [(image, caption, f"the caption of {image!r}") for image, caption in content.items()]
    elif isinstance(content, list):
        pairs = [(*_fields(entry, f"{path}, entry {i}"), f"the caption of entry {i}")
                 for i, entry in enumerate(content)]
    else:
        raise UserError(f'{path} contains no predictions; expected {{"image": "caption", ...}} or a list of '
                        '{"image": ..., "caption": ...}')
    if not pairs:
        raise UserError(f"{path} is empty: there are no predictions to score")
    return [(image, _one_caption(caption, f"{path}: {what}")) for image, caption, what in pairs]


def _fields(entry, where):
    if not isinstance(entry, dict):
        raise UserError(f'{where} is {entry!r:.60}; expected {{"image": ..., "caption": ...}}')
    values = []
    for keys in (IMAGE_KEYS, CAPTION_KEYS):
        present = [key for key in keys if key in entry]
        if len(present) != 1:
            names = " or ".join(f'"{key}"' for key in keys)
            raise UserError(f"{where} needs one of the fields {names}, but has {', '.join(map(repr, entry)) or 'none'}")
        values.append(entry[present[0]])
    image, caption = values
    if isinstance(image, bool) or not isinstance(image, str | int):
        raise UserError(f"{where}: the image has to be a name or a number, not {image!r:.60}")
    return str(image), caption


def _one_caption(value, what):
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise UserError(f"{what} has to be one string, or a list with one string, not {value!r:.60}")
    return value


def assign(pairs, known, where):
    """{image of ``known``: caption} from (name, caption) ``pairs``; UserError for unknown names, or two captions."""
    meant = match_images([name for name, _ in pairs], known, where)
    captions = {}
    for name, caption in pairs:
        image = meant[name]
        if captions.setdefault(image, caption) != caption:
            raise UserError(f"{where} has two captions for image {image!r}, {captions[image]!r} and {caption!r}; "
                            "keep one")
    return captions


def match_images(names, known, where):
    """{name: the matching one of ``known``}: the same name, or else the same without folders, or else also without the
    file extension. UserError for a name without a match, or with several at the level of the first match.
    """
    levels = []
    for form in (str, _without_folder, _stem):
        index = {}
        for image in known:
            index.setdefault(form(image), []).append(image)
        levels.append((form, index))
    meant = {name: _match(name, levels, where) for name in names}
    unknown = [name for name, image in meant.items() if image is None]
    if unknown:
        raise UserError(f"{where}: {len(unknown)} of {len(meant)} images have no references, the first of which is "
                        f"{unknown[0]!r}; use the references of the same data set")
    return meant


def _match(name, levels, where):
    for form, index in levels:
        hits = index.get(form(name), [])
        if len(hits) > 1:
            raise UserError(f"{where}: {name!r} could mean {hits[0]!r} or {hits[1]!r}; write it as the references do")
        if hits:
            return hits[0]
    return None


def _without_folder(name):
    return re.split(r"[/\\]", name)[-1]


def _stem(name):
    return re.sub(r"\.(jpe?g|png|gif|bmp|webp|tiff?)$", "", _without_folder(name), flags=re.IGNORECASE)
