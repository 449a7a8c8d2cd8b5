"""What lesson 10 asks for."""

import itertools

import numpy as np

from minicap import pooling
from minicap.conv import output_size, pad
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.windows import as_many, cropped, framed, picture

PICTURE = picture([1, 3, 2, 0], [4, 2, 1, 1], [5, 0, 2, 2], [1, 2, 0, 2])


def whole_numbers(rng):
    """A picture with many ties: whole numbers, those of the first channel all negative."""
    x = rng.integers(-4, 4, (4, 7, 6, 3)).astype(float)
    x[..., 0] -= 4
    return x


def places(x, K, S):
    """Views (N, OH, OW, C) of x, already padded: each place of the window for all windows, in reading order."""
    OH, OW = (output_size(n, K, S, 0) for n in x.shape[1:3])
    return [x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] for kh in range(K) for kw in range(K)]


# (K, S, P); of three cases in a row both are among them. The stride of the examples is 2, too
SIZES = itertools.cycle(((3, 2, 1), (4, 3, 1)))


def of_axes(pool, first, second):
    """The pooling where these axes are taken for rows and columns."""
    def wrong(x, K, S, P):
        moved = np.moveaxis(x, (first, second), (1, 2))
        return np.moveaxis(pool(moved, K, S, P), (1, 2), (first, second))
    return wrong


def of_windows(pool):
    """Mistakes with the windows of a pooling."""
    return [("channels are taken for columns", "Axes 2 and 3 were taken for rows and columns, as in PyTorch's (N, C, "
             "H, W). Here x is (N, H, W, C): windows lie on axes 1 and 2.", of_axes(pool, 2, 3)),
            ("the stride is ignored", known.stride(), lambda right, x, K, P: as_many(right, pool(x, K, 1, P))),
            ("K instead of the stride", known.side_by_side(), lambda x, K, P: pool(x, K, K, P)),
            ("windows one too small", "The windows have K - 1 rows and columns. A slice ends before its end, so "
             "begin:begin + K has K.", lambda right, x, K, S, P: as_many(right, pool(x, K - 1, S, P))),
            ("rows and columns of y changed places", "y[:, oh, ow] is what y[:, ow, oh] has to be. oh counts down the "
             "rows, axis 1, and ow along the columns, axis 2.", lambda right: right.swapaxes(1, 2)),
            ("no padding", known.no_padding(), lambda x, K, S: pool(x, K, S, 0))]


# ----------------------------------------------------------------------------------------------------------- max_pool2d

def max_pool(x, K, S, P):
    return pooling.max_pool2d_loops(x, K, S, P)


def takes_the_lowest_numbers(module):
    """None, or what is wrong where all pixels are far below 0."""
    x = PICTURE - 1e30
    if not np.array_equal(module.max_pool2d(x, 3, 1, 1), max_pool(x, 3, 1, 1)):
        return ("where all pixels are -1e30, something else is the largest: the padding, or what the maximum begins "
                "with. Only -np.inf is below all numbers")
    return None


MAX_POOL2D = Exercise(
    "10.1", "max_pool2d", ("y",), max_pool, example=((PICTURE, 2, 2, 0), picture([4, 2], [5, 2])),
    cases=lambda rng: (whole_numbers(rng), *next(SIZES)), learns=takes_the_lowest_numbers,
    mistakes=[
        ("the padding wins", "Where all pixels of a window at the edge are negative, the padding of 0 is the largest. "
         "Use pad(x, P, -np.inf).", lambda x, K, S, P: max_pool(pad(x, P), K, S, 0)),
        ("the maximum begins at 0", "Where all pixels of a window are negative, the result is 0. Begin with the first "
         "pixel, or with -np.inf.", lambda right: np.maximum(right, 0)),
        ("the largest of all channels", known.across_channels("largest number", "maximum"),
         lambda right: np.broadcast_to(right.max(axis=3, keepdims=True), right.shape)),
        ("the last pixel of the window", "It is the last pixel of each window: each replaces the one before. Keep the "
         "larger of the two, np.maximum.", lambda x, K, S, P: places(pad(x, P, -np.inf), K, S)[-1]),
        ("the smallest", "It is the smallest number of each window.", lambda x, K, S, P: -max_pool(-x, K, S, P)),
        ("the mean", "It is the mean of each window, as in 10.3. The exercise asks for the largest.",
         lambda x, K, S, P: avg_pool(x, K, S, P)),
        *of_windows(max_pool),
    ])


# -------------------------------------------------------------------------------------------------- max_pool2d_backward

def max_pool_backward(dy, x, y, K, S, P):
    return pooling.max_pool2d_loops_backward(dy, x, K, S, P)


