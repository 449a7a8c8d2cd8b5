"""A lesson as a notebook: the same text and code, and it runs."""

import json
from pathlib import Path

import pytest

from minicap.errors import UserError
from minicap.learn.__main__ import main
from minicap.learn.lessons import find_lessons, the_lesson
from minicap.learn.notebook import cells, check_here, go_to

ROOT = Path(__file__).resolve().parents[2]
LESSONS = find_lessons(ROOT / "lessons")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.name)
def test_every_lesson_is_text_and_code_in_turns_with_the_check_at_the_end(lesson):
    pieces = list(cells(lesson))
    kinds = [kind for kind, _ in pieces]
    assert kinds[0] == "markdown" and kinds[-1] == "code" and "check_here" in pieces[-1][1]
    code = "\n".join(source for kind, source in pieces if kind == "code")
    assert all(f"def {exercise.name}(" in code for exercise in lesson.exercises())
    text = "\n".join(source for kind, source in pieces if kind == "markdown")
    assert "```python" not in text and text.startswith(f"# {int(lesson.number)}.")


def test_the_check_of_a_notebook_looks_at_what_is_defined_there(capsys):
    assert check_here("how_this_works", {"numbers_in": lambda H, W, C: H * W * C})
    assert "0.1 numbers_in" in capsys.readouterr().out
    assert not check_here("how_this_works", {"numbers_in": lambda H, W, C: H * W})
    assert "Each pixel holds C numbers" in " ".join(capsys.readouterr().out.split())


def test_an_older_notebook_that_names_a_number_gets_the_lesson_it_was_made_of(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    go_to(22)
    assert Path.cwd().name == "23_attention"
    assert not check_here(22, {})
    assert "there is no attention_forward in your file" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UserError, match="this version of minicap has no lesson 99"):
        go_to(99)


@pytest.mark.parametrize("number", [3, 14])  # 14 reads a file of its folder
def test_a_notebook_runs_from_the_first_cell_to_the_last(number, tmp_path, monkeypatch, capsys):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.chdir(ROOT)
    path = tmp_path / "lesson.ipynb"
    assert main(["notebook", str(number), "--out", str(path)]) == 0
    with pytest.raises(UserError, match="already exists, perhaps with your work in it"):
        main(["notebook", str(number), "--out", str(path)])
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    solution = the_lesson(LESSONS, number).solution.read_text()
    last = notebook.cells[-1]
    notebook.cells.insert(-1, nbformat.v4.new_code_cell(solution))
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3",
                            resources={"metadata": {"path": str(tmp_path)}}).execute()
    out = "".join(output.get("text", "") for output in last.outputs)
    assert out.count("\u2713") == len(the_lesson(LESSONS, number).exercises()), json.dumps(last.outputs)
