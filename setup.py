"""Only what setup.cfg has no word for: the lessons, which stand at the top of a clone, travel inside the package, and
MINICAP_REPOSITORY, where it is set, is the address at which the project stands.
"""

import os
import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

REPOSITORY = os.environ.get("MINICAP_REPOSITORY", "").rstrip("/")
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


class WithLessons(build_py):
    """A wheel holds lessons/ as minicap/lessons/; an editable installation reads them where they are."""

    def run(self):
        super().run()
        if not self.editable_mode:
            shutil.copytree("lessons", Path(self.build_lib) / "minicap" / "lessons", dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "progress.json"))


def readme():
    """README for a page elsewhere: its pictures and links lead to the repository."""
    return LINK.sub(lambda link: "{}[{}]({}/{}/HEAD/{})".format(
        link[1], link[2], REPOSITORY, "raw" if link[1] else "blob", link[3]), Path("README.md").read_text("utf-8"))


address = {"project_urls": {"Repository": REPOSITORY}, "long_description": readme()} if REPOSITORY else {}
setup(cmdclass={"build_py": WithLessons}, **address)
