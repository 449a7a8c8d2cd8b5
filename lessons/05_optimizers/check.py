"""What lesson 5 asks for."""

import itertools

import numpy as np

from minicap import SGD, Adam, Linear, ReLU, Sequential, SoftmaxCrossEntropy
from minicap.initializers import he
from minicap.learn.exercises import Exercise, Mistake


def for_each(gives, name, sentence, wrong):
    """The mistake as it shows in each of the arrays: ``wrong(*inputs)`` gives all of them."""
    return [Mistake(name, sentence, lambda right, *inputs, i=i: wrong(*inputs)[i], of=one)
            for i, one in enumerate(gives)]


# ----------------------------------------------------------------------------------------------------------- momentum

def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta - lr * v


def mean_of_gradients(theta, g, v, lr, momentum):
    v = momentum * v + (1 - momentum) * g
    return v, theta - lr * v


def rate_in_velocity(theta, g, v, lr, momentum):
    v = momentum * v + lr * g
    return v, theta - v


def downhill_velocity(theta, g, v, lr, momentum):
    v = momentum * v - lr * g
    return v, theta + v


def momentum_at_gradient(theta, g, v, lr, momentum):
    v = v + momentum * g
    return v, theta - lr * v


def momentum_at_both(theta, g, v, lr, momentum):
    v = momentum * (v + g)
    return v, theta - lr * v


def looking_ahead(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta - lr * (g + momentum * v)


def everything_kept(theta, g, v, lr, momentum):
    return v + g, theta - lr * (v + g)


def velocity_times_rate(theta, g, v, lr, momentum):
    v = lr * (momentum * v + g)
    return v, theta - v


MOMENTUM = ("v", "theta")
MOMENTUM_STEP = Exercise(
    "5.1", "momentum_step", MOMENTUM, momentum_step,
    example=((np.array([10.0, 20]), np.array([2.0, -1]), np.array([5.0, 0]), 0.1, 0.9),
             (np.array([6.5, -1]), np.array([9.35, 20.1]))),
    cases=lambda rng: (*rng.standard_normal((3, 4)), float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.6, 0.9))),
    mistakes=(
        Mistake("the step goes uphill", "theta + lr · v goes up the hill. The gradient points to where the loss grows: "
                "subtract.", lambda right, theta, g, v, lr, momentum: theta + lr * (momentum * v + g), of="theta"),
        Mistake("the old velocity", "The step was made with the old v. First the velocity takes up the gradient, then "
                "the step is made with the new one.",
                lambda right, theta, g, v, lr, momentum: theta - lr * v, of="theta"),
        Mistake("no momentum", "It is theta - lr · g: the velocity plays no part in the step.",
                lambda right, theta, g, v, lr, momentum: theta - lr * g, of="theta"),
        Mistake("the learning rate is missing", "It is theta - v. How far to go along the velocity is what lr says.",
                lambda right, theta, g, v, lr, momentum: theta - (momentum * v + g), of="theta"),
        *for_each(MOMENTUM, "a mean of the gradients", "The new v is momentum · v + (1 - momentum) · g, a mean. That "
                  "is how Adam does it; here the whole gradient comes on top, and the steps are larger.",
                  mean_of_gradients),
        *for_each(MOMENTUM, "the learning rate is in the velocity", "The new v is momentum · v + lr · g. Other books "
                  "keep it so; here v is made of gradients alone, and lr comes with the step.", rate_in_velocity),
        *for_each(MOMENTUM, "the learning rate is in the velocity", "The new v is momentum · v - lr · g. Other books "
                  "keep it so, and add it; here v is made of gradients alone, and lr comes with the step.",
                  downhill_velocity),
        *for_each(MOMENTUM, "the learning rate is in the velocity", "lr was multiplied into v, and the next step "
                  "begins with that. Keep v as it is: theta - lr * v.", velocity_times_rate),
        *for_each(MOMENTUM, "momentum at the gradient", "The new v is v + momentum · g. Momentum says how much of the "
                  "old velocity stays: momentum · v + g.", momentum_at_gradient),
        *for_each(MOMENTUM, "momentum at both", "The new v is momentum · (v + g). Only the old velocity loses some: "
                  "momentum · v + g.", momentum_at_both),
        *for_each(MOMENTUM, "nothing is lost", "The new v is v + g: the old velocity stays whole, and will never come "
                  "to rest. Multiply it by momentum.", everything_kept),
        *for_each(MOMENTUM, "one step ahead", "This is Nesterov's momentum, theta - lr · (g + momentum · v). It is "
                  "good, too; here the step is lr · v.", looking_ahead),
        Mistake("the old velocity is returned", "v is the one that came in. The next step needs the new one.",
                lambda right, theta, g, v, lr, momentum: v, of="v"),
    ))


# --------------------------------------------------------------------------------------------------------------- Adam

