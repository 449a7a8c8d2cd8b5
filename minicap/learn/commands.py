"""The commands of python -m minicap.learn, each a function of the learner's progress and a console."""

import ast
import contextlib
import difflib
import itertools
import shutil
import time
from dataclasses import dataclass

from ..errors import UserError
from ..writing import create, replacing
from .judging import AbandonedError, Limits, judge
from .lessons import LEVELS, BrokenFileError, shipped_lesson, source_of
from .progress import Progress

FIRST_FAILURE = "This is the exercise, not a broken installation: there is no code yet."


@dataclass(frozen=True)
class Wording:
    """What a learner is told to do next, which depends on where functions are written: in a file, or in a notebook.

    to_do     about a function that is still to do
    missing   behind "there is no <name>"
    hint      how to get a hint for the exercise {number}, the function {name}
    """

    to_do: str
    missing: str
    hint: str


IN_A_FILE = Wording(
    to_do="Open exercise.py, read what the function has to return, write it, save, and check again.",
    missing=" in your file; was it renamed or deleted? `python -m minicap.learn diff` shows what changed, `reset` "
            "brings the exercise back",
    hint="A hint: `python -m minicap.learn hint {number}`")


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
        console.say(f"It builds on {'; '.join(titles)}. It does not need the code you wrote there.")
    console.say(f"Read   {lesson.path / 'README.md'}\nEdit   {lesson.exercise}\nCheck  python -m minicap.learn check")


def check_lesson(progress, console, lesson, limits=Limits(), abandoned=lambda: False):  # noqa: B008  (it is frozen)
    """Check the exercises of a lesson; returns whether all are right.

    One that is wrong does not keep those that do not build on it from being checked.
    """
    console.say(console.paint(f"Lesson {lesson}", "strong"))
    wrong = {}  # names of functions
    try:
        for exercise, error, seconds in judge(lesson, limits, abandoned=abandoned):
            waits = error is not None and wrong.keys() & {*exercise.needs}
            progress.note(lesson, exercise, error is None)
            if error is None:
                console.say(f"{console.mark('right')} {exercise.number} {exercise.name}"
                            + console.paint(f"  {seconds:.1f} s", "quiet"))
                continue
            if waits or (wrong and is_to_do(error)):  # once is enough
                needed = console.paint(f"  builds on {' and '.join(sorted(waits))}", "quiet") if waits else ""
                console.say(f"{console.mark('open')} {exercise.number} {exercise.name}{needed}")
            else:
                explain(console, error, IN_A_FILE)
            wrong[exercise.name] = error
    except BrokenFileError as error:
        console.say(f"{console.mark('wrong')} {error}")
        return False
    if wrong:
        return False
    console.say(f"\nAll correct. Compare with the solution: `python -m minicap.learn diff {int(lesson.number)}`; "
                "continue: `python -m minicap.learn next`.")
    return True


def is_to_do(error):
    """Whether there is no code yet."""
    return error.stage == "exists" and error.message == "still to do"


def explain(console, error, wording):
    """Show what is wrong with an exercise."""
    exercise = error.exercise
    waits = error.stage == "exists" and error.message.endswith("still to do")  # perhaps for another one
    console.say(f"{console.mark('open' if waits else 'wrong')} {exercise.number} {exercise.name}")
    if is_to_do(error):
        console.wrapped(f"still to do. {FIRST_FAILURE} {wording.to_do}")
    else:
        console.wrapped(error.message + wording.missing * (error.stage == "missing"))
        console.wrapped(wording.hint.format(name=exercise.name, number=exercise.number))


def watch(progress, console, lesson, limits=Limits(), poll=0.2):  # noqa: B008  (it is frozen)
    """Check again whenever the exercise is saved, until Ctrl-C. A check that still runs then is given up."""
    checked = None

    def state():
        try:
            now = lesson.exercise.stat()
        except FileNotFoundError:  # an editor replaces the file
            return checked
        return now.st_mtime_ns, now.st_size

    console.say(f"watching {lesson.exercise}; stop with Ctrl-C")

    def saved_since(before):
        return lambda: state() != before

    while True:
        if (now := state()) != checked:
            checked = now
            console.say(console.paint(time.strftime("\n%H:%M:%S"), "quiet"))
            with contextlib.suppress(AbandonedError):
                noted = Progress(progress.folder)  # with what `hint` has noted meanwhile
                if check_lesson(noted, console, lesson, limits, abandoned=saved_since(now)):
                    return
        time.sleep(poll)


def hint(progress, console, lesson, number=None):
    """The next hint for an exercise, by default for the first that is not right yet."""
    passed = progress.passed(lesson)
    wanted = [e for e in lesson.exercises() if e.number == number or (number is None and e.number not in passed)]
    if not wanted and number is not None:
        raise UserError(f"there is no exercise {number}; lesson {lesson.number} has "
                        f"{', '.join(e.number for e in lesson.exercises())}")
    if not wanted:
        console.say("All exercises of this lesson are correct; no hint is needed.")
        return
    show_hint(console, lesson, wanted[0], progress.hint(lesson, wanted[0], len(LEVELS)))


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
    """Show the differences between the learner's code and ours, without docstrings: only the exercise has them."""
    mine, theirs = (without_docstrings(source_of(path)) for path in (lesson.exercise, the_solution(lesson)))
    lines = list(difflib.unified_diff(mine, theirs, "exercise.py (yours)", "solution.py", lineterm=""))
    for line in lines:
        console.say(console.paint(line, {"+": "right", "-": "wrong"}[line[0]]) if line[0] in "+-" else line)
    if not lines:
        console.say("Your code is identical to the solution.")


def without_docstrings(source):
    """The lines of a Python file but for those that hold docstrings alone; all of them where Python cannot read it."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # as Python counts them
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return lines
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            text = node.body[0]
            around = lines[text.lineno - 1].encode()[:text.col_offset] + lines[text.end_lineno - 1].encode()[
                text.end_col_offset:]
            if not around.strip():
                lines[text.lineno - 1:text.end_lineno] = [None] * (text.end_lineno - text.lineno + 1)
    return "\n".join(line for line in lines if line is not None).strip("\n").split("\n")


def solution(console, lesson):
    console.say(the_solution(lesson).read_text(encoding="utf-8").rstrip("\n"))


def the_solution(lesson):
    if not lesson.solution.exists():
        raise UserError(f"lesson {lesson.number} has no solution here; it was left out of this folder")
    return lesson.solution


def reset(progress, console, lesson):
    """Restore the exercise to its original state; the present file is saved beside it, and nothing counts as solved."""
    fresh = shipped_lesson(lesson.topic).exercise
    if fresh.resolve() == lesson.exercise.resolve():
        raise UserError("in a clone of the project, restore the exercise with `git checkout`; reset is for a folder "
                        "made by `init`")
    backup = unused(lesson.exercise.with_name("exercise.before-reset.py"))
    create(backup)
    shutil.copyfile(lesson.exercise, backup)
    with replacing(lesson.exercise) as partial:
        shutil.copyfile(fresh, partial)
    progress.forget(lesson)
    console.say(f"{lesson.exercise} is in its original state; your version is in {backup.name}")


def unused(path):
    """``path``, or where that is taken the first of path-2, path-3, ... that is not."""
    numbered = (path.with_stem(f"{path.stem}-{n}") for n in itertools.count(2))
    return next(p for p in itertools.chain([path], numbered) if not p.exists())
