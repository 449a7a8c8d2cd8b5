"""What lesson 1 asks for."""

import numpy as np

from minicap.learn.exercises import Exercise, Mistake, gradient_exercise


def array(numbers):
    return np.array(numbers, np.float64)


# ------------------------------------------------------------------------------------------------------------ columns

def normalized(x, axis=0, ddof=0):
    return (x - x.mean(axis, keepdims=True)) / x.std(axis, ddof=ddof, keepdims=True)


NORMALIZE_COLUMNS = Exercise(
    "1.1", "normalize_columns", ("y",), normalized,
    example=((array([[1, 10, 5], [3, 30, 25]]),), array([[-1, -1, -1], [1, 1, 1]])),
    cases=lambda rng: (rng.standard_normal((5, 3)) * [1, 4, 0.3] + [2, -3, 7],),
    mistakes=(
        Mistake("rows instead of columns", "Each row has mean 0 and deviation 1 now, and the columns have not. The "
                "axis you name is the one that goes away: for one number per column the samples have to go, axis=0.",
                lambda right, x: normalized(x, axis=1)),
        Mistake("one mean for everything", "One mean and one deviation were taken of the whole array. Each column has "
                "its own: name the axis, axis=0.", lambda right, x: normalized(x, axis=None)),
        Mistake("the mean is not subtracted", "The columns are divided by their deviation, but their mean is still "
                "there: subtract it first.", lambda right, x: x / x.std(axis=0)),
        Mistake("not divided by the deviation", "The columns have mean 0, but each still has its own deviation: divide "
                "by it.", lambda right, x: x - x.mean(axis=0)),
        Mistake("divided by the variance", "The columns are divided by their variance. The deviation is its square "
                "root: x.std, and not x.var.", lambda right, x: (x - x.mean(axis=0)) / x.var(axis=0)),
        Mistake("multiplied by the deviation", "The columns are multiplied by their deviation. A column that varies "
                "much has to be made smaller: divide.", lambda right, x: (x - x.mean(axis=0)) * x.std(axis=0)),
        Mistake("the sum of squares is divided by N - 1", "The deviation has N - 1 below it (ddof=1), an estimate for "
                "all the data that were not seen. Here it is of these N samples: x.std(axis=0) without ddof.",
                lambda right, x: normalized(x, ddof=1)),
        Mistake("divided by the length of the column", "The columns are divided by the root of their sum of squares, "
                "so each has length 1. The deviation is the root of the mean of the squares.",
                lambda right, x: right / np.sqrt(len(x))),
        Mistake("the squares are not of the distances from the mean", "It is divided by the root of the mean of x². "
                "The deviation takes the squares after the mean was subtracted.",
                lambda right, x: (x - x.mean(axis=0)) / np.sqrt((x * x).mean(axis=0))),
        Mistake("divided before the mean is subtracted", "It is x / deviation - mean: the division binds tighter than "
                "the minus. Put brackets around x - mean.", lambda right, x: x / x.std(axis=0) - x.mean(axis=0)),
        Mistake("only the mean is divided", "It is x - mean / deviation: the division binds tighter than the minus. "
                "Put brackets around x - mean.", lambda right, x: x - x.mean(axis=0) / x.std(axis=0)),
        Mistake("stretched between the smallest and the largest", "The columns now run from 0 to 1, from their "
                "smallest number to their largest. Asked for is mean 0 and deviation 1.",
                lambda right, x: (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))),
    ))


# ---------------------------------------------------------------------------------------------------------- distances

def differences(a, b):
    return a[:, None, :] - b[None, :, :]


