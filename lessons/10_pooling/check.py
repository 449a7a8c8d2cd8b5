"""What lesson 10 asks for."""

import numpy as np

from minicap import pooling
from minicap.conv import output_size, pad
from minicap.learn.exercises import Exercise, Mistake

PICTURE = np.array([[1.0, 3, 2, 0], [4, 2, 1, 1], [5, 0, 2, 2], [1, 2, 0, 2]]).reshape(1, 4, 4, 1)


def picture(*rows):
    return np.array(rows, float)[None, :, :, None]


def whole_numbers(rng):
    """A picture with many ties: whole numbers, those of the first channel all negative."""
    x = rng.integers(-4, 4, (4, 7, 6, 3)).astype(float)
    x[..., 0] -= 4
    return x


def places(x, K, S):
    """Views (N, OH, OW, C) of x, already padded: each place of the window for all windows, in reading order."""
    OH, OW = (output_size(n, K, S, 0) for n in x.shape[1:3])
    return [x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] for kh in range(K) for kw in range(K)]


def close_together(pool, right, x, K, P):
    """The pooling of windows that begin 1 pixel apart, as many as there should be."""
    return pool(x, K, 1, P)[:, :right.shape[1], :right.shape[2]]


# ----------------------------------------------------------------------------------------------------------- max_pool2d

def max_pool(x, K, S, P):
    return pooling.max_pool2d_loops(x, K, S, P)


MAX_POOL2D = Exercise(
    "10.1", "max_pool2d", ("y",), max_pool, example=((PICTURE, 2, 2, 0), picture([4, 2], [5, 2])),
    cases=lambda rng: (whole_numbers(rng), 3, 2, 1),
    mistakes=(
        Mistake("the padding wins", "Where all pixels of a window at the edge are negative, the padding of 0 is the "
                "largest. Pad with what is less than everything: pad(x, P, -np.inf).",
                lambda right, x, K, S, P: max_pool(pad(x, P), K, S, 0)),
        Mistake("the maximum begins at 0", "Where all pixels of a window are negative, the result is 0: the search for "
                "the largest began with 0. Begin with the first pixel, or with -np.inf.",
                lambda right, x, K, S, P: np.maximum(right, 0)),
        Mistake("the largest of all channels", "Every channel has the largest number of all of them. Channels are "
                "pooled each by itself: take the maximum over rows and columns of the window, axis=(0, 1).",
                lambda right, x, K, S, P: np.broadcast_to(right.max(axis=3, keepdims=True), right.shape)),
        Mistake("the last pixel of the window", "It is the last pixel of each window: each pixel replaces the one "
                "before. Keep the larger one of the two, np.maximum.",
                lambda right, x, K, S, P: places(pad(x, P, -np.inf), K, S)[-1]),
        Mistake("the smallest", "It is the smallest number of each window.",
                lambda right, x, K, S, P: -max_pool(-x, K, S, P)),
        Mistake("the mean", "It is the mean of each window; that is exercise 10.3. Here the largest is asked for.",
                lambda right, x, K, S, P: avg_pool(x, K, S, P)),
        Mistake("the stride is ignored", "The windows begin 1 pixel apart and not S: output (oh, ow) sees the window "
                "that begins at row S·oh and column S·ow of the padded picture.",
                lambda right, x, K, S, P: close_together(max_pool, right, x, K, P)),
        Mistake("K instead of the stride", "The windows lie side by side, K pixels apart. They begin S pixels apart, "
                "and with S < K they overlap.", lambda right, x, K, S, P: max_pool(x, K, K, P)),
        Mistake("no padding",
                "These are the windows without padding. Pad x first, and count the padding in output_size.",
                lambda right, x, K, S, P: max_pool(x, K, S, 0)),
    ))


# -------------------------------------------------------------------------------------------------- max_pool2d_backward

def max_pool_backward(dy, x, y, K, S, P):
    return pooling.max_pool2d_loops_backward(dy, x, K, S, P)


