"""Files read by another process, which may take only so much memory and time.

HDF5 and SciPy believe what a file says: of one of 8 kB, a single call unpacks 2 GB. A limit on our own process would
be no help, for HDF5 crashes where it gets no memory. So a child opens the file, and what is wanted of it comes back
through a pipe, as JSON or as plain numbers:

    with Child("minicap.weights.keras_h5", "answers", path, memory) as child:
        facts = child.ask("list")
        array = child.ask("numbers", "block1_conv1/kernel")

``answers(path)`` is a context manager, which gives the function that answers. Linux keeps the limit. macOS and Windows
have none for the memory of one process, so that there only the sizes count that a file declares, which are checked
first. A child stays for the next file, as it takes 0.2 s to start one.
"""

import atexit
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np

from ..errors import UserError
from .refusal import RefusalError, shown

LIBRARIES = 128 << 20  # bytes of addresses for the libraries that are still to be loaded
SECONDS, BYTES_PER_SECOND = 10, 5_000_000  # of computing: for any file, and more for a large one
STATM = "/proc/self/statm"  # where Linux tells the memory of a process, in pages
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from minicap.weights.child import main; main()"
_ERRORS = {"UserError": UserError, "RefusalError": RefusalError}
_idle = []  # children that wait for a file


class Child:
    """A child that has opened ``path``; ``memory`` in bytes is what it may take for that.

    ``ask`` raises the UserError or RefusalError that the child has raised, and for all else a RuntimeError; then the
    file is closed.
    """

    def __init__(self, module, function, path, memory):
        self.memory, self.is_open, self.is_well, self.process = memory, True, True, _waiting() or _started()
        self._say(module, function, os.path.abspath(path), memory, SECONDS + os.path.getsize(path) // BYTES_PER_SECOND)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.is_open and kind is None:
            self._say()
        if self.is_well and (kind is None or not self.is_open):
            _idle.append(self.process)
        else:  # perhaps in the middle of an answer
            _end(self.process)

    def ask(self, *question):
        """The answer: an array, or what JSON can hold."""
        self._say(*question)
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._died()
        kind, *answer = json.loads(line)
        if kind == "array":
            return self._array(*answer)
        if kind == "answer":
            return answer[0]
        self.is_open = False
        if kind == "MemoryError":
            self.is_well = False
            raise self._too_much()
        raise _ERRORS.get(kind, RuntimeError)(answer[0])

    def _array(self, dtype, shape):
        array = np.empty(shape, dtype)
        if self.process.stdout.readinto(array.reshape(-1).view(np.uint8)) < array.nbytes:
            raise self._died()
        return array

    def _say(self, *words):
        try:
            self.process.stdin.write(json.dumps(words).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            self.is_well = False  # it has ended, which is noticed when it does not answer

    def _died(self):
        self.is_well = False
        if self.process.wait() == -getattr(signal, "SIGXCPU", 0):
            return RuntimeError("it takes far more time than a file of its size may")
        return self._too_much()

    def _too_much(self):
        return RuntimeError(f"it takes more than the {self.memory >> 20:,} MB of memory that a file of its size may, "
                            "or makes the library crash")


def _waiting():
    with contextlib.suppress(IndexError):
        while (process := _idle.pop()).poll() is not None:  # ended by Ctrl-C, which every process of a terminal gets
            _end(process)
        return process


def _started():
    return subprocess.Popen([sys.executable, "-c", _START, json.dumps(sys.path)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})


def _end(process):
    process.kill()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was never sent
            stream.close()
    process.wait()


@atexit.register
def _end_all():
    while _idle:
        _end(_idle.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # two processes cannot share a child


# ----------------------------------------------------------------------------------------------------- in the child

def main():
    """Open the files that the parent names, one after the other, and answer what it asks about each."""
    replies, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing else is printed between the answers
    while line := sys.stdin.buffer.readline():
        module, function, path, memory, seconds = json.loads(line)
        question = _question()  # before the file is opened, so that it is answered also where that fails
        answers = getattr(importlib.import_module(module), function)
        _limit(memory, seconds)
        try:
            with answers(path) as answer:
                while question:
                    _send(replies, answer(*question))
                    question = _question()
        except Exception as error:  # of nearly every type, on damaged files
            text = str(error) if isinstance(error, (UserError, RefusalError)) else shown(error)
            kind = MemoryError if isinstance(error, MemoryError) else type(error)  # NumPy has one of its own
            _send_line(replies, kind.__name__, text)


def _question():
    return json.loads(sys.stdin.buffer.readline() or b"[]")


def _send(replies, answer):
    if not isinstance(answer, np.ndarray):
        _send_line(replies, "answer", answer)
    else:
        _send_line(replies, "array", answer.dtype.str, answer.shape)
        replies.write(np.ascontiguousarray(answer).reshape(-1).view(np.uint8))
        replies.flush()


def _send_line(replies, *words):
    replies.write(json.dumps(words).encode() + b"\n")
    replies.flush()


def _limit(memory, seconds):
    """Limit what this process may take from now on, as far as the system knows such limits."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _soft(resource, resource.RLIMIT_CPU, int(time.process_time()) + seconds)
        with open(STATM) as file:
            addresses = int(file.read().split()[0]) * resource.getpagesize()
        _soft(resource, resource.RLIMIT_AS, addresses + LIBRARIES + memory)


def _soft(resource, which, value):
    _, hard = resource.getrlimit(which)
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
