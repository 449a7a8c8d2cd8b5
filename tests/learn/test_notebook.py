"""Lessons as notebooks: they need no other file, and run with nothing but the wheel, exercises and all."""

import ast
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minicap.errors import UserError
from minicap.learn import notebook_file
from minicap.learn.__main__ import main
from minicap.learn.checker import check
from minicap.learn.exercises import CheckError
from minicap.learn.lessons import find_lessons, load, the_lesson
from minicap.learn.notebook import check_here, go_to
from minicap.learn.notebook_file import FOLDER_ONLY, parts
from minicap.learn.readme import blocks

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]
LESSONS = find_lessons(ROOT / "lessons")
sys.path.append(str(ROOT / "tests" / "lessons"))

from planted import read_mistakes  # noqa: E402

CHECK = re.compile(r'^lesson\.check\("(\w+)"\)$', re.MULTILINE)
QUICK = {"OPENBLAS_NUM_THREADS": "1", "MINICAP_NUMBA": "0"}  # nothing is compiled anew for a copy of the package
OF_FILES = ("exercise.py", "in this folder", "minicap.learn check", "progress.json", "<!--")


@pytest.fixture(scope="module")
def nbformat():
    """The package; both that writing notebooks takes are there."""
    pytest.importorskip("resvg_py")  # extra `notebooks`
    return pytest.importorskip("nbformat")


@pytest.fixture(scope="module")
def written(nbformat, tmp_path_factory):
    """All notebooks {name: what it holds}, as the command writes them where there is no folder of lessons."""
    folder = tmp_path_factory.mktemp("notebooks")
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert main(["notebook", "all", "--out", "here"]) == 0
    finally:
        os.chdir(before)
    return {path.stem: nbformat.read(path, 4) for path in sorted((folder / "here").iterdir())}


def code_of(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


# ------------------------------------------------------------------------------------------------------ what they hold

def test_there_is_a_notebook_of_every_lesson_and_of_flickr8k(written):
    assert list(written) == [lesson.path.name for lesson in LESSONS] + ["flickr8k"]


@pytest.mark.parametrize("name", [*(lesson.path.name for lesson in LESSONS), "flickr8k"])
def test_a_notebook_is_valid_and_needs_no_other_file(nbformat, written, name):
    notebook = written[name]
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3" and notebook.metadata.colab.name == f"{name}.ipynb"
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    pictures = re.findall(r"!\[[^\]]+\]\(data:image/png;base64,([^)]+)\)", text)
    markdown = next((ROOT / "lessons").glob(f"{name}*/README.md" if name != "flickr8k" else "flickr8k.md"))
    assert len(pictures) == len(re.findall(r"!\[", markdown.read_text(encoding="utf-8")))
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)
    assert not re.search(r"\]\((?!data:image/png|https?://)", text) and "attachment:" not in text
    assert not [words for words in OF_FILES for cell in notebook.cells if words in cell.source]
    assert notebook.cells[0].source.startswith("# ") and "pip install" in notebook.cells[1].source
    assert "```python" not in text


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.name)
def test_each_exercise_has_a_cell_that_defines_it_and_checks_it_at_once(written, lesson):
    checked = {name: source for source in code_of(written[lesson.path.name]) for name in CHECK.findall(source)}
    assert list(checked) == [exercise.name for exercise in lesson.exercises()]
    assert all(f"def {name}(" in source for name, source in checked.items())
    stub = lesson.exercise.read_text(encoding="utf-8")
    kept = "\n".join(code_of(written[lesson.path.name]))
    assert all(line in kept for line in stub.partition('"""\n\n')[2].splitlines())


@pytest.mark.parametrize("picture", sorted((ROOT / "lessons").glob("*/*.svg")), ids=lambda path: path.name)
def test_drawings_need_no_fonts(picture):
    assert "<text" not in picture.read_text(encoding="utf-8")


