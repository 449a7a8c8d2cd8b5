"""python -m minicap.learn as a learner uses it: a separate folder, checks, hints, and nothing is lost."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from minicap.errors import UserError
from minicap.learn import commands
from minicap.learn.__main__ import main
from minicap.learn.console import Console
from minicap.learn.lessons import shipped_lessons
from minicap.learn.progress import Progress, find_folder

ROOT = Path(__file__).resolve().parents[2]
RIGHT = "def numbers_in(H, W, C):\n    return H * W * C\n"


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    """A learner's folder, and the place to be."""
    assert main(["init", str(tmp_path / "course")]) == 0
    assert "python -m minicap.learn next" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "course")
    return tmp_path / "course"


def exercise(folder, number="00"):
    (path,) = folder.glob(f"{number}_*/exercise.py")
    return path


def said(capsys, *arguments, code=0):
    capsys.readouterr()
    assert main(list(arguments)) == code
    return capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ a folder of one's own

def test_init_copies_the_lessons_without_leftovers_and_refuses_a_folder_that_is_in_use(folder, tmp_path):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"progress.json", "00_how_this_works/exercise.py", "03_linear/solution.py"} <= names
    assert not any("__pycache__" in name for name in names)
    with pytest.raises(UserError, match="already exists and is not empty"):
        main(["init", str(folder)])
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        main(["init", str(tmp_path / "file")])
    (tmp_path / "empty").mkdir()
    assert main(["init", str(tmp_path / "empty"), "--no-solutions"]) == 0
    assert not list((tmp_path / "empty").rglob("solution.py"))
    assert len(list((tmp_path / "empty").rglob("check.py"))) == len(list(folder.rglob("check.py")))


def test_without_solutions_everything_works_but_to_look_at_them(tmp_path, monkeypatch, capsys):
    main(["init", str(tmp_path / "course"), "--no-solutions"])
    monkeypatch.chdir(tmp_path / "course")
    for command in ("diff", "solution"):
        with pytest.raises(UserError, match="has no solution here"):
            main([command, "0"])
    exercise(tmp_path / "course").write_text(RIGHT)
    assert "All correct" in said(capsys, "check", "0")


def test_the_folder_is_found_from_inside_and_from_a_clone_and_nowhere_else(folder, tmp_path):
    assert find_folder(folder / "03_linear") == folder
    for place in (ROOT, ROOT / "minicap" / "learn", ROOT / "lessons"):
        assert find_folder(place) == ROOT / "lessons"
    with pytest.raises(UserError, match=r"there are no lessons here; .*init DIR"):
        find_folder(tmp_path)


# ------------------------------------------------------------------------------------------------------------- checking

def test_the_first_failure_is_the_exercise_and_not_the_installation(folder, capsys):
    out = said(capsys, "check", "0", code=1)
    assert "0.1 numbers_in" in out and "This is the exercise, not a broken installation" in out
    assert json.loads((folder / "progress.json").read_text())["passed"] == {"how_this_works": []}


def test_what_is_right_is_remembered_and_next_goes_on(folder, capsys):
    exercise(folder).write_text(RIGHT)
    assert "All correct" in said(capsys, "check", "0")
    assert "Lesson 01" in said(capsys, "next") or "Lesson 03" in said(capsys, "next")
    assert Progress(folder).passed(Progress(folder).lessons[0]) == ["0.1"]
    assert "1/1" in said(capsys, "status")
    state = json.loads(said(capsys, "status", "--json"))
    assert state["lessons"]["00"] == {"title": "How this works", "passed": ["0.1"], "exercises": ["0.1"]}
    exercise(folder).write_text(RIGHT.replace("* C", ""))
    assert "the channels" not in said(capsys, "check", code=1)  # the lesson that was started last
    assert "Each pixel holds C numbers" in said(capsys, "check", "0", code=1)
    assert Progress(folder).passed(Progress(folder).lessons[0]) == []


FORMAT_1 = {"format": 1, "lesson": "22", "hints": {"18.1": 1, "3.1": 1},
            "passed": {"03": ["3.1"], "15": ["15.1", "15.3"], "22": ["22.2"]}}


