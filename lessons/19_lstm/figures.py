"""The figures of lesson 19: cell.svg, one step of an LSTM; gradient.svg, how far a gradient gets in its memory."""

import matplotlib
import numpy as np

from minicap import LSTMCell
from minicap.initializers import orthogonal

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "minicap", "font.size": 11})

import matplotlib.pyplot as plt  # noqa: E402

# ------------------------------------------------------------------------------------------------------ a step, drawn

LINE, SIGMOID, TANH, PLAIN, HIDDEN = "#333333", "#e3edf8", "#fbe3c4", "#eeeeee", "#2c6fbb"
MEMORY, OUTPUT = "#c0392b", 6.3  # the colour of the memory's way; where the output gate is, from the left


def box(ax, x, y, text, face, width=0.9):
    ax.add_patch(plt.Rectangle((x - width / 2, y - 0.3), width, 0.6, facecolor=face, edgecolor=LINE))
    ax.text(x, y, text, ha="center", va="center")


def circle(ax, x, y, text):
    ax.add_patch(plt.Circle((x, y), 0.24, facecolor="white", edgecolor=LINE, zorder=3))
    ax.text(x, y - 0.02, text, ha="center", va="center_baseline", fontsize=14, zorder=4)


def way(ax, *corners, colour=LINE):
    """A line around corners, with a head at its end."""
    (*_, before, end) = corners
    ax.plot(*zip(*corners[:-1], strict=True), color=colour, linewidth=1.6, solid_capstyle="butt")
    ax.annotate("", end, before, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0,
                                             "shrinkB": 0})


def draw_cell():
    fig, ax = plt.subplots(figsize=(9.2, 5.2))
    ax.add_patch(matplotlib.patches.FancyBboxPatch((0.9, 0.75), 8.0, 4.85, boxstyle="round,pad=0.1", zorder=0,
                                                   facecolor="#fafafa", edgecolor="#bbbbbb"))
    way(ax, (0, 5), (1.76, 5), colour=MEMORY)            # c, along the top
    way(ax, (2.24, 5), (3.76, 5), colour=MEMORY)
    way(ax, (4.24, 5), (9.8, 5), colour=MEMORY)
    way(ax, (0, 1.3), (1.5, 1.3), colour=HIDDEN)         # h, from the left, and x, from below, into the linear layer
    way(ax, (4.15, 0.1), (4.15, 1.0))
    box(ax, 4.15, 1.3, "$z = x\\,W + h\\,U + b$", PLAIN, width=5.3)
    for x, gate, face in ((2.0, "f", SIGMOID), (3.3, "i", SIGMOID), (4.7, "g", TANH), (OUTPUT, "o", SIGMOID)):
        way(ax, (x, 1.6), (x, 2.3))
        ax.text(x + 0.1, 1.93, f"$z_{gate}$", va="center")
        box(ax, x, 2.6, "tanh" if gate == "g" else "σ", face)
        ax.text(x + 0.12, 3.12, f"${gate}$", va="center", fontsize=14)
    way(ax, (2.0, 2.9), (2.0, 4.76))                     # f ⊙ c
    way(ax, (3.3, 2.9), (3.3, 3.8), (3.76, 3.8))         # i ⊙ g
    way(ax, (4.7, 2.9), (4.7, 3.8), (4.24, 3.8))
    way(ax, (4.0, 4.04), (4.0, 4.76))                    # c' = f ⊙ c + i ⊙ g
    ax.text(2.6, 5.22, r"$f \odot c$", color=MEMORY)
    ax.text(4.12, 4.35, r"$i \odot g$", va="center")
    way(ax, (7.5, 5), (7.5, 4.5))                        # h' = o ⊙ tanh(c')
    ax.plot(7.5, 5, "o", color=MEMORY, markersize=6)
    box(ax, 7.5, 4.2, "tanh", PLAIN)
    way(ax, (7.5, 3.9), (7.5, 3.54))
    way(ax, (OUTPUT, 2.9), (OUTPUT, 3.3), (7.26, 3.3))
    way(ax, (7.5, 3.06), (7.5, 1.3), (9.8, 1.3), colour=HIDDEN)
    for x, y in ((2.0, 5), (4.0, 3.8), (7.5, 3.3)):
        circle(ax, x, y, r"$\odot$")
    circle(ax, 4.0, 5, "+")
    for x, y, text, colour, side in ((-0.1, 5, "$c$", MEMORY, "right"), (9.9, 5, "$c'$", MEMORY, "left"),
                                     (-0.1, 1.3, "$h$", HIDDEN, "right"), (9.9, 1.3, "$h'$", HIDDEN, "left"),
                                     (4.15, -0.1, "$x$", LINE, "center")):
        ax.text(x, y, text, color=colour, fontsize=16, ha=side, va="center" if side != "center" else "top")
    ax.text(8.95, 0.35, "also to the layer above", color="0.4", ha="center", fontsize=10)
    ax.set(xlim=(-0.5, 10.4), ylim=(-0.6, 5.8), aspect="equal")
    ax.axis("off")
    fig.savefig("cell.svg", bbox_inches="tight", facecolor="white", metadata={"Date": None})
    plt.close(fig)


draw_cell()

# ----------------------------------------------------------------------------------------- what is left of a gradient

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
fig.savefig("gradient.svg", metadata={"Date": None})
