"""Lesson 6 with counters and plain loops, and the cross-entropy by hand."""

import math
from collections import Counter

import numpy as np

from minicap.losses import log_softmax


def baselines(targets, V):
    cost = 0.0
    for count in Counter(targets.tolist()).values():
        cost += count / len(targets) * math.log(len(targets) / count)
    return [-math.log(1 / V), cost]


def starts_right(model, x, targets, V):
    log_p = log_softmax(model(x))
    loss = -sum(log_p[n, t] for n, t in enumerate(targets)) / len(targets)
    return 0.9 * math.log(V) <= loss <= 1.1 * math.log(V)


def can_overfit(model, optimizer, x, targets):
    N = len(x)
    for _ in range(50):
        model.zero_grad()
        logits, cache = model.forward(x)
        log_p = log_softmax(logits)
        dlogits = np.exp(log_p)
        dlogits[np.arange(N), targets] -= 1
        model.backward(dlogits / N, cache)
        optimizer.step()
    loss = -log_softmax(model(x))[np.arange(N), targets].mean()
    return bool(loss < 0.05)


def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    shuffled = targets.copy()
    rng.shuffle(shuffled)
    shares = []
    for labels in (targets, shuffled):
        found = fit(x, labels)(x_dev)
        shares.append(sum(int(a) == int(b) for a, b in zip(found, targets_dev, strict=True)) / len(x_dev))
    return tuple(shares)
