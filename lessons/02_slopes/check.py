"""What lesson 2 asks for. Steps are large here, 0.1 to 0.3, so that one kind of difference is told from another."""

import numpy as np

from minicap.learn.exercises import Exercise, Mistake

SMALL = 1e-5  # where a slope is the slope


# -------------------------------------------------------------------------------------------------------------- slope

def slope(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def curve(rng):
    a, b, c = rng.uniform(0.5, 2, 3)

    def f(x):
        return a * x * x * x + b * x * x + c * np.sin(3 * x)

    return f, float(rng.uniform(1, 2)), float(rng.uniform(0.1, 0.3))


SLOPE = Exercise(
    "2.1", "slope", ("slope",), slope, example=((lambda x: x * x * x, 2.0, 0.1), 12.01), cases=curve,
    mistakes=(
        Mistake("divided by h instead of 2h", "It is twice too much. The two places x + h and x - h are 2h apart: "
                "divide by 2 * h.", lambda right, f, x, h: 2 * right),
        Mistake("one-sided", "It is (f(x + h) - f(x)) / h, a step to the right alone. Its error is of the size of h; "
                "with a step to both sides it is h².", lambda right, f, x, h: (f(x + h) - f(x)) / h),
        Mistake("one-sided", "It is (f(x) - f(x - h)) / h, a step to the left alone. Its error is of the size of h; "
                "with a step to both sides it is h².", lambda right, f, x, h: (f(x) - f(x - h)) / h),
        Mistake("one step, divided by two", "It is (f(x + h) - f(x)) / 2h. Between x and x + h lies one h only: either "
                "step to both sides, or divide by h.", lambda right, f, x, h: (f(x + h) - f(x)) / (2 * h)),
        Mistake("not divided", "It is f(x + h) - f(x - h), how much f grows on the way. A slope is that per distance: "
                "divide by 2 * h.", lambda right, f, x, h: f(x + h) - f(x - h)),
        Mistake("brackets around 2h are missing", "It is divided by 2 and then multiplied by h: `/ 2 * h` goes from "
                "left to right. Write / (2 * h).", lambda right, f, x, h: (f(x + h) - f(x - h)) / 2 * h),
        Mistake("brackets around the difference are missing", "Only f(x - h) is divided: a division binds tighter than "
                "a minus. Put brackets around the difference.",
                lambda right, f, x, h: f(x + h) - f(x - h) / (2 * h)),
        Mistake("half a step", "It is a central difference, but with a step of h / 2 to each side. Go h to each side, "
                "and divide by 2 * h.", lambda right, f, x, h: slope(f, x, h / 2)),
        Mistake("another step than h", "It is the slope, but not with this h: did you write a step of your own into "
                "the function? Use the h that is given.", lambda right, f, x, h: slope(f, x, SMALL)),
    ))


# ----------------------------------------------------------------------------------------------------------- gradient

def each(f, x, difference):
    """The array of difference(up, down) for every number of x: functions of a step give f with that number moved."""
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


def left_where_it_was_moved(right, f, x, h):
    """Every number is moved up, then down, and stays there."""
    gradient, moved = np.zeros(x.shape), x.copy()
    for index in np.ndindex(x.shape):
        moved[index] = x[index] + h
        up = f(moved)
        moved[index] = x[index] - h
        gradient[index] = (up - f(moved)) / (2 * h)
    return gradient


def left_up(right, f, x, h):
    """Every number is moved down, then up, and stays there."""
    return left_where_it_was_moved(right, f, x, -h)


def rows_moved(right, f, x, h):
    if x.ndim < 2:
        return right
    gradient = np.zeros(x.shape)
    for i in range(len(x)):
        step = np.zeros(x.shape)
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def hills(rng):
    a, b = rng.standard_normal((3, 4)), rng.uniform(0.2, 0.5, (3, 4))

    def f(x):
        return float((a * np.sin(2 * x)).sum() + (b * x).sum() ** 3)

    return f, rng.uniform(0.5, 1.5, (3, 4)), float(rng.uniform(0.1, 0.3))


NUMERICAL_GRADIENT = Exercise(
    "2.2", "numerical_gradient", ("gradient",), numerical_gradient,
    example=((lambda x: x[0] ** 2 * x[1], np.array([3.0, 2.0]), 0.1), np.array([12.0, 9.0])), cases=hills,
    mistakes=(
        Mistake("the numbers stay where they were moved", "Each slope after the first is measured with the numbers "
                "before it still moved. Put each one back, or begin with a fresh copy of x for each.",
                left_where_it_was_moved),
        Mistake("the numbers stay where they were moved", "Each slope after the first is measured with the numbers "
                "before it still moved. Put each one back, or begin with a fresh copy of x for each.", left_up),
        Mistake("all numbers are moved at once", "It is one number: all of x was moved at once, and how much each "
                "number contributes cannot be seen any more. Move them one by one.",
                lambda right, f, x, h: np.asarray((f(x + h) - f(x - h)) / (2 * h))),
        Mistake("all numbers are moved at once", "The same slope stands everywhere: all of x was moved at once. Move "
                "one number, and leave the others where they are.",
                lambda right, f, x, h: np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))),
        Mistake("a whole row is moved", "All numbers of a row were moved together. With an index for each axis "
                "(np.ndindex(x.shape)) it is one number at a time.", rows_moved),
        Mistake("divided by h instead of 2h", "It is twice too much: the two places are 2h apart.",
                lambda right, f, x, h: 2 * right),
        Mistake("one-sided", "It is (f(x + h) - f(x)) / h for each number. Move each to both sides: f(x + h) - f(x - "
                "h), divided by 2h.", lambda right, f, x, h: each(f, x, lambda at: (at(h) - at(0)) / h)),
        Mistake("one-sided", "It is (f(x) - f(x - h)) / h for each number. Move each to both sides: f(x + h) - f(x - "
                "h), divided by 2h.", lambda right, f, x, h: each(f, x, lambda at: (at(0) - at(-h)) / h)),
        Mistake("moved back by h only", "It is (f(x + h) - f(x)) / 2h. After the number was moved up by h, it takes 2h "
                "to have it h below x; a step back of h leads to x itself.",
                lambda right, f, x, h: each(f, x, lambda at: (at(h) - at(0)) / (2 * h))),
        Mistake("not divided", "These are the differences f(x + h) - f(x - h). A slope is the difference per distance: "
                "divide by 2 * h.", lambda right, f, x, h: 2 * h * right),
        Mistake("brackets around 2h are missing", "The differences are divided by 2 and then multiplied by h: `/ 2 * "
                "h` goes from left to right. Write / (2 * h).", lambda right, f, x, h: right * h * h),
        Mistake("another step than h", "These are the slopes, but not with this h: did you write a step of your own "
                "into the function? Use the h that is given.",
                lambda right, f, x, h: numerical_gradient(f, x, SMALL)),
        Mistake("flat", "The slopes are right, but in one long row. The gradient has the shape of x: reshape it.",
                lambda right, f, x, h: right.ravel() if x.ndim > 1 else right),
    ))


