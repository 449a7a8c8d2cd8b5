"""What the code of somebody else may not do on this machine, as far as the system can forbid it.

    Linux     namespaces (the program ``unshare``): no network, no process but its own in sight
              Landlock (Linux 5.13): files are written in one folder alone, and read where Python and the system are;
              no program is started; since 6.7 no TCP, since 6.12 no signals to other processes
    POSIX     limits of memory (not on macOS), file sizes and time
    anywhere  a hook of Python refuses network, processes, signals and files elsewhere. It is no wall: who knows Python
              well enough gets around it

The solutions, which are part of minicap, can be read everywhere; without Landlock, so can everything else.
"""

import contextlib
import ctypes
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .lessons import shipped_lessons

PREFIXES = (["unshare", "--user", "--map-current-user", "--net", "--pid", "--ipc", "--fork", "--kill-child"],
            ["unshare", "--net", "--pid", "--ipc", "--fork", "--kill-child"])  # for root where user namespaces are off
LARGEST_FILE = 1 << 28
FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
             "os.startfile", "os.kill", "os.killpg", "pty.spawn", "socket.connect", "socket.bind", "socket.sendto",
             "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "ctypes.dlopen",
             "ctypes.dlsym", "gc.get_objects", "gc.get_referrers", "gc.get_referents")
OF_NAMES = {"os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1}  # {event: how many paths it names}
OF_FILES = {"os.link": 2, "os.truncate": 1, "os.chmod": 1, "os.chown": 1, "os.utime": 1}  # at the end of links


@functools.cache
def prefix():
    """The command that starts another one without network, out of sight of other processes; [] if there is none."""
    for command in PREFIXES if sys.platform == "linux" and shutil.which("unshare") else ():
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return []


def what_holds():
    """What is kept from the code of others on this machine, as a sentence."""
    landlock = _landlock_version()
    network = ("no network" if prefix() else "network: refused by Python alone, UDP by nothing else" if landlock >= 4
               else "network: refused by Python alone")
    files = ("files: its own, Python's and the system's alone" if landlock else
             "files elsewhere: writing refused by Python alone, reading not refused")
    apart = prefix() or landlock >= 6
    signals = "other processes: out of reach" if apart else "other processes: refused by Python alone"
    memory = "memory: limited" if sys.platform == "linux" else "memory: not limited on this system"
    return f"{network}; {files}; {signals}; {memory}"


def lock(folder, memory, readable=()):
    """From now on this process writes into ``folder`` alone, and takes ``memory`` bytes more than it has.

    ``readable`` are folders to be read besides those of Python and the system.
    """
    _limit(memory)
    _landlock(folder, readable)
    sys.addaudithook(_hook(os.path.realpath(folder)))


def _limit(memory):
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        with open("/proc/self/statm") as file:
            memory += int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


# ----------------------------------------------------------------------------------------------------------- Landlock

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the system calls, on every architecture
PATH_BENEATH, NO_NEW_PRIVS = 1, 38
EXECUTE, WRITE_FILE, READ_FILE, TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 14
REMOVE_AND_MAKE = sum(1 << n for n in range(4, 13))
TCP, SIGNALS_AND_SOCKETS = 0b11, 0b11
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/sys", "/dev")


class Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def _landlock_version():
    """0 where there is no Landlock."""
    if sys.platform != "linux":
        return 0
    return max(ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1), 0)


def _landlock(folder, readable):
    version = _landlock_version()
    if version < 1:
        return
    libc, writing = ctypes.CDLL(None), WRITE_FILE | REMOVE_AND_MAKE | (TRUNCATE if version >= 3 else 0)
    rules = Ruleset(EXECUTE | READ_FILE | writing, TCP if version >= 4 else 0,
                    SIGNALS_AND_SOCKETS if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    fd = libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    python = (sys.prefix, sys.base_prefix, *sys.path, Path(__file__).parents[1], shipped_lessons())
    for path, allowed in ((folder, writing | READ_FILE), (os.devnull, writing & (WRITE_FILE | TRUNCATE)),
                          *((path, READ_FILE) for path in (*SYSTEM, *python, *readable))):
        with contextlib.suppress(OSError):  # there is none of this name
            place = os.open(path, os.O_PATH)
            libc.syscall(ADD_RULE, fd, PATH_BENEATH, ctypes.byref(Beneath(allowed, place)), 0)
            os.close(place)
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(RESTRICT_SELF, fd, 0):
        raise OSError("Landlock refuses its own rules")
    os.close(fd)


# ----------------------------------------------------------------------------------------------------------- the hook

def _hook(folder):
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    forbidden, counts, of_names = frozenset(FORBIDDEN), OF_NAMES | OF_FILES, frozenset(OF_NAMES)
    realpath, join, split = os.path.realpath, os.path.join, os.path.split

    def refuse(what):
        raise PermissionError(f"{what} is not allowed while exercises are graded")

    def check(path, folder_fd=-1, follow=True):
        if isinstance(path, int):
            return
        path = os.fsdecode(path)
        if folder_fd >= 0:  # what the path is relative to
            path = join(_path_of(folder_fd), path)
        if follow:
            path = realpath(path)
        else:  # a link itself
            parent, name = split(path)
            path = join(realpath(parent), name)
        if path not in (folder, os.devnull) and not path.startswith(folder + os.sep):
            refuse(f"writing to {path}")

    def hook(event, arguments):
        if event in forbidden:
            refuse(event)
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & writing:
            check(arguments[0])
        elif event == "os.symlink":
            check(arguments[1], follow=False)
        elif event in counts:
            count = counts[event]
            folders = [n for n in arguments[count:] if isinstance(n, int)][-count:] if event in of_names else []
            for path, folder_fd in zip(arguments[:count], [*folders, *[-1] * count], strict=False):
                check(path, folder_fd, follow=event not in of_names)

    return hook


def _path_of(fd):
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{fd}")
