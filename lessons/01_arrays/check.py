"""What lesson 1 asks for."""

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, gradient_exercise
from minicap.learn.recurring import floats, normal

# ------------------------------------------------------------------------------------------------------------ columns


def normalized(x, axis=0, ddof=0):
    return (x - x.mean(axis, keepdims=True)) / x.std(axis, ddof=ddof, keepdims=True)


NORMALIZE_COLUMNS = Exercise(
    "1.1", "normalize_columns", ("y",), normalized,
    example=(floats([[1, 10, 5], [3, 30, 25]]), np.array([[-1.0, -1, -1], [1, 1, 1]])),
    cases=lambda rng: (rng.standard_normal((5, 3)) * [1, 4, 0.3] + [2, -3, 7],),
    mistakes=[
        ("rows instead of columns", "Each row has mean 0 and deviation 1 now, not each column. The axis you name is "
         "the one that disappears: axis=0.", lambda x: normalized(x, axis=1)),
        ("one mean for everything", "One mean and one deviation were taken of the whole array. Each column has its "
         "own: axis=0.", lambda x: normalized(x, axis=None)),
        ("the mean is not subtracted", "The columns are divided by their deviation, but their mean is still there: "
         "subtract it first.", lambda x: x / x.std(axis=0)),
        ("not divided by the deviation", "The columns have mean 0, but each still has its own deviation: divide by it.",
         lambda x: x - x.mean(axis=0)),
        ("divided by the variance", "The columns are divided by their variance. The deviation is its square root: "
         "x.std, and not x.var.", lambda x: (x - x.mean(axis=0)) / x.var(axis=0)),
        ("multiplied by the deviation", known.multiplied("The columns", "their deviation"),
         lambda x: (x - x.mean(axis=0)) * x.std(axis=0)),
        ("the sum of squares is divided by N - 1", "The deviation is divided by N - 1 (ddof=1), an estimate for data "
         "not seen. Here it is that of these N samples.", lambda x: normalized(x, ddof=1)),
        ("divided by the length of the column", "Each column has length 1: it is divided by the root of its sum of "
         "squares. The deviation is the root of their mean.", lambda right, x: right / np.sqrt(len(x))),
        ("the squares are not of the distances from the mean", "It is divided by the root of the mean of x². The "
         "deviation takes the squares after the mean is subtracted.",
         lambda x: (x - x.mean(axis=0)) / np.sqrt((x * x).mean(axis=0))),
        ("divided before the mean is subtracted", known.brackets("x / deviation - mean", "x - mean"),
         lambda x: x / x.std(axis=0) - x.mean(axis=0)),
        ("only the mean is divided", known.brackets("x - mean / deviation", "x - mean"),
         lambda x: x - x.mean(axis=0) / x.std(axis=0)),
        ("stretched between the smallest and the largest", "The columns now run from 0 to 1, from smallest to "
         "largest. The exercise asks for mean 0 and deviation 1.",
         lambda x: (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))),
    ])


# ---------------------------------------------------------------------------------------------------------- distances

def differences(a, b):
    return a[:, None, :] - b[None, :, :]


SQUARED_DISTANCES = Exercise(
    "1.2", "squared_distances", ("distances",), lambda a, b: (differences(a, b) ** 2).sum(axis=2),
    example=(floats([[0, 0], [3, 4]], [[0, 0], [3, 0], [0, 8]]), np.array([[0.0, 9, 64], [25, 16, 25]])),
    cases=normal((4, 3), (5, 3)),
    mistakes=[
        ("the root was taken", "These are the distances. The exercise asks for their squares: no root.",
         lambda right: np.sqrt(right)),
        ("a and b changed places", "Row m, column n holds the distance of a[n] and b[m]. The rows belong to a and the "
         "columns to b: (N, M).", lambda right: right.T),
        ("the differences are not squared", "The differences were added without being squared, so positive and "
         "negative ones cancel.", lambda a, b: differences(a, b).sum(axis=2)),
        ("squared after the sum", "The differences were added first, then squared. Square each difference, then add.",
         lambda a, b: differences(a, b).sum(axis=2) ** 2),
        ("absolute values instead of squares", "It is the sum of the absolute differences. The exercise asks for "
         "squares.",
         lambda a, b: np.abs(differences(a, b)).sum(axis=2)),
        ("a mean over the D numbers", known.mean("It", "the D numbers of a row"), lambda right, a: right / a.shape[1]),
        ("not summed", "These are the squared differences, and each pair still has its D numbers: sum over the last "
         "axis.", lambda a, b: differences(a, b) ** 2),
        ("summed over the wrong axis", "The sum runs over rows, and the D numbers of a row are still there. The axis "
         "to sum over is the last one, D.",
         (lambda a, b: (differences(a, b) ** 2).sum(axis=1), lambda a, b: (differences(a, b) ** 2).sum(axis=0))),
        ("products instead of distances", "It is a @ b.T, the products of the rows. Rows that are far apart can have a "
         "small product: take differences.", lambda a, b: a @ b.T),
        ("the 2 of the mixed term is missing", "It looks like a² + b² - ab. In (a - b)² = a² - 2ab + b² the mixed term "
         "has a 2.", lambda right, a, b: right + a @ b.T),
        ("one row of b for each row of a", "Each row of a met the row of b with the same number. Every row has to meet "
         "every row: a[:, None, :].",
         lambda a, b: ((a[:min(len(a), len(b))] - b[:min(len(a), len(b))]) ** 2).sum(axis=1)),
    ])


