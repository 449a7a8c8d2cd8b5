"""What lesson 23 asks for."""

import numpy as np

from minicap.conv import conv2d, pad
from minicap.learn.exercises import Exercise, Mistake

BT = np.array([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
AT = np.array([[1.0, 1, 1, 0], [0, 1, -1, -1]])


# ------------------------------------------------------------------------------------------- counting multiplications

class Counted:
    """A number that remembers what it is made of, pixels or weights or both, and counts products of the two."""

    def __init__(self, value, made_of, count):
        self.value, self.made_of, self.count = value, frozenset(made_of), count

    def _with(self, other, value, multiplied=False):
        made_of = other.made_of if isinstance(other, Counted) else frozenset()
        if multiplied and self.made_of and made_of:
            self.count.append(1)
        return Counted(value, self.made_of | made_of, self.count)

    def __add__(self, other):
        return self._with(other, self.value + float(other))

    def __sub__(self, other):
        return self._with(other, self.value - float(other))

    def __rsub__(self, other):
        return self._with(other, float(other) - self.value)

    def __mul__(self, other):
        return self._with(other, self.value * float(other), multiplied=True)

    def __truediv__(self, other):
        return self._with(other, self.value / float(other))

    def __neg__(self):
        return self._with(None, -self.value)

    def __float__(self):
        return float(self.value)

    __radd__, __rmul__ = __add__, __mul__


def multiplies_at_most(name, limit, x_shape, w_shape):
    """The function ``learns`` of an exercise that has to save multiplications. What cannot be counted passes."""
    def learns(module):
        count, rng = [], np.random.default_rng(0)
        x, w = (np.array([Counted(value, letter, count) for value in rng.standard_normal(int(np.prod(shape)))],
                         dtype=object).reshape(shape) for letter, shape in (("x", x_shape), ("w", w_shape)))
        try:
            getattr(module, name)(x, w)
        except Exception:  # something on the way takes real numbers only
            return None
        if len(count) > limit:
            return (f"the numbers are right, but pixels and weights are multiplied with each other {len(count)} times. "
                    f"{limit} times is enough: first add pixels, and add weights, then multiply the sums.")
        return None
    return learns


# -------------------------------------------------------------------------------------------------------- winograd_row

def products(x, w):
    """The four products of the text."""
    return (G @ w) * (BT @ x)


def from_products(*signs):
    """What comes out with other factors at the four products: (right, x, w) -> y."""
    return lambda right, x, w: AT @ (products(x, w) * np.array(signs))


def row_case(rng):
    return rng.standard_normal(4), rng.standard_normal(3)


WRONG_SIGN = "product {} has the wrong sign"
WINOGRAD_ROW = Exercise(
    "23.1", "winograd_row", ("y",), lambda x, w: np.correlate(x, w, "valid"),
    example=((np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3])), np.array([14.0, 20])), cases=row_case,
    learns=multiplies_at_most("winograd_row", 4, (4,), (3,)),
    mistakes=(
        Mistake("the kernel is turned round", "The kernel is back to front: w[0] meets the first of the three pixels.",
                lambda right, x, w: np.convolve(x, w, "valid")),
        Mistake(WRONG_SIGN.format("m0"), "The product with w[0] counts with the wrong sign. It is (x[0] - x[2]) w[0], "
                "and is added.", from_products(-1, 1, 1, 1)),
        Mistake(WRONG_SIGN.format("m2"), "The product of the two differences counts with the wrong sign. It is (x[2] - "
                "x[1]) times (w[0] - w[1] + w[2]) / 2; y[0] adds it, y[1] subtracts it.", from_products(1, 1, -1, 1)),
        Mistake(WRONG_SIGN.format("m3"), "The product with w[2] counts with the wrong sign. It is (x[1] - x[3]) w[2], "
                "and is subtracted.", from_products(1, 1, 1, -1)),
        Mistake("the halves are missing", "The two products in the middle count twice: their sums of weights are "
                "divided by 2.", from_products(1, 2, 2, 1)),
        Mistake("only one of the halves", "The product with w[0] + w[1] + w[2] counts twice: that sum is divided by 2, "
                "as the other one is.", from_products(1, 2, 1, 1)),
        Mistake("only one of the halves", "The product with w[0] - w[1] + w[2] counts twice: that sum is divided by 2, "
                "as the other one is.", from_products(1, 1, 2, 1)),
        Mistake("y[1] is a sum", "y[1] adds the product of the two differences; it subtracts it. This sign is the "
                "whole trick: once added, once subtracted, the two products give both outputs.",
                lambda right, x, w: right + np.array([0, 2 * products(x, w)[2]])),
        Mistake("the outer products are missing", "The products with w[0] and with w[2] are missing. The two in the "
                "middle pretend that x[0] is x[2] and that x[3] is x[1]; the outer ones make up for that.",
                from_products(0, 1, 1, 0)),
        Mistake("BT is transposed", "x was multiplied with BT transposed. BT is the matrix itself, named after what it "
                "is in the formula: BT @ x.", lambda right, x, w: AT @ ((G @ w) * (BT.T @ x))),
    ))


