"""Mistakes people make in lesson 12, and how each has to be named."""

# expects: 12.1: no padding
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((((side - 2) // 2 - 2) // 2)**2 * 16, classes, rng=rng))


# expects: 12.1: no pooling is counted
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear(side * side * 16, classes, rng=rng))


# expects: 12.1: one pooling is counted
def make_cnn(side, classes, rng):
    return Sequential(
        conv1=Conv2d(3, 8, padding=1, rng=rng), relu1=ReLU(),
        conv2=Conv2d(8, 16, padding=1, rng=rng), relu2=ReLU(), pool=MaxPool2d(2),
        flatten=Flatten(), linear=Linear((side // 2)**2 * 16, classes, rng=rng))


# expects: 12.1: three poolings are counted
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 8)**2 * 16, classes, rng=rng))


# expects: 12.1: not squared
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear(side // 4 * 16, classes, rng=rng))


# expects: 12.1: the channels are not counted
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2, classes, rng=rng))


# expects: 12.1: the channels of the picture are counted
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 3, classes, rng=rng))


# expects: 12.1: the channels of the first convolution are counted
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 8, classes, rng=rng))


# expects: 12.1: only the channels are counted
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear(16, classes, rng=rng))


# expects: 12.1: 5 x 5 kernels
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 5, padding=2, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 5, padding=2, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: 16 channels first
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(16, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 8, classes, rng=rng))


# expects: 12.1: one convolution
def make_cnn(side, classes, rng):
    return Sequential(
        conv=Conv2d(3, 8, padding=1, rng=rng), relu=ReLU(), pool=MaxPool2d(2),
        flatten=Flatten(), linear=Linear((side // 2)**2 * 8, classes, rng=rng))


# expects: 12.1: the second convolution reads the picture
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(3, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: no ReLU after the first convolution
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: no ReLU after the second convolution
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: no ReLU
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: ReLU at the end
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng), ReLU())


# expects: 12.1: softmax at the end
import numpy as np

from minicap import Layer


class Softmax(Layer):
    def __call__(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2), Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng), Softmax())


# expects: 12.1: log-softmax at the end
import numpy as np

from minicap import Layer


class LogSoftmax(Layer):
    def __call__(self, x):
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2), Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng), LogSoftmax())


# expects: 12.1: average pooling
from minicap import AvgPool2d


def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), AvgPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), AvgPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: both poolings at the end
def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(4),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: tanh for ReLU
from minicap import Tanh


def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), Tanh(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), Tanh(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: a sigmoid for ReLU
from minicap import Sigmoid


def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), Sigmoid(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), Sigmoid(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.1: None
from minicap import Tanh


def make_cnn(side, classes, rng):
    return Sequential(
        Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), Tanh(), MaxPool2d(2),
        Flatten(), Linear((side // 4)**2 * 16, classes, rng=rng))


# expects: 12.2: arrays are counted
def count_parameters(net):
    return len(net.parameters())


# expects: 12.2: only what is called W and b
def count_parameters(net):
    return sum(p.data.size for name, p in net.named_parameters() if name.split(".")[-1] in ("W", "b"))


# expects: 12.2: only W
def count_parameters(net):
    return sum(layer.W.data.size for _, layer in net.named_layers() if hasattr(layer, "W"))


# expects: 12.2: running statistics are counted
def count_parameters(net):
    return sum(array.size for array in net.state().values())


# expects: 12.2: the length instead of the size
def count_parameters(net):
    return sum(len(parameter.data) for parameter in net.parameters())


# expects: 12.2: axes added up
def count_parameters(net):
    return sum(sum(parameter.shape) for parameter in net.parameters())


# expects: 12.2: bytes
def count_parameters(net):
    return sum(parameter.data.nbytes for parameter in net.parameters())


# expects: 12.2: layers inside are not counted
from minicap import Parameter


def count_parameters(net):
    total = 0
    layers = [layer for _, layer in net.children()] or [net]
    for layer in layers:
        for value in vars(layer).values():
            if isinstance(value, Parameter):
                total += value.data.size
    return total


# expects: 12.2: None
def count_parameters(net):
    return sum(parameter.data.size + 1 for parameter in net.parameters())


# expects: 12.3: nothing moves
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    net.zero_grad()
    return float(value)


# expects: 12.3: nothing moves
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    optimizer.step()
    net.zero_grad()
    return float(value)


# expects: 12.3: nothing moves
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    net.zero_grad()
    optimizer.step()
    return float(value)


# expects: 12.3: gradients are not cleared
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    return float(value)


# expects: 12.3: the loss as its own gradient
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(value, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(value)


# expects: 12.3: the loss after the step
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(loss(net(x), targets))


# expects: 12.3: two steps at once
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    optimizer.step()
    net.zero_grad()
    return float(value)


# expects: 12.3: uphill
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(-1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(value)


# expects: 12.3: the gradient is divided by the batch once more
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1 / len(x), loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(value)


# expects: 12.3: the gradient is multiplied by the batch
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0] * len(x)
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(value)


# expects: 12.3: multiplied by the batch
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(value) * len(x)


# expects: 12.3: None
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(1.0, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return None


# expects: 12.3: None
def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits = loss.backward(0.9, loss_cache)[0]
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(value)
