"""The figure of lesson 11: the size of activations and gradients through ten layers. Writes sizes.svg."""

import matplotlib
import numpy as np

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "minicap", "font.size": 11})

import matplotlib.pyplot as plt  # noqa: E402

N, D, LAYERS = 200, 256, 10


def size(a):
    """The root of the mean square."""
    return np.sqrt((a * a).mean())


def sizes(std):
    """Sizes of the inputs of each layer and the last output, and of their gradients."""
    rng = np.random.default_rng(0)
    xs, weights = [rng.standard_normal((N, D))], []
    for _ in range(LAYERS):
        weights.append(std * rng.standard_normal((D, D)))
        xs.append(np.maximum(xs[-1] @ weights[-1], 0))
    dxs = [rng.standard_normal((N, D))]
    for x, W in zip(reversed(xs[1:]), reversed(weights), strict=True):
        dxs.append((dxs[-1] * (x > 0)) @ W.T)
    return [size(x) for x in xs], [size(dx) for dx in reversed(dxs)]


he = np.sqrt(2 / D)
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), sharey=True)
for name, std, colour in (("twice He", 2 * he, "tab:red"), ("He, √(2/D)", he, "tab:green"),
                          ("√(1/D)", he / np.sqrt(2), "tab:blue"), ("half of He", he / 2, "tab:purple")):
    forward, backward = sizes(std)
    for ax, found in zip(axes, (forward, backward), strict=True):
        ax.semilogy(found, "o-", color=colour, markersize=4, label=name)
axes[0].set(xlabel="layers passed, forward", ylabel="size (root mean square)")
axes[1].set(xlabel="layers passed, backward")
axes[0].text(0.03, 0.93, "activations →", transform=axes[0].transAxes)
axes[1].text(0.97, 0.93, "← gradients", transform=axes[1].transAxes, ha="right")
for ax in axes:
    ax.set_ylim(1e-4, 1e5)
    ax.spines[["top", "right"]].set_visible(False)
axes[1].set_xticks(range(0, LAYERS + 1, 2), range(LAYERS, -1, -2))
fig.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncol=4, frameon=False)
fig.tight_layout(rect=(0, 0.07, 1, 1))
fig.savefig("sizes.svg", metadata={"Date": None})
