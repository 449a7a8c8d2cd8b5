"""An unfinished download: ``NAME.partial``, and ``NAME.partial.json``, which records where its bytes came from."""

import contextlib
import hashlib
import os
from pathlib import Path

from ..errors import UserError
from ..files import read_json, write_json


class Partial:
    """The bytes of ``target`` received so far, their running digest, and the version of the file they belong to.

    ``origin`` is None while there is nothing usable; otherwise ``{"address", "etag", "last_modified", "length"}`` of
    the first response (``length`` in bytes, None where the server did not send it).
    """

    def __init__(self, target, algorithm):
        self.path, self._origin_path = Path(f"{target}.partial"), Path(f"{target}.partial.json")
        self.algorithm = algorithm
        self.origin = self._read_origin()
        self.digest = digest_of(self.path, algorithm) if self.origin else new_digest(algorithm)
        self.size = self.path.stat().st_size if self.origin else 0

    def _read_origin(self):
        if not (self.path.exists() and self._origin_path.exists()):
            return None
        with contextlib.suppress(UserError):  # not JSON: start again
            origin = read_json(self._origin_path)
            if isinstance(origin, dict) and {"address", "etag", "last_modified", "length"} <= origin.keys():
                return origin
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
        self.path.write_bytes(b"")
        write_json(self._origin_path, origin)
        self.origin = origin

    def forget(self):
        self._origin_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        self.origin, self.size, self.digest = None, 0, new_digest(self.algorithm)

    def becomes(self, target):
        with open(self.path, "rb+") as f:
            os.fsync(f.fileno())
        os.replace(self.path, target)
        self._origin_path.unlink()


def new_digest(algorithm):
    return hashlib.new(algorithm, usedforsecurity=False)  # so that FIPS systems allow md5


def digest_of(path, algorithm):
    """A hash object that has read the file at ``path``, to which more bytes can be added."""
    digest = new_digest(algorithm)
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest
