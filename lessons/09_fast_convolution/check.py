"""What lesson 9 asks for."""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from minicap import conv
from minicap.learn import catalogue as known
from minicap.learn import windows
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import keeps_float32, normal

# ------------------------------------------------------------------------------------------------------ is it fast, too

MARGIN = 8, 0.02  # as many times as long as im2col, and so many seconds more, is still without a loop over windows


def seconds(function, *arguments):
    """The shortest of three calls, on one core; of fewer where one takes long."""
    taken = []
    with threadpool_limits(1):
        while len(taken) < 3 and sum(taken) < 0.5:
            begin = time.perf_counter()
            function(*arguments)
            taken.append(time.perf_counter() - begin)
    return min(taken)


def keeps_float32_and_is_fast(name, of, gives, reference, work="one matrix product"):
    """The function ``learns`` of an exercise whose point is speed, which is that of ``reference``.

    of(pictures, dy): the arguments, which are small for the dtype and large for the time.
    """
    small, arguments = of(PICTURES[:1, :6, :6], DY[:1, :6, :6]), of(PICTURES, DY)

    def learns(module):
        problem = keeps_float32(name, small, gives)(module)
        if problem:
            return problem
        ours, theirs = seconds(reference, *arguments), seconds(getattr(module, name), *arguments)
        if theirs > MARGIN[0] * ours + MARGIN[1]:
            return (f"the numbers are right, but it takes {1e3 * theirs:.0f} ms for what {work} does in "
                    f"{1e3 * ours:.0f}. Is there a loop over pictures or pixels? The only one needed goes over the "
                    "K · K places of the kernel.")
        return None
    return learns


PICTURES, KERNEL, BIAS, DY = (a.astype(np.float32) for a in normal(
    (4, 96, 96, 4), (3, 3, 4, 8), 8, (4, 96, 96, 8))(np.random.default_rng(0)))


# --------------------------------------------------------------------------------------------------------------- im2col

def places(columns, x):
    """The places of the kernel as axes of their own, (N, OH, OW, K, K, C)."""
    K = round((columns.shape[3] / x.shape[3]) ** 0.5)
    return columns.reshape(*columns.shape[:3], K, K, x.shape[3])


def channels_first(columns, x):
    return np.moveaxis(places(columns, x), 5, 3).reshape(columns.shape)


def first_pixel_only(columns, x):
    """The pixel under place (0, 0) in all places."""
    return np.broadcast_to(places(columns, x)[..., :1, :1, :], places(columns, x).shape).reshape(columns.shape)


