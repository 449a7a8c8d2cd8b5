"""The table of --cold: whole programs, each in a process of its own."""

import json
import os
from dataclasses import replace

import pytest

from benchmarks import __main__ as program
from benchmarks import cold
from benchmarks.cold import STARTS, Start
from minicap.errors import UserError

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="Windows does not tell what a process has taken")


def test_programs_are_timed_to_their_end_in_processes_of_their_own(capsys):
    memory = bytearray(200 << 20)  # which is ours, and not theirs
    assert not program.main(["--cold", "--small", "--repeat", "1", "--threads", "1", "--json", "--only",
                             "import_minicap,caption_shapes"])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in found] == ["import_minicap", "caption_shapes"]
    bare, caption = found
    assert 0 < bare["cpu_s"] < caption["cpu_s"] and 0 < bare["wall_s"] < caption["wall_s"]
    assert 5 < bare["peak_mb"] < caption["peak_mb"] < 150 < len(memory) / 1e6
    assert all(line["target_s"] is line["target_mb"] is None and line["repeat"] == 1 for line in found)


def test_memory_and_processor_time_are_those_of_the_program():
    busy = "import time; x = bytearray(100 << 20)\nwhile time.process_time() < 0.3: pass"
    found = cold.measure(Start("busy", ("-c", busy)), 1, 1)
    assert 0.3 <= found["cpu_s"] < 3 and found["wall_s"] >= 0.3 and 105 < found["peak_mb"] < 160


def test_a_program_that_fails_is_named_with_what_it_said():
    start = Start("fails", ("-c", "raise SystemExit('no luck')"))
    with pytest.raises(UserError, match="fails: the program ended with code 1: no luck"):
        cold.measure(start, 1, 1)


def test_without_weights_a_line_is_skipped_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr(cold, "find_weights", lambda network: None)
    assert not program.main(["--cold", "--small", "--only", "caption_vgg19"])
    assert "caption_vgg19  skipped: there are no weights of vgg19 here" in capsys.readouterr().out


def test_targets_stand_beside_what_was_measured(capsys, monkeypatch):
    monkeypatch.setattr(cold, "measure", lambda *_: {"wall_s": 1.0567, "cpu_s": 1.5, "peak_mb": 230.4})
    assert not program.main(["--cold", "--repeat", "3", "--threads", "1", "--only", "import_numpy,classify_vgg19"])
    _, _, numpy, vgg = capsys.readouterr().out.splitlines()
    assert numpy.split() == ["import_numpy", "1.057", "1.500", "230"]
    assert vgg.split() == ["classify_vgg19", "1.057", "1.2", "1.500", "230", "600"]
    assert all(replace(start.reduced(), seconds=start.seconds, megabytes=start.megabytes) == start for start in STARTS)


def test_bytecode_is_kept_as_python_does_by_default(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert cold.measure(Start("writes", ("-c", "import sys; sys.exit(sys.dont_write_bytecode)")), 1, 1)
