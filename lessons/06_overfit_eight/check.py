"""What lesson 6 asks for: checks of networks, which are themselves checked with networks that are sound or are not."""

import numpy as np

from minicap import Adam, Layer, Linear, ReLU, Sequential
from minicap.attention import softmax, softmax_backward
from minicap.initializers import he, normal
from minicap.layer import Cache
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import accepted, things

# ---------------------------------------------------------------------------------------------------------- baselines


def shares(targets):
    share = np.bincount(targets) / len(targets)
    return share[share > 0]


BASELINES = Exercise(
    "6.1", "baselines", ("uniform", "frequencies"),
    lambda targets, V: (np.log(V), -(shares(targets) * np.log(shares(targets))).sum()),
    example=((np.array([0, 0, 0, 1]), 3), (np.log(3), -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))),
    # labels of six classes, one of which is common, and two of which never occur
    cases=lambda rng: (rng.permutation(np.repeat([0, 1, 3, 4], [20, 9, 6, int(rng.integers(2, 5))])), 6),
    mistakes={("uniform", "frequencies"): [
        ("logarithm to the base 2", known.other_logarithm("2"), lambda right: right / np.log(2)),
        ("logarithm to the base 10", known.other_logarithm("10"), lambda right: right / np.log(10)),
    ], "uniform": [
        ("the probability instead of its cost", "It is 1 / V, the probability. What it costs is -log of it.",
         lambda V: 1 / V),
        ("only classes that occur", "It is the log of the number of classes that occur. A network has V outputs, and "
         "guesses among all of them.", lambda targets: np.log(len(set(targets.tolist())))),
        ("the number of samples", "It is log N. One guesses among V classes, however many samples there are.",
         lambda targets: np.log(len(targets))),
        ("V is counted in the targets", "It is the log of the largest target plus 1. The classes behind it occur in no "
         "target, but the network can guess them too: log V.", lambda targets: np.log(targets.max() + 1)),
    ], "frequencies": [
        ("0 times log 0", "A class that never occurs has the frequency 0, and 0 · log 0 is nan. Leave such classes "
         "out, they cost nothing.", lambda: np.nan),
        ("every class counts the same", "The -log of the frequencies are averaged over the classes. Weight each by "
         "how often it occurs: Σ frequency · -log frequency.", lambda targets: -np.log(shares(targets)).mean()),
        ("not weighted by the shares", "The -log of the frequencies are summed. Weight each by how often it occurs: Σ "
         "frequency · -log frequency.", lambda targets: -np.log(shares(targets)).sum()),
        ("a mean over the classes", "frequency · -log frequency is averaged over classes. The frequencies are weights "
         "already, and sum to 1: add up.",
         (lambda right, V: right / V, lambda right, targets: right / len(shares(targets)))),
        ("divided by the number of classes", "The counts are divided by V. A frequency is a count divided by the "
         "number of samples.",
         lambda targets, V: -sum(n / V * np.log(n / V) for n in np.bincount(targets) if n)),
        ("counts instead of shares", "It is made of the counts. A probability is a count divided by the number of "
         "samples.", lambda targets: -sum(n * np.log(n) for n in np.bincount(targets) if n)),
        ("only the most frequent class", "It is -log of the largest frequency, what a sample of that class costs. "
         "Take the mean over all samples.", lambda targets: -np.log(shares(targets).max())),
        ("errors instead of loss", "It is the fraction of wrong answers. The loss is about probabilities: -Σ "
         "frequency · log frequency.", lambda targets: 1 - shares(targets).max()),
    ]})


# ------------------------------------------------------------------------------------------------------- starts right

def sure(x, targets, V):
    logits = np.zeros((len(x), V))
    logits[:, 0] = 100
    return logits


def towards_the_target(targets, V, times):
    """Logits whose loss is ``times`` log V: the target's probability is V to the power of -times."""
    p = float(V)**-times
    return np.log(np.where(np.eye(V, dtype=bool)[targets], p, (1 - p) / (V - 1)))


