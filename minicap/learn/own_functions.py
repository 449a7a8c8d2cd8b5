"""python -m minicap.learn train --mine 09,19: the library's captioner, trained with *your* convolution and LSTM.

First every function is compared with the library's on random inputs. Then it replaces it: the library's names are
patched for the duration of the training, and no fast twin is used in place of yours.
"""

import contextlib
import functools
from dataclasses import dataclass

import numpy as np

from .. import conv, recurrent
from ..errors import UserError
from ..layer import Cache
from .checker import to_do
from .crashes import described
from .lessons import load, the_lesson
from .measure import measure

TOLERANCE = 1e-4  # of the largest number, in float32


@dataclass(frozen=True)
class Part:
    """A part of the library that a lesson's functions can replace.

    title      its name, in words
    names      the learner's functions
    answers    (functions by name) -> arrays computed from fixed random inputs; those of the library are the reference
    library    the library's functions under the same names
    replace    (functions) -> [(object, attribute, replacement), ...]
    """

    title: str
    names: tuple
    answers: object
    library: dict
    replace: object
    slow: str = ""


def main(console, progress, numbers, arguments):
    """Check, time, swap in and train; ``arguments`` go to minicap.train."""
    lessons = [the_lesson(progress.lessons, number) for number in numbers]
    parts = [(lesson, part_of(lesson, progress.lessons)) for lesson in lessons]
    replacements = []
    for lesson, part in parts:
        functions = functions_of(lesson, part)
        yours, ours = check_parity(lesson, part, functions)
        console.say(f"{console.mark('right')} {part.title}: the same numbers as the library's; yours takes "
                    f"{1e3 * yours:.1f} ms where it takes {1e3 * ours:.1f} ms, {yours / ours:.1f} times as long")
        if part.slow:
            console.wrapped(part.slow)
        else:
            replacements += part.replace(functions)
    if not replacements:
        return
    from .. import train

    with swapped(replacements):
        train.main(["--device", "cpu", *arguments])


def part_of(lesson, lessons):
    """What the functions of a lesson can replace; UserError, naming those of ``lessons`` that can, if nothing."""
    part = PARTS.get(lesson.topic)
    if part is None:
        can = ", ".join(other.number for other in lessons if other.topic in PARTS) or "none of the lessons here"
        raise UserError(f"the captioner uses no function of lesson {lesson.number}; --mine takes {can}")
    return part


def functions_of(lesson, part):
    """The learner's functions by name; UserError when one is missing."""
    module = load(lesson.exercise)
    for name in part.names:
        if not callable(getattr(module, name, None)):
            raise still_to_do(name, lesson)
    return {name: getattr(module, name) for name in part.names}


def still_to_do(name, lesson):
    return UserError(f"{name} of lesson {lesson.number} is still to do; write it first, `python -m minicap.learn start "
                     f"{int(lesson.number)}` shows where")


def check_parity(lesson, part, functions):
    """(seconds of the learner's functions, and of the library's) for the same inputs; UserError unless they agree."""
    check = f"`python -m minicap.learn check {int(lesson.number)}` tells you more"
    try:
        yours = part.answers(functions)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # exit() is none of Exception
        if name := to_do(error):
            raise still_to_do(name, lesson) from error
        raise UserError(f"{part.title} of lesson {lesson.number} stopped with {described(error)}; {check}") from error
    answers = [yours, part.answers(part.library)]
    if len(answers[0]) != len(answers[1]):
        raise UserError(f"{part.title} of lesson {lesson.number} returns {len(answers[0])} arrays, and the library "
                        f"{len(answers[1])}; {check}")
    seconds = [measure(functools.partial(part.answers, which)) for which in (functions, part.library)]
    for i, (got, right) in enumerate(zip(*answers, strict=True)):
        right = np.asarray(right)
        off = np.abs(np.asarray(got, np.float64) - right).max() if np.shape(got) == right.shape else np.inf
        if not off <= TOLERANCE * max(1.0, np.abs(right).max()):
            raise UserError(f"{part.title} of lesson {lesson.number} does not agree with the library (result "
                            f"{i + 1} is off by {off:.2g}); {check}")
    return seconds


@contextlib.contextmanager
def swapped(replacements):
    """Within the block the attributes are the replacements."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replacements]
    try:
        for owner, name, replacement in replacements:
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


# -------------------------------------------------------------------------------------------------------- convolution

def convolution_answers(functions):
    """A layer of the captioner's CNN, forward and, where there is one, backward."""
    rng = np.random.default_rng(0)
    N, side = (16, 24) if "conv2d" in functions else (1, 8)
    x, W, b, dy = (rng.standard_normal(shape).astype(np.float32)
                   for shape in ((N, side, side, 8), (3, 3, 8, 16), 16, (N, side, side, 16)))
    answers = []
    for name, function in functions.items():
        answers += function(dy, x, W, 1, 1) if name.endswith("backward") else [function(x, W, b, 1, 1)]
    return answers


