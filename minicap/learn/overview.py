"""python -m minicap.learn.overview: write the page of all lessons, lessons/README.md and graph.svg, from the lessons.

Graphviz draws the graph (its program ``dot``).
"""

import ast
import re
import subprocess
import textwrap
from pathlib import Path

from ..cli import run_program
from ..errors import UserError
from ..files import write_text
from .lessons import find_lessons
from .readme import FENCE

WORDS, LINES = 100, 4                 # of text and of code, read in a minute
FORMULA, EXERCISE, WRITTEN = 2, 4, 1  # minutes for a formula on a line of its own, an exercise, a line of its solution
HEAD = """# The lessons

From an array to a captioner whose convolution and LSTM are your own code: {count} lessons, about {hours:.0f} hours.
A laptop will do: no GPU, no account, no network. Each lesson is one idea; it can be read by itself, and none needs the
code you wrote in another.

```sh
python -m minicap.learn init my-lessons
cd my-lessons
python -m minicap.learn next
python -m minicap.learn watch
```

`init` copies the lessons into a folder of your own, `next` says where to begin, and `watch` checks whenever you save.

In the end `python -m minicap.learn train --mine 09,19` trains the library's captioner with your convolution and your
LSTM in place of its own. `python -m minicap.learn notebook 7` makes a notebook of a lesson, for Jupyter, Colab or
Kaggle, and `notebook flickr8k` one that goes from photographs to captions and scores, start to end.

The minutes are estimates; no learner has been timed. They are computed from each lesson: {WORDS} words or {LINES} lines
of code a minute, {FORMULA} minutes for a formula, {EXERCISE} for an exercise and {WRITTEN} more for each line of our
solution, rounded to 5 minutes. The time that training takes is not included.

| | lesson | minutes | builds on |
|---|---|---|---|
"""
COUNTED = {"WORDS": WORDS, "LINES": LINES, "FORMULA": FORMULA, "EXERCISE": EXERCISE,
           "WRITTEN": {1: "one"}.get(WRITTEN, WRITTEN)}
NOTEBOOK_ONLY = re.compile(r"<!--notebook.*?-->", re.DOTALL)
GRAPH = """
## What builds on what

An arrow says: the second one is easier when you know the first. Lessons without an arrow into them can be read at once.

![The lessons as boxes, with an arrow from each to those that build on it: the last column of the table](graph.svg)
"""
LOOK = """    bgcolor=transparent; ranksep=0.35; nodesep=0.12
    node [shape=box, style="rounded,filled", fillcolor="#eef5f4", color="#00796b", fontname="sans-serif", fontsize=12,
          margin="0.07,0.05", width=0.5, height=0.3]
    edge [color="#777777", arrowsize=0.6]
"""


def estimated_minutes(lesson):
    """How long a lesson takes, counted from its text and its solution as the page says, rounded to 5 minutes."""
    text = NOTEBOOK_ONLY.sub("", (lesson.path / "README.md").read_text(encoding="utf-8"))
    code = sum(fence[2].count("\n") for fence in FENCE.finditer(text) if fence[1] != "text")
    prose, formulas = FENCE.sub("", text), text.count("$$") // 2
    functions = [node for node in ast.parse(lesson.solution.read_text(encoding="utf-8")).body
                 if isinstance(node, ast.FunctionDef)]
    written = sum(function.end_lineno - function.body[0].lineno + 1 for function in functions)
    minutes = (len(prose.split()) / WORDS + code / LINES + formulas * FORMULA
               + len(lesson.facts["hints"]) * EXERCISE + written * WRITTEN)
    return 5 * round(minutes / 5)


def page(lessons):
    """The text of lessons/README.md."""
    rows = "".join(f"| {lesson.number} | [{lesson.title}]({lesson.path.name}/README.md) | {lesson.facts['minutes']} | "
                   f"{', '.join(lesson.facts['needs'])} |\n" for lesson in lessons)
    hours = sum(lesson.facts["minutes"] for lesson in lessons) / 60
    return HEAD.format(count=len(lessons), hours=hours, **COUNTED) + rows + GRAPH


def graph(lessons):
    """What builds on what, in the language of Graphviz; each box leads to its lesson."""
    boxes = "".join(f'    L{lesson.number} [label="{label(lesson)}", URL="{lesson.path.name}/README.md"]\n'
                    for lesson in lessons)
    arrows = "".join(f"    L{number} -> L{lesson.number}\n" for lesson in lessons
                     for number in direct(lesson, lessons))
    return f"digraph lessons {{\n{LOOK}{boxes}{arrows}}}\n"


def label(lesson):
    """The number and the whole title, in lines short enough for five boxes side by side."""
    title = lesson.title.replace("`", "").replace('"', r"\"")
    return r"\n".join(textwrap.wrap(f"{lesson.number}\N{NO-BREAK SPACE}{title}", 16, break_on_hyphens=False,
                                    break_long_words=False))


def draw(source):
    """The SVG that Graphviz makes of a graph, without its comments, which name the version."""
    try:
        drawn = subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True, text=True, encoding="utf-8",
                               check=True).stdout
    except FileNotFoundError as error:
        raise UserError("the graph of the lessons is drawn by Graphviz; install it (its program is dot)") from error
    return re.sub(r"<!--.*?-->\n*", "", drawn, flags=re.DOTALL)


def direct(lesson, lessons):
    """The lessons that a lesson needs, without those that another one of them already needs."""
    needs = {other.number: set(other.facts["needs"]) for other in lessons}

    def all_before(number):
        return needs[number].union(*map(all_before, needs[number]))

    return [number for number in lesson.facts["needs"]
            if not any(number in all_before(other) for other in lesson.facts["needs"])]


def main(argv=None):
    folder = Path(__file__).resolve().parents[2] / "lessons"
    lessons = find_lessons(folder)
    write_text(folder / "README.md", page(lessons))
    write_text(folder / "graph.svg", draw(graph(lessons)))


if __name__ == "__main__":
    run_program(main)
