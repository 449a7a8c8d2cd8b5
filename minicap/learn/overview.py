"""python -m minicap.learn.overview: write lessons/README.md, all lessons on one page, from the lessons themselves."""

from pathlib import Path

from ..files import write_text
from .lessons import find_lessons

HEAD = """# The lessons

From an array to a captioner whose convolution and LSTM are your own code: {count} lessons, about {hours:.0f} hours.
A laptop will do: no GPU, no account, no network. Each lesson is one idea; it can be read by itself, and none needs the
code you wrote in another.

```sh
python -m minicap.learn init my-lessons        # copies the lessons into a folder of your own
cd my-lessons
python -m minicap.learn next                   # where to begin
python -m minicap.learn watch                  # checks whenever you save
```

In the end `python -m minicap.learn train --mine 09,19` trains the library's captioner with your convolution and your
LSTM in place of its own. `python -m minicap.learn notebook 7` makes a Jupyter notebook of a lesson.

| | lesson | minutes | builds on |
|---|---|---|---|
"""
GRAPH = """
## What builds on what

An arrow says: the second one is easier when you know the first. Lessons without an arrow into them can be read at once.

```mermaid
flowchart LR
"""


def page(lessons):
    """The text of lessons/README.md."""
    rows = "".join(f"| {lesson.number} | [{lesson.title}]({lesson.path.name}/README.md) | {lesson.facts['minutes']} | "
                   f"{', '.join(lesson.facts['needs'])} |\n" for lesson in lessons)
    nodes = "".join(f'    L{lesson.number}["{lesson.number} {short(lesson.title)}"]\n' for lesson in lessons)
    arrows = "".join(f"    L{number} --> L{lesson.number}\n" for lesson in lessons
                     for number in direct(lesson, lessons))
    hours = sum(lesson.facts["minutes"] for lesson in lessons) / 60
    return HEAD.format(count=len(lessons), hours=hours) + rows + GRAPH + nodes + arrows + "```\n"


def short(title):
    """The title up to its first comma or colon, without characters that have a meaning in a graph."""
    return title.split(",")[0].split(":")[0].replace("`", "").replace('"', "")


def direct(lesson, lessons):
    """The lessons that a lesson needs, without those that another one of them already needs."""
    needs = {other.number: set(other.facts["needs"]) for other in lessons}

    def all_before(number):
        return needs[number].union(*map(all_before, needs[number]))

    return [number for number in lesson.facts["needs"]
            if not any(number in all_before(other) for other in lesson.facts["needs"])]


def main():
    folder = Path(__file__).resolve().parents[2] / "lessons"
    write_text(folder / "README.md", page(find_lessons(folder)))


if __name__ == "__main__":
    main()