def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps, *, share1=None, share2=None, square=lambda g: g * g,
              correction1=lambda beta, t: 1 - beta**t, correction2=lambda beta, t: 1 - beta**t, root=np.sqrt,
              below=lambda s, root, eps: root(s) + eps, numerator=None, direction=-1, keep_corrected=False):
    """Adam, and whatever people do in its place."""
    m = beta1 * m + (1 - beta1 if share1 is None else share1) * g
    s = beta2 * s + (1 - beta2 if share2 is None else share2) * square(g)
    m_hat, s_hat = m / correction1(beta1, t), s / correction2(beta2, t)
    above = m_hat if numerator is None else numerator(m, g)
    theta = theta + direction * lr * above / below(s_hat, root, eps)
    return (m_hat, s_hat, theta) if keep_corrected else (m, s, theta)


def eps_beside_the_plain_root(theta, g, m, s, t, lr, beta1, beta2, eps):
    m, s, _ = adam_step(theta, g, m, s, t, lr, beta1, beta2, eps)
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return m, s, theta - rate * m / (np.sqrt(s) + eps)


def uncorrected(beta, t):
    return 1.0


def adam_case(rng):
    theta, g, m = rng.standard_normal((3, 4))
    return (theta, g, m, rng.uniform(1, 2, 4), int(rng.integers(2, 5)), float(rng.uniform(0.1, 0.4)),
            float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.91, 0.97)), float(rng.uniform(0.05, 0.1)))


ADAM = ("m", "s", "theta")


def adam_mistake(name, sentence, **change):
    return for_each(ADAM, name, sentence, lambda *inputs: adam_step(*inputs, **change))


def swapped_betas(theta, g, m, s, t, lr, beta1, beta2, eps):
    return adam_step(theta, g, m, s, t, lr, beta2, beta1, eps)


ADAM_STEP = Exercise(
    "5.2", "adam_step", ADAM, adam_step,
    example=((np.array([1.0, 1]), np.array([4.0, 0.5]), np.zeros(2), np.zeros(2), 1, 0.1, 0.9, 0.999, 1e-8),
             (np.array([0.4, 0.05]), np.array([0.016, 0.00025]), np.array([0.9, 0.9]))),
    cases=adam_case,
    mistakes=(
        *adam_mistake("the step goes uphill", "theta grows where it should fall: subtract the step.", direction=1),
        *adam_mistake("nothing is corrected", "m and s are used as they are. Both began at 0 and are too small in the "
                      "first steps: divide by 1 - beta1**t and 1 - beta2**t.", correction1=uncorrected,
                      correction2=uncorrected),
        *adam_mistake("only s is corrected", "m is used without its correction: divide it by 1 - beta1**t.",
                      correction1=uncorrected),
        *adam_mistake("only m is corrected", "s is used without its correction: divide it by 1 - beta2**t.",
                      correction2=uncorrected),
        *adam_mistake("t is not in the correction", "It is divided by 1 - beta1 and 1 - beta2, which is right for the "
                      "first step only. The power is missing: 1 - beta1**t.", correction1=lambda beta, t: 1 - beta,
                      correction2=lambda beta, t: 1 - beta),
        *adam_mistake("a product instead of a power", "The correction is 1 - beta · t. beta1^t is a power: beta1**t.",
                      correction1=lambda beta, t: 1 - beta * t, correction2=lambda beta, t: 1 - beta * t),
        *adam_mistake("t is one too small", "The correction uses t - 1. The first step is number 1, and t says it.",
                      correction1=lambda beta, t: 1 - beta**(t - 1), correction2=lambda beta, t: 1 - beta**(t - 1)),
        *adam_mistake("t is one too large", "The correction uses t + 1. The first step is number 1, and t says it.",
                      correction1=lambda beta, t: 1 - beta**(t + 1), correction2=lambda beta, t: 1 - beta**(t + 1)),
        *adam_mistake("the corrected ones are kept", "m and s are returned with their correction. That is for this "
                      "step alone; in the next one they would be corrected again. Give the hats names of their own.",
                      keep_corrected=True),
        *adam_mistake("the gradient is not squared", "s takes up g and not g². A mean of gradients may be 0 or "
                      "negative; the mean of their squares says how large they are.", square=lambda g: g),
        *adam_mistake("the size instead of the square", "s takes up |g| and not g².", square=np.abs),
        *adam_mistake("the root is missing", "The step is divided by s_hat itself. Its root is what is as large as a "
                      "gradient.", root=lambda s: s),
        *adam_mistake("eps is under the root", "It is sqrt(s_hat + eps). eps is added after the root.",
                      below=lambda s, root, eps: np.sqrt(s + eps)),
        *adam_mistake("eps is missing", "It is divided by sqrt(s_hat) alone. A parameter that never had a gradient "
                      "would make that 0 / 0: add eps.", below=lambda s, root, eps: root(s)),
        *for_each(ADAM, "eps beside the uncorrected root", "eps was added to sqrt(s), before the correction. Some "
                  "libraries do so; in the paper's algorithm it is sqrt(s_hat) + eps.", eps_beside_the_plain_root),
        *adam_mistake("1 - beta1 is missing", "m is beta1 · m + g. In a mean the new gradient counts 1 - beta1.",
                      share1=1),
        *adam_mistake("1 - beta2 is missing", "s is beta2 · s + g². In a mean the new square counts 1 - beta2.",
                      share2=1),
        *for_each(ADAM, "the betas changed places", "beta2 was used for m and beta1 for s. m, the mean of the "
                  "gradients, forgets sooner: beta1.", swapped_betas),
        *adam_mistake("the gradient instead of its mean", "The step is made with g, as in RMSProp. Adam goes along "
                      "m_hat, the mean of the last gradients.", numerator=lambda m, g: g),
        Mistake("the old m is returned", "m is the one that came in. The next step needs the new one.",
                lambda right, theta, g, m, *others: m, of="m"),
        Mistake("the old s is returned", "s is the one that came in. The next step needs the new one.",
                lambda right, theta, g, m, s, *others: s, of="s"),
    ))


