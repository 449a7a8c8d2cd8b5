"""A learner's code in a process of its own: it may hang, crash or end Python, and what it returns arrives as it is."""

import io
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from minicap.learn import answers, judging
from minicap.learn.checker import check
from minicap.learn.exercises import CheckError
from minicap.learn.judging import Limits, judge
from minicap.learn.lessons import BrokenFileError, Lesson, find_lessons, load, shipped_lessons

LESSONS = {lesson.number: lesson for lesson in find_lessons(shipped_lessons())}
ROOT = Path(__file__).resolve().parents[2]


def lesson_with(folder, source, number="00"):
    path = folder / LESSONS[number].path.name
    path.mkdir(parents=True)
    (path / "exercise.py").write_text(source)
    return Lesson(path)


def verdicts(lesson, seconds=60.0):
    try:
        return {exercise.number: error for exercise, error, _ in judge(lesson, Limits(seconds))}
    except BrokenFileError as error:
        return str(error)


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """What does not end is given up soon."""
    monkeypatch.setattr(judging, "GRACE", 0.4)


# -------------------------------------------------------------------------------------- code that does not come back

HANGS = ["while True: pass", "sum(range(10**13))", "import time; time.sleep(1e9)"] + [
    "import signal; signal.pause()"] * hasattr(os, "fork")
ENDS = {"exit()": "SystemExit", "raise SystemExit(0)": "SystemExit: 0", "import os; os._exit(0)": "exit code 0",
        "input()": "Nobody answers input()", "raise KeyboardInterrupt": "KeyboardInterrupt",
        "import os; os.abort()": "SIGABRT" if os.name == "posix" else "exit code"}


def test_code_that_hangs_crashes_or_ends_python_is_named_with_its_line(tmp_path):
    def inside(n, line):
        lesson = lesson_with(tmp_path / str(n), f"def numbers_in(H, W, C):\n    {line}\n")
        return verdicts(lesson, 0.6 if line in HANGS else 60)["0.1"].message

    def outside(n, line):
        return verdicts(lesson_with(tmp_path / f"outside-{n}", f"\n\n{line}\n"), 0.6 if line in HANGS else 60)

    with ThreadPoolExecutor(4) as pool:
        lines = [*HANGS, *ENDS]
        said = dict(zip(lines, pool.map(inside, range(len(lines)), lines), strict=True))
        broken = dict(zip(["while True: pass", "exit()", "1 / 0"],
                          pool.map(outside, range(3), ["while True: pass", "exit()", "1 / 0"]), strict=True))
    for line, message in said.items():
        assert (ENDS.get(line) or "it was stopped after 0.6 seconds") in message, line
        assert f"line 2 of your file: `{line}`" in message, line
    assert "while it was read, it was stopped after 0.6 seconds (line 3 of your file: `while True" in broken.pop(
        "while True: pass")
    for line, message in broken.items():
        assert "exercise.py stopped while it was read" in message and f"(line 3: `{line}`)" in message


def test_an_exercise_that_hangs_keeps_those_that_need_it_from_being_run_and_no_others(tmp_path):
    source = LESSONS["18"].solution.read_text() + "\n\ndef rnn_step(x, h, W, U, b):\n    while True: pass\n"
    found = verdicts(lesson_with(tmp_path, source, "18"), 0.6)
    assert "it was stopped after 0.6 seconds" in found.pop("18.1").message
    assert {error.message for error in found.values()} == {"it builds on rnn_step, which did not return"}
    solution = LESSONS["07"].solution.read_text()
    found = verdicts(lesson_with(tmp_path, solution + "\n\ndef output_size(H, K, S, P):\n    exit(5)\n", "07"))
    assert "SystemExit: 5" in found["7.1"].message and found["7.2"] is None


def test_the_verdict_is_the_one_that_the_checker_gives_in_its_own_process(tmp_path):
    source = LESSONS["03"].solution.read_text().replace("dy.sum(axis=0)", "dy.mean(axis=0)") + (
        "\n\ndef linear_forward(x, W, b):\n    x += 0\n    x[0] = 1\n    return x @ W + b, (x, W)\n")
    lesson = lesson_with(tmp_path, source, "03")
    for exercise, error, _ in judge(lesson):
        with pytest.raises(CheckError) as expected:
            check(exercise, load(lesson.exercise))
        assert (error.stage, error.message, error.mistake) == (
            expected.value.stage, expected.value.message, expected.value.mistake)
        assert error.mistake


