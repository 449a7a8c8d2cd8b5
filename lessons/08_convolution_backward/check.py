"""What lesson 8 asks for."""

import numpy as np

from minicap import conv
from minicap.learn.exercises import Exercise, Mistake, slopes

# ------------------------------------------------------------------------------------------------------ conv1d_backward


def correlate(x, w):
    return np.correlate(x, w, "valid")


def loss1d(dy, x, w):
    return float((correlate(x, w) * dy).sum())


def windows1d(x, K):
    return np.lib.stride_tricks.sliding_window_view(x, K)


def handed_back_1d(dy, x, w, overwrite=False, what="w"):
    """dx where each window's part is set instead of added, or where it is made of x."""
    dx = np.zeros_like(x)
    for i, window in enumerate(windows1d(x, len(w))):
        part = dy[i] * (w if what == "w" else window)
        dx[i:i + len(w)] = part if overwrite else dx[i:i + len(w)] + part
    return dx


SWAPPED = "the gradients in another order"
OVERWRITTEN = "windows overwrite each other"
OVERWRITTEN_SENTENCE = ("In dx, a window's gradient replaces what an earlier window has put there. A pixel that "
                        "several windows saw gets the sum of what all of them want: += and not =.")
LAST_WINDOW = "only the last window counts in {}"
LAST_WINDOW_SENTENCE = ("{} holds what the last window wants. The kernel was used on every window, so what all of them "
                        "want of it is summed: += and not =.")

CONV1D_BACKWARD = Exercise(
    "8.1", "conv1d_backward", ("dx", "dw"),
    lambda dy, x, w: (slopes(loss1d, (dy, x, w), 1), slopes(loss1d, (dy, x, w), 2)), loss=loss1d,
    slopes={"dx": 1, "dw": 2},
    example=((np.array([1.0, 10, 100, 1000]), np.array([2.0, 2, 2, 7, 7, 7]), np.array([-1.0, 0, 1])),
             (np.array([-1.0, -10, -99, -990, 100, 1000]), np.array([7222.0, 7722, 7772]))),
    cases=lambda rng: (rng.standard_normal(6), rng.standard_normal(8), rng.standard_normal(3)),
    mistakes=(
        Mistake(SWAPPED, "dx is what dw should be. The order is (dx, dw).",
                lambda right, dy, x, w: correlate(x, dy), of="dx"),
        Mistake(OVERWRITTEN, OVERWRITTEN_SENTENCE, lambda right, dy, x, w: handed_back_1d(dy, x, w, True), of="dx"),
        Mistake("the kernel lies the wrong way round in dx", "dx has been made with the kernel in the wrong direction. "
                "When an output hands back, the first pixel of its window gets w[0]. When a pixel collects, it is the "
                "other way round: the first output it looks at used the last weight on it.",
                lambda right, dy, x, w: np.convolve(dy, w[::-1]), of="dx"),
        Mistake("x instead of w in dx", "dx has been made with x. A pixel counts in an output as much as the weight it "
                "is multiplied with: dy[i] times w.",
                lambda right, dy, x, w: handed_back_1d(dy, x, w, what="x"), of="dx"),
        Mistake("w instead of x in dw", "dw has been made with w. A weight counts in an output as much as the pixel it "
                "is multiplied with: dy[i] times the window of x.", lambda right, dy, x, w: dy.sum() * w, of="dw"),
        Mistake(LAST_WINDOW.format("dw"), LAST_WINDOW_SENTENCE.format("dw"),
                lambda right, dy, x, w: dy[-1] * x[-len(w):], of="dw"),
        Mistake("dw is a mean over the windows", "dw is a mean over the windows. The kernel was used on each of them, "
                "and what they want adds up.", lambda right, dy, x, w: right / len(dy), of="dw"),
        Mistake("the window does not move in dw", "dw looks at the first window all the time. Output i saw the window "
                "that begins at pixel i.", lambda right, dy, x, w: dy.sum() * x[:len(w)], of="dw"),
        Mistake("dw is in reverse", "dw is back to front: w[0] was multiplied with the first pixel of each window.",
                lambda right, dy, x, w: right[::-1], of="dw"),
    ))


