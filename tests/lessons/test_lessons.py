"""Every lesson is true: its code runs, its numbers come out, its checker accepts what is right and names what is wrong.

    tests/lessons/variants/NN_topic_*.py    correct solutions written in other ways; at least two for each lesson
    tests/lessons/mistakes/NN_topic.txt     mistakes as learners make them, below the name that the checker has to give
                                            them; told as changes to the solution (planted.py)
"""

import functools
import inspect
import itertools
import json
import re
import runpy
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from planted import read_mistakes

from minicap.learn import readme
from minicap.learn.checker import check
from minicap.learn.exercises import CheckError
from minicap.learn.lessons import LEVELS, find_lessons, load
from minicap.learn.overview import direct, estimated_minutes, page

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LESSONS = find_lessons(ROOT / "lessons")
VARIANTS = sorted((HERE / "variants").glob("*.py"))


def lesson_of(path):
    """The lesson that a file of variants or mistakes is about."""
    (lesson,) = (lesson for lesson in LESSONS if path.name.startswith(lesson.path.name))
    return lesson


def planted(mistakes):
    """(lesson, :class:`planted.Planted`) of every mistake there is, or of the right functions they are planted in."""
    for path in sorted((HERE / "mistakes").glob("*.txt")):
        lesson = lesson_of(path)
        for one in read_mistakes(path, lesson.solution.read_text(encoding="utf-8")):
            if bool(one.name) == mistakes:
                name = one.name or "written in another way"
                yield pytest.param(lesson, one, id=f"{lesson.path.name}, {one.number}: {name}")


@functools.cache
def exercises_of(lesson):
    """{number: exercise} of a lesson; its check.py is read once for all mistakes."""
    return {exercise.number: exercise for exercise in lesson.exercises()}


@pytest.fixture(scope="module")
def run_planted(tmp_path_factory):
    """A function that checks what a mistake makes of the solution. The file it stands in is named for the mistake."""
    folder = tmp_path_factory.mktemp("planted")

    def run(lesson, one):
        path = folder / f"{one.where}.py"
        path.write_text(one.source, encoding="utf-8")
        check(exercises_of(lesson)[one.number], load(path), seed=len(one.name))

    return run


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
        assert len((inspect.getdoc(function) or "").splitlines()) >= 3, "shapes and a worked example"
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


@pytest.mark.parametrize(("lesson", "one"), list(planted(mistakes=False)))
def test_the_other_way_a_function_is_written_is_accepted(lesson, one, run_planted):
    run_planted(lesson, one)


@pytest.mark.parametrize(("lesson", "one"), list(planted(mistakes=True)))
def test_a_known_mistake_is_named(lesson, one, run_planted):
    with pytest.raises(CheckError) as failure:
        run_planted(lesson, one)  # with other numbers for each: a diagnosis does not depend on those that were drawn
    assert str(failure.value.mistake) == one.name, f"{one.where}: {failure.value}"


# ------------------------------------------------------------------------------------------------------------ the path

@every_lesson
def test_the_minutes_are_those_that_the_page_says_how_to_compute(lesson):
    """A few sentences more or less do not change them."""
    assert abs(lesson.facts["minutes"] - estimated_minutes(lesson)) <= 5 and lesson.facts["minutes"] % 5 == 0


def test_the_page_of_all_lessons_is_up_to_date():
    """`python -m minicap.learn.overview` writes it."""
    assert (ROOT / "lessons" / "README.md").read_text(encoding="utf-8") == page(LESSONS)


def test_the_graph_of_all_lessons_has_their_whole_titles_and_every_arrow():
    """`python -m minicap.learn.overview` draws it, where Graphviz is there."""
    svg = ElementTree.parse(ROOT / "lessons" / "graph.svg")
    parts = {part.findtext("{*}title"): part for part in svg.iterfind(".//{*}g[@class]")}
    for lesson in LESSONS:
        box = parts.pop(f"L{lesson.number}")
        words = " ".join(line.text for line in box.iterfind(".//{*}text")).split()
        assert words == str(lesson).replace("`", "").split()
        assert box.find(".//{*}a").get("{http://www.w3.org/1999/xlink}href") == f"{lesson.path.name}/README.md"
    del parts["lessons"]
    assert parts.keys() == {f"L{number}->L{lesson.number}" for lesson in LESSONS for number in direct(lesson, LESSONS)}


def test_what_a_lesson_needs_is_there():
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers == [f"{n:02}" for n in range(len(numbers))]
    assert all(set(lesson.facts["needs"]) <= set(numbers) for lesson in LESSONS)
