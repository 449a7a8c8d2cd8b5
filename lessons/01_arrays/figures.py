"""The figure of lesson 1: broadcasting copies, and the backward pass sums."""

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

matplotlib.rcParams["svg.hashsalt"] = "minicap"

SAMPLE, GIVEN, COPY, PULL = "#cfe0f5", "#f7c873", "#fdf1dc", "#d9ead3"


def table(ax, left, top, rows, colour, faint=()):
    """A table of numbers, its upper left corner at (left, top); rows whose number is in ``faint`` are copies."""
    for r, row in enumerate(rows):
        for c, number in enumerate(row):
            copied = r in faint
            ax.add_patch(Rectangle((left + c, top - r - 1), 1, 1, facecolor=COPY if copied else colour,
                                   edgecolor="0.6" if copied else "0.2", linestyle="--" if copied else "-"))
            ax.text(left + c + 0.5, top - r - 0.52, f"{number:g}", ha="center", va="center", fontsize=13,
                    color="0.55" if copied else "black")


def words(ax, x, y, text, **options):
    ax.text(x, y, text, ha="center", va="center", **{"fontsize": 13} | options)


figure = Figure(figsize=(9.4, 3.2), layout="constrained")
FigureCanvasAgg(figure)
there, back = figure.subplots(1, 2, width_ratios=(13, 7.6))

table(there, 0, 2, [[1, 10, 5], [3, 30, 25]], SAMPLE)
words(there, 1.5, 2.5, "x  (2, 3)")
words(there, 3.5, 1, "+", fontsize=18)
table(there, 4, 2, [[0.1, 0.2, 0.3]] * 2, GIVEN, faint=(1,))
words(there, 5.5, 2.5, "b  (3,)")
words(there, 5.5, -0.45, "used again\nfor the second row", fontsize=11, color="0.4")
words(there, 7.5, 1, "=", fontsize=18)
table(there, 8, 2, [[1.1, 10.2, 5.3], [3.1, 30.2, 25.3]], SAMPLE)
words(there, 9.5, 2.5, "y  (2, 3)")
words(there, 5.5, 3.6, "forward: b is copied to both rows", fontsize=14, fontweight="bold")

table(back, 0, 2, [[1, 2, 3], [10, 20, 30]], PULL)
words(back, -0.75, 1, "dy\n(2, 3)")
for column in range(3):
    back.add_patch(FancyArrowPatch((column + 0.5, -0.05), (column + 0.5, -0.8), arrowstyle="-|>", mutation_scale=14,
                                   color="0.3"))
table(back, 0, -0.85, [[11, 22, 33]], GIVEN)
words(back, -0.75, -1.35, "db\n(3,)")
words(back, 3.5, -0.45, "sum", fontsize=12, color="0.4")
words(back, 1.6, 3.6, "backward: the copies are summed", fontsize=14, fontweight="bold")

for ax, right in ((there, 11.2), (back, 5.4)):
    ax.set(xlim=(-1.5 if ax is back else -0.2, right), ylim=(-2.1, 4.1), aspect="equal")
    ax.axis("off")
figure.savefig("broadcasting.svg", metadata={"Date": None})
