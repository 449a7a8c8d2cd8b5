"""3 x 3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3) (Lavin and Gray 2016).

A 4 x 4 tile of outputs depends on 6 x 6 inputs. Directly it costs 16 · 9 = 144 multiplications per channel pair; after
transforming inputs and kernel to the points 0, ±1, ±2, ∞ (polynomial multiplication by evaluation), only 36:

    y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A                 x: 6 x 6, w: 3 x 3, y: 4 x 4

Row-major flattening turns the two-sided products into one-sided ones, vec(M X Mᵀ) = (M ⊗ M) vec(X), and all tiles and
channels at once into three matrix products around 36 independent ones:

    V = (Bᵀ⊗Bᵀ) @ tiles         (36, 36) @ (36, tiles·C)
    M[p] = V[p] @ U[p]           (tiles, C) @ (C, F)       p = 1..36,   U = (G⊗G) @ W
    Y = (Aᵀ⊗Aᵀ) @ M             (16, 36) @ (36, tiles·F)

In the backward pass the gradient of the input is the same convolution of dy with the kernel rotated by 180°, and that
of the kernel comes from the three lines in reverse:

    dM = (Aᵀ⊗Aᵀ)ᵀ @ dY          dU[p] = V[p]ᵀ @ dM[p]          dW = (G⊗G)ᵀ @ dU

Tiles are processed in blocks. The transforms amplify rounding errors: float32 results differ from the direct sum by
less than 1e-5 of the largest output in layers like VGG's, and by less than 2e-5 where a sum has only a few terms
(measured in tests/cpu/test_winograd.py).
"""

import itertools

import numpy as np

from ..backend import op
from .activations import NOTHING, add_and_limit
from .threads import Accumulator, image_blocks, run_blocks, scratch, thread_count

BT = np.array([[4, 0, -5, 0, 1, 0],
               [0, -4, -4, 1, 1, 0],
               [0, 4, -4, -1, 1, 0],
               [0, -2, -1, 2, 1, 0],
               [0, 2, -1, -2, 1, 0],
               [0, 4, 0, -5, 0, 1]], dtype=np.float64)
G = np.array([[1 / 4, 0, 0],
              [-1 / 6, -1 / 6, -1 / 6],
              [-1 / 6, 1 / 6, -1 / 6],
              [1 / 24, 1 / 12, 1 / 6],
              [1 / 24, -1 / 12, 1 / 6],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 1, 1, 0],
               [0, 1, -1, 2, -2, 0],
               [0, 1, 1, 4, 4, 0],
               [0, 1, -1, 8, -8, 1]], dtype=np.float64)
BT2, G2, AT2 = (np.kron(M, M).astype(np.float32) for M in (BT, G, AT))

BLOCK_BYTES = 3 << 19         # of transformed tiles at a time, which with their products stay near a core
LARGE_KERNEL = 8 << 20        # bytes of U: from there on, it does not stay in the cache that all cores share,
LARGE_BLOCK_BYTES = 16 << 20  # and a block, which reads all of it, needs enough tiles to be worth that
FEW_TILES = 64                # of all images together, which are not worth to be divided then


def transform_kernel(W):
    """W (3, 3, C, F) -> U (36, C, F), four times the size."""
    K, K, C, F = W.shape
    return (G2 @ W.reshape(9, C * F)).reshape(36, C, F)


