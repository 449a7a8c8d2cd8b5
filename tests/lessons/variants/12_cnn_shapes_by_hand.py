"""Lesson 12 with the gradient of the loss by hand, parts in a Sequential inside, and counting through the state."""

import numpy as np

from minicap import Buffer, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from minicap.initializers import he


def make_cnn(side, classes, rng):
    def block(C, F):
        return Sequential(Conv2d(C, F, padding=1, rng=rng), ReLU(), MaxPool2d(2))

    eyes = Sequential(block(3, 8), block(8, 16), Flatten())
    D = eyes(np.zeros((1, side, side, 3))).shape[1]  # let the network tell
    return Sequential(eyes=eyes, says=Linear(D, classes, rng=rng, init=he))


def count_parameters(net):
    return int(np.sum([np.prod(p.shape) for _, p in net.named_state() if not isinstance(p, Buffer)]))


def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    value = -np.log(p[rows, targets]).mean()
    p[rows, targets] -= 1
    net.backward(p / len(x), cache)
    optimizer.step()
    net.zero_grad()
    return value
