"""python -m minicap.learn grade: true rows, whatever is in the folders of students."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minicap.errors import UserError
from minicap.learn import judging, lockdown
from minicap.learn.__main__ import main, parser
from minicap.learn.lessons import find_lessons, shipped_lessons

ROOT = Path(__file__).resolve().parents[2]
RIGHT = "def numbers_in(H, W, C):\n    return H * W * C\n"
WRONG = "def numbers_in(H, W, C):\n    return H * W + C\n"
LESSONS = [lesson for lesson in find_lessons(shipped_lessons()) if lesson.number in ("00", "03")]
STUB = LESSONS[1].exercise.read_text()


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """What does not end is given up soon."""
    monkeypatch.setattr(judging, "GRACE", 0.4)


HOSTILE = {
    "patches the checker": "import minicap.learn.checker as c, minicap.learn.diagnosis as d\n"
                           "c.check = c.compare = c.check_shapes = lambda *a, **k: None\n"
                           "d.difference_between = c.difference_between = lambda *a: None\n",
    "patches NumPy": "import numpy as np\nnp.abs = lambda x: np.zeros_like(x)\nnp.shape = lambda x: ()\n",
    "returns what equals everything": "class Yes(int):\n    __eq__ = lambda *a: True\n    __hash__ = int.__hash__\n",
    "prints a result": "print('{\"right\": 4}\\n0.1: right', flush=True)\nimport os, sys\n"
                       "for fd in range(3, 20):\n    try: os.write(fd, b'right' * 9)\n    except OSError: pass\n",
    "leaves a thread": "import threading, time\n"
                       "threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(int, 1)]).start()\n",
    "ends its parent": "import os, signal\nfor pid in {os.getppid(), PARENT} - {0}:\n"
                       "    try: os.kill(pid, signal.SIGKILL)\n    except OSError: pass\n",
    "reads that of another": "try: exec(open(VICTIM).read())\nexcept OSError: pass\nelse: OTHERS = numbers_in\n",
    "writes elsewhere": "try: open(VICTIM, 'w').write('def numbers_in(H, W, C): pass')\nexcept OSError: pass\n",
}


def folder(root, name, exercise, linear=None):
    for lesson in LESSONS:
        path = root / name / lesson.path.name
        shutil.copytree(lesson.path, path)
        (path / "exercise.py").write_text(exercise if lesson.number == "00" else linear or STUB)
    return root / name


def grade(capsys, folders, *options, code=0):
    capsys.readouterr()
    assert main(["grade", *map(str, folders), "--lessons", "0,3", *options]) == code
    return capsys.readouterr()


def test_five_folders_give_five_true_rows(tmp_path, capsys):
    folders = [folder(tmp_path, "right", RIGHT, LESSONS[1].solution.read_text()), folder(tmp_path, "wrong", WRONG),
               folder(tmp_path, "emptied check", WRONG), folder(tmp_path, "forged progress", WRONG),
               folder(tmp_path, "=endless", "def numbers_in(H, W, C):\n    while True: pass\n")]
    for path in folders[2].rglob("check.py"):
        path.write_text("EXERCISES = []\n")
    (folders[3] / "progress.json").write_text(json.dumps(
        {"format": 2, "lesson": "linear", "passed": {"how_this_works": ["how_this_works.1"]}, "hints": {}}))
    out, err = grade(capsys, folders, "--csv", "--seconds", "1.5")
    head, *rows = csv.reader(io.StringIO(out))
    assert head == ["folder", "right", "of", "0.1", "3.1", "3.2", "3.3", "remark"]
    assert [row[1:7] for row in rows] == [["4", "4", "1", "1", "1", "1"], *[["0", "4", "0", "0", "0", "0"]] * 4]
    assert [row[0] for row in rows] == [str(path) for path in folders]
    assert not rows[0][7] and all("0.1: " in row[7] for row in rows[1:])
    assert "it was stopped after 1.5 seconds (line 2 of your file: `while True: pass`)" in rows[4][7]
    assert err.startswith("The students' code: ") and "network" in err


def test_the_examples_for_courses_run_commands_that_there_are(tmp_path, capsys):
    files = [path for path in (ROOT / "examples" / "course").rglob("*") if path.is_file()]
    commands = [line.group(1).split() for path in files if path.suffix != ".py"
                for line in re.finditer(r"-m minicap\.learn ((?:grade|init) [^>`\n]+)", path.read_text())]
    assert [parser().parse_args(words).command for words in commands].count("grade") == 3
    half = folder(tmp_path, "half", RIGHT, WRONG)
    assert main(["grade", str(half), "--lessons", "0", "--exit-code"]) == 0
    (tmp_path / "graded.json").write_text(grade(capsys, [half], "--json", "--exit-code", code=1).out)
    script = ROOT / "examples" / "course" / "gradescope" / "to_gradescope.py"
    subprocess.run([sys.executable, script, "graded.json", "results.json"], cwd=tmp_path, check=True)
    tests = json.loads((tmp_path / "results.json").read_text())["tests"]
    assert [test["score"] for test in tests] == [1, 0, 0, 0] and tests[0]["name"] == "exercise 0.1"
    assert "there is no linear_forward" in tests[1]["output"]


def test_code_that_means_harm_neither_passes_nor_spoils_the_rows_of_others(tmp_path, capsys):
    victim = folder(tmp_path, "victim", RIGHT)
    names = {"VICTIM": repr(str(victim / LESSONS[0].path.name / "exercise.py")), "PARENT": str(os.getpid())}
    folders = []
    for name, source in HOSTILE.items():
        if name.startswith("reads") and not lockdown._landlock_version():
            continue
        if name == "ends its parent" and not (lockdown.prefix() or lockdown._landlock_version() >= 6):
            continue  # nothing but Python's hook is in the way there, of which a test has no right to rely
        for word, value in names.items():
            source = source.replace(word, value)
        wrong = WRONG.replace("H * W + C", "Yes()") if "class Yes" in source else WRONG
        folders.append(folder(tmp_path, name, f"{source}\n{wrong}\nnumbers_in = globals().get('OTHERS', numbers_in)\n"))
    rows = json.loads(grade(capsys, [*folders, victim], "--json").out)
    assert [(row["exercises"]["0.1"]["right"], row["right"]) for row in rows] == [
        *[(False, 0)] * len(folders), (True, 1)]
    assert (victim / LESSONS[0].path.name / "exercise.py").read_text() == RIGHT


def test_what_is_no_folder_of_lessons_has_a_row_or_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    inside = folder(tmp_path / "handed in", "repository", RIGHT)  # in a folder of the student's own
    linked = folder(tmp_path, "linked", RIGHT)
    path = linked / LESSONS[0].path.name / "exercise.py"
    path.unlink()
    path.symlink_to(inside / LESSONS[0].path.name / "exercise.py")
    broken = folder(tmp_path, "broken", "def numbers_in(\n")
    out = grade(capsys, [tmp_path / "empty", inside.parent, linked, broken]).out
    assert "empty: 0 of 4 exercises are right; there are no lessons in it" in out
    assert "handed in: 1 of 4 exercises are right" in out
    assert "linked: 0 of 4" in out and "exercise.py is a link out of the folder" in out
    assert "broken: 0 of 4" in out and "0.1 exercise.py, line 1: Python cannot read this" in out
    with pytest.raises(UserError, match="nowhere is not a folder; name the folders of students"):
        main(["grade", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit):
        main(["grade", str(inside), "--seconds", "0"])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_time_in_all_and_memory_are_limited(tmp_path, capsys):
    greedy = folder(tmp_path, "greedy", "def numbers_in(H, W, C):\n    return len(bytearray(1 << 33))\n")
    endless = folder(tmp_path, "endless", "while True: pass\n", "while True: pass\n")
    (row,) = json.loads(grade(capsys, [greedy], "--json").out)
    assert "MemoryError (line 2 of your file: `return len(" in row["exercises"]["0.1"]["error"]
    (row,) = json.loads(grade(capsys, [endless], "--json", "--minutes", "0.01").out)
    assert row["right"] == 0 and "the time for all exercises together was over" in row["exercises"]["0.1"]["error"]
    assert row["exercises"]["3.2"]["error"] == "the time for all exercises together was over"
