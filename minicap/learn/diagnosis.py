"""Find the known mistake that explains a wrong answer.

The known mistakes are computed, like the correct answer. If one of them gives the learner's numbers on every input that
was tried, it is the diagnosis. If none does, the checker states that: a guess would be worse than no diagnosis.
"""

import numpy as np

from .exercises import Mistake

BAND = 1e-6  # relative to the largest number of the correct answer; correct formulas differ by rounding, about 1e-12


def is_numeric(x):
    return isinstance(x, (np.ndarray, np.generic, float, int)) and np.asarray(x).dtype.kind in "fiub"


def difference_between(name, got, right):
    """What is wrong, in words: the number that is farthest off, or both values if not numbers; None if they agree."""
    if not is_numeric(right):
        return None if got == right else f"{name} is {got!r}, and should be {right!r}"
    got, right = np.asarray(got), np.asarray(right)
    if right.size == 0:
        return None
    band = BAND * max(float(np.abs(right).max()), 1e-3)
    with np.errstate(all="ignore"):
        off = np.abs(got.astype(np.float64) - right)
    off = np.where(np.isnan(off), np.inf, off)
    off[got == right] = 0  # equal infinities
    if off.max() <= band:
        return None
    index = np.unravel_index(int(off.argmax()), right.shape)
    words = f"{element(name, index)} is {float(got[index]):.6g}, and should be {float(right[index]):.6g}"
    return words + (f" ± {band:.1g}" if right.dtype.kind == "f" else "")  # counts have to be exact


def element(name, index):
    return name + (f"[{', '.join(map(str, index))}]" if len(index) else "")


def diagnose(exercise, name, inputs, given, right):
    """The known mistake that explains the learner's results in all these cases, or None."""
    of_it = [mistake for mistake in exercise.mistakes if name in mistake.of]
    general = GENERAL if is_numeric(right[0]) else ()
    with np.errstate(all="ignore"):
        return next((mistake for mistake in (*of_it, *general) for wrong in ways(mistake)
                     if explains(exercise, wrong, name, inputs, given, right)), None)


def ways(mistake):
    """The functions that make a mistake, usually only one."""
    return mistake.wrong if isinstance(mistake.wrong, (tuple, list)) else (mistake.wrong,)


def explains(exercise, wrong_way, name, inputs, given, right):
    """Whether the mistake always gives the learner's result, and differs from the correct answer at least once."""
    different = False
    for case, got, wanted in zip(inputs, given, right, strict=True):
        try:
            wrong = exercise.mistaken(wrong_way, name, np.asarray(wanted) if is_numeric(wanted) else wanted, case)
        except Exception:  # this mistake is not possible with these inputs
            return False
        if not is_numeric(wanted):  # captions, lists of words
            if wrong is None or wrong != got:
                return False
            different |= wrong != wanted
            continue
        if wrong is None or np.shape(wrong) != np.shape(got):
            return False
        got, wrong = np.asarray(got, np.float64), np.asarray(wrong, np.float64)
        scale = max(float(np.abs(np.asarray(wanted)).max(initial=0)), 1e-3)
        if not np.allclose(got, wrong, rtol=1e-6, atol=1e-6 * scale, equal_nan=True):
            return False
        different |= np.shape(wrong) != np.shape(wanted) or not np.allclose(wrong, wanted, rtol=1e-5, atol=1e-5 * scale)
    return different


# ------------------------------------------------------------------------------- mistakes that any function may have

def _times(factor):
    return lambda right: factor * right


def _batch(inputs):
    """N, the length of the first axis of the first array."""
    return next(len(x) for x in inputs if isinstance(x, np.ndarray) and x.ndim)


def _swapped(right):
    return right.T if right.ndim == 2 else None


def _over_batch(power):
    def wrong(right, *inputs):
        n = _batch(inputs)
        return right * float(n) ** power if n > 1 else None
    return wrong


GENERAL = (
    Mistake("sign", "Every number has the wrong sign: a minus is missing, or there is one too many.", _times(-1)),
    Mistake("nothing was filled in",
            "Every number is 0: the array was made, but nothing was written into it, or it was made again inside the "
            "loop.", lambda right: np.zeros_like(right) if right.any() else None),
    Mistake("half",
            "Everything is half of what it should be. Is there a 1/2 whose square was already differentiated?",
            _times(0.5)),
    Mistake("twice",
            "Everything is twice what it should be. Was the derivative of a square counted twice, or a gradient added "
            "two times?", _times(2.0)),
    Mistake("divided by the batch",
            "Everything is N times too small, N = samples in the batch: it is a mean instead of a sum. The loss "
            "contains 1/N already, and so does dy.", _over_batch(-1)),
    Mistake("multiplied by the batch",
            "Everything is N times too large, N = samples in the batch: the mean's 1/N is missing.", _over_batch(1)),
    Mistake("transposed",
            "It is the transpose of what it should be: rows and columns are swapped. In a product A @ B that "
            "happens when both factors are transposed and swapped.", _swapped),
)
