"""The process that runs a learner's file: it calls the functions, and tells judging.py what they returned.

It is told on its input what to do, in one line of JSON, and answers on its output with messages of answers.py:

    ("started",)
    ("loaded",) or ("broken", why)             the learner's file was read, or cannot be
    ("exercise", k)                            the k-th exercise is checked now
    ("answered", what a function returned)     for each time that checker.py has it called
    ("failed", stage, sentence, mistake)       or what went wrong there

It does the same checks as its parent, so as to call the functions with the same inputs. Whether they are right is not
its to say, except for the requirements that an exercise calls ``learns``.
"""

import faulthandler
import json
import os
import sys
from pathlib import Path

import numpy as np

from ..terminal import show_text_only
from .answers import to_bytes
from .checker import CheckError, Distant, answer_of, check, check_exists, problem_of
from .crashes import stopped
from .lessons import BrokenFileError, Lesson, load


class Told(Distant):
    """A module whose answers are told, too."""

    def __init__(self, module, tell):
        self.module, self.tell = module, tell

    def missing(self, exercise):
        return self._told(check_exists, exercise, self.module)

    def answer(self, exercise, inputs):
        return self._told(answer_of, exercise, self.module, inputs)

    def problem(self, exercise):
        return self._told(problem_of, exercise, self.module)

    def _told(self, function, exercise, *arguments):
        try:
            answer = function(exercise, *arguments)
            try:
                message = to_bytes(("answered", answer))
            except ValueError as error:
                raise CheckError(exercise, "shape", str(error)) from error
        except CheckError as error:
            self.tell(to_bytes(("failed", error.stage, error.message, error.mistake)))
            raise
        self.tell(message)
        return answer


def load_libraries():
    """Load what the fast functions load when they are first called, which is refused later."""
    from ..conv import conv2d
    from ..cpu.threads import thread_count

    thread_count()
    conv2d(*(np.zeros(shape, np.float32) for shape in ((1, 3, 3, 1), (3, 3, 1, 1), 1)))


def main():
    job = json.loads(sys.stdin.buffer.readline())
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what they print is no answer
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    show_text_only()
    traces = os.open(job["traces"], os.O_WRONLY | os.O_APPEND)
    faulthandler.enable(traces)
    exit_at_once = os._exit

    def tell(message):
        channel.write(message)
        channel.flush()

    def say_where_and_exit(code):
        faulthandler.dump_traceback(traces)
        exit_at_once(code)

    lesson = Lesson(Path(job["lesson"]))
    exercises = lesson.exercises()
    if job["lock"]:
        from .lockdown import lock

        load_libraries()
        lock(job["folder"], job["memory"], [job["lesson"]])
    tell(to_bytes(("started",)))
    os._exit = say_where_and_exit
    faulthandler.dump_traceback_later(job["seconds"], file=traces)  # by a thread of its own, whatever Python does
    try:
        module = load(lesson.exercise, job["source"])
    except BrokenFileError as error:
        tell(to_bytes(("broken", str(error))))
        exit_at_once(0)
    tell(to_bytes(("loaded",)))
    for k in job["places"]:
        faulthandler.dump_traceback_later(job["seconds"], file=traces)
        tell(to_bytes(("exercise", k)))
        try:
            check(exercises[k], Told(module, tell))
        except CheckError:
            continue  # told already, or the parent finds it out itself
        except BaseException as error:  # one that is none of Exception, or of the check itself
            tell(to_bytes(("failed", "exists", stopped(error, module), None)))
    channel.flush()
    exit_at_once(0)  # and threads of theirs with it
