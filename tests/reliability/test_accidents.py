"""Some of accidents.py: kills at every so many changes, full disks and little memory. The whole is part of .ci/full."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and the limits of Linux")


@pytest.mark.parametrize("names, every", [
    (("train", "download"), 11), (("extract", "import", "export"), 5), (("shard", "host"), 8),
    (("caption", "evaluate", "score"), 3), (("learn",), 120)])
def test_nothing_is_lost_and_the_work_is_completed_afterwards(names, every):
    program = Path(__file__).with_name("accidents.py")
    done = subprocess.run([sys.executable, program, *names, "--every", str(every)], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith(": nothing lost\n"), done.stdout + done.stderr[-3000:]
    kills = int(done.stdout.splitlines()[-1].split()[0])
    assert kills >= len(names)