def test_what_was_solved_before_the_lessons_were_renumbered_counts_for_those_of_the_same_names(folder, capsys):
    (folder / "progress.json").write_text(json.dumps(FORMAT_1))
    state = json.loads(said(capsys, "status", "--json"))
    assert state["lesson"] == "23" and state["hints"] == {"19.1": 1, "3.1": 1}
    assert {number: lesson["passed"] for number, lesson in state["lessons"].items() if lesson["passed"]} == {
        "03": ["3.1"], "16": ["16.1", "16.3"], "23": ["23.2"]}
    assert "What you solved counts as before" in " ".join(said(capsys, "status").split())
    assert "counts as before" not in said(capsys, "status")
    assert "19.1 lstm_step, hint 2 of 3" in said(capsys, "hint", "19")
    assert json.loads((folder / "progress.json").read_text()) == {
        "format": 2, "lesson": "attention", "hints": {"lstm.1": 2, "linear.1": 1},
        "passed": {"linear": ["linear.1"], "features": ["features.1", "features.3"], "attention": ["attention.2"]}}


def test_a_folder_from_before_the_lessons_were_renumbered_goes_on_as_it_is(folder, capsys):
    (folder / "23_attention").rename(folder / "22_attention")
    for lesson in Progress(folder).lessons:
        if lesson.number > "14" and lesson.topic != "attention":
            shutil.rmtree(lesson.path)
    (folder / "progress.json").write_text(json.dumps(FORMAT_1))
    assert "counts as before" not in said(capsys, "status")
    assert Progress(folder).current.path.name == "22_attention"
    exercise(folder, "22").write_text("mine")
    said(capsys, "reset", "22")
    assert "def attention_forward" in exercise(folder, "22").read_text()


def test_a_known_mistake_is_explained_and_the_exercises_after_it_wait(folder, capsys):
    path = exercise(folder, "03")
    path.write_text("def linear_forward(x, W, b):\n    return x @ W + b, (x, W)\n\n\n"
                    "def linear_backward(dy, cache):\n    x, W = cache\n"
                    "    return dy @ W.T, x.T @ dy, dy.mean(axis=0)\n")
    out = said(capsys, "check", "3", code=1)
    lines = out.splitlines()
    assert "3.1 linear_forward" in lines[1] and "3.2 linear_backward" in lines[2] and "3.3" in lines[-1]
    assert "db is a mean over the rows" in " ".join(out.split()) and "python -m minicap.learn hint" in out


@pytest.mark.parametrize(("source", "sentence"), [
    ("def numbers_in(H, W, C)\n    return 1\n", "line 1: Python cannot read this"),
    ("import nothing_of_this_name\n", "nothing_of_this_name' (line 1: `import"),
    ("def numbers_in(H, W):\n    return H * W\n", "takes 2 positional arguments but 3 were given"),
    ("def numbers_in(H, W, C):\n    return H / 0\n", "division by zero (line 2 of your file: `return H / 0`)"),
    ("numbers_in = 18\n", "and not a function"),
    ("def number_in(H, W, C):\n    return 18\n", "there is no numbers_in in your file"),
    ("def numbers_in(H, W, C):\n    H * W * C\n", "is None: is there a `return` at the end?"),
    ("def numbers_in(H, W, C):\n    return H * W * C + 1\n", "This is not a mistake the checker knows"),
])
def test_whatever_is_in_the_file_the_answer_is_a_sentence(folder, capsys, source, sentence):
    exercise(folder).write_text(source)
    assert sentence in " ".join(said(capsys, "check", "0", code=1).split())


def test_a_file_may_be_saved_with_a_byte_order_mark_and_in_the_encoding_that_it_names(folder, capsys):
    right = RIGHT.encode()
    for text in (b"\xef\xbb\xbf" + right, RIGHT.encode("utf-16"), b"# coding: latin-1\n# \xe9\n" + right):
        exercise(folder).write_bytes(text)
        said(capsys, "check", "0")
        said(capsys, "diff", "0")
    exercise(folder).write_bytes(RIGHT.encode() + b"# \xe9\n")
    assert "exercise.py, line 3: this is not text in UTF-8" in said(capsys, "check", "0", code=1)


def test_only_what_happens_makes_a_function_still_to_do(folder, capsys):
    stub = 'raise NotImplementedError("exercise 0.1 is still to do")'
    exercise(folder).write_text(f"def numbers_in(H, W, C):\n    \"\"\"It said: {stub[:29]} is still to do.\"\"\"\n"
                                f"    # {stub}\n    return H * W * C\n    {stub}\n")
    said(capsys, "check", "0")
    exercise(folder).write_text(f"def numbers_in(H, W, C):\n    number = H * W\n    {stub}\n")
    assert "This is the exercise" in said(capsys, "check", "0", code=1)


