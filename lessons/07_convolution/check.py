"""What lesson 7 asks for."""

import itertools

import numpy as np

from minicap import conv
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import whole_number
from minicap.learn.windows import EDGE, EDGE_OUTPUT, FORWARD, as_many, picture

# ---------------------------------------------------------------------------------------------------------- output_size


LEFT_OVER = itertools.cycle(("one pixel", "almost a stride"))  # of three cases in a row both are among them


def sizes(rng):
    """H, K, S, P for which some pixels are left over behind the last window, where rounding shows; K, P > 2 S."""
    S, windows = int(rng.integers(3, 6)), int(rng.integers(9, 15))
    K, P = (int(rng.integers(2 * S + 1, 3 * S + 1)) for _ in range(2))
    left_over = 1 if next(LEFT_OVER) == "one pixel" else S - 1
    return S * (windows + 2) + left_over + K - 2 * P, K, S, P


OUTPUT_SIZE = Exercise(
    "7.1", "output_size", ("the number of windows",), conv.output_size, inputs=("H", "K", "S", "P"),
    example=((7, 3, 2, 0), 3), cases=sizes, learns=whole_number("output_size", 7, 3, 2, 0),
    mistakes=[
        ("the first window is not counted", "It is one too few. The division counts the steps from the first window to "
         "the last: + 1 for the first one.", lambda right: right - 1),
        ("the 1 is divided, too", "The + 1 is inside the division. Divide first, then add 1 for the first window.",
         lambda H, K, S, P: (H + 2 * P - K + 1) // S),
        ("rounded up", "It is rounded up. A window that does not fit whole is left out: // rounds down.",
         lambda H, K, S, P: -(-(H + 2 * P - K) // S) + 1),
        ("rounded up instead of + 1", "It rounds up instead of rounding down and adding 1. The two differ when the "
         "windows fit exactly.", lambda H, K, S, P: -(-(H + 2 * P - K) // S)),
        ("not rounded", "It is a fraction. A window that does not fit whole is left out: divide with //, which rounds "
         "down.", lambda H, K, S, P: (H + 2 * P - K) / S + 1),
        ("the padding is counted once", "P was added once. There is padding at both ends of the row: 2P.",
         lambda H, K, S, P: (H + P - K) // S + 1),
        ("the padding is not counted", "P is not counted. The padded row is H + 2P pixels long.",
         lambda H, K, S: (H - K) // S + 1),
        ("the stride is not counted", "It counts a window at every pixel. They begin S pixels apart: divide by S.",
         lambda H, K, P: H + 2 * P - K + 1),
        ("only K is divided", known.brackets("... - K // S", "... - K"), lambda H, K, S, P: H + 2 * P - K // S + 1),
        ("rounded up at times", "Where almost a whole stride is left a window is counted that does not fit. It is left "
         "out: divide with //, which rounds down.",
         (lambda H, K, S, P: round((H + 2 * P - K) / S) + 1, lambda H, K, S, P: (H + 2 * P - K + 1) // S + 1)),
        ("K and P are not counted", "It is H / S. How many windows fit depends on K and P, too: (H + "
         "2P - K) // S + 1.", (lambda H, S: H // S, lambda H, S: -(-H // S))),
        ("the kernel is not counted", "The last window begins K pixels before the end: subtract K, then divide, then "
         "add 1.", lambda H, S, P: (H + 2 * P) // S),
    ])


# ------------------------------------------------------------------------------------------------------------------ pad

def filled(x, before, after, value, axes=(1, 2)):
    """x with ``before`` and ``after`` pixels of value on these axes."""
    return np.pad(x, [(before, after) if axis in axes else (0, 0) for axis in range(4)], constant_values=value)


def grown(*axes):
    return lambda x, P, value: filled(x, P, P, value, axes)


def only_first_picture(x, P, value):
    padded = np.full_like(filled(x, P, P, value), value)
    padded[:1] = filled(x[:1], P, P, value)
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


PAD = Exercise(
    "7.2", "pad", ("the padded x",), conv.pad, inputs=("x", "P", "value"),
    example=((picture([1, 2], [3, 4]), 1, 0), picture([0, 0, 0, 0], [0, 1, 2, 0], [0, 3, 4, 0], [0, 0, 0, 0])),
    cases=lambda rng: (rng.standard_normal((6, 4, 5, 3)), int(rng.integers(1, 4)), float(rng.integers(5, 9))),
    learns=pads_by_nothing,
    mistakes=[
        ("the frame is on one side only", "There is padding on one side only. The frame goes all around: P pixels "
         "above, below, on the left and on the right.",
         (lambda x, P, value: filled(x, P, 0, value), lambda x, P, value: filled(x, 0, P, value))),
        ("only the rows grew", "There is padding above and below, and none on the left and on the right.", grown(1)),
        ("only the columns grew", "There is padding on the left and on the right, and none above and below.", grown(2)),
        ("every axis grew", "All four axes grew, as np.pad does with a single number. Only axis 1, the rows, and axis "
         "2, the columns, are padded.", grown(0, 1, 2, 3)),
        ("rows and pictures grew", "Axes 0 and 1 grew. Axis 0 counts pictures: rows and columns are axes 1 and 2.",
         grown(0, 1)),
        ("columns and channels grew", "Axes 2 and 3 grew. Channels are last here: rows and columns are axes 1 and 2.",
         grown(2, 3)),
        ("x is not in the middle", "x lies in a corner of the frame. In the middle, its first row is row P, and its "
         "first column is column P.",
         (lambda x, P, value: filled(x, 0, 2 * P, value), lambda x, P, value: filled(x, 2 * P, 0, value))),
        ("the value is not used", "The frame is 0, whatever value is. Fill the larger array with `value`: np.full "
         "instead of np.zeros.", lambda x, P: filled(x, P, P, 0)),
        ("the edge is repeated", "The frame repeats the pixels at the edge. It has to be `value` everywhere.",
         lambda x, P: np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)), mode="edge")),
        ("the picture is mirrored", "The frame mirrors the pixels beside it. It has to be `value` everywhere.",
         (lambda x, P: np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)), mode="reflect"),
          lambda x, P: np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)), mode="symmetric"))),
        ("the frame is twice as wide", "The frame is 2P pixels wide on each side. P on each side makes 2P in all.",
         lambda x, P, value: filled(x, 2 * P, 2 * P, value)),
        ("only the first picture is filled in", "Only the first picture is in its frame, the others are `value` "
         "everywhere: padded[:, ...].", only_first_picture),
        ("rows and columns changed places", "There are W + 2P rows and H + 2P columns: H is axis 1, W is axis 2.",
         lambda x, P, value: filled(x.swapaxes(1, 2), P, P, value)),
        ("value was added to the picture", "`value` was added to the pixels of x, too. It belongs in the frame alone.",
         (lambda x, P, value: filled(x + value, P, P, value), lambda x, P, value: filled(x, P, P, value) + value)),
    ])


# --------------------------------------------------------------------------------------------------------- conv2d_loops

def case(rng):
    """Rows and columns differ, K is not that of the example, and a window does not fit whole at one end at least."""
    S, P = [(2, 1), (3, 1), (3, 2)][rng.integers(3)]
    return rng.standard_normal((3, 9, 7, 2)), rng.standard_normal((4, 4, 2, 5)), rng.standard_normal(5), S, P


def with_strides(of):
    """The windows begin of(S) = (rows, columns) apart."""
    def wrong(right, x, W, b, S, P):
        rows, columns = of(S)
        return as_many(right, conv.conv2d(conv.pad(x, P), W, b)[:, ::rows, ::columns])
    return wrong


def last_product(right, x, W, S, P):
    """What is left when every product overwrites the one before it."""
    K = len(W)
    return as_many(right, conv.pad(x, P)[:, K - 1::S, K - 1::S, -1:]) * W[-1, -1, -1]


def without_the_end(x, W, b, S, P):
    W = W.copy()
    W[-1] = W[:, -1] = 0
    return conv.conv2d(x, W, b, S, P)


def only_first(axes):
    """The right answer where the first ``axes`` indices are 0; nothing elsewhere."""
    def wrong(right):
        y = np.zeros_like(right)
        y[(0,) * axes] = right[(0,) * axes]
        return y
    return wrong


CONV2D_LOOPS = Exercise(
    "7.3", "conv2d_loops", ("y",), conv.conv2d_loops, inputs=("x", "W", "b", "S", "P"),
    example=(EDGE, EDGE_OUTPUT), cases=case, needs=("output_size", "pad"),
    mistakes=[
        *FORWARD,
        ("the bias is missing", known.no_bias("b[f]"), lambda right, b: right - b),
        ("the bias is subtracted", known.bias_subtracted("the sum"), lambda right, b: right - 2 * b),
        ("one bias for all kernels", "b[0] is added for every kernel. Each has a bias of its own: b[f].",
         lambda right, b: right - b + b[0]),
        ("the first picture every time", "All pictures give what the first one gives: x[n, ...], and not x[0, ...].",
         lambda right: np.repeat(right[:1], len(right), axis=0)),
        ("the frame is below and on the right only", known.frame_at_the_end(),
         lambda x, W, b, S, P: conv.conv2d(filled(x, 0, 2 * P, 0), W, b, S, 0)),
        ("the kernel's last row and column are left out", "The loops over the kernel stop before its last row and "
         "column: range(K), and not range(K - 1).", without_the_end),
        ("what is below 0 is cut off", "What is below 0 became 0, as by a ReLU. A convolution may be negative.",
         lambda right: np.maximum(right, 0)),
        ("the bias is in every product", "The bias is added to every one of the K · K · C products. Add it once to "
         "each output, after the sum.", lambda right, W, b: right + (W[..., 0].size - 1) * b),
        ("K instead of the stride", known.side_by_side(), lambda x, W, b, S, P: conv.conv2d(x, W, b, len(W), P)),
        ("the stride is ignored", known.stride(), with_strides(lambda S: (1, 1))),
        ("the stride is missing in the rows", "The columns of windows are S apart, the rows are not: the window begins "
         "at row S·oh.", with_strides(lambda S: (1, S))),
        ("the stride is missing in the columns", "The rows of windows are S apart, the columns are not: the window "
         "begins at column S·ow.", with_strides(lambda S: (S, 1))),
        ("a mean instead of a sum", "It is the mean over the window. The products are summed; a kernel that holds 1/9 "
         "nine times makes a mean of them.", lambda right, W, b: (right - b) / W[..., 0].size + b),
        ("only one channel counts", "Only channel 0 counts. A kernel has weights for every channel, and the sum goes "
         "over all of them.", lambda x, W, b, S, P: conv.conv2d(x[..., :1], W[:, :, :1], b, S, P)),
        ("only one channel counts", "Only the last channel counts: the result of each channel is set with = where it "
         "should be added with +=.", lambda x, W, b, S, P: conv.conv2d(x[..., -1:], W[:, :, -1:], b, S, P)),
        ("each product overwrites the one before", known.overwritten("Only the last product of each window is left"),
         (last_product, lambda right, x, W, b, S, P: last_product(right, x, W, S, P) + b)),
        ("it returns too early", known.early("picture"), only_first(1)),
        ("it returns too early", known.early("row of the first picture"), only_first(2)),
        ("it returns too early", known.early("pixel of the first picture"), only_first(3)),
        ("it returns too early", known.early("number"), only_first(4)),
    ])

EXERCISES = (OUTPUT_SIZE, PAD, CONV2D_LOOPS)
