"""What lesson 14 asks for."""

import numpy as np

from minicap.learn.exercises import Exercise, Mistake
from minicap.vgg import CONVOLUTIONS

# ---------------------------------------------------------------------------------------------------------------- 14.1

DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
KINDS = {"kernel": "W", "bias": "b"}


def named(name, dense=DENSE, kinds=KINDS, convolution="conv{block}_{i}", between="."):
    """Our name, or what it would be with one thing wrong."""
    layer, kind = name.split("/")
    if layer.startswith("block"):
        layer = convolution.format(block=layer[5], i=layer[11])
    return dense.get(layer, layer) + between + kinds.get(kind, kind)


def names_of(**wrong):
    return lambda right, names: [named(name, **wrong) for name in names]


def some_names(rng):
    """Six convolutions, of which two are no first ones, and all dense layers, in any order."""
    layers = [f"block{block}_conv{i}" for block, count in enumerate(CONVOLUTIONS[19], start=1)
              for i in range(1, count + 1)]
    places = [2 + int(rng.integers(2)), *(4 + rng.permutation(12)[:3])]
    names = [f"{layer}/{kind}" for layer in [layers[place] for place in places] for kind in KINDS]
    names += [f"{layer}/{kind}" for layer in DENSE for kind in KINDS]
    return ([names[place] for place in rng.permutation(len(names))],)


OUR_NAME = Exercise(
    "14.1", "our_name", ("the list of all answers",), lambda names: [named(name) for name in names],
    example=((["block3_conv2/kernel", "block1_conv2/bias", "fc1/kernel", "predictions/bias"],),
             ["conv3_2.W", "conv1_2.b", "fc6.W", "fc8.b"]),
    cases=some_names, call=lambda module, names: [module.our_name(name) for name in names],
    mistakes=(
        Mistake("nothing is returned", "It returns None: is there a `return` at the end, on every way through the "
                "function?", lambda right, names: [None] * len(names)),
        Mistake("the names come back as they are", "Every name comes back as it went in.", lambda right, names: names),
        Mistake("the dense layers keep their names", "The convolutions are right, and fc1, fc2 or predictions come "
                "out as they went in. Keras counts the dense layers from 1, the paper goes on after block 5: fc6, "
                "fc7, fc8.",
                names_of(dense={})),
        Mistake("predictions is not translated", "fc1 and fc2 are right. The last dense layer is called predictions in "
                "Keras, and fc8 here.", names_of(dense={"fc1": "fc6", "fc2": "fc7"})),
        Mistake("the dense layers are one too high", "The dense layers came out as fc7, fc8 and fc9. The five blocks "
                "are followed by layer 6: fc1 is fc6.", names_of(dense={"fc1": "fc7", "fc2": "fc8",
                                                                         "predictions": "fc9"})),
        Mistake("block and number changed places", "conv3_2 means convolution 2 of block 3. Here the two numbers have "
                "changed places. VGG-19 has a conv3_4 and a conv4_3: both would get the weights of the other.",
                names_of(convolution="conv{i}_{block}")),
        Mistake("the block is missing", "Only the number within the block is left: conv2 might be in any of five "
                "blocks.", names_of(convolution="conv{i}")),
        Mistake("kernel and bias keep their names", "kernel has to become W and bias b, as the layers of minicap call "
                "them.", names_of(kinds={})),
        Mistake("everything is a W", "A bias came out as W. Then it would be put where the kernel belongs, or "
                "overwrite it: look at what stands behind the slash.", names_of(kinds={"kernel": "W", "bias": "W"})),
        Mistake("the slash is still there", "The slash between layer and kind has to become a dot.",
                names_of(between="/")),
    ))


# ---------------------------------------------------------------------------------------------------------------- 14.2

KERNEL = np.array([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]])

CONV_FROM_TORCH = Exercise(
    "14.2", "conv_from_torch", ("W",), lambda W: np.ascontiguousarray(W.transpose(2, 3, 1, 0)),
    example=((KERNEL,), np.array([[[[1.0], [5.0]], [[2.0], [6.0]]], [[[3.0], [7.0]], [[4.0], [8.0]]]])),
    cases=lambda rng: (rng.standard_normal((5, 2, 3, 3)),),
    mistakes=(
        Mistake("it is returned as it was", "It is W as it came. F, C, K, K has to become K, K, C, F: transpose takes "
                "the old places of the axes, in their new order.", lambda right, W: W),
        Mistake("reshaped instead of transposed", "The shape is right and the numbers are in the wrong places. reshape "
                "leaves all numbers in their order and only draws other lines between them; to move an axis takes "
                "transpose.", lambda right, W: W.reshape(right.shape)),
        Mistake("rows and columns of the window changed places", "The shape is right, but row and column of the window "
                "have changed places: W.T, or transpose(3, 2, 1, 0), turns all axes round, kh and kw as well. An "
                "edge that stands would look to the network like one that lies.", lambda right, W: W.T),
        Mistake("C and F changed places",
                "It is (K, K, F, C). Outputs come last with us, as H does in y = x W. Where C = F, as in most of VGG's "
                "layers, no shape would tell.",
                lambda right, W: W.transpose(2, 3, 0, 1)),
        Mistake("the window is turned round", "Rows and columns of the window run backwards. A mathematician's "
                "convolution turns its kernel; those of networks do not, neither here nor in PyTorch.",
                lambda right, W: W[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)),
        Mistake("only F moved", "F is last now, and C is still in front: (C, K, K, F). All four axes have another "
                "place.", lambda right, W: W.transpose(1, 2, 3, 0)),
    ))


