"""Find the known mistake that explains a wrong answer.

The known mistakes are computed, like the correct answer. If one of them gives the learner's numbers on every input that
was tried, it is the diagnosis. If none does, the checker states that: a guess would be worse than no diagnosis.
"""

import itertools

import numpy as np

from .exercises import Mistake

BAND = 1e-6  # relative to the largest number of the correct answer; correct formulas differ by rounding, about 1e-12


def is_numeric(x):
    return isinstance(x, (np.ndarray, np.generic, float, int)) and np.asarray(x).dtype.kind in "fiub"


def difference_between(name, got, right):
    """What is wrong, in words: the number that is farthest off, or both values if not numbers; None if they agree."""
    if not is_numeric(right):
        return None if got == right else difference_of_lists(name, got, right)
    got, right = np.asarray(got), np.asarray(right)
    if got.shape != right.shape:  # broadcasting would compare them all the same
        return f"{name} has shape {got.shape}, and should have {right.shape}"
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


def difference_of_lists(name, got, right):
    """What is wrong about something that is no number: the first entry that differs, or else both in brief."""
    if isinstance(got, list) and isinstance(right, list) and len(got) == len(right):
        i = next(i for i, pair in enumerate(zip(got, right, strict=True)) if pair[0] != pair[1])
        return difference_of_lists(element(name, (i,)), got[i], right[i])
    if isinstance(got, dict) and isinstance(right, dict):
        if lacks := [key for key in right if key not in got]:
            return f"{name}: {brief(lacks[0])} is missing, which should be {brief(right[lacks[0]])}"
        if more := [key for key in got if key not in right]:
            return f"{name}: {brief(more[0])} should not be there; it is {brief(got[more[0]])}"
        key = next(key for key in right if got[key] != right[key])
        return difference_of_lists(element(name, (repr(key),)), got[key], right[key])
    return f"{name} is {brief(got)}, and should be {brief(right)}"


def brief(x, most=150):
    text = repr(x)
    return text if len(text) <= most else f"{text[:most]}..."


def element(name, index):
    """How to name a number of an array. Where the entries are answers of as many calls, the call is what counts."""
    if name.endswith(" of call") and len(index) == 1:
        return f"{name} {int(index[0]) + 1}"
    return name + (f"[{', '.join(map(str, index))}]" if len(index) else "")


def diagnose(exercise, name, inputs, given, right):
    """The known mistake that explains the learner's results in all these cases, or None."""
    of_it = [mistake for mistake in exercise.mistakes if name in mistake.of]
    general = GENERAL if is_numeric(right[0]) else ()
    with np.errstate(all="ignore"):
        for mistake in (*of_it, *general, *of_results(exercise, name), *two_at_once(exercise, of_it, name, right[0])):
            if any(explains(exercise, wrong, name, inputs, given, right) for wrong in ways(mistake)):
                return mistake
    return None


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


def in_another_order(exercise, inputs, given, right):
    """The mistake that all of the results are right, and some in each other's place, in all these cases; or None.

    Names that are no names in Python are those of a check that arranges the results itself. A known mistake that
    explains all that are wrong says more.
    """
    places = range(len(exercise.gives))
    if not all(name.isidentifier() for name in exercise.gives) or not all(map(is_numeric, (*given[0], *right[0]))):
        return None
    for order in itertools.permutations(places):
        if not any(difference_between("", got[i], wanted[order[i]])
                   for got, wanted in zip(given, right, strict=True) for i in places):
            return next((mistake for mistake in exercise.mistakes if all(
                any(explains(exercise, wrong, exercise.gives[i], inputs, [got[i] for got in given],
                             [wanted[i] for wanted in right]) for wrong in ways(mistake))
                for i in places if order[i] != i)), None) or Mistake(
                "the results are in another order", "Every result is right, and some are in each other's place. The "
                f"order is {', '.join(exercise.gives)}.", None)
    return None


