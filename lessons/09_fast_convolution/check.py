"""What lesson 9 asks for."""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from minicap import conv
from minicap.learn.exercises import Exercise, Mistake, slopes

# ------------------------------------------------------------------------------------------------------ is it fast, too

MARGIN = 8, 0.02  # as many times as long as im2col, and so many seconds more, is still without a loop over windows


def in_float32(rng, *shapes):
    return tuple(rng.standard_normal(shape).astype(np.float32) for shape in shapes)


def seconds(function, *arguments):
    """The shortest of three calls, on one core."""
    taken = []
    with threadpool_limits(1):
        for _ in range(3):
            begin = time.perf_counter()
            function(*arguments)
            taken.append(time.perf_counter() - begin)
    return min(taken)


def keeps_float32_and_is_fast(name, arguments, results, reference=None):
    """The function ``learns`` of an exercise whose point is speed, which is that of ``reference``."""
    def learns(module):
        function = getattr(module, name)
        answer = function(*arguments)
        for result, array in zip(results, answer if len(results) > 1 else (answer,), strict=True):
            if array.dtype != np.float32:
                return (f"the numbers are right, but float32 went in and {result} is {array.dtype}, twice the memory "
                        "and half the speed. np.zeros and np.empty make float64 unless told: dtype=x.dtype.")
        if reference is None:
            return None
        ours, theirs = seconds(reference, *arguments), seconds(function, *arguments)
        if theirs > MARGIN[0] * ours + MARGIN[1]:
            return (f"the numbers are right, but it takes {1e3 * theirs:.0f} ms for what one matrix product does in "
                    f"{1e3 * ours:.0f}. Is there a loop over pictures or pixels? The only one needed goes over the "
                    "K · K places of the kernel.")
        return None
    return learns


PICTURES, KERNEL, BIAS, DY = in_float32(np.random.default_rng(0), (4, 96, 96, 4), (3, 3, 4, 8), 8, (4, 96, 96, 8))


# --------------------------------------------------------------------------------------------------------------- im2col

def channels_first(right, x, K):
    return right.reshape(*right.shape[:3], K * K, x.shape[3]).swapaxes(3, 4).reshape(right.shape)


def places_swapped(right, x, K):
    return right.reshape(*right.shape[:3], K, K, x.shape[3]).swapaxes(3, 4).reshape(right.shape)


def places_in_front(right, x, K):
    """K and K in front of all other axes."""
    return np.moveaxis(right.reshape(*right.shape[:3], K, K, x.shape[3]), (3, 4), (0, 1))


def close_together(right, x, K, S, P):
    """Windows that begin 1 pixel apart, as many as there should be."""
    return conv.im2col(x, K, 1, P)[:, :right.shape[1], :right.shape[2]]


def first_pixel_only(right, x, K):
    """The pixel under place (0, 0) in all places."""
    return np.tile(right[..., :x.shape[3]], K * K)


