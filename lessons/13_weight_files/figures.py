"""The figure of lesson 13: the bytes of a .safetensors file. Writes safetensors.svg."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

plt.rcParams.update({"svg.hashsalt": "minicap", "font.size": 11})

# left end, width, what is in it, what it says, colour
PARTS = ((0, 1.6, "166", "8 bytes: how long\nthe header is", "#fbe3c4"),
         (1.6, 5.2, '{"b": {"dtype": "F32", "shape": [3], ...}, "W": ...}', "166 bytes of JSON: the header", "#e3edf8"),
         (6.8, 1.6, "b", "12 bytes", "#e0f2e4"), (8.4, 2.6, "W", "24 bytes", "#e0f2e4"))

fig, ax = plt.subplots(figsize=(9.4, 1.9))
for left, width, inside, below, colour in PARTS:
    ax.add_patch(plt.Rectangle((left, 0), width, 1, facecolor=colour, edgecolor="#333333"))
    ax.text(left + width / 2, 0.5, inside, ha="center", va="center", fontsize=9 if len(inside) > 9 else 12)
    ax.text(left + width / 2, -0.2, below, ha="center", va="top", color="#444444", fontsize=10)
for x, offset in ((6.8, "0"), (8.4, "12"), (11.0, "36")):
    ax.plot([x, x], [1, 1.22], color="#333333")
    ax.text(x, 1.3, offset, ha="center", va="bottom")
ax.text(6.6, 1.3, "data_offsets:", ha="right", va="bottom", color="#444444")
ax.set(xlim=(-0.1, 11.3), ylim=(-1.1, 1.8))
ax.axis("off")
fig.savefig("safetensors.svg", bbox_inches="tight", facecolor="white", metadata={"Date": None})
