"""Mistakes to be planted in the solution of a lesson, read from tests/lessons/mistakes/NN_topic.txt.

Such a file names an exercise and its function; below that, at the margin, what the checker has to call a mistake
("None": it shows what is wrong, and knows no name for it); below that, indented, what becomes of the solution:

    == 3.2 linear_backward
    dW transposed
        x.T @ dy -> dy.T @ x
    db is a mean over the batch
        dy.sum(axis=0) -> dy.mean(axis=0)
        dy.sum(axis=0) -> dy.sum(axis=0) / len(dy)
    dx and dW changed places
        dy @ W.T -> x.T @ dy
        & x.T @ dy -> dy @ W.T
    an input is changed in place
        x, W = cache ->
            x, W = cache
            dy *= 2
    sign
        x, W = cache
        return -dy @ W.T, -x.T @ dy, -dy.sum(axis=0)

``right -> wrong``     A mistake: ``right`` becomes ``wrong``. It has to stand exactly once in the function, or, where
                       the function has none, in the solution around it (in a helper, a constant, an import).
``& right -> wrong``   The mistake above shows here as well.
``right ->``           Nothing takes its place, or the lines below that stand further to the right.
anything else          Too much is different to be said that way: this is the function's body, or, if a function of the
                       solution is defined in it, what is put behind the solution.

What stands between a heading and the first name is the function's body as somebody else may write it, right as well,
and the mistakes below are planted in that. A line that begins with # is a comment.
"""

import ast
import functools
import itertools
import re
import textwrap
from dataclasses import dataclass, field

HEADING = re.compile(r"== ([\d.]+) (\w+)")
REPLACEMENT = re.compile(r"(& )?(\S.*?) ->(?: (.+))?")


class MistakesError(ValueError):
    """A file of mistakes that cannot be read, or does not fit its solution; the message begins with file and line."""


@dataclass(frozen=True)
class Planted:
    """The solution with a mistake: of which exercise, what the checker has to call it, and where the mistake is told.

    The name is "" where no mistake is planted yet, but the function is written in another way.
    """

    number: str
    name: str
    where: str
    source: str = field(repr=False)


def read_mistakes(path, solution):
    """A :class:`Planted` for each mistake in the file; ``solution`` is the source they are planted in."""
    function = None
    for line, margin, below in paragraphs(path.read_text(encoding="utf-8")):
        where = f"{path.name}, line {line}"
        if margin.startswith("=="):
            number, function = heading(margin, solution, where)
            right = rewrite(solution, function, below, where) if below else solution
            if below:
                yield Planted(number, "", where, right)
        elif function is None or not below:
            raise MistakesError(f"{where}: {margin!r} has " + ("nothing below it" if function else "no heading above"))
        elif REPLACEMENT.fullmatch(below[0]):
            for where, changes in replacements(below, path.name, line + 1):
                yield Planted(number, margin, where, replace(right, function, changes))
        else:
            yield Planted(number, margin, where, rewrite(right, function, below, where))


def paragraphs(text):
    """(number of a line, what stands at its margin, the lines below that do not, without their indentation)."""
    found = []
    for n, line in enumerate(text.splitlines(), 1):
        if line.startswith(" ") or not line:
            if found:
                found[-1][2].append(line)
        elif not line.startswith("#"):
            found.append((n, line, []))
    for n, margin, below in found:
        yield n, margin, textwrap.dedent("\n".join(below)).rstrip().splitlines()


def heading(margin, solution, where):
    """("3.2", "linear_backward") of "== 3.2 linear_backward"."""
    found = HEADING.fullmatch(margin)
    if not found or found[2] not in functions(solution):
        raise MistakesError(f"{where}: {margin!r} is not ==, a number, and a function of the solution")
    return found.groups()


@functools.cache
def functions(source):
    """{name: its node} of the functions at the top of a source."""
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def replacements(lines, file, first):
    """(where, [(where, right, wrong, lines in place of wrong)]) of each mistake."""
    mistakes = []
    for n, line in enumerate(lines, first):
        where, found = f"{file}, line {n}", REPLACEMENT.fullmatch(line)
        if found:
            further, right, wrong = found.groups()
            if not further:
                mistakes.append((where, []))
            mistakes[-1][1].append((where, right, wrong, []))
        elif line.startswith(" ") and mistakes[-1][1][-1][2] is None:
            mistakes[-1][1][-1][3].append(line)
        elif line:
            raise MistakesError(f"{where}: {line!r} is not right -> wrong, as the lines above are")
    return mistakes


def replace(source, function, changes):
    """The source with every ``right`` replaced."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    node, places = functions(source)[function], []
    begin, end = starts[node.lineno - 1], starts[node.end_lineno]
    for where, right, wrong, lines in changes:
        inside, everywhere = source.count(right, begin, end), source.count(right)
        if inside > 1 or (inside == 0 and everywhere != 1):
            raise MistakesError(f"{where}: {right!r} has to stand once in {function}, or else once around it; it "
                                f"stands {inside} times in it and {everywhere - inside} times around it")
        at = source.index(right, begin if inside else 0)
        column = at - source.rfind("\n", 0, at) - 1
        wrong = wrong or textwrap.indent(textwrap.dedent("\n".join(lines)), " " * column).strip()
        places.append((at, at + len(right), wrong))
    places.sort()
    if any(end > at for (_, end, _), (at, _, _) in itertools.pairwise(places)):
        raise MistakesError(f"{changes[0][0]}: two places overlap")
    for at, end, wrong in reversed(places):
        source = source[:at] + wrong + source[end:]
    return source


def rewrite(source, function, code, where):
    """The source with another body in the function, or with functions behind it that take the place of its own."""
    try:
        defined = functions("\n".join(code))
    except SyntaxError as error:
        raise MistakesError(f"{where}: what stands below is neither right -> wrong nor Python: {error}") from error
    if functions(source).keys() & defined.keys():
        return "\n".join([source, "", *code, ""])
    node, lines = functions(source)[function], source.splitlines()
    lines[node.body[0].lineno - 1:node.end_lineno] = ["    " + line for line in code]
    return "\n".join(lines) + "\n"