IM2COL = Exercise(
    "9.1", "im2col", ("columns",), conv.im2col,
    example=((np.arange(1.0, 10).reshape(1, 3, 3, 1), 2, 1, 0),
             np.array([[1.0, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]).reshape(1, 2, 2, 4)),
    cases=lambda rng: (rng.standard_normal((3, 7, 6, 4)), 3, 2, 1),
    learns=keeps_float32_and_is_fast("im2col", (PICTURES, 3, 1, 1), ("the result",)),
    mistakes=(
        Mistake("the axes of the window are not joined", "The numbers of a window are still in three axes, K, K and C. "
                "Make one of them: reshape(N, OH, OW, K * K * C).",
                lambda right, x, K, S, P: right.reshape(*right.shape[:3], K, K, x.shape[3])),
        Mistake("the windows are joined, too", "Pictures, rows and columns of windows have become one axis. Leave them "
                "apart, (N, OH, OW, K·K·C), then the product with the kernels has the shape of y.",
                lambda right, x, K, S, P: right.reshape(-1, right.shape[3])),
        Mistake("windows and numbers changed places", "It is (N, K·K·C, OH·OW), with a window in each column, as "
                "libraries with channels first have it. Here a window is a row, the last axis.",
                lambda right, x, K, S, P: right.reshape(len(x), -1, right.shape[3]).swapaxes(1, 2)),
        Mistake("channels before places", "The numbers of a window are in the order c, kh, kw. W is (K, K, C, F), and "
                "the order has to be the same there and here: kh, kw, c.",
                lambda right, x, K, S, P: channels_first(right, x, K)),
        Mistake("kh and kw changed places", "The numbers of a window are in the order kw, kh, c. A window is read like "
                "W: kh first, then kw, then c.", lambda right, x, K, S, P: places_swapped(right, x, K)),
        Mistake("reshaped without moving axes", "The numbers are there, but in a mixed order: K and K came first, and "
                "reshape only cuts the long line of numbers anew. Move these axes behind OH and OW before reshape, or "
                "fill an array (N, OH, OW, K, K, C) from the beginning.",
                lambda right, x, K, S, P: places_in_front(right, x, K).reshape(right.shape)),
        Mistake("every place holds the first pixel", "All K · K places of a window hold its first pixel. The slice for "
                "place (kh, kw) has to begin at row kh and column kw.",
                lambda right, x, K, S, P: first_pixel_only(right, x, K)),
        Mistake("the stride is ignored", "The windows begin 1 pixel apart and not S: a slice has a step, begin:end:S.",
                close_together),
        Mistake("no padding",
                "These are the windows without padding. Pad x first, and count the padding in output_size.",
                lambda right, x, K, S, P: conv.im2col(x, K, S, 0)),
    ))


# --------------------------------------------------------------------------------------------------------------- conv2d

def case(rng):
    return rng.standard_normal((3, 7, 6, 4)), rng.standard_normal((3, 3, 4, 5)), rng.standard_normal(5), 2, 1


def place(x, W, S, P, kh, kw, right):
    """What one place of the kernel contributes."""
    OH, OW = right.shape[1:3]
    return conv.pad(x, P)[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw]


ONLY_LAST = "only the last place of the kernel counts"
ONLY_LAST_SENTENCE = ("Only the last of the K · K products is left: each one replaces the one before. They are added "
                      "up: += and not =.")
TOO_OFTEN = "the bias is added too often"
TOO_OFTEN_SENTENCE = ("The bias is in there {} times: it was added inside the loop. It is added once to each output: "
                      "before the loop or behind it.")
REORDERED = "kernel and windows in different orders"

EXAMPLE = (np.array([[1.0, 1, 5, 5], [1, 1, 5, 5], [1, 1, 5, 5], [1, 1, 1, 1]]).reshape(1, 4, 4, 1),
           np.array([[-1.0, 0, 1]] * 3).reshape(3, 3, 1, 1), np.array([1.0]), 1, 0)

CONV2D = Exercise(
    "9.2", "conv2d", ("y",), conv.conv2d_loops,
    example=(EXAMPLE, np.array([[13.0, 13.0], [9.0, 9.0]]).reshape(1, 2, 2, 1)), cases=case,
    learns=keeps_float32_and_is_fast("conv2d", (PICTURES, KERNEL, BIAS, 1, 1), ("y",), conv.conv2d_im2col),
    mistakes=(
        Mistake("the bias is missing", "It is the sum without b: add b once.", lambda right, x, W, b, S, P: right - b),
        Mistake(TOO_OFTEN, TOO_OFTEN_SENTENCE.format("K · K"),
                lambda right, x, W, b, S, P: right + (len(W) ** 2 - 1) * b),
        Mistake(TOO_OFTEN, TOO_OFTEN_SENTENCE.format("K"), lambda right, x, W, b, S, P: right + (len(W) - 1) * b),
        Mistake(ONLY_LAST, ONLY_LAST_SENTENCE,
                lambda right, x, W, b, S, P: place(x, W, S, P, len(W) - 1, len(W) - 1, right) + b),
        Mistake(ONLY_LAST, ONLY_LAST_SENTENCE,
                lambda right, x, W, b, S, P: place(x, W, S, P, len(W) - 1, len(W) - 1, right)),
        Mistake("the first product counts twice", "Place (0, 0) of the kernel is in there twice: y began with its "
                "product, and the loop has added it again.",
                lambda right, x, W, b, S, P: right + place(x, W, S, P, 0, 0, right)),
        Mistake("the kernel is turned round", "The kernel lies upside down and back to front. Place (kh, kw) of it "
                "meets the pixels that are shifted by kh rows and kw columns.",
                lambda right, x, W, b, S, P: conv.conv2d(x, W[::-1, ::-1], b, S, P)),
        Mistake("the kernel is transposed", "Rows and columns of the kernel changed places: W[kh, kw] meets the pixels "
                "that are shifted by kh rows and kw columns.",
                lambda right, x, W, b, S, P: conv.conv2d(x, W.transpose(1, 0, 2, 3), b, S, P)),
        Mistake("every place meets the first pixel", "All K · K places of the kernel meet the first pixel of each "
                "window. The slice for place (kh, kw) has to begin at row kh and column kw.",
                lambda right, x, W, b, S, P: first_pixel_only(conv.im2col(x, len(W), S, P), x, len(W))
                @ W.reshape(-1, W.shape[3]) + b),
        Mistake(REORDERED, "The kernels were reshaped to (F, K·K·C) and transposed. F is the last axis of W, so that "
                "reshape mixes the kernels: W.reshape(K * K * C, F) is what goes with im2col.",
                lambda right, x, W, b, S, P: conv.im2col(x, len(W), S, P) @ W.reshape(W.shape[3], -1).T + b),
        Mistake(REORDERED, "The numbers of a window are in the order c, kh, kw, those of a kernel in the order kh, kw, "
                "c. A product multiplies the first with the first, whatever they are.",
                lambda right, x, W, b, S, P: channels_first(conv.im2col(x, len(W), S, P), x, len(W))
                @ W.reshape(-1, W.shape[3]) + b),
        Mistake("the stride is ignored", "The windows begin 1 pixel apart and not S: a slice has a step, begin:end:S.",
                lambda right, x, W, b, S, P: close_together(right, x, len(W), S, P) @ W.reshape(-1, W.shape[3]) + b),
        Mistake("no padding", "It is the convolution without padding. Pad x first, and count the padding in "
                "output_size.", lambda right, x, W, b, S, P: conv.conv2d(x, W, b, S, 0)),
    ))


# ------------------------------------------------------------------------------------------------------ conv2d_backward

def loss(dy, x, W, S, P, b=0.0):
    return float((conv.conv2d.plain(x, W, b, S, P) * dy).sum())


def gradients(dy, x, W, S, P):
    """dx, dW and db as slopes."""
    b = np.zeros(W.shape[-1])
    return tuple(slopes(loss, (dy, x, W, S, P, b), i) for i in (1, 2, 5))


def padded_dx(dy, x, W, S, P, step=None, overwrite=False):
    """dx with its frame; ``step``: between the pixels of a slice, instead of S."""
    N, OH, OW, F = dy.shape
    dx, step = np.zeros_like(conv.pad(x, P)), step or S
    for kh, kw in np.ndindex(W.shape[:2]):
        part = dx[:, kh:kh + step * OH:step, kw:kw + step * OW:step]
        part[...] = dy @ W[kh, kw].T + (0 if overwrite else part)
    return dx


def inside(dx, x, P):
    return dx[:, P:P + x.shape[1], P:P + x.shape[2]]


def reference(dy, x, W, S, P):
    """All three gradients by im2col and what leads back from it: how long it may take."""
    columns = conv.im2col(x, len(W), S, P)
    dW = columns.reshape(-1, columns.shape[3]).T @ dy.reshape(-1, dy.shape[3])
    return inside(padded_dx(dy, x, W, S, P), x, P), dW.reshape(W.shape), dy.sum(axis=(0, 1, 2))


def dW_by(right, dy, columns):
    return (columns.reshape(-1, columns.shape[3]).T @ dy.reshape(-1, dy.shape[3])).reshape(right.shape)


def dW_only_last(right, dy, x, W, S, P):
    """The product of the last place in all places."""
    return np.broadcast_to(right[-1, -1], right.shape)


DX = np.array([[10.0, 120, 200], [30, 340, 400]]).reshape(1, 2, 3, 1)
BACKWARD_EXAMPLE = (np.array([1.0, 10]).reshape(1, 1, 2, 1), np.arange(1.0, 7).reshape(1, 2, 3, 1),
                    np.array([10.0, 20, 30, 40]).reshape(2, 2, 1, 1), 1, 0)

CONV2D_BACKWARD = Exercise(
    "9.3", "conv2d_backward", ("dx", "dW", "db"), gradients, loss=loss, slopes={"dx": 1, "dW": 2},
    example=(BACKWARD_EXAMPLE, (DX, np.array([[21.0, 32], [54, 65]]).reshape(2, 2, 1, 1), np.array([11.0]))),
    cases=lambda rng: (*(rng.standard_normal(s) for s in ((4, 3, 2, 5), (4, 5, 4, 2), (3, 3, 2, 5))), 2, 1),
    learns=keeps_float32_and_is_fast("conv2d_backward", (DY, PICTURES, KERNEL, 1, 1), ("dx", "dW", "db"), reference),
    mistakes=(
        Mistake("the gradients in another order", "dx is what dW should be. The order is (dx, dW, db).",
                lambda right, *inputs: gradients(*inputs)[1], of="dx"),
        Mistake("dx still has its frame", "It is the gradient of the padded picture. Cut the frame off, so that dx has "
                "the shape of x.", lambda right, *inputs: padded_dx(*inputs), of="dx"),
        Mistake("cut off by -0", "dx is empty, for it was cut with P:-P, and with P = 0 that is 0:0. P:P + H works for "
                "every P.", lambda right, dy, x, W, S, P: right[:, :0, :0] if P == 0 else None, of="dx"),
        Mistake("dx is cut out of the corner", "dx is cut out of the top left corner of the padded picture. x begins "
                "at row P and column P.",
                lambda right, dy, x, W, S, P: padded_dx(dy, x, W, S, P)[:, :x.shape[1], :x.shape[2]], of="dx"),
        Mistake("places overwrite each other", "In dx, what one place of the kernel hands back replaces what another "
                "has put there. A pixel lies under several places, in one window after the other, and gets the sum: += "
                "and not =.",
                lambda right, dy, x, W, S, P: inside(padded_dx(dy, x, W, S, P, overwrite=True), x, P), of="dx"),
        Mistake("the kernel is turned round in dx", "In dx the kernel lies upside down and back to front. What place "
                "(kh, kw) hands back goes to the very pixels it was multiplied with, those of the slice that begins "
                "at row kh and column kw.",
                lambda right, dy, x, W, S, P: inside(padded_dx(dy, x, W[::-1, ::-1], S, P), x, P), of="dx"),
        Mistake("the kernel is transposed in dx", "In dx, rows and columns of the kernel changed places.",
                lambda right, dy, x, W, S, P: inside(padded_dx(dy, x, W.transpose(1, 0, 2, 3), S, P), x, P), of="dx"),
        Mistake("the stride is ignored in dx", "In dx the pixels of a slice lie 1 apart and not S. They go back to "
                "where they came from: begin:end:S, as in the forward pass.",
                lambda right, dy, x, W, S, P: inside(padded_dx(dy, x, W, S, P, step=1), x, P), of="dx"),
        Mistake("the stride is ignored in dW", "In dW the windows lie 1 pixel apart and not S: a slice has a step, "
                "begin:end:S.", lambda right, dy, x, W, S, P:
                dW_by(right, dy, close_together(dy, x, len(W), S, P)), of="dW"),
        Mistake("channels and kernels changed places in dW", "dW has F before C: it is dyᵀ times the pixels. dW[kh, "
                "kw] belongs to W[kh, kw], (C, F): the pixels, transposed, times dy.",
                lambda right, *inputs: right.swapaxes(2, 3), of="dW"),
        Mistake("dW is in another order", "The numbers of dW are there, but as K·K·C rows in the order c, kh, kw. "
                "Reshaped to (K, K, C, F) they have to be in the order kh, kw, c.",
                lambda right, dy, x, W, S, P: dW_by(right, dy, channels_first(conv.im2col(x, len(W), S, P), x, len(W))),
                of="dW"),
        Mistake("dW is the same at every place", "All K · K places of dW hold what belongs to the last one: was dW set "
                "where dW[kh, kw] was meant?", dW_only_last, of="dW"),
        Mistake("dW is turned round", "dW is upside down and back to front: dW[kh, kw] belongs to the pixels that are "
                "shifted by kh rows and kw columns.", lambda right, *inputs: right[::-1, ::-1], of="dW"),
        Mistake("dW is a mean over the windows", "dW is a mean over all windows of all pictures. The kernel was used "
                "on each of them, and what they want adds up.",
                lambda right, dy, x, W, S, P: right / dy[..., 0].size, of="dW"),
        Mistake("db is one number", "db is the sum of all of dy. Each kernel has a bias of its own: sum over pictures, "
                "rows and columns, axes 0, 1 and 2, and keep the last axis.",
                lambda right, dy, *others: dy.sum(), of="db"),
        Mistake("db summed over pictures only", "dy was summed over axis 0, the pictures. The bias was also added at "
                "every place: sum over axes 0, 1 and 2.", lambda right, dy, *others: dy.sum(axis=0), of="db"),
        Mistake("db summed over places only", "dy was summed over rows and columns. The bias was also added to every "
                "picture: sum over axes 0, 1 and 2.", lambda right, dy, *others: dy.sum(axis=(1, 2)), of="db"),
        Mistake("db is a mean", "db is the mean of dy over pictures and places. The bias was added to each of them, "
                "and what they want adds up: sum, and not mean.",
                lambda right, dy, *others: dy.mean(axis=(0, 1, 2)), of="db"),
        Mistake("db counts every place of the kernel", "db is K · K times too large: it grew inside the loop over the "
                "places of the kernel. The bias was added once to each output.",
                lambda right, dy, x, W, S, P: right * len(W) ** 2, of="db"),
    ))

EXERCISES = (IM2COL, CONV2D, CONV2D_BACKWARD)
