"""Judge a learner's file whose code runs in a process of its own, which may hang, crash or lie.

What comes back from that process (child.py) are answers and not verdicts: they are compared with the right ones here,
where no code of the learner is ever loaded. A process that does not answer in time is killed, and what Python says
about where it was is the line to name.
"""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from . import answers
from .checker import CheckError, Distant, check
from .lessons import BrokenFileError, source_of
from .lockdown import prefix

START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from minicap.learn.child import main; main()"
GRACE = 1.0  # seconds in which the child can still say where it is
BEGIN = 60.0  # seconds that Python and the library may take to start
TIME_OVER = "the time for all exercises together was over"
LOOP = "Is there a loop that never ends, or is something waited for that never comes?"


@dataclass(frozen=True)
class Limits:
    """What a learner's code may take: seconds for an exercise, and in all; bytes. ``lock``: see lockdown.py."""

    seconds: float = 60.0
    total: float = float("inf")
    memory: int = 4 << 30
    lock: bool = False


class AbandonedError(Exception):
    """Nobody waits for the result any more."""


def judge(lesson, limits=Limits(), source=None, abandoned=lambda: False):
    """Yield (exercise, CheckError or None, seconds) for each exercise; BrokenFileError if the file cannot be read.

    ``source`` is the text of the file, if it was read before. ``abandoned()``: whether to give up.
    """
    source = source_of(lesson.exercise) if source is None else source
    exercises, until, deadly = lesson.exercises(), time.monotonic() + limits.total, set()
    left = list(range(len(exercises)))
    while left:
        for k in [k for k in left if deadly & {*exercises[k].needs}]:
            left.remove(k)
            names = " and ".join(sorted(deadly & {*exercises[k].needs}))
            yield exercises[k], CheckError(exercises[k], "exists", f"it builds on {names}, which did not return"), 0.0
        if not left:
            return
        with Pupil(lesson, left, limits, source, until, abandoned) as pupil:
            pupil.load()
            while left and pupil.is_alive:
                k, begun, error = left.pop(0), time.perf_counter(), None
                try:
                    pupil.begin(exercises[k], k)
                    check(exercises[k], pupil)
                except CheckError as failure:
                    error = failure
                except AbandonedError:
                    raise
                except Exception as failure:  # an answer that is like nothing the check expects
                    error = CheckError(exercises[k], "shape", "what it returns cannot be compared "
                                       f"({type(failure).__name__}: {failure})")
                if not pupil.is_alive:
                    deadly.add(exercises[k].name)
                yield exercises[k], error, time.perf_counter() - begun


def places_of_modules(lock):
    """sys.path, without the current folder, where ``lock``: the students' folders may be in it, all of them."""
    here = os.getcwd()
    own = Path(here, "minicap", "learn", Path(__file__).name)
    return [path for path in sys.path if not lock or os.path.abspath(path) != here or own.exists()]


