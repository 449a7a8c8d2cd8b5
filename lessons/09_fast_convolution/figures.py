"""The figure of lesson 9: one window, and one kernel position in all windows. Writes it into the current directory."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

BLUE, ORANGE = "#3b6ea5", "#f0c08a"
SIDE, K = 5, 3


def draw(axis, title, marked, windows, place=None):
    """A picture of SIDE x SIDE numbered pixels, some of them ``marked``, and the outlines of some windows."""
    for row, column in np.ndindex(SIDE, SIDE):
        axis.add_patch(plt.Rectangle((column, row), 1, 1, edgecolor="#b8b8b8",
                                     facecolor=ORANGE if (row, column) in marked else "white"))
        axis.text(column + 0.5, row + 0.5, str(SIDE * row + column), ha="center", va="center", fontsize=11)
    for i, (row, column) in enumerate(windows):
        inset = 0.06 + 0.05 * i
        axis.add_patch(plt.Rectangle((column + inset, row + inset), K - 2 * inset, K - 2 * inset, fill=False,
                                     edgecolor=BLUE, linewidth=1.8))
    axis.set_title(title, fontsize=11.5)
    axis.set_xlim(-0.1, SIDE + 0.1), axis.set_ylim(SIDE + 0.1, -0.1)
    axis.set_aspect("equal")
    axis.axis("off")


plt.rcParams.update({"svg.hashsalt": "minicap", "font.family": "DejaVu Sans"})
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.9))
draw(axes[0], "all pixels of\nwindow (0, 0)", {(row, column) for row in range(K) for column in range(K)}, [(0, 0)])
draw(axes[1], "position (0, 1) of\nall nine windows, S = 1",
     {(row, column + 1) for row in range(3) for column in range(3)}, [(0, 0), (2, 2)])
draw(axes[2], "position (0, 1) of\nall four windows, S = 2", {(row, column + 1) for row in (0, 2) for column in (0, 2)},
     [(0, 0), (0, 2), (2, 0), (2, 2)])
figure.tight_layout()
figure.savefig("places.svg", metadata={"Date": None})
plt.close(figure)