# ------------------------------------------------------------------------------------------------------- winograd_tile

def convolve(x, w):
    return conv2d(x[None, :, :, None], w[:, :, None, None], np.zeros(1))[0, :, :, 0]


EXAMPLE_X = np.array([[1.0, 1, 5, 5], [1, 1, 5, 5], [1, 1, 5, 5], [1, 1, 1, 1]])
EXAMPLE_W = np.array([[-1.0, 0, 1]] * 3)

WINOGRAD_TILE = Exercise(
    "23.2", "winograd_tile", ("y",), convolve,
    example=((EXAMPLE_X, EXAMPLE_W), np.array([[12.0, 12], [8, 8]])),
    cases=lambda rng: (rng.standard_normal((4, 4)), rng.standard_normal((3, 3))),
    learns=multiplies_at_most("winograd_tile", 16, (4, 4), (3, 3)),
    mistakes=(
        Mistake("the kernel is turned round", "The kernel lies upside down and back to front.",
                lambda right, x, w: convolve(x, w[::-1, ::-1])),
        Mistake("the kernel is transposed", "Rows and columns of the kernel changed places.",
                lambda right, x, w: convolve(x, w.T)),
        Mistake("a matrix product of the transforms", "The transformed tile and the transformed kernel were multiplied "
                "with @. They are multiplied number by number, 16 products: *.",
                lambda right, x, w: AT @ ((G @ w @ G.T) @ (BT @ x @ BT.T)) @ AT.T),
        Mistake("a matrix product of the transforms", "The transformed tile and the transformed kernel were multiplied "
                "with @. They are multiplied number by number, 16 products: *.",
                lambda right, x, w: AT @ ((BT @ x @ BT.T) @ (G @ w @ G.T)) @ AT.T),
        Mistake("BT on the right is not transposed", "The tile is BT x BT. On the right stands the transpose, which "
                "does with rows what BT on the left does with columns: BT @ x @ BT.T.",
                lambda right, x, w: AT @ ((G @ w @ G.T) * (BT @ x @ BT)) @ AT.T),
        Mistake("BT on one side only", "The tile was transformed on one side only: BT @ x takes care of the columns, "
                "and @ BT.T on the right of the rows.", lambda right, x, w: AT @ ((G @ w @ G.T) * (BT @ x)) @ AT.T),
        Mistake("BT on one side only", "The tile was transformed on one side only: @ BT.T on the right takes care of "
                "the rows, and BT @ x of the columns.", lambda right, x, w: AT @ ((G @ w @ G.T) * (x @ BT.T)) @ AT.T),
        Mistake("AT on one side only", "The products were transformed on one side only: AT @ makes two rows of four, @ "
                "AT.T two columns of four.", lambda right, x, w: AT @ ((G @ w @ G.T) * (BT @ x @ BT.T))),
        Mistake("the transforms are missing", "It stops after the products: AT @ ... @ AT.T makes the four outputs of "
                "the 16 products.", lambda right, x, w: (G @ w @ G.T) * (BT @ x @ BT.T)),
        Mistake("BT on the wrong side", "The tile is BT.T x BT. The one on the left is BT as it is, the transpose "
                "stands on the right.", lambda right, x, w: AT @ ((G @ w @ G.T) * (BT.T @ x @ BT)) @ AT.T),
    ))


# ----------------------------------------------------------------------------------------------------- multiplications

