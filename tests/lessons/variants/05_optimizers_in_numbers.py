"""Lesson 5 number by number, with a shuffled list, and a loop that clears the gradients first."""

import math

import numpy as np

from minicap import SoftmaxCrossEntropy


def momentum_step(theta, g, v, lr, momentum):
    new_theta, new_v = np.empty_like(theta), np.empty_like(v)
    for i in np.ndindex(theta.shape):
        new_v[i] = g[i] + momentum * v[i]
        new_theta[i] = theta[i] - lr * new_v[i]
    return [new_v, new_theta]


def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    theta, m, s = theta.copy(), m.copy(), s.copy()
    for i in range(len(theta)):
        m[i] += (1 - beta1) * (g[i] - m[i])
        s[i] += (1 - beta2) * (g[i] * g[i] - s[i])
        theta[i] -= lr * (m[i] / (1 - math.pow(beta1, t))) / (math.sqrt(s[i] / (1 - math.pow(beta2, t))) + eps)
    return m, s, theta


def batches(N, size, rng):
    order = np.arange(N)
    rng.shuffle(order)
    pieces = []
    while len(order):
        pieces.append(order[:size])
        order = order[size:]
    return pieces


def train(model, optimizer, x, targets, batches):
    losses = np.zeros(len(batches))
    for step, batch in enumerate(batches):
        model.zero_grad()
        layer = SoftmaxCrossEntropy()
        logits, cache = model.forward(x[batch])
        losses[step], loss_cache = layer.forward(logits, targets[batch])
        model.backward(layer.backward(np.float64(1), loss_cache)[0], cache)
        optimizer.step()
    return losses
