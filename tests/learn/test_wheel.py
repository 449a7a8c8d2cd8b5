"""The installed package is the library with its lessons, and nothing else; an sdist is the whole clone."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the files of this clone that git knows or would take."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("clone") / "source"
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True,
                           capture_output=True)
    if names.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def setup(source, *words):
    done = subprocess.run([sys.executable, "setup.py", "-q", *map(str, words)], cwd=source, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr


def test_an_sdist_holds_what_the_clone_does_so_that_its_tests_pass(source, tmp_path):
    setup(source, "egg_info", "-e", tmp_path, "sdist", "-d", tmp_path)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        packed = {member.name.partition("/")[2] for member in tar if member.isfile()}
    cloned = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert {name for name in cloned - packed if not name.startswith(".git")} == set()


def test_a_build_holds_the_lessons_and_installs_only_minicap(source, tmp_path):
    setup(source, "build", "--build-base", tmp_path / "build")
    built = tmp_path / "build" / "lib"
    assert [path.name for path in built.iterdir()] == ["minicap"]
    ours, theirs = ({path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
                    for folder in (source / "lessons", built / "minicap" / "lessons"))
    assert ours == theirs and "00_how_this_works/exercise.py" in theirs
    assert {"py.typed", "__init__.pyi"} <= {path.name for path in (built / "minicap").iterdir()}  # for type checkers

    course = tmp_path / "course"  # and from there, not from the clone, a learner's folder is made
    done = subprocess.run([sys.executable, "-m", "minicap.learn", "init", course], cwd=tmp_path, text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": str(built)})
    assert done.returncode == 0 and (course / "progress.json").exists(), done.stderr
