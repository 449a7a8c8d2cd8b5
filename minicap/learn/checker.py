"""What is wrong with a learner's function, explained in a sentence if it is a known mistake.

A lesson's check.py describes what each exercise requires, and the checker goes from the simple to the subtle, stopping
at the first thing that is wrong:

    missing     it is there
    exists      it is a function, takes these arguments, and is no longer "still to do": it is called
    shape       as many arrays as asked for, of the right shapes and type, finite, and the inputs left as they were
    example     the worked example of its docstring
    values      random inputs in float64, against the right answer
    gradient    random inputs in float64, against slopes: first along a direction, then number by number
    learns      a few steps of training with it lower the loss

When numbers are wrong, diagnosis.py looks for a known mistake that explains them. If there is none, the checker shows
the worst number and the correct one.

The learner's code is called in three functions only, check_exists, answer_of and problem_of. Where it runs in a process
of its own, a :class:`Distant` module stands for it here.
"""

import contextlib
import copy
import inspect
import math
import re
import traceback

import numpy as np

from .crashes import stopped
from .diagnosis import diagnose, difference_between, element, in_another_order, is_numeric
from .exercises import CheckError

MUTABLE = (np.ndarray, list, dict)
PLAIN = (int, float, str, np.generic, type(None))
TO_DO = re.compile(r"exercise [\d.]+ is still to do")


class Distant:
    """A module that is asked instead of called. Each method stands for the function that calls it."""

    def missing(self, exercise):
        raise NotImplementedError

    def answer(self, exercise, inputs):
        raise NotImplementedError

    def problem(self, exercise):
        raise NotImplementedError


def check(exercise, module, seed=0):
    """Raise CheckError with the first thing that is wrong about ``exercise`` in ``module``, if there is any."""
    check_exists(exercise, module)
    rng = np.random.default_rng(seed)
    cases = [exercise.cases(rng) for _ in range(3)] if exercise.cases else []
    for inputs in ([exercise.example[0]] if exercise.example is not None else []) + cases[:1]:
        check_shapes(exercise, module, inputs, [case for case in cases if case is not inputs])
    if exercise.example is not None:
        inputs, answer = exercise.example
        answer = answer if len(exercise.gives) > 1 else (answer,)
        compare(exercise, module, "example", [inputs], [answer], cases)
    # A random direction moves all numbers at once: if the slope along it is right, so are all of them.
    if cases and not (exercise.slopes and slopes_along_direction_agree(exercise, module, cases, rng)):
        compare(exercise, module, "gradient" if exercise.slopes else "values", cases,
                [exercise.answer(inputs) for inputs in cases], cases)
    if exercise.learns is not None and (problem := problem_of(exercise, module)):
        raise CheckError(exercise, "learns", problem)


# ------------------------------------------------------------------------------------------------------------- exists

def check_exists(exercise, module):
    if isinstance(module, Distant):
        return module.missing(exercise)
    for name in (*exercise.needs, exercise.name):
        function = getattr(module, name, None)
        if function is None:
            raise CheckError(exercise, "missing", f"there is no {name}")
        if not callable(function):
            raise CheckError(exercise, "exists", f"{name} is {function!r} and not a function; was its `def` replaced?")


def to_do(error):
    """The name of the function that has raised "exercise N is still to do"; None for any other exception."""
    if isinstance(error, NotImplementedError) and TO_DO.fullmatch(str(error)):
        *_, (place, _) = traceback.walk_tb(error.__traceback__)
        return place.f_code.co_name
    return None


def crashed(exercise, module, error):
    """The CheckError about an exception in the learner's code: it stopped, or there is no code yet."""
    if name := to_do(error):
        return CheckError(exercise, "exists", "still to do" if name == exercise.name else
                          f"it builds on {name}, which is still to do")
    return CheckError(exercise, "exists", stopped(error, module))


