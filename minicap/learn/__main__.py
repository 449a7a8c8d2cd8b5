"""python -m minicap.learn: the lessons, checked as you write."""

import argparse
import sys

from ..cli import Parser, run_program
from ..errors import UserError
from ..started import typed
from .console import Console
from .lessons import the_lesson


def parser():
    return add_commands(Parser(prog=typed("learn"), description="The lessons, checked as you write."))


def add_commands(parser):
    """Give ``parser`` the commands and their options; returns it."""
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    def add(name, help, number=False):
        command = commands.add_parser(name, help=help, description=help)
        if number:
            command.add_argument("number", nargs=None if number == "required" else "?", metavar="N",
                                 help="number of the lesson" + (" (default: the current one)" * (number != "required")))
        return command

    init = add("init", "copy the lessons into a new folder of your own")
    init.add_argument("folder", metavar="DIR", help="a folder that does not exist yet, or is empty")
    init.add_argument("--no-solutions", action="store_true", help="leave out the solutions, for use in a course")
    add("status", "show what is done and what is next").add_argument("--json", action="store_true",
                                                                     help="print JSON, for another program")
    add("next", "continue with the first lesson that is not finished")
    add("start", "go to a lesson; none requires that you have finished the earlier ones", "required")
    check = add("check", "check what you wrote", True)
    check.add_argument("--all", action="store_true", help="check all lessons that something was written in")
    check.add_argument("--json", action="store_true", help="print JSON, for another program")
    for command in (check, add("watch", "check again whenever you save", True)):
        command.add_argument("--seconds", type=positive, default=60, metavar="S",
                             help="stop an exercise that takes longer (default: 60)")
    hint = add("hint", "give a hint: first the idea, then the shapes, then a skeleton")
    hint.add_argument("number", nargs="?", metavar="N", help="number of a lesson (default: the current one) or of an "
                      "exercise, such as 3.2 (default: the first that is not right)")
    add("diff", "compare your code with the solution", True)
    add("solution", "show the solution", True)
    add("reset", "restore the exercise to its original state", True)
    grade = add("grade", "check the folders of many students, whose code may do no harm; for lecturers")
    grade.add_argument("folders", nargs="+", metavar="DIR", help="a folder that a student has made with init")
    table = grade.add_mutually_exclusive_group()
    table.add_argument("--csv", action="store_true", help="print a table: a row for each folder, a column for each "
                       "exercise")
    table.add_argument("--json", action="store_true", help="print JSON, with what is wrong with each exercise")
    grade.add_argument("--exit-code", action="store_true", help="exit with 1 unless all exercises of all are right")
    grade.add_argument("--lessons", metavar="N,N", help="only these, such as 3,4 (default: all)")
    grade.add_argument("--seconds", type=positive, default=60, metavar="S",
                       help="stop an exercise that takes longer (default: 60)")
    grade.add_argument("--minutes", type=positive, default=20, metavar="M",
                       help="of a student's folder, check no more than fits in these (default: 20)")
    grade.add_argument("--memory", type=positive, default=4096, metavar="MB",
                       help="what a student's code may take (default: 4096)")
    train = add("train", "train the built-in captioner with your own convolution and LSTM")
    train.add_argument("--mine", required=True, metavar="N,N", help="lessons whose functions replace the library's, "
                       "such as 09,19; all other options are passed to minicap.train")
    notebook = commands.add_parser("notebook", help="write a lesson as a Jupyter notebook")
    notebook.add_argument("name", nargs="?", metavar="N", help="number of the lesson (default: the current one); "
                          "flickr8k: from photographs to captions and scores, start to end; all: all of them")
    notebook.add_argument("--out", metavar="PATH", help="file to write (default: the lesson's name, in this folder); "
                          "for all, the folder to write them into (default: notebooks)")
    return parser


def positive(text):
    """The number in an option."""
    number = float(text)
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"it has to be above 0 and below 1e9, not {text}")
    return number


def main(argv=None):
    arguments, others = parser().parse_known_args(argv)
    if others and arguments.command != "train":
        parser().error(f"unrecognized arguments: {' '.join(others)}")
    console = Console()
    from . import commands
    from .judging import Limits
    from .progress import Progress, as_json, find_folder, make_folder

    if arguments.command == "init":
        progress = make_folder(arguments.folder, solutions=not arguments.no_solutions)
        console.say(f"{len(progress.lessons)} lessons are in {progress.folder}. Go there to begin:\n\n"
                    f"    cd {progress.folder}\n    python -m minicap.learn next")
        return 0
    if arguments.command == "notebook":  # which needs no folder of one's own
        from .notebook_file import write_notebooks

        write_notebooks(console, arguments.name, arguments.out)
        return 0
    if arguments.command == "grade":
        from . import grading

        return grading.main(console, arguments)
    progress = Progress(find_folder())
    if progress.renumbered and not getattr(arguments, "json", False):
        console.say("Some lessons have other numbers than when you were last here. What you solved counts as before: "
                    "it is now stored by the names of the lessons.\n")
        progress.save()
    if arguments.command == "status":
        console.say(as_json(progress)) if arguments.json else commands.status(progress, console)
        return 0
    if arguments.command == "next":
        lesson = progress.next_lesson()
        if lesson is None:
            console.say("All lessons are finished. The library itself is next: minicap/layer.py is its first page.")
        else:
            commands.start(progress, console, lesson)
        return 0
    if arguments.command == "train":
        from . import own_functions

        own_functions.main(console, progress, arguments.mine.split(","), others)
        return 0
    number, of_exercise = arguments.number, ""
    if number and arguments.command == "hint":
        number, _, of_exercise = number.partition(".")
    lesson = the_lesson(progress.lessons, number) if number else progress.current
    if arguments.command == "start":
        commands.start(progress, console, lesson)
    elif arguments.command == "check":
        limits = Limits(arguments.seconds)
        if arguments.all and number:
            raise UserError(f"--all checks all lessons; leave out {number}, or --all")
        if arguments.all or arguments.json:
            from . import grading

            return grading.check_own(progress, console, [] if arguments.all else [lesson], limits, arguments.json)
        return 0 if commands.check_lesson(progress, console, lesson, limits) else 1
    elif arguments.command == "watch":
        commands.watch(progress, console, lesson, Limits(arguments.seconds))
    elif arguments.command == "hint":
        commands.hint(progress, console, lesson, f"{int(lesson.number)}.{of_exercise}" if of_exercise else None)
    elif arguments.command == "reset":
        commands.reset(progress, console, lesson)
    else:
        getattr(commands, arguments.command)(console, lesson)
    return 0


if __name__ == "__main__":
    run_program(main, sys.argv[1:])
