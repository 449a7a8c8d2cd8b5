"""Lesson 2: slopes and the numerical gradient. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np


def slope(f, x, h):
    """The slope of f at x by a central difference: x moved up by h and down by h.

    f: a function from a number to a number; x, h: numbers. Returns a number.

        f(x) = x³, x = 2, h = 0.1:    f(2.1) = 9.261, f(1.9) = 6.859, slope(f, x, h) = 12.01
    """
    raise NotImplementedError("exercise 2.1 is still to do")


def numerical_gradient(f, x, h):
    """The slope of f for every number of x: each moved up and down by h, while all others stay where they are.

    f: a function from an array shaped like x to one number; x: an array of floats with any number of axes. Returns
    an array shaped like x. x itself has to be unchanged at the end.

        f(x) = x[0]² · x[1], x = [3, 2], h = 0.1:    numerical_gradient(f, x, h) = [12, 9]
    """
    raise NotImplementedError("exercise 2.2 is still to do")


def relative_error(a, b):
    """The largest relative error of all elements: |a - b| / max(|a|, |b|), and 0 where both are 0.

    a, b: arrays of one shape. Returns a number.

        a = [1, 0, 200, 1]
        b = [1, 0, 190, 2]
        errors 0, 0, 10 / 200 and 1 / 2, so relative_error(a, b) = 0.5
    """
    raise NotImplementedError("exercise 2.3 is still to do")


def passes(forward, backward, x, rng):
    """Is ``backward`` the gradient of ``forward`` at x? True or False.

    forward(x) gives y; backward(x, dy) gives dx. The shapes of x and y may differ, and x may be float32: compute in
    float64. Draw output weights dy shaped like y with rng.standard_normal, compare backward(x, dy) with the numerical
    gradient of the loss (forward(x) * dy).sum(), h = 1e-5, and return whether the relative error is below 1e-6.

        forward(x) = x², backward(x, dy) = 2 x dy:    True
        forward(x) = x², backward(x, dy) = x dy:      False
    """
    raise NotImplementedError("exercise 2.4 is still to do")
