"""No small file takes much memory or time, whatever it declares: it is read, or refused in one sentence."""

import sys

import pytest
import small_files
from limited import read_in_child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory of a child, and limits it")

PEAK = 400 << 20  # bytes, of which Python and its libraries take 50 to 80 MB
SECONDS = 20

KINDS = ("weights", "arrays", "feature_files", "word_vectors", "captions", "checkpoints", "pictures")


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_file_takes_little_memory_and_time(tmp_path, kind):
    wrong = []
    for what, path in getattr(small_files, kind)(tmp_path).items():
        reading = read_in_child(kind, path)
        if (reading.code, reading.said.count("\n")) != (0, 0) or reading.peak > PEAK or reading.seconds > SECONDS:
            wrong.append(f"{what}: {reading.peak >> 20} MB, {reading.seconds:.0f} s, {reading.said[-300:]}")
    assert not wrong, "\n".join(wrong)
