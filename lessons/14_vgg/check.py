"""What lesson 14 asks for."""

from functools import partial

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import floats, normal
from minicap.vgg import CONVOLUTIONS

# ---------------------------------------------------------------------------------------------------------------- 14.1

DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
KINDS = {"kernel": "W", "bias": "b"}


def named(names, dense=DENSE, kinds=KINDS, convolution="conv{block}_{i}", between="."):
    """Our names, or what they would be with one thing wrong."""
    found = []
    for layer, kind in (name.split("/") for name in names):
        if layer.startswith("block"):
            layer = convolution.format(block=layer[5], i=layer[11])
        found.append(dense.get(layer, layer) + between + kinds.get(kind, kind))
    return found


def some_names(rng):
    """Six convolutions, of which two are no first ones, and all dense layers, in any order."""
    layers = [f"block{block}_conv{i}" for block, count in enumerate(CONVOLUTIONS[19], start=1)
              for i in range(1, count + 1)]
    places = [2 + int(rng.integers(2)), *(4 + rng.permutation(12)[:3])]
    names = [f"{layer}/{kind}" for layer in (*(layers[place] for place in places), *DENSE) for kind in KINDS]
    return ([names[place] for place in rng.permutation(len(names))],)


OUR_NAME = Exercise(
    "14.1", "our_name", ("the list of all answers",), named,
    example=((["block3_conv2/kernel", "block1_conv2/bias", "fc1/kernel", "predictions/bias"],),
             ["conv3_2.W", "conv1_2.b", "fc6.W", "fc8.b"]),
    cases=some_names, call=lambda module, names: [module.our_name(name) for name in names],
    mistakes=[
        ("nothing is returned", known.no_return("It returns None"), lambda names: [None] * len(names)),
        ("the names come back as they are", "Every name is returned as it came in.", lambda names: names),
        ("the dense layers keep their names", "fc1, fc2 or predictions keep their names. Keras counts the dense layers "
         "from 1, the paper goes on: fc6, fc7, fc8.", partial(named, dense={})),
        ("predictions is not translated", "fc1 and fc2 are right. The last dense layer is called predictions in Keras, "
         "and fc8 here.", partial(named, dense={"fc1": "fc6", "fc2": "fc7"})),
        ("the dense layers are one too high", "The dense layers became fc7, fc8 and fc9. The five blocks are followed "
         "by layer 6: fc1 is fc6.", partial(named, dense={"fc1": "fc7", "fc2": "fc8", "predictions": "fc9"})),
        ("block and number changed places", "conv3_2 means convolution 2 of block 3, and the two numbers are swapped: "
         "conv3_4 would get the weights of conv4_3.", partial(named, convolution="conv{i}_{block}")),
        ("the dense layers are one too low", "The dense layers became fc5, fc6 and fc7. The five blocks are followed "
         "by layer 6: fc1 is fc6.", partial(named, dense={"fc1": "fc5", "fc2": "fc6", "predictions": "fc7"})),
        ("a second conv", "block became conv, and the conv behind it is still there: _conv2 has to become _2.",
         partial(named, convolution="conv{block}_conv{i}")),
        ("the underscore is missing", "The underscore between block and number is missing: conv3_2.",
         partial(named, convolution="conv{block}{i}")),
        ("W and b changed places", "kernel became b, and bias became W: a kernel is our W, a bias our b.",
         partial(named, kinds={"kernel": "b", "bias": "W"})),
        ("w in lower case", "kernel became w. Our name of it is W, in upper case.",
         partial(named, kinds={"kernel": "w", "bias": "b"})),
        ("only the layer", "What follows the slash is missing: .W for kernel, .b for bias.",
         partial(named, kinds={"kernel": "", "bias": ""}, between="")),
        ("the block is missing", "Only the number within the block is left: conv2 might be in any of five blocks.",
         partial(named, convolution="conv{i}")),
        ("kernel and bias keep their names", "kernel has to become W and bias b, as the layers of minicap call them.",
         partial(named, kinds={})),
        ("everything is a W", "A bias became W, and would be put where the kernel belongs: look at what follows the "
         "slash.", partial(named, kinds={"kernel": "W", "bias": "W"})),
        ("the slash is still there", "The slash between layer and kind has to become a dot.",
         partial(named, between="/")),
    ])


# ---------------------------------------------------------------------------------------------------------------- 14.2

