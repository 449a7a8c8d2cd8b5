"""What lesson 24 asks for."""

import numpy as np

from minicap.conv import conv2d, pad
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import floats, keeps_float32, normal, whole_number
from minicap.learn.windows import EDGE, as_many, picture

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
    """What comes out with other factors at the four products."""
    return lambda x, w: AT @ (products(x, w) * np.array(signs))


WINOGRAD_ROW = Exercise(
    "24.1", "winograd_row", ("y",), lambda x, w: np.correlate(x, w, "valid"),
    example=(floats([1, 2, 3, 4], [1, 2, 3]), np.array([14.0, 20])), cases=normal(4, 3),
    learns=multiplies_at_most("winograd_row", 4, (4,), (3,)),
    mistakes=[
        ("the kernel is turned round", "The kernel is back to front: w[0] meets the first of the three pixels.",
         lambda x, w: np.convolve(x, w, "valid")),
        ("product m0 has the wrong sign", "The product with w[0] has the wrong sign. It is (x[0] - x[2]) w[0], and is "
         "added.", from_products(-1, 1, 1, 1)),
        ("product m2 has the wrong sign", "The product of the two differences has the wrong sign. It is (x[2] - x[1]) "
         "(w[0] - w[1] + w[2]) / 2, added in y[0].", from_products(1, 1, -1, 1)),
        ("product m3 has the wrong sign", "The product with w[2] has the wrong sign. It is (x[1] - x[3]) w[2], and is "
         "subtracted.", from_products(1, 1, 1, -1)),
        ("the halves are missing", "The two products in the middle count twice: their sums of weights are divided by "
         "2.", from_products(1, 2, 2, 1)),
        ("only one of the halves", "One of the two products in the middle counts twice: both sums of three weights are "
         "divided by 2.", (from_products(1, 2, 1, 1), from_products(1, 1, 2, 1))),
        ("y[1] is a sum", "y[1] adds the product of the two differences; it subtracts it. With this sign the same "
         "products give both outputs.", lambda right, x, w: right + np.array([0, 2 * products(x, w)[2]])),
        ("the outer products are missing", "The products with w[0] and with w[2] are missing. The two in the middle "
         "alone treat x[0] as x[2] and x[3] as x[1].", from_products(0, 1, 1, 0)),
        ("y[0] and y[1] changed places", "The two outputs are in the wrong order.", lambda right: right[::-1]),
        ("the last transform is missing", "These are the four products. AT @ makes two outputs of them.", products),
        ("BT is transposed", "x was multiplied by BT transposed. BT is already the matrix of the formula: BT @ x.",
         lambda x, w: AT @ ((G @ w) * (BT.T @ x))),
    ])


# ------------------------------------------------------------------------------------------------------- winograd_tile

def convolve(x, w):
    return conv2d(x[None, :, :, None], w[:, :, None, None], np.zeros(1))[0, :, :, 0]


def transformed(tile=lambda x: BT @ x @ BT.T, multiply=np.multiply, back=lambda m: AT @ m @ AT.T):
    """y by other transforms."""
    return lambda x, w: back(multiply(G @ w @ G.T, tile(x)))


WINOGRAD_TILE = Exercise(
    "24.2", "winograd_tile", ("y",), convolve,
    example=((EDGE[0][0, :, :, 0], EDGE[1][:, :, 0, 0]), np.array([[12.0, 12], [8, 8]])), cases=normal((4, 4), (3, 3)),
    learns=multiplies_at_most("winograd_tile", 16, (4, 4), (3, 3)),
    mistakes=[
        ("the kernel is turned round", known.turned(), lambda x, w: convolve(x, w[::-1, ::-1])),
        ("the kernel is transposed", known.kernel_transposed(), lambda x, w: convolve(x, w.T)),
        ("a matrix product of the transforms", "The transforms were multiplied with @. Multiply them number by number, "
         "16 products: *.", (transformed(multiply=np.matmul), transformed(multiply=lambda w, x: x @ w))),
        ("the tile is transposed", "Rows and columns of x are swapped: BT @ x transforms the columns, @ BT.T the rows.",
         lambda x, w: convolve(x.T, w)),
        ("BT on the left twice", "The tile is BT BT x. One BT is on the left, and its transpose on the right: BT @ x @ "
         "BT.T.", transformed(tile=lambda x: BT @ BT @ x)),
        ("BT on the right is not transposed", "The tile is BT x BT. The one on the right is transposed: BT @ x @ BT.T.",
         transformed(tile=lambda x: BT @ x @ BT)),
        ("BT on one side only", "The tile was transformed on one side only: BT @ x transforms the columns, @ BT.T the "
         "rows.", (transformed(tile=lambda x: BT @ x), transformed(tile=lambda x: x @ BT.T))),
        ("AT on one side only", "The products were transformed on one side only: AT @ makes two rows of four, @ AT.T "
         "two columns of four.", transformed(back=lambda m: AT @ m)),
        ("the transforms are missing", "It stops after the products: AT @ ... @ AT.T makes four outputs of the 16 "
         "products.", transformed(back=lambda m: m)),
        ("BT on the wrong side", "The tile is BT.T x BT. BT is on the left, its transpose on the right.",
         transformed(tile=lambda x: BT.T @ x @ BT)),
    ])


