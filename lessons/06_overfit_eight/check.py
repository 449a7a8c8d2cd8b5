"""What lesson 6 asks for: checks of networks, which are themselves checked with networks that are sound or are not."""

import numpy as np

from minicap import Adam, Layer, Linear, ReLU, Sequential
from minicap.attention import softmax, softmax_backward
from minicap.initializers import he, normal
from minicap.layer import Cache
from minicap.learn.exercises import Exercise, Mistake

# ---------------------------------------------------------------------------------------------------------- baselines


def shares(targets):
    share = np.bincount(targets) / len(targets)
    return share[share > 0]


def baselines(targets, V):
    return np.log(V), -(shares(targets) * np.log(shares(targets))).sum()


def uneven(rng):
    """Labels of six classes, one of which is common, and two of which never occur."""
    return rng.permutation(np.repeat([0, 1, 3, 4], [20, 9, 6, int(rng.integers(2, 5))])), 6


BASELINES = Exercise(
    "6.1", "baselines", ("uniform", "frequencies"), baselines,
    example=((np.array([0, 0, 0, 1]), 3), (np.log(3), -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))), cases=uneven,
    mistakes=(
        Mistake("logarithm to the base 2", "That is in bits, with log2. Losses are in nats, with the natural "
                "logarithm: np.log.", lambda right, targets, V: right / np.log(2)),
        Mistake("logarithm to the base 2", "That is in bits, with log2. Losses are in nats, with the natural "
                "logarithm: np.log.", lambda right, targets, V: right / np.log(2), of="frequencies"),
        Mistake("logarithm to the base 10", "That is with log10. Losses are with the natural logarithm: np.log.",
                lambda right, targets, V: right / np.log(10)),
        Mistake("logarithm to the base 10", "That is with log10. Losses are with the natural logarithm: np.log.",
                lambda right, targets, V: right / np.log(10), of="frequencies"),
        Mistake("the probability instead of its cost", "It is 1 / V, the probability. What it costs is -log of it.",
                lambda right, targets, V: 1 / V),
        Mistake("only classes that occur", "It is the logarithm of the number of classes that occur among the targets. "
                "A network has V outputs, and guesses among all of them.", lambda right, targets, V:
                np.log(len(set(targets.tolist())))),
        Mistake("the number of samples", "It is log N. One guesses among V classes, however many samples there are.",
                lambda right, targets, V: np.log(len(targets))),
        Mistake("0 times log 0", "A class that never occurs has the share 0, and 0 · log 0 is no number (nan). Leave "
                "such classes out, they cost nothing.", lambda right, targets, V: np.nan, of="frequencies"),
        Mistake("every class counts the same", "The -log of the shares are averaged over the classes. A class costs as "
                "often as it occurs: share · -log share, and the sum of that.",
                lambda right, targets, V: -np.log(shares(targets)).mean(), of="frequencies"),
        Mistake("not weighted by the shares", "The -log of the shares are added up. A class costs as often as it "
                "occurs: share · -log share.",
                lambda right, targets, V: -np.log(shares(targets)).sum(), of="frequencies"),
        Mistake("a mean over the classes", "share · -log share is averaged over V classes. The shares are weights "
                "already, with the sum 1: add up.", lambda right, targets, V: right / V, of="frequencies"),
        Mistake("counts instead of shares", "It is made of the counts. A probability is a count divided by the number "
                "of samples.", lambda right, targets, V: -sum(n * np.log(n) for n in np.bincount(targets) if n),
                of="frequencies"),
        Mistake("only the most frequent class", "It is -log of the largest share, what a sample of the most frequent "
                "class costs. The others cost more: take the mean over all samples.",
                lambda right, targets, V: -np.log(shares(targets).max()), of="frequencies"),
        Mistake("errors instead of loss", "It is the share of wrong answers when the most frequent class is always "
                "said. The loss is about probabilities: -Σ share · log share.",
                lambda right, targets, V: 1 - shares(targets).max(), of="frequencies"),
    ))