CONV_FROM_TORCH = Exercise(
    "14.2", "conv_from_torch", ("W",), lambda W: np.ascontiguousarray(W.transpose(2, 3, 1, 0)),
    example=(floats([[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]]),
             *floats([[[[1], [5]], [[2], [6]]], [[[3], [7]], [[4], [8]]]])),
    cases=normal((5, 2, 3, 3)),
    mistakes=[
        ("it is returned as it was", "It is W as it came. F, C, K, K has to become K, K, C, F: transpose takes the old "
         "axes in their new order.", lambda W: W),
        ("reshaped instead of transposed", "The shape is right and the numbers are in the wrong places: reshape keeps "
         "their order. To move an axis takes transpose.", lambda right, W: W.reshape(right.shape)),
        ("rows and columns of the window changed places", "W.T, or transpose(3, 2, 1, 0), reverses all axes, so kh and "
         "kw are swapped: upright edges would look flat.", lambda W: W.T),
        ("C and F changed places", "It is (K, K, F, C). Outputs come last, as H does in y = x W. Where C = F, as "
         "mostly in VGG, no shape would tell.", lambda W: W.transpose(2, 3, 0, 1)),
        ("the window is turned round", "Rows and columns of the window are reversed. Networks do not flip their "
         "kernels, neither here nor in PyTorch.", lambda W: W[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)),
        ("rows and columns, and C and F, changed places", "It is (K, K, F, C), and kh and kw are swapped. W[f, c, kh, "
         "kw] belongs at [kh, kw, c, f].", lambda W: W.transpose(3, 2, 0, 1)),
        ("only C moved", "C is last now, and F is still in front: (F, K, K, C). All four axes have to move.",
         lambda W: W.transpose(0, 2, 3, 1)),
        ("only F moved", "F is last now, and C is still in front: (C, K, K, F). All four axes have to move.",
         lambda W: W.transpose(1, 2, 3, 0)),
    ])


# ---------------------------------------------------------------------------------------------------------------- 14.3

def reordered(cut, axes):
    """Its second axis cut into C, H and W in some order, and the axes moved and joined."""
    def rows(W, pool5):
        H, Wd, C = pool5
        return W.reshape(-1, *cut(H, Wd, C)).transpose(axes).reshape(H * Wd * C, -1)
    return rows


FC6_FROM_TORCH = Exercise(
    "14.3", "fc6_from_torch", ("W",), reordered(lambda H, Wd, C: (C, H, Wd), (2, 3, 1, 0)),
    example=((np.array([[1.0, 2, 3, 4], [10, 20, 30, 40]]), (1, 2, 2)),
             np.array([[1.0, 10], [3, 30], [2, 20], [4, 40]])),
    cases=lambda rng: (rng.standard_normal((5, 24)), (2, 3, 4)),
    mistakes=[
        ("only transposed", "W was transposed, and its rows are still in PyTorch's order, channel 0 first. Reshape to "
         "C, H, W, move C last, and join.", lambda W: W.T),
        ("the result is not transposed", "The order within a row is right, but the outputs are still rows. y = x W "
         "needs them as columns: (H·W·C, F).",
         lambda W, pool5: W.reshape(-1, pool5[2], *pool5[:2]).transpose(0, 2, 3, 1).reshape(len(W), -1)),
        ("it is returned as it was", "It is W as it came, (F, C·H·W). Here the inputs are rows, in another order.",
         lambda W: W),
        ("reshaped instead of transposed", "The shape is right and the numbers are in the wrong places. Cut W into (F, "
         "C, H, W), transpose, then join H, W, C.", lambda right, W: W.reshape(right.shape)),
        ("reshaped before F was out of the way", "C, H and W were cut as if they were the first axes. W is (F, C·H·W), "
         "so cut into (F, C, H, W).",
         lambda right, W, pool5: W.reshape(pool5[2], *pool5[:2], -1).transpose(1, 2, 0, 3).reshape(right.shape)),
        ("rows and columns changed places", "The rows go through the pictures column by column. The order is H, W, C. "
         "(VGG's pool5 is 7 x 7, so no shape tells.)", reordered(lambda H, Wd, C: (C, H, Wd), (3, 2, 1, 0))),
        ("rows and columns changed places", "H and W were swapped while cutting: PyTorch's order is C, H, W. (VGG's "
         "pool5 is 7 x 7, so no shape tells.)", reordered(lambda H, Wd, C: (C, Wd, H), (3, 2, 1, 0))),
        ("pool5 in PyTorch's order", "pool5 was read as (C, H, W). It is (H, W, C), as everything here.",
         lambda W, pool5: W.reshape(-1, *pool5).transpose(2, 3, 1, 0).reshape(W.shape[1], -1)),
        ("four axes", "H, W and C are three axes still. Join them: reshape(H * W * C, -1).",
         lambda right, pool5: right.reshape(*pool5, -1)),
        ("from our order to theirs", "W was taken for H, W, C and put into the order C, H, W. The file has C, H, W, "
         "and we want H, W, C.", reordered(lambda H, Wd, C: (H, Wd, C), (3, 1, 2, 0))),
    ])


# ---------------------------------------------------------------------------------------------------------------- 14.4

def prepared(images, scale, mean, std, order="RGB"):
    images = images[..., ::-1] if order == "BGR" else images
    return (images / scale - np.array(mean)) / np.array(std)


def photographs(rng):
    """Two pictures of different sides, and numbers of the usual kind."""
    images = rng.integers(0, 256, (5, 3, 4, 3)).astype(np.uint8)
    return images, float(rng.uniform(20, 200)), tuple(rng.uniform(0.2, 0.6, 3)), tuple(rng.uniform(0.2, 0.4, 3))


