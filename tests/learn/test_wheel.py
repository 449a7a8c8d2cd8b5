"""The installed package is the library with its lessons, and nothing else; an sdist is the whole clone."""

import os
import re
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


def setup(source, *words, **variables):
    done = subprocess.run([sys.executable, "setup.py", "-q", *map(str, words)], cwd=source, capture_output=True,
                          text=True, env=os.environ | {"MINICAP_REPOSITORY": ""} | variables)
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


def test_links_of_the_readme_lead_to_the_repository_where_its_address_is_given(source, tmp_path):
    address = "https://example.com/ada/minicap"
    for name, given in (("without", ""), ("with", f"{address}/")):
        (tmp_path / name).mkdir()
        setup(source, "egg_info", "-e", tmp_path / name, MINICAP_REPOSITORY=given)
    without, named = ((tmp_path / name / "minicap.egg-info" / "PKG-INFO").read_text("utf-8")
                      for name in ("without", "with"))
    assert "Project-URL" not in without and without.endswith((source / "README.md").read_text("utf-8"))
    assert f"Project-URL: Repository, {address}\n" in named
    assert f"]({address}/raw/HEAD/docs/pictures/dog.jpg) |" in named
    links = re.findall(r"\]\(([^)]+)\)", named)
    assert len(links) > 8 and all((source / link.removeprefix(f"{address}/").split("/", 2)[2]).exists()
                                  and link.split("/")[5] in ("raw", "blob") for link in links)