def test_links_lead_to_the_repository_if_its_address_is_known(nbformat, monkeypatch):
    lesson = LESSONS[7]
    (*_, (_, last)) = notebook_file.cells(lesson.path / "README.md", lesson)
    assert last.endswith("Next: 8. The backward pass of a convolution")
    monkeypatch.setattr(notebook_file, "repository", lambda: "https://example.org/minicap")
    (_, title), (_, install), *_, (_, last) = notebook_file.cells(lesson.path / "README.md", lesson)
    assert title.endswith("[`lessons/07_convolution`](https://example.org/minicap/blob/HEAD/lessons/07_convolution).*")
    assert '%pip install -q "minicap @ git+https://example.org/minicap"\n' in install
    assert last.endswith("[8. The backward pass of a convolution](https://example.org/minicap/blob/HEAD/lessons/"
                         "08_convolution_backward/README.md)")


@pytest.mark.parametrize(("stated", "found"), [
    (["Homepage, https://a.org/site", "Source, https://a.org/code"], "https://a.org/code"),
    (["Repository,https://a.org/code"], "https://a.org/code"), (["Homepage, https://a.org/site"], None), (None, None)])
def test_the_address_is_that_of_the_installed_package(monkeypatch, stated, found):
    class Metadata:
        def get_all(self, name):
            return stated if name == "Project-URL" else None

    monkeypatch.setattr(notebook_file, "metadata", lambda package: Metadata())
    assert notebook_file.repository() == found


# ------------------------------------------------------------------------------------------------------ what is refused

def test_a_notebook_with_work_in_it_is_not_replaced(nbformat, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["notebook", "3"]) == 0
    before = Path("03_linear.ipynb").read_bytes()
    with pytest.raises(UserError, match=r"already exists, perhaps with your work in it; name another file with --out"):
        main(["notebook", "3"])
    with pytest.raises(UserError, match=r"03_linear.ipynb already exists, .*; name another folder with --out"):
        main(["notebook", "all", "--out", "."])
    assert Path("03_linear.ipynb").read_bytes() == before and len(list(Path().iterdir())) == 1
    with pytest.raises(UserError, match=r"there is no lesson 99; there are 00, .*, 26; or flickr8k, or all"):
        main(["notebook", "99"])
    with pytest.raises(UserError, match=r"03_linear.ipynb is a file; name a folder with --out"):
        main(["notebook", "all", "--out", "03_linear.ipynb"])
    assert main(["notebook", "3", "--out", "again.ipynb"]) == 0
    assert Path("again.ipynb").read_bytes().replace(b"again.ipynb", b"03_linear.ipynb") == before


def test_a_learner_s_notebook_holds_what_was_written_so_far_once_python_can_read_it(nbformat, tmp_path, monkeypatch):
    assert main(["init", str(tmp_path / "course")]) == 0
    monkeypatch.chdir(tmp_path / "course" / "00_how_this_works")
    Path("exercise.py").write_text("# mine\nimport math\n\n# better\n@print\ndef numbers_in(H, W, C):\n    return 1\n")
    assert main(["notebook"]) == 0
    code = "\n--\n".join(code_of(nbformat.read("00_how_this_works.ipynb", 4)))
    assert code.endswith('\n--\n# mine\nimport math\n--\n# better\n@print\ndef numbers_in(H, W, C):\n    return 1\n\n\n'
                         'lesson.check("numbers_in")')
    assert "lesson.solution()" in Path("00_how_this_works.ipynb").read_text(encoding="utf-8")
    Path("solution.py").unlink()  # as in a course without solutions
    assert main(["notebook", "--out", "course.ipynb"]) == 0
    assert "lesson.solution()" not in Path("course.ipynb").read_text(encoding="utf-8")
    Path("exercise.py").write_text("def numbers_in(H, W, C:\n")
    with pytest.raises(UserError, match=r"exercise.py, line 1: Python cannot read this: .*; a notebook is made of it"):
        main(["notebook", "0", "--out", "other.ipynb"])