# ----------------------------------------------------------------------------------------------------- multiplications

EACH_MEETS_EACH = "Each channel meets each kernel: times C and times F."


def up(a, b):
    """a / b, rounded up."""
    return -(-a // b)


def tiles(H, W, m):
    return up(H, m) * up(W, m)


def sizes(rng):
    """A picture that is not as high as wide, and that tiles do not cover exactly in either direction."""
    m = int(rng.integers(3, 6))
    H, W = m * int(rng.integers(4, 7)) + 1, m * int(rng.integers(7, 11)) + m - 1
    return H, W, int(rng.integers(11, 20)), int(rng.integers(23, 40)), m


MULTIPLICATIONS = Exercise(
    "24.3", "multiplications", ("the number of multiplications",),
    lambda H, W, C, F, m: tiles(H, W, m) * (m + 2)**2 * C * F, example=((4, 4, 1, 1, 2), 64), cases=sizes,
    learns=whole_number("multiplications", 5, 4, 1, 1, 2),
    mistakes=[
        ("rounded down", "The number of tiles is rounded down. A tile that extends over the edge is still a tile: "
         "round up, -(-H // m).", lambda H, W, C, F, m: (H // m) * (W // m) * (m + 2)**2 * C * F),
        ("not rounded", "The number of tiles is a fraction. A tile that extends over the edge is computed whole: round "
         "up, -(-H // m).", lambda H, W, C, F, m: H * W / m**2 * (m + 2)**2 * C * F),
        ("rounded after multiplying", "H · W / m² was rounded up. Tiles lie in rows and columns: round H / m up, round "
         "W / m up, then multiply.", lambda H, W, C, F, m: up(H * W, m**2) * (m + 2)**2 * C * F),
        ("outputs instead of inputs", "A tile was counted with m · m products. There is one for each number of its "
         "input: (m + 2) · (m + 2).", lambda H, W, C, F, m: tiles(H, W, m) * m**2 * C * F),
        ("the direct way", "A tile was counted with nine products for each output. Winograd has (m + 2) · (m + 2) for "
         "a whole tile.", lambda H, W, C, F, m: tiles(H, W, m) * 9 * m**2 * C * F),
        ("m + 3", "A tile was counted with m + 3 rows of inputs. m windows of 3, one pixel apart, reach over m + 3 - 1 "
         "= m + 2.", lambda H, W, C, F, m: tiles(H, W, m) * (m + 3)**2 * C * F),
        ("right for m = 2 alone", "A tile was counted with a number of products that is right for m = 2 alone. It "
         "depends on m: (m + 2) · (m + 2).",
         (lambda H, W, C, F, m: tiles(H, W, m) * 16 * C * F, lambda H, W, C, F, m: tiles(H, W, m) * 4 * m**2 * C * F)),
        ("without padding", "Tiles were counted for (H - 2) x (W - 2) outputs. With padding 1 there are H x W.",
         lambda H, W, C, F, m: tiles(H - 2, W - 2, m) * (m + 2)**2 * C * F),
        ("one tile too many", "H // m + 1 is one too many where tiles fit exactly: -(-H // m) rounds up.",
         lambda H, W, C, F, m: (H // m + 1) * (W // m + 1) * (m + 2)**2 * C * F),
        ("the height in both directions", "The tiles were counted by H in both directions. From left to right it is W.",
         lambda H, C, F, m: tiles(H, H, m) * (m + 2)**2 * C * F),
        ("tiles side by side", "The inputs of the tiles overlap: a tile has m + 2 rows of inputs, but the next one "
         "begins m rows further down.", lambda H, W, C, F, m: tiles(H, W, m + 2) * (m + 2)**2 * C * F),
        ("one row of products", "A tile was counted with m + 2 products, as in one row. In a picture it has m + 2 rows "
         "of m + 2.", lambda H, W, C, F, m: tiles(H, W, m) * (m + 2) * C * F),
        ("only tiles in one row", "Only the tiles in one direction were counted. Multiply the rows of tiles by the "
         "columns.", lambda H, C, F, m: up(H, m) * (m + 2)**2 * C * F),
        ("the kernels are not counted", EACH_MEETS_EACH, lambda right, F: right // F),
        ("the channels are not counted", EACH_MEETS_EACH, lambda right, C: right // C),
        ("C + F", EACH_MEETS_EACH, lambda right, C, F: right // (C * F) * (C + F)),
    ])


# ------------------------------------------------------------------------------------------------------- winograd_conv

def conv(x, W, b):
    return conv2d(x, W, b, 1, 1)


def whole_tiles(x):
    """x with padding 1, and zeros at the bottom and on the right until whole tiles fit."""
    return np.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)))


def from_tiles(change):
    """change(y) of whole tiles, cut to the size of the picture."""
    return lambda right, x, W, b: as_many(right, change(conv(whole_tiles(x), W, b)))


def misplaced(y):
    """The 2 x 2 outputs of each tile in a row behind each other, cut into rows by reshape."""
    N, H, Wd, F = y.shape
    return y.reshape(N, H // 2, 2, Wd // 2, 2, F).swapaxes(2, 3).reshape(N, H, Wd, F)


def in_quarters(y):
    """Output (i, j) of all tiles as a block of its own."""
    N, H, Wd, F = y.shape
    return y.reshape(N, H // 2, 2, Wd // 2, 2, F).transpose(0, 2, 1, 4, 3, 5).reshape(N, H, Wd, F)


def one_apart(y):
    """Tile (r, s) begins at pixel (r, s) in place of (2 r, 2 s)."""
    found = np.zeros_like(y)
    for i, j in np.ndindex(2, 2):
        found[:, i::2, j::2] = y[:, i:i + y.shape[1] // 2, j:j + y.shape[2] // 2]
    return found


def swapped(y):
    """Rows and columns within each tile's outputs changed places."""
    N, H, Wd, F = y.shape
    return y.reshape(N, H // 2, 2, Wd // 2, 2, F).swapaxes(2, 4).reshape(N, H, Wd, F)


def bias_transformed(right, b):
    """b added to the 16 products: the transform Aᵀ · A sums it with its signs."""
    factors = np.tile(np.outer(AT.sum(axis=1), AT.sum(axis=1)), right.shape[1:3])[:right.shape[1], :right.shape[2]]
    return right + (factors[:, :, None] - 1) * b


def shifted(front):
    """Tiles that begin at pixel -front instead of -1."""
    around = (front, 2 - front)
    return lambda x, W, b: conv2d(np.pad(x, ((0, 0), around, around, (0, 0))), W, b)


def even(right):
    """The size of the whole tiles that fit into the picture."""
    return 2 * (right.shape[1] // 2), 2 * (right.shape[2] // 2)


def without_the_last(right):
    """Whole tiles only; zeros where there would have been another."""
    y = np.zeros_like(right)
    H, Wd = even(right)
    y[:, :H, :Wd] = right[:, :H, :Wd]
    return y


def tiles_by_themselves(x, W, b):
    """Each 2 x 2 piece of the picture convolved alone."""
    x = whole_tiles(x)
    y = np.zeros((*x.shape[:3], W.shape[3]))
    for row, column in np.ndindex(x.shape[1] // 2, x.shape[2] // 2):
        piece = slice(None), slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)
        y[piece] = conv2d(pad(x[piece], 1), W, b)
    return y


def by_winograd(module):
    """None, or what is wrong about the type, or about the way: Winograd adds and subtracts neighbouring pixels.

    In the sum of pixels of 1 and 1e20 no digit of the 1 is left; where no pixels are added it comes through.
    """
    if found := KEEPS_FLOAT32(module):
        return found
    x, W = np.ones((1, 6, 6, 1)), np.zeros((3, 3, 1, 1))
    x[:, ::2, ::2], W[1, 1] = 1e20, 1
    if np.array_equal(module.winograd_conv(x, W, np.zeros(1)), x):
        return ("the numbers are right, but they are not computed by Winograd: where pixels of 1 and of 1e20 are "
                "neighbours the result is exact, and their sums cannot be. Transform tiles and kernels, multiply, "
                "transform back.")
    return None


KEEPS_FLOAT32 = keeps_float32("winograd_conv", [a.astype(np.float32) for a in normal(
    (1, 6, 6, 3), (3, 3, 3, 4), 4)(np.random.default_rng(0))])
WINOGRAD_CONV = Exercise(
    "24.4", "winograd_conv", ("y",), conv,
    example=(EDGE[:3], picture([3, 9, 9, -9], [4, 13, 13, -14], [4, 9, 9, -10], [3, 5, 5, -5])),
    cases=normal((3, 7, 9, 4), (3, 3, 4, 5), 5),
    learns=by_winograd,
    mistakes=[
        ("the bias is missing", known.no_bias("b to every output"), lambda right, b: right - b),
        ("the bias is transformed", "b was added to the 16 products and went through the last transform. Add it after "
         "that transform.", bias_transformed),
        ("the kernel is turned round", known.turned(), lambda x, W, b: conv(x, W[::-1, ::-1], b)),
        ("the kernel is transposed", known.kernel_transposed(), lambda x, W, b: conv(x, W.transpose(1, 0, 2, 3), b)),
        ("only one channel counts", "Only channel 0 counts. The products are summed over all channels, before the last "
         "transform.", lambda x, W, b: conv(x[..., :1], W[:, :, :1], b)),
        ("tiles begin at pixel 0", "Everything is shifted by one pixel: with padding 1 the first tile begins one pixel "
         "above and left of the picture.", shifted(0)),
        ("tiles begin at pixel -2", "Everything is shifted by one pixel: padding 1 is one row above and one column on "
         "the left, and what whole tiles need more comes below and on the right.", shifted(2)),
        ("the edge is repeated", "The picture goes on beyond its edge with the pixels of the edge. It is padded with "
         "zeros.", lambda x, W, b: conv2d(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge"), W, b)),
        ("tiles one pixel apart", "The tiles begin one pixel apart. A tile has two outputs in each direction, so they "
         "begin two apart: padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2].", from_tiles(one_apart)),
        ("outputs in four blocks", "Output (i, j) of all tiles is in a block of its own, a quarter of the picture. It "
         "belongs to every second row and column: y[:, i::2, j::2].", from_tiles(in_quarters)),
        ("the outputs are not cut", "It still has the outputs of tiles that extend over the edge. Cut it to H rows and "
         "W columns.", lambda x, W, b: conv(whole_tiles(x), W, b)),
        ("the last row of tiles is missing", "With an odd height or width there is one more tile, which extends over "
         "the edge: round up, and pad as much as it needs.",
         (lambda right: right[:, :even(right)[0], :even(right)[1]], without_the_last)),
        ("outputs in the wrong places", "reshape has put the four outputs of a tile in one row. Output (i, j) of all "
         "tiles is y[:, i::2, j::2].", from_tiles(misplaced)),
        ("rows and columns within a tile", "Within each tile outputs (0, 1) and (1, 0) are swapped. i counts rows and "
         "j columns: y[:, i::2, j::2].", from_tiles(swapped)),
        ("no padding", known.no_padding(), lambda x, W, b: conv2d(x, W, b)),
        ("tiles padded each by itself", "Each tile is padded with zeros. Pad the picture, then cut out tiles that "
         "overlap by two pixels.", tiles_by_themselves),
    ])

EXERCISES = (WINOGRAD_ROW, WINOGRAD_TILE, MULTIPLICATIONS, WINOGRAD_CONV)