def test_the_check_that_counts_is_the_one_of_the_package(folder, capsys):
    for forged in ("EXERCISES = []\n", "raise SystemExit\n", ""):
        exercise(folder).with_name("check.py").write_text(forged)
        assert "0.1 numbers_in" in said(capsys, "check", "0", code=1)
    assert "0/1" in said(capsys, "status").splitlines()[0]


def test_an_exercise_does_not_wait_for_one_that_it_does_not_need(folder, capsys):
    """Of lesson 3 the second is wrong and the third builds on it; lesson 25's others do without its first."""
    shutil.copy(folder / "25_gpu" / "solution.py", exercise(folder, "25"))
    text = exercise(folder, "25").read_text()
    exercise(folder, "25").write_text(text + "\n\ndef array_module(*arrays):\n"
                                      "    raise NotImplementedError('exercise 25.1 is still to do')\n")
    lines = said(capsys, "check", "25", code=1).splitlines()
    assert lines[1].startswith("· 25.1") and [line for line in lines if line.startswith("✓ 25.3")]
    assert [line for line in lines if "25.2" in line] == ["· 25.2 softmax  builds on array_module"]
    assert said(capsys, "hint", "25.3").startswith("25.3 ")
    with pytest.raises(UserError, match=r"there is no exercise 25\.9; lesson 25 has 25\.1, "):
        main(["hint", "25.9"])


def test_next_goes_on_from_where_you_are_and_a_reset_lesson_is_not_done(folder, capsys):
    shutil.copy(folder / "07_convolution" / "solution.py", exercise(folder, "07"))
    said(capsys, "start", "7")
    said(capsys, "check")
    assert "Lesson 08" in said(capsys, "next")
    assert "✓ 07" in said(capsys, "status")
    said(capsys, "reset", "7")
    assert "· 07" in said(capsys, "status")
    said(capsys, "start", "26")
    assert "Lesson 26" in said(capsys, "next")


def test_all_lessons_that_something_was_written_in_are_checked_and_json_is_for_programs(folder, capsys):
    assert "Nothing was written yet" in said(capsys, "check", "--all", code=1)
    exercise(folder).write_text(RIGHT)
    assert said(capsys, "check", "--all").count("Lesson") == 1
    exercise(folder, "03").write_text("print('{}')\nexit()\n")
    found = json.loads(said(capsys, "check", "--all", "--json", code=1))
    assert (found["right"], found["of"]) == (1, 4)
    assert found["exercises"]["0.1"] == {"right": True, "error": None}
    assert "SystemExit (line 2: `exit()`)" in found["exercises"]["3.2"]["error"]
    assert json.loads(said(capsys, "check", "0", "--json"))["of"] == 1
    with pytest.raises(UserError, match="--all checks all lessons; leave out 3, or --all"):
        main(["check", "3", "--all"])


def test_two_saves_within_the_same_second_are_both_seen(folder, capsys):
    for source, code in ((RIGHT, 0), (RIGHT.replace("*", "+"), 1)) * 3:
        exercise(folder).write_text(source)
        os.utime(exercise(folder), (1e9, 1e9))
        said(capsys, "check", "0", code=code)


def test_watch_checks_again_within_a_second_of_a_save_also_while_a_loop_does_not_end(folder):
    progress, out = Progress(folder), io.StringIO()
    lesson = progress.lessons[0]
    watcher = threading.Thread(target=commands.watch, args=(progress, Console(out), lesson), daemon=True)
    watcher.start()

    def wait_for(text):
        begin = time.monotonic()
        while text not in out.getvalue():
            assert time.monotonic() - begin < 20, out.getvalue()
            time.sleep(0.02)
        return time.monotonic() - begin

    wait_for("still to do")
    exercise(folder).write_text(RIGHT.replace("*", "+"))
    wait_for("It is a sum")
    exercise(folder).write_text("def numbers_in(H, W, C):\n    while True: pass\n")
    checks = out.getvalue().count("Lesson 00")
    while out.getvalue().count("Lesson 00") == checks:  # until it is in the loop, or about to be
        time.sleep(0.02)
    exercise(folder).write_text(RIGHT)
    wait_for("All correct")
    watcher.join(timeout=5)
    assert not watcher.is_alive()


# -------------------------------------------------------------------------------------------------------------- helping

