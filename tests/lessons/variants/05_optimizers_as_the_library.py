"""Lesson 5 as the library's optimisers do it, with both corrections in the learning rate, and np.array_split."""

import numpy as np

from minicap.losses import softmax_cross_entropy


def momentum_step(theta, g, v, lr, momentum):
    v = v * momentum
    v += g
    return v, theta + -lr * v


def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m, s = beta1 * m + g - beta1 * g, beta2 * s + g**2 - beta2 * g**2
    correction = np.sqrt(1 - beta2**t)
    return m, s, theta - lr * correction / (1 - beta1**t) * (m / (np.sqrt(s) + eps * correction))


def batches(N, size, rng):
    order = np.argsort(rng.random(N))
    return np.array_split(order, range(size, N, size))


def train(model, optimizer, x, targets, batches):
    losses = []
    for batch in batches:
        M = len(batch)
        logits, cache = model.forward(x[batch])
        p, each = softmax_cross_entropy(logits, targets[batch])
        losses.append(each.mean())
        p[np.arange(M), targets[batch]] -= 1
        model.backward(p / M, cache)
        optimizer.step()
        for parameter in model.parameters():
            parameter.grad = None
    return tuple(losses)