# -------------------------------------------------------------------------------------------------------- unbroadcast

def in_front(dy, shape):
    """The axes of dy that the shape does not have."""
    return tuple(range(dy.ndim - len(shape)))


def stretched(shape):
    return tuple(i for i, length in enumerate(shape) if length == 1)


def unbroadcast(dy, shape):
    return dy.sum(axis=in_front(dy, shape)).sum(axis=stretched(shape), keepdims=True)


def one_copy(which):
    """What is left when of all copies only the first or the last one counts."""
    def wrong(dy, shape):
        dy = dy[(which,) * len(in_front(dy, shape))]
        return dy[tuple([which] if length == 1 else slice(None) for length in shape)]
    return wrong


def aligned_on_the_left(dy, shape):
    return dy.sum(axis=tuple(range(len(shape), dy.ndim))).sum(axis=stretched(shape), keepdims=True)


def every_way(module):
    """All axes may be in front, or several stretched, or none: shapes that a function for one of these gets wrong."""
    dy = np.arange(24.0).reshape(2, 3, 4)
    for shape in ((), (1,), (1, 1, 4), (2, 1, 1), (1, 1, 1)):
        found, right = np.asarray(module.unbroadcast(dy.copy(), shape)), unbroadcast(dy, shape)
        if found.shape != shape:
            return (f"with dy of shape (2, 3, 4) and the shape {shape}, the gradient has to have the shape {shape}, "
                    f"and not {found.shape}: is every axis summed that is not in the shape, or has length 1 there?")
        if not np.allclose(found, right):
            return f"with dy of shape (2, 3, 4) and the shape {shape}, the gradient is not the sum over all copies"
    return None


def one_axis_in_front(right, dy, shape):
    if dy.ndim - len(shape) < 2:
        return right  # there it makes no difference
    return dy.sum(axis=0).sum(axis=stretched(shape), keepdims=True)


UNBROADCAST = Exercise(
    "1.3", "unbroadcast", ("gradient",), unbroadcast,
    example=((np.array([[1.0, 2, 3], [10, 20, 30]]), (3,)), np.array([11.0, 22, 33])),
    cases=lambda rng: (rng.standard_normal((7, 4, 3, 5, 6)), (3, 1, 6)), learns=every_way,
    mistakes=[
        ("a mean instead of a sum", known.mean("It", "the copies"), lambda right, dy: right * (right.size / dy.size)),
        ("only the first copy counts", known.first_only("It", "copy"),
         (one_copy(0),
          lambda dy, shape: dy[(0,) * len(in_front(dy, shape))].sum(axis=stretched(shape), keepdims=True))),
        ("only the last copy counts", known.last_only("It", "copy"), one_copy(-1)),
        ("the axes in front are still there", "dy still has the axes in front that the shape has not. Along them the "
         "array was copied: sum over them first.",
         (lambda dy: dy,
          lambda dy, shape: dy.sum(axis=tuple(i - len(shape) for i in stretched(shape)), keepdims=True),
          lambda dy, shape: dy.sum(axis=stretched(shape), keepdims=True))),
        ("only one axis in front is summed", "One axis in front was summed over. There may be several: go on until dy "
         "has as many axes as the shape.", one_axis_in_front),
        ("axes of length 1 are not summed", "Where the shape has a 1 and dy has more, the array was copied, too: sum "
         "over that axis as well, and keep it.", lambda dy, shape: dy.sum(axis=in_front(dy, shape))),
        ("an axis of length 1 is lost", "The sums are right, but an axis of length 1 is gone. The gradient has the "
         "shape of the array: keepdims=True.",
         lambda dy, shape: dy.sum(axis=in_front(dy, shape)).sum(axis=stretched(shape))),
        ("lined up on the left", "The last axes were summed over. Shapes are lined up on the right, so the new axes "
         "are in front: axis=0.", aligned_on_the_left),
        ("summed over everything", "Everything was summed. Sum only along the axes along which the array was copied.",
         (lambda dy: np.asarray(dy.sum()), lambda dy, shape: np.full(shape, dy.sum()))),
    ])