# ------------------------------------------------------------------------------------------------ conv2d_loops_backward

def loss2d(dy, x, W, S, P, b=0.0):
    return float((conv.conv2d.plain(x, W, b, S, P) * dy).sum())


def gradients(dy, x, W, S, P):
    """dx, dW and db as slopes."""
    b = np.zeros(W.shape[-1])
    return tuple(slopes(loss2d, (dy, x, W, S, P, b), i) for i in (1, 2, 5))


def windows(dy, x, W, S, P):
    """n, rows, columns and dy (F,) of every window, in reading order."""
    N, OH, OW, F = dy.shape
    for n, oh, ow in np.ndindex(N, OH, OW):
        yield n, slice(S * oh, S * oh + len(W)), slice(S * ow, S * ow + len(W)), dy[n, oh, ow]


def padded_dx(dy, x, W, S, P, part=None, overwrite=False, step=None):
    """dx with its frame, made of ``part`` (dy, W, window) -> (K, K, C) of each window; ``step``: instead of S."""
    part = part or (lambda dy, W, window: W @ dy)
    x = conv.pad(x, P)
    dx = np.zeros_like(x)
    for n, rows, columns, d in windows(dy, x, W, step or S, P):
        dx[n, rows, columns] = part(d, W, x[n, rows, columns]) + (0 if overwrite else dx[n, rows, columns])
    return dx


def inside(dx, x, P, row=None, column=None):
    """dx without its frame, or cut out at another place."""
    row, column = P if row is None else row, P if column is None else column
    return dx[:, row:row + x.shape[1], column:column + x.shape[2]]


def dW_of(dy, x, W, S, P, step):
    """dW with windows that lie ``step`` apart instead of S."""
    padded, dW = conv.pad(x, P), np.zeros_like(W)
    for n, rows, columns, d in windows(dy, x, W, step, P):
        dW += padded[n, rows, columns, :, None] * d
    return dW


def last_window(dy, x, W, S, P):
    *_, (n, rows, columns, d) = windows(dy, x, W, S, P)
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


def case(rng):
    """Stride 2 and padding 1; windows overlap, and the last column of the picture is seen by no window."""
    return *(rng.standard_normal(shape) for shape in ((4, 3, 2, 5), (4, 5, 4, 2), (3, 3, 2, 5))), 2, 1


def made_of(part, overwrite=False):
    return lambda right, dy, x, W, S, P: inside(padded_dx(dy, x, W, S, P, part, overwrite), x, P)


DY, X, KERNEL = (np.array(a, float) for a in ([[1, 10]], [[1, 2, 3], [4, 5, 6]], [[10, 20], [30, 40]]))
EXAMPLE = DY.reshape(1, 1, 2, 1), X.reshape(1, 2, 3, 1), KERNEL.reshape(2, 2, 1, 1)
DX = np.array([[10.0, 120, 200], [30, 340, 400]]).reshape(1, 2, 3, 1)

