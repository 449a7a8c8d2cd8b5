"""Files of predictions from other systems, and the images that they mean.

    {"image": "caption"}, {"image": ["caption"]}, {id: [{"caption": ...}]}
    [{"image_id": 391895, "caption": ...}, ...]            COCO's results
    {"image": ..., "caption": ..., "beams": [...]}          JSON lines, as minicap.caption --json prints them
    image,caption                                           CSV, and every other layout of captions

All layouts of :mod:`minicap.captioning.data.caption_files` are read; here, each image has exactly one caption.
"""

from ...errors import UserError
from ...files import existing_file
from ..data.caption_files import parse_entries
from ..data.entries import caption_list
from ..data.names import ImgId, NameIndex


def read_predictions(path):
    """The (image, raw caption) pairs in a file, in file order; an image may occur more than once.

    An image is a name (str), an id (int), or a tuple of these where the file gives several.
    """
    entries = parse_entries(existing_file(path, "the predictions file").read_bytes(), path)
    pairs = [(entry.names if len(entry.names) > 1 else entry.names[0], _one_caption(entry, path)) for entry in entries]
    if not pairs:
        raise UserError(f"{path} is empty: there are no predictions to score")
    return pairs


def _one_caption(entry, path):
    captions = caption_list(entry.prediction)
    if len(captions) != 1 or not isinstance(captions[0], str):
        what = entry.what.removeprefix("entry ") if entry.what.startswith("entry '") else entry.what
        raise UserError(f"{path}: the caption of {what} has to be one string, or a list with one string, not "
                        f"{entry.prediction!r:.60}")
    return captions[0]


def assign(pairs, known, where, ids=None):
    """{image of ``known``: caption} from (image, caption) ``pairs``; UserError for unknown names, or two captions.

    ``ids`` are further names of the known images. Where a pair gives several names, those that are known have to agree.
    """
    index, captions, unknown = NameIndex(known, ids), {}, []
    for names, caption in pairs:
        names = names if isinstance(names, tuple) else (names,)
        names = [name for name in names if not isinstance(name, ImgId)] or names
        image = _the_image(names, index, where)
        if image is None:
            unknown.append(names[0])
        elif captions.setdefault(image, caption) != caption:
            raise UserError(f"{where} has two captions for image {image!r}, {captions[image]!r} and {caption!r}; "
                            "keep one")
    _refuse(unknown, len(captions) + len(unknown), where)
    return captions


def match_images(names, known, where, ids=None):
    """{name: the one of ``known`` that it means}, see :class:`.NameIndex`; UserError for one that means none or two."""
    index = NameIndex(known, ids)
    meant = {name: index.find(name, where) for name in names}
    _refuse([name for name, image in meant.items() if image is None], len(meant), where)
    return meant


def _the_image(names, index, where):
    meant = [(name, image) for name in names if (image := index.find(name, where)) is not None]
    for name, image in meant[1:]:
        if image != meant[0][1]:
            raise UserError(f"{where}: {meant[0][0]!r} is {meant[0][1]!r}, but {name!r} is {image!r}; the names of an "
                            "image have to agree")
    return meant[0][1] if meant else None


def _refuse(unknown, total, where):
    if unknown:
        raise UserError(f"{where}: {len(unknown)} of {total} images have no references, the first of which is "
                        f"{str(unknown[0])!r}; use the references of the same data set")
