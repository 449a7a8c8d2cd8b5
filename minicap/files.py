"""Files: text and JSON, written completely or not at all, and a digest of any contents."""

import codecs
import contextlib
import gc
import hashlib
import json
import os
import threading
from concurrent.futures import Future
from pathlib import Path

from .errors import UserError
from .paths import expanded, is_stream
from .schema import fitting
from .writing import is_output, replacing

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
                    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def write_text(path, text):
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write ``value`` as readable JSON; what UTF-8 cannot hold, as in file names of other encodings, is escaped."""
    write_text(path, _as_json(value))


def _as_json(value):
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate as JSON writes it: \udce9


def is_json_of_ours(path, fits):
    """Whether a file is, to the letter, what :func:`write_json` writes of a value that ``fits``."""
    try:
        text = Path(path).read_bytes().decode("utf-8")
        value = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return False
    return fits(value) and text == _as_json(value)


def check_output(path, argument, is_ours):
    """UserError where a file cannot be written to ``path``, or would overwrite one for which not ``is_ours(path)``.

    Programs call it before their work, so that the result of hours is not lost at its end. ``argument`` names the
    path in messages: "html".
    """
    given, path = path, expanded(path)
    if is_stream(path) or is_output(path):
        return
    if path.is_dir() or os.fspath(given).endswith(("/", os.sep)):
        raise UserError(f"{argument}= {given} is a folder; name a file")
    if path.exists() and not (path.is_file() and (path.stat().st_size == 0 or is_ours(path))):
        raise UserError(f"{argument}= {given} is there already and was not written by this option; it is not "
                        "overwritten, so name another file")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{argument}= {given} cannot be written, as {parent} is no folder that may be written to; name "
                        "another file")


@contextlib.contextmanager
def many_objects():
    """Without Python's garbage collector, which looks for objects that only refer to each other.

    Whenever there are a quarter more objects than before, it walks over all of them. For code that makes millions of
    objects and keeps them, as a reader of 590,000 captions does, that is more than half of its time, and finds none.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def existing_file(path, what):
    """``path`` as a Path; a UserError that states what was expected there if it is not a file."""
    path = expanded(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; {what} has to be a file")
    if not path.exists():
        raise UserError(f"{what} {path} does not exist; check the path")
    if path.is_char_device() or path.is_block_device():  # some have no end
        raise UserError(f"{path} is a device; {what} has to be a file")
    return path


def decode_text(data):
    """Bytes as text whose lines end in \"\\n\": UTF-8, or what a byte order mark says; else UnicodeDecodeError."""
    encoding = next((encoding for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    text = data.decode(encoding).replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")  # the line end of old Macs


def read_json(path, what="JSON file", schema=object, **options):
    """The value in a JSON file. UserError, which calls it ``what``, if it is missing or does not fit ``schema``."""
    path = existing_file(path, what)
    return parse_json(path.read_bytes(), f"{what} {path}", schema, **options)


def read_json_lines(path, what, schema=object):
    """The values in a file of JSON lines."""
    path = existing_file(path, what)
    lines = enumerate(decoded(path.read_bytes(), f"{what} {path}").split("\n"), start=1)
    return [parse_json(line, f"{what} {path}, line {number}", schema) for number, line in lines if line.strip()]


def parse_json(text, where, schema=object, **options):
    """The value in JSON ``text`` (or bytes). UserError, which says ``where``, if it is no JSON or not as in ``schema``.

    ``options`` are those of ``json.loads``.
    """
    try:
        value = json.loads(text if isinstance(text, str) else decode_text(text), **options)
    except UserError:  # of object_pairs_hook
        raise
    except (ValueError, RecursionError) as error:  # not text, not JSON, a number of 5,000 digits, 1,000 open brackets
        raise UserError(f"{where} is not valid JSON ({error}); use another copy") from error
    return fitting(value, schema, where)


def decoded(data, where):
    """Bytes as text, see :func:`decode_text`; UserError, which says ``where``, for what is no text."""
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not text in UTF-8 or UTF-16 ({error}); use another copy") from error


def begun(function, *arguments):
    """Start ``function(*arguments)`` in a thread. Returns a function that waits for the result, or raises what it has.

    A program that ends does not wait for it.
    """
    future = Future()

    def run():
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, name="minicap-begun", daemon=True).start()
    return future.result


def sha256(path):
    """Hex digest of a file's contents."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
