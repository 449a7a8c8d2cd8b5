"""Messages to the user: the exception for mistakes that are theirs to correct, and warnings."""

import sys


class UserError(ValueError):
    """Something outside the code is wrong: a file, an option, a device.

    The message is one clear sentence: what is wrong, where, and what to do about it. Programs print it on stderr
    and exit with code 2 (see :mod:`minicap.cli`); in a notebook it is an ordinary ``ValueError``. Arguments are written
    as in Python, ``weights=`` or ``layer='pool5'``; programs print ``--weights`` and ``--layer pool5``.
    """


def warn(sentence):
    """Print ``sentence`` on stderr as a warning: something is unusual, but the program continues."""
    print(f"warning: {sentence}", file=sys.stderr)
