"""What lesson 2 asks for. Steps are large here, 0.1 to 0.3, so that one kind of difference is told from another."""

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import accepted

SMALL = 1e-5  # where a slope is the slope
NO_BRACKETS = "`/ 2 * h` goes from left to right: it divides by 2 and multiplies by h. Write / (2 * h)."
STEP_OF_ITS_OWN = "It is measured with another step: did you write one of your own? Use the h that is given."


# -------------------------------------------------------------------------------------------------------------- slope

def slope(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def curve(rng):
    a, b, c = rng.uniform(0.5, 2, 3)
    return (lambda x: a * x * x * x + b * x * x + c * np.sin(3 * x), float(rng.uniform(1, 2)),
            float(rng.uniform(0.1, 0.3)))


SLOPE = Exercise(
    "2.1", "slope", ("slope",), slope, example=((lambda x: x * x * x, 2.0, 0.1), 12.01), cases=curve,
    mistakes=[
        ("divided by h instead of 2h", "It is twice too large. The two places x + h and x - h are 2h apart: divide by "
         "2 * h.", lambda right: 2 * right),
        ("one-sided", "It is a step to one side alone, whose error is of the size of h. With a step to both sides it "
         "is h².", (lambda f, x, h: (f(x + h) - f(x)) / h, lambda f, x, h: (f(x) - f(x - h)) / h)),
        ("one step, divided by two", "It is (f(x + h) - f(x)) / 2h. Between x and x + h lies one h only: step to both "
         "sides, or divide by h.", lambda f, x, h: (f(x + h) - f(x)) / (2 * h)),
        ("not divided", "It is f(x + h) - f(x - h). A slope is how much f grows per distance: divide by 2 * h.",
         lambda f, x, h: f(x + h) - f(x - h)),
        ("brackets around 2h are missing", NO_BRACKETS, lambda f, x, h: (f(x + h) - f(x - h)) / 2 * h),
        ("brackets around the difference are missing", known.brackets("f(x + h) - f(x - h) / 2h", "the difference"),
         lambda f, x, h: f(x + h) - f(x - h) / (2 * h)),
        ("added instead of subtracted", "It is (f(x + h) + f(x - h)) / 2h. The slope is how much higher f is at x + h "
         "than at x - h: subtract.", lambda f, x, h: (f(x + h) + f(x - h)) / (2 * h)),
        ("half a step", "It is a central difference with a step of h / 2 to each side. Go h to each side, and divide "
         "by 2 * h.", lambda f, x, h: slope(f, x, h / 2)),
        ("another step than h", STEP_OF_ITS_OWN, lambda f, x: slope(f, x, SMALL)),
    ])


# ----------------------------------------------------------------------------------------------------------- gradient

def each(f, x, difference):
    """The array of difference(at) for every number of x: at(step) is f with that number moved by the step."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        def at(step, index=index):
            moved = x.copy()
            moved[index] += step
            return f(moved)
        gradient[index] = difference(at)
    return gradient


def numerical_gradient(f, x, h):
    return each(f, x, lambda at: (at(h) - at(-h)) / (2 * h))


def left_down(f, x, h):
    """Every number is moved up, then down, and stays there."""
    gradient, moved = np.zeros(x.shape), x.copy()
    for index in np.ndindex(x.shape):
        moved[index] = x[index] + h
        up = f(moved)
        moved[index] = x[index] - h
        gradient[index] = (up - f(moved)) / (2 * h)
    return gradient


def rows_moved(right, f, x, h):
    if x.ndim < 2:
        return right
    steps = [h * (np.arange(len(x)) == i).reshape(-1, *[1] * (x.ndim - 1)) for i in range(len(x))]
    return np.array([np.full(x[0].shape, (f(x + step) - f(x - step)) / (2 * h)) for step in steps])


def in_float32(f, x, h):
    return numerical_gradient(f, x.astype(np.float32), h)


def from_float32(f, x, h):
    return numerical_gradient(f, x.astype(np.float32).astype(np.float64), h)


def hills(rng):
    """Three axes; one number is so large that in float32 a step from it ends somewhere else."""
    shape = (3, 2, 2)
    a, b, origin = rng.standard_normal(shape), rng.uniform(0.2, 0.5, shape), np.zeros(shape)
    origin[int(rng.integers(3)), 1, 0] = 1e5
    return (lambda x: float((a * np.sin(2 * (x - origin))).sum() + (b * (x - origin)).sum() ** 3),
            origin + rng.uniform(0.5, 1.5, shape), float(rng.uniform(0.1, 0.3)))


NUMERICAL_GRADIENT = Exercise(
    "2.2", "numerical_gradient", ("gradient",), numerical_gradient,
    example=((lambda x: x[0] ** 2 * x[1], np.array([3.0, 2.0]), 0.1), np.array([12.0, 9.0])), cases=hills,
    mistakes=[
        ("the numbers stay where they were moved", "Each slope after the first is measured with earlier numbers still "
         "moved. Put each back, or begin with a new copy of x.", (left_down, lambda f, x, h: left_down(f, x, -h))),
        ("all numbers are moved at once", "All of x was moved at once, so what each number contributes cannot be seen "
         "any more. Move them one by one.",
         (lambda f, x, h: np.asarray(slope(f, x, h)), lambda f, x, h: np.full(x.shape, slope(f, x, h)))),
        ("a whole row is moved", "All numbers of a row were moved together. With an index for each axis "
         "(np.ndindex(x.shape)) it is one at a time.", rows_moved),
        ("divided by h instead of 2h", "It is twice too large: the two places are 2h apart.", lambda right: 2 * right),
        ("one-sided", "Each number is moved to one side alone. Move it to both sides: f(x + h) - f(x - h), divided by "
         "2h.",
         (lambda f, x, h: each(f, x, lambda at: (at(h) - at(0)) / h),
          lambda f, x, h: each(f, x, lambda at: (at(0) - at(-h)) / h))),
        ("moved back by h only", "It is (f(x + h) - f(x)) / 2h. After a step up by h, a step back by h leads to x "
         "itself: go back by 2h.", lambda f, x, h: each(f, x, lambda at: (at(h) - at(0)) / (2 * h))),
        ("not divided", "These are the differences f(x + h) - f(x - h). A slope is the difference per distance: divide "
         "by 2 * h.", lambda right, h: 2 * h * right),
        ("brackets around 2h are missing", NO_BRACKETS, lambda right, h: right * h * h),
        ("another step than h", STEP_OF_ITS_OWN, lambda f, x: numerical_gradient(f, x, SMALL)),
        ("computed in float32", "x, or a copy of it, was made float32. Its seven digits are too few for small steps: "
         "np.array(x, float), or x.copy(), keeps all of them.", (in_float32, from_float32)),
        ("flat", "The slopes are right, but in one long row. The gradient has the shape of x: reshape it.",
         lambda right, x: right.ravel() if x.ndim > 1 else right),
    ])


# ------------------------------------------------------------------------------------------------------ relative error

def ratio(above, below):
    return above / np.where(below != 0, below, 1)


def errors(a, b, size=np.maximum):
    """|a - b| over the larger one, or another size, of |a| and |b|."""
    return ratio(np.abs(a - b), size(np.abs(a), np.abs(b)))


def pairs(rng):
    """Numbers of all sizes and signs, up to a fifth off, one of them more; and a place where both are 0."""
    a = rng.choice([-1, 1], (3, 4)) * 10 ** rng.uniform(-1, 2, (3, 4))
    b = a * (1 + rng.uniform(-0.2, 0.2, (3, 4)))
    a[2, 3] = b[2, 3] = 0
    a[0, 1], b[0, 1] = -1, -0.6   # of two negative numbers the larger one is the one nearer to 0
    a[1, 2], b[1, 2] = 0.5, 0.75  # the second worst, and above 0
    return a, b


def at_any_size(module):
    """Small numbers count as much as large ones, and 0 beside another number is as wrong as can be."""
    for a, b, error, what in ((2e-9, 1e-9, 0.5, "small numbers count as much as large ones: is something added to what "
                               "it is divided by, or is that made 1 at least?"),
                              (3.0, 0.0, 1.0, "only where both are 0 the error is 0"),
                              (0.0, 3.0, 1.0, "only where both are 0 the error is 0")):
        found = float(module.relative_error(np.array([a, 1.0]), np.array([b, 1.0])))
        if not abs(found - error) < 1e-6:
            return f"with a = [{a:g}, 1] and b = [{b:g}, 1] it is {found:.3g}, and should be {error:g}: {what}"
    return None


RELATIVE_ERROR = Exercise(
    "2.3", "relative_error", ("error",), lambda a, b: errors(a, b).max(),
    example=((np.array([1.0, 0, 200, 1]), np.array([1.0, 0, 190, 2])), 0.5), cases=pairs,
    learns=at_any_size,
    mistakes=[
        ("0 / 0", "Where both are 0 it divides 0 by 0, which is not a number (nan). Divide by 1 there: np.where(larger "
         "> 0, larger, 1).", lambda: np.nan),
        ("the absolute error", "It is the largest difference. A difference of 10 is little where the numbers are 200, "
         "and 1 is much where they are 2.", lambda a, b: np.abs(a - b).max()),
        ("divided by |a| alone",
         known.divided_by("It", "|a|, so that the order matters and a small a makes it huge", "the larger of the two"),
         lambda a, b: errors(a, b, lambda a, b: a).max()),
        ("divided by |b| alone",
         known.divided_by("It", "|b|, so that the order matters and a small b makes it huge", "the larger of the two"),
         lambda a, b: errors(a, b, lambda a, b: b).max()),
        ("divided by |a| + |b|",
         known.divided_by("It", "|a| + |b|, which is used too, and gives half as much", "the larger of the two"),
         lambda a, b: errors(a, b, np.add).max()),
        ("divided by the smaller one", "It is divided by the smaller of |a| and |b|: np.maximum, and not np.minimum.",
         lambda a, b: errors(a, b, np.minimum).max()),
        ("a mean over all places", "It is the mean of the relative errors. One wrong number among a million would not "
         "show: take the largest.", lambda a, b: errors(a, b).mean()),
        ("a sum over all places", "It is the sum of the relative errors, and grows with the number of elements. Take "
         "the largest.", lambda a, b: errors(a, b).sum()),
        ("one for each place", "These are the relative errors of all elements. The exercise asks for the largest.",
         errors),
        ("the largest numbers of all elements are compared", "The largest difference is divided by the largest number, "
         "of another element. Divide element by element, then take the max.",
         lambda a, b: np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max())),
        ("lengths of whole arrays", "It is |a - b| / max(|a|, |b|) of whole arrays, where large numbers hide small "
         "ones. Divide element by element.",
         lambda a, b: np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b))),
        ("the sign of the difference counts", "Only elements where a is larger than b count: the difference needs its "
         "absolute value.", lambda a, b: ratio(a - b, np.maximum(np.abs(a), np.abs(b))).max()),
        ("the sign of the numbers counts", "It is divided by max(a, b) with signs, below 0 the smaller one: "
         "np.maximum(np.abs(a), np.abs(b)).", lambda a, b: ratio(np.abs(a - b), np.maximum(a, b)).max()),
    ])


# ------------------------------------------------------------------------------------------------------------- passes

def one_number_wrong(x, dy):
    dx = 2 * x * dy
    dx[-1, -1] *= 2
    return dx


def beside(x):
    """x and -x side by side: the sum of all outputs is 0, whatever x is."""
    return np.stack([x, -x], axis=-1)


# name: (forward, backward, whether it passes)
PROBLEMS = {
    "x²": (lambda x: x * x, lambda x, dy: 2 * x * dy, True),
    "x² without the 2": (lambda x: x * x, lambda x, dy: x * dy, False),
    "x², 1 % too much": (lambda x: x * x, lambda x, dy: 2.02 * x * dy, False),
    "x², 0.01 % too much": (lambda x: x * x, lambda x, dy: 2.0002 * x * dy, False),
    "x², upside down": (lambda x: x * x, lambda x, dy: (2 * x * dy)[::-1], False),
    "x² + 100": (lambda x: x * x + 100, lambda x, dy: 2 * x * dy, True),
    "x², one number wrong": (lambda x: x * x, one_number_wrong, False),
    "x beside -x": (beside, lambda x, dy: dy[..., 0] - dy[..., 1], True),
    "x beside -x, always 0": (beside, lambda x, dy: 0 * x, False),
    "10⁶ x³": (lambda x: 1e6 * x * x * x, lambda x, dy: 3e6 * x * x * dy, True),
    "10⁻⁹ x² without the 2": (lambda x: 1e-9 * x * x, lambda x, dy: 1e-9 * x * dy, False),
}
TWO = {name: PROBLEMS[name] for name in ("x²", "x² without the 2")}


GIVEN = "the rng that is given"


def weights_drawn(module, x, seed):
    """The dy that the learner's function hands to backward when its rng has this seed, and the dtypes of x and dy."""
    drawn, dtypes = [], set()

    def backward(x, dy):
        drawn.append(np.array(dy))
        dtypes.update((str(np.asarray(x).dtype), str(drawn[-1].dtype)))
        return 2 * x * dy

    module.passes(lambda x: x * x, backward, x, np.random.default_rng(seed))
    return np.array(drawn), dtypes


def origin(once, again, other):
    """Where dy comes from: of rngs of the same seed twice, and then of another seed."""
    if once.size and np.ptp(once) == 0:
        return "nowhere: all are one number"
    if once.size > 10 and (once > 0).all():
        return "rng, but all are above 0"
    if not np.array_equal(once, again):
        return "others"
    return "the same for every rng" if once.size and np.array_equal(once, other) else GIVEN


def passed(module, problems, x):
    found = accepted({name: module.passes(forward, backward, x, np.random.default_rng(0))
                      for name, (forward, backward, _) in problems.items()}, "passes")
    (once, dtypes), (again, _), (other, _) = (weights_drawn(module, x, seed) for seed in (1, 1, 2))
    return found, origin(once, again, other), "float32" if "float32" in dtypes else "float64"


def also(*names, without=()):
    """Who gets through when these do as well, and those ``without`` do not."""
    return lambda right, problems: [name for name in problems if name in (*right, *names) and name not in without]


def those_that_pass(problems, x):
    return [name for name, (*_, passes) in problems.items() if passes], GIVEN, "float64"


PASSES = Exercise(
    "2.4", "passes", ("accepted", "where dy comes from", "x and dy for backward"), those_that_pass,
    example=((TWO, np.array([[1.0, 2.0], [3.0, 0.5]])), (["x²"], GIVEN, "float64")),
    cases=lambda rng: (PROBLEMS, rng.uniform(0.5, 2, (4, 3)).astype(np.float32)), call=passed,
    mistakes={"accepted": [
        ("output weights of 1", "A backward pass that always answers 0 got through, because its outputs sum to 0. Draw "
         "dy at random instead of ones.", also("x beside -x, always 0")),
        ("computed in float32", "Right ones are refused when x is float32. Seven digits are too few for a step of "
         "1e-5: x.astype(np.float64) first.", lambda right, x: [] if x.dtype == np.float32 else right),
        ("nothing gets through", "Right ones are refused too. Is dy drawn anew for each loss? Draw it once. Is the "
         "loss the sum of forward(x) * dy? Else look at h, and the step to both sides.",
         (lambda: [], also(without=("x²", "10⁶ x³", "x² + 100")))),
        ("dy is not in the loss", "The loss is the sum of forward(x) alone, but backward was given dy: (forward(x) * "
         "dy).sum().", lambda problems: [name for name in problems if name == "x beside -x, always 0"]),
        ("h is not 1e-5", "Right ones are refused, as with a step too small or too large. h is 1e-5.",
         (also(without=("x² + 100",)), also(without=("10⁶ x³",)), also(without=("x² + 100", "10⁶ x³")))),
        ("everything gets through", "Wrong ones get through too. Is the result of backward(x, dy) compared with the "
         "slopes at all?", lambda problems: list(problems)),
        ("the answer is upside down", known.upside_down("error", "below 1e-6"),
         lambda right, problems: [name for name in problems if name not in right]),
        ("the absolute error", "Large right gradients are refused and small wrong ones get through: divide the error "
         "by the size of the numbers.", also("10⁻⁹ x² without the 2", without=("10⁶ x³",))),
        ("small gradients are not compared", "A wrong gradient of size 1e-9 got through, as with np.allclose, whose "
         "atol is 1e-8: use the relative error alone.", also("10⁻⁹ x² without the 2")),
        ("too generous", "0.01 % too much got through. In float64 a right gradient agrees with its slopes to eight "
         "digits: ask for 1e-6.", (also("x², 0.01 % too much"), also("x², 1 % too much", "x², 0.01 % too much"))),
        ("not compared one by one", "The right numbers in the wrong places got through. Compare each number with the "
         "slope at its own place.", also("x², upside down")),
        ("one wrong number is overlooked", "A gradient with one wrong number got through. Compare every number; the "
         "worst decides.", also("x², one number wrong")),
    ], "where dy comes from": [
        ("output weights of 1", "Every dy is the same number, and so a backward pass that always answers 0 may get "
         "through. Draw dy at random.", lambda: "nowhere: all are one number"),
        ("output weights above 0 only", "All of dy is above 0, as from rng.random. Draw it with rng.standard_normal.",
         lambda: "rng, but all are above 0"),
        ("random numbers of its own", known.own_random_numbers("dy"), lambda: "others"),
        ("the same for every rng", known.same_for_every_rng("dy"), lambda: "the same for every rng"),
    ], "x and dy for backward": [
        ("computed in float32", "backward was given float32, whose seven digits are too few. Make x float64 first, use "
         "that for both gradients, and leave dy float64.", lambda: "float32"),
    ]})

EXERCISES = (SLOPE, NUMERICAL_GRADIENT, RELATIVE_ERROR, PASSES)
