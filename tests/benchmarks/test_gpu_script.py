"""The glue of .ci/gpu: steps with their limits, and large files in pieces."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

CI = Path(__file__).resolve().parents[2] / ".ci"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the scripts are for Linux")


@pytest.fixture(scope="module")
def steps():
    spec = importlib.util.spec_from_file_location("steps", CI / "steps.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["steps"] = module  # where dataclasses looks
    spec.loader.exec_module(module)
    return module


def shell(steps, name, code, limit=20, **options):
    return steps.Step(name, ["bash", "-c", code], limit, **options)


# ------------------------------------------------------------------------------------------------------------- steps

def test_a_step_that_fails_stops_nothing_and_fails_the_whole(steps, tmp_path, capfd):
    groups = [[shell(steps, "first", "echo why; exit 3")], [shell(steps, "second", "echo fine")]]
    assert steps.run("core", groups, tmp_path, 60) == 1
    table = (tmp_path / "core.txt").read_text().splitlines()
    assert table[0].startswith("core: 1 of 2 steps ok")
    assert table[1].split()[:3] == ["first", "FAILED", "(3)"] and table[1].endswith("why")
    assert table[2].split()[:2] == ["second", "ok"] and table[2].endswith("fine")
    assert "| why" in capfd.readouterr().out
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["core.log", "core.txt"]
    assert "why\n" in (tmp_path / "core.log").read_text()


def test_a_program_that_is_not_there_is_a_step_that_fails(steps, tmp_path):
    absent = steps.Step("absent", ["no-such-program"], 20)
    assert steps.run("core", [[absent], [shell(steps, "next", "true")]], tmp_path, 60) == 1
    assert absent.outcome == "FAILED (127)" and "no-such-program" in absent.line()


def test_when_all_is_well_so_is_the_exit_code(steps, tmp_path):
    assert steps.run("core", [[shell(steps, "one", "true"), shell(steps, "two", "true")]], tmp_path, 60) == 0


def test_a_step_that_takes_too_long_is_ended_with_all_it_has_started(steps, tmp_path):
    mark = tmp_path / "mark"
    begin = time.monotonic()
    step = shell(steps, "slow", f"echo begun; (sleep 4; touch {mark}) & wait", limit=0.5)
    assert steps.run("core", [[step]], tmp_path, 60) == 1
    assert step.outcome == "TIMED OUT" and step.line() == "begun" and time.monotonic() - begin < 4
    time.sleep(4)
    assert not mark.exists()


def test_no_step_begins_after_the_time_of_all_is_up(steps, tmp_path):
    late = shell(steps, "late", f"touch {tmp_path / 'late'}")
    steps.run("core", [[shell(steps, "long", "sleep 9", limit=9)], [late]], tmp_path, 1.2)
    assert late.outcome == "not run" and not (tmp_path / "late").exists()


def test_steps_of_a_group_run_side_by_side(steps, tmp_path):
    begin = time.monotonic()
    steps.run("core", [[shell(steps, str(n), "sleep 2") for n in range(4)]], tmp_path, 60)
    assert time.monotonic() - begin < 7


def test_the_table_has_at_most_sixty_lines_and_survives_a_log_that_is_not_as_expected(steps, tmp_path):
    many = shell(steps, "many", "seq 100", details=str.splitlines)
    broken = shell(steps, "broken", "echo nothing of the kind", result=lambda text: json.loads(text)["x"],
                   details=lambda text: json.loads(text))
    steps.run("core", [[many], [broken]], tmp_path, 60)
    table = (tmp_path / "core.txt").read_text().splitlines()
    assert len(table) == 60 and table[2].endswith("nothing of the kind")


# ------------------------------------------------------------------------------------------------------------ pieces

def data(*arguments):
    result = subprocess.run([sys.executable, CI / "gpu-data", *map(str, arguments)], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def source(tmp_path):
    """A folder with files of several sizes, one of them empty."""
    folder = tmp_path / "source"
    (folder / "inner").mkdir(parents=True)
    for name, size in (("a.bin", 2500), ("empty", 0), ("inner/b.bin", 1000), ("inner/c.bin", 499)):
        (folder / name).write_bytes(bytes(i * len(name) % 251 for i in range(size)))
    return folder


@pytest.mark.parametrize("size", [100, 999, 1000, 3999, 4000])
def test_pieces_become_the_same_files(tmp_path, source, size):
    pieces, target = tmp_path / "pieces", tmp_path / "target"
    assert data("cut", source, pieces, "--size", size)[0] == 0
    sizes = [path.stat().st_size for path in sorted(pieces.glob("piece-*"))]
    assert max(sizes) <= size and sum(sizes) == 3999 and set(sizes[:-1]) <= {size} and min(sizes) > 0
    code, said = data("join", pieces, target)
    assert code == 0 and f"{target} is ready" in said
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found.pop(".joined")
    assert found == {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*")
                     if path.is_file()}
    assert "is already there" in data("join", pieces, target)[1]


def test_what_is_missing_or_damaged_is_named(tmp_path, source):
    pieces = tmp_path / "pieces"
    assert "manifest.json is missing" in data("join", pieces, tmp_path / "target")[1]
    data("cut", source, pieces, "--size", 1000)
    (pieces / "piece-00").rename(tmp_path / "later")
    with open(pieces / "piece-02", "r+b") as file:
        file.write(b"!!")
    code, said = data("join", pieces, tmp_path / "target")
    assert code == 1 and said.strip() == "missing: piece-00; damaged: piece-02"
    assert not (tmp_path / "target").exists()


def test_a_folder_that_can_prepare_itself_is_asked_to(tmp_path, source):
    (source / "prepare.py").write_text("import pathlib, sys\nhere = pathlib.Path(__file__).parent\n"
                                       "size = (here / 'a.bin').stat().st_size\n"
                                       "(pathlib.Path(sys.argv[1]) / 'made').write_text(str(size))\n")
    data("cut", source, tmp_path / "pieces", "--size", 1000)
    assert data("join", tmp_path / "pieces", tmp_path / "target")[0] == 0
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == [".joined", "made"]
    assert (tmp_path / "target" / "made").read_text() == "2500"
    assert not (tmp_path / "target-as-cut").exists()