# ------------------------------------------------------------------------------------------------------- starts right

def sharp(x, targets, V):
    """Logits that know the answers."""
    return 6.0 * np.eye(V)[targets]


def sure(x, targets, V):
    logits = np.zeros((len(x), V))
    logits[:, 0] = 100
    return logits


# name: (x, targets, V) -> logits, and whether that is how a network should start
STARTS = {
    "all logits 0": (lambda x, targets, V: np.zeros((len(x), V)), True),
    "small logits": (lambda x, targets, V: 0.02 * np.cumsum(x, axis=1)[:, :V], True),
    "large logits": (lambda x, targets, V: 30 * x[:, :V], False),
    "sure of class 0": (sure, False),
    "knows the answers": (sharp, False),
    "three outputs too many": (lambda x, targets, V: np.zeros((len(x), V + 3)), False),
}


def started(module, starts, x, targets, V):
    """The names of the networks that the learner's starts_right finds right."""
    return names_of({name: module.starts_right(lambda x, of=of: of(x, targets, V), x, targets, V)
                     for name, (of, _) in starts.items()}, "starts_right")


def names_of(verdicts, function):
    if None in verdicts.values():
        raise TypeError(f"{function} gave None; is there a `return` at the end?")
    for name, verdict in verdicts.items():
        if not isinstance(verdict, (bool, np.bool_)):
            raise TypeError(f"{function} has to return True or False, and not {verdict!r} (that was for: {name})")
    return [name for name, verdict in verdicts.items() if verdict]


def right_ones(of, *others):
    return [name for name, (_, verdict) in of.items() if verdict]


def accepted(*names):
    """Who gets through when these do as well."""
    return lambda right, of, *others: [name for name in of if name in right or name in names]


def all_of_them(right, of, *others):
    return list(of)


def none_of_them(right, of, *others):
    return []


def the_others(right, of, *others):
    return [name for name in of if name not in right]


def pictures(rng):
    return STARTS, rng.standard_normal((40, 8)), rng.permutation(np.repeat(np.arange(5), 8)), 5


STARTS_RIGHT = Exercise(
    "6.2", "starts_right", ("let through",), right_ones,
    example=(({name: STARTS[name] for name in ("all logits 0", "sure of class 0", "knows the answers")},
              np.zeros((6, 3)), np.array([0, 1, 2, 0, 1, 2]), 3), ["all logits 0"]), cases=pictures, call=started,
    mistakes=(
        Mistake("too small a loss is let through", "A network that knows the answers before it has learned anything "
                "was let through. Then the labels have got into its input: ask for both sides, abs(loss - log V).",
                accepted("knows the answers")),
        Mistake("too large a loss is let through", "Networks that start far above log V were let through. They are "
                "sure of wrong answers, and spend their first steps unlearning: ask for both sides, abs(loss - log V).",
                accepted("large logits", "sure of class 0", "three outputs too many")),
        Mistake("V is taken from the logits", "A network with three outputs too many was let through. The width of its "
                "logits may be the very thing that is wrong: take the V that is given.",
                accepted("three outputs too many")),
        Mistake("nothing starts right", "All are refused, also one whose logits are 0, and its loss is exactly log V. "
                "What is the loss compared with: the natural logarithm of V?", none_of_them),
        Mistake("everything starts right", "All are let through, also those that are far off. Is the loss compared "
                "with log V at all?", all_of_them),
        Mistake("the answer is upside down", "What starts right is refused and the others are let through: True is for "
                "a loss near log V.", the_others),
    ))


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


# name: (the network, what becomes of its inputs), and whether it can learn eight samples by heart
NETS = {
    "sound": ((net, as_it_is), True),
    "a softmax before the loss": ((lambda rng: net(rng, Softmax()), as_it_is), False),
    "the same sample eight times": ((net, one_of_all), False),
    "all weights 0": ((lambda rng: net(rng, hidden=nothing, output=nothing), as_it_is), False),
}


