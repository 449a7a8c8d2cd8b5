"""The learner's folder and the progress stored in it: one JSON file, written completely or not at all.

    progress.json   {"format": 1, "lesson": "03", "passed": {"03": ["3.1"]}, "hints": {"3.2": 1}}
"""

import json
import shutil
from pathlib import Path

from ..errors import UserError
from ..files import expanded, read_json, write_json
from .lessons import find_lessons, shipped_lessons, the_lesson

NAME = "progress.json"


class Progress:
    """A learner's progress in ``folder``, which has the lessons."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.lessons = find_lessons(self.folder)
        self.state = {"format": 1, "lesson": None, "passed": {}, "hints": {}}
        path = self.folder / NAME
        if path.exists():
            state = read_json(path, "progress file")
            if not isinstance(state, dict) or state.get("format") != 1:
                raise UserError(f"{path} is not a progress file of this version of minicap; move it away to start anew")
            self.state |= state

    def save(self):
        write_json(self.folder / NAME, self.state)

    @property
    def current(self):
        """The lesson that was started last, or else the first that is not finished."""
        if self.state["lesson"] is not None:
            return the_lesson(self.lessons, self.state["lesson"])
        return self.next_lesson() or self.lessons[-1]

    def passed(self, lesson):
        """The numbers of the exercises that were correct when they were last checked."""
        return self.state["passed"].get(lesson.number, [])

    def finished(self, lesson):
        return set(self.passed(lesson)) >= {exercise.number for exercise in lesson.exercises()}

    def next_lesson(self):
        """The first lesson that is not finished, or None."""
        return next((lesson for lesson in self.lessons if not self.finished(lesson)), None)

    def note(self, lesson, exercise, is_right):
        """Store the result of a check of an exercise."""
        passed = [number for number in self.passed(lesson) if number != exercise.number]
        self.state["passed"][lesson.number] = sorted(passed + [exercise.number] * is_right, key=_order)
        self.state["lesson"] = lesson.number
        self.save()

    def hint(self, exercise, levels):
        """The number of the next hint, starting from 0; the last one is repeated."""
        level = min(self.state["hints"].get(exercise.number, 0), levels - 1)
        self.state["hints"][exercise.number] = level + 1
        self.save()
        return level


def _order(number):
    return [int(part) for part in number.split(".")]


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
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} already exists and is not empty; name a new folder" if folder.is_dir() else
                        f"{folder} is a file; name a folder")
    unwanted = ["__pycache__", "*.pyc", NAME] + ["solution.py"] * (not solutions)
    try:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*unwanted), dirs_exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot copy the lessons to {folder}: {error}") from error
    progress = Progress(folder)
    progress.save()
    return progress


def as_json(progress):
    """What ``status --json`` prints, for a lecturer to collect."""
    return json.dumps({"lesson": progress.current.number, "hints": progress.state["hints"], "lessons": {
        lesson.number: {"title": lesson.title, "passed": progress.passed(lesson),
                        "exercises": [exercise.number for exercise in lesson.exercises()]}
        for lesson in progress.lessons}})
