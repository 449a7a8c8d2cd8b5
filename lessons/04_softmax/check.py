"""What lesson 4 asks for."""

import numpy as np

from minicap.learn.exercises import Exercise, Mistake, slopes

LOGS = np.log([1.0, 2.0, 5.0])  # whose exponentials a pencil can divide by their sum, 8


# --------------------------------------------------------------------------------------------------------------- ReLU

def relu(x):
    return np.maximum(x, 0)


def passes(dy, y):
    return dy * (y > 0)


RELU_BACKWARD = Exercise(
    "4.1", "relu_backward", ("dx",), passes,
    example=((np.array([[5.0, 6, -7]]), np.array([[2.0, 0, 1]])), np.array([[5.0, 0, -7]])),
    cases=lambda rng: (rng.standard_normal((4, 5)), np.maximum(rng.standard_normal((4, 5)), 0)),
    mistakes=(
        Mistake("everything passes", "dx is dy: nothing was stopped. y is never below 0, so `y >= 0` is always True; "
                "where x was below 0, y is exactly 0. Ask for y > 0.", lambda right, dy, y: dy),
        Mistake("the mask alone", "dx is 1 where y is above 0, and 0 elsewhere. That is how much y moves with x; times "
                "dy it is how much the loss does.", lambda right, dy, y: (y > 0) * 1.0),
        Mistake("dy is cut off at 0", "It is max(dy, 0). ReLU cuts off what is below 0 in x; a gradient may be "
                "negative, and y says where it passes.", lambda right, dy, y: np.maximum(dy, 0)),
        Mistake("negative gradients are stopped too", "What passes the ReLU is right, but negative gradients are "
                "missing there. Where y is above 0 every gradient passes, also a negative one.",
                lambda right, dy, y: np.maximum(right, 0)),
        Mistake("multiplied by y", "It is dy y. Where x is above 0, y grows exactly as x does, by a factor of 1 and "
                "not of y.", lambda right, dy, y: dy * y),
        Mistake("the wrong half passes", "dy passes where x was below 0, and is stopped where it was above: the mask "
                "is upside down.", lambda right, dy, y: dy * (y <= 0)),
    ))


# ------------------------------------------------------------------------------------------------------------ softmax

def softmax(z):
    return quotient(z, 1, 1)


def quotient(z, subtracted, summed):
    """exp(z) over its sum along an axis; first the maximum along an axis is subtracted, if any. None: over all of z."""
    e = np.exp(z if subtracted == "nothing" else z - z.max(axis=subtracted, keepdims=True))
    return e / e.sum(axis=summed, keepdims=True)


def high_and_low(rng):
    """Rows of the same spread, far up and far down."""
    return (rng.standard_normal((4, 3)) + np.array([[0], [1000], [-1000], [30]]),)


OVER_SAMPLES = ("Each column has the sum 1 now. The classes of one sample compete with each other, and not the "
                "samples: sum over the classes, axis=1.")
OVER_ALL = ("All numbers together have the sum 1. Each sample has probabilities of its own: sum over the classes, "
            "axis=1, with keepdims=True.")

SOFTMAX = Exercise(
    "4.2", "softmax", ("p",), softmax,
    example=((np.array([LOGS, [7.0, 7, 7]]),), np.array([[0.125, 0.25, 0.625], [1 / 3, 1 / 3, 1 / 3]])),
    cases=high_and_low,
    mistakes=(
        Mistake("nothing is subtracted", "exp(1000) is larger than any float and becomes inf, exp(-1000) becomes 0, "
                "and inf / inf and 0 / 0 are no numbers. Subtract the maximum of each row before exp.",
                lambda right, z: quotient(z, "nothing", 1)),
        Mistake("one maximum for all rows", "The maximum of the whole array was subtracted. Next to a row at 1000 all "
                "of a row at -1000 becomes exp(-2000), which is 0, and 0 / 0 is no number. Each row has its own.",
                lambda right, z: quotient(z, None, 1)),
        Mistake("the maximum of the columns", "The maximum of each column was subtracted. Within a row everything has "
                "to move by the same number, or the probabilities change: z.max(axis=1, keepdims=True).",
                lambda right, z: quotient(z, 0, 1)),
        *(Mistake("summed over the samples", OVER_SAMPLES, lambda right, z, subtracted=subtracted:
                  quotient(z, subtracted, 0)) for subtracted in ("nothing", None, 0, 1)),
        *(Mistake("summed over everything", OVER_ALL, lambda right, z, subtracted=subtracted:
                  quotient(z, subtracted, None)) for subtracted in ("nothing", None, 0, 1)),
        Mistake("not divided by the sum", "It is exp(z - maximum), and the largest of each row is 1. Divide by the sum "
                "over the classes.", lambda right, z: np.exp(z - z.max(axis=1, keepdims=True))),
        Mistake("not divided by the sum", "It is exp(z). Subtract the maximum of each row before exp, and divide by "
                "the sum over the classes after it.", lambda right, z: np.exp(z)),
        Mistake("divided by the mean", "Each row has the sum V: it was divided by the mean over the classes. Divide by "
                "their sum.", lambda right, z: right * z.shape[1]),
        Mistake("exp is missing", "It is z / (sum of z), and z may be negative. The exponential comes first: it makes "
                "everything positive.", lambda right, z: z / z.sum(axis=1, keepdims=True)),
        Mistake("the logarithm of p", "It is log p, which is useful for the loss. Here p itself is asked for.",
                lambda right, z: np.log(right)),
        Mistake("each class for itself", "It is 1 / (1 + exp(-z)), where no class knows of the others. Probabilities "
                "of classes that exclude each other have the sum 1: divide by the sum of all.",
                lambda right, z: 0.5 * np.tanh(0.5 * z) + 0.5),
    ))


