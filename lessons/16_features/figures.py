"""The figure of lesson 16: how far a number changes when it is stored as float16. Writes float16.svg."""

import itertools

import matplotlib
import numpy as np

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 11, "svg.hashsalt": "minicap"})

import matplotlib.pyplot as plt  # noqa: E402

x = np.geomspace(2e-9, 3e5, 4000) * (1 + 1e-3 * np.random.default_rng(0).random(4000))
with np.errstate(over="ignore"):
    stored = x.astype(np.float16).astype(np.float64)
error = np.abs(stored - x) / x
edges = np.geomspace(x[0], 65504, 90)
largest = [error[(x >= low) & (x < high)].max() for low, high in itertools.pairwise(edges)]

fig, ax = plt.subplots(figsize=(7.5, 3.4))
ax.loglog(edges[:-1], largest, color="#2a5a8a")
ax.axvspan(65504, x[-1], color="#f2c4bd")
ax.text(7.6e4, 1e-4, "inf", rotation=90, va="center", color="#a03020")
ax.axvspan(0.003, 300, color="#d9ead3", zorder=0)
ax.text(1, 2e-3, "features of VGG-19", ha="center", color="#4a7a4a")
ax.axhline(2.0**-11, color="0.6", linestyle=":")
ax.text(3e-9, 2.0**-11 * 0.45, "one part in 2,048", color="0.4")
ax.text(3e-9, 1.4, "becomes 0", color="0.4")
ax.set(xlabel="number", ylabel="largest relative error", xlim=(x[0], x[-1]), ylim=(1e-5, 4))
ax.spines[["top", "right"]].set_visible(False)
fig.tight_layout()
fig.savefig("float16.svg", metadata={"Date": None})