# name: (x, targets, V) -> logits, and whether that is how a network should start
STARTS = {
    "all logits 0": (lambda x, targets, V: np.zeros((len(x), V)), True),
    "small logits": (lambda x, targets, V: 0.02 * np.cumsum(x, axis=1)[:, :V], True),
    "9.5 % above log V": (lambda x, targets, V: towards_the_target(targets, V, 1.095), True),
    "9.5 % below log V": (lambda x, targets, V: towards_the_target(targets, V, 0.905), True),
    "10.5 % above log V": (lambda x, targets, V: towards_the_target(targets, V, 1.105), False),
    "10.5 % below log V": (lambda x, targets, V: towards_the_target(targets, V, 0.895), False),
    "large logits": (lambda x, targets, V: 30 * x[:, :V], False),
    "sure of class 0": (sure, False),
    "knows the answers": (lambda x, targets, V: 6.0 * np.eye(V)[targets], False),
    "three outputs too many": (lambda x, targets, V: np.zeros((len(x), V + 3)), False),
}


class Untrained(Layer):
    """A network whose logits are of(x, targets, V)."""

    def __init__(self, of, targets, V):
        super().__init__()
        self.of = lambda x: of(x, targets, V)

    def forward(self, x):
        return self.of(x), Cache()


def started(module, starts, x, targets, V):
    """The names of the networks that the learner's starts_right finds right."""
    return verdicts({name: module.starts_right(Untrained(of, targets, V), x, targets, V)
                     for name, (of, _) in starts.items()}, "starts_right")


def verdicts(found, function):
    names = accepted(found, function)
    if names is None:
        raise TypeError(f"{function} gave None; is there a `return` at the end?")
    return names


def right_ones(networks):
    return [name for name, (_, verdict) in networks.items() if verdict]


def also(*names, without=()):
    """Who gets through when these do as well, and those ``without`` do not."""
    return lambda right, networks: [name for name in networks if name in (*right, *names) and name not in without]


def the_others(right, networks):
    return [name for name in networks if name not in right]


STARTS_RIGHT = Exercise(
    "6.2", "starts_right", ("let through",), lambda networks, x, targets, V: right_ones(networks),
    example=(({name: STARTS[name] for name in ("all logits 0", "sure of class 0", "knows the answers")},
              np.zeros((6, 3)), np.array([0, 1, 2, 0, 1, 2]), 3), ["all logits 0"]),
    # labels of five classes, two of which never occur: their entropy is not log V, nor is their number V
    cases=lambda rng: (STARTS, rng.standard_normal((40, 8)), rng.permutation(np.repeat([0, 1, 2], [16, 14, 10])), 5),
    call=started,
    mistakes=[
        ("too small a loss is let through", "A network that knows the answers untrained got through: the labels are in "
         "its input. abs(loss - log V).", also("knows the answers", "10.5 % below log V")),
        ("too large a loss is let through", "Networks that start far above log V got through. They have wrong answers "
         "to unlearn first: abs(loss - log V).", also("large logits", "sure of class 0", "three outputs too many",
                                                    "10.5 % above log V")),
        ("less than 10 %", "Networks that start 9.5 % above or below log V are refused. 10 % of log V is 0.1 * "
         "np.log(V), and not 0.1.", also(without=("9.5 % above log V", "9.5 % below log V"))),
        ("more than 10 %", "Networks that start 10.5 % above or below log V got through: 10 % of log V is 0.1 * "
         "np.log(V).", also("10.5 % above log V", "10.5 % below log V")),
        ("10 % of the loss", "The difference was compared with 10 % of the loss. It is 10 % of log V.",
         also("10.5 % above log V", without=("9.5 % below log V",))),
        ("V is taken from the logits", "A network with three outputs too many got through. The width of its logits may "
         "be what is wrong: use the V given.", also("three outputs too many")),
        ("nothing starts right", "All are refused, even one whose logits are 0 and whose loss is log V. Is it the "
         "natural logarithm of the V that is given, and not the entropy?",
         (lambda: [], also("10.5 % below log V", without=("all logits 0",)))),
        ("everything starts right", "All get through, even those that are far off. Is the loss compared with log V at "
         "all?", lambda networks: list(networks)),
        ("the answer is upside down", known.upside_down("loss", "near log V"), the_others),
    ])


# --------------------------------------------------------------------------------------------------------- can overfit

class Softmax(Layer):
    """A softmax where none belongs: the loss has its own."""

    def forward(self, x):
        p = softmax(x)
        return p, Cache(p=p)

    def backward(self, dp, cache):
        return softmax_backward(dp, *cache.spend(self))