# ------------------------------------------------------------------------------------------------------------ batches

EPOCH = ("sizes", "every number once", "in random order", "another order each time")


def facts_about(module, N, size, seed):
    """What is true of the batches whatever the order: their sizes, and whether the rest is as asked for."""
    rng = np.random.default_rng(seed)
    first, second = module.batches(N, size, rng), module.batches(N, size, rng)
    if first is None:
        raise TypeError("batches gave None; is there a `return` at the end?")
    first, second = [np.asarray(batch) for batch in first], [np.asarray(batch) for batch in second]
    if not first:
        raise TypeError("the list of batches is empty")
    for batch in first:
        if batch.ndim != 1 or batch.dtype.kind not in "iu":
            raise TypeError(f"a batch has to be an array of whole numbers, one axis long, and not {batch.dtype}"
                            f"{batch.shape}")
    order, other = np.concatenate(first).tolist(), np.concatenate(second).tolist()
    for number in order:
        if not 0 <= number < N:
            raise TypeError(f"a batch holds the number {number}; for N = {N} they go from 0 to {N - 1}")
    few = N < 10  # then chance alone may have left them in order
    neighbours = sum(b == a + 1 for a, b in itertools.pairwise(order))
    return ([len(batch) for batch in first], yes(sorted(order) == list(range(N))), yes(few or neighbours < N / 2),
            yes(few or order != other))


def yes(fact):
    return "yes" if fact else "no"


def sizes(N, size):
    return [min(size, N - i) for i in range(0, N, size)]


