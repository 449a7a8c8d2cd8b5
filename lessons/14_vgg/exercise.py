"""Lesson 14: VGG, and weights from elsewhere. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np


def our_name(name):
    """Our name for an array of a Keras file of VGG.

    name: "layer/kernel" or "layer/bias". Convolution 2 of block 3 is block3_conv2 there and conv3_2 here; the dense
    layers fc1, fc2, predictions are fc6, fc7, fc8 here. A kernel is our W, a bias our b.

        our_name("block3_conv2/kernel")  is "conv3_2.W"
        our_name("block1_conv2/bias")    is "conv1_2.b"
        our_name("fc1/kernel")           is "fc6.W"
        our_name("predictions/bias")     is "fc8.b"
    """
    raise NotImplementedError("exercise 14.1 is still to do")


def conv_from_torch(W):
    """A convolution's weights from PyTorch's layout to ours.

    W: (F, C, K, K), where W[f, c, kh, kw] is the weight of output f for channel c in row kh and column kw of the
    window. Returns the same numbers as (K, K, C, F), at [kh, kw, c, f].

        W = [[[[1, 2],          F = 1, C = 2, K = 2: the window of channel 0,
               [3, 4]],
              [[5, 6],          and of channel 1
               [7, 8]]]]

        conv_from_torch(W)[0, 0] is [[1],    both channels of the window's corner;   [0, 1] is [[2],
                                     [5]]                                                       [6]]
    """
    raise NotImplementedError("exercise 14.2 is still to do")


def fc6_from_torch(W, pool5):
    """The weights of the first dense layer from PyTorch's layout to ours.

    W: (F, C·H·W), where output f has its weights in row f, in the order in which PyTorch flattens: channel by channel,
    and in each channel row by row. pool5: (H, W, C), the shape of what is flattened, here. Returns (H·W·C, F), where
    output f has its weights in column f, in the order in which we flatten: pixel by pixel, and in each pixel channel by
    channel.

        pool5 = (1, 2, 2)         one row of two pixels a and b, with two channels 0 and 1

        W = [[ 1,  2,  3,  4],    PyTorch's order: a0, b0, a1, b1
             [10, 20, 30, 40]]

        fc6_from_torch(W, pool5) is [[1, 10],    a0
                                     [3, 30],    a1
                                     [2, 20],    b0
                                     [4, 40]]    b1
    """
    raise NotImplementedError("exercise 14.3 is still to do")


def preprocess(images, order, scale, mean, std):
    """Pictures prepared as a network expects them: y = (channels in ``order`` / scale - mean) / std.

    images: (N, H, W, 3) uint8, their channels in the order R, G, B; order: "RGB" or "BGR", the order in which the
    network expects them; scale: a number; mean, std: three numbers each, in the *network's* order. Returns (N, H, W,
    3) floats.

        images = [[[[200, 100, 0]]]]    one orange pixel

        preprocess(images, "RGB", 100, (1, 0.5, 0), (1, 0.5, 2)) is [[[[1, 1, 0]]]]
        preprocess(images, "BGR", 100, (1, 0.5, 0), (1, 0.5, 2)) is [[[[-1, 1, 1]]]]
    """
    raise NotImplementedError("exercise 14.4 is still to do")
