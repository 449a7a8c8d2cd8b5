"""What lesson 7 asks for."""

import itertools

import numpy as np

from minicap import conv
from minicap.learn.exercises import Exercise, Mistake

# ---------------------------------------------------------------------------------------------------------- output_size


LEFT_OVER = itertools.cycle(("one pixel", "almost a stride"))  # of three cases in a row both are among them


def sizes(rng):
    """H, K, S, P for which some pixels are left over behind the last window, where rounding shows; K, P > 2 S."""
    S, windows = int(rng.integers(3, 6)), int(rng.integers(9, 15))
    K, P = (int(rng.integers(2 * S + 1, 3 * S + 1)) for _ in range(2))
    left_over = 1 if next(LEFT_OVER) == "one pixel" else S - 1
    return S * (windows + 2) + left_over + K - 2 * P, K, S, P


def is_whole(module):
    size = module.output_size(7, 3, 2, 0)
    if not isinstance(size, (int, np.integer)):
        return (f"output_size(7, 3, 2, 0) is {size!r}, a {type(size).__name__}. The number is right, but range() and "
                "np.zeros want a whole number: divide with //, which rounds down.")
    return None


OUTPUT_SIZE = Exercise(
    "7.1", "output_size", ("the number of windows",), conv.output_size, example=((7, 3, 2, 0), 3), cases=sizes,
    learns=is_whole,
    mistakes=(
        Mistake("the first window is not counted", "It is one too few. The division counts the steps from the first "
                "window to the last; the first one is there before any step: + 1.",
                lambda right, H, K, S, P: right - 1),
        Mistake("the 1 is divided, too", "The + 1 stands inside the division. It is the first window, which needs no "
                "step: divide first, then add 1.", lambda right, H, K, S, P: (H + 2 * P - K + 1) // S),
        Mistake("rounded up", "It is rounded up. A window that does not fit whole is left out: // rounds down.",
                lambda right, H, K, S, P: -(-(H + 2 * P - K) // S) + 1),
        Mistake("rounded up instead of + 1", "It rounds up where it should round down and add 1. The two agree when "
                "something is left over, and not when the windows fit exactly.",
                lambda right, H, K, S, P: -(-(H + 2 * P - K) // S)),
        Mistake("not rounded", "It is a fraction. A window that does not fit whole is left out: divide with //, which "
                "rounds down.", lambda right, H, K, S, P: (H + 2 * P - K) / S + 1),
        Mistake("the padding is counted once", "P was added once. There is padding at both ends of the row: 2P.",
                lambda right, H, K, S, P: (H + P - K) // S + 1),
        Mistake("the padding is not counted", "P is not counted. The row is H + 2P pixels long before the first window "
                "is laid on it.", lambda right, H, K, S, P: (H - K) // S + 1),
        Mistake("the stride is not counted", "It counts a window at every pixel. They begin S pixels apart: divide by "
                "S.", lambda right, H, K, S, P: H + 2 * P - K + 1),
        Mistake("only K is divided", "Python divides before it subtracts, so that K // S was computed alone. Put "
                "parentheses: (... - K) // S + 1.", lambda right, H, K, S, P: H + 2 * P - K // S + 1),
        Mistake("the kernel is not counted", "It is the number of places where a window could begin if it were allowed "
                "to hang over the end. The last one begins K pixels before the end: subtract K, then divide, then add "
                "1.", lambda right, H, K, S, P: (H + 2 * P) // S),
    ))


# ------------------------------------------------------------------------------------------------------------------ pad

def filled(x, before, after, value, axes=(1, 2)):
    """x with ``before`` and ``after`` pixels of value on these axes."""
    return np.pad(x, [(before, after) if axis in axes else (0, 0) for axis in range(4)], constant_values=value)


def shifted(x, P, value, row, column):
    """x at another place of the frame than its middle."""
    N, H, W, C = x.shape
    padded = np.full((N, H + 2 * P, W + 2 * P, C), float(value))
    padded[:, row:row + H, column:column + W] = x
    return padded


def pads_by_nothing(module):
    x = np.arange(12.0).reshape(1, 2, 3, 2)
    try:
        padded = module.pad(x, 0)
    except Exception as error:
        return (f"pad(x, 0) stopped with {type(error).__name__}: {error}. If you wrote P:-P, with P = 0 that is 0:0, "
                "which is empty. P:P + H works for every P.")
    if not np.array_equal(padded, x):
        return f"pad(x, 0) is an array of shape {np.shape(padded)} that is not x: no padding leaves x as it is."
    return None


ONE_SIDE = "the frame is on one side only"
ONE_SIDE_SENTENCE = ("There is padding at the {} only. The frame goes all around: P pixels above and P below, P on the "
                     "left and P on the right.")
CORNER = "x is not in the middle"

PAD = Exercise(
    "7.2", "pad", ("x",), conv.pad,
    example=((np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1), 1, 0),
             np.array([[0.0, 0, 0, 0], [0, 1, 2, 0], [0, 3, 4, 0], [0, 0, 0, 0]]).reshape(1, 4, 4, 1)),
    cases=lambda rng: (rng.standard_normal((6, 4, 5, 3)), int(rng.integers(1, 4)), float(rng.integers(5, 9))),
    learns=pads_by_nothing,
    mistakes=(
        Mistake(ONE_SIDE, ONE_SIDE_SENTENCE.format("top and on the left"),
                lambda right, x, P, value: filled(x, P, 0, value)),
        Mistake(ONE_SIDE, ONE_SIDE_SENTENCE.format("bottom and on the right"),
                lambda right, x, P, value: filled(x, 0, P, value)),
        Mistake("only the rows grew", "There is padding above and below, and none on the left and on the right.",
                lambda right, x, P, value: filled(x, P, P, value, axes=(1,))),
        Mistake("only the columns grew", "There is padding on the left and on the right, and none above and below.",
                lambda right, x, P, value: filled(x, P, P, value, axes=(2,))),
        Mistake("every axis grew", "All four axes grew, as np.pad does with a single number: now there are more "
                "pictures and more channels, too. Only axis 1, the rows, and axis 2, the columns, get padding.",
                lambda right, x, P, value: filled(x, P, P, value, axes=(0, 1, 2, 3))),
        Mistake("rows and pictures grew", "Axes 0 and 1 grew. Axis 0 counts pictures: rows and columns are axes 1 and "
                "2.", lambda right, x, P, value: filled(x, P, P, value, axes=(0, 1))),
        Mistake("columns and channels grew", "Axes 2 and 3 grew. Channels are last here: rows and columns are axes 1 "
                "and 2.", lambda right, x, P, value: filled(x, P, P, value, axes=(2, 3))),
        Mistake(CORNER, "x lies in the top left corner of the frame. In the middle, its first row is row P, and its "
                "first column is column P.", lambda right, x, P, value: shifted(x, P, value, 0, 0)),
        Mistake(CORNER, "x lies in the bottom right corner of the frame. In the middle, its first row is row P and "
                "behind its last one come P more.", lambda right, x, P, value: shifted(x, P, value, 2 * P, 2 * P)),
        Mistake("the value is not used", "The frame is 0, whatever value is. Fill the larger array with `value`: "
                "np.full instead of np.zeros.", lambda right, x, P, value: filled(x, P, P, 0)),
        Mistake("the edge is repeated", "The frame repeats the pixels at the edge. It has to be `value` everywhere.",
                lambda right, x, P, value: np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)), mode="edge")),
        Mistake("value was added to the picture", "`value` was added to the pixels of x, too. It belongs into the "
                "frame alone; in the middle stands x as it was.",
                lambda right, x, P, value: filled(x + value, P, P, value)),
    ))


# --------------------------------------------------------------------------------------------------------- conv2d_loops

def case(rng):
    """All sizes different, and a window that does not fit whole at one end at least."""
    S, P = [(2, 1), (3, 1), (3, 2)][rng.integers(3)]
    return rng.standard_normal((3, 7, 6, 4)), rng.standard_normal((3, 3, 4, 5)), rng.standard_normal(5), S, P


def with_strides(x, W, b, S, P, rows, columns, right):
    """The windows begin ``rows`` and ``columns`` apart, and there are as many as there should be."""
    y = conv.conv2d(conv.pad(x, P), W, b)[:, ::rows, ::columns]
    return y[:, :right.shape[1], :right.shape[2]]


def last_product(x, W, S, P, right):
    """What is left when every product overwrites the one before it."""
    N, OH, OW, F = right.shape
    K = len(W)
    corner = conv.pad(x, P)[:, K - 1::S, K - 1::S, -1:]
    return corner[:, :OH, :OW] * W[-1, -1, -1]


def only_the_first(right, axes):
    """The right answer where the first ``axes`` indices are 0; nothing elsewhere."""
    y = np.zeros_like(right)
    y[(0,) * axes] = right[(0,) * axes]
    return y


OVERWRITTEN = "each product overwrites the one before"
OVERWRITTEN_SENTENCE = ("Only the last product of each window is left: the result is set with = where it should grow "
                        "with +=, or begins at 0 again inside the loop.")
EARLY = "it returns too early"
EARLY_SENTENCE = ("Only the first {} is filled in, everything else is 0: `return` stands inside a loop and ends it in "
                  "the first round. It belongs under the first `for`, at the same depth.")
ONE_CHANNEL = "only one channel counts"

EXAMPLE = (np.array([[1.0, 1, 5, 5], [1, 1, 5, 5], [1, 1, 5, 5], [1, 1, 1, 1]]).reshape(1, 4, 4, 1),
           np.array([[-1.0, 0, 1]] * 3).reshape(3, 3, 1, 1), np.array([1.0]), 1, 0)

CONV2D_LOOPS = Exercise(
    "7.3", "conv2d_loops", ("y",), conv.conv2d_loops,
    example=(EXAMPLE, np.array([[13.0, 13.0], [9.0, 9.0]]).reshape(1, 2, 2, 1)), cases=case,
    needs=("output_size", "pad"),
    mistakes=(
        Mistake("the bias is missing", "It is the sum without b: add b[f] to every output of kernel f.",
                lambda right, x, W, b, S, P: right - b),
        Mistake("the bias is subtracted", "It is the sum minus b; the layer adds b.",
                lambda right, x, W, b, S, P: right - 2 * b),
        Mistake("the bias is in every product", "The bias is in there K · K · C times, once for every product. It is "
                "added once to each output: after the sum and not inside it.",
                lambda right, x, W, b, S, P: right + (W[..., 0].size - 1) * b),
        Mistake("the kernel is turned round", "The kernel lies upside down and back to front. That is what mathematics "
                "calls convolution; networks lay the kernel on as it is: W[kh, kw] meets the pixel kh below and kw "
                "right of the window's corner.",
                lambda right, x, W, b, S, P: conv.conv2d(x, W[::-1, ::-1], b, S, P)),
        Mistake("the kernel is transposed", "Rows and columns of the kernel changed places: the first index of W goes "
                "down, like the rows of x.",
                lambda right, x, W, b, S, P: conv.conv2d(x, W.transpose(1, 0, 2, 3), b, S, P)),
        Mistake("the stride is ignored", "The windows begin 1 pixel apart and not S: output (oh, ow) sees the window "
                "that begins at row S·oh and column S·ow of the padded picture.",
                lambda right, x, W, b, S, P: with_strides(x, W, b, S, P, 1, 1, right)),
        Mistake("the stride is missing in the rows", "The columns of windows are S apart, the rows are not: the window "
                "begins at row S·oh.", lambda right, x, W, b, S, P: with_strides(x, W, b, S, P, 1, S, right)),
        Mistake("the stride is missing in the columns", "The rows of windows are S apart, the columns are not: the "
                "window begins at column S·ow.",
                lambda right, x, W, b, S, P: with_strides(x, W, b, S, P, S, 1, right)),
        Mistake("no padding", "It is the convolution without padding. Pad x first, and count the padding in "
                "output_size.", lambda right, x, W, b, S, P: conv.conv2d(x, W, b, S, 0)),
        Mistake("a mean instead of a sum", "It is the mean over the window. The products are summed; the kernel itself "
                "decides about a mean, by holding 1/9 nine times.",
                lambda right, x, W, b, S, P: (right - b) / W[..., 0].size + b),
        Mistake(ONE_CHANNEL, "Only channel 0 counts. A kernel has weights for every channel, and the sum goes over all "
                "of them.", lambda right, x, W, b, S, P: conv.conv2d(x[..., :1], W[:, :, :1], b, S, P)),
        Mistake(ONE_CHANNEL, "Only the last channel counts: the result of each channel is set with = where it should "
                "be added with +=.", lambda right, x, W, b, S, P: conv.conv2d(x[..., -1:], W[:, :, -1:], b, S, P)),
        Mistake(OVERWRITTEN, OVERWRITTEN_SENTENCE, lambda right, x, W, b, S, P: last_product(x, W, S, P, right)),
        Mistake(OVERWRITTEN, OVERWRITTEN_SENTENCE, lambda right, x, W, b, S, P: last_product(x, W, S, P, right) + b),
        Mistake(EARLY, EARLY_SENTENCE.format("picture"), lambda right, *inputs: only_the_first(right, 1)),
        Mistake(EARLY, EARLY_SENTENCE.format("row of the first picture"),
                lambda right, *inputs: only_the_first(right, 2)),
        Mistake(EARLY, EARLY_SENTENCE.format("pixel of the first picture"),
                lambda right, *inputs: only_the_first(right, 3)),
        Mistake(EARLY, EARLY_SENTENCE.format("number"), lambda right, *inputs: only_the_first(right, 4)),
    ))

EXERCISES = (OUTPUT_SIZE, PAD, CONV2D_LOOPS)
