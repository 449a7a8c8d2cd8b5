"""The commands of python -m minicap.learn, each a function of the learner's progress and a console."""

import difflib
import itertools
import shutil
import time
from dataclasses import dataclass

from ..errors import UserError
from ..writing import create, replacing
from .checker import CheckError, check
from .lessons import LEVELS, BrokenFileError, load, shipped_lesson
from .progress import Progress

FIRST_FAILURE = "This is the exercise, not a broken installation: there is no code yet."


@dataclass(frozen=True)
class Wording:
    """What a learner is told to do next, which depends on where functions are written: in a file, or in a notebook.

    to_do     about a function that is still to do
    missing   behind "there is no <name>"
    hint      how to get a hint for the function {name}
    """

    to_do: str
    missing: str
    hint: str


IN_A_FILE = Wording(
    to_do="Open exercise.py, read what the function has to return, write it, save, and check again.",
    missing=" in your file; was it renamed or deleted? `python -m minicap.learn diff` shows what changed, `reset` "
            "brings the exercise back",
    hint="A hint: `python -m minicap.learn hint`")


def status(progress, console):
    """Show which lessons are done and which is next."""
    for lesson in progress.lessons:
        exercises, passed = lesson.exercises(), progress.passed(lesson)
        done = sum(exercise.number in passed for exercise in exercises)
        mark = console.mark("right" if done == len(exercises) else "open")
        here = console.paint("  <- you are here", "strong") if lesson == progress.current else ""
        console.say(f"{mark} {lesson.number}  {lesson.title:58} {done}/{len(exercises)}  "
                    f"{lesson.facts['minutes']:3} min{here}")
    total = sum(lesson.facts["minutes"] for lesson in progress.lessons)
    console.say(f"\n{len(progress.lessons)} lessons, about {total / 60:.0f} hours. "
                "`python -m minicap.learn next` continues.")


def start(progress, console, lesson):
    """Make a lesson the current one and show where to begin."""
    progress.state["lesson"] = lesson.topic
    progress.save()
    console.say(console.paint(f"Lesson {lesson}", "strong") + f", about {lesson.facts['minutes']} minutes")
    needs = lesson.facts["needs"]
    if needs:
        titles = [str(other) for other in progress.lessons if other.number in needs]
        console.say(f"It builds on {'; '.join(titles)}. The code of those is in minicap: you do not need to have "
                    "written it.")
    console.say(f"Read   {lesson.path / 'README.md'}\nEdit   {lesson.exercise}\nCheck  python -m minicap.learn check")


def check_lesson(progress, console, lesson):
    """Check the exercises of a lesson in order, up to the first that is wrong; returns whether all are right."""
    console.say(console.paint(f"Lesson {lesson}", "strong"))
    try:
        module = load(lesson.exercise)
    except BrokenFileError as error:
        console.say(f"{console.mark('wrong')} {error}")
        return False
    exercises = lesson.exercises()
    for position, exercise in enumerate(exercises):
        begun = time.perf_counter()
        try:
            check(exercise, module)
        except CheckError as error:
            progress.note(lesson, exercise, False)
            explain(console, error, IN_A_FILE)
            for other in exercises[position + 1:]:
                console.say(f"{console.mark('open')} {other.number} {other.name}")
            return False
        progress.note(lesson, exercise, True)
        console.say(f"{console.mark('right')} {exercise.number} {exercise.name}"
                    + console.paint(f"  {time.perf_counter() - begun:.1f} s", "quiet"))
    console.say(f"\nAll correct. Compare with the solution: `python -m minicap.learn diff {int(lesson.number)}`; "
                "continue: `python -m minicap.learn next`.")
    return True


def explain(console, error, wording):
    """Show what is wrong with an exercise."""
    still = error.stage == "exists" and "still to do" in error.message
    console.say(f"{console.mark('open' if still else 'wrong')} {error.exercise.number} {error.exercise.name}")
    if still and "builds on" not in error.message:
        console.wrapped(f"still to do. {FIRST_FAILURE} {wording.to_do}")
    else:
        console.wrapped(error.message + wording.missing * (error.stage == "missing"))
        console.wrapped(wording.hint.format(name=error.exercise.name))


def watch(progress, console, lesson, poll=0.2):
    """Check again whenever the exercise is saved, until Ctrl-C."""
    seen = None
    console.say(f"watching {lesson.exercise}; stop with Ctrl-C")
    while True:
        try:
            now = lesson.exercise.stat().st_mtime_ns, lesson.exercise.stat().st_size
        except FileNotFoundError:  # an editor replaces the file
            now = seen
        if now != seen:
            seen = now
            console.say(console.paint(time.strftime("\n%H:%M:%S"), "quiet"))
            if check_lesson(Progress(progress.folder), console, lesson):  # with what `hint` has noted meanwhile
                return
        time.sleep(poll)


def hint(progress, console, lesson):
    """The next hint for the first exercise that is not right yet."""
    passed = progress.passed(lesson)
    exercise = next((e for e in lesson.exercises() if e.number not in passed), None)
    if exercise is None:
        console.say("All exercises of this lesson are correct; no hint is needed.")
        return
    show_hint(console, lesson, exercise, progress.hint(lesson, exercise, len(LEVELS)))


def show_hint(console, lesson, exercise, level):
    """Show a hint: 0 is the idea."""
    hints = lesson.facts["hints"].get(exercise.number)
    if hints is None:
        raise UserError(f"{lesson.path / 'hints.toml'} has no hints for exercise {exercise.number}; take the file from "
                        "another copy of the lessons")
    console.say(f"{exercise.number} {exercise.name}, hint {level + 1} of {len(LEVELS)}: {LEVELS[level]}\n")
    for line in hints[LEVELS[level]].strip("\n").splitlines():
        console.say("    " + line)


def diff(console, lesson):
    """Show the differences between the learner's file and the solution."""
    mine, theirs = (path.read_text(encoding="utf-8").splitlines() for path in (lesson.exercise, the_solution(lesson)))
    lines = list(difflib.unified_diff(mine, theirs, "exercise.py (yours)", "solution.py", lineterm=""))
    for line in lines:
        console.say(console.paint(line, {"+": "right", "-": "wrong"}[line[0]]) if line[0] in "+-" else line)
    if not lines:
        console.say("Your file is identical to the solution.")


def solution(console, lesson):
    console.say(the_solution(lesson).read_text(encoding="utf-8").rstrip("\n"))


def the_solution(lesson):
    if not lesson.solution.exists():
        raise UserError(f"lesson {lesson.number} has no solution here; it was left out of this folder")
    return lesson.solution


def reset(console, lesson):
    """Restore the exercise to its original state; the present file is saved beside it."""
    fresh = shipped_lesson(lesson.topic).exercise
    if fresh.resolve() == lesson.exercise.resolve():
        raise UserError("in a clone of the project, restore the exercise with `git checkout`; reset is for a folder "
                        "made by `init`")
    backup = unused(lesson.exercise.with_name("exercise.before-reset.py"))
    create(backup)
    shutil.copyfile(lesson.exercise, backup)
    with replacing(lesson.exercise) as partial:
        shutil.copyfile(fresh, partial)
    console.say(f"{lesson.exercise} is in its original state; your version is in {backup.name}")


def unused(path):
    """``path``, or where that is taken the first of path-2, path-3, ... that is not."""
    numbered = (path.with_stem(f"{path.stem}-{n}") for n in itertools.count(2))
    return next(p for p in itertools.chain([path], numbered) if not p.exists())
