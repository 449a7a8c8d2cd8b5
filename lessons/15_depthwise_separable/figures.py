"""The figures of lesson 15: apart.svg, a convolution and its two halves; bottleneck.svg, a ReLU on few and on many
channels; network.svg, EfficientNet-Lite2 stage by stage. Writes them into the current directory."""

import itertools
from pathlib import Path

import matplotlib
import numpy as np

from minicap.learn.lessons import load

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 11, "svg.hashsalt": "minicap", "font.family": "DejaVu Sans"})

import matplotlib.pyplot as plt  # noqa: E402

BLUE, ORANGE, GREEN, EDGE = "#a8c8e8", "#d98a3d", "#4a7a4a", "#2a5a8a"
counting = load(Path(__file__).with_name("counting.py"))
C, APART = 6, 5

# ------------------------------------------------------------------------------------------------- a convolution apart

fig, (whole, halves) = plt.subplots(1, 2, figsize=(9.6, 3.6), width_ratios=(APART + 3, 2 * APART + 3))


def column(ax, x, title):
    """The channels of a picture, one above the other."""
    for c in range(C):
        ax.add_patch(plt.Circle((x, c), 0.27, facecolor=BLUE, edgecolor=EDGE, zorder=3))
    ax.text(x, C - 0.25, title, ha="center", va="bottom", fontsize=10)


def lines(ax, x, pairs, colour, width):
    for begin, end in pairs:
        ax.plot([x + 0.27, x + APART - 0.27], [begin, end], color=colour, linewidth=width, zorder=1)


everyone = list(itertools.product(range(C), range(C)))
column(whole, 0, "channels of x")
column(whole, APART, "channels of y")
lines(whole, 0, everyone, ORANGE, 3.5)
whole.text(APART / 2, -0.75, f"{C * C} kernels of 3 × 3,\n{9 * C * C} weights", ha="center", va="top", fontsize=10)
whole.set_title("a convolution", fontsize=12, pad=16)
for x, title in ((0, "channels of x"), (APART, "found in each"), (2 * APART, "channels of y")):
    column(halves, x, title)
lines(halves, 0, [(c, c) for c in range(C)], ORANGE, 3.5)
lines(halves, APART, everyone, GREEN, 1)
halves.text(0.5 * APART, -0.75, f"depthwise:\n{C} kernels of 3 × 3,\n{9 * C} weights", ha="center", va="top",
            fontsize=10)
halves.text(1.5 * APART, -0.75, f"1 × 1:\n{C * C} weights", ha="center", va="top", fontsize=10)
halves.set_title("depthwise separable", fontsize=12, pad=16)
for ax, right in ((whole, APART), (halves, 2 * APART)):
    ax.set(xlim=(-1.5, right + 1.5), ylim=(-2.4, C + 0.3), aspect="equal")
    ax.axis("off")
fig.tight_layout()
fig.savefig("apart.svg", metadata={"Date": None})
plt.close(fig)

# -------------------------------------------------------------------------------------- a ReLU on few and many channels

rng = np.random.default_rng(0)
t = np.linspace(0.5, 3 * np.pi, 200)
curve = np.stack([t * np.cos(t), t * np.sin(t)], axis=1) / t.max()
panels = [("two numbers for each point", curve)]
for n in (2, 5, 30):
    y = np.maximum(curve @ rng.standard_normal((2, n)), 0)
    y = np.concatenate([y, np.ones((len(y), 1))], axis=1)
    panels.append((f"back from {n} channels after ReLU", y @ np.linalg.lstsq(y, curve, rcond=None)[0]))
fig, axes = plt.subplots(1, 4, figsize=(10.4, 2.9))
for ax, (title, points) in zip(axes, panels, strict=True):
    ax.scatter(*points[::2].T, c=t[::2], s=9, cmap="viridis")
    ax.set(title=title, xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), xticks=[], yticks=[], aspect="equal")
    ax.title.set_fontsize(10)
fig.tight_layout()
fig.savefig("bottleneck.svg", metadata={"Date": None})
plt.close(fig)

# --------------------------------------------------------------------------------------------------- the whole network

def names(row):
    return row.name if not row.blocks else f"{row.blocks} block{'s' * (row.blocks > 1)}\nof {row.name}"


rows = counting.stages()
fig, (boxes, bars) = plt.subplots(2, 1, figsize=(9.4, 5.8), sharex=True, height_ratios=(1.15, 1))
for i, row in enumerate(rows):
    height, width = row.side / 130, 0.08 + 0.6 * row.channels / 1280
    boxes.add_patch(plt.Rectangle((i - width / 2, 0.5 - height / 2), width, height, facecolor=BLUE, edgecolor=EDGE))
    boxes.text(i, 0.5 + height / 2 + 0.03, f"{row.side} × {row.side}\n× {row.channels}", ha="center", va="bottom",
               fontsize=10)
boxes.set(ylim=(-0.05, 1.3), xlim=(-0.6, len(rows) - 0.4))
boxes.axis("off")
below = np.zeros(len(rows))
for kind, colour, label in (("convolution", BLUE, "3 × 3 convolution"), ("depthwise", ORANGE, "depthwise"),
                            ("1 x 1", GREEN, "1 × 1 and dense")):
    values = np.array([row.counts[kind] + (row.counts["dense"] if kind == "1 x 1" else 0) for row in rows]) / 1e6
    bars.bar(range(len(rows)), values, 0.6, bottom=below, color=colour, label=label)
    below += values
for i, total in enumerate(below):
    bars.text(i, total + 3, f"{total:.0f}", ha="center", fontsize=9)
bars.set(xticks=range(len(rows)), xticklabels=[names(row) for row in rows], ylabel="million multiplications",
         ylim=(0, 1.2 * below.max()))
bars.tick_params(axis="x", labelsize=9)
bars.legend(frameon=False, loc="upper left")
bars.spines[["top", "right"]].set_visible(False)
fig.tight_layout()
fig.savefig("network.svg", metadata={"Date": None})
plt.close(fig)
