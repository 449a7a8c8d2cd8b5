"""The figures of lesson 6: the eight examples, and the loss on them, healthy and with one bug each."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minicap import Adam, Layer, Linear, ReLU, Sequential, SoftmaxCrossEntropy
from minicap.attention import softmax, softmax_backward
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.data.shapes_language import COLOURS
from minicap.initializers import he, normal
from minicap.layer import Cache

matplotlib.rcParams["svg.hashsalt"] = "minicap"

data = ShapesDataset(train=8, dev=0, test=0, side=16)
pictures = np.stack([data.image(name) for name in data.splits["train"]])
x = pictures.reshape(8, -1) / 255 - 0.5
targets = np.array([COLOURS.index(data.scenes[name].first.colour) for name in data.splits["train"]])


class Softmax(Layer):
    """p = softmax(x)"""

    def forward(self, x):
        p = softmax(x)
        return p, Cache(p=p)

    def backward(self, dp, cache):
        return softmax_backward(dp, *cache.spend(self))


def losses(steps=100, lr=0.003, behind=(), output=0.01, x=x, clear=True, sign=1.0, shuffle=False):
    """The loss before every step, with one thing done differently."""
    rng = np.random.default_rng(0)
    layers = [Linear(768, 32, rng=rng, init=he), ReLU(), Linear(32, 7, rng=rng, init=normal(output)), *behind]
    model = Sequential(*layers).astype(float)
    optimizer, loss_layer, found = Adam(model.named_parameters(), lr), SoftmaxCrossEntropy(), []
    for _ in range(steps):
        labels = rng.permutation(targets) if shuffle else targets
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, labels)
        found.append(float(loss))
        model.backward(loss_layer.backward(sign, loss_cache)[0], cache)
        optimizer.step()
        if clear:
            model.zero_grad()
    return found


CASES = {
    "healthy": {},
    "learning rate too small": {"lr": 0.00003},
    "learning rate too large": {"lr": 1.0},
    "large weights at the start": {"output": 2.0},
    "gradients never cleared": {"clear": False},
    "softmax before the loss": {"behind": (Softmax(),)},
    "the same picture eight times": {"x": np.repeat(x[:1], 8, axis=0)},
    "labels do not match pictures": {"shuffle": True},
}


def draw_pictures():
    figure = Figure(figsize=(9.6, 1.55), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, picture, target in zip(figure.subplots(1, 8), pictures, targets, strict=True):
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(COLOURS[target], fontsize=12)
        ax.set(xticks=[], yticks=[])
    figure.savefig("eight.png", dpi=100, metadata={"Software": None})


def draw_curves():
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 4, sharex=True, sharey=True)
    for ax, (name, change) in zip(axes.flat, CASES.items(), strict=True):
        ax.axhline(np.log(7), color="0.5", linestyle=":")
        ax.plot(losses(**change), color="#3a9a4b" if name == "healthy" else "#c0392b")
        ax.set_title(name, fontsize=11)
        ax.set_ylim(-0.15, 5)
        ax.grid(alpha=0.3)
    axes[0, 0].text(99, np.log(7) + 0.1, "log 7", color="0.4", ha="right")
    for ax in axes[1]:
        ax.set_xlabel("step")
    for ax in axes[:, 0]:
        ax.set_ylabel("loss on the eight")
    figure.savefig("curves.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw_pictures()
    draw_curves()
