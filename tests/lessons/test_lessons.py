"""Every lesson is true: its code runs, its numbers come out, its checker accepts what is right and names what is wrong.

    tests/lessons/variants/NN_topic_*.py    correct solutions written in other ways; at least two for each lesson
    tests/lessons/mistakes/NN_topic.py      mistakes as learners write them. Each stands below a line that says how the
                                            checker has to name it, "# expects: 3.2: dW transposed", and is run behind
                                            the solution, so that only what is wrong has to be written down
"""

import inspect
import itertools
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from minicap.learn import readme
from minicap.learn.checker import check
from minicap.learn.exercises import CheckError
from minicap.learn.lessons import LEVELS, find_lessons, load
from minicap.learn.path import page

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LESSONS = find_lessons(ROOT / "lessons")
VARIANTS = sorted((HERE / "variants").glob("*.py"))


def lesson_of(path):
    """The lesson that a file of variants or mistakes is about."""
    (lesson,) = (lesson for lesson in LESSONS if path.name.startswith(lesson.path.name))
    return lesson


EXPECTS = re.compile(r"^# expects: ([\d.]+): (.+)\n", re.MULTILINE)


def mistakes():
    """(lesson, number of the exercise, name of the mistake or "None", source) of every mistake there is a file for."""
    for path in sorted((HERE / "mistakes").glob("*.py")):
        lesson = lesson_of(path)
        _, *pieces = EXPECTS.split(path.read_text(encoding="utf-8"))
        for number, name, source in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
            yield pytest.param(lesson, number, name, source, id=f"{lesson.path.name}, {number}: {name}")



every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.name)


# --------------------------------------------------------------------------------------------- what a lesson is made of

@every_lesson
def test_every_stub_says_that_it_is_still_to_do(lesson):
    module = load(lesson.exercise)
    for exercise in lesson.exercises():
        function = getattr(module, exercise.name)
        arguments = [None] * len(inspect.signature(function).parameters)
        with pytest.raises(NotImplementedError, match=f"^exercise {re.escape(exercise.number)} is still to do$"):
            function(*arguments)
        assert function.__doc__ and len(function.__doc__.splitlines()) > 3, "shapes and a worked example"
        with pytest.raises(CheckError, match="still to do"):
            check(exercise, module)


@every_lesson
def test_the_solution_is_right(lesson):
    module = load(lesson.solution)
    for exercise in lesson.exercises():
        check(exercise, module)


@every_lesson
def test_every_exercise_has_an_example_and_three_hints_and_what_it_needs_comes_before(lesson):
    exercises = lesson.exercises()
    assert [exercise.number for exercise in exercises] == [f"{int(lesson.number)}.{i + 1}"
                                                           for i in range(len(exercises))]
    assert set(lesson.facts["hints"]) == {exercise.number for exercise in exercises}
    for exercise in exercises:
        assert exercise.example is not None or exercise.learns is not None
        hints = lesson.facts["hints"][exercise.number]
        assert tuple(hints) == LEVELS and all(text.strip() for text in hints.values())
        assert exercise.name in hints["skeleton"]
    assert all(number < lesson.number for number in lesson.facts["needs"])
    assert 5 <= lesson.facts["minutes"] <= 120


@every_lesson
def test_half_is_not_taken_for_a_mean_over_the_batch(lesson):
    """With two samples both are the same numbers, and the checker has to say which of the two it was."""
    for exercise in lesson.exercises():
        cases = [exercise.cases(np.random.default_rng(seed)) for seed in range(3)] if exercise.cases else []
        sizes = [next((len(x) for x in inputs if isinstance(x, np.ndarray) and x.ndim), None) for inputs in cases]
        assert sizes != [2, 2, 2], exercise.number


@every_lesson
def test_there_are_two_other_ways_to_be_right(lesson):
    assert len([path for path in VARIANTS if path.name.startswith(lesson.path.name)]) >= 2


# ------------------------------------------------------------------------------------------------------------- the text

@every_lesson
def test_the_code_in_the_text_runs_and_prints_what_the_text_says(lesson):
    text = (lesson.path / "README.md").read_text(encoding="utf-8")
    blocks = readme.blocks(text)
    assert blocks
    for block, printed in zip(blocks, readme.run(blocks, lesson.path), strict=True):
        assert printed == block.expected, f"line {block.line}"


@pytest.mark.parametrize("script", sorted((ROOT / "lessons").glob("*/figures.py")), ids=lambda path: path.parent.name)
def test_the_pictures_are_made_by_the_lesson_s_own_script(monkeypatch, tmp_path, script):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    made = {path.name for path in tmp_path.iterdir()}
    text = (script.parent / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text))
    assert made == shown == {path.name for path in script.parent.iterdir() if path.suffix in (".png", ".svg")}
    assert all((script.parent / name).stat().st_size < 150_000 for name in made)


@every_lesson
def test_the_text_says_how_long_it_takes_and_where_to_go_and_quotes_what_was_measured(lesson):
    text = (lesson.path / "README.md").read_text(encoding="utf-8")
    assert text.splitlines()[0].replace("`", "") == f"# {int(lesson.number)}. {lesson.title}"
    assert f"*{lesson.facts['minutes']} minutes." in text
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert "://" in target or (lesson.path / target).exists(), target
    quoted = readme.measured(text)
    if quoted:
        record = json.loads((lesson.path / "measured.json").read_text(encoding="utf-8"))
        assert dict(quoted) == record["values"]
        assert {"command", "date", "machine"} <= record.keys()


def test_each_lesson_ends_with_the_way_to_the_next():
    for lesson, following in itertools.pairwise(LESSONS):
        line = f"Next: [{int(following.number)}. {following.title}](../{following.path.name}/README.md)"
        assert (lesson.path / "README.md").read_text(encoding="utf-8").endswith(f"\n\n{line}\n"), lesson


# ---------------------------------------------------------------------------------------------- the checker understands

@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.stem)
def test_what_is_right_is_accepted_however_it_is_written(path):
    module = load(path)
    for exercise in lesson_of(path).exercises():
        check(exercise, module)


@pytest.mark.parametrize(("lesson", "number", "name", "source"), list(mistakes()))
def test_a_known_mistake_is_named(lesson, number, name, source, tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text(lesson.solution.read_text(encoding="utf-8") + "\n\n" + source, encoding="utf-8")
    (exercise,) = (exercise for exercise in lesson.exercises() if exercise.number == number)
    with pytest.raises(CheckError) as failure:
        check(exercise, load(path), seed=len(name))  # a diagnosis does not depend on the numbers that were drawn
    assert str(failure.value.mistake) == name, failure.value


# ------------------------------------------------------------------------------------------------------------ the path

def test_the_page_of_all_lessons_is_up_to_date():
    """`python -m minicap.learn.path` writes it."""
    assert (ROOT / "lessons" / "README.md").read_text(encoding="utf-8") == page(LESSONS)


def test_what_a_lesson_needs_is_there():
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers == [f"{n:02}" for n in range(len(numbers))]
    assert all(set(lesson.facts["needs"]) <= set(numbers) for lesson in LESSONS)
