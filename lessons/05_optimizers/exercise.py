"""Lesson 5: SGD, momentum and Adam. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

from minicap import SoftmaxCrossEntropy


def momentum_step(theta, g, v, lr, momentum):
    """One step of gradient descent with momentum: v = momentum · v + g, then theta = theta - lr · v.

    theta, g, v: arrays of the same shape, the parameters, their gradient, and the velocity so far; lr, momentum:
    numbers. Returns (v, theta), both new. With momentum 0 it is plain gradient descent.

        theta = [10, 20]    g = [2, -1]    v = [5, 0]    lr = 0.1    momentum = 0.9
        the new v = [6.5, -1]    the new theta = [9.35, 20.1]
    """
    raise NotImplementedError("exercise 5.1 is still to do")


def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    """Step number t of Adam (1 is the first).

        m = beta1 · m + (1 - beta1) · g         m_hat = m / (1 - beta1^t)
        s = beta2 · s + (1 - beta2) · g²        s_hat = s / (1 - beta2^t)
        theta = theta - lr · m_hat / (sqrt(s_hat) + eps)

    theta, g, m, s: arrays of the same shape. Returns (m, s, theta), all new; m and s as the next step needs them.

        theta = [1, 1]    g = [4, 0.5]    m = s = [0, 0]
        t = 1    lr = 0.1    beta1 = 0.9    beta2 = 0.999    eps = 1e-8
        the new m = [0.4, 0.05]    s = [0.016, 0.00025]    theta = [0.9, 0.9]
    """
    raise NotImplementedError("exercise 5.2 is still to do")


def batches(N, size, rng):
    """One epoch: the numbers 0 to N - 1 in random order, in pieces of ``size``; the last piece may be shorter.

    rng: a NumPy Generator, which gives a different order with every call. Returns a list of arrays of whole numbers.
    Every number occurs exactly once.

        batches(5, 2, rng) may be [array([3, 0]), array([4, 1]), array([2])]
    """
    raise NotImplementedError("exercise 5.3 is still to do")


def train(model, optimizer, x, targets, batches):
    """Train a minicap model, one step for each batch; returns the list of losses.

    model: a Layer with model.forward(x) -> (logits, cache), model.backward(dlogits, cache) and model.zero_grad();
    optimizer: has step(); x: (N, ...), targets: (N,) whole numbers; batches: a list of arrays of indices. Each loss is
    the cross-entropy (SoftmaxCrossEntropy) of its batch before the step.

        model = Linear(1, 2) with weights 0, optimizer = SGD with lr 1
        x = [[1], [1]]    targets = [0, 0]    batches = [[0], [1]]
        losses = [log 2, log(1 + exp(-2))] = [0.693, 0.127]
    """
    raise NotImplementedError("exercise 5.4 is still to do")