# ---------------------------------------------------------------------------------------------------------------- 14.3

def rows(W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, C, H, Wd).transpose(2, 3, 1, 0).reshape(H * Wd * C, -1)


def of_wrong_order(right, W, pool5):
    """Taken for H, W, C, and put into the order C, H, W."""
    return W.reshape(-1, *pool5).transpose(3, 1, 2, 0).reshape(right.shape)


def with_sides_swapped(right, W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, C, H, Wd).transpose(3, 2, 1, 0).reshape(right.shape)


def with_sides_taken_for_each_other(right, W, pool5):
    """The axes are unpacked as C, W, H, and then put into the order H, W, C by those names."""
    H, Wd, C = pool5
    return W.reshape(-1, C, Wd, H).transpose(3, 2, 1, 0).reshape(right.shape)


def turned(W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, C, H, Wd).transpose(0, 2, 3, 1).reshape(len(W), -1)


FC6_FROM_TORCH = Exercise(
    "14.3", "fc6_from_torch", ("W",), rows,
    example=((np.array([[1.0, 2, 3, 4], [10, 20, 30, 40]]), (1, 2, 2)),
             np.array([[1.0, 10], [3, 30], [2, 20], [4, 40]])),
    cases=lambda rng: (rng.standard_normal((5, 24)), (2, 3, 4)),
    mistakes=(
        Mistake("only transposed",
                "W was transposed, and its rows are still in PyTorch's order, all pixels of channel 0 "
                "first. Ours are all channels of pixel 0 first. Cut the axis into C, H, W by reshape, move C behind, "
                "and join again.", lambda right, W, pool5: W.T),
        Mistake("the result is not transposed",
                "The order within a row is right, but outputs are still the rows. y = x W "
                "wants the inputs as rows and the outputs as columns: (H·W·C, F).",
                lambda right, W, pool5: turned(W, pool5)),
        Mistake("it is returned as it was",
                "It is W as it came, (F, C·H·W). We have the inputs as rows, and another order "
                "of them.", lambda right, W, pool5: W),
        Mistake("reshaped instead of transposed", "The shape is right and the numbers are in the wrong places: reshape "
                "leaves all numbers in their order and only draws other lines between them. First cut W into (F, C, H, "
                "W), then move the axes by transpose, then join H, W, C by reshape.",
                lambda right, W, pool5: W.reshape(right.shape)),
        Mistake("reshaped before F was out of the way", "C, H and W were cut as if they were the first axes. W is (F, "
                "C·H·W): F comes first, so cut into (F, C, H, W).", lambda right, W, pool5: W.reshape(
                    pool5[2], *pool5[:2], -1).transpose(1, 2, 0, 3).reshape(right.shape)),
        Mistake("rows and columns changed places", "The rows run through the pictures column by column: H and W have "
                "changed places. The order is H, then W, then C. (pool5 of VGG is 7 x 7, so no shape would tell.)",
                with_sides_swapped),
        Mistake("rows and columns changed places",
                "H and W have changed places while the axis was cut: PyTorch's order "
                "is C, then H, then W. (pool5 of VGG is 7 x 7, so no shape would tell.)",
                with_sides_taken_for_each_other),
        Mistake("from our order to theirs",
                "The rows went the other way: W was taken for H, W, C and put into the order "
                "C, H, W. The file has C, H, W, and we want H, W, C.", of_wrong_order),
    ))


# ---------------------------------------------------------------------------------------------------------------- 14.4

def prepared(images, order, scale, mean, std):
    images = images[..., ::-1] if order == "BGR" else images
    return (images / scale - np.array(mean)) / np.array(std)


def both(function):
    """The answers for a network that wants RGB, and for one that wants BGR."""
    return lambda *inputs: tuple(function(inputs[0], order, *inputs[1:]) for order in ("RGB", "BGR"))


def for_both(name, sentence, function):
    """A mistake that shows in both answers, and so first in that for RGB."""
    return Mistake(name, sentence, lambda right, images, *numbers: function(images, *numbers))


def for_bgr(name, sentence, function):
    return Mistake(name, sentence, lambda right, images, *numbers: function(images, *numbers), of="y for BGR")