PREPROCESS = Exercise(
    "14.4", "preprocess", ("y for RGB", "y for BGR"),
    lambda images, scale, mean, std: tuple(prepared(images, scale, mean, std, order) for order in ("RGB", "BGR")),
    example=((np.array([[[[200, 100, 0]]]], np.uint8), 100.0, (1.0, 0.5, 0.0), (1.0, 0.5, 2.0)),
             floats([[[[1, 1, 0]]]], [[[[-1, 1, 1]]]])), cases=photographs,
    call=lambda module, images, *numbers: tuple(module.preprocess(images, order, *numbers) for order in ("RGB", "BGR")),
    mistakes={"y for RGB": [  # it shows in both, and so first in that for RGB
        ("always turned round", "The channels were reversed for a network that expects RGB. Reverse them only if order "
         "is \"BGR\".", partial(prepared, order="BGR")),
        ("not divided by scale", "The division by scale is missing. A network trained on numbers from 0 to 1 gets some "
         "up to 255.", lambda images, mean, std: prepared(images, 1, mean, std)),
        ("the mean before the scale", "The mean was subtracted before the division by scale. The mean is that of "
         "pixels already divided.", lambda images, scale, mean, std: (images - np.array(mean)) / scale / np.array(std)),
        ("the mean is not subtracted", "The mean is missing: subtract it, three numbers, one for each channel.",
         lambda images, scale, std: prepared(images, scale, 0, std)),
        ("the mean is added", "The mean was added; it has to be subtracted.",
         lambda images, scale, mean, std: prepared(images, scale, -np.array(mean), std)),
        ("not divided by std", "The division by std is missing.",
         lambda images, scale, mean: prepared(images, scale, mean, 1)),
        ("multiplied by std", known.multiplied("It", "std"),
         lambda images, scale, mean, std: prepared(images, scale, mean, 1 / np.array(std))),
        ("only the mean is divided by std", known.brackets("x - mean / std", "x - mean"),
         lambda images, scale, mean, std: images / scale - np.array(mean) / np.array(std)),
        ("the mean is not divided by std", known.brackets("x / std - mean", "x - mean"),
         lambda images, scale, mean, std: images / scale / np.array(std) - np.array(mean)),
        ("multiplied by scale", known.multiplied("It", "scale"),
         lambda images, scale, mean, std: prepared(images, 1 / scale, mean, std)),
        ("255 is written in", "It is divided by 255. The network says by what: divide by scale.",
         lambda images, mean, std: prepared(images, 255, mean, std)),
        ("divided by the variance", "It is divided by the square of std: divide by std itself.",
         lambda images, scale, mean, std: prepared(images, scale, mean, np.square(std))),
        ("one mean for all channels", "The mean of the three numbers was subtracted. Each channel has its own: "
         "np.array(mean).", lambda images, scale, mean, std: prepared(images, scale, np.mean(mean), std)),
        ("divided by scale as a whole number", "`//` cuts off the fraction, and a few grey levels are left. Divide by "
         "`/`.", lambda images, scale, mean, std: (images // scale - np.array(mean)) / np.array(std)),
    ], "y for BGR": [
        ("the channels are not turned round", "This network expects BGR and gets RGB, so red looks blue to it. Reverse "
         "the last axis, images[..., ::-1].", prepared),
        ("the picture is mirrored", "The picture is mirrored, and the colours are as they were: images[:, :, ::-1] "
         "reverses axis 2, the columns. Use axis 3.", lambda images, *numbers: prepared(images[:, :, ::-1], *numbers)),
        ("the picture stands on its head", "The picture is upside down, and the colours are as they were: images[:, "
         "::-1] reverses axis 1, the rows. Use axis 3.", lambda images, *numbers: prepared(images[:, ::-1], *numbers)),
        ("the batch is turned round", "The last picture comes first, and the colours are as they were: images[::-1] "
         "reverses axis 0. Use axis 3.", lambda images, *numbers: prepared(images[::-1], *numbers)),
        ("every axis is turned round", "Channels, columns, rows and pictures are reversed: np.flip does that unless it "
         "is told axis=-1.", lambda images, *numbers: prepared(np.flip(images), *numbers)),
        ("mean and std of other channels", "Each channel got another one's mean and std. These are in the network's "
         "order already: reverse the pictures first.", lambda images, *numbers: prepared(images, *numbers)[..., ::-1]),
        ("only the mean is turned round, too", "mean was reversed together with the channels. It is in the network's "
         "order already: its first number is for B.",
         lambda images, scale, mean, std: prepared(images, scale, mean[::-1], std, "BGR")),
        ("the mean is turned round instead", "The result is in the order R, G, B: its channels were reversed back at "
         "the end, or mean and std were reversed and not the pictures. Reverse the pictures once, first of all.",
         lambda images, scale, mean, std: prepared(images, scale, mean[::-1], std[::-1])),
    ]})

EXERCISES = (OUR_NAME, CONV_FROM_TORCH, FC6_FROM_TORCH, PREPROCESS)
