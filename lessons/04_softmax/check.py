"""What lesson 4 asks for."""

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, slopes

LOGS = np.log([1.0, 2.0, 5.0])  # whose exponentials a pencil can divide by their sum, 8

# --------------------------------------------------------------------------------------------------------------- ReLU

RELU_BACKWARD = Exercise(
    "4.1", "relu_backward", ("dx",), lambda dy, y: dy * (y > 0),
    example=((np.array([[5.0, 6, -7]]), np.array([[2.0, 0, 1]])), np.array([[5.0, 0, -7]])),
    cases=lambda rng: (rng.standard_normal((4, 5)), np.maximum(rng.standard_normal((4, 5)), 0) * [1, 1, 1, 1, 1e-9]),
    mistakes=[
        ("everything passes", "dx is dy. y is never below 0, so `y >= 0` is always True; where x was below 0, y is "
         "exactly 0: y > 0.", lambda dy: dy),
        ("the mask alone", "dx is 1 where y is above 0. That is how much y moves with x; times dy it is how much the "
         "loss does.", lambda y: (y > 0) * 1.0),
        ("dy is cut off at 0", "It is max(dy, 0). ReLU cuts off what is below 0 in x; a gradient may be negative.",
         lambda dy: np.maximum(dy, 0)),
        ("negative gradients are stopped too", "Negative gradients are missing. Where y is above 0 every gradient "
         "passes, also a negative one.", lambda right: np.maximum(right, 0)),
        ("multiplied by y", "It is dy y. Where x is above 0, y grows exactly as x does, by a factor of 1.",
         lambda dy, y: dy * y),
        ("some above 0 are stopped too", "Where y is above 0 but small, dx is 0. However small y is, x was above 0 "
         "there: y > 0.",
         [lambda dy, y, least=least: dy * (y > least) for least in (1, 0.5, 0.1, 0.01, 1e-3, 1e-6, 1e-8)]),
        ("something passes below 0", "Where y is 0 a part of dy passes, as in a leaky ReLU. Nothing passes there.",
         [lambda dy, y, part=part: np.where(y > 0, dy, part * dy) for part in (0.01, 0.1, 0.2, 0.5)]),
        ("the wrong half passes", "dy passes where x was below 0: the mask is the wrong way round.",
         lambda dy, y: dy * (y <= 0)),
    ])


# ------------------------------------------------------------------------------------------------------------ softmax

def softmax(z):
    return quotient(z, 1, 1)


def quotient(z, subtracted, summed):
    """exp(z) over its sum along an axis; first the maximum along an axis is subtracted, if any. None: over all of z."""
    e = np.exp(z if subtracted == "nothing" else z - z.max(axis=subtracted, keepdims=True))
    return e / e.sum(axis=summed, keepdims=True)


def quotients(summed):
    """Sums over a wrong axis, after whatever maximum."""
    return [lambda z, subtracted=subtracted: quotient(z, subtracted, summed) for subtracted in ("nothing", None, 0, 1)]