# ------------------------------------------------------------------------------------------------- what it is told

def sent(value):
    return answers.read_message(io.BytesIO(answers.to_bytes(value)))


def test_an_answer_arrives_as_it_was():
    value = ({"a": [1, 2.5, None, True], (1, "x"): {"y"}}, b"\0\xff", math.inf, 2**70, 10**5000, 1 + 2j, "\ud800é")
    assert sent(value) == value and math.isnan(sent(math.nan)) and math.copysign(1, sent(-0.0)) == -1
    for array in (np.arange(6, dtype=np.float32).reshape(2, 3).T, np.array(True), np.zeros((0, 3), np.int8),
                  np.array([[1, np.nan]]), np.float64(0.1), np.array(["a", "bc"])):
        found = sent([array, array])[1]
        assert type(found) is type(array) and found.dtype == array.dtype and found.shape == array.shape
        np.testing.assert_array_equal(found, array)
    sent(np.zeros(2))[0] = 1  # it may be changed


def test_an_object_that_says_it_equals_everything_does_not():
    class Yes:
        def __eq__(self, other):
            return True

        __hash__ = None

    class Words(list):
        __eq__ = Yes.__eq__
        __hash__ = None

    assert sent(Yes()) != 18 and type(sent(Yes())).__name__ == "Yes"
    assert sent(Words(["a"])) != ["b"] and type(sent(Words(["a"]))) is list
    nested = []
    nested.append(nested)
    assert "[...]" in repr(sent(nested)) and sent(np.array([{}, None])).dtype == object


@pytest.mark.parametrize("bad", [
    b"\xff" * 40, b"\x02" + bytes(7) + b"\x02\0\0\0[]", *(
        len(text).to_bytes(8, "little") + len(text).to_bytes(4, "little") + text for text in (
            b'["array", "<f8", [1000000], false, 0]', b'["array", "O", [1], false, 0]', b'["array", "<f8"]',
            b'["array", "<f8", [-1], false, 0]', b'["no kind"]', b'["tuple", 5]', b"{", b"[" * 10000))])
def test_what_is_no_message_is_refused(bad):
    with pytest.raises(ValueError):
        answers.read_message(io.BytesIO(bad))
    assert answers.read_message(io.BytesIO(answers.to_bytes([1])[:-1])) is None


# ---------------------------------------------------------------------------------------------------- what is refused

REFUSED = ["open({outside!r}, 'w')", "os.remove({victim!r})", "os.rename({victim!r}, 'x')", "os.mkdir({outside!r})",
           "os.link({victim!r}, 'x')", "os.chmod({victim!r}, 0)", "os.kill(os.getppid(), 0)", "os.system('true')",
           "subprocess.run(['true'])", "socket.create_connection(('127.0.0.1', 9))", "ctypes.CDLL(None)"]
TRIES = """
import ctypes, os, shutil, socket, subprocess, sys, tempfile
from minicap.learn import lockdown
lockdown._landlock = lambda *folders: None  # Python's own hook, as where there is nothing else
lockdown.lock({own!r}, 1 << 30)
with tempfile.TemporaryDirectory(dir={own!r}) as folder:
    open(os.path.join(folder, "file"), "w").close()
    os.symlink({victim!r}, os.path.join(folder, "link"))
for line in {lines!r}:
    try:
        eval(line)
    except PermissionError as error:
        assert "not allowed while exercises are graded" in str(error), error
    else:
        sys.exit(line)
"""


def test_python_itself_refuses_what_reaches_outside(tmp_path):
    (tmp_path / "own").mkdir()
    victim, outside = tmp_path / "victim", str(tmp_path / "outside")
    victim.write_text("theirs")
    lines = [line.format(victim=str(victim), outside=outside) for line in REFUSED]
    code = TRIES.format(own=str(tmp_path / "own"), victim=str(victim), lines=lines)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "own", capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert victim.read_text() == "theirs"
