"""The figure of lesson 4: from logits to probabilities to the gradient."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

matplotlib.rcParams["svg.hashsalt"] = "minicap"

WORDS = ("cat\n(target)", "dog", "bird")
COLOURS = ("#e59a2f", "#2c6fbb", "#2c6fbb")

z = np.log([1.0, 2.0, 5.0])
p = np.exp(z) / np.exp(z).sum()
gradient = p - np.array([1, 0, 0])

figure = Figure(figsize=(9, 2.9), layout="constrained")
FigureCanvasAgg(figure)
for ax, numbers, label, limits in zip(figure.subplots(1, 3), (z, p, gradient),
                                      ("logits z", "probabilities p", "gradient dz = p - target"),
                                      ((0, 2), (0, 1), (-1, 1)), strict=True):
    ax.bar(WORDS, numbers, color=COLOURS, width=0.6)
    for place, number in enumerate(numbers):
        above = number >= 0
        ax.annotate(f"{number:.3g}", (place, number), (0, 3 if above else -3), textcoords="offset points",
                    ha="center", va="bottom" if above else "top", fontsize=11)
    ax.axhline(0, color="0.3", linewidth=0.8)
    ax.set_title(label, fontsize=13)
    ax.set_ylim(limits[0] * 1.15, limits[1] * 1.15)
    ax.tick_params(axis="x", labelsize=11, length=0)
    ax.spines[["top", "right"]].set_visible(False)
figure.savefig("softmax.svg", metadata={"Date": None})