def of_results(exercise, name):
    """Mistakes that follow from what else the exercise returns, and from what it is given."""
    place = exercise.gives.index(name)
    in_their_order = exercise.call is None or name in exercise.slopes  # a call of the lesson's own may arrange them
    for other, its_name in enumerate(exercise.gives):
        if other != place and in_their_order:
            yield Mistake("the results are in another order", f"{name} is what {its_name} has to be. Return the "
                          f"results in this order: {', '.join(exercise.gives)}.", _result(exercise, other))
    if "dy" in exercise.inputs:
        for kept, which in ((slice(-1, None), "last"), (slice(0, 1), "first")):
            yield Mistake(f"only the {which} sample counts", f"{name} has the contribution of the {which} sample "
                          "alone: is it made anew for each sample, set with = instead of +=, or returned too early?",
                          _result(exercise, place, kept))


def _result(exercise, place, kept=slice(None)):
    """(*inputs) -> one of the right results, where only the kept samples have a gradient."""
    def result(*inputs):
        inputs = list(inputs)
        if kept != slice(None):
            at = exercise.inputs.index("dy")
            dy = np.zeros_like(inputs[at])
            dy[kept] = inputs[at][kept]
            inputs[at] = dy
        answer = exercise.answer(inputs)[place]
        return np.asarray(answer) if is_numeric(answer) else answer  # a tuple would be taken for all of the results
    return result


def two_at_once(exercise, of_it, name, right):
    """Each mistake of an array together with a general one that is a factor."""
    if not is_numeric(right):
        return
    for mistake in of_it:
        for second in FACTORS:
            yield Mistake(f"{mistake.name}; {second.name}", f"Two things at once. {mistake.sentence} {second.sentence}",
                          [_both(exercise, name, first, second.wrong) for first in ways(mistake)])


def _both(exercise, name, first, second):
    def wrong(right, *inputs):
        found = exercise.mistaken(first, name, right, inputs)
        return None if found is None else exercise.mistaken(second, name, np.asarray(found), inputs)
    return wrong


# ------------------------------------------------------------------------------- mistakes that any function may have

def _times(factor):
    return lambda right: factor * right


def _batch(inputs):
    """N, the length of the first axis of the first array."""
    return next(len(x) for x in inputs if isinstance(x, np.ndarray) and x.ndim)


def _swapped(right):
    return right.T if right.ndim == 2 else None


def _channels_first(right):
    return right.transpose(0, 3, 1, 2) if right.ndim == 4 else None


def _over_batch(power):
    def wrong(right, *inputs):
        n = _batch(inputs)
        return right * float(n) ** power if n > 1 else None
    return wrong


FACTORS = (
    Mistake("sign", "Every number has the wrong sign: a minus is missing, or there is one too many.", _times(-1)),
    Mistake("half",
            "Everything is half of what it should be. Is there a 1/2 whose square was already differentiated?",
            _times(0.5)),
    Mistake("twice",
            "Everything is twice what it should be. Was the derivative of a square counted twice, or a gradient added "
            "two times?", _times(2.0)),
    Mistake("divided by the batch",
            "Everything is N times too small, N = samples in the batch: it is a mean instead of a sum. The loss "
            "contains 1/N already, and so does the gradient that comes in.", _over_batch(-1)),
    Mistake("multiplied by the batch",
            "Everything is N times too large, N = samples in the batch: the mean's 1/N is missing.", _over_batch(1)),
)
GENERAL = (
    *FACTORS,
    Mistake("nothing was filled in",
            "Every number is 0: the array was made, but nothing was written into it, or it was made again inside the "
            "loop.", lambda right: np.zeros_like(right) if right.any() else None),
    Mistake("transposed",
            "It is the transpose of what it should be: rows and columns are swapped. In a product A @ B that "
            "happens when both factors are transposed and swapped.", _swapped),
    Mistake("channels before rows and columns",
            "Its axes are (N, C, H, W), as in PyTorch. Here channels come last: (N, H, W, C).", _channels_first),
)
