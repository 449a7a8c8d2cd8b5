"""python -m minicap.learn grade: the folders of many students, checked by the checks that minicap came with.

Everything a student has written is read before the code of any of them runs, and only exercise.py of each lesson:
their check.py and progress.json are not looked at. judging.py runs it, with what lockdown.py takes from it.
"""

import csv
import functools
import io
import json
import sys
import time
from dataclasses import dataclass, field, replace

from ..errors import UserError
from ..paths import expanded
from ..terminal import shown
from .commands import check_lesson
from .judging import TIME_OVER, Limits, judge
from .lessons import BrokenFileError, Lesson, find_lessons, shipped_lessons, source_of, the_lesson
from .lockdown import what_holds

LARGEST = 1 << 20  # bytes of an exercise.py
TO_DO, NOT_THERE = "still to do", "there is no such file"


@dataclass
class Result:
    """What is right in a folder. ``wrong``: {number of an exercise: what is wrong with it}; ``right``: numbers."""

    folder: str
    right: list = field(default_factory=list)
    wrong: dict = field(default_factory=dict)
    remark: str = ""

    def note(self, number, error):
        if error is None:
            self.right.append(number)
        else:
            self.wrong[number] = shown(error, 1000)

    def note_all(self, exercises, verdicts, also=lambda exercise, is_right: None):
        """Note what :func:`.judge` yields."""
        try:
            for exercise, (_, error, _) in zip(exercises, verdicts, strict=True):
                also(exercise, error is None)
                self.note(exercise.number, error and error.message)
        except BrokenFileError as error:
            self.note_none(exercises, str(error))

    def note_none(self, exercises, why):
        for exercise in exercises:
            self.note(exercise.number, why)

    @property
    def total(self):
        return len(self.right) + len(self.wrong)


def main(console, arguments):
    """Print what is right in each of the folders; returns the exit code."""
    lessons = find_lessons(shipped_lessons())
    if arguments.lessons:
        lessons = [the_lesson(lessons, number.strip()) for number in arguments.lessons.split(",")]
    limits = Limits(arguments.seconds, 60 * arguments.minutes, int(arguments.memory * (1 << 20)), lock=True)
    handed_in = [(folder, lesson_files(folder, lessons)) for folder in arguments.folders]
    output = sys.stderr if arguments.csv or arguments.json else console.stream
    print(f"The students' code: {what_holds()}.\n", file=output, flush=True)
    results = []
    for folder, files in handed_in:
        results.append(graded(folder, files, lessons, limits))
        if not (arguments.csv or arguments.json):
            show(console, results[-1])
    if arguments.json:
        console.say(json.dumps([as_json(result) for result in results], indent=1))
    elif arguments.csv:
        numbers = [exercise.number for lesson in lessons for exercise in lesson.exercises()]
        console.say(as_csv(results, numbers))
    return 1 if arguments.exit_code and any(result.wrong for result in results) else 0


def graded(folder, files, lessons, limits):
    """The :class:`Result` of a folder, from what :func:`lesson_files` has read of it."""
    result, until = Result(folder), time.monotonic() + limits.total
    if not files:
        result.remark = "there are no lessons in it"
    for lesson in lessons:
        path, source = files.get(lesson.topic, (None, NOT_THERE))
        exercises = lesson.exercises()
        if path is None:  # it cannot be read, or nothing was written: no need to run it
            result.note_none(exercises, source)
            continue
        left = until - time.monotonic()
        if left > 0:  # the numbers of exercises are those of our folder, whatever theirs is called
            result.note_all(exercises, judge(Lesson(path), replace(limits, total=left), source))
        else:
            result.note_none(exercises, TIME_OVER)
    return result


def lesson_files(folder, lessons):
    """{topic: (folder of the lesson, its source), or (None, why there is none)}: what a student has written."""
    folder = expanded(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; name the folders of students")
    roots = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    found = next((lessons for lessons in map(find_lessons, roots) if lessons), [])
    by_topic = {lesson.topic: lesson for lesson in found}
    files = {}
    for lesson in lessons:
        if lesson.topic not in by_topic:
            continue
        path = by_topic[lesson.topic].path
        try:
            source = text_within(folder, path / "exercise.py")
        except BrokenFileError as error:
            files[lesson.topic] = None, str(error)
            continue
        files[lesson.topic] = (None, TO_DO) if is_untouched(source, lesson) else (path, source)
    return files


def text_within(folder, path):
    """The text of a file that really is in this folder, and no link to that of somebody else."""
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BrokenFileError(f"{path.name} is a link out of the folder")
        if not path.is_file():
            raise BrokenFileError(f"{path.name} is not a file")
        if path.stat().st_size > LARGEST:
            raise BrokenFileError(f"{path.name} is larger than {LARGEST >> 20} MB")
        return source_of(path)
    except OSError as error:
        raise BrokenFileError(f"{path.name} cannot be read: {error.strerror}") from error


# ------------------------------------------------------------------------------------------------------------ printing

def show(console, result):
    console.say(f"{result.folder}: {len(result.right)} of {result.total} exercises are right"
                + f"; {result.remark}" * bool(result.remark))
    for number, error in result.wrong.items():
        if error not in (TO_DO, NOT_THERE):
            console.wrapped(f"{number} {error}")


def as_json(result):
    return {"folder": result.folder, "right": len(result.right), "of": result.total, "remark": result.remark,
            "exercises": {number: {"right": number in result.right, "error": result.wrong.get(number)}
                          for number in sorted([*result.right, *result.wrong], key=place)}}


def place(number):
    return tuple(map(int, number.split(".")))


def as_csv(results, numbers):
    """A row for each folder: 1 for each exercise that is right."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["folder", "right", "of", *numbers, "remark"])
    for result in results:
        broken = [f"{number}: {error}" for number, error in result.wrong.items() if error not in (TO_DO, NOT_THERE)]
        remark = "; ".join([*filter(None, [result.remark]), *broken])
        table.writerow([as_text(result.folder), len(result.right), result.total,
                        *(int(number in result.right) for number in numbers), as_text(remark)])
    return out.getvalue().rstrip("\n")


def as_text(cell):
    """What a spreadsheet does not take for a formula."""
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


# ---------------------------------------------------------------------------------------------------- one's own folder

def check_own(progress, console, lessons, limits, in_json):
    """check --all and --json: all ``lessons``, or those that something was written in; the exit code."""
    lessons = lessons or written(progress.lessons)
    if not in_json:
        if not lessons:
            console.say("Nothing was written yet; `python -m minicap.learn next` shows where to begin.")
        return 0 if all([check_lesson(progress, console, lesson, limits) for lesson in lessons]) and lessons else 1
    result = Result(str(progress.folder))
    for lesson in lessons:
        result.note_all(lesson.exercises(), judge(lesson, limits), functools.partial(progress.note, lesson))
    console.say(json.dumps(as_json(result), indent=1))
    return 0 if lessons and not result.wrong else 1


def written(lessons):
    """Those whose exercise.py is not as it came."""
    shipped = {lesson.topic: lesson for lesson in find_lessons(shipped_lessons())}

    def is_written(lesson):
        try:
            return lesson.topic not in shipped or not is_untouched(source_of(lesson.exercise), shipped[lesson.topic])
        except BrokenFileError:
            return True

    return list(filter(is_written, lessons))


def is_untouched(source, shipped):
    """Whether an exercise is as it came, but for spaces."""
    return source.split() == source_of(shipped.exercise).split()