def spread_to_largest(dy, x, y, K, S, P, order=1, value=-np.inf, overwrite=False, step=None, turned=False,
                      write=None):
    """dx with its frame; each window's gradient goes to the first place in ``order`` that is its largest."""
    x, step = pad(x, P, value), step or S
    write = write or step
    dx = np.zeros_like(x)
    for n, oh, ow, c in np.ndindex(dy.shape):
        window = x[n, step * oh:step * oh + K, step * ow:step * ow + K, c]
        if order == -1:
            kh, kw = divmod(K * K - 1 - int(window.ravel()[::-1].argmax()), K)
        else:
            kh, kw = divmod(int((window.T if order == "columns" else window).argmax()), K)
        if turned or order == "columns":
            kh, kw = kw, kh
        pixel = n, write * oh + kh, write * ow + kw, c
        dx[pixel] = dy[n, oh, ow, c] + (0 if overwrite else dx[pixel])
    return dx


def spread_to_equal(dy, x, y, K, S, P, shared=False):
    """dx with its frame; all pixels that equal the largest get the gradient, whole or shared."""
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    equal = [seen == y for seen in places(x, K, S)]
    for found, dseen in zip(equal, places(dx, K, S), strict=True):
        dseen += dy * found / (sum(equal) if shared else 1)
    return dx


def spread(dy, shape, K, S, P, overwrite=False, step=None, whole=False):
    """dx with its frame; every pixel of a window gets a share of dy, or all of it."""
    N, OH, OW, C = dy.shape
    dx, step = np.zeros((N, shape[1] + 2 * P, shape[2] + 2 * P, C)), step or S
    for oh, ow in np.ndindex(OH, OW):
        part = dx[:, step * oh:step * oh + K, step * ow:step * ow + K]
        part[...] = dy[:, oh:oh + 1, ow:ow + 1] * (1 if whole else 1 / K**2) + (0 if overwrite else part)
    return dx


def spread_in(dy, x, y, K, S, P, **how):
    return spread(dy, x.shape, K, S, P, **how)


def backward_case(rng):
    x, (K, S, P) = whole_numbers(rng), next(SIZES)
    y = max_pool(x, K, S, P)
    return rng.standard_normal(y.shape), x, y, K, S, P


LAST_WINDOW = ("windows overwrite each other", known.overwritten("Only the last window of each pixel is left"))

MAX_POOL2D_BACKWARD = Exercise(
    "10.2", "max_pool2d_backward", ("dx",), max_pool_backward,
    example=((picture([1, 10], [100, 1000]), PICTURE, picture([4, 2], [5, 2]), 2, 2, 0),
             picture([0, 0, 10, 0], [1, 0, 0, 0], [100, 0, 1000, 0], [0, 0, 0, 0])),
    cases=backward_case,
    mistakes=[
        ("all equal pixels get the gradient", "Each of several largest pixels gets the whole gradient, so more goes "
         "back than came in. Only the first gets it.", cropped(spread_to_equal)),
        ("equal pixels share the gradient", "Several largest pixels share the gradient, a possible rule. Here the "
         "first in reading order gets all of it.", cropped(spread_to_equal, shared=True)),
        ("the last of equal pixels", "Of several largest pixels the last one gets the gradient, as >= does where > is "
         "meant. The first is asked for.", cropped(spread_to_largest, order=-1)),
        ("the first column by column", "Of several largest pixels it is the first down the columns. Reading order is "
         "row by row: kh is the outer loop.", cropped(spread_to_largest, order="columns")),
        ("row and column changed places", "Row and column of the largest are swapped. argmax counts row by row, so "
         "divmod(argmax, K) gives the row first.", cropped(spread_to_largest, turned=True)),
        ("every pixel of the window gets it", "Every pixel of a window gets dy. Only the largest one has moved the "
         "output, so it gets all of it.", cropped(spread_in, whole=True)),
        ("every pixel gets a share", "Every pixel of a window gets a part of dy, as with a mean. Only the largest one "
         "has moved the output.", cropped(spread_in)),
        ("dy is left out", "It counts how often a pixel is the largest of a window. Each time it gets the dy of that "
         "window.", lambda dy, *others: max_pool_backward(np.ones_like(dy), *others)),
        ("the padding takes the gradient", "Where all pixels of a window at the edge are negative, the padding of 0 "
         "gets the gradient. Pad with -np.inf.", cropped(spread_to_largest, value=0)),
        (*LAST_WINDOW, cropped(spread_to_largest, overwrite=True)),
        ("the stride is ignored", known.stride(), cropped(spread_to_largest, step=1)),
        ("the stride is ignored where dx is written", "The window is found S pixels apart, and its gradient written as "
         "if it were 1: the pixel is S·oh + kh, S·ow + kw.", cropped(spread_to_largest, write=1)),
        *framed(spread_to_largest),
    ])


