"""Files: written completely or not at all, and identified by a digest of their contents."""

import contextlib
import hashlib
import json
import os
from pathlib import Path

from .errors import UserError


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path beside ``path``; rename it into place when the block ends well, delete it otherwise.

    A reader therefore sees the old file or the complete new one, even if the disk fills up or the program is killed.

        with replacing("metrics.json") as partial:
            partial.write_text(text)
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with open(partial, "rb+") as f:
            os.fsync(f.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; free some space or choose another place") \
            from error
    finally:
        with contextlib.suppress(OSError):  # already renamed, or never written: its folder may be a file
            partial.unlink()


def write_text(path, text):
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path, value):
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def existing_file(path, what):
    """``path`` as a Path; a UserError that states what was expected there if it is not a file."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise UserError(f"{path} is a folder; {what} has to be a file")
    if not path.exists():
        raise UserError(f"{what} {path} does not exist; check the path")
    return path


def read_json(path, what="JSON file", **options):
    path = existing_file(path, what)
    try:
        return json.loads(path.read_text(encoding="utf-8"), **options)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{what} {path} is not valid JSON ({error})") from error


def sha256(path):
    """Hex digest of a file's contents."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
