"""Lesson 24: Winograd. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

# y = AT [(G w) * (BT x)], the lesson's formulas as matrices. You need not use them for 24.1.
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_row(x, w):
    """F(2, 3): two outputs of the convolution of a row, with four multiplications of pixels and weights.

    x: (4,), w: (3,). Returns y: (2,), y[0] = x[0] w[0] + x[1] w[1] + x[2] w[2], and y[1] the same one pixel further.

        x = [1, 2, 3, 4]    w = [1, 2, 3]
        the four products are -2, 15, 1, -6, and y = [14, 20]
    """
    raise NotImplementedError("exercise 24.1 is still to do")


def winograd_tile(x, w):
    """F(2 x 2, 3 x 3): four outputs of the convolution of a picture, with 16 multiplications of pixels and weights.

    x: (4, 4), one channel, w: (3, 3). Returns y: (2, 2).

        x = 1 1 5 5    w = -1 0 1    y = 12 12
            1 1 5 5        -1 0 1         8  8
            1 1 5 5        -1 0 1
            1 1 1 1
    """
    raise NotImplementedError("exercise 24.2 is still to do")


def multiplications(H, W, C, F, m):
    """How often F(m x m, 3 x 3) multiplies a number computed from pixels by one computed from weights.

    For one picture of H x W pixels and C channels, F kernels of 3 x 3 and padding 1, so that there are H x W outputs.
    Tiles of m x m outputs cover the picture; the last ones may extend beyond its edge, and are computed in full.

        multiplications(4, 4, 1, 1, 2) is 64: four tiles of 16 multiplications
        multiplications(4, 4, 1, 1, 1) is 144: nine for each output, as without Winograd
        multiplications(5, 4, 1, 1, 2) is 96: the fifth row needs two more tiles
    """
    raise NotImplementedError("exercise 24.3 is still to do")


def winograd_conv(x, W, b):
    """Convolution by F(2 x 2, 3 x 3), with stride 1 and padding 1.

    x: (N, H, W, C), any H and W; W: (3, 3, C, F), b: (F,). Returns y: (N, H, W, F), float32 if x and W are.

        x, as a picture:  1 1 5 5     W as in winograd_tile     b = [1]     y:   3  9  9 -9
        (N = C = 1)       1 1 5 5     (C = F = 1)                            4 13 13 -14
                          1 1 5 5                                            4  9  9 -10
                          1 1 1 1                                            3  5  5  -5
    """
    raise NotImplementedError("exercise 24.4 is still to do")
