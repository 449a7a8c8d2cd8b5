"""What all programs share: options from a dataclass, and how a program ends.

Each program keeps its settings in one frozen dataclass. A field made by :func:`option` becomes a ``--flag``; the same
object is printed at start and saved with the result, so a run can be repeated from its own output.
"""

import argparse
import dataclasses
import os
import sys
import types
import typing

from .errors import UserError


def option(default, help, *, choices=None, metavar=None, positional=False, nargs=None):
    """A dataclass field that is also a command-line option. ``default=dataclasses.MISSING`` makes it required."""
    metadata = {"help": help, "choices": choices, "metavar": metavar, "positional": positional, "nargs": nargs}
    return dataclasses.field(default=default, metadata=metadata)


def parse_settings(settings_class, program, description, argv=None, *, package="minicap."):
    """Build an argument parser from ``settings_class`` (its options in definition order) and parse ``argv`` with it.

    Options that it inherits come after its own. The help calls the program ``python -m`` package + program.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}{program}", description=description)
    types_of = typing.get_type_hints(settings_class)
    fields = [field for field in dataclasses.fields(settings_class) if "help" in field.metadata]
    for field in sorted(fields, key=lambda field: field.name not in settings_class.__annotations__):
        parser.add_argument(*_names(field), **_argument(field, types_of[field.name]))
    values = vars(parser.parse_args(argv))
    return settings_class(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _names(field):
    return [field.name] if field.metadata["positional"] else ["--" + field.name.replace("_", "-")]


def _argument(field, kind):
    meta, required = field.metadata, field.default is dataclasses.MISSING
    keywords = {"help": meta["help"].replace("%", "%%")}
    if kind is bool:
        return keywords | {"action": "store_true"}
    if typing.get_origin(kind) in (typing.Union, types.UnionType):  # "str | None": an option that may be absent
        kind = next(t for t in typing.get_args(kind) if t is not type(None))
    if typing.get_origin(kind) is tuple:
        kind = typing.get_args(kind)[0]
        keywords["nargs"] = meta["nargs"] or "+"
    keywords |= {"type": kind}
    if meta["choices"]:
        keywords["choices"] = meta["choices"]
    elif meta["metavar"]:
        keywords["metavar"] = meta["metavar"]
    if meta["positional"]:
        return keywords
    if not required and field.default not in (None, ""):
        keywords["help"] += f" (default: {field.default})"
    return keywords | ({"required": True} if required else {"default": field.default})


def run_program(main, argv=None):
    """Run ``main(argv)`` and exit: 0 when it ends well, 2 with one sentence on a user's mistake, 130 on Ctrl-C."""
    try:
        code = main(argv)
        sys.stdout.flush()  # a closed pipe shows here, and not when nobody can catch it any more
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt as interrupt:
        print(": ".join(["interrupted", *map(str, interrupt.args)]), file=sys.stderr)
        code = 130
    except BrokenPipeError:  # `... | head` closed our output
        code = 1
    except OSError as error:  # not of our making: a file without permission, a full disk under `> FILE`
        print(f"error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""), file=sys.stderr)
        code = 2
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit, which would fail again
    sys.exit(code or 0)
