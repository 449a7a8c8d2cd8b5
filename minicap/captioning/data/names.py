"""Images by the names that people write for them: with or without folder and ending, or only a number.

    images/a.jpg    .\\images\\a.jpg    a.jpg    a.JPG    a    a.jpg#0    one image
    COCO_val2014_000000391895.jpg    000000391895.jpg    000000391895    391895    coco_391895    one image of COCO

A match that is closer to the letter goes first; a name that could mean two images means neither.
"""

import functools
import re
import unicodedata

from ...errors import UserError

ENDINGS = "jpe?g|jpe|jfif|png|gif|bmp|webp|tiff?|ppm|heic|heif|avif"
ENDING = re.compile(rf"\.(?:{ENDINGS})$", re.IGNORECASE)
# The caption of an image: a.jpg#0, and a#zhc#0 as Flickr8k-CN has it, with the language.
NUMBERED = re.compile(rf"(\.(?:{ENDINGS}))#\d+$|(?<=[^#])#[a-z]{{2,4}}#\d+$", re.IGNORECASE)
COCO_NUMBER = re.compile(r"(?:COCO_(?:[a-z]+\d{4}_)?)?0*(\d+)", re.IGNORECASE)


def cleaned(name):
    """A name as it is kept: "/" between folders, composed accents, no leading "./" and no "#0" at the end."""
    name = unicodedata.normalize("NFC", str(name).strip()).replace("\\", "/")
    if "#" in name:
        name = NUMBERED.sub(lambda match: match[1] or "", name)
    return re.sub(r"^(?:\./+)+", "", name) if name[:1] == "." else name


def without_folder(name):
    return cleaned(name).rpartition("/")[2]


def stem(name):
    return ENDING.sub("", without_folder(name))


def casefolded(name):
    return stem(name).casefold()


def number(name):
    """The number that a name of COCO stands for, without zeros before it; None for other names."""
    match = COCO_NUMBER.fullmatch(stem(name))
    return match and match[1]


class ImgId(int):
    """Karpathy's ``imgid``, which counts the images of a file; where these have a ``cocoid`` too, it is another number.
    """


FORMS = (str, cleaned, without_folder, stem, casefolded)


class NameIndex:
    """Finds the ones of ``known`` that a name can mean; ``ids`` are further names of some: {image: (391895, ...)}."""

    def __init__(self, known, ids=None):
        self.known, self.ids = list(known), ids or {}

    @functools.cache  # noqa: B019 - lives as long as the index; most names are found in the first level
    def level(self, form):
        """{a name in this form: the images that have it}"""
        index = {}
        for image in self.known:
            index.setdefault(form(image), []).append(image)
        return index

    @functools.cached_property
    def numbers(self):
        """{number: images}: of COCO, or an ``imgid`` where an image has no other id."""
        index = {}
        for image in self.known:
            ids = self.ids.get(image) or (image,)
            others = [id for id in ids if not isinstance(id, ImgId)]
            if not others:
                others = (image,) if str(image).isdigit() else ids  # it is called by its cocoid
            for other in others:
                for key in {str(other), number(other)} - {None}:
                    index.setdefault(key, []).append(image)
        return index

    @functools.cached_property
    def imgids(self):
        index = {}
        for image, ids in self.ids.items():
            for id in ids:
                if isinstance(id, ImgId):
                    index.setdefault(str(id), []).append(image)
        return index

    def hits(self, name):
        """The images at the closest level that has any. An ``int`` is an id first; digits in a string have to fit both,
        and so does an ``imgid`` if images have other ids, as "img_id" is what some call these.
        """
        hits = next((found for form in FORMS if (found := self.level(form).get(form(name)))), [])
        if hits and not str(name).isdigit():
            return hits
        by_number = self.numbers.get(str(name)) or self.numbers.get(number(name)) or []
        if isinstance(name, ImgId):
            by_number = list(dict.fromkeys(self.imgids.get(str(name), []) + by_number))
        if isinstance(name, int) and (by_number or self.ids):
            return by_number
        return list(dict.fromkeys(hits + by_number))

    def find(self, name, where):
        """The one image that ``name`` means, or None; a UserError, naming ``where``, if it could mean two."""
        hits = self.hits(name)
        if len(hits) > 1:
            raise UserError(f"{where}: {str(name)!r} could mean {hits[0]!r} or {hits[1]!r}; write it as it is there")
        return hits[0] if hits else None
