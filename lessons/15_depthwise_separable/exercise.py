"""Lesson 15: depthwise separable convolution. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np  # for you to use

from minicap.conv import output_size, pad  # lesson 7's; pad takes ((top, bottom), (left, right)), too


def same_padding(H, K, S=1):
    """(before, after): the padding with which H pixels get ⌈H / S⌉ windows of K pixels, S apart, as in TensorFlow.

    If the padding is odd, the extra pixel comes at the end. If no padding is needed, it is (0, 0).

        same_padding(6, 3, 1) is (1, 1)
        same_padding(6, 3, 2) is (0, 1): three windows, 2 apart, need 2 + 2 + 3 = 7 pixels, and there are 6
        same_padding(7, 3, 2) is (1, 1): four windows need 9 pixels
    """
    raise NotImplementedError("exercise 15.1 is still to do")


def depthwise_conv2d(x, W, b, S, padding):
    """A convolution in which every channel has a kernel of its own, and channels do not mix.

    x: (N, H, W, C), W: (K, K, C), b: (C,); windows begin S pixels apart; padding is ((top, bottom), (left, right)).
    Returns y: (N, OH, OW, C).

        x, channel 0:  1 2    channel 1:  5 6    padding = ((1, 0), (0, 1)): a row of zeros above,
        (N = 1)        3 4                7 8    and a column of zeros on the right; S = 1

        W, channel 0:  1 0    channel 1:  0 1    b = 0, 100
                       0 1                1 0

        y, channel 0:  2 0    channel 1:  105 106
                       5 2                113 108
    """
    raise NotImplementedError("exercise 15.2 is still to do")


def depthwise_conv2d_backward(dy, x, W, S, padding):
    """The gradients of y = depthwise_conv2d(x, W, b, S, padding). (They do not depend on b.)

    dy: (N, OH, OW, C), and the others as above. Returns (dx, dW, db), shaped like x, W and b.

        x, W, S and padding as above;  dy, channel 0:     1   10    channel 1:  1 1
                                                        100 1000                1 1

        dx, channel 0:  100 1001    channel 1:  1 2    dW, channel 0:  2100 200    channel 1:  11  6
                          0  100                1 1                    4321 402                26 14
        db = 1111, 4
    """
    raise NotImplementedError("exercise 15.3 is still to do")


def fold_batch_norm(W, b, gamma, beta, mean, var, eps):
    """The convolution that does in one step what a convolution and the batch norm after it do at inference.

    W: (K, K, C, F) and b: (F,), or (K, K, C) and (C,) of a depthwise convolution: channels of the output are last in
    both. gamma, beta, mean, var: one number for each of these channels; eps: a number. Returns the new (W, b).

        W = [[[[3, 30]]]]    b = [0, 10]    gamma = [2, 1]    beta = [0, 5]    mean = [4, 2]    var = [3, 24]    eps = 1
        The channels are divided by 2 and by 5: W = [[[[3, 6]]]] and b = [-4, 6.6]
    """
    raise NotImplementedError("exercise 15.4 is still to do")