def handed_back(dy, x, y, K, S, P, order=1, value=-np.inf, overwrite=False, step=None, turned=False):
    """dx with its frame; each window's gradient goes to the first place in ``order`` that is its largest."""
    N, OH, OW, C = dy.shape
    x, step = pad(x, P, value), step or S
    dx = np.zeros_like(x)
    for n, oh, ow, c in np.ndindex(dy.shape):
        window = x[n, step * oh:step * oh + K, step * ow:step * ow + K, c]
        if order == -1:
            kh, kw = divmod(K * K - 1 - int(window.ravel()[::-1].argmax()), K)
        else:
            kh, kw = divmod(int((window.T if order == "columns" else window).argmax()), K)
        if turned or order == "columns":
            kh, kw = kw, kh
        pixel = n, step * oh + kh, step * ow + kw, c
        dx[pixel] = dy[n, oh, ow, c] + (0 if overwrite else dx[pixel])
    return dx


def to_all_equal(dy, x, y, K, S, P, shared=False):
    """dx with its frame; all pixels that equal the largest get the gradient, whole or shared."""
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    equal = [seen == y for seen in places(x, K, S)]
    for found, dseen in zip(equal, places(dx, K, S), strict=True):
        dseen += dy * found / (sum(equal) if shared else 1)
    return dx


def spread(dy, shape, K, S, P, overwrite=False, step=None, share=1.0):
    """dx with its frame; every pixel of a window gets dy times ``share``."""
    N, OH, OW, C = dy.shape
    dx, step = np.zeros((N, shape[1] + 2 * P, shape[2] + 2 * P, C)), step or S
    for oh, ow in np.ndindex(OH, OW):
        part = dx[:, step * oh:step * oh + K, step * ow:step * ow + K]
        part[...] = dy[:, oh:oh + 1, ow:ow + 1] * share + (0 if overwrite else part)
    return dx


def inside(dx, shape, P):
    return dx[:, P:P + shape[1], P:P + shape[2]]


def backward_case(rng):
    x = whole_numbers(rng)
    return rng.standard_normal((4, 4, 3, 3)), x, max_pool(x, 3, 2, 1), 3, 2, 1


def made_by(**how):
    return lambda right, dy, x, y, K, S, P: inside(handed_back(dy, x, y, K, S, P, **how), x.shape, P)


FRAME = "dx still has its frame"
FRAME_SENTENCE = ("It is the gradient of the padded picture. Cut the frame off, so that dx has the shape of x.")
MINUS_ZERO = "cut off by -0"
MINUS_ZERO_SENTENCE = "dx is empty, for it was cut with P:-P, and with P = 0 that is 0:0. P:P + H works for every P."
CORNER = "dx is cut out of the corner"
CORNER_SENTENCE = "dx is cut out of the top left corner of the padded picture. x begins at row P and column P."
OVERWRITTEN = "windows overwrite each other"
OVERWRITTEN_SENTENCE = ("Where windows overlap, what one wants of a pixel replaces what another has put there. It is "
                        "added: += and not =.")
STRIDE = "the stride is ignored"
STRIDE_SENTENCE = ("The windows lie 1 pixel apart and not S. Output (oh, ow) saw the window that begins at row S·oh "
                   "and column S·ow of the padded picture.")

