"""Notebooks, made of the Markdown of a lesson, or of a text with code such as lessons/flickr8k.md.

The README of a lesson is its page on the site, too. A notebook has no files beside it, so in it

    ```python    is a cell of code, without the ```text behind it, which the cell prints when it is run
    ```sh        with the command that checks the lesson stands for the exercises: a cell each, with its check
    pictures     are part of the text, as PNG in data: addresses: Colab shows neither attachments nor SVG
    links        to other pages lead to the project's repository; where its address is not known they are plain text

What is between <!--folder--> and <!--/folder--> is left out, and what is in <!--notebook ... --> is only there.
"""

import ast
import base64
import importlib.util
import itertools
import posixpath
import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from ..errors import UserError
from ..files import decode_text, existing_file, write_text
from .lessons import BrokenFileError, find_lessons, shipped_lessons, the_lesson
from .progress import Progress, find_folder
from .readme import FENCE

TEXTS = ("flickr8k",)  # what else there are notebooks of, beside the lessons
PACKAGES = ("nbformat", "resvg_py")  # of the extra `notebooks`
FOLDER_ONLY = re.compile(r"<!--folder-->.*?<!--/folder-->", re.DOTALL)
NOTEBOOK_ONLY = re.compile(r"<!--notebook(.*?)-->", re.DOTALL)
NOT_SHOWN = re.compile(r"<!--.*?-->|Open `exercise\.py`\.\s", re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"}}

INSTALL = """# Installs minicap where it is missing{how}.
try:
    import minicap
except ImportError:
    %pip install -q {what}"""
FROM_REPOSITORY = "", '"minicap @ git+{repository}"'
FROM_WHEEL = (""". It is on no public server: first put its wheel beside this notebook,
# the file minicap-*.whl that `pip wheel --no-deps .` makes in a clone of the project""", "minicap-*.whl")
LESSON = """
from minicap.learn.notebook import NotebookLesson

lesson = NotebookLesson("{topic}")"""
EXERCISES = """Write each function in its cell and run the cell, which checks it at once. `lesson.hint("{name}")` in a
cell of its own gives a hint, and the next one when you run it again."""
SOLUTION = " `lesson.solution()` shows our functions."  # in a course they may be left out


# --------------------------------------------------------------------------------------------------- from text to file

def write_notebooks(console, name=None, out=None):
    """Write the notebook of a lesson, by its number, or of one of TEXTS; with "all", every one there is.

    ``out`` names the file or, for all, their folder. Lessons are the learner's where this is a folder of lessons, by
    default the current one. UserError where a package is missing, or a notebook is there already.
    """
    if missing := [package for package in PACKAGES if importlib.util.find_spec(package) is None]:
        raise UserError(f"notebooks need the package {missing[0]}: `pip install 'minicap[notebooks]'`")
    chosen = sources(name)
    folder = Path(out or "notebooks") if name == "all" else Path()
    paths = [folder / f"{stem}.ipynb" if name == "all" or out is None else Path(out) for stem, *_ in chosen]
    if folder.is_file():
        raise UserError(f"{folder} is a file; name a folder with --out")
    for path in paths:
        if path.exists():
            raise UserError(f"{path} already exists, perhaps with your work in it; name another "
                            f"{'folder' if name == 'all' else 'file'} with --out")
    notebooks = [as_json(cells(markdown, lesson), path.name) for (_, markdown, lesson), path in
                 zip(chosen, paths, strict=True)]
    for path, notebook in zip(paths, notebooks, strict=True):
        write_text(path, notebook)
    console.say(f"{folder}: {len(paths)} notebooks; open them with `jupyter lab {folder}`" if name == "all" else
                f"{paths[0]}: open it with `jupyter lab {paths[0]}`")


def sources(name):
    """[(name of the notebook, the Markdown it is made of, its lesson or None)]"""
    texts = [(text, shipped_lessons() / f"{text}.md", None) for text in TEXTS if name in (text, "all")]
    if name in TEXTS:
        return texts
    try:
        folder = find_folder()
    except UserError:
        folder = shipped_lessons()
    lessons = [Progress(folder).current] if name is None else find_lessons(folder)
    if name not in (None, "all"):
        try:
            lessons = [the_lesson(lessons, name)]
        except UserError as error:
            raise UserError(f"{error}; or {', '.join(TEXTS)}, or all") from error
    return [(lesson.path.name, lesson.path / "README.md", lesson) for lesson in lessons] + texts


def as_json(cells, name):
    """The notebook with these cells, pairs (kind, source); the same for the same cells, its ids included."""
    from nbformat import v4, writes

    make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}
    made = [make[kind](source, id=f"cell-{number}") for number, (kind, source) in enumerate(cells)]
    return writes(v4.new_notebook(cells=made, metadata=METADATA | {"colab": {"name": name, "provenance": []}})) + "\n"


# -------------------------------------------------------------------------------------------------- from text to cells

