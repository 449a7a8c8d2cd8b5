"""Lesson 3 with einsum, and a cache that is a dictionary."""

import numpy as np


def linear_forward(x, W, b):
    return np.einsum("nd,dh->nh", x, W) + b[None], {"input": x, "weights": W, "bias": b}


def linear_backward(dy, cache):
    dx = np.einsum("nh,dh->nd", dy, cache["weights"])
    dW = np.einsum("nd,nh->dh", cache["input"], dy)
    return [dx, dW, np.einsum("nh->h", dy)]


def two_layers_backward(x, W1, b1, W2, b2, dy):
    h, first = linear_forward(x, W1, b1)
    second = linear_forward(h, W2, b2)[1]
    dh, *of_second = linear_backward(dy, second)
    return (*linear_backward(dh, first), *of_second)
