"""The figures of lesson 25: which thread has which number, how a block reduces sums. Writes index.svg, fold.svg."""

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 11, "svg.hashsalt": "minicap"})

import matplotlib.pyplot as plt  # noqa: E402

COLOURS = ("#a8c8e8", "#f4d3a1", "#c5e0b8")


def box(ax, x, y, text, colour, width=0.9, dashed=False):
    ax.add_patch(plt.Rectangle((x - width / 2, y - 0.3), width, 0.6, facecolor=colour, edgecolor="0.35",
                               linestyle="--" if dashed else "-"))
    ax.text(x, y, text, ha="center", va="center")


def arrow(ax, x0, y0, x1, y1):
    ax.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "color": "0.4"})


def canvas(width, height, xlim, ylim):
    fig, ax = plt.subplots(figsize=(width, height))
    ax.set(xlim=xlim, ylim=ylim)
    ax.axis("off")
    return fig, ax


fig, ax = canvas(8.4, 2.3, (-2.1, 11.6), (-0.2, 3.4))
for block in range(3):
    ax.text(4 * block + 1.5, 3.1, f"block {block}", ha="center", weight="bold")
    for thread in range(4):
        i = 4 * block + thread
        box(ax, i, 2.4, str(thread), COLOURS[block])
        if i < 10:
            arrow(ax, i, 2.05, i, 1.05)
            box(ax, i, 0.7, str(i), "white")
        else:
            ax.text(i, 1.5, "returns", ha="center", color="#a03020", fontsize=9)
            box(ax, i, 0.7, "", "0.9", dashed=True)
ax.text(-0.8, 2.4, "thread", ha="right", va="center")
ax.text(-0.8, 0.7, "number", ha="right", va="center")
ax.text(10.5, 0.05, "other memory", ha="center", fontsize=9, color="0.3")
fig.tight_layout()
fig.savefig("index.svg", metadata={"Date": None})

fig, ax = canvas(6.2, 3.6, (-2.2, 4.2), (-0.6, 5.0))
rows = ([1, 2, 3, 4], [5, 6, 7, None], [6, 8, 10, 4], [16, 12], [28])
heights = (4.5, 3.7, 2.4, 1.2, 0.0)
for y, row in zip(heights, rows, strict=True):
    for t, number in enumerate(row):
        if number is not None:
            box(ax, t, y, str(number), "white" if y > 3 else COLOURS[0])
for t in range(4):
    arrow(ax, t, 3.35 if t < 3 else 4.15, t, 2.75)
for y, half in ((2.4, 2), (1.2, 1)):
    for t in range(half):
        arrow(ax, t, y - 0.35, t, y - 0.85)
        arrow(ax, t + half, y - 0.35, t + 0.25, y - 0.85)
for y, text in ((4.1, "the numbers"), (2.4, "four threads"), (1.2, "two of them"), (0.0, "thread 0")):
    ax.text(-0.8, y, text, ha="right", va="center")
fig.tight_layout()
fig.savefig("fold.svg", metadata={"Date": None})
