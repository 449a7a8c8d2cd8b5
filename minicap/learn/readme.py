"""The code in a lesson's text, and the output that the text shows.

Every ```python block of a README is run, in order and in one namespace; a ```text block right after it is its output.
Where the text quotes a timing, the number is between <!--measured:name--> and <!--/-->.
"""

import contextlib
import io
import os
import re
from dataclasses import dataclass

FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```[ ]*$", re.DOTALL | re.MULTILINE)
MEASURED = re.compile(r"<!--measured:(\w+)-->(.*?)<!--/-->")


@dataclass(frozen=True)
class Block:
    """A ```python block: its code, the output that the text shows ("" if there is none), and its line."""

    code: str
    expected: str
    line: int


def blocks(text):
    found = list(FENCE.finditer(text))
    result = []
    for fence, following in zip(found, [*found[1:], None], strict=True):
        if fence[1] != "python":
            continue
        answers = following is not None and following[1] == "text" and not text[fence.end():following.start()].strip()
        result.append(Block(fence[2], following[2] if answers else "", text.count("\n", 0, fence.start()) + 2))
    return result


def run(blocks, folder, names=None):
    """The output of each block, run one after the other in ``folder``; exceptions are not caught."""
    names, printed, before = {} if names is None else names, [], os.getcwd()
    names.setdefault("__name__", "lesson")
    os.chdir(folder)
    try:
        for block in blocks:
            out = io.StringIO()
            code = compile("\n" * (block.line - 1) + block.code, str(folder / "README.md"), "exec")
            with contextlib.redirect_stdout(out):
                exec(code, names)
            printed.append(out.getvalue())
    finally:
        os.chdir(before)
    return printed


def fill_in(text, values):
    """The text with the measured values filled in."""
    return MEASURED.sub(lambda match: f"<!--measured:{match[1]}-->{values.get(match[1], match[2])}<!--/-->", text)


def measured(text):
    """[(name, value in the text), ...]"""
    return MEASURED.findall(text)
