"""Text on a terminal, with symbols and colours where it supports them, and plain ASCII where it does not."""

import os
import re
import sys
import textwrap

from ..started import as_typed
from ..terminal import can_show, drawn, escape_what_is_lacking, shown

COLOURS = {"right": "32", "wrong": "31", "quiet": "2", "strong": "1"}
COLOUR = re.compile("(\x1b\\[[0-9;]*m)")
MARKS = {"right": ("✓", "ok"), "wrong": ("✗", "no"), "open": ("·", "-")}


class Console:
    """Prints to ``stream``; a Windows console with an old code page gets characters that it can show."""

    def __init__(self, stream=None):
        self.stream = drawn(stream or sys.stdout)
        self.plain = not can_show("✓✗·", self.stream)
        self.coloured = (not self.plain and self.stream.isatty() and "NO_COLOR" not in os.environ
                         and os.environ.get("TERM") != "dumb")
        escape_what_is_lacking(self.stream)

    def paint(self, text, colour):
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.coloured else text

    def mark(self, kind):
        mark = MARKS[kind][self.plain]
        return self.paint(mark, kind) if kind in COLOURS else mark

    def say(self, text=""):
        parts = COLOUR.split(as_typed(text))  # every other one is a colour
        parts[::2] = [shown(part, None, keep="\n\t") for part in parts[::2]]
        print("".join(parts), file=self.stream, flush=True)

    def wrapped(self, text, indent="    ", width=88):
        """Print a paragraph with line breaks; lines that end in a line break are wrapped separately."""
        for line in as_typed(text).strip("\n").splitlines():
            for part in textwrap.wrap(line, width, break_long_words=False) or [""]:
                self.say(indent + part)
