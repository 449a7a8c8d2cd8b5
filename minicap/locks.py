"""One writer at a time: whoever writes a file or a folder holds a lock on it, and a second program is refused.

    with locked("features.npy"):                  .features.npy.minicap-lock, beside it
    with locked_folder("runs/a"):                 runs/a/.minicap-lock, in it
    with shared("features.npy") as lock:          the first one again, for processes that write one file together

The lock is one of the operating system (flock, on Windows msvcrt) on a file whose text says who holds it. The system
releases it when the process ends, however it ends: the file that a killed program leaves stops nobody, and the next one
deletes it. Who only reads asks for no lock. Where the file system has no locks, which is said once, or nothing can be
written, which the writing itself will say, programs go on without.
"""

import contextlib
import functools
import hashlib
import os
import stat
import sys
import time

from .errors import UserError, warn
from .paths import is_stream, resolved

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

NAME = ".minicap-lock"
NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # os.open does not follow a link
BEYOND = 1 << 30  # Windows locks bytes, and these must not be those that say who has the lock
ATTEMPTS = 100    # to open a lock file that others are deleting
POLL = 0.05       # seconds between two tries to share a lock
SOON = 2          # seconds in which who has taken a lock has said who it is


@contextlib.contextmanager
def locked(*targets):
    """Hold the locks of the files ``targets``; UserError, naming the holder, if another program has one of them.

    What cannot be replaced (None, devices, pipes) needs no lock. A folder that is there is locked as by
    :func:`locked_folder`.
    """
    with contextlib.ExitStack() as stack:
        for target in targets:
            if target is not None and not is_stream(target):
                file = resolved(target)
                stack.enter_context(_holding(file / NAME if file.is_dir() else _beside(file), target))
        yield


def locked_folder(folder):
    """Make the folder, and hold its lock as :func:`locked` does. It is deleted if it is still empty at the end."""
    return _holding(resolved(folder) / NAME, folder)


@contextlib.contextmanager
def shared(target):
    """Hold the lock of the file ``target`` together with other processes of this machine, but with no :func:`locked`.

    Yields a :class:`SharedLock`. UserError, naming the holder, if a program has the lock for itself, or processes of
    another machine: each of them would see what it has in memory of the file, and not what the others have.
    """
    if fcntl is None:
        raise UserError("several processes cannot write one file on Windows, where no lock can be shared and no open "
                        "file be renamed; give each a file of its own with host=")
    path = _beside(resolved(target))
    with _folders_for(path):
        lock = SharedLock(*_acquire_shared(path, target))
        try:
            yield lock
        finally:
            lock.release(path)


class SharedLock:
    """``alone``: whether nobody else has the lock, as long as the others are not let in."""

    def __init__(self, fd, alone):
        self.fd, self.alone = fd, alone

    def let_others_in(self):
        if self.alone:
            fcntl.flock(self.fd, fcntl.LOCK_SH)
            self.alone = False

    def release(self, path):
        """The last one deletes the file."""
        if try_lock(self.fd):
            _release(self.fd, path)
        else:
            os.close(self.fd)


def _beside(file):
    name = os.fsencode(file.name)
    longest = 255 - len(f".{NAME}")  # bytes, of names on most file systems
    return file.with_name(f".{file.name if len(name) <= longest else hashlib.sha256(name).hexdigest()}{NAME}")


