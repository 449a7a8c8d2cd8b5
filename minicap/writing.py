"""Files and folders that appear under their names when they are complete."""

import contextlib
import errno
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from .errors import UserError
from .locks import NO_LINK, lock_of
from .paths import expanded, is_stream

PARTIAL = ".minicap-{}.partial"  # the name of what is being written


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path beside ``path``; rename it into place when the block ends well, delete it otherwise.

    A reader therefore sees the old file or the complete new one, even if the disk fills up or the program is killed;
    once the block has ended, the new one survives a power failure. The new file has the permissions of the old one.

        with replacing("metrics.json") as partial:
            partial.write_text(text)

    Only a file is replaced. A link stays, and the file that it leads to is replaced; a device or a pipe, and the file
    that the shell has sent the program's output to, are written into, all at once at the end.
    """
    path = expanded(path)
    with _telling(path):
        if is_stream(path) or _output(path):
            with tempfile.TemporaryDirectory(prefix="minicap-") as folder:
                yield (whole := Path(folder) / "whole")
                _write_into(path, whole.read_bytes())
            return
        file = _at_the_end_of_links(path)
        mode = file.stat().st_mode & 0o777 if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(file.parent, lambda new: create(new, 0o666 if mode is None else 0o600)) as partial:
            yield partial
            sync(partial)
            if mode is not None:
                os.chmod(partial, mode)
            os.replace(partial, file)
            sync(file.parent)


@contextlib.contextmanager
def new_folder(path):
    """The same for a folder, which is not there yet, or is empty: yield a temporary one, to be filled.

    A folder that is there stays, as it may be where a shell is, or a disk. What is made for it is moved into it in the
    order of the names; what it has under one of them already, from a program that was killed while it did so, stays.
    """
    path = expanded(path)
    with _telling(path):
        folder = _at_the_end_of_links(path)
        there = folder.is_dir()
        beside = folder if there else folder.parent
        beside.mkdir(parents=True, exist_ok=True)
        with unfinished(beside, os.mkdir) as partial:
            yield partial
            for made in (*partial.rglob("*"), partial):
                sync(made)
            if not there:
                os.rename(partial, folder)
            for entry in sorted(partial.iterdir()) if there else ():
                if not (folder / entry.name).exists():
                    os.rename(entry, folder / entry.name)
            sync(beside)


@contextlib.contextmanager
def unfinished(folder, make):
    """Yield a new path in ``folder`` that ``make(path)`` has created; afterwards it is deleted, if it was not renamed.

    Nobody can foresee its name. It is locked as long as this process lives: those that are not locked were left by
    processes that were killed, and are deleted first.
    """
    for left in folder.glob(PARTIAL.format("*")):
        with contextlib.suppress(OSError), lock_of(left) as ours:
            if ours:
                _delete(left)
    while True:
        partial = folder / PARTIAL.format(secrets.token_hex(8))
        make(partial)
        try:
            with lock_of(partial) as ours:
                if ours is not False:  # nobody has taken it for one of those
                    yield partial
                    return
        finally:
            _delete(partial)


def create(path, mode=0o666):
    """Make an empty file; FileExistsError if anything, such as a link, has its name."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | NO_LINK, mode))


def sync(path):
    """Have everything in a file, or the names in a folder, written to the disk."""
    try:
        fd = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError:
        if not path.is_dir():  # which not every system can do
            raise


@contextlib.contextmanager
def _telling(path):
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; free some space or choose another place") \
            from error


def _delete(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _at_the_end_of_links(path):
    file = Path(os.path.realpath(path))
    if file.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return file


def is_output(path):
    """Whether ``path`` is the file that the shell has sent the program's output to."""
    return _output(path) is not None


def _output(path):
    """Which of standard output (1) and standard error (2) goes to the file ``path``, or None."""
    for fd in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(path), os.fstat(fd)):
                return fd
    return None


def _write_into(path, data):
    sys.stdout.flush()
    if fd := _output(path):
        fd = os.dup(fd)  # behind what was printed
    with open(fd or path, "wb") as f:
        f.write(data)
