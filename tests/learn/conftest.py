"""What a wheel installs, for the tests that must not see the clone."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("minicap", "lessons", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A copy of the files of the package as git knows them, without what is ignored."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True,
                           capture_output=True)
    if names.returncode:
        pytest.skip("not a git checkout")
    source = tmp_path_factory.mktemp("source")
    for name in filter(None, names.stdout.split("\0")):
        if name.split("/")[0] in NEEDED and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    return source


@pytest.fixture(scope="session")
def built(source, tmp_path_factory):
    """The folder with what a wheel made of that copy would install: PYTHONPATH for a Python that has nothing else."""
    pytest.importorskip("setuptools")
    base = tmp_path_factory.mktemp("build")
    done = subprocess.run([sys.executable, "setup.py", "-q", "build", "--build-base", base], cwd=source,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return base / "lib"
