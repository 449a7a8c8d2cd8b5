"""Zip archives from elsewhere: verify their contents, and unpack them safely.

Unpacking writes nothing outside the folder and leaves nothing half-done.

Every member is checked before the first byte is written. The danger is well known (CWE-22, CWE-59, "zip slip"): a
member may be called ``../../.bashrc`` or ``C:\\...``, or be a symbolic link through which a later member is written
elsewhere.
"""

import os
import re
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..terminal import progress_bar
from ..writing import unfinished

# Deflate reaches at most 1032 : 1, pictures and text stay below 20 : 1; with overlapping members there is no limit.
LARGEST_RATIO = 200
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)


@dataclass(frozen=True)
class Contents:
    """How to verify a data set without a published checksum, unpacked in a folder or still in its archive."""

    images: dict[str, int]  # folder -> number of .jpg files in it
    lines: dict[str, int]  # text file -> number of distinct first columns (tab-separated): image names, caption ids

    def problem(self, folder):
        """What is wrong with ``folder`` (a ``pathlib.Path`` or ``zipfile.Path``), or None."""
        for name, expected in self.images.items():
            entries = (folder / name).iterdir() if (folder / name).is_dir() else ()
            # "._name.jpg" is what macOS leaves beside a file on a foreign disk.
            found = sum(entry.name.endswith(".jpg") and not entry.name.startswith(".") for entry in entries)
            if found != expected:
                return f"{name} holds {found:,} images instead of {expected:,}"
        for name, expected in self.lines.items():
            file = folder / name
            text = file.read_bytes().decode(errors="replace") if file.is_file() else ""
            found = len({line.split("\t")[0].strip() for line in text.splitlines()} - {""})
            if found != expected:
                return f"{name} lists {found:,} different items instead of {expected:,}"
        return None

    def archive_problem(self, archive):
        """What is wrong with the zip file at path ``archive``, the CRC of each member included, or None."""
        try:
            with zipfile.ZipFile(archive) as z:
                checked_members(z)
                if damaged := z.testzip():
                    return f"its member {damaged} is damaged"
                return self.problem(zipfile.Path(z))
        except (*DAMAGED, OSError) as error:  # OSError: a damaged offset asks for a seek before the beginning
            return f"it is not a complete zip file ({error})"
        except UserError as error:
            return str(error)


def unpack(archive, folder):
    """Unpack all of the zip file ``archive`` into ``folder``.

    The files are written into a temporary folder on the same disk and then renamed; files of the same name are
    replaced, others left alone. Raises UserError, with nothing changed, when a member would be written outside
    ``folder`` or is not a plain file, when the archive is damaged or unpacks to an absurd size, or when there is not
    enough space.
    """
    archive, folder = Path(archive), Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive) as z, unfinished(folder, os.mkdir) as beside:
            members = checked_members(z)
            _check_size(archive, folder, sum(member.file_size for member in members))
            _write(z, members, beside)
            _move_into_place(beside, folder)
    except DAMAGED as error:
        raise UserError(f"{archive} is damaged ({error}); delete it and download it again") from error
    except OSError as error:
        raise UserError(f"cannot unpack {archive} into {folder}: {error.strerror or error}") from error


def checked_members(z):
    """The members of an open ZipFile that should be unpacked; UserError names the first that must not be."""
    members, seen = [], set()
    for member in z.infolist():
        name = member.orig_filename  # as it is in the archive; `filename` has been cleaned up already
        if reason := _refusal(name, member):
            raise UserError(f"{z.filename} is refused: its member {name!r} {reason}")
        if name.startswith("__MACOSX/"):  # resource forks that macOS adds
            continue
        if name.rstrip("/").casefold() in seen:  # on many disks `A.jpg` and `a.jpg` are one file
            raise UserError(f"{z.filename} is refused: its member {name!r} occurs twice")
        seen.add(name.rstrip("/").casefold())
        members.append(member)
    return members


def _refusal(name, member):
    parts = name.removesuffix("/").split("/")
    kind = stat.S_IFMT(member.external_attr >> 16)  # the Unix mode; 0 from systems that have none
    if name.startswith("/"):
        return "has an absolute path"
    if ".." in parts:
        return "points outside the folder"
    if "\\" in name or ":" in name:  # C:\, \\server\share; `name:stream` on NTFS
        return "has a backslash or a colon in its name"
    if re.search(r"[\x00-\x1f]", name) or not all(part.strip(". ") for part in parts):
        return "has no valid name"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a symbolic link" if kind == stat.S_IFLNK else "is neither a file nor a folder"
    return "is encrypted" if member.flag_bits & 1 else None


def _check_size(archive, folder, size):
    if size > LARGEST_RATIO * archive.stat().st_size:
        raise UserError(f"{archive} is refused: its {archive.stat().st_size:,} bytes would become {size:,}")
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(f"{folder} has {free / 1e6:,.1f} MB free, but unpacking {archive.name} takes "
                        f"{size / 1e6:,.1f} MB; free some space or choose another folder with out=")


def _write(z, members, folder):
    """Extract all members. ZipFile checks the CRC of each, and never writes more bytes than the directory declares."""
    for member in progress_bar(members, desc=f"unpacking {Path(z.filename).name}", unit=" files"):
        z.extract(member, folder)


def _move_into_place(source, target):
    """Rename ``source`` to ``target``; a folder that exists already keeps its other files."""
    if source.is_dir() and target.is_dir():
        for entry in sorted(source.iterdir()):
            _move_into_place(entry, target / entry.name)
    else:
        os.replace(source, target)