class WatchedAdam(Adam):
    """Notices when gradients were not cleared since the step before: they are the same arrays then."""

    def __init__(self, model):
        super().__init__(model.named_parameters(), lr=0.04)
        self.seen, self.added_up = [], False

    def step(self, lr_factor=1.0):
        gradients = [p.grad for p in self.parameters.values()]
        self.added_up |= any(g is not None and g is old for g, old in zip(gradients, self.seen, strict=False))
        self.seen = gradients
        super().step(lr_factor)


def overfitted(module, nets, x, targets, seed):
    verdicts, gradients = {}, "cleared"
    for name, ((make, becomes), _) in nets.items():
        model = make(np.random.default_rng(seed))
        optimizer = WatchedAdam(model)
        verdicts[name] = module.can_overfit(model, optimizer, becomes(x), targets)
        if optimizer.added_up:
            gradients = "added up"
    return gradients, names_of(verdicts, "can_overfit")


def eight(rng):
    return NETS, rng.standard_normal((8, 10)), rng.permutation([0, 0, 0, 1, 1, 2, 2, 3]), int(rng.integers(1000))


def straight(rng):
    return Linear(2, 2, rng=rng).astype(float)


LINES = {
    "different samples": ((straight, as_it_is), True),
    "one sample with two labels": ((straight, one_of_all), False),
}

CAN_OVERFIT = Exercise(
    "6.3", "can_overfit", ("gradients", "let through"), lambda *inputs: ("cleared", right_ones(*inputs)),
    example=((LINES, np.array([[30.0, 0], [0, 30]]), np.array([0, 1]), 0), ("cleared", ["different samples"])),
    cases=eight, call=overfitted,
    mistakes=(
        Mistake("the gradients are never cleared", "Each step was made with the gradients of all steps before it in "
                "it, because backward adds. Eight samples may be learned all the same; more are not. Call "
                "model.zero_grad() after each step.", lambda right, *inputs: "added up", of="gradients"),
        Mistake("the answers instead of the loss", "A network with a softmax before its loss was let through. Its "
                "answers are right after a while, but its loss stays above 0.7: ask for a loss below 0.05.",
                accepted("a softmax before the loss"), of="let through"),
        Mistake("everything can overfit", "All are let through, also those that cannot tell one sample from another. "
                "Their loss falls, too, down to that of the frequencies: it has to fall below 0.05.", all_of_them,
                of="let through"),
        Mistake("nothing can overfit", "All are refused, the sound one too. Are there 50 steps, each with both "
                "backward passes, optimizer.step() and model.zero_grad()? And is it the *last* loss that counts?",
                none_of_them, of="let through"),
        Mistake("the answer is upside down", "What can overfit is refused and the others are let through: True is for "
                "a loss below 0.05.", the_others, of="let through"),
    ))


# ---------------------------------------------------------------------------------------------------- shuffled labels

FACTS = ("labels of the second fit", "targets afterwards", "accuracy", "accuracy_shuffled")


class Fit:
    """Stands in for a training: keeps what it was given, and predicts well only where pictures and labels are pairs."""

    def __init__(self, x, targets, x_dev, targets_dev):
        self.data, self.kinds = (x, targets, x_dev, targets_dev), []

    def __call__(self, x, targets):
        kind = self.kind_of(np.asarray(x), np.asarray(targets))
        self.kinds.append(kind)
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
        pairs = [sorted((tuple(row), int(t)) for row, t in zip(a, b, strict=True))
                 for a, b in ((x, targets), (own_x, own_targets))]
        return "shuffled together with the pictures" if pairs[0] == pairs[1] else "shuffled"