CONV2D_LOOPS_BACKWARD = Exercise(
    "8.2", "conv2d_loops_backward", ("dx", "dW", "db"), gradients, loss=loss2d, slopes={"dx": 1, "dW": 2},
    example=((*EXAMPLE, 1, 0), (DX, np.array([[21.0, 32], [54, 65]]).reshape(2, 2, 1, 1), np.array([11.0]))),
    cases=case, learns=learns_a_kernel,
    mistakes=(
        Mistake(SWAPPED, "dx is what dW should be. The order is (dx, dW, db).",
                lambda right, *inputs: gradients(*inputs)[1], of="dx"),
        Mistake("dx still has its frame", "It is the gradient of the padded picture. Cut the frame off: the caller "
                "asked about x and knows nothing of the padding.", lambda right, *inputs: padded_dx(*inputs), of="dx"),
        Mistake("cut off by -0", "dx is empty, for it was cut with P:-P, and with P = 0 that is 0:0. P:P + H works for "
                "every P.", lambda right, dy, x, W, S, P: right[:, :0, :0] if P == 0 else None, of="dx"),
        Mistake("dx is cut out of the corner", "dx is cut out of the top left corner of the padded picture. x begins "
                "at row P and column P.",
                lambda right, dy, x, W, S, P: inside(padded_dx(dy, x, W, S, P), x, P, 0, 0), of="dx"),
        Mistake(OVERWRITTEN, OVERWRITTEN_SENTENCE, made_of(None, overwrite=True), of="dx"),
        Mistake("windows and kernels overwrite each other", "In dx, what one kernel wants of a window replaces what "
                "another has put there. Every window has been seen by F kernels, and a pixel by several windows: what "
                "all of them want adds up, += and not =.",
                made_of(lambda dy, W, window: W[..., -1] * dy[-1], overwrite=True), of="dx"),
        Mistake("only the last kernel counts in dx", "dx holds what the last kernel wants. Every window has been seen "
                "by F kernels, and what all of them want adds up.",
                made_of(lambda dy, W, window: W[..., -1] * dy[-1]), of="dx"),
        Mistake("the kernel is turned round in dx", "In dx the kernel lies upside down and back to front. When an "
                "output hands back, the pixels of its window get the weights they were multiplied with: W as it is. "
                "(It is turned when a pixel collects, in 8.3.)",
                made_of(lambda dy, W, window: W[::-1, ::-1] @ dy), of="dx"),
        Mistake("the kernel is transposed in dx", "In dx, rows and columns of the kernel changed places: the first "
                "index of W goes down, like the rows of x.",
                made_of(lambda dy, W, window: W.transpose(1, 0, 2, 3) @ dy), of="dx"),
        Mistake("x instead of W in dx", "dx has been made with x. A pixel counts in an output as much as the weight it "
                "is multiplied with: dy times W.", made_of(lambda dy, W, window: window * dy.sum()), of="dx"),
        Mistake("the stride is ignored in dx", "In dx the windows lie 1 pixel apart and not S. Output (oh, ow) saw the "
                "window that begins at row S·oh and column S·ow of the padded picture.",
                lambda right, dy, x, W, S, P: inside(padded_dx(dy, x, W, S, P, step=1), x, P), of="dx"),
        Mistake("the stride is ignored in dW", "In dW the windows lie 1 pixel apart and not S. Output (oh, ow) saw the "
                "window that begins at row S·oh and column S·ow of the padded picture.",
                lambda right, *inputs: dW_of(*inputs, step=1), of="dW"),
        Mistake(LAST_WINDOW.format("dW"), LAST_WINDOW_SENTENCE.format("dW"),
                lambda right, *inputs: last_window(*inputs), of="dW"),
        Mistake("W instead of x in dW", "dW has been made with W. A weight counts in an output as much as the pixel it "
                "is multiplied with: dy times the window of x.",
                lambda right, dy, x, W, S, P: W * dy.sum(axis=(0, 1, 2)), of="dW"),
        Mistake("dW is a mean over the windows", "dW is a mean over all windows of all pictures. The kernel was used "
                "on each of them, and what they want adds up.",
                lambda right, dy, x, W, S, P: right / dy[..., 0].size, of="dW"),
        Mistake("dW is turned round", "dW is upside down and back to front: W[0, 0] was multiplied with the top left "
                "pixel of each window.", lambda right, *inputs: right[::-1, ::-1], of="dW"),
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
        Mistake("db counts every product", "db is K · K · C times too large: it grew inside the loops over the window. "
                "The bias was added once to each output.",
                lambda right, dy, x, W, S, P: right * W[..., 0].size, of="db"),
    ))