MAX_POOL2D_BACKWARD = Exercise(
    "10.2", "max_pool2d_backward", ("dx",), max_pool_backward,
    example=((picture([1, 10], [100, 1000]), PICTURE, picture([4, 2], [5, 2]), 2, 2, 0),
             picture([0, 0, 10, 0], [1, 0, 0, 0], [100, 0, 1000, 0], [0, 0, 0, 0])),
    cases=backward_case,
    mistakes=(
        Mistake("all equal pixels get the gradient", "Where several pixels of a window are the largest, each of them "
                "gets the whole gradient, so that more comes out than went in. Give it to the first of them and to "
                "nobody else.", lambda right, dy, x, y, K, S, P: inside(to_all_equal(dy, x, y, K, S, P), x.shape, P)),
        Mistake("equal pixels share the gradient", "Where several pixels of a window are the largest, they share the "
                "gradient. That would be a possible rule, but another one than is asked for: the first of them in "
                "reading order gets all of it.",
                lambda right, dy, x, y, K, S, P: inside(to_all_equal(dy, x, y, K, S, P, True), x.shape, P)),
        Mistake("the last of equal pixels", "Where several pixels of a window are the largest, the last one gets the "
                "gradient: a later one has replaced an earlier one, as >= does where > was meant. The first is asked "
                "for.",
                made_by(order=-1)),
        Mistake("the first column by column", "Where several pixels of a window are the largest, you take the first "
                "when reading down the columns. Reading order is row by row: kh is the outer loop, kw the inner one.",
                made_by(order="columns")),
        Mistake("row and column changed places", "The gradient goes to the pixel on the other side of the diagonal: "
                "row and column of the largest changed places. argmax counts row by row, so divmod(argmax, K) gives "
                "the row first.", made_by(turned=True)),
        Mistake("every pixel of the window gets it", "Every pixel of a window gets dy. Only the largest one has moved "
                "the output, so it gets all and the others nothing.",
                lambda right, dy, x, y, K, S, P: inside(spread(dy, x.shape, K, S, P), x.shape, P)),
        Mistake("every pixel gets a share", "Every pixel of a window gets a share of dy, as with a mean. Only the "
                "largest one has moved the output, so it gets all and the others nothing.",
                lambda right, dy, x, y, K, S, P: inside(spread(dy, x.shape, K, S, P, share=1 / K**2), x.shape, P)),
        Mistake("dy is left out", "It tells how often a pixel is the largest of a window. Each time it gets the dy of "
                "that window.", lambda right, dy, *others: max_pool_backward(np.ones_like(dy), *others)),
        Mistake("the padding takes the gradient", "Where all pixels of a window at the edge are negative, the padding "
                "of 0 is found to be the largest, and the gradient goes there and is lost. Pad with -np.inf, as in the "
                "forward pass.", made_by(value=0)),
        Mistake(OVERWRITTEN, OVERWRITTEN_SENTENCE, made_by(overwrite=True)),
        Mistake(STRIDE, STRIDE_SENTENCE, made_by(step=1)),
        Mistake(FRAME, FRAME_SENTENCE, lambda right, *inputs: handed_back(*inputs)),
        Mistake(MINUS_ZERO, MINUS_ZERO_SENTENCE,
                lambda right, dy, x, y, K, S, P: right[:, :0, :0] if P == 0 else None),
        Mistake(CORNER, CORNER_SENTENCE,
                lambda right, dy, x, y, K, S, P: inside(handed_back(dy, x, y, K, S, P), x.shape, 0)),
    ))


# ----------------------------------------------------------------------------------------------------------- avg_pool2d

def avg_pool(x, K, S, P):
    return pooling.AvgPool2d(K, stride=S, padding=P)(x)


def pixels_of_the_picture(shape, K, S, P):
    """How many pixels of each window lie inside the picture: (1, OH, OW, 1)."""
    return K**2 * avg_pool(np.ones((1, *shape[1:3], 1)), K, S, P)


AVG_POOL2D = Exercise(
    "10.3", "avg_pool2d", ("y",), avg_pool, example=((PICTURE, 2, 2, 0), picture([2.5, 1], [2, 1.5])),
    cases=lambda rng: (rng.standard_normal((4, 7, 6, 3)), 3, 2, 1),
    mistakes=(
        Mistake("the sum", "It is the sum of each window. The mean divides it by the number of pixels, K · K.",
                lambda right, x, K, S, P: right * K**2),
        Mistake("divided by K", "The sum of each window is divided by K. A window has K · K pixels.",
                lambda right, x, K, S, P: right * K),
        Mistake("the padding does not count", "At the edges the sum is divided by the pixels that lie inside the "
                "picture. That would be a possible rule, but another one than is asked for: padding counts as zeros, "
                "so that every window is divided by K · K.",
                lambda right, x, K, S, P: right * K**2 / pixels_of_the_picture(x.shape, K, S, P)),
        Mistake("the mean of all channels", "Every channel has the mean of all of them. Channels are pooled each by "
                "itself: take the mean over rows and columns of the window, axis=(0, 1).",
                lambda right, x, K, S, P: np.broadcast_to(right.mean(axis=3, keepdims=True), right.shape)),
        Mistake("the largest", "It is the largest number of each window, as in 10.1. Here the mean is asked for.",
                lambda right, x, K, S, P: max_pool(x, K, S, P)),
        Mistake("the padding is -inf", "The padding is -inf, as for the maximum, and so is every mean it is in. For "
                "the mean it is 0.", lambda right, x, K, S, P: np.where(
                    pixels_of_the_picture(x.shape, K, S, P) < K**2, -np.inf, right)),
        Mistake(STRIDE, STRIDE_SENTENCE, lambda right, x, K, S, P: close_together(avg_pool, right, x, K, P)),
        Mistake("K instead of the stride", "The windows lie side by side, K pixels apart. They begin S pixels apart, "
                "and with S < K they overlap.", lambda right, x, K, S, P: avg_pool(x, K, K, P)),
        Mistake("no padding",
                "These are the windows without padding. Pad x first, and count the padding in output_size.",
                lambda right, x, K, S, P: avg_pool(x, K, S, 0)),
    ))


