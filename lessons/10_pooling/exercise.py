"""Lesson 10: pooling. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np  # for you to use

from minicap.conv import output_size, pad  # lesson 7's, finished


def max_pool2d(x, K, S, P=0):
    """The largest number of each window of K x K pixels, for each channel by itself.

    x: (N, H, W, C), which may be negative. Windows begin S pixels apart, on a picture with P pixels of padding around
    it that are never the largest. Returns y: (N, OH, OW, C).

        x, as a picture:  1 3 2 0     max_pool2d(x, 2, 2):  4 2
        (N = C = 1)       4 2 1 1                           5 2
                          5 0 2 2
                          1 2 0 2
    """
    raise NotImplementedError("exercise 10.1 is still to do")


def max_pool2d_backward(dy, x, y, K, S, P=0):
    """The gradient of x, from dy = dL/dy; y is what max_pool2d(x, K, S, P) returned.

    All of a window's gradient goes to its largest pixel, and among several equal ones to the first in reading order:
    the uppermost, and in the same row the leftmost. dy, y: (N, OH, OW, C), x: (N, H, W, C). Returns dx, shaped like x.

        x as in max_pool2d, K = S = 2     dy, as a picture:    1   10     dx:    0    0   10    0
                                                             100 1000            1    0    0    0
                                                                               100    0 1000    0
                                                                                 0    0    0    0
    """
    raise NotImplementedError("exercise 10.2 is still to do")


def avg_pool2d(x, K, S, P=0):
    """The mean of each window of K x K pixels, for each channel by itself; padding counts as zeros.

    x: (N, H, W, C). Returns (N, OH, OW, C).

        x as in max_pool2d:  1 3 2 0     avg_pool2d(x, 2, 2):  2.5 1
                             4 2 1 1                             2 1.5
                             5 0 2 2
                             1 2 0 2
    """
    raise NotImplementedError("exercise 10.3 is still to do")


def avg_pool2d_backward(dy, shape, K, S, P=0):
    """The gradient of x, from dy = dL/dy and the shape (N, H, W, C) of x.

    dy: (N, OH, OW, C). Returns dx, of shape ``shape``.

        shape = (1, 4, 4, 1), K = S = 2     dy, as a picture:   4  8     dx:  1 1 2 2
                                                               12 16          1 1 2 2
                                                                              3 3 4 4
                                                                              3 3 4 4
    """
    raise NotImplementedError("exercise 10.4 is still to do")
