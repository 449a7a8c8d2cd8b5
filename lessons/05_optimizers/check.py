"""What lesson 5 asks for."""

import itertools
from functools import partial

import numpy as np

from minicap import SGD, Adam, Linear, ReLU, Sequential, SoftmaxCrossEntropy
from minicap.initializers import he
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import floats

# ----------------------------------------------------------------------------------------------------------- momentum


def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta - lr * v


def velocity(new, step=lambda v, lr: lr * v):
    """A step with another new velocity, and perhaps another use of it."""
    def wrong(theta, g, v, lr, momentum):
        v = new(v, g, lr, momentum)
        return v, theta - step(v, lr)
    return wrong


MOMENTUM_STEP = Exercise(
    "5.1", "momentum_step", ("v", "theta"), momentum_step,
    example=((*floats([10, 20], [2, -1], [5, 0]), 0.1, 0.9), floats([6.5, -1], [9.35, 20.1])),
    cases=lambda rng: (*rng.standard_normal((3, 4)), float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.6, 0.9))),
    mistakes={"theta": [
        ("the step goes uphill", "theta + lr · v goes uphill. The gradient points to where the loss grows: subtract.",
         lambda theta, g, v, lr, momentum: theta + lr * (momentum * v + g)),
        ("the old velocity", "The step was made with the old v. First update the velocity with the gradient, then step "
         "with the new one.", lambda theta, v, lr: theta - lr * v),
        ("no momentum", "It is theta - lr · g: the velocity plays no part in the step.",
         lambda theta, g, lr: theta - lr * g),
        ("the learning rate is written in", "The step is made with 0.1, as in the example. Use the lr that is given.",
         lambda theta, g, v, momentum: theta - 0.1 * (momentum * v + g)),
        ("the learning rate is missing", "It is theta - v: multiply v by the learning rate lr.",
         lambda theta, g, v, momentum: theta - (momentum * v + g)),
    ], ("v", "theta"): [
        ("a mean of the gradients", "The new v is momentum · v + (1 - momentum) · g, a mean as in Adam. Here the whole "
         "gradient is added.", velocity(lambda v, g, lr, momentum: momentum * v + (1 - momentum) * g)),
        ("the learning rate is in the velocity", "The new v contains lr, as in other books. Here v is made of "
         "gradients alone, and lr comes with the step.",
         (velocity(lambda v, g, lr, momentum: momentum * v + lr * g, lambda v, lr: v),
          velocity(lambda v, g, lr, momentum: momentum * v - lr * g, lambda v, lr: -v))),
        ("the learning rate is in the velocity", "lr was multiplied into v, and the next step begins with that. Keep v "
         "as it is: theta - lr * v.", velocity(lambda v, g, lr, momentum: lr * (momentum * v + g), lambda v, lr: v)),
        ("momentum at the gradient", "The new v is v + momentum · g. Momentum says how much of the old velocity stays: "
         "momentum · v + g.", velocity(lambda v, g, lr, momentum: v + momentum * g)),
        ("momentum at both", "The new v is momentum · (v + g). Only the old velocity is reduced: momentum · v + g.",
         velocity(lambda v, g, lr, momentum: momentum * (v + g))),
        ("momentum is written in", "The new v is 0.9 · v + g, as in the example. Use the momentum that is given.",
         velocity(lambda v, g, lr, momentum: 0.9 * v + g)),
        ("the gradient is subtracted", "The new v is momentum · v - g. Here v is made of gradients, which point "
         "uphill: + g, and theta - lr · v.",
         (velocity(lambda v, g, lr, momentum: momentum * v - g, lambda v, lr: -lr * v),
          velocity(lambda v, g, lr, momentum: momentum * v - g))),
        ("nothing is lost", "The new v is v + g: the old velocity never decays. Multiply it by momentum.",
         velocity(lambda v, g, lr, momentum: v + g)),
        ("one step ahead", "This is Nesterov's momentum, theta - lr · (g + momentum · v). Here the step is lr · v.",
         lambda theta, g, v, lr, momentum: (momentum * v + g, theta - lr * (g + momentum * (momentum * v + g)))),
    ], "v": [
        ("the old velocity is returned", known.old_returned("v"), lambda v: v),
    ]})


# --------------------------------------------------------------------------------------------------------------- Adam

def corrected(mean, beta, t):
    return mean / (1 - beta**t)