SQUARED_DISTANCES = Exercise(
    "1.2", "squared_distances", ("distances",), lambda a, b: (differences(a, b) ** 2).sum(axis=2),
    example=((array([[0, 0], [3, 4]]), array([[0, 0], [3, 0], [0, 8]])), array([[0, 9, 64], [25, 16, 25]])),
    cases=lambda rng: (rng.standard_normal((4, 3)), rng.standard_normal((5, 3))),
    mistakes=(
        Mistake("the root was taken", "These are the distances themselves. Asked for are their squares: leave the root "
                "away.", lambda right, a, b: np.sqrt(right)),
        Mistake("a and b changed places", "Row m, column n holds the distance of a[n] and b[m]. The rows belong to a "
                "and the columns to b: (N, M).", lambda right, a, b: right.T),
        Mistake("the differences are not squared", "The differences were added up without being squared, so that "
                "those above and below zero cancel.", lambda right, a, b: differences(a, b).sum(axis=2)),
        Mistake("squared after the sum", "The differences were added up first, and the sum was squared. Each "
                "difference is squared by itself, then they are added.",
                lambda right, a, b: differences(a, b).sum(axis=2) ** 2),
        Mistake("absolute values instead of squares", "It is the sum of the differences' absolute values. Asked for "
                "are squares.", lambda right, a, b: np.abs(differences(a, b)).sum(axis=2)),
        Mistake("a mean over the D numbers", "The squares were averaged over the D numbers of a row. Add them up: sum, "
                "and not mean.", lambda right, a, b: right / a.shape[1]),
        Mistake("not summed", "These are the squared differences of all pairs, and each still has its D numbers. Sum "
                "over them, the last axis.", lambda right, a, b: differences(a, b) ** 2),
        Mistake("summed over the wrong axis", "The sum runs over the rows of b, and the D numbers of a row are still "
                "there. The axis that has to go is the last one, D.",
                lambda right, a, b: (differences(a, b) ** 2).sum(axis=1)),
        Mistake("summed over the wrong axis", "The sum runs over the rows of a, and the D numbers of a row are still "
                "there. The axis that has to go is the last one, D.",
                lambda right, a, b: (differences(a, b) ** 2).sum(axis=0)),
        Mistake("products instead of distances", "It is a @ b.T, the products of the rows. Rows that are far apart "
                "can have a small product: take differences.", lambda right, a, b: a @ b.T),
        Mistake("the 2 of the mixed term is missing", "It looks like a² + b² - ab. In (a - b)² = a² - 2ab + b² the "
                "mixed term has a 2.", lambda right, a, b: right + a @ b.T),
        Mistake("one row of b for each row of a", "Each row of a met one row of b, that of the same number. Every row "
                "has to meet every row: a needs a new axis, a[:, None, :].",
                lambda right, a, b: ((a[:min(len(a), len(b))] - b[:min(len(a), len(b))]) ** 2).sum(axis=1)),
    ))


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
    def wrong(right, dy, shape):
        for _ in in_front(dy, shape):
            dy = dy[which]
        for axis in stretched(shape):
            dy = np.take(dy, [which], axis=axis)
        return dy
    return wrong


def aligned_on_the_left(right, dy, shape):
    while dy.ndim > len(shape):
        dy = dy.sum(axis=-1)
    return dy.sum(axis=stretched(shape), keepdims=True)


def one_axis_in_front(right, dy, shape):
    if dy.ndim - len(shape) < 2:
        return right  # there it makes no difference
    return dy.sum(axis=0).sum(axis=stretched(shape), keepdims=True)


UNBROADCAST = Exercise(
    "1.3", "unbroadcast", ("gradient",), unbroadcast,
    example=((array([[1, 2, 3], [10, 20, 30]]), (3,)), array([11, 22, 33])),
    cases=lambda rng: (rng.standard_normal((7, 4, 3, 5, 6)), (3, 1, 6)),
    mistakes=(
        Mistake("a mean instead of a sum", "The copies were averaged. Every copy pulls at the same number, and all "
                "pulls add up: sum, and not mean.", lambda right, dy, shape: right * (right.size / dy.size)),
        Mistake("only the first copy counts", "It is what the first copy wants. All copies were used, so what all of "
                "them want is summed.", one_copy(0)),
        Mistake("only the last copy counts", "It is what the last copy wants. Is there a `=` in a loop, where `+=` "
                "would add up what all of them want?", one_copy(-1)),
        Mistake("the axes in front are still there", "dy has axes in front that the shape has not, and they are still "
                "there. Along them the array was copied: sum them away.", lambda right, dy, shape: dy),
        Mistake("the axes in front are still there", "The axes of length 1 are summed, but those that dy has in front "
                "and the shape has not are still there: sum them away.",
                lambda right, dy, shape: dy.sum(axis=tuple(i - len(shape) for i in stretched(shape)), keepdims=True)),
        Mistake("the axes in front are still there", "The axes that dy has in front and the shape has not are still "
                "there. Sum them away first: until then the numbers of the axes are not those of the shape.",
                lambda right, dy, shape: dy.sum(axis=stretched(shape), keepdims=True)),
        Mistake("only one axis in front is summed", "One axis in front was summed away. There may be several: go on "
                "until dy has as many axes as the shape.", one_axis_in_front),
        Mistake("axes of length 1 are not summed", "The axes in front are gone. But where the shape has a 1 and dy has "
                "more, the array was copied too: sum there as well, and keep the axis.",
                lambda right, dy, shape: dy.sum(axis=in_front(dy, shape))),
        Mistake("an axis of length 1 is lost", "The sums are right, but an axis that was summed is gone. The gradient "
                "has the shape of the array, and that has a 1 there: keepdims=True.",
                lambda right, dy, shape: dy.sum(axis=in_front(dy, shape)).sum(axis=stretched(shape))),
        Mistake("lined up on the left", "The last axes were summed away. Shapes are lined up on the right, so the new "
                "axes are in front: axis=0.", aligned_on_the_left),
        Mistake("summed over everything", "Everything was summed into one number. Sum only along the axes along which "
                "the array was copied.", lambda right, dy, shape: np.asarray(dy.sum())),
        Mistake("summed over everything", "Every place holds the sum of all of dy. Sum only along the axes along which "
                "the array was copied.", lambda right, dy, shape: np.full(shape, dy.sum())),
    ))