# ------------------------------------------------------------------------------------------------------ relative error

def ratio(above, below):
    return np.abs(above) / np.where(below != 0, below, 1)


def relative_error(a, b):
    return ratio(a - b, np.maximum(np.abs(a), np.abs(b))).max()


def pairs(rng):
    """Numbers of all sizes and signs, up to a fifth off, one of them more; and a place where both are 0."""
    a = rng.choice([-1, 1], (3, 4)) * 10 ** rng.uniform(-1, 2, (3, 4))
    b = a * (1 + rng.uniform(-0.2, 0.2, (3, 4)))
    a[2, 3] = b[2, 3] = 0
    a[0, 1], b[0, 1] = -1, -0.6   # of two negative numbers the larger one is the one nearer to 0
    a[1, 2], b[1, 2] = 0.5, 0.75  # the second worst, and above 0
    return a, b


RELATIVE_ERROR = Exercise(
    "2.3", "relative_error", ("error",), relative_error,
    example=((np.array([1.0, 0, 200, 1]), np.array([1.0, 0, 190, 2])), 0.5), cases=pairs,
    mistakes=(
        Mistake("0 / 0", "Where both are 0 it divides 0 by 0, and that is not a number (nan). Divide by 1 there: "
                "np.where(larger > 0, larger, 1).", lambda right, a, b: np.nan),
        Mistake("the absolute error", "It is the largest difference, and nothing divides it. A difference of 10 is "
                "little where the numbers are 200, and one of 1 is much where they are 2.",
                lambda right, a, b: np.abs(a - b).max()),
        Mistake("divided by |a| alone", "It is divided by |a|. Then it matters who is who, and where a is small the "
                "error is huge: divide by the larger of |a| and |b|.",
                lambda right, a, b: ratio(a - b, np.abs(a)).max()),
        Mistake("divided by |b| alone", "It is divided by |b|. Then it matters who is who, and where b is small the "
                "error is huge: divide by the larger of |a| and |b|.",
                lambda right, a, b: ratio(a - b, np.abs(b)).max()),
        Mistake("divided by |a| + |b|", "It is divided by |a| + |b|. That is in use too, and about half as large; "
                "asked for is the larger of the two below.",
                lambda right, a, b: ratio(a - b, np.abs(a) + np.abs(b)).max()),
        Mistake("divided by the smaller one", "It is divided by the smaller of |a| and |b|: np.maximum, and not "
                "np.minimum.", lambda right, a, b: ratio(a - b, np.minimum(np.abs(a), np.abs(b))).max()),
        Mistake("a mean over all places", "It is the mean of the relative errors. One wrong number among a million "
                "would not show: take the largest.",
                lambda right, a, b: ratio(a - b, np.maximum(np.abs(a), np.abs(b))).mean()),
        Mistake("a sum over all places", "It is the sum of the relative errors, and grows with the number of places. "
                "Take the largest.", lambda right, a, b: ratio(a - b, np.maximum(np.abs(a), np.abs(b))).sum()),
        Mistake("one for each place", "These are the relative errors of all places. Asked for is the largest.",
                lambda right, a, b: ratio(a - b, np.maximum(np.abs(a), np.abs(b)))),
        Mistake("the largest numbers of all places are compared", "The largest difference is divided by the largest "
                "number, and they stand in different places. Divide place by place, and take the largest then.",
                lambda right, a, b: np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max())),
        Mistake("lengths of whole arrays", "It is the length of a - b divided by the larger length of a and b. Large "
                "numbers then hide the small ones: divide place by place, and take the largest.",
                lambda right, a, b: np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b))),
        Mistake("the sign of the difference counts", "Only places where a is larger than b count: the difference needs "
                "its absolute value.", lambda right, a, b: signed((a - b), np.maximum(np.abs(a), np.abs(b))).max()),
        Mistake("the sign of the numbers counts", "It is divided by the larger of a and b, with their signs. Below 0 "
                "that is the smaller one, and the error comes out negative: np.maximum(np.abs(a), np.abs(b)).",
                lambda right, a, b: signed(np.abs(a - b), np.maximum(a, b)).max()),
    ))