def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps, *, share1=None, share2=None, square=lambda g: g * g,
              correct_m=corrected, correct_s=corrected, root=lambda s, eps: np.sqrt(s) + eps, numerator=None,
              direction=-1, keep_corrected=False):
    """Adam, and whatever people do in its place."""
    m = beta1 * m + (1 - beta1 if share1 is None else share1) * g
    s = beta2 * s + (1 - beta2 if share2 is None else share2) * square(g)
    m_hat, s_hat = correct_m(m, beta1, t), correct_s(s, beta2, t)
    theta = theta + direction * lr * (m_hat if numerator is None else g) / root(s_hat, eps)
    return (m_hat, s_hat, theta) if keep_corrected else (m, s, theta)


def corrected_by(function):
    """Another correction of both means."""
    def correct(mean, beta, t):
        return mean / function(beta, t)
    return partial(adam_step, correct_m=correct, correct_s=correct)


def eps_beside_the_plain_root(theta, g, m, s, t, lr, beta1, beta2, eps):
    m, s, _ = adam_step(theta, g, m, s, t, lr, beta1, beta2, eps)
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return m, s, theta - rate * m / (np.sqrt(s) + eps)


def eps_outside(theta, g, m, s, t, lr, beta1, beta2, eps):
    m, s, moved = adam_step(theta, g, m, s, t, lr, beta1, beta2, 0.0)
    return m, s, moved + eps


def with_beta1(theta, g, m, s, t, lr, beta1, beta2, eps):
    """beta1 in the correction of s as well."""
    return adam_step(theta, g, m, s, t, lr, beta1, beta2, eps, correct_s=lambda s, _, t: corrected(s, beta1, t))


def as_it_is(mean, beta, t):
    return mean


def adam_case(rng):
    theta, g, m = rng.standard_normal((3, 4))
    return (theta, g, m, rng.uniform(1, 2, 4), int(rng.integers(2, 5)), float(rng.uniform(0.1, 0.4)),
            float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.91, 0.97)), float(rng.uniform(0.05, 0.1)))


ADAM_STEP = Exercise(
    "5.2", "adam_step", ("m", "s", "theta"), adam_step, cases=adam_case,
    example=((*floats([1, 1], [4, 0.5], [0, 0], [0, 0]), 1, 0.1, 0.9, 0.999, 1e-8),
             floats([0.4, 0.05], [0.016, 0.00025], [0.9, 0.9])),
    mistakes={("m", "s", "theta"): [
        ("the step goes uphill", "theta grows where it should fall: subtract the step.",
         partial(adam_step, direction=1)),
        ("nothing is corrected", "m and s began at 0 and are too small in the first steps: divide by 1 - beta1**t and "
         "1 - beta2**t.", partial(adam_step, correct_m=as_it_is, correct_s=as_it_is)),
        ("only s is corrected", "m is used without its correction: divide it by 1 - beta1**t.",
         partial(adam_step, correct_m=as_it_is)),
        ("only m is corrected", "s is used without its correction: divide it by 1 - beta2**t.",
         partial(adam_step, correct_s=as_it_is)),
        ("t is not in the correction", "It is divided by 1 - beta1 and 1 - beta2, right for the first step only. The "
         "power is missing: 1 - beta1**t.", corrected_by(lambda beta, t: 1 - beta)),
        ("a product instead of a power", "The correction is 1 - beta · t. It is a power: beta1**t.",
         corrected_by(lambda beta, t: 1 - beta * t)),
        ("t is one too small", "The correction uses t - 1. The first step is number 1, and t says so.",
         corrected_by(lambda beta, t: 1 - beta**(t - 1))),
        ("t is one too large", "The correction uses t + 1. The first step is number 1, and t says so.",
         corrected_by(lambda beta, t: 1 - beta**(t + 1))),
        ("the corrected ones are kept", "m and s are returned with their correction, and would be corrected again. "
         "Give the corrected ones names of their own.", partial(adam_step, keep_corrected=True)),
        ("the gradient is not squared", "s averages g and not g². The mean of gradients may be 0 or negative; that of "
         "their squares says how large they are.", partial(adam_step, square=lambda g: g)),
        ("the size instead of the square", "s averages |g| and not g².", partial(adam_step, square=np.abs)),
        ("the root is missing", "The step is divided by s_hat itself. Its root has the size of a gradient.",
         partial(adam_step, root=lambda s, eps: s + eps)),
        ("eps is under the root", "It is sqrt(s_hat + eps). eps is added after the root.",
         partial(adam_step, root=lambda s, eps: np.sqrt(s + eps))),
        ("eps is missing", "It is divided by sqrt(s_hat) alone, or with some tiny number of your own. A parameter that "
         "never had a gradient would give 0 / 0: add the eps that is given.",
         partial(adam_step, root=lambda s, eps: np.sqrt(s))),
        ("eps is outside the fraction", "It is lr m_hat / sqrt(s_hat) + eps: Python divides before it adds. Put "
         "brackets around sqrt(s_hat) + eps.", eps_outside),
        ("eps beside the uncorrected root", "eps was added to sqrt(s), before the correction, as in some libraries. In "
         "the paper it is sqrt(s_hat) + eps.", eps_beside_the_plain_root),
        ("1 - beta1 is missing", "m is beta1 · m + g. In a mean the new gradient has the weight 1 - beta1.",
         partial(adam_step, share1=1)),
        ("1 - beta2 is missing", "s is beta2 · s + g². In a mean the new square has the weight 1 - beta2.",
         partial(adam_step, share2=1)),
        ("beta1 corrects s, too", "s_hat was made with beta1. s is a mean with beta2: s / (1 - beta2**t).", with_beta1),
        ("the gradient instead of its mean", "The step is made with g, as in RMSProp. Adam goes along m_hat, the mean "
         "of the last gradients.", partial(adam_step, numerator="g")),
    ], "m": [
        ("the betas changed places", "beta2 was used for m. m, the mean of the gradients, forgets sooner: beta1.",
         lambda g, m, beta2: beta2 * m + (1 - beta2) * g),
        ("the old m is returned", known.old_returned("m"), lambda m: m),
    ], "s": [
        ("beta1 is used for s", "s is made with beta1, which belongs to m. s, the mean of the squares, forgets later: "
         "beta2.", lambda g, s, beta1: beta1 * s + (1 - beta1) * g * g),
        ("m is squared instead of g", "s averages the square of m, the mean. It averages g²: how large the gradients "
         "themselves are.",
         lambda g, m, s, beta1, beta2: beta2 * s + (1 - beta2) * (beta1 * m + (1 - beta1) * g) ** 2),
        ("the old s is returned", known.old_returned("s"), lambda s: s),
    ]})