def nothing(rng, shape):
    return np.zeros(shape, np.float32)


SMALL = normal(0.1)


def net(rng, *behind, hidden=he, output=SMALL):
    layers = Linear(10, 16, rng=rng, init=hidden), ReLU(), Linear(16, 4, rng=rng, init=output), *behind
    return Sequential(*layers).astype(float)


def one_of_all(x):
    return np.repeat(x[:1], len(x), axis=0)


def as_it_is(x):
    return x


def last_as_first(x):
    return np.concatenate([x[:-1], x[:1]])


AGAIN = "the first sample again, with another label", "the same, from a loss far above log V"

# name: (the network, what becomes of its inputs, more for its optimiser), and whether it can learn the samples by heart
NETS = {
    "sound": ((net, as_it_is, {}), True),
    "a softmax before the loss": ((lambda rng: net(rng, Softmax()), as_it_is, {}), False),
    "the same sample ten times": ((net, one_of_all, {}), False),
    AGAIN[0]: ((net, last_as_first, {}), False),  # its loss goes to (2 log 2) / 10
    AGAIN[1]: ((lambda rng: net(rng, output=normal(3.0)), last_as_first, {}), False),
    "all weights 0": ((lambda rng: net(rng, hidden=nothing, output=nothing), as_it_is, {}), False),
    "thrown back at the end": ((net, as_it_is, {"thrown_back": 49}), False),
}


class WatchedAdam(Adam):
    """Counts its steps, and notices gradients not cleared since the step before: they are the same arrays then.

    ``thrown_back``: the number of a step after which every class is taken for the next one.
    """

    def __init__(self, model, thrown_back=None):
        super().__init__(model.named_parameters(), lr=0.04)
        self.thrown_back = thrown_back
        self.seen, self.added_up, self.calls = [], False, 0

    def step(self, lr_factor=1.0):
        gradients = [p.grad for p in self.parameters.values()]
        self.added_up |= any(g is not None and g is old for g, old in zip(gradients, self.seen, strict=False))
        self.seen = gradients
        self.calls += 1
        super().step(lr_factor)
        for p in list(self.parameters.values())[-2:] if self.calls == self.thrown_back else ():
            p.data[...] = np.roll(p.data, 1, axis=-1)


def overfitted(module, nets, x, targets, seed):
    found, gradients, steps = {}, "cleared", set()
    for name, ((make, becomes, more), _) in nets.items():
        model = make(np.random.default_rng(seed))
        optimizer = WatchedAdam(model, **more)
        found[name] = module.can_overfit(model, optimizer, becomes(x), targets)
        if optimizer.added_up:
            gradients = "added up"
        steps.add(optimizer.calls)
    return gradients, verdicts(found, "can_overfit"), sorted(steps)


def ten(rng):
    targets = np.array([0, *rng.permutation([0, 0, 1, 1, 1, 2, 2, 3]), 2])
    return NETS, rng.standard_normal((10, 10)), targets, int(rng.integers(1000))


def straight(rng):
    return Linear(2, 2, rng=rng).astype(float)


LINES = {
    "different samples": ((straight, as_it_is, {}), True),
    "one sample with two labels": ((straight, one_of_all, {}), False),
}

