"""What describes the package, in setup.cfg, CITATION.cff, the licence and the code, says the same everywhere."""

import configparser
import re
from importlib import import_module
from pathlib import Path

import pytest

import minicap
from minicap import doctor, missing
from minicap.missing import LIBRARIES, PYTHON

ROOT = Path(__file__).resolve().parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def listed(section, key):
    return SETUP[section][key].strip().splitlines()


def cited(key):
    return re.search(rf"(?m)^(?:  - )?{key}: (.*)$", CITATION)[1]


def test_the_version_is_the_same_everywhere():
    assert SETUP["metadata"]["version"] == minicap.__version__ == cited("version")


def test_the_pythons_are_the_same_everywhere():
    tested = [tuple(map(int, match.groups())) for line in listed("metadata", "classifiers")
              if (match := re.fullmatch(r"Programming Language :: Python :: (\d+)\.(\d+)", line))]
    assert tested == [(3, minor) for minor in range(PYTHON[1], tested[-1][1] + 1)]
    oldest = "{}.{}".format(*PYTHON)
    assert SETUP["options"]["python_requires"] == f">={oldest}" and doctor.PYTHON is missing.PYTHON
    assert f'target-version = "py{oldest.replace(".", "")}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"Python (\d\.\d+) or newer", readme)) == {oldest}


def test_what_is_looked_for_where_a_program_fails_is_what_pip_installs():
    required = [re.match(r"[\w-]+", line)[0] for line in listed("options", "install_requires")]
    assert sorted(map(missing.distribution, LIBRARIES)) == sorted(required)


def test_the_command_is_there():
    (line,) = listed("options.entry_points", "console_scripts")
    module, function = re.fullmatch(r"minicap = ([\w.]+):(\w+)", line).groups()
    assert callable(getattr(import_module(module), function))


def test_authors_licence_and_keywords_are_the_same_everywhere():
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith(f"{SETUP['metadata']['license']} License") and cited("license") == "MIT"
    assert cited("name") == SETUP["metadata"]["author"]
    assert re.search(rf"Copyright \(c\) \d+ {SETUP['metadata']['author']}\n", licence)
    keywords = CITATION.partition("keywords:\n")[2].replace("  - ", "").splitlines()
    assert ", ".join(keywords) == SETUP["metadata"]["keywords"]


def test_the_citation_has_the_form_that_tools_read():
    citation = pytest.importorskip("cffconvert").Citation(CITATION)
    citation.validate()