def try_lock(fd, share=False):
    """Lock an open file until it is closed; False if another one has it, OSError where there are no locks.

    ``share``: with all that lock it so.
    """
    try:
        if fcntl:
            fcntl.flock(fd, (fcntl.LOCK_SH if share else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        else:
            os.lseek(fd, BEYOND, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def lock_of(path):
    """Lock the file or folder ``path`` itself; yields whether nobody else has, or None where that cannot be known."""
    if fcntl is None:  # Windows renames and deletes nothing that is open
        yield None
        return
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | NO_LINK)
    try:
        try:
            ours = try_lock(fd) and _is_at(fd, path)
        except OSError:
            ours = None
        yield ours
    finally:
        os.close(fd)


@contextlib.contextmanager
def _holding(path, target):
    """Hold the lock file ``path`` of ``target``; afterwards delete it, and what was made for it if that is empty."""
    with _folders_for(path):
        fd = _acquire(path, target)
        try:
            yield
        finally:
            if fd is not None:
                _release(fd, path)


@contextlib.contextmanager
def _folders_for(path):
    """Afterwards, delete the folders that were not there for a file ``path`` before, if they are empty."""
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder is not empty
            for folder in made:
                folder.rmdir()


def _acquire(path, target):
    """The open and locked file ``path``, or None where there can be none."""
    for _ in range(ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = _open(path)
        except FileNotFoundError:  # its folder was deleted just now
            continue
        except OSError:
            return None
        try:
            free = try_lock(fd)
        except OSError as error:
            _release(fd, path)
            _warn_of_no_locks(path.parent, error.strerror)
            return None
        if not free:
            holder = _holder(fd)
            os.close(fd)
            raise UserError(f"{target} is being written by {holder}; wait for it, or choose another place")
        if _is_at(fd, path):
            _say_who(fd)
            return fd
        os.close(fd)  # the holder before deleted it after we had opened it
    return None


def _acquire_shared(path, target):
    """(the open and locked file ``path``, whether nobody else has locked it)"""
    begin = time.monotonic()
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = _open(path)
        except FileNotFoundError:  # its folder was deleted just now
            continue
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror or error}; choose another place") from error
        try:
            alone = try_lock(fd)
            have = alone or try_lock(fd, share=True)
        except OSError as error:
            _release(fd, path)
            raise UserError(f"{path.parent} is on a file system without locks ({error.strerror}), which processes that "
                            "write one file need; give each a file of its own with host=") from None
        holder, there = _holder(fd), _is_at(fd, path)  # it is not if the last one has just deleted it
        if there and alone:
            _say_who(fd, _SHARING)
            return fd, True
        if there and have and _SHARING in holder and _on_this_machine() in holder:
            return fd, False
        os.close(fd)
        if there and have and _SHARING in holder:
            raise UserError(f"{target} is being written by {holder}; several machines need a file each, see host=")
        if there and _SHARING not in holder and time.monotonic() - begin > SOON:
            raise UserError(f"{target} is being written by {holder}; wait for it, or choose another place")
        time.sleep(POLL)


def _open(path):
    """Open or create a lock file; UserError if its name is taken by something else, which is not followed."""
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise UserError(f"{path}, where a lock file has to be, is a link, a folder or a device; delete it")
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
    except PermissionError:  # somebody else's
        return os.open(path, os.O_RDONLY | NO_LINK)


def _release(fd, path):
    if fcntl:
        with contextlib.suppress(OSError):
            path.unlink()  # before others can have the lock: they see that it is gone
        os.close(fd)
    else:
        os.close(fd)  # before, as Windows deletes no open file
        with contextlib.suppress(OSError):
            path.unlink()


def _is_at(fd, path):
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


def _on_this_machine():
    import socket

    return f" on {socket.gethostname()},"


def _this_process():
    return f"(process {os.getpid()}{_on_this_machine()}"


_SHARING = "(several processes"


def _say_who(fd, who=None):
    program = getattr(sys.modules["__main__"], "__spec__", None)
    name = program.name.removesuffix(".__main__") if program else "python"
    who = who + _on_this_machine() if who else _this_process()
    with contextlib.suppress(OSError):  # no space is left, or the file is somebody else's: the lock holds without
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, f"`{name}` {who} since {time.strftime('%Y-%m-%d %H:%M')})".encode())


def _holder(fd):
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, 300).decode(errors="replace")
    if _this_process() in text:
        return "this program already"
    return "".join(c for c in text if c.isprintable()) or "another program"


@functools.cache
def _warn_of_no_locks(folder, reason):
    warn(f"{folder} is on a file system without locks ({reason}): nothing keeps two programs from writing there at "
         "the same time")