@pytest.mark.parametrize("package", ["nbformat", "resvg_py"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, package):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(notebook_file, "PACKAGES", ("json", package + "_that_is_missing"))
    with pytest.raises(UserError, match=rf"{package}_that_is_missing: `pip install 'minicap\[notebooks\]'`"):
        main(["notebook", "3"])


# ------------------------------------------------------------------------------------------------------ that they run

def tried(nbformat, notebook, lesson):
    """The notebook with more cells: in place of the exercises their solutions, then a mistake, and then the exercises.

    Whatever is behind them thus runs with functions that are still to do. Also returns the planted mistake.
    """
    solution = lesson.solution.read_text(encoding="utf-8")
    solved = list(parts(solution, ast.parse(solution)))
    names = [exercise.name for exercise in lesson.exercises()]
    helpers = [code for name, code in solved if name not in names]
    mistakes = read_mistakes(ROOT / "tests" / "lessons" / "mistakes" / f"{lesson.path.name}.txt", solution)
    mistake = next(one for one in mistakes if one.name not in ("", "None"))
    wrong = next(exercise.name for exercise in lesson.exercises() if exercise.number == mistake.number)
    cells = [*helpers, *(f'{code}\n\nlesson.check("{name}")' for name, code in solved if name in names),
             f'{mistake.source}\nlesson.check("{wrong}")\nlesson.hint("{wrong}")']
    first = next(n for n, cell in enumerate(notebook.cells) if CHECK.search(cell.source))
    more = [nbformat.v4.new_code_cell(source) for source in cells]
    return nbformat.from_dict(notebook | {"cells": notebook.cells[:first] + more + notebook.cells[first:]}), mistake


@pytest.fixture(scope="module")
def ran(nbformat, written, built, tmp_path_factory):
    """{lesson: (its cells and what they printed, the planted mistake, files left)}, run with nothing but the wheel."""
    pytest.importorskip("ipykernel")
    folder, mistakes, paths = tmp_path_factory.mktemp("run"), {}, []
    for lesson in LESSONS:
        notebook, mistakes[lesson.path.name] = tried(nbformat, written[lesson.path.name], lesson)
        paths.append(folder / f"{lesson.path.name}.ipynb")
        nbformat.write(notebook, paths[-1])
    environment = os.environ | {"PYTHONPATH": str(built)} | QUICK
    processes = [subprocess.Popen([sys.executable, HERE / "run_notebooks.py", folder, *half], env=environment,
                                  cwd=folder, stderr=subprocess.PIPE, text=True) for half in (paths[::2], paths[1::2])]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    found = {path.stem: json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) for path in paths}
    assert all(one["minicap"].startswith(str(built)) for one in found.values())
    return {name: (one["cells"], mistakes[name], one["left behind"]) for name, one in found.items()}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.name)
def test_a_notebook_runs_with_nothing_but_the_wheel_and_judges_each_exercise(ran, lesson, tmp_path):
    cells, mistake, left_behind = ran[lesson.path.name]
    assert not [cell for cell in cells if cell["error"]] and left_behind == []
    printed = {cell["source"]: cell["output"] for cell in cells}
    text = FOLDER_ONLY.sub("", (lesson.path / "README.md").read_text(encoding="utf-8"))
    for block in blocks(text):
        assert printed[block.code.rstrip("\n")] == block.expected, block.code

    exercises = lesson.exercises()
    judged = [cell["output"] for cell in cells if CHECK.search(cell["source"])]
    right, wrong, still = judged[:len(exercises)], judged[len(exercises)], judged[len(exercises) + 1:]
    assert right == [f"✓ {exercise.number} {exercise.name}\n" for exercise in exercises]
    assert len(still) == len(exercises)
    for output, exercise in zip(still, exercises, strict=True):
        assert output.startswith(f"· {exercise.number} {exercise.name}\n    ") and "still to do" in output
    assert "This is the exercise, not a broken installation" in still[0] and "run the cell again" in flat(still[0])

    path = tmp_path / "mistaken.py"
    path.write_text(mistake.source, encoding="utf-8")
    exercise = next(exercise for exercise in exercises if exercise.number == mistake.number)
    with pytest.raises(CheckError) as expected:
        check(exercise, load(path))
    assert expected.value.mistake == mistake.name
    assert flat(wrong).startswith(flat(f"✗ {exercise.number} {exercise.name} {expected.value.message} A hint"))
    assert flat(wrong).endswith(flat(lesson.facts["hints"][exercise.number]["idea"]))
    assert not [words for words in (*OF_FILES, "your file") for output in judged if words in output]


def flat(text):
    return " ".join(text.split())


