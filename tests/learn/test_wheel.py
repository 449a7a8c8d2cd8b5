"""The installed package: the library with its lessons, and nothing else."""

import os
import subprocess
import sys


def test_a_build_holds_the_lessons_and_installs_only_minicap(source, built, tmp_path):
    assert [path.name for path in built.iterdir()] == ["minicap"]
    ours, theirs = ({path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
                    for folder in (source / "lessons", built / "minicap" / "lessons"))
    assert ours == {name for name in theirs if "__pycache__" not in name}
    assert {"00_how_this_works/exercise.py", "flickr8k.md"} <= theirs

    course = tmp_path / "course"  # and from there, not from the clone, a learner's folder is made
    done = subprocess.run([sys.executable, "-m", "minicap.learn", "init", course], cwd=tmp_path, text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": str(built)})
    assert done.returncode == 0 and (course / "progress.json").exists(), done.stderr
