"""The figure of lesson 23: where the model of the README looks before and after training. Writes where.svg."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from minicap.learn import readme

plt.rcParams["svg.hashsalt"] = "minicap"
HERE = Path(__file__).resolve().parent
PAINT = ("#d7232a", "#f58714", "#c9b400", "#2da046", "#2855d7", "#9132af", "#1e1e23", "#8a5a2b", "#12a0a8")
NAMES = ("red", "orange", "yellow", "green", "blue", "purple", "black", "brown", "turquoise")
SYMBOLS = ("o", "s", "^", "X")

lesson = {}
readme.run(readme.blocks((HERE / "README.md").read_text(encoding="utf-8")), HERE, lesson)
regions, asked, cell, right = lesson["example"]
colour = regions[0, :, :len(PAINT)].argmax(axis=1)
symbol = regions[0, :, len(PAINT):].argmax(axis=1)

fig, axes = plt.subplots(1, 2, figsize=(7.2, 4.1))
for ax, when in zip(axes, ("before", "after"), strict=True):
    alpha = lesson[when][0]
    for i in range(9):
        x, y = i % 3, 2 - i // 3
        strength = 0.1 + 0.9 * float(alpha[i])**0.5
        ax.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=PAINT[colour[i]], alpha=strength, edgecolor="white",
                                   linewidth=3))
        ax.plot(x + 0.5, y + 0.6, SYMBOLS[symbol[i]], color="white", markersize=22, markeredgecolor="#444444")
        ax.text(x + 0.5, y + 0.14, f"{100 * alpha[i]:.0f} %", ha="center", va="center", fontsize=11,
                color="white" if strength > 0.5 else "#444444")
    ax.set(xlim=(0, 3), ylim=(0, 3), aspect="equal")
    ax.axis("off")
    ax.set_title(f"{when} training", fontsize=12)
fig.suptitle(f"What is in the {NAMES[asked[0]]} cell?", fontsize=13)
fig.tight_layout()
fig.savefig("where.svg", metadata={"Date": None})