# ----------------------------------------------------------------------------------------------------------- avg_pool2d

def avg_pool(x, K, S, P):
    return pooling.AvgPool2d(K, stride=S, padding=P)(x)


def pixels_of_the_picture(shape, K, S, P):
    """How many pixels of each window lie inside the picture: (1, OH, OW, 1)."""
    return K**2 * avg_pool(np.ones((1, *shape[1:3], 1)), K, S, P)


AVG_POOL2D = Exercise(
    "10.3", "avg_pool2d", ("y",), avg_pool, example=((PICTURE, 2, 2, 0), picture([2.5, 1], [2, 1.5])),
    cases=lambda rng: (rng.standard_normal((4, 7, 6, 3)), *next(SIZES)),
    mistakes=[
        ("the sum", "It is the sum of each window. The mean divides it by the number of pixels, K · K.",
         lambda right, K: right * K**2),
        ("divided by K", known.divided_by("The sum of each window", "K", "the number of its pixels, K · K"),
         lambda right, K: right * K),
        ("divided by the stride",
         known.divided_by("The sum of each window", "S · S", "the number of its pixels, K · K"),
         lambda right, K, S: right * K**2 / S**2),
        ("whole division", "`//` cuts off the fraction: divide with `/`.", lambda right: np.floor(right)),
        ("the padding does not count", "At the edges it is divided by the pixels inside the picture, a possible rule. "
         "Here padding counts as zeros: K · K.",
         lambda right, x, K, S, P: right * K**2 / pixels_of_the_picture(x.shape, K, S, P)),
        ("the mean of all channels", known.across_channels("mean", "mean"),
         lambda right: np.broadcast_to(right.mean(axis=3, keepdims=True), right.shape)),
        ("the largest", "It is the largest number of each window, as in 10.1. The exercise asks for the mean.",
         max_pool),
        ("the padding is -inf", "The padding is -inf, as for the maximum, and so is every mean that contains it. For "
         "the mean it is 0.",
         lambda right, x, K, S, P: np.where(pixels_of_the_picture(x.shape, K, S, P) < K**2, -np.inf, right)),
        *of_windows(avg_pool),
    ])


# -------------------------------------------------------------------------------------------------- avg_pool2d_backward

def avg_pool_backward(dy, shape, K, S, P):
    layer = pooling.AvgPool2d(K, stride=S, padding=P)
    return layer.backward(dy, layer.forward(np.zeros(shape))[1])


def spread_to_first(dy, shape, K, S, P):
    """dx with its frame; all of a window's gradient goes to its first pixel."""
    dx = np.zeros((len(dy), shape[1] + 2 * P, shape[2] + 2 * P, shape[3]))
    places(dx, K, S)[0][...] = dy
    return dx


def last_place(dy, shape, K, S, P):
    """dx with its frame; each place of the windows overwrites what the places before it have written."""
    dx = np.zeros((len(dy), shape[1] + 2 * P, shape[2] + 2 * P, shape[3]))
    for part in places(dx, K, S):
        part[...] = dy / K**2
    return dx


def dy_and_shape(rng):
    shape, (K, S, P) = (4, 6, 5, 3), next(SIZES)
    return rng.standard_normal(avg_pool(np.zeros(shape), K, S, P).shape), shape, K, S, P


AVG_POOL2D_BACKWARD = Exercise(
    "10.4", "avg_pool2d_backward", ("dx",), avg_pool_backward,
    example=((picture([4, 8], [12, 16]), (1, 4, 4, 1), 2, 2, 0),
             picture([1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4])),
    cases=dy_and_shape,
    mistakes=[
        ("not divided", "Every pixel gets all of dy. A pixel is one of K · K in a mean, and moves it by 1 / K² of "
         "itself.", cropped(spread, whole=True)),
        ("divided by K", known.divided_by("dy", "K", "the number of pixels in a window, K · K"),
         lambda right, K: right * K),
        ("the padding does not count", "At the edges dy is divided by the pixels inside the picture. Padding counts as "
         "zeros in the mean: K · K.",
         cropped(lambda dy, shape, K, S, P: spread(dy * K**2 / pixels_of_the_picture(shape, K, S, P), shape, K, S, P))),
        ("only the first pixel gets it", "The first pixel of each window gets everything. All pixels of a window have "
         "moved its mean by the same amount.", cropped(spread_to_first)),
        (*LAST_WINDOW, (cropped(spread, overwrite=True), cropped(last_place))),
        ("the stride is ignored", known.stride(), cropped(spread, step=1)),
        *framed(spread),
    ])

EXERCISES = (MAX_POOL2D, MAX_POOL2D_BACKWARD, AVG_POOL2D, AVG_POOL2D_BACKWARD)
