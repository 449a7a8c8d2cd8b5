"""Lesson 9: convolution without loops. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np  # for you to use

from minicap.conv import output_size, pad  # lesson 7's, finished


def im2col(x, K, S=1, P=0):
    """Every window of x as one row of numbers.

    x: (N, H, W, C). Returns (N, OH, OW, K·K·C); the numbers of a window are in the order kh, kw, c. Loop over the K·K
    positions in the kernel, not over windows.

        x, as a picture:  1 2 3     im2col(x, 2)[0, 0, 0] is 1 2 4 5     im2col(x, 2)[0, 0, 1] is 2 3 5 6
        (N = C = 1)       4 5 6     im2col(x, 2)[0, 1, 0] is 4 5 7 8     im2col(x, 2)[0, 1, 1] is 5 6 8 9
                          7 8 9
    """
    raise NotImplementedError("exercise 9.1 is still to do")


def conv2d(x, W, b, S=1, P=0):
    """What conv2d_loops of lesson 7 computes, by matrix products.

    x: (N, H, W, C), W: (K, K, C, F), b: (F,). Returns (N, OH, OW, F), float32 if x and W are. Use your im2col and one
    product, or K·K products of shifted pictures, as you like.

        x, as a picture:  1 1 5 5     W, as a picture:  -1 0 1     b = [1]     y:  13 13
        (N = C = 1)       1 1 5 5     (C = F = 1)       -1 0 1                      9  9
                          1 1 5 5                       -1 0 1
                          1 1 1 1
    """
    raise NotImplementedError("exercise 9.2 is still to do")


def conv2d_backward(dy, x, W, S=1, P=0):
    """The gradients of y = conv2d(x, W, b, S, P), by matrix products.

    dy: (N, OH, OW, F), x: (N, H, W, C), W: (K, K, C, F). Returns (dx, dW, db), shaped like x, W and b, float32 if all
    inputs are.

        x, as a picture:  1 2 3    W, as a picture:  10 20    dy, as a picture:  1 10
        (N = C = 1)       4 5 6    (C = F = 1)       30 40

        dx:  10 120 200    dW:  21 32    db:  11
             30 340 400         54 65
    """
    raise NotImplementedError("exercise 9.3 is still to do")
