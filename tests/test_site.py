"""The site, as far as it can be told without building it (.ci/site does that): docs/, mkdocs.yml, docs/hooks/."""

import ast
import importlib.machinery
import importlib.util
import re
import sys
from pathlib import Path

import pytest

import minicap
from minicap.learn import readme
from minicap.learn.lessons import find_lessons

ROOT = Path(__file__).resolve().parent.parent


def load(path):
    """A module from a file outside the package, whatever its name ends in."""
    loader = importlib.machinery.SourceFileLoader(f"site_{path.stem}", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def layers_in_the_source():
    """The names of all public classes that inherit from Layer, read off the files of the library."""
    bases = {}
    for path in (ROOT / "minicap").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    found, grown = set(), {"Layer"}
    while grown:
        found |= grown
        grown = {name for name, above in bases.items() if above & found} - found
    return {name for name in found if not name.startswith("_")}


def test_every_public_name_and_every_layer_has_a_page_in_the_reference():
    reference = load(ROOT / "docs" / "hooks" / "reference.py")
    groups = reference.groups()
    pages = [name for members in groups.values() for name, _ in members]
    assert sorted(pages) == sorted({*minicap.__all__, *layers_in_the_source()})
    assert all(groups.values())
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(\1\.md\) \| (.+) \|$", reference.index(), re.MULTILINE))
    assert rows.keys() == set(pages) and not [text for text in rows.values() if ":`" in text or "``" in text]
    with_options = [name for name, thing in reference.names().items() if "What it calls" in reference.page(name, thing)]
    assert with_options == ["assert_gradients", "vgg11", "vgg13", "vgg16", "vgg19"]


def test_every_page_in_the_repository_is_in_the_navigation():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = re.search(r"^nav:\n(.*?)^\S", settings, re.DOTALL | re.MULTILINE)
    named = re.findall(r"(\S+\.md)", re.sub(r"  # .*", "", navigation[1]))
    pages = load(ROOT / "docs" / "hooks" / "pages.py")
    there = {path for pattern in pages.BESIDE_DOCS for path in pages.found(pattern) if path.endswith(".md")}
    there |= {path.name for path in (ROOT / "docs").glob("*.md")} | {"reference/index.md"}
    assert sorted(named) == sorted(path for path in there if not re.match(r"lessons/\d", path))


def test_lecturers_read_the_hours_that_the_lessons_say():
    minutes = {int(lesson.number): lesson.facts["minutes"] for lesson in find_lessons(ROOT / "lessons")}
    text = (ROOT / "docs" / "lecturers.md").read_text(encoding="utf-8")
    counted = []
    parts = re.findall(r"^\| [^|]+ \| (\d\d)(,| to) (\d\d) \| ([\d.]+) \|$", text, re.MULTILINE)
    for first, word, last, hours in parts:
        part = range(int(first), int(last) + 1)
        assert word == " to" or len(part) == 2
        assert float(hours) == round(sum(minutes[number] for number in part) / 60 + 1e-9, 1)
        counted += part
    assert counted == sorted(minutes)
    assert f"**{len(minutes)} lessons**, about {sum(minutes.values()) / 60:.0f} hours" in text
    weeks = re.findall(r"^\| \d+ \| .+ \| ([\d, or]+) \|$", text, re.MULTILINE)
    assert len(weeks) == 12 and {int(number) for week in weeks for number in re.findall(r"\d\d", week)} <= set(minutes)


def test_the_code_on_the_start_page_runs(tmp_path):
    (block,) = readme.blocks((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    (printed,) = readme.run([block], tmp_path)
    assert printed == "Cache(x=float64(8, 20))\nTrue\n"


@pytest.mark.parametrize(("body", "fault"), [
    ('<a href="../gone/">gone</a>', "/here/index.html links to ../gone/, which is not there"),
    ('<a href="../there/#below">below</a>', "/here/index.html links to ../there/#below, and /there/ has no such place"),
    ('<img src="gone.svg" alt="gone">', "/here/index.html links to gone.svg, which is not there"),
    ('<script src="https://example.com/a.js"></script>', "/here/index.html loads https://example.com/a.js"),
    ('<link rel="stylesheet" href="//example.com/a.css">', "/here/index.html loads //example.com/a.css"),
    ('<svg><a xlink:href="../gone/">gone</a></svg>', "/here/index.html links to ../gone/, which is not there"),
])
def test_what_is_wrong_with_a_built_site_is_found(tmp_path, body, fault):
    fine = '<a href="../there/#top">there</a> <a href="/there/">there</a> <a href="https://example.com/">elsewhere</a>'
    for name, text in (("here", fine + body), ("there", '<h1 id="top">There</h1>')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(text, encoding="utf-8")
    assert list(load(ROOT / ".ci" / "site").dead_links(tmp_path)) == [fault]


def test_links_to_what_is_not_on_the_site_lead_to_the_repository():
    pages = load(ROOT / "docs" / "hooks" / "pages.py")
    text = ("[page](../lessons/01_arrays/README.md#question), [code](../minicap/conv.py), [folder](../minicap), "
            "[no](../no.py)")

    class Files:
        get_file_from_path = staticmethod(lambda path: path == "lessons/01_arrays/README.md")

    class Config:
        repo_url = "https://example.com/minicap"

    assert pages.with_links(text, "formats.md", Config, Files) == (
        "[page](lessons/01_arrays/README.md#question), [code](https://example.com/minicap/blob/main/minicap/conv.py), "
        "[folder](https://example.com/minicap/tree/main/minicap), [no](../no.py)")
    Config.repo_url = ""
    assert pages.with_links("[code](../minicap/conv.py)", "formats.md", Config, Files) == "code"