IM2COL = Exercise(
    "9.1", "im2col", ("columns",), conv.im2col, inputs=("x", "K", "S", "P"),
    example=((np.arange(1.0, 10).reshape(1, 3, 3, 1), 2, 1, 0),
             np.array([[1.0, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]).reshape(1, 2, 2, 4)),
    cases=lambda rng: (rng.standard_normal((3, 7, 6, 4)), 3, 2, 1),
    learns=keeps_float32_and_is_fast("im2col", lambda x, dy: (np.repeat(x[..., :1], 3, axis=0), 3, 1, 1), ("columns",),
                                     conv.im2col, "copying nine slices"),
    mistakes=[
        ("the axes of the window are not joined", "The numbers of a window are still in three axes, K, K and C. Make "
         "one of them: reshape(N, OH, OW, K * K * C).", lambda right, x: places(right, x)),
        ("the windows are joined, too", "Pictures, rows and columns of windows are one axis. Keep them apart, (N, OH, "
         "OW, K·K·C), so that the product has y's shape.", lambda right: right.reshape(-1, right.shape[3])),
        ("windows and numbers changed places", "It is (N, K·K·C, OH·OW), a window in each column, as with channels "
         "first. Here a window is a row, the last axis.",
         lambda right, x: right.reshape(len(x), -1, right.shape[3]).swapaxes(1, 2)),
        ("channels before places", "The numbers of a window are in the order c, kh, kw. The order has to be that of W: "
         "kh, kw, c.", lambda right, x: channels_first(right, x)),
        ("kh and kw changed places", "The numbers of a window are in the order kw, kh, c. The order has to be that of "
         "W: kh, kw, c.", lambda right, x: places(right, x).swapaxes(3, 4).reshape(right.shape)),
        ("reshaped without moving axes", "K and K are in front, and reshape does not move axes. Move them behind OW "
         "first, or fill (N, OH, OW, K, K, C).",
         lambda right, x: np.moveaxis(places(right, x), (3, 4), (0, 1)).reshape(right.shape)),
        ("every place holds the first pixel", "All K · K positions in a window hold its first pixel. The slice for "
         "position (kh, kw) begins at row kh and column kw.", lambda right, x: first_pixel_only(right, x)),
        ("the stride is ignored", known.stride(),
         lambda right, x, K, P: windows.as_many(right, conv.im2col(x, K, 1, P))),
        ("no padding", known.no_padding(), lambda x, K, S: conv.im2col(x, K, S, 0)),
        ("the frame is below and on the right only", known.frame_at_the_end(), lambda x, K, S, P: conv.im2col(
            np.pad(x, ((0, 0), (0, 2 * P), (0, 2 * P), (0, 0))), K, S, 0)),
        ("places in reverse", "The numbers of a window are back to front: position (0, 0) is its top left pixel.",
         lambda right, x: places(right, x)[..., ::-1, ::-1, :].reshape(right.shape)),
        ("rows and columns of windows changed places", "Window (oh, ow) stands at [ow, oh]. Rows come first.",
         lambda right: right.swapaxes(1, 2).reshape(right.shape)),
    ])


# --------------------------------------------------------------------------------------------------------------- conv2d

def place(right, x, W, S, P, kh, kw):
    """What one place of the kernel contributes."""
    OH, OW = right.shape[1:3]
    return conv.pad(x, P)[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw]


def last_place(right, x, W, S, P):
    return place(right, x, W, S, P, len(W) - 1, len(W) - 1)


def of_columns(change=lambda columns, x: columns, rows=lambda W: W.reshape(-1, W.shape[3]), stride=lambda S: S):
    """y made of other columns, of a kernel with other rows, or with another stride."""
    return lambda right, x, W, b, S, P: windows.as_many(
        right, change(conv.im2col(x, len(W), stride(S), P), x) @ rows(W) + b)


CONV2D = Exercise(
    "9.2", "conv2d", ("y",), conv.conv2d_loops, inputs=("x", "W", "b", "S", "P"),
    example=(windows.EDGE, windows.EDGE_OUTPUT), cases=lambda rng: (*normal((3, 9, 7, 2), (4, 4, 2, 5), 5)(rng), 2, 1),
    learns=keeps_float32_and_is_fast("conv2d", lambda x, dy: (x, KERNEL, BIAS, 1, 1), ("y",), conv.conv2d_im2col),
    mistakes=[
        *windows.FORWARD,
        ("the bias is missing", known.no_bias("b once"), lambda right, b: right - b),
        ("the bias is added too often", "The bias was added inside the loop, once for each position or row of the "
         "kernel. Add it once to each output.",
         (lambda right, W, b: right + (len(W) ** 2 - 1) * b, lambda right, W, b: right + (len(W) - 1) * b)),
        ("only the last place of the kernel counts", known.overwritten("Only the last of the K · K products is left"),
         (last_place, lambda right, x, W, b, S, P: last_place(right, x, W, S, P) + b)),
        ("the first product counts twice", "Position (0, 0) of the kernel counts twice: y began with its product, and "
         "the loop added it again.", lambda right, x, W, S, P: right + place(right, x, W, S, P, 0, 0)),
        ("every place meets the first pixel", "All K · K positions in the kernel meet the first pixel of each window. "
         "The slice begins at row kh and column kw.", of_columns(first_pixel_only)),
        ("kernel and windows in different orders", "The kernels were reshaped to (F, K·K·C). F is the last axis of W, "
         "so that mixes them: W.reshape(K * K * C, F).", of_columns(rows=lambda W: W.reshape(W.shape[3], -1).T)),
        ("kernel and windows in different orders", "A window's numbers are in the order c, kh, kw, a kernel's in the "
         "order kh, kw, c. Use the same order in both.", of_columns(channels_first)),
        ("the stride is ignored", known.stride(), of_columns(stride=lambda S: 1)),
    ])


# ------------------------------------------------------------------------------------------------------ conv2d_backward

def padded_dx(dy, x, W, S, P, turn=lambda W: W, step=None, overwrite=False):
    """dx with its frame; ``step``: between the pixels of a slice, instead of S."""
    N, OH, OW, F = dy.shape
    dx, step = np.zeros_like(conv.pad(x, P)), step or S
    for kh, kw in np.ndindex(W.shape[:2]):
        part = dx[:, kh:kh + step * OH:step, kw:kw + step * OW:step]
        part[...] = dy @ turn(W)[kh, kw].T + (0 if overwrite else part)
    return dx


def reference(dy, x, W, S, P):
    """All three gradients by im2col and what leads back from it: how long it may take."""
    dW = dW_by(W, dy, conv.im2col(x, len(W), S, P))
    return windows.inside(padded_dx(dy, x, W, S, P), x, P), dW, dy.sum(axis=(0, 1, 2))


def dW_by(right, dy, columns):
    return (columns.reshape(-1, columns.shape[3]).T @ dy.reshape(-1, dy.shape[3])).reshape(right.shape)


CONV2D_BACKWARD = Exercise(
    "9.3", "conv2d_backward", ("dx", "dW", "db"), windows.gradients, loss=windows.loss, slopes={"dx": 1, "dW": 2},
    example=(windows.BACKWARD, windows.BACKWARD_OUTPUT),
    cases=lambda rng: (*normal((4, 3, 2, 5), (4, 5, 4, 2), (3, 3, 2, 5))(rng), 2, 1),
    learns=keeps_float32_and_is_fast("conv2d_backward", lambda x, dy: (dy, x, KERNEL, 1, 1), ("dx", "dW", "db"),
                                     reference),
    mistakes={"dx": [
        windows.ORDER,
        *windows.framed(padded_dx),
        ("places overwrite each other",
         known.overwritten("In dx only the last place of the kernel is left for each pixel"),
         windows.cropped(padded_dx, overwrite=True)),
        ("the kernel is turned round in dx", "In dx the kernel is flipped. The gradient of position (kh, kw) goes to "
         "the pixels it was multiplied by, those of the slice that begins at row kh and column kw.",
         windows.cropped(padded_dx, turn=lambda W: W[::-1, ::-1])),
        ("the kernel is transposed in dx", known.kernel_transposed(),
         windows.cropped(padded_dx, turn=lambda W: W.transpose(1, 0, 2, 3))),
        ("the stride is ignored in dx", known.stride_of("dx"), windows.cropped(padded_dx, step=1)),
    ], "dW": [
        ("the stride is ignored in dW", known.stride_of("dW"),
         lambda right, dy, x, W, P: dW_by(right, dy, windows.as_many(dy, conv.im2col(x, len(W), 1, P)))),
        ("channels and kernels changed places in dW", "dW has F before C: it is dyᵀ times the pixels. dW[kh, kw] is "
         "(C, F) like W[kh, kw]: the pixels, transposed, times dy.", lambda right: right.swapaxes(2, 3)),
        ("dW is in another order", "The numbers of dW are K·K·C rows in the order c, kh, kw. Before the reshape they "
         "have to be in the order kh, kw, c.",
         lambda right, dy, x, W, S, P: dW_by(right, dy, channels_first(conv.im2col(x, len(W), S, P), x))),
        windows.NO_FRAME_IN_DW,
        ("dW is the same at every place", "All K · K positions in dW hold what belongs to the last one: was dW set "
         "where dW[kh, kw] was meant?", lambda right: np.broadcast_to(right[-1, -1], right.shape)),
        *windows.OF_KERNEL,
    ], "db": [
        *windows.OF_BIAS,
        ("db counts every place of the kernel", "db is K · K times too large: it grew inside the loop over the "
         "positions in the kernel. Add dy once for each output.", lambda right, W: right * len(W) ** 2),
    ]})

EXERCISES = (IM2COL, CONV2D, CONV2D_BACKWARD)