def winograd_conv(x, U, b, limits=NOTHING, pool=False, empty=np.empty):
    """conv(x) + b with stride 1 and padding 1, then the activation ``limits`` and 2 x 2 max pooling on request.

    x: (N, H, W, C), U: from :func:`transform_kernel`, b: (F,); y: (N, H, W, F), or half of H and W with ``pool``,
    in memory allocated by ``empty(shape, dtype)``.
    """
    N, H, W, C = x.shape
    F = U.shape[2]
    side = 2 if pool else 4  # of the square of y that one tile computes
    y = empty((N, H * side // 4, W * side // 4, F), np.float32)

    def block(images, rows):
        V = _input_tiles(x, images, rows)
        M = scratch().empty("M", (*V.shape[:4], F))
        factors, products = V.reshape(36, -1, C), M.reshape(36, -1, F)

        def multiply(points):
            np.matmul(factors[points], U[points], out=products[points])

        run_blocks(multiply, points)
        transform_output(M, rows.start, b, limits, pool, y[images])

    if _is_large(C, F) and N * -(-H // 4) * -(-W // 4) <= FEW_TILES:
        points = _points()  # each core multiplies at some of them, and reads that part of U
        block(slice(0, N), slice(0, -(-H // 4)))
    else:
        points = [(slice(0, 36),)]
        run_blocks(block, _blocks(N, H, W, C, F))
    return y


def winograd_kernel_gradient(x, dy):
    """dW (3, 3, C, F) and db (F,) of the convolution from x (N, H, W, C) to y (N, H, W, F)."""
    N, H, W, C = x.shape
    F = dy.shape[3]
    dU, db = Accumulator(), Accumulator()

    def block(images, rows):
        V = _input_tiles(x, images, rows)
        dM = scratch().empty("M", (*V.shape[:4], F))
        transform_output_gradient(dy[images], rows.start, dM)
        dU.matmul(V.reshape(36, -1, C).transpose(0, 2, 1), dM.reshape(36, -1, F))
        d = dy[images, 4 * rows.start:4 * rows.stop].reshape(-1, F)
        db.matmul(np.ones(len(d), np.float32), d)

    run_blocks(block, _blocks(N, H, W, C, F))
    return (G2.T @ dU.total().reshape(36, C * F)).reshape(3, 3, C, F), db.total()


def _input_tiles(x, images, rows):
    """V: (36, images, rows, TW, C), the transformed tiles of some rows of tiles of some images, both slices."""
    N, H, W, C = x.shape
    V = scratch().empty("V", (36, images.stop - images.start, rows.stop - rows.start, -(-W // 4), C))
    transform_input(x[images], rows.start, V)
    return V


@op
def transform_input(x, top, V):
    """V[:, n, r, q] = Bᵀ x B of the tile of x[n] (H, W, C) that begins at row 4 (top + r) - 1 and column 4q - 1."""
    tiles = _tiles(x, 6, -1, top, V.shape[2])
    np.matmul(BT2, tiles, out=V.reshape(36, -1))


@op
def transform_output(M, top, b, limits, pool, y):
    """Write Aᵀ M A of each tile to its position in y, with bias, activation and pooling as in :func:`winograd_conv`."""
    F, side = M.shape[-1], 2 if pool else 4
    Y = np.matmul(AT2, M.reshape(36, -1), out=scratch().empty("tiles", (16, M[0].size)))
    if pool:
        Y = Y.reshape(2, 2, 2, 2, -1)  # (row, row within the window, column, column within it, ...)
        Y = np.maximum(Y[:, 0], Y[:, 1], out=Y[:, 0])
        Y = np.maximum(Y[:, :, 0], Y[:, :, 1], out=Y[:, :, 0])
    Y = Y.reshape(-1, F)  # these can come after the pooling, since max(a + b) = max(a) + b
    add_and_limit(Y, b, limits)
    Y = Y.reshape(side, side, *M.shape[1:])
    for i in range(side):
        for j in range(side):
            target = y[:, side * top + i:side * (top + M.shape[2]):side, j::side]
            target[...] = Y[i, j, :, :target.shape[1], :target.shape[2]]  # the last tiles may extend beyond the edge


@op
def transform_output_gradient(dy, top, dM):
    """dM[:, n, r, q] = A dY Aᵀ of each 4 x 4 tile of dy[n]."""
    np.matmul(AT2.T, _tiles(dy, 4, 0, top, dM.shape[2]), out=dM.reshape(36, -1))


def _tiles(x, side, begin, top, rows):
    """(side², tiles·C): the square tiles that begin at rows and columns 4t + ``begin``; zero outside the image."""
    N, H, W, C = x.shape
    tiles = scratch().empty("tiles", (side, side, N, rows, -(-W // 4), C))
    for i in range(side):
        for j in range(side):
            _take_every_fourth(x, 4 * top + begin + i, begin + j, tiles[i, j])
    return tiles.reshape(side * side, -1)


def _take_every_fourth(x, row, col, out):
    """out[:, r, c] = x[:, row + 4r, col + 4c], or zero where that is outside the image."""
    (r0, r1), (c0, c1) = ((1 if first < 0 else 0, min(count, -(-(size - first) // 4)))
                          for first, count, size in ((row, out.shape[1], x.shape[1]), (col, out.shape[2], x.shape[2])))
    out[:, :r0], out[:, r1:], out[:, :, :c0], out[:, :, c1:] = 0, 0, 0, 0
    out[:, r0:r1, c0:c1] = x[:, row + 4 * r0:row + 4 * r1:4, col + 4 * c0:col + 4 * c1:4]


def _points():
    """Slices of the 36 points, one for each core."""
    bounds = np.linspace(0, 36, min(36, thread_count()) + 1).astype(int)
    return [(slice(*pair),) for pair in itertools.pairwise(bounds)]


def _is_large(C, F):
    """Whether U is so large that it comes from memory whenever it is read."""
    return 36 * 4 * C * F >= LARGE_KERNEL


def _blocks(N, H, W, C, F):
    """(images, rows), slices of images and of rows of tiles."""
    budget = LARGE_BLOCK_BYTES if _is_large(C, F) else BLOCK_BYTES
    return image_blocks(N, -(-H // 4), 36 * 4 * -(-W // 4) * max(C, F), budget)
