"""What lesson 15 asks for."""

import itertools

import numpy as np

from minicap import conv
from minicap.depthwise import depthwise_conv2d
from minicap.learn import catalogue as known
from minicap.learn import windows
from minicap.learn.exercises import Exercise, slopes
from minicap.learn.recurring import floats, normal, things

# ---------------------------------------------------------------------------------------------------------------- 15.1


def missing(H, K, S, windows=None):
    """How many pixels are missing for ⌈H / S⌉ windows, or for another number of them; perhaps less than none."""
    return ((-(-H // S) if windows is None else windows) - 1) * S + K - H


def halves(total):
    return total // 2, total - total // 2


def each(pair):
    """(sizes) -> {"same_padding(6, 3, 2)": pair(6, 3, 2), ...}"""
    return lambda sizes: {f"same_padding{size}": pair(*size) for size in sizes}


def pair_of(answer):
    """The learner's (before, after), of numbers of Python or of NumPy."""
    answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
    before_and_after = things(answer, "same_padding", "before", "after")
    return tuple(n.item() if isinstance(n, np.generic) else n for n in before_and_after)


def some_sizes(rng):
    """Even and odd sizes with and without stride, multiples of the stride or not, and a stride beyond the kernel."""
    even = 2 * int(rng.integers(4, 40))
    return ([(even, 3, 2), (even + 1, 3, 2), (even + 2, 5, 1), (3 * even, 5, 3), (3 * even + 2, 5, 3), (even, 1, 2),
             (even, 2, 2), (even + 1, 4, 1)],)


def gives_whole_numbers(module):
    pair = pair_of(module.same_padding(8, 3, 2))
    if not all(isinstance(n, int) for n in pair):
        return (f"same_padding(8, 3, 2) is {pair!r}. The values are right, but numbers of pixels have to be ints: "
                "divide with //.")
    return None


def measure_of(total):
    """same_padding with another number of missing pixels."""
    return each(lambda *size: halves(max(0, total(*size))))


def of_missing(pair):
    """same_padding with the missing pixels put elsewhere."""
    return each(lambda *size: pair(max(0, missing(*size))))


SAME_PADDING = Exercise(
    "15.1", "same_padding", ("the answer",), each(lambda *size: halves(max(0, missing(*size)))), inputs=("sizes",),
    example=(([(6, 3, 1), (6, 3, 2), (7, 3, 2)],),
             {"same_padding(6, 3, 1)": (1, 1), "same_padding(6, 3, 2)": (0, 1), "same_padding(7, 3, 2)": (1, 1)}),
    cases=some_sizes, call=lambda module, sizes: each(lambda *size: pair_of(module.same_padding(*size)))(sizes),
    learns=gives_whole_numbers,
    mistakes=[
        ("the pixel left over is in front", "Where the padding is odd, the pixel left over is in front. TensorFlow "
         "puts it behind: before is the smaller half.", of_missing(lambda total: halves(total)[::-1])),
        ("the stride is not counted", "It is K - 1, what windows at every pixel need. With a stride there are fewer "
         "windows: (n - 1) · S + K pixels for n of them.", measure_of(lambda H, K, S: K - 1)),
        ("K // 2 on both sides", "It is K // 2 in front and behind, as one pads in PyTorch. TensorFlow counts what is "
         "missing: (n - 1) · S + K - H pixels for n windows.", each(lambda H, K, S: (K // 2, K // 2))),
        ("the stride is missing between the windows", "n windows that begin S apart need (n - 1) · S + K pixels, not n "
         "- 1 + K.", measure_of(lambda H, K, S: missing(H, K, S) - (-(-H // S) - 1) * (S - 1))),
        ("H a multiple of S is assumed", "It is K - S, right where H is a multiple of S. In general (n - 1) · S + K - "
         "H pixels are missing.", measure_of(lambda H, K, S: K - S)),
        ("both sides alike", "Both sides have the same padding, and an odd number has no two equal halves: one pixel "
         "too many or too few. after = total - before.",
         (of_missing(lambda total: (total // 2,) * 2), of_missing(lambda total: (-(-total // 2),) * 2))),
        ("half a pixel", "There are halves of pixels. Divide with //, and give the other side what is left.",
         of_missing(lambda total: (total / 2, total / 2))),
        ("everything is on one side", "All padding is on one side. It is split: half in front, half behind.",
         (of_missing(lambda total: (0, total)), of_missing(lambda total: (total, 0)))),
        ("everything on both sides", "Each side has all of the padding. It is what both sides have together: split it.",
         of_missing(lambda total: (total, total))),
        ("windows are rounded down", "The number of windows is rounded down. It is ⌈H / S⌉, which is -(-H // S).",
         measure_of(lambda H, K, S: missing(H, K, S, H // S))),
        ("one window too many", "n windows need (n - 1) · S + K pixels: the first one begins at 0, so there are n - 1 "
         "strides.", measure_of(lambda H, K, S: missing(H, K, S) + S)),
        ("padding below 0", "A padding is below 0. Where S is larger than K, windows may need fewer pixels than there "
         "are: max(0, ...).", each(lambda *size: halves(missing(*size)))),
    ])


# ---------------------------------------------------------------------------------------------------------------- 15.2

def picture(*channels):
    """One picture, (1, H, W, C), of the rows of each channel."""
    return np.stack(np.array(channels, np.float64), axis=-1)[None]


X, W = picture([[1, 2], [3, 4]], [[5, 6], [7, 8]]), picture([[1, 0], [0, 1]], [[0, 1], [1, 0]])[0]
CORNER = ((1, 0), (0, 1))
UNEVEN = ((0, 1), (1, 2))  # four numbers, and no side like another of its axis


def case(rng):
    """All sizes differ; windows overlap, and with a stride of 2 the last row is not seen by any."""
    return (*normal((3, 7, 11, 4), (3, 3, 4), 4)(rng), 2, UNEVEN)


def turned_over(padding):
    """The padding with before and after swapped."""
    return tuple(sides[::-1] for sides in padding)


def with_padding(change):
    """The right convolution with another padding."""
    return lambda x, W, b, S, padding: depthwise_conv2d(x, W, b, S, change(padding))


def with_kernel(change):
    return lambda x, W, b, S, padding: depthwise_conv2d(x, change(W), b, S, padding)


def with_strides(of):
    """The windows begin of(S) = (rows, columns) apart."""
    def wrong(right, x, W, b, S, padding):
        rows, columns = of(S)
        return windows.as_many(right, depthwise_conv2d(x, W, b, 1, padding)[:, ::rows, ::columns])
    return wrong


def last_product(right, x, W, S, padding):
    """What is left when every product overwrites the one before it."""
    K = len(W)
    return windows.as_many(right, conv.pad(x, padding)[:, K - 1::S, K - 1::S]) * W[-1, -1]


def only_first(axes):
    """The right answer where the first ``axes`` indices are 0; nothing elsewhere."""
    def wrong(right):
        y = np.zeros_like(right)
        y[(0,) * axes] = right[(0,) * axes]
        return y
    return wrong


def summed(right, b):
    """The sum over channels of what each kernel finds, without b."""
    return (right - b).sum(axis=-1, keepdims=True)


EXAMPLE = X, W, np.array([0.0, 100]), 1, CORNER
DEPTHWISE_CONV2D = Exercise(
    "15.2", "depthwise_conv2d", ("y",), lambda x, W, b, S, padding: depthwise_conv2d(x, W, b, S, padding),
    example=(EXAMPLE, picture([[2, 0], [5, 2]], [[105, 106], [113, 108]])), cases=case,
    mistakes=[
        ("channels are summed", "It is summed over the channels, as in an ordinary convolution. Here every channel "
         "keeps its own sum over rows and columns of the window: axis=(0, 1).",
         (lambda right, b: summed(right, b) + b, lambda right, b: summed(right, b) + 0 * b,
          lambda right, b: summed(right, b), lambda right, b: summed(right, b)[..., 0])),
        ("one kernel for all channels", "All channels have the kernel of channel 0. Kernel c, for channel c, is W[:, "
         ":, c].", with_kernel(lambda W: W[:, :, :1] + 0 * W)),
        ("the kernel is turned round", known.turned(), with_kernel(lambda W: W[::-1, ::-1])),
        ("the kernel is transposed", known.kernel_transposed(), with_kernel(lambda W: W.transpose(1, 0, 2))),
        ("no padding", "There is no padding. Pad x first, and count the padding in OH and OW.",
         with_padding(lambda padding: ((0, 0), (0, 0)))),
        ("the padding is on the wrong side", "The padding is on the wrong sides: what belongs in front is behind. It "
         "is ((top, bottom), (left, right)): top rows above x, bottom rows below.", with_padding(turned_over)),
        ("rows have the padding of columns", "Rows and columns have each other's padding. The first pair is (top, "
         "bottom), for the rows.", with_padding(lambda padding: padding[::-1])),
        ("the padding is the same on both sides", "Both sides have the same padding. The numbers of a pair may differ: "
         "the first is in front of x, the second behind.",
         (with_padding(lambda padding: tuple((before, before) for before, _ in padding)),
          with_padding(lambda padding: tuple((after, after) for _, after in padding)))),
        ("the bias is missing", known.no_bias("b[c]"), lambda right, b: right - b),
        ("one bias for all channels", "All channels have the bias of channel 0. b has one for each: add b, or b[c].",
         lambda right, b: right - b + b[0]),
        ("the bias is subtracted", known.bias_subtracted("the sum"), lambda right, b: right - 2 * b),
        ("the bias is in every product", "The bias is added to every one of the K · K products. Add it once to each "
         "output, after the sum.", lambda right, W, b: right + (W[..., 0].size - 1) * b),
        ("the stride is ignored", known.stride(), with_strides(lambda S: (1, 1))),
        ("the stride is missing in the rows", "The columns of windows are S apart, the rows are not: the window begins "
         "at row S·oh.", with_strides(lambda S: (1, S))),
        ("the stride is missing in the columns", "The rows of windows are S apart, the columns are not: the window "
         "begins at column S·ow.", with_strides(lambda S: (S, 1))),
        ("a mean instead of a sum", "It is the mean over the window. The products are summed.",
         lambda right, W, b: (right - b) / W[..., 0].size + b),
        ("each product overwrites the one before", known.overwritten("Only the last product of each window is left"),
         (last_product, lambda right, x, W, b, S, padding: last_product(right, x, W, S, padding) + b)),
        ("y is transposed", "Rows and columns of y are swapped: it is y[n, oh, ow, c].",
         lambda right: right.transpose(0, 2, 1, 3)),
        ("it returns too early", known.early("picture"), only_first(1)),
        ("it returns too early", known.early("row of the first picture"), only_first(2)),
        ("it returns too early", known.early("pixel of the first picture"), only_first(3)),
        ("it returns too early", known.early("number"), only_first(4)),
    ])


# ---------------------------------------------------------------------------------------------------------------- 15.3

def loss(dy, x, W, S, padding, b=0.0):
    return float((depthwise_conv2d.plain(x, W, b + np.zeros(W.shape[2]), S, padding) * dy).sum())


def gradients(dy, x, W, S, padding):
    """dx, dW and db as slopes."""
    b = np.zeros(W.shape[-1])
    return tuple(slopes(loss, (dy, x, W, S, padding, b), i) for i in (1, 2, 5))


def each_window(dy, K, S):
    """n, rows, columns and dy (C,) of every window, in reading order."""
    N, OH, OW, C = dy.shape
    for n, oh, ow in np.ndindex(N, OH, OW):
        yield n, slice(S * oh, S * oh + K), slice(S * ow, S * ow + K), dy[n, oh, ow]


def padded_dx(dy, x, W, S, padding, part=lambda dy, W, window: W * dy, overwrite=False, step=None):
    """dx as large as the padded x, made of ``part`` (K, K, C) of each window; ``step``: instead of S."""
    x = conv.pad(x, padding)
    dx = np.zeros_like(x)
    for n, rows, columns, d in each_window(dy, len(W), step or S):
        dx[n, rows, columns] = part(d, W, x[n, rows, columns]) + (0 if overwrite else dx[n, rows, columns])
    return dx


def cropped(from_row=lambda padding: padding[0][0], from_column=lambda padding: padding[1][0], **how):
    """A mistake in padded_dx, or in where dx begins in it."""
    def wrong(right, dy, x, W, S, padding):
        row, column = from_row(padding), from_column(padding)
        return padded_dx(dy, x, W, S, padding, **how)[:, row:row + right.shape[1], column:column + right.shape[2]]
    return wrong


def cut_with_minus(dy, x, W, S, padding):
    (top, bottom), (left, right) = padding
    return padded_dx(dy, x, W, S, padding)[:, top:-bottom, left:-right] if bottom * right == 0 else None


def dW_of(part=lambda dy, window: dy * window, step=None, change=lambda padding: padding):
    """dW made of ``part`` of each window, with another stride or another padding."""
    def wrong(dy, x, W, S, padding):
        # Padding enough for windows that a wrong stride or padding puts where x has ended.
        x, dW = np.pad(conv.pad(x, change(padding)), ((0, 0), (0, 9), (0, 9), (0, 0))), np.zeros_like(W)
        for n, rows, columns, d in each_window(dy, len(W), step or S):
            dW += part(d, x[n, rows, columns])
        return dW
    return wrong


def last_window(dy, x, W, S, padding):
    *_, (n, rows, columns, d) = each_window(dy, len(W), S)
    return conv.pad(x, padding)[n, rows, columns] * d


def learns_kernels(module):
    """From pictures and two outputs, gradient descent has to find both kernels; and no padding is a padding, too."""
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((4, 6, 7, 2)), 0.1 * rng.standard_normal((3, 3, 2)), np.zeros(2)
    edges = np.stack([np.array([[-1.0, 0, 1]] * 3), np.array([[-1.0, 0, 1]] * 3).T], axis=-1)
    for padding in (((0, 0), (0, 0)), ((0, 1), (1, 1))):
        wanted = depthwise_conv2d(x, edges, b, 2, padding)
        dx = np.asarray(module.depthwise_conv2d_backward(np.ones_like(wanted), x, W, 2, padding)[0])
        if dx.shape != x.shape:
            return (f"with padding = {padding} dx has shape {dx.shape}, and x has {x.shape}. If you cut with "
                    "top:-bottom, with bottom = 0 that is top:0, which is empty: top:top + H works always.")
    first = ((depthwise_conv2d(x, W, b, 2, padding) - wanted) ** 2).mean()
    for _ in range(100):
        difference = depthwise_conv2d(x, W, b, 2, padding) - wanted
        W = W - 0.3 * module.depthwise_conv2d_backward(2 * difference / difference.size, x, W, 2, padding)[1]
    last = (difference ** 2).mean()
    if not last < 0.01 * first:
        return (f"gradient descent with your dW did not find two kernels from their outputs: the mean "
                f"squared difference went from {first:.3g} to {last:.3g}.")
    return None


DEPTHWISE_CONV2D_BACKWARD = Exercise(
    "15.3", "depthwise_conv2d_backward", ("dx", "dW", "db"), gradients, inputs=("dy", "x", "W", "S", "padding"),
    loss=loss, slopes={"dx": 1, "dW": 2},
    example=((picture([[1, 10], [100, 1000]], [[1, 1], [1, 1]]), X, W, 1, CORNER),
             (picture([[100, 1001], [0, 100]], [[1, 2], [1, 1]]),
              picture([[2100, 200], [4321, 402]], [[11, 6], [26, 14]])[0], *floats([1111, 4]))),
    cases=lambda rng: (*normal((3, 3, 4, 4), (3, 7, 6, 4), (3, 3, 4))(rng), 2, UNEVEN), learns=learns_kernels,
    mistakes={"dx": [
        ("the gradients in another order", known.swapped("dx", "dW", "dx, dW, db"),
         lambda *inputs: gradients(*inputs)[1]),
        ("dx still has its frame", "It is the gradient of the padded picture. Cut off what padding has added, so that "
         "dx has the shape of x.", padded_dx),
        ("cut off by -0", "dx is empty: it was cut with top:-bottom or left:-right, and where bottom or right is 0, "
         "that is top:0. top:top + H works always.", cut_with_minus),
        ("dx is cut out of the corner", "dx is cut out of the top left corner of the padded picture. x begins at row "
         "top and column left.", cropped(lambda padding: 0, lambda padding: 0)),
        ("dx is cut on the wrong side", "dx begins at row bottom and column right of the padded picture. What lies in "
         "front of x are top rows and left columns.",
         cropped(lambda padding: padding[0][1], lambda padding: padding[1][1])),
        ("dx is cut with rows and columns swapped", "dx begins at row left and column top of the padded picture. It is "
         "((top, bottom), (left, right)).", cropped(lambda padding: padding[1][0], lambda padding: padding[0][0])),
        ("windows overwrite each other", known.overwritten("In dx only the last window of each pixel is left"),
         cropped(overwrite=True)),
        ("the kernel is turned round in dx", "In dx the kernel is flipped. Here the pixels of a window get the "
         "weights they were multiplied by: W as it is. (It is flipped when a pixel gathers from the outputs around "
         "it.)", cropped(part=lambda dy, W, window: W[::-1, ::-1] * dy)),
        ("the kernel is transposed in dx", known.kernel_transposed(),
         cropped(part=lambda dy, W, window: W.transpose(1, 0, 2) * dy)),
        ("channels mix in dx", "dx of every channel has the sum over all channels. Output c read channel c alone, and "
         "its dy goes to that one.",
         (cropped(part=lambda dy, W, window: (W * dy).sum(axis=-1, keepdims=True) + 0 * W),
          cropped(part=lambda dy, W, window: W * dy.sum()))),
        ("x instead of W in dx", known.made_with("dx", "x", "pixel", "weight", "dy times W"),
         cropped(part=lambda dy, W, window: window * dy)),
        ("the stride is ignored in dx", known.stride_of("dx"), cropped(step=1)),
    ], "dW": [
        ("the stride is ignored in dW", known.stride_of("dW"), dW_of(step=1)),
        ("no padding in dW", "In dW the windows are those of x without padding: the rows of zeros above and on the "
         "left move them. Pad x as in the forward pass.", dW_of(change=lambda padding: ((0, 0), (0, 0)))),
        ("the padding is on the wrong side in dW", "In dW the padding is on the wrong sides: ((top, bottom), (left, "
         "right)), top rows above x.", dW_of(change=turned_over)),
        ("channels mix in dW", "dW of every channel has the sum over all channels. Kernel c made channel c of the "
         "output from channel c of x: sum over pictures, rows and columns of windows, and not over channels.",
         (dW_of(part=lambda dy, window: (dy * window).sum(axis=-1, keepdims=True)),
          dW_of(part=lambda dy, window: dy.sum() * window),
          dW_of(part=lambda dy, window: dy * window.sum(axis=-1, keepdims=True)),
          lambda right: right.sum(axis=-1), lambda right: right.sum(axis=-1, keepdims=True))),
        ("only the last window counts in dW", known.last_only("dW", "window"), last_window),
        ("only the last picture counts in dW", known.last_only("dW", "picture"),
         lambda dy, x, W, S, padding: dW_of()(dy[-1:], x[-1:], W, S, padding)),
        ("W instead of x in dW", known.made_with("dW", "W", "weight", "pixel", "dy times the window of x"),
         lambda dy, W: W * dy.sum(axis=(0, 1, 2))),
        ("dW is transposed", "Rows and columns of dW are swapped: the first index goes down, like the rows of x.",
         lambda right: right.transpose(1, 0, 2)),
        *windows.OF_KERNEL,
    ], "db": [
        *windows.OF_BIAS,
        ("db counts every product", "db is K · K times too large: it grew inside the loops over the window. Add dy "
         "once for each output.", lambda right, W: right * W[..., 0].size),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 15.4

SHAPES = itertools.cycle(((3, 3, 5, 4), (3, 3, 4), (3, 3, 4, 4)))  # of convolutions, and of a depthwise one


def convolution_and_norm(rng):
    """Four channels of output, and an eps that shows."""
    W, b, beta, mean = normal(next(SHAPES), 4, 4, 4)(rng)
    return W, b, rng.uniform(0.5, 2, 4), beta, mean, rng.uniform(0.3, 3, 4), float(rng.uniform(0.1, 0.3))


def folded(W, b, gamma, beta, mean, var, eps):
    factor = gamma / np.sqrt(var + eps)
    return W * factor, factor * (b - mean) + beta


def with_factor(factor):
    """What comes out with factor(gamma, var, eps), in both arrays."""
    def wrong(W, b, gamma, beta, mean, var, eps):
        found = factor(gamma, var, eps)
        return W * found, found * (b - mean) + beta
    return wrong


def with_shift(shift):
    """The bias shift(factor, b, beta, mean)."""
    def wrong(b, gamma, beta, mean, var, eps):
        return shift(gamma / np.sqrt(var + eps), b, beta, mean)
    return wrong


FACTORS = [
    ("1e-5 is written in", "It is sqrt(var + 0.00001). eps is an argument, and its value that of the network.",
     with_factor(lambda gamma, var, eps: gamma / np.sqrt(var + 1e-5))),
    ("eps is missing", "eps is missing: the factor is gamma / sqrt(var + eps).",
     with_factor(lambda gamma, var, eps: gamma / np.sqrt(var))),
    ("eps is outside the root", "eps was added to the root. It belongs under it: sqrt(var + eps).",
     with_factor(lambda gamma, var, eps: gamma / (np.sqrt(var) + eps))),
    ("divided by the variance", "It is divided by the variance. Divide by its root: sqrt(var + eps).",
     with_factor(lambda gamma, var, eps: gamma / (var + eps))),
    ("multiplied by the root", known.multiplied("It", "sqrt(var + eps)"),
     with_factor(lambda gamma, var, eps: gamma * np.sqrt(var + eps))),
    ("gamma is missing", "gamma is missing: after the division by the root everything is multiplied by it.",
     with_factor(lambda gamma, var, eps: 1 / np.sqrt(var + eps))),
    ("divided by gamma", "It is divided by gamma: multiply.",
     with_factor(lambda gamma, var, eps: 1 / (gamma * np.sqrt(var + eps)))),
]
FOLD_BATCH_NORM = Exercise(
    "15.4", "fold_batch_norm", ("W", "b"), folded, inputs=("W", "b", "gamma", "beta", "mean", "var", "eps"),
    example=((np.array([[[[3.0, 30]]]]), *floats([0, 10], [2, 1], [0, 5], [4, 2], [3, 24]), 1.0),
             (np.array([[[[3.0, 6]]]]), np.array([-4, 6.6]))),
    cases=convolution_and_norm,
    mistakes={("W", "b"): FACTORS, "W": [
        ("the factor is on the wrong axis", "Where C = F, as mostly, the factor is along axis 2, the channels of the "
         "input. Those of the output are last: W * factor.", lambda right, W, gamma, var, eps: right if W.ndim == 3 or
         W.shape[2] != W.shape[3] else W * (gamma / np.sqrt(var + eps))[:, None]),
        ("W and b in another order", known.swapped("W", "b", "W, b"),
         lambda b, gamma, beta, mean, var, eps: gamma / np.sqrt(var + eps) * (b - mean) + beta),
        ("the factor is on the wrong axis", "The factor was put along axis 2, the channels of the input. Those of the "
         "output are last: W * factor, without a new axis.",
         lambda W, gamma, var, eps: W * (gamma / np.sqrt(var + eps))[:, None]),
        ("W is as it came", "W is as it came in. The factor of the batch norm goes into every weight.", lambda W: W),
    ], "b": [
        ("b is as it came", "b is as it came in. It has to become what batch norm makes of it, with its shift.",
         lambda b: b),
        ("the mean is missing", "The mean is missing: batch norm subtracts it before it multiplies, factor · (b - "
         "mean) + beta.", with_shift(lambda factor, b, beta, mean: factor * b + beta)),
        ("the mean is added", known.added_for_subtracted("mean", "factor · (b - mean) + beta"),
         with_shift(lambda factor, b, beta, mean: factor * (b + mean) + beta)),
        ("the mean is not multiplied", "The mean is subtracted after the multiplication. Batch norm subtracts it "
         "first, so the factor applies to it: factor · (b - mean) + beta.",
         with_shift(lambda factor, b, beta, mean: factor * b - mean + beta)),
        ("b is not multiplied", "b is not multiplied by the factor. It is part of the convolution's output, and all of "
         "that is: factor · (b - mean) + beta.", with_shift(lambda factor, b, beta, mean: b - factor * mean + beta)),
        ("neither is multiplied", "b - mean is not multiplied by the factor: factor · (b - mean) + beta.",
         with_shift(lambda factor, b, beta, mean: b - mean + beta)),
        ("the old b is missing", "The convolution's own b is missing: factor · (b - mean) + beta.",
         with_shift(lambda factor, b, beta, mean: beta - factor * mean)),
        ("beta is missing", "beta is missing: add it at the end.",
         with_shift(lambda factor, b, beta, mean: factor * (b - mean))),
        ("beta is multiplied", "beta is multiplied by the factor. It is added after the multiplication.",
         with_shift(lambda factor, b, beta, mean: factor * (b - mean + beta))),
    ]})

EXERCISES = (SAME_PADDING, DEPTHWISE_CONV2D, DEPTHWISE_CONV2D_BACKWARD, FOLD_BATCH_NORM)