def signed(above, below):
    return above / np.where(below != 0, below, 1)


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
    "x², one number wrong": (lambda x: x * x, one_number_wrong, False),
    "x beside -x": (beside, lambda x, dy: dy[..., 0] - dy[..., 1], True),
    "x beside -x, always 0": (beside, lambda x, dy: 0 * x, False),
    "10⁶ x³": (lambda x: 1e6 * x * x * x, lambda x, dy: 3e6 * x * x * dy, True),
    "10⁻⁹ x² without the 2": (lambda x: 1e-9 * x * x, lambda x, dy: 1e-9 * x * dy, False),
}
TWO = {name: PROBLEMS[name] for name in ("x²", "x² without the 2")}


def accepted(module, problems, x):
    """The names of the backward passes that the learner's ``passes`` lets through."""
    verdicts = {name: module.passes(forward, backward, x, np.random.default_rng(0))
                for name, (forward, backward, _) in problems.items()}
    if None in verdicts.values():
        return None
    for name, verdict in verdicts.items():
        if not isinstance(verdict, (bool, np.bool_)):
            raise TypeError(f"passes has to return True or False, and not {verdict!r} (that was for {name})")
    return [name for name, verdict in verdicts.items() if verdict]


def right_ones(problems, x):
    return [name for name, (_, _, passes) in problems.items() if passes]


def also(*names, without=()):
    """Who gets through when these do as well, and those ``without`` do not."""
    def wrong(right, problems, x):
        return [name for name in problems if (name in right or name in names) and name not in without]
    return wrong


PASSES = Exercise(
    "2.4", "passes", ("accepted",), right_ones, example=((TWO, np.array([[1.0, 2.0], [3.0, 0.5]])), ["x²"]),
    cases=lambda rng: (PROBLEMS, rng.uniform(0.5, 2, (4, 3)).astype(np.float32)), call=accepted,
    mistakes=(
        Mistake("output weights of 1", "A backward pass that always answers 0 got through, for a layer whose outputs "
                "add up to 0. With output weights that are all 1 this loss never changes: draw dy at random.",
                also("x beside -x, always 0")),
        Mistake("computed in float32", "Right ones are refused as soon as x is float32. Seven digits are too few for a "
                "step of 1e-5: x.astype(np.float64) before anything else.",
                lambda right, problems, x: [] if x.dtype == np.float32 else right),
        Mistake("nothing gets through", "Every backward pass is refused, right ones too. Is dy drawn anew each time "
                "the loss is computed? Draw it once, before. Else look at h, and at the step to both sides.",
                lambda right, problems, x: []),
        Mistake("everything gets through", "Every backward pass gets through, wrong ones too. Is what backward(x, dy) "
                "gives compared with the slopes at all?",
                lambda right, problems, x: list(problems)),
        Mistake("the answer is upside down", "What is right is refused and what is wrong gets through: the answer is "
                "whether the error is *below* 1e-6.",
                lambda right, problems, x: [name for name in problems if name not in right]),
        Mistake("the absolute error", "Large gradients that are right are refused, and small ones that are wrong get "
                "through: the error is not divided by the size of the numbers.",
                also("10⁻⁹ x² without the 2", without=("10⁶ x³",))),
        Mistake("small gradients are not compared", "A wrong gradient of the size 1e-9 got through. np.allclose lets "
                "everything below its atol = 1e-8 pass, and so does a fixed number below the fraction bar.",
                also("10⁻⁹ x² without the 2")),
        Mistake("too generous", "One percent too much got through. In float64 a right gradient and its slopes agree to "
                "eight digits or more: ask for 1e-6.", also("x², 1 % too much")),
        Mistake("one wrong number is overlooked", "A gradient with one wrong number got through. Every number has to "
                "be compared, and the worst decides.", also("x², one number wrong")),
    ))

EXERCISES = (SLOPE, NUMERICAL_GRADIENT, RELATIVE_ERROR, PASSES)
