"""What all programs have in common: options from a dataclass, and exit codes.

Each program declares its settings in one frozen dataclass. A field made by :func:`option` becomes a ``--flag``. The
same object is printed at the start and saved with the result, so a run can be repeated from its own output.
"""

import argparse
import dataclasses
import os
import sys
import types
import typing

from .errors import OPTIONS, UserError, warn, with_flags


def option(default, help, *, choices=None, metavar=None, positional=False, nargs=None, group=None, formerly=None,
           least=None, above=None, below=None, **facts):
    """A dataclass field that is also a command-line option. ``default=dataclasses.MISSING`` makes it required.

    group               heading under which ``--help`` lists it
    formerly            an earlier name of the option, which still works but is not listed
    least, above, below the smallest value allowed, and two exclusive bounds; see check_bounds
    facts               anything else that the program needs to know about the option, stored in the field's metadata
    """
    metadata = {"help": help, "choices": choices, "metavar": metavar, "positional": positional, "nargs": nargs,
                "group": group, "formerly": formerly, "least": least, "above": above, "below": below}
    return dataclasses.field(default=default, metadata=metadata | facts)


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line, not after the usage of thirty options, and takes no prefixes.

    Prefixes would be ambiguous next to former names: --no-rep next to --no-repeat and --no-repeat-ngram-size.
    """

    def __init__(self, **keywords):
        super().__init__(allow_abbrev=False, **keywords)

    def error(self, message):
        self.exit(2, f"error: {message}; {self.prog} --help lists the options\n")


def parse_settings(settings_class, program, description, argv=None, *, package="minicap."):
    """Build an argument parser from ``settings_class``, with its options in order of definition, and parse ``argv``.

    Inherited options come after its own. Messages call them by their flags from now on, see errors.with_flags. The help
    calls the program ``python -m`` package + program.
    """
    parser = Parser(prog=f"python -m {package}{program}", description=description)
    types_of = typing.get_type_hints(settings_class)
    fields = [field for field in dataclasses.fields(settings_class) if "help" in field.metadata]
    groups = {None: parser}
    for field in sorted(fields, key=lambda field: field.name not in settings_class.__annotations__):
        heading = field.metadata["group"]
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        keywords = _argument(field, types_of[field.name])
        groups[heading].add_argument(field.name if field.metadata["positional"] else flag(field.name), **keywords)
        if field.metadata["formerly"]:
            parser.add_argument(flag(field.metadata["formerly"]), dest=field.name,
                                **keywords | {"help": argparse.SUPPRESS, "default": argparse.SUPPRESS})
    OPTIONS.clear()
    OPTIONS.update({field.name: field.name if field.metadata["positional"] else flag(field.name) for field in fields})
    values = vars(parser.parse_args(argv))
    settings = settings_class(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
    check_bounds(settings)
    return settings


def flag(name):
    """batch_size -> --batch-size"""
    return "--" + name.replace("_", "-")


def check_bounds(settings):
    """UserError for a value that is none of the choices of its option, or a number outside its bounds.

    None, which stands for a default, is never refused.
    """
    for field in dataclasses.fields(settings):
        value, bounds = getattr(settings, field.name), field.metadata
        if value is None or "help" not in bounds:
            continue
        if bounds["choices"] and value not in bounds["choices"]:
            raise UserError(f"{field.name}= has to be one of {', '.join(map(str, bounds['choices']))}, not {value!r}")
        least, above, below = bounds["least"], bounds["above"], bounds["below"]
        wanted = [f"{words} {bound:g}" for words, bound in (("at least", least), ("above", above), ("below", below))
                  if bound is not None]
        if not ((least is None or value >= least) and (above is None or value > above)
                and (below is None or value < below)):
            raise UserError(f"{field.name}= has to be {' and '.join(wanted)}, not {value:g}")


def warn_of_no_effect(settings, names, where):
    """A warning of all options among ``names`` that were given, that is, that do not have their defaults.

    ``where`` completes "--mirror has no effect".
    """
    given = [f"{field.name}=" for field in dataclasses.fields(settings)
             if field.name in names and getattr(settings, field.name) != field.default]
    if given:
        warn(f"{', '.join(given)} {'has' if len(given) == 1 else 'have'} no effect {where}")


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
    """Run ``main(argv)`` and exit: 0 on success, 2 with a one-line message on a user's mistake, 130 on Ctrl-C."""
    OPTIONS.clear()
    if hasattr(sys.stdout, "reconfigure"):  # a file name that is not UTF-8 is printed as JSON has it, "caf\\udce9.jpg"
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = main(argv)
        sys.stdout.flush()  # so that a closed pipe raises here, and not at exit, where it cannot be caught
    except UserError as error:
        print(f"error: {with_flags(str(error))}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt as interrupt:
        print(": ".join(["interrupted", *map(str, interrupt.args)]), file=sys.stderr)
        code = 130
    except BrokenPipeError:  # `... | head` closed our output
        code = 1
    except MemoryError as error:
        print(f"error: not enough memory: {str(error) or 'none is left'}; close other programs, or take less at a time "
              "(smaller batches, models or pictures)", file=sys.stderr)
        code = 2
    except OSError as error:  # from the system: a file without permission, a full disk under `> FILE`
        print(f"error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""), file=sys.stderr)
        code = 2
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail again
    sys.exit(code or 0)
