"""The command ``minicap``: all programs under one name, each imported only when it is asked for.

    minicap                             what there is
    minicap train --epochs 3            python -m minicap.train --epochs 3
    minicap --version
    minicap --print-completion bash     for the shell (bash, zsh, tcsh): completes programs, options and choices
"""

import difflib
import importlib
import sys

from . import __version__
from .cli import Parser, add_options, run_program
from .errors import UserError
from .started import typed

PROGRAMS = {
    "train": "Train an image captioner.",
    "extract": "Run VGG or EfficientNet-Lite over a data set and store a layer's outputs.",
    "caption": "Describe photographs.",
    "classify": "Classify photographs by ImageNet's classes.",
    "evaluate": "Caption a split of a data set and score it.",
    "score": "Score captions with BLEU, ROUGE-L and CIDEr.",
    "demo": "Try out captioners in the browser.",
    "export": "Export a trained captioner to a small folder.",
    "download": "Download Flickr8k, or VGG's ImageNet weights: resume interrupted downloads, verify, unpack.",
    "learn": "The lessons, checked as you write.",
    "doctor": "Check what is installed and what is missing.",
    "reproduce": "Run a recorded result again and compare.",
}
FOLDERS = ("demo", "download", "learn")  # programs of several files, which begin in __main__.py
TOGETHER = ("train", "extract")  # programs that can be several processes (distributed.py)
SHELLS = ("bash", "zsh", "tcsh")


def main():
    """Run the program that the command line names, or print what it asks of this one."""
    name, arguments = (sys.argv[1:2] or [None])[0], sys.argv[2:]
    if name in PROGRAMS:
        run_program(load(name).main, arguments, together=name in TOGETHER)
    run_program(without_program, sys.argv[1:])


def load(name):
    """The module in which a program begins."""
    return importlib.import_module(f".{name}.__main__" if name in FOLDERS else f".{name}", __package__)


def without_program(argv):
    name, arguments = (argv[:1] or ["--help"])[0], argv[1:]
    if name in ("--version", "-V") and not arguments:
        print(f"minicap {__version__}")
    elif name in ("--help", "-h", "help") and not arguments:
        print(overview())
    elif name == "--print-completion":
        if len(arguments) != 1 or arguments[0] not in SHELLS:
            raise UserError(f"--print-completion needs the name of a shell: {', '.join(SHELLS)}")
        print(completion(arguments[0]))
    elif name in ("--version", "-V", "--help", "-h", "help"):
        raise UserError(f"{name} takes nothing behind it; `{typed('PROGRAM')} --help` shows the options of a program")
    else:
        raise UserError(f"there is no program {name!r}; {nearest(name)}`{typed()}` lists all of them")


def nearest(name):
    """"perhaps you mean train; ", or nothing where no program has a similar name."""
    found = difflib.get_close_matches(name.lower().lstrip("-"), [*PROGRAMS, "version", "help"], n=1)
    option = "--" * (found in (["version"], ["help"]))
    return f"perhaps you mean {option}{found[0]}; " if found else ""


def overview():
    """What there is, a line for each program."""
    width = max(map(len, PROGRAMS))
    lines = [f"    {name:{width}}  {sentence}" for name, sentence in PROGRAMS.items()]
    options = [("--version", "print the version"), ("--print-completion SHELL",
               f"print a script with which {', '.join(SHELLS[:-1])} or {SHELLS[-1]} completes this command")]
    return "\n".join([f"usage: {typed('PROGRAM')} [options]", "",
                      "Image captioning and deep learning by hand, on NumPy and CuPy. The programs:", "", *lines, "",
                      f"`{typed('PROGRAM')} --help` lists the options of a program. Without a program:", "",
                      *(f"    {name:{len(options[1][0])}}  {what}" for name, what in options)])


# ------------------------------------------------------------------------------------------------ shell completion

def completion(shell):
    """A script that completes the command ``minicap`` in ``shell``; UserError without shtab, which writes it."""
    try:
        import shtab
    except ImportError as error:
        raise UserError("shtab, which writes the script, is not installed; `pip install shtab` installs it") from error
    parser = parser_of_all()
    for action in every_action(parser):
        kind = (action.metavar or "").partition(",")[0] if isinstance(action.metavar, str) else ""
        if kind == "DIR":
            action.complete = shtab.DIRECTORY
        elif kind in ("FILE", "IMAGE", "PNG"):
            action.complete = shtab.FILE
    return shtab.complete(parser, shell)


def parser_of_all():
    """A parser of ``minicap`` that knows the options of every program."""
    parser = Parser(prog="minicap", description=overview())
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--print-completion", choices=SHELLS, help="print a script that completes this command")
    programs = parser.add_subparsers()
    for name, sentence in PROGRAMS.items():
        program, module = programs.add_parser(name, help=sentence, description=sentence), load(name)
        if hasattr(module, "add_commands"):
            module.add_commands(program)
        else:
            add_options(program, getattr(module, f"{name.title()}Settings"))
    return parser


def every_action(parser):
    """All options and arguments of ``parser`` and of the parsers of its commands."""
    for action in parser._actions:
        yield action
        if action.nargs == "A...":  # argparse.PARSER: the commands
            for command in action.choices.values():
                yield from every_action(command)
