"""What minicap tells its user in a plain sentence: the one exception that is their business, and warnings."""

import sys


class UserError(ValueError):
    """Something outside the code is wrong: a file, an option, a device.

    The message is one clear sentence: what is wrong, where, and what to do about it. Programs print it on stderr
    and exit with code 2 (see :mod:`minicap.cli`); in a notebook it is an ordinary ``ValueError``. An argument is named
    as in Python, ``weights=`` or ``layer='pool5'``; programs print ``--weights`` and ``--layer pool5``.
    """


def warn(sentence):
    """Print ``sentence`` on stderr as a warning: something is odd, and the work goes on."""
    print(f"warning: {sentence}", file=sys.stderr)
