"""The learner's folder and the progress stored in it: one JSON file, written completely or not at all.

    progress.json   {"format": 2, "lesson": "linear", "passed": {"linear": ["linear.1"]}, "hints": {"linear.2": 1}}

Lessons are named by their topics, since a lesson that is put in between changes the numbers of those behind it. Format
1 had "03" for "linear" and "3.1" for "linear.1"; its numbers are those of ONCE_NUMBERED.
"""

import json
import shutil
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from ..errors import UserError
from ..files import read_json, write_json
from ..locks import locked
from ..paths import expanded
from ..schema import Count
from ..writing import new_folder
from .lessons import ONCE_NUMBERED, find_lessons, shipped_lessons

NAME = "progress.json"


class State(TypedDict):
    """What stands in progress.json."""

    format: Literal[1, 2]
    lesson: NotRequired[str | None]
    passed: NotRequired[dict[str, list[str]]]
    hints: NotRequired[dict[str, Count]]


def by_topic(state):
    """The state of a file in format 2, if it is not; numbers that no lesson had stay as they are."""
    if state["format"] == 2:
        return state

    def named(number):
        lesson, *exercise = number.split(".")
        topics = {f"{n:02}": topic for n, topic in enumerate(ONCE_NUMBERED)}
        return ".".join([topics.get(lesson.zfill(2), lesson), *exercise])

    return {"format": 2, "lesson": None if state["lesson"] is None else named(state["lesson"]),
            "passed": {named(lesson): list(map(named, numbers)) for lesson, numbers in state["passed"].items()},
            "hints": {named(number): level for number, level in state["hints"].items()}}


class Progress:
    """A learner's progress in ``folder``, which has the lessons.

    ``renumbered``: the file names lessons by numbers that some of them no longer have.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.lessons = find_lessons(self.folder)
        state = {"format": 2, "lesson": None, "passed": {}, "hints": {}}
        path = self.folder / NAME
        if path.exists():
            try:
                state |= read_json(path, "progress file", State)
            except UserError as error:
                raise UserError(f"{path} is not a progress file of this version of minicap ({error}); move it away to "
                                "start anew") from error
        self.renumbered = state["format"] == 1 and any(
            lesson.topic in ONCE_NUMBERED and ONCE_NUMBERED.index(lesson.topic) != int(lesson.number)
            for lesson in self.lessons)
        self.state = by_topic(state)

    def save(self):
        write_json(self.folder / NAME, self.state)

    @property
    def current(self):
        """The lesson that was started last, or else the first that is not finished."""
        last = next((lesson for lesson in self.lessons if lesson.topic == self.state["lesson"]), None)
        return last or self.next_lesson() or self.lessons[-1]

    def passed(self, lesson):
        """The numbers of the exercises that were correct when they were last checked."""
        passed = self.state["passed"].get(lesson.topic, [])
        return [exercise.number for exercise in lesson.exercises() if key(lesson, exercise) in passed]

    def finished(self, lesson):
        return set(self.passed(lesson)) >= {exercise.number for exercise in lesson.exercises()}

    def next_lesson(self):
        """The first lesson that is not finished, from the one that was started last on, and then from 0 on; or None."""
        topics = [lesson.topic for lesson in self.lessons]
        here = topics.index(self.state["lesson"]) if self.state["lesson"] in topics else 0
        return next((lesson for lesson in self.lessons[here:] + self.lessons[:here] if not self.finished(lesson)), None)

    def forget(self, lesson):
        """No exercise of the lesson counts as right any more."""
        self.state["passed"].pop(lesson.topic, None)
        self.save()

    def note(self, lesson, exercise, is_right):
        """Store the result of a check of an exercise."""
        passed = {number: True for number in self.passed(lesson)} | {exercise.number: is_right}
        self.state["passed"][lesson.topic] = [key(lesson, other) for other in lesson.exercises()
                                              if passed.get(other.number)]
        self.state["lesson"] = lesson.topic
        self.save()

    def hint(self, lesson, exercise, levels):
        """The number of the next hint, starting from 0; the last one is repeated."""
        level = min(self.state["hints"].get(key(lesson, exercise), 0), levels - 1)
        self.state["hints"][key(lesson, exercise)] = level + 1
        self.save()
        return level

    def hints(self):
        """{number of an exercise: how many of its hints were shown}"""
        shown = self.state["hints"]
        return {exercise.number: shown[key(lesson, exercise)] for lesson in self.lessons
                for exercise in lesson.exercises() if key(lesson, exercise) in shown}


def key(lesson, exercise):
    """What an exercise is called in the file: "linear.1"."""
    return f"{lesson.topic}.{exercise.number.partition('.')[2]}"


def find_folder(start=None):
    """The learner's folder: the one with progress.json at or above ``start``, or the lessons of a clone."""
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / NAME).exists() and find_lessons(folder):
            return folder
        if (folder / "minicap" / "learn").is_dir() and find_lessons(folder / "lessons"):
            return folder / "lessons"
        if folder.name == "lessons" and find_lessons(folder):
            return folder
    raise UserError("there are no lessons here; `python -m minicap.learn init DIR` copies them into a new folder, in "
                    "which this command then works")


def make_folder(folder, solutions=True):
    """Copy the lessons from the package; UserError if the folder is not empty."""
    folder, source = expanded(folder), shipped_lessons()
    unwanted = ["__pycache__", "*.pyc", NAME] + ["solution.py"] * (not solutions)
    with locked(folder):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file; name a folder")
        if folder.exists() and not may_become(folder, source):
            raise UserError(f"{folder} already exists and is not empty; name a new folder")
        with new_folder(folder) as partial:
            try:
                shutil.copytree(source, partial, ignore=shutil.ignore_patterns(*unwanted), dirs_exist_ok=True)
            except shutil.Error as error:  # of every file; the first says enough
                raise OSError(error.args[0][0][2]) from error
            Progress(partial).save()
    return Progress(folder)


def may_become(folder, source):
    """Whether a folder is empty, or holds the first entries of ``source`` only, as ``init`` leaves it if killed.

    :func:`.new_folder` moves them into it one by one, and last of all the progress.
    """
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".minicap-"))
    shipped = sorted(path.name for path in source.iterdir() if path.name not in ("__pycache__", NAME))
    return found == shipped[:len(found)]


def as_json(progress):
    """What ``status --json`` prints, for a lecturer to collect."""
    return json.dumps({"lesson": progress.current.number, "hints": progress.hints(), "lessons": {
        lesson.number: {"title": lesson.title, "passed": progress.passed(lesson),
                        "exercises": [exercise.number for exercise in lesson.exercises()]}
        for lesson in progress.lessons}})