def execute(notebook, folder, built, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name, value in ({"PYTHONPATH": str(built)} | QUICK).items():
        monkeypatch.setenv(name, value)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    return ["".join(output.get("text", "") or "".join(output.get("data", "")) for output in cell.outputs)
            for cell in notebook.cells if cell.cell_type == "code"]


def test_in_a_real_kernel_crashes_missing_functions_and_progress_are_shown(
        nbformat, written, built, tmp_path, monkeypatch):
    notebook = written["07_convolution"].copy()
    crashing = 'def pad(x, P, value=0):\n    x = x + 0\n    return x @ x[:0]\n\nlesson.check("pad")'
    bar = 'from minicap.terminal import progress_bar\nlist(progress_bar(range(3), desc="images"))'
    cells = [crashing, crashing.replace("x @ x[:0]", "x").replace("x = x + 0", "x += 1"),
             'lesson.check("conv2d_loops")', bar, "print(minicap.__file__)"]
    notebook.cells = [notebook.cells[1], *map(nbformat.v4.new_code_cell, cells)]
    _, crash, changed, missing, progress, file = execute(notebook, tmp_path, built, monkeypatch)
    assert "(line 3 of your cell: `return x @ x[:0]`)" in flat(crash)
    assert "it changed its input x in place" in flat(changed)
    assert "there is no output_size in this notebook: run the cell with its `def`, then this one" in flat(missing)
    assert re.search(r"\rimages: 100%\|.*\| 3/3 ", progress)
    assert file.startswith(str(built))


def test_flickr8k_start_to_end_on_the_built_in_scenes(written, built, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "nothing"))
    notebook = written["flickr8k"].copy()
    for cell in notebook.cells:
        cell.source = cell.source.replace("SCENES = 3000 ", "SCENES = 300 ").replace("=200", "=40")
    said = "\n".join(execute(notebook, tmp_path, built, monkeypatch))
    assert "DRAWN SCENES, not photographs: ShapesDataset(train=300, dev=40, test=40" in said
    assert f"why: {tmp_path / 'nothing'} is not a folder; it should hold Flickr8k" in said
    assert said.count("image/png") == 3  # pictures with captions of people, with the model's, and with attention
    losses = [float(loss) for loss in re.findall(r"cross-entropy ([\d.]+) per word", said)]
    assert len(losses) == 8 and losses[-1] < losses[0] / 2
    rows = re.findall(r"^(\w.+?)  +BLEU.+CIDEr +([\d.]+)$", said, re.MULTILINE)
    cider = {title: float(score) for title, score in rows}
    (test,) = (score for title, score in cider.items() if title.startswith("TEST, beam"))
    assert test > 2 * cider["test, each caption one picture on"]  # it looks at the pictures
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------- notebooks made before that

def test_the_check_of_an_older_notebook_looks_at_what_is_defined_there(capsys):
    assert check_here("how_this_works", {"numbers_in": lambda H, W, C: H * W * C})
    assert "0.1 numbers_in" in capsys.readouterr().out
    assert not check_here("how_this_works", {"numbers_in": lambda H, W, C: H * W})
    assert "Each pixel holds C numbers" in flat(capsys.readouterr().out)


def test_an_older_notebook_that_names_a_number_gets_the_lesson_it_was_made_of(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    go_to(22)
    assert Path.cwd().name == "23_attention"
    assert not check_here(22, {})
    assert "there is no attention_forward in this notebook" in flat(capsys.readouterr().out)
    with pytest.raises(UserError, match="this version of minicap has no lesson 99"):
        go_to(99)


def test_a_lesson_in_a_notebook_names_its_exercises(capsys):
    from minicap.learn.notebook import NotebookLesson

    lesson = NotebookLesson("convolution")
    assert repr(lesson) == "NotebookLesson(convolution: output_size, pad, conv2d_loops)"
    with pytest.raises(UserError, match=r"there is no exercise 'padd' in lesson 07 .*; there are output_size, pad"):
        lesson.check("padd")
    for level in ("idea", "shapes", "skeleton", "skeleton"):
        lesson.hint("pad")
        assert f": {level}\n" in capsys.readouterr().out
    lesson.solution()
    assert capsys.readouterr().out == the_lesson(LESSONS, 7).solution.read_text(encoding="utf-8")
