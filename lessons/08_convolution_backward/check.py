"""What lesson 8 asks for."""

import numpy as np

from minicap import conv
from minicap.learn import catalogue as known
from minicap.learn import windows
from minicap.learn.exercises import Exercise, slopes
from minicap.learn.recurring import floats, normal

# ------------------------------------------------------------------------------------------------------ conv1d_backward


def correlate(x, w):
    return np.correlate(x, w, "valid")


def loss1d(dy, x, w):
    return float((correlate(x, w) * dy).sum())


def spread1d(part, overwrite=False):
    """dx made of part(dy[i], w, window) for each window, added up or overwritten."""
    def wrong(dy, x, w):
        dx = np.zeros_like(x)
        for i, window in enumerate(np.lib.stride_tricks.sliding_window_view(x, len(w))):
            dx[i:i + len(w)] = part(dy[i], w, window) + (0 if overwrite else dx[i:i + len(w)])
        return dx
    return wrong


def without_last1d(right, dy, w):
    dx = right.copy()
    dx[-len(w):] -= dy[-1] * w
    return dx


CONV1D_BACKWARD = Exercise(
    "8.1", "conv1d_backward", ("dx", "dw"), lambda dy, x, w: tuple(slopes(loss1d, (dy, x, w), i) for i in (1, 2)),
    loss=loss1d, slopes={"dx": 1, "dw": 2},
    example=(floats([1, 10, 100, 1000], [2, 2, 2, 7, 7, 7], [-1, 0, 1]),
             floats([-1, -10, -99, -990, 100, 1000], [7222, 7722, 7772])),
    cases=normal(5, 8, 4),
    mistakes={"dx": [
        ("the gradients in another order", known.swapped("dx", "dw", "dx, dw"), lambda dy, x: correlate(x, dy)),
        ("windows overwrite each other", known.overwritten("In dx only the last window of each pixel is left"),
         spread1d(lambda dy, w, window: dy * w, overwrite=True)),
        ("the kernel lies the wrong way round in dx", "In dx the kernel points the wrong way: the first pixel of each "
         "window has to get w[0] times dy. (It is flipped only if each pixel gathers from the outputs around it.)",
         lambda dy, w: np.convolve(dy, w[::-1])),
        ("x instead of w in dx", known.made_with("dx", "x", "pixel", "weight", "dy[i] times w"),
         spread1d(lambda dy, w, window: dy * window)),
        ("dx without dy", "dx is made of w alone. How much each output counts is dy: dy[i] times w.",
         spread1d(lambda dy, w, window: w)),
        ("the last output is left out", known.last_output(), lambda right, dy, w: without_last1d(right, dy, w)),
    ], "dw": [
        ("w instead of x in dw", known.made_with("dw", "w", "weight", "pixel", "dy[i] times the window of x"),
         lambda dy, w: dy.sum() * w),
        ("only the last window counts in dw", known.last_only("dw", "window"), lambda dy, x, w: dy[-1] * x[-len(w):]),
        ("dw is a mean over the windows", known.mean("dw", "the windows"), lambda right, dy: right / len(dy)),
        ("the window does not move in dw", "dw looks at the first window all the time. Output i saw the window that "
         "begins at pixel i.", lambda dy, x, w: dy.sum() * x[:len(w)]),
        ("dw is in reverse", "dw is back to front: w[0] was multiplied by the first pixel of each window.",
         lambda right: right[::-1]),
        ("dy is in reverse in dw", "In dw, dy runs backwards, as np.convolve has it. w[0] meets the pixels in the "
         "order of dy: np.correlate.", lambda dy, x: np.convolve(x, dy, "valid")),
        ("the last output is left out", known.last_output(), lambda dy, x: correlate(x[:-1], dy[:-1])),
    ]})


# ------------------------------------------------------------------------------------------------ conv2d_loops_backward

def each_window(dy, x, W, S, P):
    """n, rows, columns and dy (F,) of every window, in reading order."""
    N, OH, OW, F = dy.shape
    for n, oh, ow in np.ndindex(N, OH, OW):
        yield n, slice(S * oh, S * oh + len(W)), slice(S * ow, S * ow + len(W)), dy[n, oh, ow]


