"""A little of fuzz.py: every reader reads some mutated files, or refuses them. The whole is part of .ci/full."""

import random
import subprocess
import sys
from pathlib import Path

import mutations
import pytest

FUZZ = Path(__file__).with_name("fuzz.py")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits of the children are those of Linux")


def fuzz(*options):
    return subprocess.run([sys.executable, FUZZ, *map(str, options)], capture_output=True, text=True)


def test_every_reader_reads_or_refuses_what_was_mutated():
    done = fuzz("--cases", 60, "--jobs", 2)
    assert done.returncode == 0 and " 0 failures" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]


def test_a_reader_that_fails_is_found_and_the_case_can_be_repeated(tmp_path):
    """A reader with a planted mistake, which believes that the file is JSON."""
    planted = tmp_path / "fuzz.py"
    planted.write_text(FUZZ.read_text().replace("from fuzzed_readers import READERS", """
from fuzzed_readers import READERS
import dataclasses, json
READERS = {"json_files": dataclasses.replace(READERS["json_files"], read=lambda path: json.loads(path.read_bytes()))}
""".strip().replace("\n", "\n    ")).replace("HERE = Path(__file__).parent", f"HERE = Path({str(FUZZ.parent)!r})"))
    done = subprocess.run([sys.executable, planted, "--cases", "200", "--jobs", "1"], capture_output=True, text=True)
    assert done.returncode == 1 and "JSONDecodeError" in done.stdout, done.stdout + done.stderr
    case = done.stdout.partition("--case ")[2].partition(",")[0]
    again = subprocess.run([sys.executable, planted, "--case", case, "--readers", "json_files"], capture_output=True,
                           text=True)
    assert again.returncode == 1 and "Traceback" in again.stdout and "the file was" in again.stdout


def test_mutations_are_functions_of_their_case():
    data = b'{"a": [1, {"b": null}], "c": "d"}'
    for mutation in (mutations.bytes_, mutations.text, mutations.json_, mutations.json_lines):
        made = [mutation(data, mutations.generator(0, "reader", case)) for case in range(50)]
        assert made == [mutation(data, mutations.generator(0, "reader", case)) for case in range(50)]
        assert len(set(made)) > 20 and sum(content == data for content in made) < 15
    assert isinstance(mutations.generator(1, "reader", 2), random.Random)