def problem_of(exercise, module):
    """What ``exercise.learns`` says of the learner's module."""
    if isinstance(module, Distant):
        return module.problem(exercise)
    try:
        return exercise.learns(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        failure = crashed(exercise, module, error)
        if to_do(error):
            raise failure from error
        return failure.message


def answer_of(exercise, module, inputs):
    """What the function returns for copies of the inputs; CheckError when it raises, or changes them."""
    if isinstance(module, Distant):
        return module.answer(exercise, inputs)
    copies = [copy.deepcopy(x) if isinstance(x, MUTABLE) else x for x in inputs]
    try:
        with np.errstate(all="ignore"):
            answer = exercise.run(module, copies)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # exit() is none of Exception
        raise crashed(exercise, module, error) from error
    for given, x, name in zip(copies, inputs, argument_names(exercise, module, len(inputs)), strict=True):
        if isinstance(x, MUTABLE) and changed(given, x):
            x, name = of_one_call(getattr(module, exercise.name), given, x, name)
            raise CheckError(exercise, "shape", f"it changed its input {name} in place. The caller still needs it: "
                             f"{instead(x, name)}", "an input is changed in place")
    return answer


def of_one_call(function, given, x, name):
    """The input that was changed, and its name. Where x is a list of calls, it is an argument of one of them."""
    if isinstance(x, list) and all(isinstance(call, tuple) for call in x):
        for after, call in zip(given, x, strict=True):
            for argument, now, before in zip(inspect.signature(function).parameters, after, call, strict=False):
                if changed(now, before):
                    return before, argument
    return x, name


def instead(x, name):
    """What to do instead of changing x."""
    name = "x" if name.startswith("number ") else name
    if isinstance(x, np.ndarray):
        return f"write `y = {name} + ...`, which makes a new array, and not `{name} += ...`"
    nested = any(isinstance(inner, (list, dict, tuple)) for inner in (x.values() if isinstance(x, dict) else x))
    kind, methods = ("dictionary", "pop and update") if isinstance(x, dict) else ("list", "append, pop and sort")
    return (f"`{name}[...] = ...`, {methods} change the {kind} itself" + ", and likewise what is in it" * nested
            + ". Make a new one, or work on a copy")


def changed(given, x):
    """Whether the array, or the list or dictionary (perhaps of arrays), differs from x."""
    if isinstance(x, np.ndarray):
        return not (given.shape == x.shape and np.array_equal(given, x, equal_nan=x.dtype.kind == "f"))
    if isinstance(x, dict):
        return given.keys() != x.keys() or any(changed(given[key], value) for key, value in x.items())
    if isinstance(x, (list, tuple)):
        return len(given) != len(x) or any(map(changed, given, x))
    if isinstance(x, PLAIN):
        return not (type(given) is type(x) and (given == x or x != x))
    return False


def argument_names(exercise, module, count):
    """The names of the inputs, from the check's own call or the learner's function, or else "number 1", ..."""
    for function, skip in ((exercise.call, 1), (getattr(module, exercise.name), 0)):
        with contextlib.suppress(TypeError, ValueError):
            names = list(inspect.signature(function).parameters.values())[skip:]
            if len(names) == count and all(name.kind is name.POSITIONAL_OR_KEYWORD for name in names):
                return [name.name for name in names]
    known = {name for function in (exercise.name, *exercise.needs)
             for name in inspect.signature(getattr(module, function)).parameters}
    names = (*exercise.inputs, *[""] * count)[:count]
    return [name if name in known else f"number {i + 1}" for i, name in enumerate(names)]


# -------------------------------------------------------------------------------------------------------------- shape

def check_shapes(exercise, module, inputs, more_cases=()):
    """The right number of arrays, each with the right shape, floating-point, finite, and the same on a second call.

    ``more_cases`` are further inputs for which a diagnosis has to hold: one wrong shape or nan looks like another.
    """
    answer, right = answer_of(exercise, module, inputs), exercise.answer(inputs)
    if len(answer) != len(exercise.gives):
        raise CheckError(exercise, "shape", f"it has to return {len(exercise.gives)} things, "
                         f"{', '.join(exercise.gives)}; it returns "
                         f"{describe(answer[0]) if len(answer) == 1 else len(answer)}")
    for i, (name, got, wanted) in enumerate(zip(exercise.gives, answer, right, strict=True)):
        if got is None:
            raise CheckError(exercise, "shape", f"{name} is None: is there a `return` at the end?", "nothing returned")
        if not is_numeric(wanted):
            continue
        if not is_numeric(got):
            raise CheckError(exercise, "shape", f"{name} has to be {describe(wanted)}, not {describe(got)}")
        if np.shape(got) != np.shape(wanted):
            found = mistake_of_shape(exercise, module, name, [(inputs, answer, right)], more_cases)
            raise CheckError(exercise, "shape", f"{name} has to have shape {np.shape(wanted)}, not {np.shape(got)}"
                             + (f". {found.sentence}" if found else ""), found and found.name)
        if np.issubdtype(np.asarray(wanted).dtype, np.floating) and np.asarray(got).dtype.kind in "iub":
            raise CheckError(exercise, "shape", f"{name} holds whole numbers ({np.asarray(got).dtype}), fractions are "
                             "cut off: np.zeros(shape) makes floats, and np.zeros_like(x) what x holds",
                             "integers instead of floats")
        if not np.isfinite(got).all() and np.isfinite(wanted).all():
            index = np.unravel_index(int(np.argmin(np.isfinite(got))), np.shape(got))
            evidence = [(inputs, answer, right), *further(exercise, module, more_cases)]
            found = diagnose(exercise, name, *of_array(i, evidence))
            raise CheckError(exercise, "shape", f"{element(name, index)} is {np.asarray(got)[index]}"
                             + (f". {found.sentence}" if found else ""), found and found.name)
    again = answer_of(exercise, module, inputs)
    for name, got, second in zip(exercise.gives, answer, again, strict=True):
        if is_numeric(got) and not np.array_equal(got, second, equal_nan=True):
            raise CheckError(exercise, "shape", f"{name} changes when the function is called again with the same "
                             "inputs: it draws random numbers of its own, or something is stored between calls, in a "
                             "global variable or a default argument, or an array made by np.empty is not filled",
                             "something is stored between calls")


def mistake_of_shape(exercise, module, name, evidence, more_cases):
    """The known mistake that explains the array ``name``, here and in the other cases in which its shape is wrong."""
    i = exercise.gives.index(name)
    for inputs in more_cases:
        with contextlib.suppress(CheckError):
            answer, right = answer_of(exercise, module, inputs), exercise.answer(inputs)
            if len(answer) == len(right) and np.shape(answer[i]) != np.shape(right[i]):
                evidence.append((inputs, answer, right))
    return diagnose(exercise, name, *of_array(i, evidence))


def describe(x):
    if isinstance(x, np.ndarray):
        return f"an array of shape {x.shape}"
    return f"a {type(x).__name__}" + (f" of {len(x)}" if isinstance(x, (tuple, list, dict)) else "")


# ------------------------------------------------------------------------------------------------------------- values

def compare(exercise, module, stage, cases, answers, more_cases=()):
    """CheckError for the first array that is wrong in any of the cases, with a diagnosis if there is one.

    ``more_cases`` are further inputs for which a diagnosis has to hold: on a small example, mistakes look alike.
    """
    given = [answer_of(exercise, module, inputs) for inputs in cases]
    for i, name in enumerate(exercise.gives):
        for inputs, got, right in zip(cases, given, answers, strict=True):
            difference = difference_between(name, got[i], right[i])
            if difference is None:
                continue
            evidence = [(inputs, got, right), *further(exercise, module, more_cases)]
            found = in_another_order(exercise, *map(list, zip(*evidence, strict=True))) or diagnose(
                exercise, name, *of_array(i, evidence))
            where = {"example": "in the worked example ", "gradient": "the slope is measured: ", "values": ""}[stage]
            raise CheckError(exercise, stage, (f"{found.sentence} " if found else "") + f"({where}{difference})"
                             + ("" if found else " This is not a mistake the checker knows.")
                             + also_wrong(exercise.gives[i + 1:], given, answers), found and found.name)


def further(exercise, module, cases):
    """[(inputs, what the function returned, the right answer)], for a diagnosis."""
    return [(inputs, answer_of(exercise, module, inputs), exercise.answer(inputs)) for inputs in cases]


def of_array(i, evidence):
    """Three lists: the inputs, and of both answers the i-th array."""
    return [list(one) for one in zip(*((inputs, got[i], right[i]) for inputs, got, right in evidence), strict=True)]


def also_wrong(names, given, answers):
    """A sentence about the last of the arrays, those with these names, if any of them is wrong; else ""."""
    wrong = [name.removesuffix(" of call") for i, name in enumerate(names, start=-len(names))
             if any(difference_between(name, got[i], right[i]) for got, right in zip(given, answers, strict=True))]
    return f" {' and '.join(wrong)} {'are' if len(wrong) > 1 else 'is'} wrong, too." if wrong else ""


# ----------------------------------------------------------------------------------------------------------- gradient

def slopes_along_direction_agree(exercise, module, cases, rng, step=1e-5):
    """Whether <gradient, v> equals (L(x + hv) - L(x - hv)) / 2h for a random direction v of each input."""
    for inputs in cases:
        answer = answer_of(exercise, module, inputs)
        for name, got in zip(exercise.gives, answer, strict=True):
            if name not in exercise.slopes or np.shape(got) != np.shape(inputs[exercise.slopes[name]]):
                return False
            i = exercise.slopes[name]
            v = rng.standard_normal(np.shape(inputs[i]))
            moved = [[x + sign * step * v if j == i else x for j, x in enumerate(inputs)] for sign in (1, -1)]
            slope = (exercise.loss(*moved[0]) - exercise.loss(*moved[1])) / (2 * step)
            scale = math.sqrt(float((np.asarray(got) ** 2).sum())) * math.sqrt(float((v * v).sum()))
            if abs(float((got * v).sum()) - slope) > 1e-6 * max(scale, abs(slope), 1e-3):
                return False
    return True
