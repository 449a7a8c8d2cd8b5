"""The installed package: the library with its lessons, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_build_holds_the_lessons_and_installs_only_minicap(tmp_path):
    pytest.importorskip("setuptools")
    source = tmp_path / "source"
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True,
                           capture_output=True)
    if names.returncode:
        pytest.skip("not a git checkout")
    needed = ("minicap", "lessons", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
    for name in filter(None, names.stdout.split("\0")):
        if name.split("/")[0] in needed:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).exists():
                (source / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run([sys.executable, "setup.py", "-q", "build", "--build-base", tmp_path / "build"], cwd=source,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    built = tmp_path / "build" / "lib"
    assert [path.name for path in built.iterdir()] == ["minicap"]
    ours, theirs = ({path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
                    for folder in (source / "lessons", built / "minicap" / "lessons"))
    assert ours == theirs and "00_how_this_works/exercise.py" in theirs

    course = tmp_path / "course"  # and from there, not from the clone, a learner's folder is made
    done = subprocess.run([sys.executable, "-m", "minicap.learn", "init", course], cwd=tmp_path, text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": str(built)})
    assert done.returncode == 0 and (course / "progress.json").exists(), done.stderr