class Pupil(Distant):
    """The process that runs a learner's file, for the exercises with the given ``places``."""

    def __init__(self, lesson, places, limits, source, until, abandoned):
        self.lesson, self.limits, self.until, self.abandoned = lesson, limits, until, abandoned
        self.folder = tempfile.TemporaryDirectory(prefix="minicap-learn-", ignore_cleanup_errors=True)
        self.traces = Path(self.folder.name, "traces")
        self.traces.touch()
        own = Path(self.folder.name, "own")
        own.mkdir()
        self.deadline, self.is_alive = time.monotonic() + BEGIN, True
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        if limits.lock:
            environment |= {name: str(own) for name in ("HOME", "TMPDIR", "TEMP", "TMP")}
            environment |= {"OPENBLAS_NUM_THREADS": "1", "MINICAP_NUMBA": "0"}
        modules = json.dumps(places_of_modules(limits.lock))
        self.process = subprocess.Popen(
            [*(prefix() if limits.lock else []), sys.executable, "-c", START, modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if limits.lock else None,
            env=environment, cwd=own if limits.lock else None, start_new_session=True)
        job = {"lesson": str(lesson.path.resolve()), "places": places, "source": source, "traces": str(self.traces),
               "seconds": limits.seconds, "lock": limits.lock, "folder": str(own), "memory": limits.memory}
        with contextlib.suppress(OSError), self.process.stdin as stdin:
            stdin.write(json.dumps(job).encode() + b"\n")
        self.messages = queue.Queue(maxsize=4)
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._kill()
        self.process.stdout.close()
        self.folder.cleanup()

    # ------------------------------------------------------------------------------------ what the checker asks for

    def load(self):
        """Wait until the file is read; BrokenFileError where it cannot be."""
        if self._next() != ("started",):
            raise UserError("the process for the learner's code does not start (exit code "
                            f"{self.process.returncode}); is the machine short of memory, or very busy?")
        self._allow(self.limits.seconds)
        kind, *rest = self._next()
        if kind != "loaded":
            name = self.lesson.exercise.name
            raise BrokenFileError(str(rest[0]) if kind == "broken" else f"{name}: while it was read, {rest[0]}")
        self._allow(self.limits.seconds)

    def begin(self, exercise, k):
        """Go to an exercise, past what is left of the one before."""
        self._allow(self.limits.seconds)
        while (message := self._next())[0] != "ended":
            if message == ("exercise", k):
                return
        raise CheckError(exercise, "exists", message[1])

    def missing(self, exercise):
        return self._answer(exercise)

    def answer(self, exercise, inputs):
        answer = self._answer(exercise)
        return answer if isinstance(answer, tuple) else tuple(answer)

    def problem(self, exercise):
        return self._answer(exercise)

    def _answer(self, exercise):
        kind, *rest = self._next()
        if kind == "answered":
            return rest[0]
        if kind == "failed":
            stage, sentence, mistake = rest
            raise CheckError(exercise, stage, sentence, mistake)
        raise CheckError(exercise, "exists", rest[0] if kind == "ended" else "its answers cannot be made sense of")

    # -------------------------------------------------------------------------------------------------- the process

    def _allow(self, seconds):
        self.deadline = min(time.monotonic() + seconds + GRACE, max(self.until, time.monotonic()))

    def _next(self):
        """The next message, or ("ended", a sentence that says why there is none)."""
        late = False
        while self.is_alive and not late:
            if self.abandoned():
                raise AbandonedError
            late = time.monotonic() >= self.deadline
            with contextlib.suppress(queue.Empty):
                message = self.messages.get(timeout=0.001 if late else 0.1)
                if message is not None:
                    return message
                break
        if not self.is_alive:
            return "ended", "there was no answer"
        self.is_alive = False
        return "ended", self._why(late)

    def _listen(self):
        """Put the messages into the queue, and None behind the last one that can be read."""
        message = ()
        while message is not None:
            try:
                message = answers.read_message(self.process.stdout)
            except (ValueError, OSError):
                message = None
            if not (isinstance(message, tuple) and message and isinstance(message[0], str)):
                message = None
            while self.process.returncode is None or message is None:
                with contextlib.suppress(queue.Full):
                    self.messages.put(message, timeout=0.5)
                    break

    def _kill(self):
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()

    def _why(self, late):
        """Why the process is not there any more, or has to go."""
        if not late:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        code = self.process.poll()
        self._kill()
        line = self._line()
        where = f" (line {line[0]} of your file: `{line[1]}`)" if line else ""
        if late and time.monotonic() >= self.until:
            return f"{TIME_OVER}{where}"
        if late:
            return f"it was stopped after {self.limits.seconds:g} seconds{where}. {LOOP}"
        if code is not None and not 0 <= code <= 128:  # of Python itself, or as a program that has started it says it
            number = -code if code < 0 else code - 128
            with contextlib.suppress(ValueError):
                number = signal.Signals(number).name
            return f"Python was ended by the signal {number}{where}"
        return f"it ended Python, exit code {code}{where}. Leave out os._exit"

    def _line(self):
        """(number, text) of the innermost line of the learner's file in the last traceback, or None."""
        path = str(self.lesson.exercise.resolve()).encode("ascii", "backslashreplace").decode()[:400]
        with contextlib.suppress(OSError):
            text = self.traces.read_bytes()[-(1 << 20):].decode("ascii", "replace")
            for traceback in reversed(re.split(r"^(?=.*most recent call first)", text, flags=re.MULTILINE)):
                if found := re.search(rf'File "{re.escape(path)}[^"]*", line (\d+)', traceback):
                    number = int(found[1])
                    lines = source_of(self.lesson.exercise).splitlines()
                    return number, lines[number - 1].strip() if number <= len(lines) else ""
        return None
