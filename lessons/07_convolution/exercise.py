"""Lesson 7: convolution, by loops. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np  # for you to use


def output_size(H, K, S, P):
    """How many windows of K pixels fit into H pixels, with P pixels of padding at either end and a stride of S.

    A whole number.

        output_size(7, 3, 2, 0) is 3: windows begin at pixels 0, 2 and 4
        output_size(6, 3, 2, 0) is 2: one that begins at pixel 4 would need pixel 6, and there is none
        output_size(6, 3, 1, 1) is 6: with one more pixel at either end, the size stays the same
    """
    raise NotImplementedError("exercise 7.1 is still to do")


def pad(x, P, value=0):
    """x with a frame of P pixels around each picture, all of them ``value``.

    x: (N, H, W, C). Returns (N, H + 2P, W + 2P, C).

        x, as a picture:  1 2      pad(x, 1):  0 0 0 0
        (N = C = 1)       3 4                  0 1 2 0
                                               0 3 4 0
                                               0 0 0 0
    """
    raise NotImplementedError("exercise 7.2 is still to do")


def conv2d_loops(x, W, b, S=1, P=0):
    """The convolution of N pictures with F kernels, one output number at a time.

    x: (N, H, W, C), W: (K, K, C, F), b: (F,). Returns y: (N, OH, OW, F) with

        y[n, oh, ow, f] = b[f] + the sum over kh, kw, c of x[n, S oh + kh - P, S ow + kw - P, c] W[kh, kw, c, f]

    where x is 0 outside the picture. Use your output_size and pad.

        x, as a picture:  1 1 5 5     W, as a picture:  -1 0 1     b = [1]     y:  13 13
        (N = C = 1)       1 1 5 5     (C = F = 1)       -1 0 1                      9  9
                          1 1 5 5                       -1 0 1
                          1 1 1 1
    """
    raise NotImplementedError("exercise 7.3 is still to do")