# ------------------------------------------------------------------------------------------------- contrast and places

ADJUST_BACKWARD = gradient_exercise(
    "1.4", "adjust_backward", lambda x, a, b: a * x + b, {"dx": 0, "da": 1, "db": 2},
    example=((array([[1, 2, 3], [4, 5, 6]]), array([[2], [10]]), array([7, 8, 9]), array([[1, 0, 2], [0, 3, 1]])),
             (array([[2, 0, 4], [0, 30, 10]]), array([[7], [21]]), array([1, 3, 3]))),
    cases=lambda rng: tuple(rng.standard_normal(shape) for shape in ((4, 3), (4, 1), 3, (4, 3))),
    mistakes=(
        Mistake("dx without the contrast", "dx is dy. If x grows by ε, y grows by a ε: dx is a dy.",
                lambda right, x, a, b, dy: dy, of="dx"),
        Mistake("dx with x instead of a", "dx is x dy. The gradient of a factor has the other factor in it, and for x "
                "that is a.", lambda right, x, a, b, dy: x * dy, of="dx"),
        Mistake("dx divided by the contrast", "dx is dy / a, as if one had to undo the product. A gradient is no "
                "inverse: if x grows by ε, y grows by a ε.", lambda right, x, a, b, dy: dy / a, of="dx"),
        Mistake("da without x", "da is the sum of dy. If a grows by ε, y grows by x ε: multiply by x, then sum.",
                lambda right, x, a, b, dy: dy.sum(axis=1, keepdims=True), of="da"),
        Mistake("da without dy", "da is the sum of x. How much y grows is not yet how much the loss grows: multiply by "
                "dy, then sum.", lambda right, x, a, b, dy: x.sum(axis=1, keepdims=True), of="da"),
        Mistake("x and dy are summed before they are multiplied", "da is the sum of x times the sum of dy. Each "
                "pixel's x meets its own dy: multiply first, then sum.",
                lambda right, x, a, b, dy: x.sum(axis=1, keepdims=True) * dy.sum(axis=1, keepdims=True), of="da"),
        Mistake("da not summed", "da is x dy and has a number for each pixel. A picture has one contrast for all its "
                "pixels: sum along axis 1.", lambda right, x, a, b, dy: x * dy, of="da"),
        Mistake("da lost its axis", "The sums are right, but a is (N, 1) and da is (N,). Later `a - da` would give "
                "(N, N), without a complaint: keepdims=True.",
                lambda right, x, a, b, dy: (x * dy).sum(axis=1), of="da"),
        Mistake("da summed over the wrong axis", "da was summed over the pictures. Each picture has its own contrast, "
                "it was copied to the pixels: sum along axis 1.", lambda right, x, a, b, dy: (x * dy).sum(axis=0),
                of="da"),
        Mistake("da summed over the wrong axis", "da was summed over the pictures. Each picture has its own contrast, "
                "it was copied to the pixels: sum along axis 1.",
                lambda right, x, a, b, dy: (x * dy).sum(axis=0, keepdims=True), of="da"),
        Mistake("da is a mean", "da is a mean over the pixels. All pixels pull at the contrast, and the pulls add up: "
                "sum, and not mean.", lambda right, x, a, b, dy: (x * dy).mean(axis=1, keepdims=True), of="da"),
        Mistake("db not summed", "db is dy itself. b was used for all N pictures, so what all of them want is summed: "
                "dy.sum(axis=0).", lambda right, x, a, b, dy: dy, of="db"),
        Mistake("db with the contrast", "db is the sum of a dy. b is added after the contrast and counts once: sum dy "
                "alone.", lambda right, x, a, b, dy: (a * dy).sum(axis=0), of="db"),
        Mistake("db is a mean", "db is a mean over the pictures. All pictures pull at b, and the pulls add up: sum, "
                "and not mean.", lambda right, x, a, b, dy: dy.mean(axis=0), of="db"),
        Mistake("db summed over the wrong axis", "db was summed over the pixels. Each pixel has its own b, it was "
                "copied to the pictures: sum along axis 0.", lambda right, x, a, b, dy: dy.sum(axis=1), of="db"),
        Mistake("db summed over the wrong axis", "db was summed over the pixels. Each pixel has its own b, it was "
                "copied to the pictures: sum along axis 0.",
                lambda right, x, a, b, dy: dy.sum(axis=1, keepdims=True), of="db"),
        Mistake("db summed over everything", "db is one number, the sum of all of dy. Each pixel has its own b: sum "
                "over the pictures alone, axis=0.", lambda right, x, a, b, dy: dy.sum(), of="db"),
        Mistake("db has one axis too many", "The sums are right, but b is (D,) and db is (1, D). The axis in front was "
                "not there before: leave keepdims away.", lambda right, x, a, b, dy: dy.sum(axis=0, keepdims=True),
                of="db"),
    ))

EXERCISES = (NORMALIZE_COLUMNS, SQUARED_DISTANCES, UNBROADCAST, ADJUST_BACKWARD)
