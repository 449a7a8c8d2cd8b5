"""Files of mistakes are read as planted.py says, and refused, with file and line, where they do not fit."""

import pytest
from planted import MistakesError, read_mistakes

BODY = """\
    total = 0
    for _ in range(C):
        total += area(H, W)
    return min(total, LIMIT)
"""
SOLUTION = f'''"""A lesson, solved."""

LIMIT = 10


def area(H, W):
    return H * W


def volume(H, W, C):
{BODY}'''


def read(tmp_path, text):
    path = tmp_path / "01_sizes.txt"
    path.write_text(text, encoding="utf-8")
    return list(read_mistakes(path, SOLUTION))


FORMS = {  # what stands below the name: what is replaced in the solution, and by what
    "    min(total, LIMIT) -> total": ("min(total, LIMIT)", "total"),
    "    area(H, W) -> range(C)\n    & range(C) -> area(H, W)":
        ("range(C):\n        total += area(H, W)", "area(H, W):\n        total += range(C)"),
    "    total += area(H, W) ->": ("total += area(H, W)", ""),
    "    total += area(H, W) ->\n        area(H, W)\n        if C:\n            total += 1":
        ("total += area(H, W)", "area(H, W)\n        if C:\n            total += 1"),
    "    return min(total, LIMIT) ->     return min(total, LIMIT)": ("    return min", "        return min"),
    "    LIMIT = 10 -> LIMIT = 11": ("10", "11"),
    "    H * W -> H + W": ("H * W", "H + W"),
    "    if C:\n        return H\n    return W": (BODY, "    if C:\n        return H\n    return W\n"),
    "    def area(H, W):\n        return H\n\n    X = 1": (BODY, f"{BODY}\n\ndef area(H, W):\n    return H\n\nX = 1\n"),
}


@pytest.mark.parametrize("below", FORMS)
def test_each_form_makes_of_the_solution_what_it_says(tmp_path, below):
    (one,) = read(tmp_path, f"# a comment\n\n== 1.2 volume\na name\n{below}\n")
    right, wrong = FORMS[below]
    assert one.source == SOLUTION.replace(right, wrong)


def test_a_mistake_knows_its_exercise_its_name_and_its_line(tmp_path):
    text = "== 1.1 area\nadded\n    H * W -> H + W\n    * W -> + W\n\n== 1.2 volume\nno limit\n    return 1"
    found = read(tmp_path, text)
    assert [(one.number, one.name, one.where) for one in found] == [
        ("1.1", "added", "01_sizes.txt, line 3"), ("1.1", "added", "01_sizes.txt, line 4"),
        ("1.2", "no limit", "01_sizes.txt, line 7")]


def test_a_mistake_can_be_planted_in_another_way_to_write_the_function(tmp_path):
    other_way, mistake = read(tmp_path, "== 1.1 area\n    return W * H\nadded\n    W * H -> W + H\n")
    assert (other_way.name, other_way.source) == ("", SOLUTION.replace("H * W", "W * H"))
    assert (mistake.name, mistake.source) == ("added", SOLUTION.replace("H * W", "W + H"))


@pytest.mark.parametrize(("text", "message"), [
    ("== 1.2 volume\nx\n    total -> 0", "line 3: 'total' has to stand once in volume, .* 3 times in it and 0 times"),
    ("== 1.1 area\nx\n    H * W -> H\n    & W * H -> W", r"line 4: 'W \* H' .* 0 times in it and 0 times around it"),
    ("== 1.1 area\nx\n    total -> 0", "line 3: 'total' has .* 0 times in it and 3 times around it"),
    ("== 1.1 area\nx\n    H * W -> H\n    & return H -> W", r"line 3: two places overlap"),
    ("x\n    H * W -> H", "line 1: 'x' has no heading above"),
    ("== 1.1 area\nx\n\ny\n    H * W -> H", "line 2: 'x' has nothing below it"),
    ("# A comment.\n== 1.1 aera\nx\n    H * W -> H", "line 2: '== 1.1 aera' is not ==, a number, and a function"),
    ("== area\nx\n    H * W -> H", "line 1: '== area' is not ==, a number, and a function"),
    ("== 1.1 area\nx\n    H * W -> H\n    return H", "line 4: 'return H' is not right -> wrong, as the lines above"),
    ("== 1.1 area\nx\n    H * W -> H\n        return H", "line 4: '    return H' is not right -> wrong"),
    ("== 1.1 area\nx\n    return H *", "line 2: what stands below is neither right -> wrong nor Python"),
])
def test_what_does_not_fit_is_refused_with_file_and_line(tmp_path, text, message):
    with pytest.raises(MistakesError, match=f"^01_sizes.txt, {message}"):
        read(tmp_path, text)