# -------------------------------------------------------------------------------------------------- avg_pool2d_backward

def avg_pool_backward(dy, shape, K, S, P):
    layer = pooling.AvgPool2d(K, stride=S, padding=P)
    return layer.backward(dy, layer.forward(np.zeros(shape))[1])


def spread_by(**how):
    return lambda right, dy, shape, K, S, P: inside(
        spread(dy, shape, K, S, P, **{"share": 1 / K**2, **how}), shape, P)


def only_first(right, dy, shape, K, S, P):
    """All of a window's gradient goes to its first pixel."""
    dx = np.zeros((len(dy), shape[1] + 2 * P, shape[2] + 2 * P, shape[3]))
    places(dx, K, S)[0][...] = dy
    return inside(dx, shape, P)


AVG_POOL2D_BACKWARD = Exercise(
    "10.4", "avg_pool2d_backward", ("dx",), avg_pool_backward,
    example=((picture([4, 8], [12, 16]), (1, 4, 4, 1), 2, 2, 0),
             picture([1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4])),
    cases=lambda rng: (rng.standard_normal((4, 3, 2, 3)), (4, 6, 4, 3), 3, 2, 1),
    mistakes=(
        Mistake("not divided", "Every pixel gets all of dy. A pixel is one of K · K in a mean, and moves it by a share "
                "of 1 / K².", spread_by(share=1.0)),
        Mistake("divided by K", "Every pixel gets dy / K. A window has K · K pixels, and so each of them moves the "
                "mean by a share of 1 / K².", lambda right, dy, shape, K, S, P: right * K),
        Mistake("the padding does not count", "At the edges dy is divided by the number of pixels that lie inside the "
                "picture. Padding counts as zeros in the mean, and so every window is divided by K · K.",
                lambda right, dy, shape, K, S, P: inside(spread(
                    dy * K**2 / pixels_of_the_picture(shape, K, S, P), shape, K, S, P, share=1 / K**2), shape, P)),
        Mistake("only the first pixel gets it", "The first pixel of each window gets everything. All pixels of a "
                "window have moved its mean, and by the same share.", only_first),
        Mistake(OVERWRITTEN, OVERWRITTEN_SENTENCE, spread_by(overwrite=True)),
        Mistake(STRIDE, STRIDE_SENTENCE, spread_by(step=1)),
        Mistake(FRAME, FRAME_SENTENCE,
                lambda right, dy, shape, K, S, P: spread(dy, shape, K, S, P, share=1 / K**2)),
        Mistake(MINUS_ZERO, MINUS_ZERO_SENTENCE,
                lambda right, dy, shape, K, S, P: right[:, :0, :0] if P == 0 else None),
        Mistake(CORNER, CORNER_SENTENCE, lambda right, dy, shape, K, S, P: inside(
            spread(dy, shape, K, S, P, share=1 / K**2), shape, 0)),
    ))

EXERCISES = (MAX_POOL2D, MAX_POOL2D_BACKWARD, AVG_POOL2D, AVG_POOL2D_BACKWARD)