CAN_OVERFIT = Exercise(
    "6.3", "can_overfit", ("gradients", "let through", "the numbers of steps"),
    lambda networks, x, targets, seed: ("cleared", right_ones(networks), [50]),
    example=((LINES, np.array([[30.0, 0], [0, 30]]), np.array([0, 1]), 0),
             ("cleared", ["different samples"], [50])),
    cases=ten, call=overfitted,
    mistakes={"gradients": [
        ("the gradients are never cleared", known.never_cleared(), lambda: "added up"),
    ], "let through": [
        ("the answers instead of the loss", "A network with a softmax before its loss got through: its answers become "
         "right, its loss stays above 0.7. Ask for 0.05.",
         (also("a softmax before the loss"), also("a softmax before the loss", *AGAIN))),
        ("too large a loss is let through", "A network whose loss has fallen a lot, but is not below 0.05, got "
         "through: compare the loss itself with 0.05.", also(AGAIN[1])),
        ("too large a loss is let through", "A network whose last loss is 0.14 got through: one sample comes twice, "
         "with two labels. It has to be below 0.05, on all samples.",
         also(*AGAIN)),
        ("the lowest loss of all steps", "A network got through whose loss was below 0.05 once, and not in the last "
         "step. Look at the last loss only.", also("thrown back at the end")),
        ("everything can overfit", "All get through, even those that cannot tell samples apart. Their loss falls, but "
         "not below 0.05: ask for that.",
         (lambda networks: list(networks), lambda networks: [name for name in networks if "thrown" not in name])),
        ("nothing can overfit", "All are refused, the sound one too. 50 steps, each with both backwards, step() and "
         "zero_grad()? The *last* loss?", lambda: []),
        ("the answer is upside down", known.upside_down("loss", "below 0.05"), the_others),
    ], "the numbers of steps": [
        ("another number of steps", "optimizer.step() is not called 50 times. `for _ in range(50)` makes 50 steps.",
         [lambda n=n: [n] for n in range(201) if n != 50]),
        ("a step for each sample", "There are 50 steps for each sample. All samples together make one step, 50 in all.",
         lambda x: [50 * len(x)]),
    ]})


# ---------------------------------------------------------------------------------------------------- shuffled labels

class Fit:
    """Stands in for a training: keeps what it was given, and predicts well only where pictures and labels are pairs."""

    def __init__(self, x, targets, x_dev, targets_dev):
        self.data, self.kinds, self.labels = (x, targets, x_dev, targets_dev), [], []

    def __call__(self, x, targets):
        kind = self.kind_of(np.asarray(x), np.asarray(targets))
        self.kinds.append(kind)
        self.labels.append(np.array(targets))
        is_right = kind != "shuffled" and not kind.startswith("other")

        def predict(x):
            train_x, train_targets, dev_x, dev_targets = self.data
            if np.array_equal(x, train_x):
                return train_targets.copy() if is_right else np.arange(len(x)) % 3
            if not np.array_equal(x, dev_x):
                raise ValueError("predict was given something else than the dev pictures")
            found = dev_targets.copy() if is_right else np.arange(len(x)) % 3
            found[0] = (dev_targets[0] + 1) % 3
            return found
        return predict

    def kind_of(self, x, targets):
        own_x, own_targets, _, _ = self.data
        if x.shape != own_x.shape or targets.shape != own_targets.shape:
            return "others than those of train"
        if np.array_equal(x, own_x) and np.array_equal(targets, own_targets):
            return "as they are"
        if sorted(targets.tolist()) != sorted(own_targets.tolist()):
            return "others, with other frequencies"
        if np.array_equal(np.sort(x, axis=0), np.sort(own_x, axis=0)) and np.array_equal(targets, own_targets):
            return "as they are, with the pictures shuffled"
        pairs = [sorted((tuple(row), int(t)) for row, t in zip(a, b, strict=True))
                 for a, b in ((x, targets), (own_x, own_targets))]
        return "shuffled together with the pictures" if pairs[0] == pairs[1] else "shuffled"


def shuffled(module, x, targets, x_dev, targets_dev, seed):
    def run(fit, given, seed):
        return things(module.with_shuffled_labels(fit, *given, np.random.default_rng(seed)),
                      "with_shuffled_labels", "accuracy", "accuracy_shuffled")

    inputs = {"x": x, "targets": targets, "x_dev": x_dev, "targets_dev": targets_dev}
    (fit, again, other), given = (Fit(*inputs.values()) for _ in range(3)), [a.copy() for a in inputs.values()]
    answer = run(fit, given, seed)
    if len(fit.kinds) != 2:
        raise TypeError(f"fit was called {len(fit.kinds)} times; it has to be twice, with the labels as they are and "
                        "with the labels shuffled")
    second = [kind for kind in fit.kinds if kind != "as they are"]
    if len(second) == 2:
        raise TypeError("fit never got the labels as they are; are they shuffled before the first fit?")
    if not all(isinstance(number, (int, float, np.number)) for number in answer):
        raise TypeError(f"with_shuffled_labels has to return two numbers, and not {answer!r}")
    for one, its_seed in ((again, seed), (other, seed + 1)):
        run(one, [a.copy() for a in inputs.values()], its_seed)
    same, alike = (len(one.labels) == 2 and all(map(np.array_equal, fit.labels, one.labels)) for one in (again, other))
    changed = [name for a, (name, before) in zip(given, inputs.items(), strict=True) if not np.array_equal(a, before)]
    return (second[0] if second else "as they are", f"{changed[0]} is changed" if changed else "the same",
            *map(float, answer), "no rng" if same and alike else "the rng that is given" if same else "elsewhere")


