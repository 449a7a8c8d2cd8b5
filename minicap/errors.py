"""Messages to the user: the exception for mistakes that are theirs to correct, and warnings."""

import re
import sys

from .started import as_typed
from .terminal import shown

OPTIONS = {}  # {name of an argument: what the running program calls it}, filled by cli.parse_settings


class UserError(ValueError):
    """Something outside the code is wrong: a file, an option, a device.

    The message is one clear sentence: what is wrong, where, and what to do about it. Programs print it on stderr
    and exit with code 2 (see :mod:`minicap.cli`); in a notebook it is an ordinary ``ValueError``. Arguments are written
    as in Python, ``weights=`` or ``layer='pool5'``; programs that have these options print ``--weights`` and
    ``--layer pool5``, and other programs as this one was started (see :func:`with_flags`).
    """


def warn(sentence):
    """Print ``sentence`` on stderr as a warning: something is unusual, but the program continues."""
    print(warning(sentence), file=sys.stderr)


def warning(sentence):
    """The line that :func:`warn` prints, for those who have to print it above a progress bar."""
    return shown(f"warning: {with_flags(sentence)}", None)


def error_line(error):
    """The line that programs print about a :class:`UserError`."""
    return shown(f"error: {with_flags(str(error))}", None)


def with_flags(sentence):
    """A message of the library, which names arguments as in Python, reworded for the command line.

    "use layer='pool5', or name another file with weights=" -> "use --layer pool5, or name another file with --weights"

    Only options of the running program are reworded; without a program, the sentence remains as it is. Programs, which
    the library names as `python -m minicap.train`, are named :func:`.as_typed`.
    """
    def reworded(match):
        name, value = match.groups()
        return OPTIONS[name] + (f" {value}" if value else "") if name in OPTIONS else match[0]

    # Not part of a path or an address before it, and behind it a space or the end, perhaps after punctuation.
    return re.sub(r"(?<![\w/.?&-])([a-z][a-z0-9_]*)=(?:'([^']*)')?(?=[,;.:)]*(?:\s|$))", reworded,
                  as_typed(sentence))
