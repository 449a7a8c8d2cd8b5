"""Lesson 8: the backward pass of a convolution. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np  # for you to use

from minicap.conv import conv2d, output_size, pad  # lesson 7's, finished


def conv1d_backward(dy, x, w):
    """The gradients of a convolution in one row, y[i] = x[i] w[0] + x[i + 1] w[1] + ... + x[i + K - 1] w[K - 1].

    dy: (O,), x: (W,), w: (K,), where O = W - K + 1. Returns (dx, dw), shaped like x and w.

        x = [2, 2, 2, 7, 7, 7]    w = [-1, 0, 1]    dy = [1, 10, 100, 1000]
        dx = [-1, -10, -99, -990, 100, 1000]    dw = [7222, 7722, 7772]
    """
    raise NotImplementedError("exercise 8.1 is still to do")


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    """The gradients of y = conv2d(x, W, b, S, P), in loops over the outputs. (They do not depend on b.)

    dy: (N, OH, OW, F), x: (N, H, W, C), W: (K, K, C, F). Returns (dx, dW, db), shaped like x, W and b.

        x, as a picture:  1 2 3    W, as a picture:  10 20    dy, as a picture:  1 10
        (N = C = 1)       4 5 6    (C = F = 1)       30 40

        dx:  10 120 200    dW:  21 32    db:  11
             30 340 400         54 65
    """
    raise NotImplementedError("exercise 8.2 is still to do")


def dx_by_convolution(dy, W, P=0):
    """dx of the convolution with stride 1, without a loop: one call of conv2d(...), of dy with another kernel.

    dy: (N, OH, OW, F), W: (K, K, C, F). P is the padding that the convolution had. Returns dx: (N, H, W, C), where
    H = OH + K - 1 - 2P, and the same for the width.

        dy and W as in conv2d_loops_backward, P = 0
        dx, as a picture:  10 120 200
                           30 340 400
    """
    raise NotImplementedError("exercise 8.3 is still to do")