def by_chance(targets_dev):
    found = np.arange(len(targets_dev)) % 3
    found[0] = (targets_dev[0] + 1) % 3
    return float((found == targets_dev).mean())


def right_shuffled(x, targets, x_dev, targets_dev, seed):
    return "shuffled", "the same", (len(x_dev) - 1) / len(x_dev), by_chance(targets_dev), "the rng that is given"


def train_and_dev(rng):
    """Pictures and labels of train, and twelve of dev of which as many are right by chance as can be told apart."""
    return (rng.standard_normal((30, 4)), rng.permutation(np.repeat(np.arange(3), 10)), rng.standard_normal((12, 4)),
            np.array([0, 0, 1, 1, 1, 0, 2, 0, 2, 1, 0, 2]), int(rng.integers(1000)))


WITH_SHUFFLED_LABELS = Exercise(
    "6.4", "with_shuffled_labels",
    ("labels of the second fit", "the inputs afterwards", "accuracy", "accuracy_shuffled",
     "where the order comes from"), right_shuffled,
    example=((np.arange(24.0).reshape(12, 2), np.array([0, 1, 2, 2, 1, 0, 0, 0, 2, 1, 2, 1]), -np.ones((4, 2)),
              np.array([1, 1, 0, 2]), 0), ("shuffled", "the same", 0.75, 0.25, "the rng that is given")),
    cases=train_and_dev, call=shuffled,
    mistakes={"labels of the second fit": [
        ("nothing is shuffled", "Both times fit got the labels as they are. rng.permutation returns a new array: pass "
         "that to fit.", lambda: "as they are"),
        ("pictures and labels are shuffled together", "Pictures and labels were shuffled together, so each picture "
         "still has its label. Shuffle the labels alone.", lambda: "shuffled together with the pictures"),
        ("new labels instead of shuffled ones", "The second fit got labels drawn anew, with other frequencies. "
         "rng.permutation(targets) keeps the frequencies.", lambda: "others, with other frequencies"),
        ("the pictures are shuffled", "The pictures were shuffled, and the labels are in the order they came in. Leave "
         "x as it is: the labels alone are shuffled.", lambda: "as they are, with the pictures shuffled"),
    ], "the inputs afterwards": [
        ("targets is changed", "targets was shuffled in place, by rng.shuffle, so the caller's labels are wrong now: "
         "rng.permutation(targets).", lambda: "targets is changed"),
    ], ("accuracy", "accuracy_shuffled"): [
        ("errors instead of accuracy", "It is the fraction that is wrong. Accuracy is the fraction that is right: ==, "
         "and not !=.", lambda right: 1 - right),
        ("percent", "It is a hundred times too large. The exercise asks for a fraction, between 0 and 1.",
         lambda right: 100 * right),
        ("a number instead of a share", "It is the number of right answers. Divide by the number of dev samples, or "
         "take the mean.", lambda right, x_dev: right * len(x_dev)),
        ("divided by the number of training samples", "The right answers on dev are divided by the number of training "
         "samples. Divide by that of the dev samples.", lambda right, x, x_dev: right * len(x_dev) / len(x)),
    ], "accuracy": [
        ("measured on train", "It is the accuracy on train, where what was memorised is right. Call predict with "
         "x_dev.", lambda: 1.0),
        ("the two changed places", "accuracy is that of the shuffled labels. Return the one with the labels as they "
         "are first.", by_chance),
    ], "where the order comes from": [
        ("random numbers of its own", known.own_random_numbers("orders"), lambda: "elsewhere"),
        ("the same order for every rng", "Rngs of different seeds gave the same order. Draw it from the rng that is "
         "given: rng.permutation(targets).", lambda: "no rng"),
    ]})

EXERCISES = (BASELINES, STARTS_RIGHT, CAN_OVERFIT, WITH_SHUFFLED_LABELS)
