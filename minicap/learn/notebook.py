"""What the notebook of a lesson imports: its exercises, each checked in the cell that it is written in."""

import os
import sys
import types

from ..errors import UserError
from .checker import check
from .commands import Wording, explain, show_hint, the_solution
from .console import Console
from .exercises import CheckError
from .lessons import LEVELS, ONCE_NUMBERED, shipped_lesson

IN_A_NOTEBOOK = Wording(
    to_do="Read in its cell what the function has to return, write that in place of the line with `raise`, and run "
          "the cell again.",
    missing=" in this notebook: run the cell with its `def`, then this one",
    hint='A hint, in a cell of its own: `lesson.hint("{name}")`')


class NotebookLesson:
    """The exercises of a lesson, by the names of their functions, which are those of the notebook itself.

        lesson = NotebookLesson("convolution")
        lesson.check("output_size")    # is it right?
        lesson.hint("output_size")     # a hint; again, for the next one
        lesson.solution()              # ours
    """

    def __init__(self, topic):
        self.lesson, self.hints_shown = named(topic), {}
        self.exercises = {exercise.name: exercise for exercise in self.lesson.exercises()}

    def check(self, name):
        """Say whether the function is right and, if it is not, what is wrong."""
        judge(self.exercise(name), sys.modules["__main__"])  # a notebook's code runs in the module of that name

    def hint(self, name):
        """First the idea, then the shapes, then a skeleton."""
        exercise = self.exercise(name)
        level = min(self.hints_shown.get(name, 0), len(LEVELS) - 1)
        self.hints_shown[name] = level + 1
        show_hint(console(), self.lesson, exercise, level)

    def solution(self):
        """Our functions."""
        console().say(the_solution(self.lesson).read_text(encoding="utf-8").rstrip("\n"))

    def exercise(self, name):
        """The exercise with this function; UserError if there is none."""
        if name not in self.exercises:
            raise UserError(f"there is no exercise {name!r} in lesson {self.lesson}; there are "
                            f"{', '.join(self.exercises)}")
        return self.exercises[name]

    def __repr__(self):
        return f"NotebookLesson({self.lesson.topic}: {', '.join(self.exercises)})"


def judge(exercise, module):
    """Print the result of the check of a function in ``module``; True if it is right."""
    out = console()
    try:
        check(exercise, module)
    except CheckError as error:
        explain(out, error, IN_A_NOTEBOOK)
        return False
    out.say(f"{out.mark('right')} {exercise.number} {exercise.name}")
    return True


def console():
    return Console(sys.stdout)  # of the cell that is running now


def named(topic):
    """The lesson that a notebook names: by its topic or, in older notebooks, by the number that it had then."""
    return shipped_lesson(dict(enumerate(ONCE_NUMBERED)).get(topic, topic))


# -------------------------------------------------------------------------------- what notebooks called before that

def go_to(topic):
    """Change to the folder of a lesson, in which the code of its text ran."""
    os.chdir(named(topic).path)


def check_here(topic, names):
    """Check the functions of a notebook, given its global ``names``, up to the first that is wrong; True if none is."""
    module = types.ModuleType("notebook")
    vars(module).update(names)
    return all(judge(exercise, module) for exercise in named(topic).exercises())