def convolution_replacements(functions):
    def conv2d(x, W, b, S=1, P=0):
        return np.asarray(functions["conv2d"](x, W, b, S, P), x.dtype)

    def conv2d_backward(dy, x, W, S=1, P=0, input_gradient=True):
        dx, dW, db = (np.asarray(d, x.dtype) for d in functions["conv2d_backward"](dy, x, W, S, P))
        return dx if input_gradient else None, dW, db

    return [(conv, "conv2d", conv2d), (conv, "conv2d_backward", conv2d_backward)]


# --------------------------------------------------------------------------------------------------------------- LSTM

@functools.cache
def library_cell(D, H):
    """The same cell for all calls: to initialise its weights takes longer than a step."""
    return recurrent.LSTMCell(D, H, rng=np.random.default_rng(0))


def library_step(x, h, c, W, U, b):
    cell = library_cell(len(W), len(U))
    cell.zero_grad()
    cell.W.data, cell.U.data, cell.b.data = W, U, b
    (h, c), cache = cell.forward(x, h, c)
    return h, c, (cell, cache)


def library_step_backward(dh, dc, cache):
    cell, cache = cache
    return *cell.backward((dh, dc), cache), cell.W.grad, cell.U.grad, cell.b.grad


def lstm_answers(functions):
    rng = np.random.default_rng(0)
    N, D, H = 64, 256, 128
    x, h, c, W, U, b, dh, dc = (rng.standard_normal(shape).astype(np.float32) for shape in (
        (N, D), (N, H), (N, H), (D, 4 * H), (H, 4 * H), 4 * H, (N, H), (N, H)))
    W, U = W / 16, U / 16
    h_next, c_next, cache = functions["lstm_step"](x, h, c, W, U, b)
    return h_next, c_next, *functions["lstm_step_backward"](dh, dc, cache)


def lstm_replacements(functions):
    step, step_backward = functions["lstm_step"], functions["lstm_step_backward"]

    def forward(self, x, h0=None, c0=None, constant=None, lengths=None):
        """As :meth:`minicap.recurrent.LSTM.forward`, one step after the other for all rows that have not ended."""
        cell, (N, T, _), H = self.cell, x.shape, len(self.cell.U.data)
        lengths = np.full(N, T) if lengths is None else np.asarray(lengths)
        h, c = (np.zeros((N, H), x.dtype) if s is None else s.copy() for s in (h0, c0))
        y, caches = np.zeros((N, T, H), x.dtype), []
        for t in range(T):
            rows = np.nonzero(lengths > t)[0]
            reads = x[rows, t] if constant is None else np.concatenate([x[rows, t], constant[rows]], axis=1)
            h[rows], c[rows], cache = step(reads, h[rows], c[rows], cell.W.data, cell.U.data, cell.b.data)
            y[rows, t] = h[rows]
            caches.append((rows, cache))
        return (y, h, c), Cache(caches=caches, D=x.shape[2], constant=constant)

    def backward(self, dy, cache):
        caches, D, constant = cache.spend(self)
        dy, dh, dc = dy
        N, T, H = dy.shape
        dh, dc = (np.zeros((N, H), dy.dtype) if d is None else d.copy() for d in (dh, dc))
        dx, dconstant = np.zeros((N, T, D), dy.dtype), None if constant is None else np.zeros_like(constant)
        for t in reversed(range(T)):
            rows, of_step = caches.pop()
            dreads, dh[rows], dc[rows], dW, dU, db = step_backward(dh[rows] + dy[rows, t], dc[rows], of_step)
            dx[rows, t] = dreads[:, :D]
            if constant is not None:
                dconstant[rows] += dreads[:, D:]
            for parameter, d in ((self.cell.W, dW), (self.cell.U, dU), (self.cell.b, db)):
                parameter.accumulate(np.array(d, dy.dtype))
        return (dx, dh, dc) if constant is None else (dx, dh, dc, dconstant)

    def cell_call(self, x, h, c):
        h, c, _ = step(x, h, c, self.W.data, self.U.data, self.b.data)
        return h, c

    return [(recurrent.LSTM, "forward", forward), (recurrent.LSTM, "backward", backward),
            (recurrent.LSTMCell, "__call__", cell_call)]


TOO_SLOW = ("It is not used in training: a training run needs about a million times as many products, and in Python "
            "loops that would take days. The library computes the same sum in another order, lesson 9.")
PARTS = {  # by the topics of lessons
    "convolution": Part(
        "convolution by loops", ("conv2d_loops",), convolution_answers, {"conv2d_loops": conv.conv2d.plain}, None,
        TOO_SLOW),
    "convolution_backward": Part(
        "convolution's gradient by loops", ("conv2d_loops_backward",), convolution_answers,
        {"conv2d_loops_backward": conv.conv2d_backward.plain}, None, TOO_SLOW),
    "fast_convolution": Part(
        "convolution", ("conv2d", "conv2d_backward"), convolution_answers,
        {"conv2d": conv.conv2d, "conv2d_backward": conv.conv2d_backward}, convolution_replacements),
    "lstm": Part(
        "LSTM", ("lstm_step", "lstm_step_backward"), lstm_answers,
        {"lstm_step": library_step, "lstm_step_backward": library_step_backward}, lstm_replacements),
}
