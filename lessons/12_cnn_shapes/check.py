"""What lesson 12 asks for."""

from itertools import pairwise

import numpy as np

from minicap import (
    SGD,
    Adam,
    AvgPool2d,
    BatchNorm2d,
    Buffer,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    Sequential,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from minicap.captioning.data.shapes import ShapesDataset
from minicap.learn.exercises import Exercise, Mistake
from minicap.losses import log_softmax

# --------------------------------------------------------------------------------------------------------------- 12.1

FILTERS = (3, 8, 16)


def shapes_of(side, classes, D=None, filters=FILTERS, kernel=3):
    """The shapes of the parameters, where Linear reads D numbers."""
    found = []
    for C, F in pairwise(filters):
        found += [(kernel, kernel, C, F), (F,)]
    return [*found, ((side // 4)**2 * filters[-1] if D is None else D, classes), (classes,)]


def network(side, classes, *, act=(ReLU, ReLU), pool=MaxPool2d, last=(), pools_at_end=False):
    """The network as it should be, with mistakes on request; its weights are filled in later."""
    between, end = [pool(2)], [pool(2)]
    if pools_at_end:
        between, end = [], [pool(2), pool(2)]
    acts = [[make()] if make else [] for make in act]
    return Sequential(Conv2d(3, 8, padding=1, rng=None), *acts[0], *between,
                      Conv2d(8, 16, padding=1, rng=None), *acts[1], *end,
                      Flatten(), Linear((side // 4)**2 * 16, classes, rng=None), *last)


def computed_by(net, weights, x):
    """What a network gives for x once its parameters are these weights; rounded numbers."""
    for parameter, data in zip(net.parameters(), weights, strict=True):
        parameter.data = data.copy()
    return np.round(net(x), 4).tolist()


def right_network(side, classes, weights, x):
    return shapes_of(side, classes), computed_by(network(side, classes), weights, x)


def network_of(module, side, classes, weights, x):
    net = module.make_cnn(side, classes, np.random.default_rng(0))
    if not isinstance(net, Layer):
        raise TypeError(f"make_cnn has to return a Sequential, and not {type(net).__name__}: is there a `return`?")
    shapes = [tuple(parameter.shape) for parameter in net.parameters()]
    fits = shapes == [data.shape for data in weights]
    return shapes, computed_by(net, weights, x) if fits else "not tried, as the parameters have other shapes"


def weights_and_pictures(rng, side, classes):
    weights = [rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1])) for shape in shapes_of(side, classes)]
    return side, classes, weights, rng.standard_normal((3, side, side, 3))


def cases_of_a_network(rng):
    return weights_and_pictures(rng, int(rng.choice([12, 16, 20])), int(rng.integers(3, 7)))


def instead(**options):
    return lambda right, side, classes, weights, x: computed_by(network(side, classes, **options), weights, x)


def reads(D, **options):
    """Linear reads D(side) numbers."""
    return lambda right, side, classes, weights, x: shapes_of(side, classes, D(side), **options)


class Softmax(Layer):
    def __call__(self, x):
        return np.exp(log_softmax(x))


class LogSoftmax(Layer):
    def __call__(self, x):
        return log_softmax(x)


def unpadded(side):
    return max(((side - 2) // 2 - 2) // 2, 0)


EXAMPLE = weights_and_pictures(np.random.default_rng(0), 8, 5)
WHAT = "what it computes"
MAKE_CNN = Exercise(
    "12.1", "make_cnn", ("the list of its parameters' shapes", WHAT), right_network,
    example=(EXAMPLE, right_network(*EXAMPLE)), cases=cases_of_a_network, call=network_of,
    mistakes=(
        Mistake("no padding", "Linear reads as many numbers as are left without padding. A 3 x 3 window without "
                "padding costs two pixels of height and width at each convolution: padding=1.",
                reads(lambda side: unpadded(side)**2 * 16)),
        Mistake("no pooling is counted", "Linear reads side · side · 16 numbers, as if nothing were pooled. Each "
                "pooling halves height and width: side // 4 is left.", reads(lambda side: side**2 * 16)),
        Mistake("one pooling is counted", "Linear reads what is left after one pooling. There are two, and each halves "
                "height and width: side // 4 is left.", reads(lambda side: (side // 2)**2 * 16)),
        Mistake("three poolings are counted", "Linear reads (side // 8)² · 16 numbers. There are two poolings: side // "
                "4 is left.", reads(lambda side: (side // 8)**2 * 16)),
        Mistake("not squared", "Linear reads side // 4 · 16 numbers. What is left is side // 4 high and side // 4 "
                "wide: squared.", reads(lambda side: side // 4 * 16)),
        Mistake("the channels are not counted", "Linear reads (side // 4)² numbers. Each of these pixels has 16 "
                "channels by now.", reads(lambda side: (side // 4)**2)),
        Mistake("the channels of the picture are counted", "Linear reads (side // 4)² · 3 numbers. 3 were the channels "
                "of the picture; by now they are 16.", reads(lambda side: (side // 4)**2 * 3)),
        Mistake("the channels of the first convolution are counted", "Linear reads (side // 4)² · 8 numbers. 8 "
                "channels come out of the first convolution, 16 out of the second.",
                reads(lambda side: (side // 4)**2 * 8)),
        Mistake("only the channels are counted", "Linear reads 16 numbers. Flatten keeps all pixels: (side // 4)² · "
                "16.", reads(lambda side: 16)),
        Mistake("5 x 5 kernels", "The kernels are 5 x 5; 3 x 3 is asked for.", reads(lambda side: None, kernel=5)),
        Mistake("16 channels first", "The convolutions go from 3 to 16 and from 16 to 8 channels. It is 3 to 8, then 8 "
                "to 16: as the picture gets smaller, there is more to say about each place.",
                reads(lambda side: None, filters=(3, 16, 8))),
        Mistake("one convolution", "There is one convolution where two are asked for, the second one from 8 to 16 "
                "channels.", reads(lambda side: (side // 2)**2 * 8, filters=(3, 8))),
        Mistake("the second convolution reads the picture", "The second convolution is made for 3 channels. It reads "
                "what the first one gives, 8.", lambda right, side, *others: [*right[:2], (3, 3, 3, 16), *right[3:]]),
        Mistake("no ReLU after the first convolution", "ReLU is missing after the first convolution. Two convolutions "
                "with nothing bent between them are one larger convolution.", instead(act=(None, ReLU)), of=WHAT),
        Mistake("no ReLU after the second convolution", "ReLU is missing after the second convolution.",
                instead(act=(ReLU, None)), of=WHAT),
        Mistake("no ReLU", "ReLU is missing after both convolutions. Without it the network can bend nothing but by "
                "pooling.", instead(act=(None, None)), of=WHAT),
        Mistake("ReLU at the end", "There is a ReLU behind Linear. Whatever is below 0 then gets no gradient; the "
                "softmax of the loss wants the numbers as they are.", instead(last=(ReLU(),)), of=WHAT),
        Mistake("softmax at the end", "There is a softmax behind Linear. The loss has one already, and a softmax of a "
                "softmax can hardly tell classes apart.", instead(last=(Softmax(),)), of=WHAT),
        Mistake("log-softmax at the end", "There is a log-softmax behind Linear. The loss has one already: give it the "
                "numbers of Linear as they are.", instead(last=(LogSoftmax(),)), of=WHAT),
        Mistake("average pooling", "Pooling takes the mean. Max pooling is asked for: is there anything like this, "
                "rather than how much of it on average.", instead(pool=AvgPool2d), of=WHAT),
        Mistake("both poolings at the end", "Both poolings stand behind the second convolution. Between the two it "
                "lets the second one see twice as far, for a quarter of the work.", instead(pools_at_end=True),
                of=WHAT),
        Mistake("tanh for ReLU", "There is tanh where ReLU is asked for.", instead(act=(Tanh, Tanh)), of=WHAT),
        Mistake("a sigmoid for ReLU", "There is a sigmoid where ReLU is asked for.", instead(act=(Sigmoid, Sigmoid)),
                of=WHAT),
    ))


# --------------------------------------------------------------------------------------------------------------- 12.2

def count(net):
    return sum(parameter.data.size for parameter in net.parameters())


def networks(rng):
    """A network with batch norm, a part inside, and a layer without a bias."""
    a, b, c, d = (int(n) for n in rng.permutation([2, 3, 5, 7]))
    inside = Sequential(Conv2d(a, b, rng=rng), BatchNorm2d(b), ReLU())
    return (Sequential(first=inside, flatten=Flatten(), second=Linear(b, c, bias=False, rng=rng),
                       third=Linear(c, d, rng=rng)),)


def of_children(net):
    """Without going into the layers inside layers."""
    values = [value for _, layer in net.children() for value in vars(layer).values()]
    return sum(value.data.size for value in values if isinstance(value, Parameter))


def called(*names):
    """Only parameters of these names are counted."""
    return lambda right, net: sum(p.data.size for name, p in net.named_parameters() if name.split(".")[-1] in names)


COUNT_PARAMETERS = Exercise(
    "12.2", "count_parameters", ("the number",), count, example=((Linear(10, 3, rng=np.random.default_rng(0)),), 33),
    cases=networks,
    mistakes=(
        Mistake("arrays are counted", "It counts the parameters' arrays. Each holds many numbers: its size.",
                lambda right, net: len(net.parameters())),
        Mistake("only what is called W and b", "Only W and b are counted. Other parameters have other names, as batch "
                "norm's gamma and beta: go through named_parameters().",
                called("W", "b")),
        Mistake("only W", "Only what is called W is counted. Biases, and batch norm's γ and β, are learned as well.",
                called("W")),
        Mistake("running statistics are counted", "Batch norm's running mean and variance are counted. They belong to "
                "the state, but they are not learned: named_parameters() leaves them out.",
                lambda right, net: sum(p.data.size for _, p in net._named((Parameter, Buffer)))),
        Mistake("the length instead of the size", "It adds up len(array), which is the first axis alone. The size is "
                "the product of all axes.", lambda right, net: sum(len(p.data) for p in net.parameters())),
        Mistake("axes added up", "It adds up the sizes of the axes. An array of shape (3, 8) holds 3 · 8 numbers, not "
                "3 + 8.", lambda right, net: sum(sum(p.shape) for p in net.parameters())),
        Mistake("bytes", "It is the number of bytes, four for each number.",
                lambda right, net: sum(p.data.nbytes for p in net.parameters())),
        Mistake("layers inside are not counted", "A layer that is made of layers was not gone into. named_parameters() "
                "finds them, however deep.", lambda right, net: of_children(net)),
    ))


# --------------------------------------------------------------------------------------------------------------- 12.3

LR, STEPS = 1.0, 3


def small_network(W, b):
    net = Linear(*W.shape, rng=None)
    net.W.data, net.b.data = W.copy(), b.copy()
    return net


def after_steps(step, x, targets, W, b):
    """The losses that ``step`` returns, and W and b afterwards."""
    net, loss = small_network(W, b), SoftmaxCrossEntropy()
    optimizer = SGD(net.named_parameters(), lr=LR)
    losses = []
    for _ in range(STEPS):
        value = step(net, loss, optimizer, x, targets)
        if value is None or np.ndim(value) != 0:
            raise TypeError(f"training_step has to return the loss, one number, and not {type(value).__name__}")
        losses.append(float(value))
    return np.array(losses), net.W.data, net.b.data


def a_step(net, loss, optimizer, x, targets, *, clear=True, move=1, dloss=lambda value, N: 1.0, late=False):
    """One step, with mistakes on request."""
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    net.backward(loss.backward(dloss(value, len(x)), loss_cache)[0], cache)
    for _ in range(move):
        optimizer.step()
    if clear:
        net.zero_grad()
    return loss(net(x), targets) if late else value


def with_mistake(**options):
    """The losses of three steps with a mistake in each."""
    return lambda right, *inputs: after_steps(lambda *others: a_step(*others, **options), *inputs)[0]


def cases_of_a_step(rng):
    return rng.standard_normal((5, 4)), rng.integers(3, size=5), rng.standard_normal((4, 3)), rng.standard_normal(3)


def learns_a_handful(module):
    """Ten pictures are learned by heart."""
    data = ShapesDataset(train=10, dev=0, test=0, side=16)
    x = np.stack([data.image(name) for name in data.splits["train"]]) / 255 - 0.5
    targets = np.arange(10) % 3
    net, loss = module.make_cnn(16, 3, np.random.default_rng(0)).astype(np.float64), SoftmaxCrossEntropy()
    optimizer = Adam(net.named_parameters(), lr=0.02)
    seen = [float(module.training_step(net, loss, optimizer, x, targets)) for _ in range(16)]
    if not seen[-1] < 0.3:
        return ("ten pictures should be learned by heart in 16 steps, whatever is said about them. The loss began at "
                f"{seen[0]:.2f} and is still {seen[-1]:.2f}")


ZEROS = np.ones((1, 1)), np.array([0]), np.zeros((1, 2)), np.zeros(2)
TRAINING_STEP = Exercise(
    "12.3", "training_step", ("the loss of three steps", "W after them", "b after them"),
    lambda *inputs: after_steps(a_step, *inputs), example=(ZEROS, after_steps(a_step, *ZEROS)), cases=cases_of_a_step,
    call=lambda module, *inputs: after_steps(module.training_step, *inputs), needs=("make_cnn",),
    learns=learns_a_handful,
    mistakes=(
        Mistake("nothing moves", "The loss of the second step is that of the first: nothing has moved. Either "
                "optimizer.step() is missing, or no gradient has come to it: net.backward is missing, or zero_grad() "
                "stands between backward and step.", with_mistake(move=0)),
        Mistake("gradients are not cleared", "The second step has used the gradients of the first one again. backward "
                "adds to the gradients that are there: net.zero_grad() at the end of every step.",
                with_mistake(clear=False)),
        Mistake("the loss as its own gradient", "loss.backward got the value of the loss. It asks for the gradient of "
                "the loss by the loss, which is 1: so every step was as many times too large as the loss is.",
                with_mistake(dloss=lambda value, N: float(value))),
        Mistake("the loss after the step", "What is returned is the loss after the step. The one before is there "
                "already; this one costs another way through the network.", with_mistake(late=True)),
        Mistake("two steps at once", "optimizer.step() was done twice with the same gradients.",
                with_mistake(move=2)),
        Mistake("uphill", "The loss grows: the gradient went in with the wrong sign. loss.backward wants 1, and the "
                "optimiser subtracts.", with_mistake(dloss=lambda value, N: -1.0)),
        Mistake("the gradient is divided by the batch once more", "Every step is N times too small. The loss is a mean "
                "already, its 1/N comes with dlogits.",
                with_mistake(dloss=lambda value, N: 1 / N)),
        Mistake("the gradient is multiplied by the batch", "Every step is N times too large. The loss is a mean over "
                "the batch, and its gradient belongs to it as it is.",
                with_mistake(dloss=lambda value, N: float(N))),
    ))

EXERCISES = (MAKE_CNN, COUNT_PARAMETERS, TRAINING_STEP)