# ------------------------------------------------------------------------------------------------- contrast and places

ADJUST_BACKWARD = gradient_exercise(
    "1.4", "adjust_backward", lambda x, a, b: a * x + b, {"dx": 0, "da": 1, "db": 2},
    example=(floats([[1, 2, 3], [4, 5, 6]], [[2], [10]], [7, 8, 9], [[1, 0, 2], [0, 3, 1]]),
             floats([[2, 0, 4], [0, 30, 10]], [[7], [21]], [1, 3, 3])),
    cases=normal((4, 3), (4, 1), 3, (4, 3)),
    mistakes={"dx": [
        ("dx without the contrast", "dx is dy. If x grows by ε, y grows by a ε: dx is a dy.", lambda dy: dy),
        ("dx with x instead of a", "dx is x dy. The gradient of a factor contains the other factor, and for x that is "
         "a.", lambda x, dy: x * dy),
        ("dx divided by the contrast", "dx is dy / a, as if the product had to be undone. If x grows by ε, y grows by "
         "a ε: a dy.", lambda a, dy: dy / a),
    ], "da": [
        ("da without x", "da is the sum of dy. If a grows by ε, y grows by x ε: multiply by x, then sum.",
         lambda dy: dy.sum(axis=1, keepdims=True)),
        ("da without dy", "da is the sum of x. How much y grows is not yet how much the loss grows: multiply by dy, "
         "then sum.", lambda x: x.sum(axis=1, keepdims=True)),
        ("x and dy are summed before they are multiplied", "da is the sum of x times the sum of dy. Each pixel's x "
         "meets its own dy: multiply first, then sum.",
         lambda x, dy: x.sum(axis=1, keepdims=True) * dy.sum(axis=1, keepdims=True)),
        ("da not summed", known.not_summed("da", "x dy", "A picture has one contrast for all its pixels", "axis=1"),
         lambda x, dy: x * dy),
        ("da lost its axis", "The sums are right, but a is (N, 1) and da is (N,). Then `a - da` is (N, N), without an "
         "error: keepdims=True.", lambda x, dy: (x * dy).sum(axis=1)),
        ("da summed over the wrong axis",
         known.wrong_axis("da", "the pictures", "Each picture has its own contrast, used for all its pixels", "axis=1"),
         (lambda x, dy: (x * dy).sum(axis=0), lambda x, dy: (x * dy).sum(axis=0, keepdims=True))),
        ("da is a mean", known.mean("da", "the pixels"), lambda x, dy: (x * dy).mean(axis=1, keepdims=True)),
    ], "db": [
        ("db not summed", known.not_summed("db", "dy", "b was used for all N pictures", "dy.sum(axis=0)"),
         lambda dy: dy),
        ("db with the contrast", "db is the sum of a dy. b is added after the contrast: sum dy alone.",
         lambda a, dy: (a * dy).sum(axis=0)),
        ("db is a mean", known.mean("db", "the pictures"), lambda dy: dy.mean(axis=0)),
        ("db summed over the wrong axis",
         known.wrong_axis("db", "the pixels", "Each pixel has its own b, used in all pictures", "axis=0"),
         (lambda dy: dy.sum(axis=1), lambda dy: dy.sum(axis=1, keepdims=True))),
        ("db summed over everything", known.one_number("db", "Each pixel has its own b", "axis=0"),
         lambda dy: dy.sum()),
        ("db has one axis too many", "The sums are right, but b is (D,) and db is (1, D): leave keepdims out.",
         lambda dy: dy.sum(axis=0, keepdims=True)),
    ]})

EXERCISES = (NORMALIZE_COLUMNS, SQUARED_DISTANCES, UNBROADCAST, ADJUST_BACKWARD)
