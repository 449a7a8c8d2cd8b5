"""What all programs have in common: options from a dataclass, and exit codes.

Each program declares its settings in one frozen dataclass. A field made by :func:`option` becomes a ``--flag``. The
same object is printed at the start and saved with the result, so a run can be repeated from its own output.
"""

import argparse
import contextlib
import dataclasses
import math
import os
import sys
import time
import traceback
import types
import typing

from .errors import OPTIONS, UserError, error_line, warn
from .files import check_output
from .interrupt import INTERRUPTED, end, end_at_once, ends_at_once, raise_again
from .paths import same_path
from .started import typed
from .terminal import show_text_only, shown

# What MPI launchers tell the processes that they start: MPICH and its relatives, Open MPI, MVAPICH.
LAUNCHED = {"PMI_RANK": "PMI_SIZE", "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",
            "MV2_COMM_WORLD_RANK": "MV2_COMM_WORLD_SIZE"}
LARGEST = 2**53  # of whole numbers: up to here a float, or another program that reads them, has each of them


def option(default, help, *, choices=None, metavar=None, positional=False, nargs=None, group=None, formerly=None,
           least=None, above=None, below=None, writes=None, **facts):
    """A dataclass field that is also a command-line option. ``default=dataclasses.MISSING`` makes it required.

    group               heading under which ``--help`` lists it
    formerly            an earlier name of the option, which still works but is not listed
    least, above, below the smallest value allowed, and two exclusive bounds; see check_bounds
    writes              of an option that names a file to write: path -> whether a file there is one that the option has
                        written, for no other is overwritten; see check_outputs
    facts               anything else that the program needs to know about the option, stored in the field's metadata
    """
    metadata = {"help": help, "choices": choices, "metavar": metavar, "positional": positional, "nargs": nargs,
                "group": group, "formerly": formerly, "least": least, "above": above, "below": below,
                "writes": writes}
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

    Messages call the options by their flags from now on, see errors.with_flags. The help calls a program of another
    package than minicap ``python -m`` package + program.
    """
    name = typed(program) if package == "minicap." else f"python -m {package}{program}"
    parser = Parser(prog=name, description=description)
    fields = add_options(parser, settings_class)
    OPTIONS.clear()
    OPTIONS.update({field.name: field.name if field.metadata["positional"] else flag(field.name) for field in fields})
    values = vars(parser.parse_args(argv))
    settings = settings_class(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
    check_bounds(settings)
    check_outputs(settings)
    return settings


def add_options(parser, settings_class):
    """Give ``parser`` the options of ``settings_class``, required ones first, inherited ones last; returns its fields.
    """
    types_of = typing.get_type_hints(settings_class)
    fields = [field for field in dataclasses.fields(settings_class) if "help" in field.metadata]
    groups = {None: parser}
    for field in sorted(fields, key=lambda field: (field.default is not dataclasses.MISSING,
                                                   field.name not in settings_class.__annotations__)):
        heading = field.metadata["group"]
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        keywords = _argument(field, types_of[field.name])
        groups[heading].add_argument(field.name if field.metadata["positional"] else flag(field.name), **keywords)
        if field.metadata["formerly"]:
            parser.add_argument(flag(field.metadata["formerly"]), dest=field.name,
                                **keywords | {"help": argparse.SUPPRESS, "default": argparse.SUPPRESS})
    return fields


def flag(name):
    """batch_size -> --batch-size"""
    return "--" + name.replace("_", "-")


def check_bounds(settings):
    """UserError for a value that is none of the choices of its option, a number outside its bounds, or empty text.

    None, which stands for a default, is never refused.
    """
    for field in dataclasses.fields(settings):
        value, bounds = getattr(settings, field.name), field.metadata
        if value is None or "help" not in bounds:
            continue
        if bounds["choices"] and value not in bounds["choices"]:
            raise UserError(f"{field.name}= has to be one of {', '.join(map(str, bounds['choices']))}, not {value!r}")
        if value != field.default and (value == "" or (isinstance(value, tuple) and "" in value)):
            raise UserError(f"{field.name}= is empty; name something, or leave it out")
        if isinstance(value, int) and abs(value) > LARGEST:
            raise UserError(f"{field.name}= is out of all proportion; use a number below {LARGEST:,}")
        least, above, below = bounds["least"], bounds["above"], bounds["below"]
        wanted = [f"{words} {bound:,}" for words, bound in (("at least", least), ("above", above), ("below", below))
                  if bound is not None]
        if not ((least is None or value >= least) and (above is None or value > above)
                and (below is None or value < below)):
            raise UserError(f"{field.name}= has to be {' and '.join(wanted)}, not {value:g}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{field.name}= has to be a finite number, not {value:g}")


def check_outputs(settings):
    """UserError when a file to write is one that another option names, to read or to write, or may not be written."""
    fields = [field for field in dataclasses.fields(settings) if "help" in field.metadata]
    for field in fields:
        out = getattr(settings, field.name)
        if out is None or field.metadata["writes"] is None:
            continue
        for other in fields:
            named = getattr(settings, other.name)
            named = named if isinstance(named, tuple) else (named,)
            paths = [path for value in named if isinstance(value, str) for path in (value, *value.split(","))]
            if other is not field and not other.metadata["choices"] and any(same_path(path, out) for path in paths):
                raise UserError(f"{field.name}= {out} would replace the file of {other.name}=; name another file")
        check_output(out, field.name, field.metadata["writes"])


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
        return keywords if required else keywords | {"nargs": "?", "default": field.default}
    if not required and field.default not in (None, ""):
        keywords["help"] += f" (default: {field.default})"
    return keywords | ({"required": True} if required else {"default": field.default})


def launched():
    """(rank, size): which of how many processes this is, as an MPI launcher has told it; (0, 1) without one."""
    for rank, size in LAUNCHED.items():
        with contextlib.suppress(KeyError, ValueError):
            return int(os.environ[rank]), int(os.environ[size])
    return 0, 1


def run_program(main, argv=None, *, together=False):
    """Run ``main(argv)`` and exit: 0 on success, 2 with a one-line message on a user's mistake, 130 on Ctrl-C.

    ``together``: the program can be several processes (distributed.py). Rank 0 alone prints, and one that fails ends
    all of them.
    """
    rank, size = launched()
    if size > 1:
        main = _one_of_several(main, rank, size, together)
    OPTIONS.clear()
    show_text_only()
    at_once = ends_at_once()
    try:
        raise_again()
        code = _exit_code(main, argv)
    except KeyboardInterrupt:  # while an error was printed
        code = INTERRUPTED
    except Exception:
        if size == 1:
            raise
        traceback.print_exc()
        code = 1
    finally:
        if at_once:
            end_at_once()  # Python takes a while to clear up
    if code and (group := _group()):
        group.abort(code)  # the others would wait for this process
    if at_once and code == INTERRUPTED:
        end()  # and cannot, where a library was interrupted while it compiled
    sys.exit(code or 0)


def _group():
    """The processes that this one has joined (distributed.py), or None."""
    distributed = sys.modules.get("minicap.distributed")
    return distributed and distributed.joined()


def _one_of_several(main, rank, size, together):
    """``main`` for one of ``size`` processes, of which rank 0 alone prints."""
    def run(argv):
        with contextlib.ExitStack() as stack:
            if rank > 0:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
                stack.enter_context(contextlib.redirect_stderr(nowhere))
            try:
                if not together:
                    raise UserError(f"mpiexec has started {size} processes of a program that is a single one; leave "
                                    "out mpiexec")
                return main(argv)
            except (Exception, KeyboardInterrupt) as error:
                if rank > 0 and _group() is None:
                    raise SystemExit(2) from error  # rank 0 makes the same mistake, and says so
                time.sleep(0.5 * (rank > 0))  # rank 0, if it has failed as well, ends all of us meanwhile
                raise
    return run


def _exit_code(main, argv):
    lacking = None
    try:
        code = main(argv)
        sys.stdout.flush()  # so that a closed pipe raises here, and not at exit, where it cannot be caught
    except UserError as error:
        print(error_line(error), file=sys.stderr)
        code = 2
    except KeyboardInterrupt as interrupt:
        print(shown(": ".join(["interrupted", *map(str, interrupt.args)]), None), file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:  # `... | head` closed our output
        code = 1
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "can't start new thread" not in str(error):  # for lack of memory, too
            raise
        lacking, code = str(error) or "none is left", 2
    except OSError as error:  # from the system: a file without permission, a full disk under `> FILE`
        print(shown(f"error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""), None),
              file=sys.stderr)
        code = 2
    if lacking is not None:  # here, as the exception held on to everything that took the memory
        print(f"error: not enough memory: {lacking}; close other programs, or take less at a time (smaller batches, "
              "models or pictures)", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail again
    return code