def shuffled(module, x, targets, x_dev, targets_dev, seed):
    fit, given = Fit(x, targets, x_dev, targets_dev), targets.copy()
    answer = module.with_shuffled_labels(fit, x.copy(), given, x_dev.copy(), targets_dev.copy(),
                                         np.random.default_rng(seed))
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2):
        raise TypeError(f"with_shuffled_labels has to return two numbers, and not {answer!r}")
    if len(fit.kinds) != 2:
        raise TypeError(f"fit was called {len(fit.kinds)} times; it has to be twice, with the labels as they are and "
                        "with the labels shuffled")
    second = [kind for kind in fit.kinds if kind != "as they are"]
    if len(second) == 2:
        raise TypeError("fit never got the labels as they are; are they shuffled before the first fit?")
    if not all(isinstance(number, (int, float, np.number)) for number in answer):
        raise TypeError(f"with_shuffled_labels has to return two numbers, and not {answer!r}")
    return second[0] if second else "as they are", same(given, targets), *map(float, answer)


def same(a, b):
    return "the same" if np.array_equal(a, b) else "changed"


def right_shuffled(x, targets, x_dev, targets_dev, seed):
    by_chance = np.arange(len(x_dev)) % 3
    by_chance[0] = (targets_dev[0] + 1) % 3
    return ("shuffled", "the same", (len(x_dev) - 1) / len(x_dev), float((by_chance == targets_dev).mean()))


def train_and_dev(rng):
    """Pictures and labels of train, and twelve of dev of which as many are right by chance as can be told apart."""
    return (rng.standard_normal((30, 4)), rng.permutation(np.repeat(np.arange(3), 10)), rng.standard_normal((12, 4)),
            np.array([0, 0, 1, 1, 1, 0, 2, 0, 2, 1, 0, 2]), int(rng.integers(1000)))


def numbers(name, sentence, wrong):
    return [Mistake(name, sentence, wrong, of=one) for one in ("accuracy", "accuracy_shuffled")]


SECOND, AFTERWARDS = FACTS[:2]
WITH_SHUFFLED_LABELS = Exercise(
    "6.4", "with_shuffled_labels", FACTS, right_shuffled,
    example=((np.arange(24.0).reshape(12, 2), np.array([0, 1, 2, 2, 1, 0, 0, 0, 2, 1, 2, 1]), -np.ones((4, 2)),
              np.array([1, 1, 0, 2]), 0), ("shuffled", "the same", 0.75, 0.25)),
    cases=train_and_dev, call=shuffled,
    mistakes=(
        Mistake("nothing is shuffled", "Both times fit got the labels as they are. rng.permutation gives a new array "
                "and changes nothing by itself: give fit what it returns.",
                lambda right, *inputs: "as they are", of=SECOND),
        Mistake("pictures and labels are shuffled together", "Pictures and labels were brought into the same new "
                "order, so each picture still has its label. Shuffle the labels alone.",
                lambda right, *inputs: "shuffled together with the pictures", of=SECOND),
        Mistake("new labels instead of shuffled ones", "The second fit got labels that were drawn anew, and classes "
                "occur more or less often than before. Then the two differ in two things: rng.permutation(targets) "
                "keeps the frequencies.", lambda right, *inputs: "others, with other frequencies", of=SECOND),
        Mistake("targets is changed", "targets was shuffled in place, by rng.shuffle. Whoever called has wrong labels "
                "now, without knowing: rng.permutation(targets) gives a new array.",
                lambda right, *inputs: "changed", of=AFTERWARDS),
        *numbers("errors instead of accuracy", "It is the share that is wrong. Accuracy is the share that is right: "
                 "==, and not !=.", lambda right, *inputs: 1 - right),
        *numbers("percent", "It is a hundred times too large. Asked for is a share, between 0 and 1.",
                 lambda right, *inputs: 100 * right),
        *numbers("a number instead of a share", "It is the number of right answers. Divide by the number of dev "
                 "samples, or take the mean.", lambda right, x, targets, x_dev, *others: right * len(x_dev)),
        Mistake("measured on train", "It is the accuracy on the pictures of train. Whatever was learned by heart is "
                "right there, also nonsense: ask predict for x_dev.", lambda right, *inputs: 1.0, of="accuracy"),
    ))

EXERCISES = (BASELINES, STARTS_RIGHT, CAN_OVERFIT, WITH_SHUFFLED_LABELS)
