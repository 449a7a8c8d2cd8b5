"""Lesson 12 with a layer of its own instead of a Sequential, and pooling before ReLU, which is the same."""

from minicap import Cache, Conv2d, Layer, Linear, MaxPool2d, ReLU


class Block(Layer):
    def __init__(self, C, F, rng):
        self.conv, self.pool, self.relu = Conv2d(C, F, 3, stride=1, padding=1, rng=rng), MaxPool2d(2, stride=2), ReLU()

    def forward(self, x):
        caches = []
        for layer in (self.conv, self.pool, self.relu):
            x, cache = layer.forward(x)
            caches.append(cache)
        return x, Cache(caches=caches)

    def backward(self, dy, cache):
        (caches,) = cache.spend(self)
        for layer in (self.relu, self.pool, self.conv):
            dy = layer.backward(dy, caches.pop())
        return dy


class Net(Layer):
    def __init__(self, side, classes, rng):
        self.first, self.second = Block(3, 8, rng), Block(8, 16, rng)
        self.linear = Linear(side * side, classes, rng=rng)  # side / 4 twice, times 16

    def forward(self, x):
        x, first = self.first.forward(x)
        x, second = self.second.forward(x)
        y, linear = self.linear.forward(x.reshape(len(x), -1))
        return y, Cache(first=first, second=second, linear=linear, shape=x.shape)

    def backward(self, dy, cache):
        first, second, linear, shape = cache.spend(self)
        return self.first.backward(self.second.backward(self.linear.backward(dy, linear).reshape(shape), second), first)


def make_cnn(side, classes, rng):
    return Net(side, classes, rng)


def count_parameters(net):
    total = 0
    for parameter in net.parameters():
        numbers = 1
        for n in parameter.shape:
            numbers *= n
        total += numbers
    return total


def training_step(net, loss, optimizer, x, targets):
    net.zero_grad()
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    net.backward(loss.backward(1, loss_cache)[0], cache)
    optimizer.step()
    for parameter in net.parameters():
        parameter.grad = None
    return value
