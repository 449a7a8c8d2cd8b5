"""The figure of lesson 24: what larger tiles save, and their rounding error. Writes it where it is run.

The transforms of F(m x m, 3 x 3) are made from the points at which polynomials are evaluated (Toom and Cook; Lavin and
Gray 2016 give those of m = 2 and 4): m + 1 numbers, and infinity.
"""

from fractions import Fraction

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from minicap.conv import conv2d

POINTS = [0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2), 4, -4]
BLUE, ORANGE = "#3b6ea5", "#d98032"


def with_roots(points):
    """The coefficients of the product of (t - p), lowest first."""
    coefficients = [Fraction(1)]
    for p in points:
        coefficients = [high - p * low for high, low in zip([0, *coefficients], [*coefficients, 0], strict=True)]
    return coefficients


def transforms(m):
    """BT, G and AT of F(m, 3)."""
    points = [Fraction(p) for p in POINTS[:m + 1]]
    BT, G = [], []
    for j, p in enumerate(points):
        others = points[:j] + points[j + 1:]
        BT.append([*with_roots(others), 0])
        scale = np.prod([p - other for other in others], initial=Fraction(1))
        G.append([p**k / scale for k in range(3)])
    BT.append(with_roots(points))
    G.append([0, 0, 1])
    AT = [[p**i for p in points] + [int(i == m - 1)] for i in range(m)]
    return tuple(np.array(matrix, float) for matrix in (BT, G, AT))


def both_sides(M, X):
    return np.einsum("ik,jl,kl...->ij...", M, M, X, optimize=True)


def winograd(x, W, m):
    """Convolution without bias by F(m x m, 3 x 3), padding 1; m has to divide height and width."""
    BT, G, AT = (matrix.astype(x.dtype) for matrix in transforms(m))
    N, H, Wd, C = x.shape
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    tiles = np.array([[x[:, i:i + H:m, j:j + Wd:m] for j in range(m + 2)] for i in range(m + 2)])
    products = both_sides(BT, tiles).reshape(m + 2, m + 2, -1, C) @ both_sides(G, W)
    y = both_sides(AT, products).reshape(m, m, N, H // m, Wd // m, -1)
    return y.transpose(2, 3, 0, 4, 1, 5).reshape(N, H, Wd, -1)


rng = np.random.default_rng(0)
x = np.maximum(rng.standard_normal((1, 24, 24, 64)), 0).astype(np.float32)  # as after a ReLU
W = (rng.standard_normal((3, 3, 64, 64)) * np.sqrt(2 / 576)).astype(np.float32)
right = conv2d(x.astype(np.float64), W.astype(np.float64), np.zeros(64), 1, 1)
sides = [1, 2, 4, 6, 8]
errors = [np.abs((conv2d.plain(x, W, np.zeros(64, np.float32), 1, 1) if m == 1 else winograd(x, W, m)) - right).max()
          / np.abs(right).max() for m in sides]

plt.rcParams.update({"svg.hashsalt": "minicap", "font.family": "DejaVu Sans"})
figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.4))
places, names = range(len(sides)), ["direct", *(f"{m} × {m}" for m in sides[1:])]
bars = axes[0].bar(places, [(m + 2)**2 / m**2 for m in sides], color=BLUE, width=0.6)
axes[0].bar_label(bars, labels=[f"{(m + 2)**2 / m**2:.3g}" for m in sides], fontsize=11)
axes[0].set_ylabel("multiplications for each output", fontsize=11)
axes[0].set_ylim(0, 10)
axes[1].semilogy(places, errors, "o-", color=ORANGE)
axes[1].set_ylabel("error in float32, relative", fontsize=11)
axes[1].set_ylim(1e-8, 1e-2)
axes[1].grid(axis="y", color="#dddddd")
for axis in axes:
    axis.set_xticks(places, names, fontsize=11)
    axis.set_xlabel("outputs in a tile", fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
figure.savefig("price.svg", metadata={"Date": None})
plt.close(figure)