# ---------------------------------------------------------------------------------------------------- dx_by_convolution

def dx_right(dy, W, P):
    (N, OH, OW, F), (K, K, C, F) = dy.shape, W.shape
    x = np.zeros((N, OH + K - 1 - 2 * P, OW + K - 1 - 2 * P, C))
    return conv.conv2d_loops_backward(dy, x, W, 1, P)[0]


def with_kernel(turn, padding=lambda K, P: K - 1 - P):
    """dx by a convolution with another kernel, or another padding, than the right one."""
    def wrong(right, dy, W, P):
        return conv.conv2d(dy, turn(W), np.zeros(W.shape[2]), 1, padding(len(W), P))
    return wrong


def turned(W):
    return W[::-1, ::-1].transpose(0, 1, 3, 2)


DX_BY_CONVOLUTION = Exercise(
    "8.3", "dx_by_convolution", ("dx",), dx_right,
    example=((EXAMPLE[0], EXAMPLE[2], 0), DX),
    cases=lambda rng: (rng.standard_normal((4, 5, 6, 3)), rng.standard_normal((4, 4, 2, 3)), int(rng.integers(1, 3))),
    mistakes=(
        Mistake("the kernel is not turned round", "The kernel lies as in the forward pass. A pixel collects from the "
                "outputs around it, and the one above it used the weight below: turn W over in its first two axes.",
                with_kernel(lambda W: W.transpose(0, 1, 3, 2))),
        Mistake("the kernel is turned over only once", "Only the rows of the kernel changed places. Its columns have "
                "to, as well.", with_kernel(lambda W: W[::-1].transpose(0, 1, 3, 2))),
        Mistake("the kernel is turned over only once", "Only the columns of the kernel changed places. Its rows have "
                "to, as well.", with_kernel(lambda W: W[:, ::-1].transpose(0, 1, 3, 2))),
        Mistake("the kernel is transposed instead of turned", "Rows and columns of the kernel changed places. To turn "
                "it round is something else: rows in reverse order and columns in reverse order, W[::-1, ::-1].",
                with_kernel(lambda W: W.transpose(1, 0, 3, 2))),
        Mistake("turned by a quarter", "The kernel is turned by 90 degrees. Half a turn is what it takes: rows and "
                "columns in reverse order.", with_kernel(lambda W: np.rot90(W).transpose(0, 1, 3, 2))),
        Mistake("turned by a quarter", "The kernel is turned by 90 degrees. Half a turn is what it takes: rows and "
                "columns in reverse order.", with_kernel(lambda W: np.rot90(W, -1).transpose(0, 1, 3, 2))),
        Mistake("the channels are in reverse, too", "The channels came into reverse order as well; np.flip without "
                "axes does that. Only the first two axes are turned.",
                with_kernel(lambda W: np.flip(W).transpose(0, 1, 3, 2))),
        Mistake("channels swapped by reshape", "The kernel got its shape (K, K, F, C) by reshape, which leaves the "
                "numbers in memory where they are and mixes channels and kernels. To swap two axes is transpose.",
                with_kernel(lambda W: W[::-1, ::-1].reshape(*W.shape[:2], W.shape[3], W.shape[2]))),
        Mistake("the padding of the forward pass", "dy was padded like x in the forward pass, or not at all, and the "
                "result is too small. Pixels at the edge have been seen by few windows, but they have been seen. More "
                "padding then means less of it now: how large must it be for dx to come out as large as x?",
                with_kernel(turned, lambda K, P: P)),
        Mistake("the frame is still there", "It is the gradient of the padded picture, as with padding K - 1. The "
                "forward pass had put a frame of P pixels around x; that much less padding is needed now.",
                with_kernel(turned, lambda K, P: K - 1)),
    ))

EXERCISES = (CONV1D_BACKWARD, CONV2D_LOOPS_BACKWARD, DX_BY_CONVOLUTION)