def photographs(rng):
    """Two pictures of different sides, and numbers of the usual kind."""
    images = rng.integers(0, 256, (5, 3, 4, 3)).astype(np.uint8)
    return images, float(rng.uniform(20, 200)), tuple(rng.uniform(0.2, 0.6, 3)), tuple(rng.uniform(0.2, 0.4, 3))


PREPROCESS = Exercise(
    "14.4", "preprocess", ("y for RGB", "y for BGR"), both(prepared),
    example=((np.array([[[[200, 100, 0]]]], np.uint8), 100.0, (1.0, 0.5, 0.0), (1.0, 0.5, 2.0)),
             (np.array([[[[1.0, 1.0, 0.0]]]]), np.array([[[[-1.0, 1.0, 1.0]]]]))),
    cases=photographs, call=lambda module, *inputs: both(module.preprocess)(*inputs),
    mistakes=(
        for_both("always turned round", "The channels were turned round for a network that wants RGB, as the pictures "
                 "have them. Turn them only if order is \"BGR\".",
                 lambda images, *numbers: prepared(images, "BGR", *numbers)),
        for_both("not divided by scale",
                 "The division by scale is missing. A network that was trained on numbers from 0 "
                 "to 1 gets some up to 255 then, and sees white everywhere.",
                 lambda images, scale, *numbers: prepared(images, "RGB", 1, *numbers)),
        for_both("the mean before the scale",
                 "The mean was subtracted first, and then it was divided by scale. The mean "
                 "is that of pixels that have been divided already.",
                 lambda images, scale, mean, std: (images - np.array(mean)) / scale / np.array(std)),
        for_both("the mean is not subtracted", "The mean is missing: subtract it, three numbers, one for each channel.",
                 lambda images, scale, mean, std: prepared(images, "RGB", scale, (0, 0, 0), std)),
        for_both("the mean is added", "The mean was added; it has to be subtracted.",
                 lambda images, scale, mean, std: prepared(images, "RGB", scale, -np.array(mean), std)),
        for_both("not divided by std", "The division by std is missing.",
                 lambda images, scale, mean, std: prepared(images, "RGB", scale, mean, (1, 1, 1))),
        for_both("multiplied by std", "It was multiplied by std; it has to be divided by it.",
                 lambda images, scale, mean, std: prepared(images, "RGB", scale, mean, 1 / np.array(std))),
        for_both("only the mean is divided by std", "x - mean / std divides the mean alone: put parentheses around the "
                 "difference.", lambda images, scale, mean, std: images / scale - np.array(mean) / np.array(std)),
        for_both("divided by scale as a whole number",
                 "`//` cuts off the fraction; a picture of a few grey levels is left. "
                 "Divide by `/`.", lambda images, scale, mean, std: (images // scale - np.array(mean)) / np.array(std)),
        for_bgr("the channels are not turned round",
                "This network wants BGR and gets RGB: red looks blue to it. Turn the "
                "last axis round, images[..., ::-1].", lambda images, *numbers: prepared(images, "RGB", *numbers)),
        for_bgr("the picture is mirrored", "The picture is mirrored, left and right, and the colours are as they were: "
                "images[:, :, ::-1] turns axis 2 round, the columns. The channels are axis 3.",
                lambda images, *numbers: prepared(images[:, :, ::-1], "RGB", *numbers)),
        for_bgr("the picture stands on its head", "The picture stands on its head, and the colours are as they were: "
                "images[:, ::-1] turns axis 1 round, the rows. The channels are axis 3.",
                lambda images, *numbers: prepared(images[:, ::-1], "RGB", *numbers)),
        for_bgr("the batch is turned round",
                "The last picture came first, and the colours are as they were: images[::-1] "
                "turns axis 0 round. The channels are axis 3.",
                lambda images, *numbers: prepared(images[::-1], "RGB", *numbers)),
        for_bgr("every axis is turned round",
                "Everything is turned round, channels, columns, rows and pictures: np.flip "
                "does that unless it is told axis=-1.",
                lambda images, *numbers: prepared(np.flip(images), "RGB", *numbers)),
        for_bgr("mean and std of other channels", "Each channel had the mean and std of another one. They come in the "
                "network's order already, the first is for B here: turn the pictures round before anything else, and "
                "leave mean and std as they are.",
                lambda images, *numbers: prepared(images, "RGB", *numbers)[..., ::-1]),
        for_bgr("only the mean is turned round, too",
                "mean was turned round together with the channels. It comes in the "
                "network's order already: its first number is for B here.", lambda images, scale, mean, std:
                prepared(images, "BGR", scale, mean[::-1], std)),
        for_bgr("the mean is turned round instead",
                "mean and std were turned round, and the pictures were not. It is the "
                "channels of the pictures that have to change places; mean and std are in the network's order already.",
                lambda images, scale, mean, std: prepared(images, "RGB", scale, mean[::-1], std[::-1])),
    ))

EXERCISES = (OUR_NAME, CONV_FROM_TORCH, FC6_FROM_TORCH, PREPROCESS)
