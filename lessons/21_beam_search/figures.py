"""The figure of lesson 21: beam search on the tiny table, with a beam of two. Writes beam.svg."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

plt.rcParams.update({"svg.hashsalt": "minicap", "font.size": 10})

# name: (turn, height, words, probability so far, what becomes of it, parent)
WAYS = {
    "": (0, 3.2, "<start>", "1", "continues", None),
    "a": (1, 4.7, "a", ".55", "continues", ""),
    "two": (1, 1.1, "two", ".45", "continues", ""),
    "a dog": (2, 6.0, "a dog", ".55 · .4 = .22", "continues", "a"),
    "a cat": (2, 4.7, "a cat", ".55 · .3 = .165", "dropped", "a"),
    "a ball": (2, 3.4, "a ball", ".55 · .3 = .165", "dropped", "a"),
    "two dogs": (2, 1.75, "two dogs", ".45 · .9 = .405", "continues", "two"),
    "two cats": (2, 0.45, "two cats", ".45 · .1 = .045", "dropped", "two"),
    "a dog runs": (3, 6.65, "a dog runs", ".22 · .6 = .132", "dropped", "a dog"),
    "a dog <end>": (3, 5.35, "a dog <end>", ".22 · .4 = .088", "dropped", "a dog"),
    "two dogs <end>": (3, 2.4, "two dogs <end>", ".405 · .55 = .223", "finished", "two dogs"),
    "two dogs run": (3, 1.1, "two dogs run", ".405 · .45 = .182", "continues", "two dogs"),
    "two dogs run <end>": (4, 1.1, "two dogs run <end>", ".182 · 1 = .182", "finished", "two dogs run"),
}
LOOKS = {"continues": ("#1f5fa8", "#e3edf8", "black"), "finished": ("#2a7d3f", "#e0f2e4", "black"),
         "dropped": ("#bbbbbb", "white", "#888888")}

fig, ax = plt.subplots(figsize=(9.6, 5.4))
across = (0, 1.05, 2.6, 4.35, 6.3)
for turn, height, words, probability, fate, parent in WAYS.values():
    edge, face, ink = LOOKS[fate]
    if parent is not None:
        ax.plot([across[turn - 1], across[turn]], [WAYS[parent][1], height], color=edge, zorder=1,
                linewidth=1 if fate == "dropped" else 1.8)
    ax.text(across[turn], height, f"{words}\n{probability}", ha="center", va="center", color=ink, linespacing=1.3,
            bbox={"boxstyle": "round,pad=0.35", "edgecolor": edge, "facecolor": face, "linewidth": 1.4}, zorder=2)
for turn, x in enumerate(across[1:], start=1):
    ax.text(x, 7.3, f"step {turn}", ha="center", color="#555555")
for (fate, (edge, face, ink)), x in zip(LOOKS.items(), (4.5, 5.4, 6.3), strict=True):
    ax.text(x, -0.65, fate, ha="center", va="center", color=ink,
            bbox={"boxstyle": "round,pad=0.35", "edgecolor": edge, "facecolor": face, "linewidth": 1.4})
ax.set_xlim(-0.5, 7.1)
ax.set_ylim(-1.1, 7.5)
ax.axis("off")
fig.savefig("beam.svg", bbox_inches="tight", facecolor="white", metadata={"Date": None})
