"""Lesson 12: a CNN that sees shapes. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

from minicap import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential


def make_cnn(side, classes, rng):
    """A network for pictures (N, side, side, 3) that gives one number for each class: (N, classes).

    A Sequential of: convolution from 3 to 8 channels, ReLU, max pooling; convolution from 8 to 16 channels, ReLU, max
    pooling; Flatten; Linear. Kernels are 3 x 3 with padding 1, pooling is 2 x 2; ``side`` is a multiple of 4. Pass
    ``rng`` to every layer with weights.

        make_cnn(8, 5, np.random.default_rng(0)) has parameters of the shapes
        (3, 3, 3, 8), (8,), (3, 3, 8, 16), (16,), (64, 5), (5,)
    """
    raise NotImplementedError("exercise 12.1 is still to do")


def count_parameters(net):
    """How many numbers a network learns: one whole number.

    net: any minicap Layer. ``net.named_parameters()`` gives pairs such as ("conv1.W", Parameter), including those of
    the layers inside; a Parameter has ``data``, its array.

        count_parameters(Linear(10, 3, rng=rng)) is 10 · 3 + 3 = 33
    """
    raise NotImplementedError("exercise 12.2 is still to do")


def training_step(net, loss, optimizer, x, targets):
    """One step of training on one batch; returns the loss before the step, as a float.

    net: (N, ...) -> (N, classes); loss: a SoftmaxCrossEntropy; optimizer: updates net's parameters, as SGD does; x:
    the batch; targets: (N,) whole numbers. Afterwards the parameters have been updated once, and the gradients are
    cleared.

        net = Linear(1, 2) with W = [[0, 0]] and b = [0, 0]; SGD with lr = 1; x = [[1]], targets = [0]
        returns log 2 = 0.6931; then W = [[0.5, -0.5]] and b = [0.5, -0.5]. Two more steps return 0.1269 and 0.0807;
        then W = [[0.6967, -0.6967]] and b = [0.6967, -0.6967]
    """
    raise NotImplementedError("exercise 12.3 is still to do")