# --------------------------------------------------------------------------------------------------- softmax, way back

def sum_of(a, axis=1):
    return a.sum(axis=axis, keepdims=True)


def measured(dp, p):
    """The slopes of (softmax(z) * dp).sum() where softmax(z) is p: at z = log p."""
    return slopes(lambda z: float((softmax(z) * dp).sum()), [np.log(p)], 0)


SOFTMAX_BACKWARD = Exercise(
    "4.3", "softmax_backward", ("dz",), measured,
    example=((np.array([[8.0, 0, 0]]), np.array([[0.125, 0.25, 0.625]])), np.array([[0.875, -0.25, -0.625]])),
    cases=lambda rng: (rng.standard_normal((4, 3)), softmax(rng.standard_normal((4, 3)))),
    mistakes=(
        Mistake("only the class itself", "It is p (1 - p) dp, as if each class were alone. But z of one class moves "
                "the p of all: what all of them want counts, sum (p * dp) over the classes.",
                lambda right, dp, p: p * (1 - p) * dp),
        Mistake("the others are forgotten", "It is p dp. When one p rises, all have to make room, since their sum is "
                "1: subtract the average of dp, weighted by p.", lambda right, dp, p: p * dp),
        Mistake("the factor p in front is missing", "It is dp minus its average. How much p moves with z is in "
                "proportion to p itself: multiply by p.", lambda right, dp, p: dp - sum_of(p * dp)),
        Mistake("the sum is not weighted", "It is p (dp - sum of dp). What the classes want counts in proportion to "
                "their probabilities: sum p * dp.", lambda right, dp, p: p * (dp - sum_of(dp))),
        Mistake("a plain mean instead of a weighted one", "It is p (dp - mean of dp). What the classes want counts in "
                "proportion to their probabilities: sum p * dp.",
                lambda right, dp, p: p * (dp - dp.mean(axis=1, keepdims=True))),
        Mistake("a mean of p dp", "It is p (dp - mean of p dp). The weights p have the sum 1 already: add up p * dp, "
                "and divide by nothing.",
                lambda right, dp, p: p * (dp - (p * dp).mean(axis=1, keepdims=True))),
        Mistake("summed over the samples", "p dp was summed over the samples, axis 0. The classes of one sample share "
                "their probability, and samples know nothing of each other: axis=1.",
                lambda right, dp, p: p * (dp - sum_of(p * dp, 0))),
        Mistake("summed over everything", "p dp was summed over all samples and classes. Each sample has an average of "
                "its own: axis=1, keepdims=True.", lambda right, dp, p: p * (dp - (p * dp).sum())),
        Mistake("added instead of subtracted", "It is p (dp + average). A class that rises takes from the others: "
                "subtract.", lambda right, dp, p: p * (dp + sum_of(p * dp))),
    ))


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


def minus_one_over_p(z, targets):
    return -one_hot(z, targets) / softmax(z) / len(z)


