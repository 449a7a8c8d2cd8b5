"""The lessons as files: where they are, their titles, and the functions to write in each.

    NN_topic/README.md      the lesson
    NN_topic/exercise.py    functions to fill in
    NN_topic/solution.py    the same, filled in (may be left out for a course)
    NN_topic/hints.toml     title, minutes, the lessons it builds on; three hints for each exercise
    NN_topic/check.py       EXERCISES, what the checker requires
"""

import codecs
import contextlib
import importlib.util
import io
import itertools
import re
import sys
import tokenize
import tomllib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypedDict

from ..errors import UserError
from ..files import decode_text, existing_file
from ..schema import Count, fitting
from .crashes import described, lines_of

LEVELS = ("idea", "shapes", "skeleton")


Hints = TypedDict("Hints", dict.fromkeys(LEVELS, str))


class Facts(TypedDict):
    """hints.toml."""

    title: str
    minutes: Count
    needs: list[str]         # the numbers of lessons
    hints: dict[str, Hints]  # of each exercise, by its number
# The lessons as they were numbered, from 0 on, when files named them by number. A lesson that is put in between changes
# the numbers behind it, and never a topic: files name lessons by that.
ONCE_NUMBERED = (
    "how_this_works", "arrays", "slopes", "linear", "softmax", "optimizers", "overfit_eight", "convolution",
    "convolution_backward", "fast_convolution", "pooling", "dropout_norm_init", "cnn_shapes", "weight_files", "vgg",
    "features", "words", "rnn", "lstm", "captioner", "beam_search", "bleu_cider", "attention", "winograd", "gpu",
    "capstone")
_numbers = itertools.count()


@dataclass(frozen=True)
class Lesson:
    """One lesson: ``path`` is its folder, ``number`` the two digits in front, ``topic`` the words behind them."""

    path: Path

    @property
    def number(self):
        return self.path.name[:2]

    @property
    def topic(self):
        return self.path.name[3:]

    @cached_property
    def facts(self):
        """The contents of hints.toml; UserError if they are not those of a lesson."""
        path = self.path / "hints.toml"
        try:
            facts = tomllib.loads(decode_text(existing_file(path, "the hints of the lesson,").read_bytes()))
        except (ValueError, RecursionError) as error:  # no text, or no TOML
            raise UserError(f"{path} is not valid TOML ({error}); take the file from another copy of the lessons") \
                from error
        return fitting(facts, Facts, path)

    @property
    def title(self):
        return self.facts["title"]

    @property
    def exercise(self):
        return self.path / "exercise.py"

    @property
    def solution(self):
        return self.path / "solution.py"

    def exercises(self):
        """The exercises for the checker, in order, with the numbers that they have in this folder."""
        return self._exercises

    @cached_property
    def checked_by(self):
        """The check.py that counts: the one that minicap came with, and not a copy, which anybody can change."""
        shipped = next((lesson for lesson in find_lessons(shipped_lessons()) if lesson.topic == self.topic), self)
        return shipped.path / "check.py"

    @cached_property
    def _exercises(self):
        exercises = load(self.checked_by).EXERCISES
        return [replace(exercise, number=f"{int(self.number)}.{exercise.number.partition('.')[2]}")
                for exercise in exercises]

    def __str__(self):
        return f"{self.number} {self.title}"


def find_lessons(folder):
    """The lessons in a folder, in order."""
    return [Lesson(path) for path in sorted(Path(folder).glob("[0-9][0-9]_*")) if (path / "exercise.py").exists()]


def shipped_lessons():
    """The folder the lessons came in: inside the installed package, or at the top of a clone."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "lessons", package.parent / "lessons"):
        if find_lessons(folder):
            return folder
    raise UserError("this installation holds no lessons; install minicap from a clone or a wheel of the project")


def the_lesson(lessons, number):
    """The lesson with a number such as "3" or "03"; UserError, listing all lessons, if there is none."""
    wanted = str(number).zfill(2)
    for lesson in lessons:
        if lesson.number == wanted:
            return lesson
    have = ", ".join(lesson.number for lesson in lessons) or "none"
    raise UserError(f"there is no lesson {number}; there are {have}")


def shipped_lesson(topic):
    """The original lesson, whatever a learner has written in a copy, and whatever its number is there."""
    for lesson in find_lessons(shipped_lessons()):
        if lesson.topic == topic:
            return lesson
    raise UserError(f"this version of minicap has no lesson {topic}")


def helper(topic, name):
    """The module in a file that belongs to a lesson, for the code of its text, which may run in any folder."""
    return load(shipped_lesson(topic).path / name)


def load(path, source=None):
    """The module in a file, executed anew each time; BrokenFileError states why a learner's file cannot be executed.

    ``source`` is its text, if it was read before.
    """
    path = Path(path)
    name = f"lesson_{re.sub(r'[^0-9a-z]', '_', path.parent.name)}_{path.stem}_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and inspect look up classes there
    try:
        # Compiled here, without __pycache__, where two versions saved within a second have the same time stamp.
        exec(compile(source_of(path) if source is None else source, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise BrokenFileError(f"{path.name}, line {error.lineno}: Python cannot read this: {error.msg}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # exit() is none of Exception
        lines = lines_of(error, module)
        where = f" (line {lines[-1][0]}: `{lines[-1][1]}`)" if lines else ""
        raise BrokenFileError(f"{path.name} stopped while it was read: {described(error)}{where}") from error
    finally:
        del sys.modules[name]
    return module


def source_of(path):
    """The text of a Python file, in the encoding that a byte order mark or its first lines name; else UTF-8."""
    data = Path(path).read_bytes()
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with contextlib.suppress(SyntaxError, UnicodeDecodeError):
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            return data.decode(encoding)
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BrokenFileError(f"{Path(path).name}, line {line}: this is not text in UTF-8; save the file as UTF-8") \
            from error


class BrokenFileError(UserError):
    """A file that cannot be executed."""