def cells(markdown, lesson=None):
    """The cells of a file with Markdown, pairs ("markdown" or "code", source); the first of code installs minicap."""
    text = decode_text(existing_file(markdown, "the text of the notebook,").read_bytes())
    text = NOT_SHOWN.sub("", NOTEBOOK_ONLY.sub(lambda only: only[1].strip(), FOLDER_ONLY.sub("", text)))
    place, found = "lessons" if lesson is None else f"lessons/{lesson.path.name}", []  # in the project
    for kind, pieces in itertools.groupby(pieces_of(text, markdown.parent, place, lesson), key=lambda piece: piece[0]):
        sources = [source for _, source in pieces]
        if kind == "markdown":  # a cell for each section
            prose = re.sub(r"\n{3,}", "\n\n", "\n\n".join(sources))
            sources = [section.strip() for section in re.split(r"^(?=## )", prose, flags=re.MULTILINE)]
        found += [(kind, source) for source in sources if source]
    (_, title), *others = found
    how, what = FROM_WHEEL if repository() is None else FROM_REPOSITORY
    install = INSTALL.format(how=how, what=what.format(repository=repository()))
    if lesson is not None:
        title += (f"\n\n*This is a lesson of minicap as a notebook; the files that it names are in "
                  f"{linked(f'`{place}`', place)}.*")
        install += LESSON.format(topic=lesson.topic)
    return [("markdown", title), ("code", install), *others]


def pieces_of(text, folder, place, lesson):
    """The same pairs, in smaller pieces. Pictures are in ``folder``, which the project has as ``place``."""
    end, after_code = 0, False
    check = lesson and f"python -m minicap.learn check {int(lesson.number)}"
    for fence in FENCE.finditer(text):
        between = text[end:fence.start()].strip()
        yield "markdown", self_contained(between, folder, place)
        if fence[1] == "python":
            yield "code", fence[2].rstrip("\n")
        elif fence[2].strip() == check:
            yield from exercise_cells(lesson)
        elif not (fence[1] == "text" and after_code and not between):
            yield "markdown", fence[0]
        after_code, end = fence[1] == "python", fence.end()
    yield "markdown", self_contained(text[end:].strip(), folder, place)


def exercise_cells(lesson):
    """What exercise.py says at its top, its imports, and a cell for each function, which ends with its check."""
    source = decode_text(existing_file(lesson.exercise, "the exercise of the lesson,").read_bytes())
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise BrokenFileError(f"{lesson.exercise}, line {error.lineno}: Python cannot read this: {error.msg}; a "
                              "notebook is made of it once it can") from error
    names = [exercise.name for exercise in lesson.exercises()]
    _, _, about = (ast.get_docstring(tree) or "").partition("\n\n")
    yield "markdown", about
    yield "markdown", EXERCISES.format(name=names[0]) + SOLUTION * lesson.solution.exists()
    for name, code in parts(source, tree):
        yield "code", code + f'\n\n\nlesson.check("{name}")' * (name in names)


def parts(source, tree):
    """Pairs (name, source): of each function or class, with what stands above it, and of what is between, ("", ...)."""
    lines, begin, body = source.splitlines(), 0, tree.body
    if ast.get_docstring(tree) is not None:
        begin, body = body[0].end_lineno, body[1:]
    for name, nodes in itertools.groupby(body, key=lambda node: getattr(node, "name", "")):
        end = list(nodes)[-1].end_lineno
        yield name, "\n".join(lines[begin:end]).strip("\n")
        begin = end


# -------------------------------------------------------------------------------------------------- pictures and links

def self_contained(text, folder, place):
    """Markdown that needs no other file: with its pictures in it, and no relative link."""
    def changed(link):
        is_picture, label, target = link.groups()
        if "://" in target:
            return link[0]
        if is_picture:
            return f"![{label}]({data_address(folder / target)})"
        return linked(label, posixpath.normpath(f"{place}/{target}"))

    return LINK.sub(changed, text)


def data_address(path):
    """A picture, PNG or SVG, as the address of itself, PNG."""
    picture = existing_file(path, "the picture of the text,").read_bytes()
    if path.suffix == ".svg":
        from resvg_py import svg_to_bytes

        try:  # in our drawings letters are outlines, so that no fonts are needed; CSS has 96 pixels to an inch
            picture = svg_to_bytes(svg_string=decode_text(picture), dpi=96, skip_system_fonts=True)
        except ValueError as error:
            raise UserError(f"{path} cannot be drawn ({error}); take the file from another copy of the lessons") \
                from error
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def linked(label, path):
    """A link to a file or folder of the project's repository, or the label alone where its address is not known."""
    return label if repository() is None else f"[{label}]({repository()}/blob/HEAD/{path})"


def repository():
    """The address of the repository as the installed package states it, or None."""
    try:
        stated = metadata("minicap").get_all("Project-URL") or ()
    except PackageNotFoundError:
        return None
    addresses = {label.strip().lower(): url.strip() for label, url in (entry.split(",", 1) for entry in stated)}
    return next((addresses[label] for label in ("repository", "source", "source code") if label in addresses), None)