def padded_dx(dy, x, W, S, P, part=lambda dy, W, window: W @ dy, overwrite=False, step=None):
    """dx with its frame, made of ``part`` (K, K, C) of each window; ``step``: instead of S."""
    x = conv.pad(x, P)
    dx = np.zeros_like(x)
    for n, rows, columns, d in each_window(dy, x, W, step or S, P):
        dx[n, rows, columns] = part(d, W, x[n, rows, columns]) + (0 if overwrite else dx[n, rows, columns])
    return dx


def dW_of(dy, x, W, S, P):
    padded, dW = conv.pad(x, P), np.zeros_like(W)
    for n, rows, columns, d in each_window(dy, x, W, S, P):
        dW += padded[n, rows, columns, :, None] * d
    return dW


def without_last_row(result):
    """One of the results when the loop over rows of windows ends before the last one."""
    def wrong(dy, x, W, S, P):
        dy = dy.copy()
        dy[:, -1] = 0
        return windows.gradients(dy, x, W, S, P)[result]
    return wrong


def last_window(dy, x, W, S, P):
    *_, (n, rows, columns, d) = each_window(dy, x, W, S, P)
    return conv.pad(x, P)[n, rows, columns, :, None] * d


def learns_a_kernel(module):
    """From pictures and what an edge detector says of them, gradient descent has to find the edge detector."""
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((4, 6, 7, 1)), 0.1 * rng.standard_normal((3, 3, 1, 1))
    wanted = conv.conv2d(x, np.array([[-1.0, 0, 1]] * 3)[:, :, None, None], np.zeros(1))
    first = ((conv.conv2d(x, W, np.zeros(1)) - wanted) ** 2).mean()
    for _ in range(60):
        difference = conv.conv2d(x, W, np.zeros(1)) - wanted
        W -= 0.3 * module.conv2d_loops_backward(2 * difference / difference.size, x, W)[1]
    last = (difference ** 2).mean()
    if not last < 0.01 * first:
        return (f"gradient descent with your dW did not find a kernel from its outputs: the mean squared difference "
                f"went from {first:.3g} to {last:.3g}.")
    return None


CONV2D_LOOPS_BACKWARD = Exercise(
    "8.2", "conv2d_loops_backward", ("dx", "dW", "db"), windows.gradients, loss=windows.loss, slopes={"dx": 1, "dW": 2},
    example=(windows.BACKWARD, windows.BACKWARD_OUTPUT), learns=learns_a_kernel,
    # stride 2 and padding 1; windows overlap, and the last column of the picture is seen by no window
    cases=lambda rng: (*normal((4, 3, 2, 5), (4, 5, 4, 2), (3, 3, 2, 5))(rng), 2, 1),
    mistakes={"dx": [
        windows.ORDER,
        *windows.framed(padded_dx),
        ("windows overwrite each other", known.overwritten("In dx only the last window of each pixel is left"),
         windows.cropped(padded_dx, overwrite=True)),
        ("windows and kernels overwrite each other",
         known.overwritten("In dx only the last kernel of the last window of each pixel is left"),
         windows.cropped(padded_dx, part=lambda dy, W, window: W[..., -1] * dy[-1], overwrite=True)),
        ("only the last kernel counts in dx", "dx holds the contribution of the last kernel. All F kernels have seen "
         "every window: add up all of them.",
         windows.cropped(padded_dx, part=lambda dy, W, window: W[..., -1] * dy[-1])),
        ("the kernel is turned round in dx", "In dx the kernel is flipped. Here the pixels of a window get the "
         "weights they were multiplied by: W as it is. (It is flipped when a pixel gathers, in 8.3.)",
         windows.cropped(padded_dx, part=lambda dy, W, window: W[::-1, ::-1] @ dy)),
        ("the kernel is transposed in dx", known.kernel_transposed(),
         windows.cropped(padded_dx, part=lambda dy, W, window: W.transpose(1, 0, 2, 3) @ dy)),
        ("x instead of W in dx", known.made_with("dx", "x", "pixel", "weight", "dy times W"),
         windows.cropped(padded_dx, part=lambda dy, W, window: window * dy.sum())),
        ("the stride is ignored in dx", known.stride_of("dx"), windows.cropped(padded_dx, step=1)),
        ("only one kernel counts in dx", "Only the first kernel counts in dx. A pixel affects the outputs of all F: "
         "sum over f.", windows.cropped(padded_dx, part=lambda dy, W, window: W[..., 0] * dy[0])),
        ("the last row is left out", known.last_row(), without_last_row(0)),
    ], "dW": [
        ("only the first picture's pixels in dW", "dW takes the windows of the first picture for every n: x[n, ...], "
         "and not x[0, ...].", lambda dy, x, W, S, P: dW_of(dy, np.repeat(x[:1], len(x), axis=0), W, S, P)),
        windows.NO_FRAME_IN_DW,
        ("the last row is left out", known.last_row(), without_last_row(1)),
        ("the stride is ignored in dW", known.stride_of("dW"), lambda dy, x, W, P: dW_of(dy, x, W, 1, P)),
        ("only the last window counts in dW", known.last_only("dW", "window"), last_window),
        ("W instead of x in dW", known.made_with("dW", "W", "weight", "pixel", "dy times the window of x"),
         lambda dy, W: W * dy.sum(axis=(0, 1, 2))),
        *windows.OF_KERNEL,
    ], "db": [
        *windows.OF_BIAS,
        ("db counts every product", "db is K · K · C times too large: it grew inside the loops over the window. Add dy "
         "once for each output.", lambda right, W: right * W[..., 0].size),
    ]})


