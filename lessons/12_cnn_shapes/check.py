"""What lesson 12 asks for."""

from contextlib import suppress
from functools import partial
from itertools import pairwise

import numpy as np

import minicap
from minicap.captioning.data.shapes import ShapesDataset
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import floats, normal
from minicap.losses import log_softmax

# --------------------------------------------------------------------------------------------------------------- 12.1


def shapes_of(side, classes, D=None, filters=(3, 8, 16), kernel=3):
    """The shapes of the parameters, where Linear reads D numbers."""
    convolutions = [shape for C, F in pairwise(filters) for shape in ((kernel, kernel, C, F), (F,))]
    return [*convolutions, ((side // 4)**2 * filters[-1] if D is None else D, classes), (classes,)]


def network(side, classes, *, act=(minicap.ReLU, minicap.ReLU), pool=minicap.MaxPool2d, last=(), pools_at_end=False):
    """The network as it should be, with mistakes on request; its weights are filled in later."""
    between, end = ([], [pool(2), pool(2)]) if pools_at_end else ([pool(2)], [pool(2)])
    acts = [[make()] if make else [] for make in act]
    return minicap.Sequential(minicap.Conv2d(3, 8, padding=1, rng=None), *acts[0], *between,
                              minicap.Conv2d(8, 16, padding=1, rng=None), *acts[1], *end,
                              minicap.Flatten(), minicap.Linear((side // 4)**2 * 16, classes, rng=None), *last)


def computed_by(net, weights, x):
    """What a network gives for x once its parameters are these weights; rounded numbers."""
    for parameter, data in zip(net.parameters(), weights, strict=True):
        parameter.data = data.copy()
    return np.round(net(x), 4).tolist()


def right_network(side, classes, weights, x):
    return shapes_of(side, classes), computed_by(network(side, classes), weights, x), FROM_RNG, "yes"


FROM_RNG = "the rng that is given"


def trains(net, side, classes):
    """Whether every parameter of the network gets a gradient."""
    with suppress(TypeError, AttributeError):  # a layer may be handed no gradient at all, or have no forward
        logits, cache = net.forward(np.ones((1, side, side, 3), np.float32))
        net.backward(np.ones_like(logits), cache)
    return "yes" if all(parameter.grad is not None for parameter in net.parameters()) else "no"


def where_weights_come_from(make):
    """make(rng) -> a network: do its first weights depend on the rng, and on nothing else?"""
    once, again, other = ([parameter.data for parameter in make(np.random.default_rng(seed)).parameters()]
                          for seed in (1, 1, 2))
    if not all(map(np.array_equal, once, again)):
        return "elsewhere"
    drawn = [not np.array_equal(a, b) for a, b in zip(once, other, strict=True) if a.ndim > 1]
    return FROM_RNG if all(drawn) else "nowhere"


def network_of(module, side, classes, weights, x):
    def make(rng):
        return module.make_cnn(side, classes, rng)

    net = make(np.random.default_rng(0))
    if not isinstance(net, minicap.Layer):
        raise TypeError(f"make_cnn has to return a Sequential, and not {type(net).__name__}: is there a `return`?")
    shapes = [tuple(parameter.shape) for parameter in net.parameters()]
    fits = shapes == [data.shape for data in weights]
    computed = computed_by(net, weights, x) if fits else "not tried, as the parameters have other shapes"
    reached = trains(make(np.random.default_rng(0)), side, classes) if fits else "yes"
    return shapes, computed, where_weights_come_from(make), reached


def weights_and_pictures(rng, side, classes):
    weights = [rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1])) for shape in shapes_of(side, classes)]
    return side, classes, weights, rng.standard_normal((3, side, side, 3))


def instead(**options):
    return lambda side, classes, weights, x: computed_by(network(side, classes, **options), weights, x)


def reads(D, **options):
    """Linear reads D(side) numbers."""
    return lambda side, classes: shapes_of(side, classes, D(side), **options)


class Behind(minicap.Layer):
    """A function behind Linear, where none belongs."""

    def __init__(self, function):
        self.function = function

    def __call__(self, x):
        return self.function(x)


EXAMPLE = weights_and_pictures(np.random.default_rng(0), 8, 5)

MAKE_CNN = Exercise(
    "12.1", "make_cnn", ("the list of its parameters' shapes", "what it computes", "where its weights come from",
                         "whether a gradient reaches every parameter"), right_network,
    example=(EXAMPLE, right_network(*EXAMPLE)), call=network_of,
    cases=lambda rng: weights_and_pictures(rng, int(rng.choice([12, 24, 28])), int(rng.integers(3, 7))),
    mistakes={"the list of its parameters' shapes": [
        ("no padding", "Linear reads what is left without padding. A 3 x 3 window costs two pixels of height and width "
         "each time: padding=1.", reads(lambda side: max(((side - 2) // 2 - 2) // 2, 0)**2 * 16)),
        ("the number of the example is written in", "Linear reads 64 numbers, which is right for side = 8 alone. What "
         "is left of each side is side // 4: (side // 4)² · 16.", reads(lambda side: 64)),
        ("no pooling is counted", "Linear reads side · side · 16 numbers. Each pooling halves height and width: side "
         "// 4 is left.", reads(lambda side: side**2 * 16)),
        ("one pooling is counted", "Linear reads what is left after one pooling. There are two, and each halves height "
         "and width: side // 4.", reads(lambda side: (side // 2)**2 * 16)),
        ("three poolings are counted", "Linear reads (side // 8)² · 16 numbers. There are two poolings: side // 4 is "
         "left.", reads(lambda side: (side // 8)**2 * 16)),
        ("not squared", "Linear reads side // 4 · 16 numbers. What is left is side // 4 high and side // 4 wide: "
         "squared.", reads(lambda side: side // 4 * 16)),
        ("the channels are not counted", "Linear reads (side // 4)² numbers. Each of these pixels has 16 channels by "
         "now.", reads(lambda side: (side // 4)**2)),
        ("the channels of the picture are counted", "Linear reads (side // 4)² · 3 numbers. The picture had 3 "
         "channels; by now they are 16.", reads(lambda side: (side // 4)**2 * 3)),
        ("the channels of the first convolution are counted", "Linear reads (side // 4)² · 8 numbers. 8 channels come "
         "out of the first convolution, 16 out of the second.", reads(lambda side: (side // 4)**2 * 8)),
        ("the picture is counted", "Linear reads side · side · 3 numbers, those of the picture. It comes last, and "
         "reads what two poolings and 16 kernels make of it: (side // 4)² · 16.", reads(lambda side: side**2 * 3)),
        ("only the channels are counted", "Linear reads 16 numbers. Flatten keeps all pixels: (side // 4)² · 16.",
         reads(lambda side: 16)),
        ("24 x 24 pictures are written in", "Linear reads 576 numbers, which is right for side = 24 alone. What is "
         "left of each side is side // 4: (side // 4)² · 16.", reads(lambda side: 576)),
        ("6 classes are written in", "The last layer gives 6 numbers, as in the text. Here it gives `classes`.",
         lambda right: [*right[:-2], (right[-2][0], 6), (6,)]),
        ("no bias in Linear", "Linear has no bias: leave out bias=False.", lambda right: right[:-1]),
        ("16 and 32 channels", "The convolutions make 16 and 32 channels. 8 and 16 are asked for.",
         reads(lambda side: None, filters=(3, 16, 32))),
        ("5 x 5 kernels", "There are kernels of 5 x 5; 3 x 3 is asked for.",
         (reads(lambda side: None, kernel=5), lambda right: [(5, 5, 3, 8), *right[1:]],
          lambda right: [*right[:2], (5, 5, 8, 16), *right[3:]])),
        ("16 channels first", "The convolutions go from 3 to 16 and from 16 to 8 channels. It is 3 to 8, then 8 to 16.",
         reads(lambda side: None, filters=(3, 16, 8))),
        ("one convolution", "There is one convolution. Two are asked for, the second one from 8 to 16 channels.",
         reads(lambda side: (side // 2)**2 * 8, filters=(3, 8))),
        ("the second convolution reads the picture", "The second convolution is made for 3 channels. It reads the 8 "
         "that the first one makes.", lambda right: [*right[:2], (3, 3, 3, 16), *right[3:]]),
        ("the weights of Linear are transposed", "Linear was made for `classes` numbers in and all pixels out. It "
         "reads the pixels: Linear((side // 4)**2 * 16, classes).",
         lambda right: [*right[:-2], right[-2][::-1], right[-2][:1]]),
    ], "what it computes": [
        ("no ReLU after the first convolution", "ReLU is missing after the first convolution. Without it the two "
         "convolutions are one larger convolution.", instead(act=(None, minicap.ReLU))),
        ("no ReLU after the second convolution", "ReLU is missing after the second convolution.",
         instead(act=(minicap.ReLU, None))),
        ("no ReLU", "ReLU is missing after both convolutions. Without it only the pooling is not linear.",
         instead(act=(None, None))),
        ("ReLU at the end", "There is a ReLU after Linear. Logits below 0 then get no gradient; the loss needs them as "
         "they are.", instead(last=(minicap.ReLU(),))),
        ("softmax at the end", "There is a softmax after Linear. The loss has one already, and a softmax of a softmax "
         "can hardly tell classes apart.", instead(last=(Behind(lambda x: np.exp(log_softmax(x))),))),
        ("log-softmax at the end", "There is a log-softmax after Linear. The loss has one already: give it the output "
         "of Linear as it is.", instead(last=(Behind(log_softmax),))),
        ("average pooling", "Pooling takes the mean. Max pooling is asked for.", instead(pool=minicap.AvgPool2d)),
        ("both poolings at the end", "Both poolings come after the second convolution. One between the two lets the "
         "second see twice as far, for less work.", instead(pools_at_end=True)),
        ("tanh for ReLU", known.in_place_of("tanh", "ReLU"), instead(act=(minicap.Tanh, minicap.Tanh))),
        ("a sigmoid for ReLU", known.in_place_of("a sigmoid", "ReLU"), instead(act=(minicap.Sigmoid, minicap.Sigmoid))),
    ], "where its weights come from": [
        ("random numbers of its own", known.own_random_numbers("weights"), lambda: "elsewhere"),
        ("rng is not used", "Rngs of different seeds gave the same weights in at least one layer. Pass the rng that is "
         "given to every layer with weights.", lambda: "nowhere"),
    ], "whether a gradient reaches every parameter": [
        ("no gradient passes the second convolution", "input_gradient=False is for the first layer alone, which reads "
         "the pixels. The layers before the second convolution need the gradient of what it reads.",
         lambda: "no"),
    ]})


# --------------------------------------------------------------------------------------------------------------- 12.2

def networks(rng):
    """A network with batch norm, a part inside, a layer without a bias, and two layers of the same shapes."""
    a, b, c, d = (int(n) for n in rng.permutation([2, 3, 5, 7]))
    inside = minicap.Sequential(minicap.Conv2d(a, b, rng=rng), minicap.BatchNorm2d(b), minicap.ReLU())
    return (minicap.Sequential(
        first=inside, flatten=minicap.Flatten(), second=minicap.Linear(b, c, bias=False, rng=rng),
        third=minicap.Linear(c, d, rng=rng), fourth=minicap.Linear(d, d, rng=rng),
        fifth=minicap.Linear(d, d, rng=rng)),)


def of_children(net):
    """Without going into the layers inside layers."""
    values = [value for _, layer in net.children() for value in vars(layer).values()]
    return sum(value.data.size for value in values if isinstance(value, minicap.Parameter))


def called(*names):
    """Only parameters of these names are counted."""
    return lambda net: sum(p.data.size for name, p in net.named_parameters() if name.split(".")[-1] in names)


def number_of(module, net):
    count = module.count_parameters(net)
    if isinstance(count, (float, np.floating)):
        raise TypeError(f"count_parameters has to return a whole number, and not {count!r}")
    return count


COUNT_PARAMETERS = Exercise(
    "12.2", "count_parameters", ("the number",), lambda net: sum(parameter.data.size for parameter in net.parameters()),
    call=number_of,
    example=((minicap.Linear(10, 3, rng=np.random.default_rng(0)),), 33), cases=networks,
    mistakes=[
        ("arrays are counted", "It counts the parameters' arrays. Each holds many numbers: its size.",
         lambda net: len(net.parameters())),
        ("only what is called W and b", "Only W and b are counted. Batch norm's parameters are gamma and beta: go "
         "through named_parameters().", called("W", "b")),
        ("only W", "Only W is counted. Biases, and batch norm's γ and β, are learned as well.", called("W")),
        ("running statistics are counted", "Batch norm's running mean and variance are counted. They are not learned: "
         "named_parameters() leaves them out.",
         lambda net: sum(p.data.size for _, p in net._named((minicap.Parameter, minicap.Buffer)))),
        ("the length instead of the size", "It adds up len(array), the first axis alone. The size is the product of "
         "all axes.", lambda net: sum(len(p.data) for p in net.parameters())),
        ("axes added up", "It adds up the sizes of the axes. An array of shape (3, 8) holds 3 · 8 numbers, not 3 + 8.",
         lambda net: sum(sum(p.shape) for p in net.parameters())),
        ("bytes", "It is the number of bytes, four for each number.",
         lambda net: sum(p.data.nbytes for p in net.parameters())),
        ("only the first array", "It is the size of the first array alone: is a `return` inside the loop?",
         lambda net: net.parameters()[0].data.size),
        ("zeros are not counted", "Numbers that are 0 are left out. Biases begin at 0, and are learned like the rest.",
         lambda net: sum(int(np.count_nonzero(p.data)) for p in net.parameters())),
        ("equal shapes are counted once", "Arrays of the same shape are counted once. Each has numbers of its own.",
         lambda net: sum(int(np.prod(shape)) for shape in {p.shape for p in net.parameters()})),
        ("equal names are counted once", "Of several layers' W only the last is counted: in a dictionary of their last "
         "names each replaces the one before.",
         lambda net: sum({name.split(".")[-1]: p.data.size for name, p in net.named_parameters()}.values())),
        ("layers inside are not counted", "Layers inside a layer are not counted. named_parameters() finds them, "
         "however deep.", of_children),
    ])


# --------------------------------------------------------------------------------------------------------------- 12.3

def after_steps(step, x, targets, W, b):
    """The losses that three calls of ``step`` return, and W, b and the gradients afterwards."""
    net, loss = minicap.Linear(*W.shape, rng=None), minicap.SoftmaxCrossEntropy()
    net.W.data, net.b.data = W.copy(), b.copy()
    optimizer, losses = minicap.SGD(net.named_parameters(), lr=1.0), []
    for _ in range(3):
        value = step(net, loss, optimizer, x, targets)
        if value is None or np.ndim(value) != 0:
            raise TypeError(f"training_step has to return the loss, one number, and not {type(value).__name__}")
        losses.append(float(value))
    cleared = all(parameter.grad is None or not parameter.grad.any() for parameter in net.parameters())
    return np.array(losses), net.W.data, net.b.data, "cleared" if cleared else "left"


def a_step(net, loss, optimizer, x, targets, *, clear=True, move=1, dloss=lambda value, N: 1.0, late=False):
    """One step, with mistakes on request."""
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    net.backward(loss.backward(dloss(value, len(x)), loss_cache)[0], cache)
    for _ in range(move):
        optimizer.step()
    if clear:
        net.zero_grad()
    return float(loss(net(x), targets) if late else value)


def three_steps(**mistake):
    return partial(after_steps, partial(a_step, **mistake))


def learns_a_handful(module):
    """Ten pictures are learned by heart."""
    data = ShapesDataset(train=10, dev=0, test=0, side=16)
    x = np.stack([data.image(name) for name in data.splits["train"]]) / 255 - 0.5
    targets = np.arange(10) % 3
    net, loss = module.make_cnn(16, 3, np.random.default_rng(0)).astype(np.float64), minicap.SoftmaxCrossEntropy()
    optimizer = minicap.Adam(net.named_parameters(), lr=0.02)
    seen = [float(module.training_step(net, loss, optimizer, x, targets)) for _ in range(16)]
    if not seen[-1] < 0.3:
        return ("ten pictures should be memorised in 16 steps, whatever their labels are. The loss began at "
                f"{seen[0]:.2f} and is still {seen[-1]:.2f}")


ZEROS = np.ones((1, 1)), np.array([0]), *floats([[0, 0]], [0, 0])

TRAINING_STEP = Exercise(
    "12.3", "training_step", ("the loss of three steps", "W after them", "b after them", "the gradients after them"),
    three_steps(),
    example=(ZEROS, three_steps()(*ZEROS)),
    cases=lambda rng: (rng.standard_normal((5, 4)), rng.integers(3, size=5), *normal((4, 3), 3)(rng)),
    call=lambda module, *inputs: after_steps(module.training_step, *inputs), needs=("make_cnn",),
    learns=learns_a_handful,
    mistakes={"the loss of three steps": [
        ("nothing moves", known.nothing_moves(), three_steps(move=0)),
        ("gradients are not cleared", known.never_cleared(), three_steps(clear=False)),
        ("the loss as its own gradient", "loss.backward got the value of the loss. It asks for the gradient of the "
         "loss with respect to itself, 1.", three_steps(dloss=lambda value, N: float(value))),
        ("the loss after the step", known.loss_after_step(), three_steps(late=True)),
        ("two steps at once", "optimizer.step() was called twice with the same gradients.", three_steps(move=2)),
        ("uphill", "The loss grows: the gradient has the wrong sign. loss.backward takes 1, and the optimizer "
         "subtracts.", three_steps(dloss=lambda value, N: -1.0)),
        ("the gradient is divided by the batch once more", "Every step is N times too small. The loss is a mean "
         "already, its 1/N comes with dlogits.", three_steps(dloss=lambda value, N: 1 / N)),
        ("the gradient is multiplied by the batch", "Every step is N times too large. The loss is a mean over the "
         "batch: use its gradient as it is.", three_steps(dloss=lambda value, N: float(N))),
    ], "the gradients after them": [
        ("gradients are cleared first", "The steps are right, and the gradients of the last one are left. They have to "
         "be cleared after the step: net.zero_grad() belongs at the end.", lambda: "left"),
    ]})

EXERCISES = (MAKE_CNN, COUNT_PARAMETERS, TRAINING_STEP)
