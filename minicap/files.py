"""Files: written completely or not at all, and identified by a digest of their contents."""

import codecs
import contextlib
import hashlib
import json
import os
from pathlib import Path

from .errors import UserError

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
                    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


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
    """Write ``value`` as readable JSON; what UTF-8 cannot hold, as in file names of other encodings, is escaped."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    write_text(path, text.encode("utf-8", "backslashreplace").decode())  # a lone surrogate as JSON writes it: \udce9


def expanded(path):
    """``path`` as a Path, with the home folder for a ``~`` at its beginning; UserError if nobody knows that folder."""
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UserError(f"no home folder is known for {path.parts[0]} in {path}; write the whole path, or ./{path} if "
                        "that is its name") from error


def existing_file(path, what):
    """``path`` as a Path; a UserError that states what was expected there if it is not a file."""
    path = expanded(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; {what} has to be a file")
    if not path.exists():
        raise UserError(f"{what} {path} does not exist; check the path")
    return path


def decode_text(data):
    """Bytes as text whose lines end in \"\\n\": UTF-8, or what a byte order mark says; else UnicodeDecodeError."""
    encoding = next((encoding for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    text = data.decode(encoding).replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")  # the line end of old Macs


def read_json(path, what="JSON file", **options):
    path = existing_file(path, what)
    try:
        return json.loads(decode_text(path.read_bytes()), **options)
    except UserError:  # of object_pairs_hook
        raise
    except (ValueError, RecursionError) as error:  # not text, not JSON, a number of 5,000 digits, 1,000 open brackets
        raise UserError(f"{what} {path} is not valid JSON ({error})") from error


def same_path(one, other):
    """Whether two paths lead to one place: small, small/ and ../here/small do."""
    return expanded(one).resolve() == expanded(other).resolve()


def sha256(path):
    """Hex digest of a file's contents."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
