"""Lesson 11: initialisation, batch norm, dropout. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np


def he_std(shape):
    """The standard deviation of initial weights that preserves the size of activations through a layer and its ReLU.

    shape: (D, H) of a linear layer, or (K, K, C, F) of a convolution, whose outputs each see K x K pixels of C
    channels. Returns one number.

        he_std((8, 3)) is sqrt(2 / 8) = 0.5
        he_std((5, 5, 2, 7)) is sqrt(2 / 50) = 0.2
    """
    raise NotImplementedError("exercise 11.1 is still to do")


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    """Each channel normalised over the batch and all pixels, then scaled and shifted: y = γ (x - μ) / sqrt(σ² + ε) + β.

    x: (N, H, W, C); gamma, beta: (C,). μ and σ² are mean and variance of a channel, one of each for all N pictures and
    all H x W pixels together. Returns (y, cache), y shaped like x.

        two pictures of 1 x 2 pixels and one channel: x = 0, 2 and -6, 8    gamma = [10]    beta = [1]    eps = 0
        μ = 1    σ² = 25    y = -1, 3 and -13, 15
    """
    raise NotImplementedError("exercise 11.2 is still to do")


def batch_norm_backward(dy, cache):
    """The gradients of x, gamma and beta, from dy = dL/dy and the cache of batch_norm_forward.

    dy: (N, H, W, C). Returns (dx, dgamma, dbeta), shaped like x, gamma and beta. μ and σ² depend on every x.

        x, gamma and beta as above, dy = 1, 0 and 0, 0
        dx = 1.48, -0.48 and -0.64, -0.36    dgamma = [-0.2]    dbeta = [1]
    """
    raise NotImplementedError("exercise 11.3 is still to do")


def dropout(x, dy, noise, drop):
    """Dropout, forward and backward: (y, dx).

    x, dy, noise: arrays of the same shape. ``noise`` was drawn by rng.random(x.shape), numbers between 0 and 1: an
    element is dropped where its noise is less than ``drop``, and kept otherwise. What is kept is divided by 1 - drop.

        x = [[10, 20, 30]]  dy = [[1, 2, 3]]  noise = [[0.9, 0.1, 0.5]]  drop = 0.2
        y = [[12.5, 0, 37.5]]    dx = [[1.25, 0, 3.75]]
    """
    raise NotImplementedError("exercise 11.4 is still to do")
