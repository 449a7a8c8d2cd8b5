"""What a wheel installs, for the tests that must not see the clone."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("minicap", "lessons", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder with what a wheel would install: PYTHONPATH for a Python that has no other minicap."""
    pytest.importorskip("setuptools")
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *NEEDED],
                           cwd=ROOT, text=True, capture_output=True)
    if names.returncode:
        pytest.skip("not a git checkout")
    source, base = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("build")
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run([sys.executable, "setup.py", "-q", "build", "--build-base", base], cwd=source,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return base / "lib"
