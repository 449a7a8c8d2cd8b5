"""How a program of minicap was started, which decides how it names itself and the others in what it prints.

    minicap train               the command that pip installs
    python -m minicap train     the same
    python -m minicap.train     the program alone
"""

import os
import sys

ALONE = "python -m minicap."
_HERE = os.path.dirname(__file__)


def is_program():
    """Whether this is a program of minicap; while Python looks for the module of -m, argv[0] is "-m"."""
    if sys.argv[:1] == ["-m"]:
        words = getattr(sys, "orig_argv", ["minicap"])  # which a Python that is too old does not have
        return any(word.partition(".")[0] == "minicap" for word in words)
    return _is_command()


def typed(program=""):
    """What to type for a program of minicap, as this one was started: "minicap train", or "python -m minicap.train"."""
    if _is_command():
        return ("minicap " + program).strip()
    if sys.argv[:1] == [os.path.join(_HERE, "__main__.py")]:
        return ("python -m minicap " + program).strip()
    return ALONE + program if program else "python -m minicap"


def as_typed(sentence):
    """``sentence`` with :func:`typed` for every program in it, which it names as python -m minicap.train."""
    import re  # here, as this file is the first to be imported, and Ctrl-C cannot be caught yet

    return re.sub(re.escape(ALONE) + r"(\w+)(?!\.?\w)", lambda match: typed(match[1]), sentence)


def _is_command():
    return os.path.basename(sys.argv[0] if sys.argv else "") in ("minicap", "minicap.exe")