# ---------------------------------------------------------------------------------------------------- dx_by_convolution

def dx_right(dy, W, P):
    (N, OH, OW, F), (K, K, C, F) = dy.shape, W.shape
    x = np.zeros((N, OH + K - 1 - 2 * P, OW + K - 1 - 2 * P, C))
    return conv.conv2d_loops_backward(dy, x, W, 1, P)[0]


def with_kernel(turn, padding=lambda K, P: K - 1 - P, swap=lambda W: W.transpose(0, 1, 3, 2)):
    """dx by a convolution with another kernel, or another padding, than the right one."""
    return lambda dy, W, P: conv.conv2d(dy, swap(turn(W)), np.zeros(W.shape[2]), 1, padding(len(W), P))


def turned(W):
    return W[::-1, ::-1]


DX_BY_CONVOLUTION = Exercise(
    "8.3", "dx_by_convolution", ("dx",), dx_right,
    example=((windows.BACKWARD[0], windows.BACKWARD[2], 0), windows.BACKWARD_OUTPUT[0]),
    # K is 5, so that neither P nor K - 1 - P is K // 2
    cases=lambda rng: (rng.standard_normal((4, 5, 6, 3)), rng.standard_normal((5, 5, 2, 3)), int(rng.choice([1, 3]))),
    mistakes=[
        ("the kernel is not turned round", "A pixel gathers from the outputs around it, and the one above it used the "
         "weight below: flip W along axes 0 and 1.", with_kernel(lambda W: W)),
        ("the kernel is turned over only once", "The kernel is flipped in one direction only. Reverse both its rows "
         "and its columns.", (with_kernel(lambda W: W[::-1]), with_kernel(lambda W: W[:, ::-1]))),
        ("turned and transposed", "The kernel is turned round, and its rows and columns are swapped as well. Reverse "
         "both, and swap only the last two axes.", with_kernel(lambda W: turned(W).transpose(1, 0, 2, 3))),
        ("the kernel is transposed instead of turned", "Rows and columns of the kernel are swapped. Flip it instead, "
         "both in reverse order: W[::-1, ::-1].", with_kernel(lambda W: W.transpose(1, 0, 2, 3))),
        ("turned by a quarter", "The kernel is turned by 90 degrees. Turn it by 180: rows and columns in reverse "
         "order.", (with_kernel(np.rot90), with_kernel(lambda W: np.rot90(W, -1)))),
        ("the channels are in reverse, too", "The channels are in reverse order as well; np.flip without axes does "
         "that. Only the first two axes are flipped.", with_kernel(np.flip)),
        ("channels swapped by reshape", "The kernel became (K, K, F, C) by reshape, which mixes channels and kernels. "
         "Swap the two axes by transpose.",
         with_kernel(turned, swap=lambda W: W.reshape(*W.shape[:2], W.shape[3], W.shape[2]))),
        ("the padding of the forward pass", "dy is padded like x, or not at all. The less padding the forward pass "
         "had, the more is needed here: how much makes dx as large as x?",
         with_kernel(turned, lambda K, P: P)),
        ("the frame is still there", "It is the gradient of the padded picture, as with padding K - 1. The forward "
         "pass added a frame of P pixels: use P less.", with_kernel(turned, lambda K, P: K - 1)),
    ])

EXERCISES = (CONV1D_BACKWARD, CONV2D_LOOPS_BACKWARD, DX_BY_CONVOLUTION)