CROSS_ENTROPY = Exercise(
    "4.4", "cross_entropy", ("loss", "dz"), cross_entropy,
    example=((np.array([LOGS, [7.0, 7, 7]]), np.array([0, 2])),
             (np.log(24) / 2, np.array([[-7 / 16, 2 / 16, 5 / 16], [1 / 6, 1 / 6, -2 / 6]]))),
    cases=samples,
    mistakes=(
        Mistake("the logarithm of 0", "One target is so improbable that its p was rounded to 0, and -log 0 is inf. Do "
                "not take the logarithm of p: log Σ exp(z) - z[target] says the same without dividing.",
                lambda right, z, targets: -np.log(of_target(softmax(z), targets)).mean()),
        Mistake("the logarithm of a sum that is 0", "exp(-1000) is too small for any float and becomes 0, the sum of "
                "such a row too, and log 0 is -inf. Subtract the maximum of each row before exp, from all z.",
                lambda right, z, targets: (np.log(np.exp(z).sum(axis=1)) - of_target(z, targets)).mean()),
        Mistake("a softmax of its own", "exp(-1000) is too small for any float and becomes 0, and 0 / 0 is no number. "
                "Your softmax subtracts the maximum of each row; here it has to be done again, or softmax called.",
                lambda right, z, targets: -np.log(of_target(quotient(z, "nothing", 1), targets)).mean()),
        *(Mistake("a small number is added to p", "A small number was added before the logarithm, or p was kept above "
                  "it. It bends the loss where it matters most: log Σ exp(z) - z[target] needs nothing of the kind.",
                  lambda right, z, targets, small=small: -np.log(of_target(softmax(z), targets) + small).mean())
          for small in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20, 1e-30, 1e-100, 1e-300)),
        Mistake("summed over the samples", "The losses of the samples are added up. Asked for is their mean, so that "
                "the loss of a large batch can be compared with that of a small one.",
                lambda right, z, targets: right * len(z)),
        Mistake("one loss for each sample", "These are the losses of all samples. Asked for is their mean, one number.",
                lambda right, z, targets: -of_target(log_softmax(z), targets)),
        Mistake("every row with every target", "z[:, targets] takes from every row the columns of all targets, (M, M). "
                "To take one number from each row name both indices: z[np.arange(M), targets].",
                lambda right, z, targets: -log_softmax(z)[:, targets].mean()),
        Mistake("the target is not used", "It is -log p averaged over all classes, so the targets play no part. Only "
                "the probability of the right class counts.", lambda right, z, targets: -log_softmax(z).mean()),
        Mistake("the most probable class instead of the target", "It is -log of the largest p. The network may be sure "
                "and wrong: take the p of the target.", lambda right, z, targets: -log_softmax(z).max(axis=1).mean()),
        Mistake("the maximum was subtracted in one place only", "It is log Σ exp(z - maximum) - z[target]. Either both "
                "z are shifted, or the maximum is added again.", lambda right, z, targets:
                (np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)) - of_target(z, targets)).mean()),
        Mistake("logarithm to the base 2", "It is the loss in bits, with log2. With the natural logarithm, np.log, the "
                "gradient is p - target; with log2 it is not.", lambda right, z, targets: right / np.log(2)),
        Mistake("logarithm to the base 10", "It is the loss with log10. With the natural logarithm, np.log, the "
                "gradient is p - target; with log10 it is not.", lambda right, z, targets: right / np.log(10)),
        Mistake("1 - p instead of -log p", "It is the mean of 1 - p. That is hardly larger for a p of a millionth than "
                "for one of a hundredth; the logarithm is.",
                lambda right, z, targets: 1 - of_target(softmax(z), targets).mean()),
        Mistake("a softmax of its own", "exp(-1000) is too small for any float and becomes 0, and 0 / 0 is no number. "
                "Your softmax subtracts the maximum of each row: take it for dz.", lambda right, z, targets:
                (quotient(z, "nothing", 1) - one_hot(z, targets)) / len(z), of="dz"),
        Mistake("dz not divided by the batch", "dz is p - target. The loss is a mean over M samples, so each of them "
                "moves it by 1 / M.", lambda right, z, targets: right * len(z), of="dz"),
        Mistake("dz divided twice by the batch", "dz is M times too small. One 1 / M is that of the mean; where does "
                "the other come from?", lambda right, z, targets: right / len(z), of="dz"),
        Mistake("dz divided by the number of classes", "dz is divided by V. The mean is taken over the samples: divide "
                "by M = len(z).", lambda right, z, targets: right * len(z) / z.shape[1], of="dz"),
        Mistake("dz divided by everything", "dz is divided by M V. The mean is taken over the M samples alone.",
                lambda right, z, targets: right / z.shape[1], of="dz"),
        Mistake("the target is not subtracted", "dz is p / M and pushes all classes down, the right one too. Subtract "
                "1 at the target first.", lambda right, z, targets: softmax(z) / len(z), of="dz"),
        Mistake("1 is subtracted everywhere", "dz is (p - 1) / M and pushes all classes up. Only the p of the target "
                "gets the 1 subtracted.", lambda right, z, targets: (softmax(z) - 1) / len(z), of="dz"),
        Mistake("1 is subtracted in every row", "p[:, targets] -= 1 changes whole columns, those of all targets. To "
                "reach one number in each row name both indices: p[np.arange(M), targets] -= 1.",
                lambda right, z, targets: far_columns(z, targets), of="dz"),
        Mistake("1 is subtracted after the division", "dz is p / M - target: the 1 was subtracted after dividing. All "
                "of p - target is divided by M.", lambda right, z, targets: softmax(z) / len(z) - one_hot(z, targets),
                of="dz"),
        Mistake("log p instead of p", "dz is made of log p. The gradient is p - target, with p itself.",
                lambda right, z, targets: (log_softmax(z) - one_hot(z, targets)) / len(z), of="dz"),
        Mistake("the gradient of p", "dz is -1 / p at the target and 0 elsewhere. That is dp; z comes one step "
                "earlier, and softmax_backward leads there. (Or leave out both: p - target.)",
                lambda right, z, targets: minus_one_over_p(z, targets), of="dz"),
    ))

EXERCISES = (RELU_BACKWARD, SOFTMAX, SOFTMAX_BACKWARD, CROSS_ENTROPY)
