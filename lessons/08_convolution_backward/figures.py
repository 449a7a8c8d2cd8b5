"""The figure of lesson 8: an output scatters, a pixel gathers. Writes it into the current directory."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, GREY = "#3b6ea5", "#d98032", "#4d8f4d", "#cfcfcf"
COLOURS = (BLUE, ORANGE, GREEN)  # of w[0], w[1] and w[2]
PIXELS, K = 6, 3


def boxes(axis, names, y, marked):
    """A row of named squares around the height y; the one of number ``marked`` is drawn bold."""
    for i, name in enumerate(names):
        x = i + (PIXELS - len(names)) / 2
        axis.add_patch(plt.Rectangle((x + 0.08, y), 0.84, 0.5, facecolor="#e8eef5" if i == marked else "white",
                                     edgecolor="black" if i == marked else "#909090",
                                     linewidth=2 if i == marked else 1))
        axis.text(x + 0.5, y + 0.24, name, ha="center", va="center", fontsize=11)


def draw(axis, title, pixel=None, output=None):
    """Every connection in grey, and those of one pixel or one output in the colour of their weight."""
    outputs = PIXELS - K + 1
    boxes(axis, [f"dx[{j}]" for j in range(PIXELS)], 0, pixel)
    boxes(axis, [f"dy[{i}]" for i in range(outputs)], 2.1, output)
    for i in range(outputs):
        for k in range(K):
            begin, end = (i + 1.5, 2.1), (i + k + 0.5, 0.5)
            if i != output and i + k != pixel:
                axis.plot(*zip(begin, end, strict=True), color=GREY, linewidth=1, zorder=0)
                continue
            axis.annotate("", end, begin, zorder=3,
                          arrowprops={"arrowstyle": "-|>", "color": COLOURS[k], "linewidth": 2.2})
            at = 0.68 if pixel is None else 0.32  # where the arrows are apart
            axis.text(begin[0] + at * (end[0] - begin[0]), begin[1] + at * (end[1] - begin[1]), f"w[{k}]", zorder=4,
                      color=COLOURS[k], fontsize=11, ha="center", va="center",
                      bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"})
    axis.set_title(title, fontsize=12)
    axis.set_xlim(-0.1, PIXELS + 0.1), axis.set_ylim(-0.15, 2.75)
    axis.axis("off")


plt.rcParams.update({"svg.hashsalt": "minicap", "font.family": "DejaVu Sans"})
figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.0))
draw(axes[0], "output 1 scatters", output=1)
draw(axes[1], "pixel 3 gathers", pixel=3)
figure.tight_layout()
figure.savefig("both_sides.svg", metadata={"Date": None})
plt.close(figure)
