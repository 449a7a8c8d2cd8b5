"""A lesson as a Jupyter notebook: its text, its code in cells, the functions to write, and the check at the end."""

import ast
import os
import sys
import types
from pathlib import Path

from ..errors import UserError
from ..files import write_text
from .console import Console
from .lessons import ONCE_NUMBERED, shipped_lesson
from .readme import FENCE

GO = """from minicap.learn.notebook import check_here, go_to

go_to("{topic}")  # where the lesson's files are"""
CHECK = 'check_here("{topic}", globals());'


def write(console, lesson, out=None):
    """Write the notebook of a lesson; UserError where nbformat is missing."""
    try:
        import nbformat
    except ImportError as error:
        raise UserError("notebooks need the package nbformat: `pip install 'minicap[notebooks]'`") from error
    out = Path(out or f"{lesson.path.name}.ipynb")
    if out.exists():
        raise UserError(f"{out} already exists, perhaps with your work in it; name another file with --out")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {
        "name": "python3", "display_name": "Python 3", "language": "python"}})
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    notebook.cells = [make[kind](source) for kind, source in cells(lesson)]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # not random, so that the same lesson gives the same file
    write_text(out, nbformat.writes(notebook) + "\n")
    console.say(f"{out}: open it with `jupyter lab`; write your functions above its last cell, which checks them")


def cells(lesson):
    """Pairs ("markdown" or "code", source) of a lesson, without the output of code, which the notebook prints again."""
    text = (lesson.path / "README.md").read_text(encoding="utf-8")
    end, code_before = 0, False
    for position, fence in enumerate(FENCE.finditer(text)):
        between = text[end:fence.start()].strip("\n")
        if between.strip():
            yield "markdown", between
        if position == 0:
            yield "code", GO.format(topic=lesson.topic)
        if fence[1] == "python":
            yield "code", fence[2].rstrip("\n")
        elif not (fence[1] == "text" and code_before and not between.strip()):
            yield "markdown", fence[0]
        code_before, end = fence[1] == "python", fence.end()
    if text[end:].strip():
        yield "markdown", text[end:].strip("\n")
    yield "markdown", "## Your functions\n\nWrite them here, run their cells, then run the last one."
    yield from (("code", source) for source in parts(lesson.exercise.read_text(encoding="utf-8")))
    yield "code", CHECK.format(topic=lesson.topic)


def parts(source):
    """The source of a file in pieces: everything outside functions and classes, then each of these."""
    lines, pieces, top = source.splitlines(), [], []
    for node in ast.parse(source).body[1:]:  # the first is the docstring
        piece = "\n".join(lines[node.lineno - 1:node.end_lineno])
        (pieces if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else top).append(piece)
    return ["\n".join(top)] * bool(top) + pieces


def go_to(topic):
    """Change to the folder of a lesson, in which the code of its text runs."""
    os.chdir(named(topic).path)


def named(topic):
    """The lesson that a notebook names: by its topic or, in older notebooks, by the number that it had then."""
    return shipped_lesson(dict(enumerate(ONCE_NUMBERED)).get(topic, topic))


def check_here(topic, names):
    """Check the functions of a notebook, given its global ``names``; True if all are correct."""
    from .checker import check
    from .commands import explain
    from .exercises import CheckError

    lesson, console = named(topic), Console(sys.stdout)
    module = types.SimpleNamespace(**names)
    for exercise in lesson.exercises():
        try:
            check(exercise, module)
        except CheckError as error:
            explain(console, lesson, error)
            return False
        console.say(f"{console.mark('right')} {exercise.number} {exercise.name}")
    return True
