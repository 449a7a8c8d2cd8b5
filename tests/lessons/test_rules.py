"""Rules that the checks of all lessons keep, so that nothing that is handed in can be ignored."""

import ast
import inspect
from pathlib import Path

import mutation
import numpy as np
import pytest

from minicap.learn.lessons import find_lessons, load

HERE = Path(__file__).parent
LESSONS = find_lessons(HERE.parents[1] / "lessons")
PLAIN = (int, float, str, np.number)

every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.name)


def calls(exercise):
    """The arguments of every call in the example and in three cases; some checks put many calls into one case."""
    found = [exercise.cases(np.random.default_rng(seed)) for seed in range(3)] if exercise.cases else []
    if exercise.example is not None:
        found.append(exercise.example[0])
    for inputs in found:
        many = len(inputs) == 1 and isinstance(inputs[0], list) and all(isinstance(one, tuple) for one in inputs[0])
        yield from inputs[0] if many else [inputs]


@every_lesson
def test_every_number_and_text_that_is_handed_in_varies(lesson):
    """Or else the function could have it written in."""
    for exercise in lesson.exercises():
        for place, values in enumerate(zip(*calls(exercise), strict=False)):
            if len(values) > 1 and all(isinstance(value, PLAIN) for value in values):
                assert len(set(values)) > 1, f"{exercise.number}, argument {place}: always {values[0]}"


@every_lesson
def test_whatever_gets_an_rng_is_asked_twice(lesson):
    """Random numbers of one's own are a planted mistake wherever a generator is handed in."""
    text = (HERE / "mistakes" / f"{lesson.path.name}.txt").read_text(encoding="utf-8")
    solution = load(lesson.solution)
    for exercise in lesson.exercises():
        if "rng" in inspect.signature(getattr(solution, exercise.name)).parameters:
            of_it = [part for part in text.split("\n== ") if part.startswith(f"{exercise.number} ")]
            assert any("\nrandom numbers of its own\n" in part for part in of_it), exercise.number


# ------------------------------------------------------------------------------------------------------- mutation.py

def mutants_of(body):
    return [change for _, change, _ in mutation.mutants(f"def f(a, b):\n    {body}\n")]


@pytest.mark.parametrize(("body", "changes"), [
    ("return a + b", ["return a + b -> return a - b", "return a + b ->"]),
    ("return a < 2", ["return a < 2 -> return a <= 2", "return a < 2 -> return a < 3", "return a < 2 -> return a < 1",
                      "return a < 2 ->"]),
    ("return a[1:]", ["return a[1:] -> return a[:]", "return a[1:] -> return a[2:]", "return a[1:] -> return a[0:]",
                      "return a[1:] ->"]),
    ("return a, b", ["return (a, b) -> return (b, a)", "return (a, b) ->"]),
    ("return a.sum(axis=0)", ["return a.sum(axis=0) -> return a.sum()", "return a.sum(axis=0) -> return a.sum(axis=1)",
                              "return a.sum(axis=0) -> return a.sum(axis=-1)", "return a.sum(axis=0) ->"]),
    ("'A text.'", []),
])
def test_each_kind_of_change_is_made(body, changes):
    assert sorted(mutants_of(body)) == sorted(changes)


def test_a_right_solution_survives_and_a_wrong_one_or_one_without_end_does_not(tmp_path, monkeypatch):
    lesson = LESSONS[3]
    source = lesson.solution.read_text(encoding="utf-8")
    monkeypatch.setattr(mutation, "SECONDS", 0.5)
    monkeypatch.setattr(mutation, "BYTES", mutation.resource.RLIM_INFINITY)
    assert mutation.survives(lesson, "linear_forward", source)
    assert not mutation.survives(lesson, "linear_forward", source.replace("+ b", "- b"))
    endless = source.replace("    return", "    while True: pass\n    return", 1)
    assert not mutation.survives(lesson, "linear_forward", endless)


def test_what_is_explained_is_still_a_change_of_a_solution():
    explained, there = mutation.explained(), set()
    assert all(reason for reason in explained.values())
    for lesson in LESSONS:
        for name in {name for folder, name, _ in explained if folder == lesson.path.name}:
            source = lesson.solution.read_text(encoding="utf-8")
            (function,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == name)
            changes = mutation.mutants(ast.get_source_segment(source, function))
            there |= {(lesson.path.name, *change[:2]) for change in changes}
    assert explained.keys() <= there
