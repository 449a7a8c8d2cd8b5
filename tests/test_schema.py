"""Every kind of schema against values that fit it and values that do not; and that misfits are found at any place."""

from dataclasses import dataclass
from typing import Annotated, Literal, NotRequired, TypedDict

import pytest

from minicap.errors import UserError
from minicap.schema import Count, Fraction, Size, Within, fitting, misfit


class Recipe(TypedDict):
    steps: list[list[str]]
    seed: NotRequired[int | None]


@dataclass
class Picture:
    name: str
    sides: tuple[Size, ...] = ()
    scale: float = 1.0


FIT = [
    ("", str), (True, bool), (3, int), (3, float), (0.5, float), (None, str | None), ("a", str | None),
    ([], list[int]), ([1, 2], list[int]), ({}, dict[str, int]), ({"a": 1}, dict[str, int]), ([[1], {}], object),
    (None, object), ("b", Literal["a", "b"]), (1, Literal[1, 2]), (0, Count), (2**53 - 1, Count), (1, Size),
    (0, Fraction), (0.9, Fraction), ({"steps": []}, Recipe),
    ({"steps": [["a"]], "seed": None, "new": object}, Recipe), ({"name": "x"}, Picture),
    ({"name": "x", "sides": [3, 4], "scale": 2}, Picture), ({"p": {"name": "x"}}, dict[str, Picture]),
    (None, Picture | None), ([{"name": "x"}], list[Picture] | None), (-1.5, Annotated[float, Within(-2, 0)]),
]
MISFIT = [
    (3, str, "its content has to be text, and not 3"), (None, str, "and not None"),
    (1, bool, "true or false, and not 1"), (True, int, "a whole number, and not True"),
    (3.0, int, "a whole number, and not 3.0"), (True, float, "a finite number, and not True"),
    (float("nan"), float, "a finite number, and not nan"), (float("inf"), float, "and not inf"),
    (10**4000, float, "a finite number, and not 1000"), ("3", float, "and not '3'"),
    (3, str | None, "text or null, and not 3"), ({}, list[int], "a list, and not {}"),
    ([1, "a", "b"], list[int], r"\[1\] has to be a whole number, and not 'a'"),
    ([], dict[str, int], r"an object, and not \[\]"),
    ({"a": {"b": "c"}}, dict[str, dict[str, int]], r"\['a'\]\['b'\] has to be a whole number"),
    ("c", Literal["a", "b"], "one of a, b, and not 'c'"), (True, Literal[1, 2], "one of 1, 2, and not True"),
    ([], Literal["a"], r"one of a, and not \[\]"),
    (-1, Count, "of at least 0 and below 9,007,199,254,740,992, and not -1"), (0, Size, "at least 1"),
    (2**31, Size, "at least 1"), (1, Fraction, "a finite number of at least 0 and below 1, and not 1"),
    ("0", Fraction, "a finite number, and not '0'"), ({}, Recipe, "steps is missing"), ([], Recipe, "an object"),
    ({"steps": [["a", 3]]}, Recipe, r"steps\[0\]\[1\] has to be text"),
    ({"steps": [], "seed": "x"}, Recipe, "seed has to be a whole number or null, and not 'x'"),
    ({}, Picture, "name is missing"),
    ({"name": "x", "sides": [3, 0]}, Picture, r"sides\[1\] has to be a whole number"),
    ({"name": "x", "nme": "y"}, Picture, "'nme' is unknown"),
    ({"p": {}}, dict[str, Picture], r"\['p'\].name is missing"),
    ([{"name": 1}], list[Picture] | None, r"\[0\].name has to be text"),
    ({"name": "x" * 1000, "scale": "\x1b[2J" + "y" * 99}, Picture, r"scale has to be a finite number, and not '\\x1b"),
]


@pytest.mark.parametrize("value, schema", FIT, ids=repr)
def test_a_value_that_fits(value, schema):
    assert misfit(value, schema) is None
    assert fitting(value, schema, "it") is value


@pytest.mark.parametrize("value, schema, problem", MISFIT, ids=lambda x: repr(x)[:40])
def test_a_value_that_does_not_fit(value, schema, problem):
    with pytest.raises(UserError, match=f"^file is not what belongs there: .*{problem}.*; use another copy$") as caught:
        fitting(value, schema, "file")
    assert len(str(caught.value)) < 300