# ------------------------------------------------------------------------------------------------------------ batches

EPOCH = ("what is returned", "sizes", "every number once", "in random order", "another order each time",
         "the same order for rngs of the same seed")


def facts_about(module, N, size, seed):
    """What is true of the batches whatever the order: their sizes, and whether the rest is as asked for."""
    rng, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    first, second, repeated = (module.batches(N, size, generator) for generator in (rng, rng, twin))
    if first is None:
        raise TypeError("batches gave None; is there a `return` at the end?")
    for batch in first if isinstance(first, (list, tuple)) else ():
        if not isinstance(batch, np.ndarray):
            raise TypeError(f"a batch has to be an array, and not a {type(batch).__name__}")
    returned = "a list" if isinstance(first, (list, tuple)) else f"a {type(first).__name__}"
    first, second, repeated = ([np.asarray(batch) for batch in found] for found in (first, second, repeated))
    if not first:
        raise TypeError("the list of batches is empty")
    for batch in first:
        if batch.size == 0:
            continue
        if batch.ndim != 1 or batch.dtype.kind not in "iu":
            raise TypeError(f"a batch has to be an array of whole numbers, one axis long, and not {batch.dtype}"
                            f"{batch.shape}")
    order, other = np.concatenate(first).tolist(), np.concatenate(second).tolist()
    for number in order:
        if not 0 <= number < N:
            raise TypeError(f"a batch holds the number {number}; for N = {N} they go from 0 to {N - 1}")
    few = N < 10  # then chance alone may have left them in order
    neighbours = sum(b == a + 1 for a, b in itertools.pairwise(order))
    facts = (sorted(order) == list(range(N)), few or neighbours < N / 2, few or order != other,
             order == np.concatenate(repeated).tolist())
    complete, shuffled, another, same = ("yes" if fact else "no" for fact in facts)
    if not few and complete == "yes" and all(batch.size and batch.max() - batch.min() < len(batch) for batch in first):
        shuffled = shuffled if shuffled == "no" else "within the batches"
    return returned, [len(batch) for batch in first], complete, shuffled, another, same


def sizes(N, size):
    return [min(size, N - i) for i in range(0, N, size)]


def an_epoch(rng):
    """Some batches of size 7 or 9, and a rest of 3."""
    size = int(rng.choice([7, 9]))
    return int(rng.integers(60, 66)) * size + 3, size, int(rng.integers(1000))


