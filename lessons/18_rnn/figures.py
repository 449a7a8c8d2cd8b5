"""The figure of lesson 18: how much of a gradient is left after so many steps back. Writes gradient.svg."""

import matplotlib
import numpy as np

from minicap.initializers import orthogonal

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "minicap", "font.size": 11})

import matplotlib.pyplot as plt  # noqa: E402

N, T, H = 16, 50, 64
rng = np.random.default_rng(0)
rotation = orthogonal(rng, (H, H))
x = 0.3 * rng.standard_normal((T, N, H))
dh_last = rng.standard_normal((N, H))


def lengths(gain):
    """The length of dL/dh, 0, 1, ... T steps before the last one, relative to the last one's; U = gain · rotation."""
    U, h = gain * rotation, [np.zeros((N, H))]
    for t in range(T):
        h.append(np.tanh(x[t] + h[-1] @ U))
    dh, found = dh_last, [1.0]
    for t in reversed(range(T)):
        dh = (dh * (1 - h[t + 1]**2)) @ U.T
        found.append(np.linalg.norm(dh) / np.linalg.norm(dh_last))
    return found


fig, ax = plt.subplots(figsize=(7.5, 4.2))
for gain, colour in zip((2.0, 1.5, 1.1, 1.0, 0.9, 0.5), plt.cm.viridis(np.linspace(0, 0.75, 6)), strict=True):
    found = lengths(gain)
    ax.semilogy(found, color=colour, linewidth=2)
    ax.annotate(f"U = {gain:g} × rotation", (T, found[-1]), xytext=(6, -4), textcoords="offset points", color=colour)
ax.axhline(1, color="0.7", linewidth=0.8)
ax.set(xlabel="steps back in time", ylabel="length of the gradient of the state", xlim=(0, T), ylim=(1e-18, 1e5))
ax.spines[["top", "right"]].set_visible(False)
fig.tight_layout()
fig.savefig("gradient.svg", metadata={"Date": None})
