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
    files = getattr(small_files, kind)(tmp_path)
    readings = read_in_child(kind, files.values())
    wrong = [f"{what}: {reading}" for what, reading in zip(files, readings, strict=False)
             if not reading.is_sentence or reading.peak > PEAK or reading.seconds > SECONDS]
    assert not wrong, wrong[0]  # the peak of a file is also that of all behind it
    assert len(readings) == len(files)