def other_sizes(module):
    """Is it right without a rest, too, and with fewer numbers than there are in a batch?"""
    for N, size in ((6, 2), (6, 6), (3, 5)):
        found = module.batches(N, size, np.random.default_rng(0))
        if not isinstance(found, (list, tuple)):
            return f"batches({N}, {size}, rng) is a {type(found).__name__}, and has to be a list"
        if [len(batch) for batch in found] != sizes(N, size):
            return (f"the pieces of batches({N}, {size}, rng) have the sizes {[len(batch) for batch in found]}, and "
                    f"should have {sizes(N, size)}")
    return None


BATCHES = Exercise(
    "5.3", "batches", EPOCH, lambda N, size, seed: ("a list", sizes(N, size), *["yes"] * 4),
    example=((5, 2, 0), ("a list", [2, 2, 1], *["yes"] * 4)), cases=an_epoch, call=facts_about,
    learns=other_sizes,
    mistakes={"what is returned": [
        ("a generator instead of a list", "It returns a generator, which is empty after one epoch and has no length. "
         "Write [...] around it, or collect the batches in a list and return that.", lambda: "a generator"),
    ], "sizes": [
        ("the rest is lost", "The last, smaller batch is missing, so some samples are never seen in this epoch: "
         "range(0, N, size) includes it.", lambda N, size: [size] * (N // size)),
        ("the last batch is as large as the others", "The last batch has `size` numbers too, more than are left. "
         "Shuffle all numbers once, then cut.", lambda N, size: [size] * len(sizes(N, size))),
        ("all batches are about as large", "N was cut into pieces of about the same size, as np.array_split does. Each "
         "piece has `size` numbers, and only the last one may have fewer.",
         lambda N, size: [len(piece) for piece in np.array_split(np.arange(N), len(sizes(N, size)))]),
        ("single numbers", "Every batch holds one number. Cut the order into pieces: order[i:i + size].",
         lambda N: [1] * N),
        ("one batch of everything", "There is one batch with all N numbers. Cut it into pieces of `size`.",
         lambda N: [N]),
        ("size is taken for the number of batches", "There are `size` batches, as from np.array_split(order, size). "
         "Each batch has to have `size` numbers.",
         lambda N, size: [len(piece) for piece in np.array_split(np.arange(N), size)]),
    ], "every number once": [
        ("drawn with replacement", "Some numbers are missing and others come twice, as from rng.integers or "
         "rng.choice: rng.permutation(N), then cut.", lambda: "no"),
    ], "in random order": [
        ("not shuffled", "Neighbours are still neighbours: shuffle the samples, not the batches. rng.permutation(N), "
         "then cut.", lambda: "no"),
        ("shuffled within the batches only", "Each batch holds the same samples in every epoch; only their order "
         "within it changes, which does not matter. First shuffle all N numbers, then cut.",
         lambda: "within the batches"),
    ], "another order each time": [
        ("the same order every time", "Two calls with the same rng gave the same order. Use the rng that is given, and "
         "no generator of your own.", lambda: "no"),
    ], "the same order for rngs of the same seed": [
        ("random numbers of its own", known.own_random_numbers("orders"), lambda: "no"),
    ]})


# -------------------------------------------------------------------------------------------------------------- train

def train(build, make_optimizer, x, targets, batches, *, zero_grad="after", step="after", gradient=lambda loss, M: 1.0,
          batch_of=lambda a, batch: a[batch], targets_of=None, note="before"):
    """The losses, and what becomes of them when one thing is done differently."""
    model = build()
    optimizer, loss_layer, losses = make_optimizer(model), SoftmaxCrossEntropy(), []
    targets_of = targets_of or batch_of
    for batch in batches:
        logits, cache = model.forward(batch_of(x, batch))
        loss, loss_cache = loss_layer.forward(logits, targets_of(targets, batch))
        if step == "before":
            optimizer.step()
            model.zero_grad()
        model.backward(loss_layer.backward(gradient(float(loss), len(logits)), loss_cache)[0], cache)
        if zero_grad == "too soon":
            model.zero_grad()
        for _ in range({"after": 1, "twice": 2}.get(step, 0)):
            optimizer.step()
        if zero_grad == "after":
            model.zero_grad()
        if note == "after":
            loss = loss_layer(model(batch_of(x, batch)), batch_of(targets, batch))
        losses.append(float(loss))
    return np.array(losses)


def losses_of(module, build, make_optimizer, x, targets, batches):
    model = build()
    losses = module.train(model, make_optimizer(model), x, targets, batches)
    return np.array([float(loss) for loss in losses]) if isinstance(losses, (list, tuple, np.ndarray)) else losses


def net(H, rng):
    return Sequential(hidden=Linear(2, H, rng=rng, init=he), relu=ReLU(), output=Linear(H, 3, rng=rng)).astype(float)


def sgd(lr):
    return lambda model: SGD(model.named_parameters(), lr)


def lesson(rng):
    """A net that is built anew for each who wants to train it, and six batches of it."""
    x, targets = 2 * rng.standard_normal((20, 2)), rng.integers(0, 3, 20)
    order, seed = rng.permutation(20), int(rng.integers(1000))
    return (lambda: net(8, np.random.default_rng(seed)), sgd(0.5), x, targets,
            [*order[:18].reshape(6, 3), order[18:]])


def spiral(rng, arms=3, points=60):
    radius, arm = np.tile(np.linspace(0.05, 1, points), arms), np.repeat(np.arange(arms), points)
    angle = 2 * np.pi * arm / arms + 4 * radius + 0.15 * rng.standard_normal(arms * points)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), arm


def learns(module):
    """Does the spiral come apart with the learner's loop and batches?"""
    rng = np.random.default_rng(0)
    x, targets = spiral(rng)
    model = net(64, rng)
    optimizer = Adam(model.named_parameters(), lr=0.03)
    for _ in range(25):
        module.train(model, optimizer, x, targets, module.batches(len(x), 30, rng))
    right = (model(x).argmax(axis=1) == targets).mean()
    if right < 0.9:
        return f"after 25 epochs with Adam only {right:.0%} of the spiral's points are right; 90 % were expected"
    return None


TRAIN = Exercise(
    "5.4", "train", ("losses",), train,
    example=((lambda: Linear(1, 2, rng=None).astype(float), sgd(1.0), np.ones((2, 1)), np.array([0, 0]),
              [np.array([0]), np.array([1])]), np.log([2, 1 + np.exp(-2)])),
    cases=lesson, call=losses_of, learns=learns, needs=("batches",),
    mistakes=[
        ("the gradients are never cleared", known.never_cleared(), partial(train, zero_grad="never")),
        ("nothing is learned", known.nothing_moves(), partial(train, zero_grad="too soon")),
        ("the step comes before backward", "The step is made with the gradients of the batch before. First backward, "
         "then step.", partial(train, step="before", zero_grad="never")),
        ("backward was given the loss", "The loss layer's backward was given the loss. It asks for the gradient of the "
         "loss with respect to itself, 1.0.", partial(train, gradient=lambda loss, M: loss)),
        ("backward was given the size of the batch", "The gradients are too large by the batch size. The loss is a "
         "mean already; its gradient with respect to itself is 1.0.",
         partial(train, gradient=lambda loss, M: float(M))),
        ("all samples in every step", "Every step saw all of x. Take x[batch] and targets[batch].",
         partial(train, batch_of=lambda a, batch: a)),
        ("the targets of other samples", "The targets are the first ones, and not those of the batch: targets[batch].",
         partial(train, targets_of=lambda a, batch: a[:len(batch)])),
        ("two steps for each batch", "optimizer.step() is called twice for each batch. One step for each.",
         partial(train, step="twice")),
        ("the step goes uphill", "The gradient has the wrong sign, and each step makes the loss larger. backward is "
         "given 1.0, and what comes out goes on as it is.", partial(train, gradient=lambda loss, M: -1.0)),
        ("divided by the batch twice", "The gradients are too small by the batch size. The loss is a mean already: "
         "what its backward returns goes on as it is.", partial(train, gradient=lambda loss, M: 1 / M)),
        ("the loss of a batch is summed", "Each is the loss times the size of the batch. The exercise asks for the "
         "loss as SoftmaxCrossEntropy gives it, a mean.",
         lambda right, batches: right * [len(batch) for batch in batches]),
        ("the loss after the step", known.loss_after_step(), partial(train, note="after")),
        ("the mean so far", "Each is the mean of all losses so far. The exercise asks for the loss of each batch.",
         lambda right: np.cumsum(right) / np.arange(1, len(right) + 1)),
        ("the sum so far", "Each is the sum of all losses so far. The exercise asks for the loss of each batch.",
         lambda right: np.cumsum(right)),
        ("only the last loss", "It is the last loss alone. The exercise asks for a list with the loss of each batch.",
         lambda right: right[-1]),
    ])

EXERCISES = (MOMENTUM_STEP, ADAM_STEP, BATCHES, TRAIN)
