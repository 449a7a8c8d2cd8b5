"""An unfinished download: ``NAME.partial``, and ``NAME.partial.json``, which records where its bytes came from."""

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import TypedDict

from ..errors import UserError
from ..files import read_json, write_json
from ..schema import Count
from ..writing import create, sync


class Origin(TypedDict):
    """What stands in NAME.partial.json: the address and the facts of the first response."""

    address: str
    etag: str | None
    last_modified: str | None
    length: Count | None  # in bytes, None where the server did not send it


class Partial:
    """The bytes of ``target`` received so far, and the version of the file they belong to. Its user holds the lock.

    ``origin`` is an :class:`Origin`, or None while there is nothing usable.
    """

    def __init__(self, target):
        self.target = os.path.realpath(target)  # a link stays, and leads to the file
        self.path, self._origin_path = Path(f"{self.target}.partial"), Path(f"{self.target}.partial.json")
        self.origin = self._read_origin()
        self.size = self.path.stat().st_size if self.origin else 0

    def _read_origin(self):
        if not all(path.is_file() and not path.is_symlink() for path in (self.path, self._origin_path)):
            return None
        with contextlib.suppress(UserError):  # of another kind: start again
            origin = read_json(self._origin_path, "origin of the download", Origin)
            if all(re.fullmatch(r"[\x20-\x7e]*", origin[name] or "") for name in ("etag", "last_modified")):
                return origin  # they can stand in the header of a request
        return None

    def is_from(self, address):
        return self.origin is not None and self.origin["address"] == address

    def validator(self):
        """What proves that a server still has the same version: a strong ETag, or else its date, or else None."""
        etag = self.origin["etag"] or ""
        return etag if etag.startswith('"') else self.origin["last_modified"]

    def restart(self, origin):
        """Empty the file. The old origin is deleted first and the new one written last, so that it never describes
        older bytes.
        """
        self.forget()
        create(self.path)
        write_json(self._origin_path, origin)
        self.origin = origin

    def forget(self):
        self._origin_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        self.origin, self.size = None, 0

    def becomes_target(self):
        sync(self.path)
        os.replace(self.path, self.target)
        sync(self.path.parent)
        self._origin_path.unlink()


def digest_of(path, algorithm):
    """The hex digest of what is in the file at ``path``."""
    digest = hashlib.new(algorithm, usedforsecurity=False)  # so that FIPS systems allow md5
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