BATCHES = Exercise(
    "5.3", "batches", EPOCH, lambda N, size, seed: (sizes(N, size), "yes", "yes", "yes"),
    example=((5, 2, 0), ([2, 2, 1], "yes", "yes", "yes")),
    cases=lambda rng: (int(rng.integers(60, 66)) * 7 + 3, 7, int(rng.integers(1000))), call=facts_about,
    mistakes=(
        Mistake("the rest is lost", "The last batch is missing, the one with fewer samples. Some samples are then "
                "never seen in this epoch: range(0, N, size) begins a piece for them, too.",
                lambda right, N, size, seed: [size] * (N // size)),
        Mistake("the last batch is as large as the others", "All batches have `size` numbers, the last one too, which "
                "is more than there are. Was each batch drawn for itself? Shuffle all numbers once, then cut.",
                lambda right, N, size, seed: [size] * len(sizes(N, size))),
        Mistake("single numbers", "Every batch holds one number. Cut the order into pieces: order[i:i + size].",
                lambda right, N, size, seed: [1] * N),
        Mistake("one batch of everything", "There is one batch with all N numbers. Cut it into pieces of `size`.",
                lambda right, N, size, seed: [N]),
        Mistake("size is taken for the number of batches", "There are `size` batches, as np.array_split(order, size) "
                "makes them. Each batch has to have `size` numbers.",
                lambda right, N, size, seed: [len(piece) for piece in np.array_split(np.arange(N), size)]),
        Mistake("drawn with replacement", "Some numbers are missing and others come twice, as when each is drawn for "
                "itself (rng.integers, rng.choice). Shuffle all of them once (rng.permutation), then cut.",
                lambda right, N, size, seed: "no", of="every number once"),
        Mistake("not shuffled", "Neighbours are still neighbours: nothing was shuffled, or the batches were and the "
                "samples were not. A batch of data sorted by class then holds one class: rng.permutation(N), then cut.",
                lambda right, N, size, seed: "no", of="in random order"),
        Mistake("the same order every time", "Two calls with the same rng gave the same order: was another generator "
                "made inside, with a seed of its own? Use the rng that is given.",
                lambda right, N, size, seed: "no", of="another order each time"),
    ))


# -------------------------------------------------------------------------------------------------------------- train

def train(model, optimizer, x, targets, batches, *, zero_grad="after", step="after", gradient=lambda loss, M: 1.0,
          batch_of=lambda a, batch: a[batch], note="before"):
    """The losses, and what becomes of them when one thing is done differently."""
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(batch_of(x, batch))
        loss, loss_cache = loss_layer.forward(logits, batch_of(targets, batch))
        if step == "before":
            optimizer.step()
            model.zero_grad()
        model.backward(loss_layer.backward(gradient(float(loss), len(logits)), loss_cache)[0], cache)
        if zero_grad == "too soon":
            model.zero_grad()
        if step == "after":
            optimizer.step()
        if zero_grad == "after" and step == "after":
            model.zero_grad()
        if note == "after":
            loss = loss_layer(model(batch_of(x, batch)), batch_of(targets, batch))
        losses.append(float(loss))
    return np.array(losses)


def run(change, build, make_optimizer, *data):
    model = build()
    return train(model, make_optimizer(model), *data, **change)


def losses_of(module, build, make_optimizer, x, targets, batches):
    model = build()
    losses = module.train(model, make_optimizer(model), x, targets, batches)
    return np.array([float(loss) for loss in losses]) if isinstance(losses, (list, tuple, np.ndarray)) else losses


def net(H, rng):
    return Sequential(hidden=Linear(2, H, rng=rng, init=he), relu=ReLU(), output=Linear(H, 3, rng=rng)).astype(float)


def small_net(seed):
    def build():
        return net(8, np.random.default_rng(seed))
    return build


def sgd(lr):
    return lambda model: SGD(model.named_parameters(), lr)


def lesson(rng):
    """A net that is built anew for each who wants to train it, and six batches of it."""
    x, targets = 2 * rng.standard_normal((20, 2)), rng.integers(0, 3, 20)
    order = rng.permutation(20)
    return small_net(int(rng.integers(1000))), sgd(0.5), x, targets, [*order[:18].reshape(6, 3), order[18:]]


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


def train_mistake(name, sentence, **change):
    return Mistake(name, sentence, lambda right, *inputs: run(change, *inputs))


def at_zero():
    return Linear(1, 2, rng=None).astype(float)


TRAIN = Exercise(
    "5.4", "train", ("losses",), lambda *inputs: run({}, *inputs),
    example=((at_zero, sgd(1.0), np.ones((2, 1)), np.array([0, 0]), [np.array([0]), np.array([1])]),
             np.log([2, 1 + np.exp(-2)])),
    cases=lesson, call=losses_of, learns=learns, needs=("batches",),
    mistakes=(
        train_mistake("the gradients are never cleared", "From the third loss on it goes wrong: every step still has "
                      "the gradients of all steps before it in it, because backward adds. Call model.zero_grad() after "
                      "each step.", zero_grad="never"),
        train_mistake("nothing is learned", "The weights never change. Either optimizer.step() or a backward is "
                      "missing, or zero_grad() comes between backward and step, and nothing is left to step along.",
                      zero_grad="too soon"),
        train_mistake("the step comes before backward", "The step is made before this batch's backward, with the "
                      "gradients of the batch before. First backward, then step.", step="before", zero_grad="never"),
        train_mistake("backward was given the loss", "The loss layer's backward was given the loss itself. It wants "
                      "the gradient of the loss with respect to the loss, and that is 1.0.",
                      gradient=lambda loss, M: loss),
        train_mistake("backward was given the size of the batch", "The gradients are too large by the size of the "
                      "batch. The loss is a mean already; its gradient with respect to itself is 1.0.",
                      gradient=lambda loss, M: float(M)),
        train_mistake("all samples in every step", "Every step saw all of x. Take x[batch] and targets[batch].",
                      batch_of=lambda a, batch: a),
        train_mistake("the loss after the step", "These are the losses after the steps: the batch was sent through the "
                      "model once more. Asked for are those from before, which cost nothing.", note="after"),
        Mistake("the mean so far", "Each is the mean of all losses so far. Asked for is the loss of each batch.",
                lambda right, *inputs: np.cumsum(right) / np.arange(1, len(right) + 1)),
        Mistake("the sum so far", "Each is the sum of all losses so far. Asked for is the loss of each batch.",
                lambda right, *inputs: np.cumsum(right)),
        Mistake("only the last loss", "It is the last loss alone. Asked for is a list with the loss of each batch.",
                lambda right, *inputs: right[-1]),
    ))

EXERCISES = (MOMENTUM_STEP, ADAM_STEP, BATCHES, TRAIN)