def test_hints_come_one_after_the_other_for_the_exercise_that_is_next(folder, capsys):
    levels = [said(capsys, "hint", "0").splitlines()[0] for _ in range(4)]
    assert [line.split(": ")[1] for line in levels] == ["idea", "shapes", "skeleton", "skeleton"]
    exercise(folder).write_text(RIGHT)
    said(capsys, "check", "0")
    assert "no hint is needed" in said(capsys, "hint", "0")
    assert "3.1 linear_forward, hint 1 of 3" in said(capsys, "hint", "3")


def test_diff_and_solution_show_ours(folder, capsys):
    assert "return H * W * C" in said(capsys, "solution", "0")
    exercise(folder).write_text(RIGHT.replace("* C", ""))
    out = said(capsys, "diff", "0")
    assert "-    return H * W " in out and "+    return H * W * C" in out
    shutil.copy(folder / "00_how_this_works" / "solution.py", exercise(folder))
    assert "identical to the solution" in said(capsys, "diff", "0")


def test_diff_shows_code_and_no_docstrings(folder, capsys):
    out = said(capsys, "diff", "3")
    assert '"""' not in out and "- x = [[1, 2]]" not in out and "+    return x @ W + b, (x, W)" in out
    source = exercise(folder, "03").read_text()
    (folder / "03_linear" / "exercise.py").write_text(
        re.sub("    raise .*3.1.*", "    return x @ W + b, (x, W)", source).replace("\n", "\r\n"), newline="")
    changed = {line[1:].strip() for line in said(capsys, "diff", "3").splitlines() if line[:1] in "+-"}
    assert "return x @ W + b, (x, W)" not in changed and "return dx, dW1, db1, dW2, db2" in changed
    exercise(folder).write_text('def numbers_in(H, W, C): "H W C"; return H + W\n')  # no line holds the docstring alone
    assert '-def numbers_in(H, W, C): "H W C"; return H + W' in said(capsys, "diff", "0")
    exercise(folder).write_text('def numbers_in(H, W, C)\n    """H W C"""\n')
    assert '-    """H W C"""' in said(capsys, "diff", "0")


def test_start_says_what_a_lesson_builds_on_and_asks_for_no_code_from_there(folder, capsys):
    assert "builds on" not in said(capsys, "start", "0")
    out = " ".join(said(capsys, "start", "7").split())
    assert "It builds on 01 Arrays, and the gradient of broadcasting; 03 A linear layer" in out
    assert "It does not need the code you wrote there." in out


def test_reset_brings_the_exercise_back_and_keeps_what_was_written(folder, capsys, monkeypatch):
    exercise(folder).write_text(RIGHT)
    said(capsys, "reset", "0")
    assert "is still to do" in exercise(folder).read_text()
    assert (folder / "00_how_this_works" / "exercise.before-reset.py").read_text() == RIGHT
    exercise(folder).write_text("second try")
    said(capsys, "reset", "0")
    assert (folder / "00_how_this_works" / "exercise.before-reset.py").read_text() == RIGHT
    assert (folder / "00_how_this_works" / "exercise.before-reset-2.py").read_text() == "second try"
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match="git checkout"):
        commands.reset(clone := Progress(shipped_lessons()), Console(), clone.lessons[0])


def test_an_unknown_lesson_is_answered_with_those_there_are(folder):
    with pytest.raises(UserError, match="there is no lesson 99; there are 00, "):
        main(["start", "99"])


def test_a_progress_file_of_somebody_else_is_left_alone(folder):
    (folder / "progress.json").write_text('{"format": 7}')
    with pytest.raises(UserError, match="is not a progress file of this version of minicap"):
        main(["status"])
    assert (folder / "progress.json").read_text() == '{"format": 7}'


# ------------------------------------------------------------------------------------------------------------ terminals

@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_an_old_console_gets_letters_it_can_show(folder, encoding):
    done = subprocess.run([sys.executable, "-m", "minicap.learn", "status"], capture_output=True, cwd=folder,
                          env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    out = done.stdout.decode(encoding)
    assert "How this works" in out and ("- 00" in out or "· 00" in out) and "\x1b" not in out


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_colours_are_for_terminals_and_can_be_turned_off(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Console(Terminal()).paint("x", "right") == "\x1b[32mx\x1b[0m"
    assert Console(io.StringIO()).paint("x", "right") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Console(Terminal()).paint("x", "right") == "x"