def quotients_above_minimum(z):
    e = np.exp(z - z.min(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def quotients_above_mean(z):
    e = np.exp(z - z.mean(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def far_rows(rng):
    """Rows of the same spread, far up and far down; in the fifth, numbers so far apart that exp(largest - smallest) is
    too large, and exp(smallest - largest) is not yet 0; in the last, exp(largest - mean) is too large as well."""
    z = rng.standard_normal((6, 3)) + np.array([[0], [1000], [-1000], [30], [0], [0]])
    return (z + np.array([[0, 0, 0]] * 4 + [[0, 725, 690], [1000, -1000, -1000]]),)


SOFTMAX = Exercise(
    "4.2", "softmax", ("p",), softmax,
    example=((np.array([LOGS, [7.0, 7, 7]]),), np.array([[0.125, 0.25, 0.625], [1 / 3, 1 / 3, 1 / 3]])),
    cases=far_rows,
    mistakes=[
        ("nothing is subtracted", "exp(1000) is inf and exp(-1000) is 0, so inf / inf and 0 / 0 are nan. Subtract the "
         "maximum of each row before exp.", lambda z: quotient(z, "nothing", 1)),
        ("one maximum for all rows", known.one_maximum(), lambda z: quotient(z, None, 1)),
        ("the maximum of the columns", "The maximum of each column was subtracted. Within a row all must move alike: "
         "z.max(axis=1, keepdims=True).", lambda z: quotient(z, 0, 1)),
        ("the minimum is subtracted", "The minimum of each row was subtracted, so what is left may be as large as "
         "before: exp(725) is inf. After subtracting the maximum nothing is above 0.", quotients_above_minimum),
        ("the mean is subtracted", "The mean of each row was subtracted, so what is left may still be large: 1000, "
         "-1000, -1000 become 1333 and -667. After subtracting the maximum nothing is above 0.", quotients_above_mean),
        ("the wrong sign in exp", "It is exp(-z), so the largest z gets the smallest p: exp(z - maximum).",
         lambda z: softmax(-z)),
        ("summed over the samples", known.softmax_axis("exp(z)"), quotients(0)),
        ("summed over everything", known.softmax_everything("exp(z)"), quotients(None)),
        ("not divided by the sum", known.not_divided_by_sum("exp(z), or exp(z - maximum)"),
         (lambda z: np.exp(z - z.max(axis=1, keepdims=True)), lambda z: np.exp(z))),
        ("divided by the mean", "Each row has the sum V: it was divided by the mean over the classes. Divide by their "
         "sum.", lambda right, z: right * z.shape[1]),
        ("exp is missing", "It is z / (sum of z), and z may be negative. The exponential comes first: it makes "
         "everything positive.", lambda z: z / z.sum(axis=1, keepdims=True)),
        ("the logarithm of p", "It is log p, which is useful for the loss. The exercise asks for p itself.",
         (lambda right: np.log(right), lambda z: log_softmax(z))),
        ("each class for itself", "It is the sigmoid, class by class. Classes that exclude each other have "
         "probabilities that sum to 1: divide by the sum.", lambda z: 0.5 * np.tanh(0.5 * z) + 0.5),
    ])


# --------------------------------------------------------------------------------------------------- softmax, way back

def sum_of(a, axis=1):
    return a.sum(axis=axis, keepdims=True)


SOFTMAX_BACKWARD = Exercise(
    "4.3", "softmax_backward", ("dz",),  # measured at z = log p, where softmax(z) is p
    lambda dp, p: slopes(lambda z: float((softmax(z) * dp).sum()), [np.log(p)], 0),
    example=((np.array([[8.0, 0, 0]]), np.array([[0.125, 0.25, 0.625]])), np.array([[0.875, -0.25, -0.625]])),
    cases=lambda rng: (rng.standard_normal((4, 3)), softmax(rng.standard_normal((4, 3)))),
    mistakes=[
        ("only the class itself", known.each_alone("p", "dp", "z"), lambda dp, p: p * (1 - p) * dp),
        ("the others are forgotten", known.nothing_subtracted("p", "dp"), lambda dp, p: p * dp),
        ("the factor p in front is missing", "It is dp minus its average. How much p moves with z is in proportion to "
         "p itself: multiply by p.", lambda dp, p: dp - sum_of(p * dp)),
        ("the sum is not weighted", known.plain_weights("sum", "dp", "p"), lambda dp, p: p * (dp - sum_of(dp))),
        ("a plain mean instead of a weighted one", known.plain_weights("mean", "dp", "p"),
         lambda dp, p: p * (dp - dp.mean(axis=1, keepdims=True))),
        ("a mean of p dp", "It is p (dp - mean of p dp). The weights p sum to 1 already: add up p * dp, and divide by "
         "nothing.", lambda dp, p: p * (dp - (p * dp).mean(axis=1, keepdims=True))),
        ("summed over the samples", known.softmax_axis("p dp"), lambda dp, p: p * (dp - sum_of(p * dp, 0))),
        ("summed over everything", known.softmax_everything("p dp"), lambda dp, p: p * (dp - (p * dp).sum())),
        ("added instead of subtracted",
         known.added_for_subtracted("average", "a class that rises takes from the others"),
         lambda dp, p: p * (dp + sum_of(p * dp))),
    ])


# ------------------------------------------------------------------------------------------------------- cross-entropy

def log_softmax(z):
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def one_hot(z, targets):
    return np.eye(z.shape[1])[targets]


def of_target(a, targets):
    return a[np.arange(len(a)), targets]


def cross_entropy(z, targets):
    return -of_target(log_softmax(z), targets).mean(), (softmax(z) - one_hot(z, targets)) / len(z)


def samples(rng):
    """Five samples of four classes; the target of the first is all but impossible, the second one's z are far down."""
    z, targets = 2 * rng.standard_normal((5, 4)), rng.permutation([0, 1, 2, 3, 1])
    z[0, targets[0]] -= 800
    z[1] -= 1000
    return z, targets


def far_columns(z, targets):
    p = softmax(z)
    p[:, targets] -= 1
    return p / len(z)


def with_a_small_number(small):
    return lambda z, targets: -np.log(of_target(softmax(z), targets) + small).mean()


CROSS_ENTROPY = Exercise(
    "4.4", "cross_entropy", ("loss", "dz"), cross_entropy,
    example=((np.array([LOGS, [7.0, 7, 7]]), np.array([0, 2])),
             (np.log(24) / 2, np.array([[-7 / 16, 2 / 16, 5 / 16], [1 / 6, 1 / 6, -2 / 6]]))),
    cases=samples,
    mistakes={"loss": [
        ("the logarithm of 0", "One target is so improbable that its p is rounded to 0, and -log 0 is inf. Use log Σ "
         "exp(z) - z[target], without p.", lambda z, targets: -np.log(of_target(softmax(z), targets)).mean()),
        ("the logarithm of a sum that is 0", "exp(-1000) becomes 0, the sum of such a row too, and log 0 is -inf. "
         "Subtract each row's maximum before exp.",
         lambda z, targets: (np.log(np.exp(z).sum(axis=1)) - of_target(z, targets)).mean()),
        ("a softmax of its own", "exp(-1000) becomes 0, and 0 / 0 is nan. Your softmax subtracts the maximum of each "
         "row: do so here, or call softmax.",
         lambda z, targets: -np.log(of_target(quotient(z, "nothing", 1), targets)).mean()),
        ("a small number is added to p", "A small number was added to p, which changes the loss where it matters most. "
         "log Σ exp(z) - z[target] needs nothing of the kind.", [with_a_small_number(10.0**-digits) for digits in
                                                                 (6, 7, 8, 9, 10, 12, 15, 16, 20, 30, 100, 300)]),
        ("summed over the samples", known.sum_for_mean("the losses of the samples"), lambda right, z: right * len(z)),
        ("one loss for each sample", "These are the losses of all samples. The exercise asks for their mean, one "
         "number.",
         lambda z, targets: -of_target(log_softmax(z), targets)),
        ("every row with every target", "z[:, targets] takes all targets' columns from every row, (M, M). Name both "
         "indices: z[np.arange(M), targets].", lambda z, targets: -log_softmax(z)[:, targets].mean()),
        ("the target is not used", "It is -log p averaged over all classes. Only the probability of the target counts.",
         lambda z: -log_softmax(z).mean()),
        ("the most probable class instead of the target", "It is -log of the largest p. The network may be sure and "
         "wrong: take the p of the target.", lambda z: -log_softmax(z).max(axis=1).mean()),
        ("the maximum was subtracted in one place only", "It is log Σ exp(z - maximum) - z[target]. Either both z are "
         "shifted, or the maximum is added again.",
         lambda z, targets: (np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1))
             - of_target(z, targets)).mean()),
        ("logarithm to the base 2", known.other_logarithm("2"), lambda right: right / np.log(2)),
        ("logarithm to the base 10", known.other_logarithm("10"), lambda right: right / np.log(10)),
        ("loss divided by everything", known.divided_by("It", "M V", "the number of samples, M = len(z)"),
         lambda right, z: right / z.shape[1]),
        ("1 - p instead of -log p", "It is the mean of 1 - p, which is hardly larger for a p of 1e-6 than for one of "
         "0.01; the logarithm is.", lambda z, targets: 1 - of_target(softmax(z), targets).mean()),
    ], "dz": [
        ("a softmax of its own", "exp(-1000) becomes 0, and 0 / 0 is nan. Your softmax subtracts the maximum of each "
         "row: take it for dz.", lambda z, targets: (quotient(z, "nothing", 1) - one_hot(z, targets)) / len(z)),
        ("dz not divided by the batch", "dz is p - target. The loss is a mean over M samples, so each of them moves it "
         "by 1 / M.", lambda right, z: right * len(z)),
        ("dz divided twice by the batch", "dz is M times too small. One 1 / M is that of the mean; where does the "
         "other come from?", lambda right, z: right / len(z)),
        ("dz divided by the number of classes", known.divided_by("dz", "V", "the number of samples, M = len(z)"),
         lambda right, z: right * len(z) / z.shape[1]),
        ("dz divided by everything", known.divided_by("dz", "M V", "the number of samples, M = len(z)"),
         lambda right, z: right / z.shape[1]),
        ("the target is not subtracted", "dz is p / M, which lowers all classes, the right one too. Subtract 1 at the "
         "target first.", lambda z: softmax(z) / len(z)),
        ("1 is subtracted everywhere", "dz is (p - 1) / M, which raises all classes. Subtract 1 from the p of the "
         "target only.", lambda z: (softmax(z) - 1) / len(z)),
        ("1 is subtracted in every row", "p[:, targets] -= 1 changes whole columns. To reach one number in each row: "
         "p[np.arange(M), targets] -= 1.", far_columns),
        ("1 is subtracted after the division", "dz is p / M - target: the 1 was subtracted after dividing. All of p - "
         "target is divided by M.", lambda z, targets: softmax(z) / len(z) - one_hot(z, targets)),
        ("1 is subtracted from the most probable class", "The 1 was subtracted where z is largest. It belongs to the "
         "target, which may be another class.", lambda z: (softmax(z) - one_hot(z, z.argmax(axis=1))) / len(z)),
        ("log p instead of p", "dz is made of log p. The gradient is p - target, with p itself.",
         lambda z, targets: (log_softmax(z) - one_hot(z, targets)) / len(z)),
        ("the gradient of p", "dz is -1 / p at the target, which is dp. softmax_backward leads from there to z. (In "
         "one step: p - target.)", lambda z, targets: -one_hot(z, targets) / softmax(z) / len(z)),
    ]})

EXERCISES = (RELU_BACKWARD, SOFTMAX, SOFTMAX_BACKWARD, CROSS_ENTROPY)
