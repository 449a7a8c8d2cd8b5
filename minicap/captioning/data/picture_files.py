"""The pictures below a folder, found by the names that a caption file has for them."""

import functools
import os
import re
from pathlib import Path

from ...errors import UserError
from .names import ENDING, ENDINGS, NameIndex, casefolded, without_folder

STRINGS = re.compile(rf'"([^"\n]+\.(?:{ENDINGS}))[#"]', re.IGNORECASE)  # in JSON, names of pictures
DEPTH = 4  # archives are unpacked into folders of their own name, within those of the data set


class PictureFiles:
    """All files below ``folder`` that end as pictures do, or have no ending.

    A name is looked for as a path from ``folder`` or from its folder ``images``, then in any other folder, and then
    with another ending or none. Where the same name is in two folders, that one counts which has all of these names.
    A path that leads elsewhere, ``/etc/a.jpg`` or ``../a.jpg``, is looked for by its last part: of what is outside,
    only that is found to which links lead.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.paths = {_as_text(path): path for path in _pictures(self.folder, DEPTH)}
        self.index = NameIndex(self.paths)
        self.top = os.path.join(os.path.abspath(self.folder), "")  # ends in /
        self.roots = [self.top, *sorted(os.path.join(self.top, path.name) for path in self.folder.iterdir()
                                        if path.name.lower() == "images" and path.is_dir())]

    def has_any(self, names):
        """Is one of ``names`` a picture here?"""
        return any(self._exact(name) or self.index.hits(name) for name in names)

    def are_most_named_in(self, data):
        """Does the JSON ``data`` (bytes), which may be broken, name at least half of the pictures?"""
        named = {casefolded(without_folder(name)) for name in STRINGS.findall(data.decode("utf-8", "replace"))}
        pictures = {casefolded(without_folder(path)) for path in self.paths}
        return len(named & pictures) * 2 >= max(1, len(pictures))

    def find(self, names):
        """{name: path} of the pictures that are here; a UserError if it is not certain which file a name means.

        Paths are strings: 100,000 objects of pathlib would take more memory than all captions.
        """
        found, doubtful = {}, {}
        for name in names:
            exact = self._exact(name)
            hits = [exact] if exact else [self._whole(self.paths[path]) for path in self.index.hits(name)]
            if len(hits) == 1:
                found[name] = hits[0]
            elif hits:
                doubtful[name] = hits
        if doubtful:
            folder = self._folder_of(doubtful)
            found |= {name: next(path for path in hits if os.path.dirname(path) == folder)
                      for name, hits in doubtful.items()}
        name_of = {}
        for name, path in found.items():
            if name_of.setdefault(path, name) != name:
                raise UserError(f"{name_of[path]} and {name} are both the picture {path}; use one name, or keep two "
                                "pictures in two folders")
        return {name: found[name] for name in names if name in found}

    def _exact(self, name):
        """The picture at the path ``name``, which may begin anywhere but has to end below the folder, or None."""
        if self.paths.get(name) == name:
            return self._whole(name)
        for root in self.roots:
            path = os.path.normpath(os.path.join(root, name))  # without "..", which would follow a link and go up there
            if path.startswith(self.top) and os.path.basename(path) in self._files_in(os.path.dirname(path)):
                return self._whole(path.removeprefix(self.top))
        return None

    @functools.cache  # noqa: B019 - lives as long as these pictures
    def _files_in(self, folder):
        """The names of the files in ``folder``: a list of 100,000 takes less time than to ask for a hundred by name."""
        try:
            with os.scandir(folder) as entries:
                return frozenset(entry.name for entry in entries if entry.is_file())
        except (OSError, ValueError):  # no such folder, a name that is too long or has a zero byte
            return frozenset()

    def _whole(self, path):
        return os.path.join(self.folder, path)

    def _folder_of(self, doubtful):
        """The one folder with a single picture for every doubtful name."""
        folders = None
        for hits in doubtful.values():
            parents = [os.path.dirname(path) for path in hits]
            single = {parent for parent in parents if parents.count(parent) == 1}
            folders = single if folders is None else folders & single
        if len(folders) != 1:
            name, hits = next(iter(doubtful.items()))
            raise UserError(f"{name} could be {hits[0]} or {hits[1]}; keep one of them in {self.folder}, or write the "
                            "folders in the caption file")
        return folders.pop()


class MissingPictures:
    """In place of :class:`PictureFiles` where there are none: each name is that of a picture, which cannot be read."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def are_most_named_in(self, data):
        return bool(STRINGS.search(data.decode("utf-8", "replace")))

    def has_any(self, names):
        return True

    def find(self, names):
        return {name: os.path.join(self.folder, name) for name in names}


def _as_text(path):
    """A path that is not UTF-8 on disk, as if it were Latin-1."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path).decode("latin-1")
    return path


def _pictures(folder, depth, prefix=""):
    """The paths of the pictures below ``folder``, from there, with "/" between folders."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if entry.is_dir():
                if depth > 1:
                    yield from _pictures(entry.path, depth - 1, f"{prefix}{entry.name}/")
            elif entry.is_file() and (ENDING.search(entry.name) or "." not in entry.name):
                yield prefix + entry.name
