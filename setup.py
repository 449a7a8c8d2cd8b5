"""Only what setup.cfg has no word for: the lessons, which stand at the top of a clone, travel inside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithLessons(build_py):
    """A wheel holds lessons/ as minicap/lessons/; an editable installation reads them where they are."""

    def run(self):
        super().run()
        if not self.editable_mode:
            shutil.copytree("lessons", Path(self.build_lib) / "minicap" / "lessons", dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "progress.json"))


setup(cmdclass={"build_py": WithLessons})
