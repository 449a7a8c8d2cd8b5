"""The figure of lesson 20: inputs and predictions of the LSTM, step by step. Writes unrolled.svg."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

plt.rcParams.update({"svg.hashsalt": "minicap", "font.size": 12})

READS = ("image", "<start>", "a", "dog", "runs")
SAYS = (None, "a", "dog", "runs", "<end>")

fig, ax = plt.subplots(figsize=(8.4, 3.3))


def box(x, y, text, face, width=1.5, height=0.62):
    ax.add_patch(plt.Rectangle((x - width / 2, y - height / 2), width, height, facecolor=face, edgecolor="#333333"))
    ax.text(x, y, text, ha="center", va="center")


def arrow(begin, end, **style):
    look = {"arrowstyle": "-|>", "color": "#333333", "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, begin, arrowprops=look | style)


for t, (read, said) in enumerate(zip(READS, SAYS, strict=True)):
    x = 2.2 * t
    box(x, 0, read, "#fbe3c4" if t == 0 else "#e3edf8")
    box(x, 1.5, "LSTM", "#eeeeee")
    arrow((x, 0.31), (x, 1.19))
    if t:
        arrow((x - 2.2 + 0.75, 1.5), (x - 0.75, 1.5))
        arrow((x, 1.81), (x, 2.69))
        box(x, 3, said, "#e0f2e4")
    if 0 < t < len(READS) - 1:  # the predicted word is the next input
        ax.plot([x + 0.75, x + 1.1, x + 1.1, x + 1.3], [3, 3, 0, 0], color="#999999", linestyle=(0, (4, 3)), zorder=0)
        arrow((x + 1.2, 0), (x + 1.45, 0), color="#999999")
for y, text in ((0, "input"), (3, "prediction")):
    ax.text(-1.2, y, text, ha="right", va="center", color="#555555")
ax.text(0, 2.35, "nothing", ha="center", va="center", color="#999999", style="italic")
ax.set(xlim=(-2.3, 9.7), ylim=(-0.5, 3.5), aspect="equal")
ax.axis("off")
fig.savefig("unrolled.svg", bbox_inches="tight", facecolor="white", metadata={"Date": None})
