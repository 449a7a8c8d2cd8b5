"""The figure of lesson 26: BLEU-4 of three captioners on resampled test sets. Writes chance.svg."""

from pathlib import Path

import matplotlib
import numpy as np

from minicap.captioning.scoring.metrics import image_statistics, scores_of_sums
from minicap.learn.lessons import load

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 11, "svg.hashsalt": "minicap"})

import matplotlib.pyplot as plt  # noqa: E402

captioners = load(Path(__file__).with_name("captioners.py"))
data = captioners.scenes(200)
fig, ax = plt.subplots(figsize=(7.5, 3.2))
rng = np.random.default_rng(0)
bins = np.arange(70, 96, 0.5)
for y, (name, wrong, seed, colour) in enumerate((("A", 0.10, 1, "#2a5a8a"), ("B", 0.15, 2, "#d98a3d"),
                                                 ("C", 0.60, 3, "#4a7a4a"))):
    statistics = image_statistics(captioners.describe(data, wrong, seed), data.captions)
    N = len(statistics)
    sums = np.stack([np.bincount(rng.integers(N, size=N), minlength=N) @ statistics for _ in range(1000)])
    scores = 100 * scores_of_sums(sums, N)[:, 3]
    real = 100 * scores_of_sums(statistics.sum(axis=0), N)[3]
    low, high = np.quantile(scores, [0.025, 0.975])
    ax.hist(scores, bins, histtype="step", color=colour, linewidth=1.5)
    ax.plot([low, high], [-16 - 18 * y] * 2, color=colour, linewidth=3, solid_capstyle="butt")
    ax.plot(real, -16 - 18 * y, "o", color=colour)
    ax.text(high + 0.3, -16 - 18 * y, name, color=colour, va="center", weight="bold")
ax.axhline(0, color="0.7", linewidth=0.8)
ax.set(xlabel="BLEU-4", yticks=[], xlim=(72, 94), ylim=(-68, None))
ax.spines[["top", "right", "left"]].set_visible(False)
fig.tight_layout()
fig.savefig("chance.svg", metadata={"Date": None})
