"""The figure of lesson 19: how far a gradient gets in an LSTM's memory. Writes gradient.png."""

import matplotlib
import numpy as np

from minicap import LSTMCell
from minicap.initializers import orthogonal

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 11})

import matplotlib.pyplot as plt  # noqa: E402

N, T, H = 16, 50, 64
rng = np.random.default_rng(0)
rotation = orthogonal(rng, (H, H))
x = 0.3 * rng.standard_normal((T, N, H))
last = rng.standard_normal((N, H))  # the gradient of the memory after the last step


def plain():
    """The length of the state's gradient 0, 1, ... T steps back, in the plain network of lesson 18."""
    h = [np.zeros((N, H))]
    for t in range(T):
        h.append(np.tanh(x[t] + h[-1] @ rotation))
    dh, found = last, [last]
    for t in reversed(range(T)):
        dh = (dh * (1 - h[t + 1]**2)) @ rotation.T
        found.append(dh)
    return found


def lstm(forget_bias):
    """The same for the memory of an LSTM."""
    cell = LSTMCell(H, H, rng=np.random.default_rng(1)).astype(np.float64)
    cell.b.data[H:2 * H] = forget_bias
    h, c, caches = np.zeros((N, H)), np.zeros((N, H)), []
    for t in range(T):
        (h, c), cache = cell.forward(x[t], h, c)
        caches.append(cache)
    dh, dc, found = np.zeros((N, H)), last, [last]
    for cache in reversed(caches):
        _, dh, dc = cell.backward((dh, dc), cache)
        found.append(dc)
    return found


fig, ax = plt.subplots(figsize=(7.5, 4.0))
for label, found, colour in (("LSTM, forget bias 2", lstm(2), "tab:blue"),
                             ("LSTM, forget bias 1", lstm(1), "tab:green"),
                             ("plain, U a rotation", plain(), "0.35"), ("LSTM, forget bias 0", lstm(0), "tab:red")):
    length = [np.linalg.norm(gradient) / np.linalg.norm(last) for gradient in found]
    ax.semilogy(length, color=colour, linewidth=2)
    ax.annotate(label, (T, length[-1]), xytext=(6, -4), textcoords="offset points", color=colour)
ax.axhline(1, color="0.7", linewidth=0.8)
ax.set(xlabel="steps back in time", ylabel="length of the gradient", xlim=(0, T), ylim=(1e-8, 1e2))
ax.spines[["top", "right"]].set_visible(False)
fig.tight_layout()
fig.savefig("gradient.png", dpi=110)
