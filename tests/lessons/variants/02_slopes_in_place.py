"""Lesson 2 with x moved in place and put back, and plain loops."""

import numpy as np


def slope(f, x, h):
    up, down = f(x + h), f(x - h)
    return up / (2 * h) - down / (2 * h)


def numerical_gradient(f, x, h):
    gradient = np.empty(x.shape)
    places = np.nditer(x, flags=["multi_index"])
    while not places.finished:
        place = places.multi_index
        kept = x[place]
        x[place] = kept + h
        up = f(x)
        x[place] = kept - h
        down = f(x)
        x[place] = kept
        gradient[place] = (up - down) / h / 2
        places.iternext()
    return gradient


def relative_error(a, b):
    worst = 0.0
    for p, q in zip(a.ravel(), b.ravel(), strict=True):
        if p != q:
            worst = max(worst, abs(p - q) / max(abs(p), abs(q)))
    return worst


def passes(forward, backward, x, rng):
    x = np.array(x, np.float64)
    r = rng.normal(size=forward(x).shape)
    dx = backward(x, r)
    return relative_error(dx, numerical_gradient(lambda x: np.vdot(forward(x), r), x, 1e-5)) < 1e-6
