"""What a lesson's check.py consists of: an exercise, its known mistakes, and the exception that reports one."""

import dataclasses
import inspect

import numpy as np


class CheckError(AssertionError):
    """What is wrong. ``stage``: the stage of the check that failed; ``mistake``: the name of a known one, or None."""

    def __init__(self, exercise, stage, message, mistake=None):
        super().__init__(f"exercise {exercise.number}, {exercise.name}: {message}")
        self.exercise, self.stage, self.message, self.mistake = exercise, stage, message, mistake


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A known mistake in one of the arrays that an exercise returns.

    name       a few words, "dW transposed"
    sentence   what happened, why it is wrong, and what to check
    wrong      a function that makes the mistake, or several for variants of it. Its arguments are passed by name: the
               exercise's inputs, and ``right``, the correct answer. It returns the wrong array, or all arrays of the
               exercise, or None if the mistake is not possible
    of         the names of the arrays in which it shows
    """

    name: str
    sentence: str
    wrong: object
    of: tuple = ()


@dataclasses.dataclass(frozen=True)
class Exercise:
    """A function to write.

    number, name   "3.2", "linear_backward"
    gives          names of the arrays it returns, in order
    right          (*inputs) -> the correct answer: an array, or a tuple in the order of ``gives``
    example        (inputs, answer): the worked example of the docstring
    cases          (rng) -> inputs, float64 arrays or anything else; called several times
    mistakes       the known ones, [(name, sentence, wrong), ...] as in Mistake; where there are several arrays,
                   {"dW": [...], ("dx", "dW"): [...]}. General mistakes (diagnosis.py) are tried as well
    inputs         names of the inputs; by default those of ``right``'s arguments
    call           (module, *inputs) -> the answer; by default the function ``name`` is called with the inputs
    loss           for a gradient: (*inputs) -> the number whose slopes it consists of
    slopes         for a gradient: {name of a returned array: index of the input whose gradient it is}
    learns         (module) -> None, or a sentence that states what it did not learn
    needs          other functions of this lesson that are called
    """

    number: str
    name: str
    gives: tuple
    right: object
    example: tuple | None = None
    cases: object = None
    mistakes: object = ()
    inputs: tuple = ()
    call: object = None
    loss: object = None
    slopes: dict = dataclasses.field(default_factory=dict)
    learns: object = None
    needs: tuple = ()

    def __post_init__(self):
        by_array = self.mistakes if isinstance(self.mistakes, dict) else {self.gives[0]: self.mistakes}
        object.__setattr__(self, "mistakes", tuple(
            mistake if isinstance(mistake, Mistake) else Mistake(*mistake, of if isinstance(of, tuple) else (of,))
            for of in by_array for mistake in by_array[of]))
        if not self.inputs and self.right is not None:
            object.__setattr__(self, "inputs", _positional(self.right))

    def run(self, module, inputs):
        """What the learner's code returns, always as a tuple."""
        answer = self.call(module, *inputs) if self.call else getattr(module, self.name)(*inputs)
        return answer if len(self.gives) > 1 and isinstance(answer, (tuple, list)) else (answer,)

    def answer(self, inputs):
        right = self.right(*inputs)
        return right if len(self.gives) > 1 else (right,)

    def mistaken(self, wrong, of, right, inputs):
        """The result of a mistake for the array ``of``. ``wrong`` gets the inputs, and ``right``, that it names.

        A function with ``*inputs`` gets all of them, in order.
        """
        names = list(inspect.signature(wrong).parameters.values())
        if any(name.kind is name.VAR_POSITIONAL for name in names):
            answer = wrong(*[right] * (names[0].name == "right"), *inputs)
        else:
            known = dict(zip(self.inputs, inputs, strict=True)) | {"right": right}
            answer = wrong(**{name: known[name] for name in _positional(wrong)})
        return answer[self.gives.index(of)] if isinstance(answer, tuple) and len(self.gives) > 1 else answer


def _positional(function):
    """The names of a function's required arguments."""
    return tuple(name.name for name in inspect.signature(function).parameters.values()
                 if name.kind is name.POSITIONAL_OR_KEYWORD and name.default is name.empty)


def slopes(loss, inputs, i, step=1e-5):
    """dL/d(input i) by central differences: what a gradient has to be."""
    x = np.array(inputs[i], np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            ends.append(loss(*[moved if j == i else other for j, other in enumerate(inputs)]))
        gradient[index] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def gradient_exercise(number, name, forward, wrt, **options):
    """An :class:`Exercise` whose correct answer is computed by central differences.

    forward   the function y = forward(*inputs) whose gradient is to be found; the exercise's inputs are (*inputs, dy)
    wrt       {"dx": 0, "dW": 1}: the returned arrays, and the index of the input of which each is the gradient
    """
    def loss(*inputs):
        *inputs, dy = inputs
        return float((forward(*inputs) * dy).sum())

    def right(*inputs):
        found = tuple(slopes(loss, inputs, i) for i in wrt.values())
        return found if len(found) > 1 else found[0]

    options = {"inputs": (*_positional(forward), "dy")} | options
    return Exercise(number, name, tuple(wrt), right, loss=loss, slopes=dict(wrt), **options)