def count(H, W, C, F, m):
    return -(-H // m) * -(-W // m) * (m + 2)**2 * C * F


def sizes(rng):
    """A picture that tiles do not cover exactly, neither in height nor in width."""
    m = int(rng.integers(3, 6))
    H, W = m * int(rng.integers(4, 9)) + 1, m * int(rng.integers(4, 9)) + m - 1
    return H, W, int(rng.integers(11, 20)), int(rng.integers(23, 40)), m


def is_whole(module):
    found = module.multiplications(5, 4, 1, 1, 2)
    if not isinstance(found, (int, np.integer)):
        return (f"multiplications(5, 4, 1, 1, 2) is {found!r}, a {type(found).__name__}. The number is right, but "
                "things that are counted are whole numbers: use //.")
    return None


MULTIPLICATIONS = Exercise(
    "23.3", "multiplications", ("the number of multiplications",), count, example=((4, 4, 1, 1, 2), 64), cases=sizes,
    learns=is_whole,
    mistakes=(
        Mistake("rounded down", "The number of tiles is rounded down, so that the last rows and columns of the picture "
                "are not computed. A tile that hangs over the edge is still a tile: round up, -(-H // m).",
                lambda right, H, W, C, F, m: (H // m) * (W // m) * (m + 2)**2 * C * F),
        Mistake("not rounded", "The number of tiles is a fraction. A tile that hangs over the edge is computed whole: "
                "round up, -(-H // m).", lambda right, H, W, C, F, m: H * W / m**2 * (m + 2)**2 * C * F),
        Mistake("rounded after multiplying", "Tiles were counted by area, H · W / m², rounded up. They lie in rows and "
                "columns: round H / m up, round W / m up, then multiply.",
                lambda right, H, W, C, F, m: -(-H * W // m**2) * (m + 2)**2 * C * F),
        Mistake("outputs instead of inputs", "A tile was counted with m · m products. There are as many products as "
                "numbers in the transformed tile, and it is as large as the tile's input: (m + 2) · (m + 2).",
                lambda right, H, W, C, F, m: -(-H // m) * -(-W // m) * m**2 * C * F),
        Mistake("the direct way", "A tile was counted with nine products for each output. That is the direct way; "
                "Winograd's has (m + 2) · (m + 2) products for a whole tile.",
                lambda right, H, W, C, F, m: -(-H // m) * -(-W // m) * 9 * m**2 * C * F),
        Mistake("tiles side by side", "The inputs of the tiles were laid side by side. They overlap: a tile has m + 2 "
                "rows of inputs, but the next one begins m rows further down.",
                lambda right, H, W, C, F, m: -(-H // (m + 2)) * -(-W // (m + 2)) * (m + 2)**2 * C * F),
        Mistake("one row of products", "A tile was counted with m + 2 products, as in one row. In a picture it has (m "
                "+ 2) rows of m + 2.", lambda right, H, W, C, F, m: -(-H // m) * -(-W // m) * (m + 2) * C * F),
        Mistake("only tiles in one row", "Only the tiles from left to right were counted, or only those from top to "
                "bottom. Multiply the two.", lambda right, H, W, C, F, m: -(-H // m) * (m + 2)**2 * C * F),
        Mistake("the kernels are not counted", "Each channel meets each kernel: times C and times F.",
                lambda right, H, W, C, F, m: right // F),
        Mistake("the channels are not counted", "Each channel meets each kernel: times C and times F.",
                lambda right, H, W, C, F, m: right // C),
        Mistake("C + F", "Channels and kernels were added. Each channel meets each kernel: times C and times F.",
                lambda right, H, W, C, F, m: right // (C * F) * (C + F)),
    ))


# ------------------------------------------------------------------------------------------------------- winograd_conv

def conv(x, W, b):
    return conv2d(x, W, b, 1, 1)


def whole_tiles(x):
    """x with padding 1, and zeros at the bottom and on the right until whole tiles fit."""
    return np.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)))


def pixels_misplaced(right, x, W, b):
    """The 2 x 2 outputs of each tile in a row behind each other, cut into rows by reshape."""
    y = conv(whole_tiles(x), W, b)
    N, H, Wd, F = y.shape
    tiles = y.reshape(N, H // 2, 2, Wd // 2, 2, F).swapaxes(2, 3)
    return tiles.reshape(N, H, Wd, F)[:, :x.shape[1], :x.shape[2]]


def parts_swapped(right, x, W, b):
    """Rows and columns within each tile's outputs changed places."""
    y = conv(whole_tiles(x), W, b)
    swapped = y.copy()
    swapped[:, 0::2, 1::2], swapped[:, 1::2, 0::2] = y[:, 1::2, 0::2], y[:, 0::2, 1::2]
    return swapped[:, :x.shape[1], :x.shape[2]]


def bias_transformed(right, x, W, b):
    """b added to the 16 products: the transform Aᵀ · A sums it with its signs."""
    factor = np.outer(AT.sum(axis=1), AT.sum(axis=1))[:, :, None]
    y = conv(whole_tiles(x), W, 0 * b)
    for i, j in np.ndindex(2, 2):
        y[:, i::2, j::2] += factor[i, j] * b
    return y[:, :x.shape[1], :x.shape[2]]


def shifted(right, x, W, b):
    """Tiles that begin at pixel 0 instead of -1."""
    return conv2d(np.pad(x, ((0, 0), (0, 2), (0, 2), (0, 0))), W, b)


def without_the_last(right, x, W, b):
    """Whole tiles only; zeros where there would have been another."""
    y = np.zeros_like(right)
    H, Wd = 2 * (x.shape[1] // 2), 2 * (x.shape[2] // 2)
    y[:, :H, :Wd] = right[:, :H, :Wd]
    return y


def keeps_float32(module):
    rng = np.random.default_rng(0)
    x, W, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 6, 6, 3), (3, 3, 3, 4), 4))
    y = module.winograd_conv(x, W, b)
    if y.dtype != np.float32:
        return (f"the numbers are right, but float32 went in and {y.dtype} comes out. BT, G and AT are float64, and "
                "whatever meets them becomes float64: convert them, BT.astype(x.dtype).")
    return None


WINOGRAD_CONV = Exercise(
    "23.4", "winograd_conv", ("y",), conv,
    example=((EXAMPLE_X[None, :, :, None], EXAMPLE_W[:, :, None, None], np.array([1.0])),
             np.array([[3.0, 9, 9, -9], [4, 13, 13, -14], [4, 9, 9, -10], [3, 5, 5, -5]])[None, :, :, None]),
    cases=lambda rng: (rng.standard_normal((3, 7, 9, 4)), rng.standard_normal((3, 3, 4, 5)), rng.standard_normal(5)),
    learns=keeps_float32,
    mistakes=(
        Mistake("the bias is missing", "It is the sum without b: add b to every output.",
                lambda right, x, W, b: right - b),
        Mistake("the bias is transformed", "b was added to the 16 products, and came through the last transform: three "
                "times, or with a minus, depending on the place in the tile. Add it behind that transform.",
                bias_transformed),
        Mistake("the kernel is turned round", "The kernel lies upside down and back to front.",
                lambda right, x, W, b: conv(x, W[::-1, ::-1], b)),
        Mistake("the kernel is transposed", "Rows and columns of the kernel changed places.",
                lambda right, x, W, b: conv(x, W.transpose(1, 0, 2, 3), b)),
        Mistake("only one channel counts", "Only channel 0 counts. The products are summed over all channels, before "
                "the last transform.", lambda right, x, W, b: conv(x[..., :1], W[:, :, :1], b)),
        Mistake("tiles begin at pixel 0", "Everything is shifted by one pixel: with padding 1 the first tile begins "
                "one pixel above and left of the picture.", shifted),
        Mistake("the outputs are not cut", "It still has the outputs of tiles that hang over the edge. Cut it to H "
                "rows and W columns.", lambda right, x, W, b: conv(whole_tiles(x), W, b)),
        Mistake("the last row of tiles is missing", "With an odd height or width there is one more tile, which hangs "
                "over the edge: round up when you count tiles, and pad as much as it needs.",
                lambda right, x, W, b: right[:, :2 * (x.shape[1] // 2), :2 * (x.shape[2] // 2)]),
        Mistake("the last row of tiles is missing", "The last row and the last column are 0. With an odd height or "
                "width there is one more tile, which hangs over the edge: round up when you count tiles, and pad as "
                "much as it needs.",
                without_the_last),
        Mistake("outputs in the wrong places", "The outputs are right, but not where they belong: reshape has laid the "
                "four outputs of a tile behind each other in one row. Output (i, j) of all tiles is y[:, i::2, j::2].",
                pixels_misplaced),
        Mistake("rows and columns within a tile", "Within each tile the outputs (0, 1) and (1, 0) changed places. i "
                "counts rows and j columns: y[:, i::2, j::2].", parts_swapped),
        Mistake("no padding", "It is the convolution without padding. Pad with a frame of one pixel first.",
                lambda right, x, W, b: conv2d(x, W, b)),
        Mistake("tiles padded each by itself", "The tiles are padded each by itself, so that their neighbours are "
                "zeros. Pad the picture, then cut out tiles that overlap by two pixels.",
                lambda right, x, W, b: tiles_by_themselves(x, W, b)),
    ))


def tiles_by_themselves(x, W, b):
    """Each 2 x 2 piece of the picture convolved alone."""
    x = whole_tiles(x)
    y = np.zeros((*x.shape[:3], W.shape[3]))
    for row, column in np.ndindex(x.shape[1] // 2, x.shape[2] // 2):
        piece = slice(None), slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)
        y[piece] = conv2d(pad(x[piece], 1), W, b)
    return y


EXERCISES = (WINOGRAD_ROW, WINOGRAD_TILE, MULTIPLICATIONS, WINOGRAD_CONV)
