"""The figures of lesson 5: three ways down a valley, and a spiral that is learned."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from minicap import SGD, Adam, Linear, ReLU, Sequential, SoftmaxCrossEntropy
from minicap.initializers import he

matplotlib.rcParams["svg.hashsalt"] = "minicap"

NAMES = ("SGD", "momentum", "Adam")
COLOURS = {"SGD": "#c0392b", "momentum": "#e59a2f", "Adam": "#2c6fbb"}
HAPPENS = ("across the valley, then creeping along it", "past the minimum, and back", "past it by less")
ARMS = ("#c0392b", "#2c6fbb", "#3a9a4b")


# -------------------------------------------------------------------------------------------------------- the valley

def path(kind, lr, steps):
    """The points that an optimiser visits on 1/2 (x² + 25 y²), from (-10, 2)."""
    theta, v, s, places = np.array([-10.0, 2.0]), np.zeros(2), np.zeros(2), []
    for t in range(1, steps + 1):
        places.append(theta.copy())
        g = np.array([1.0, 25.0]) * theta
        if kind == "Adam":
            v, s = 0.9 * v + 0.1 * g, 0.999 * s + 0.001 * g * g
            theta = theta - lr * (v / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
        else:
            v = (0.9 if kind == "momentum" else 0.0) * v + g
            theta = theta - lr * v
    return np.array(places)


def draw_valley():
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    x, y = np.meshgrid(np.linspace(-11, 4, 120), np.linspace(-3, 3, 80))
    axes = figure.subplots(3, 1, sharex=True)
    for ax, kind, lr, what in zip(axes, NAMES, (0.07, 0.01, 0.5), HAPPENS, strict=True):
        ax.contour(x, y, 0.5 * (x * x + 25 * y * y), levels=[1, 5, 15, 35, 70, 120], colors="0.8", linewidths=0.8)
        way = path(kind, lr, 41)
        ax.plot(*way.T, marker=".", color=COLOURS[kind])
        ax.plot(0, 0, marker="+", color="black", markersize=10)
        ax.text(3.9, 2.1, f"{kind}, lr {lr:g}: {what}", fontsize=12, ha="right")
        ax.annotate("step 40", way[-1], (way[-1, 0] + 0.4, -1.9), ha="left", arrowprops={"arrowstyle": "-"})
        ax.set_ylabel("$\\theta_1$")
        ax.set(ylim=(-2.9, 2.9), xlim=(-10.8, 4))
        ax.tick_params(labelsize=9)
    axes[-1].set_xlabel("$\\theta_0$")
    figure.savefig("valley.svg", metadata={"Date": None})


# -------------------------------------------------------------------------------------------------------- the spiral

def spiral(rng, arms=3, points=100):
    """(x, targets): points of two coordinates on arms that wind around the middle."""
    radius, arm = np.tile(np.linspace(0.05, 1, points), arms), np.repeat(np.arange(arms), points)
    angle = 2 * np.pi * arm / arms + 5 * radius + 0.15 * rng.standard_normal(arms * points)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), arm


def network():
    rng = np.random.default_rng(1)
    return Sequential(hidden=Linear(2, 64, rng=rng, init=he), relu=ReLU(), output=Linear(64, 3, rng=rng)).astype(float)


def learn(kind, lr, steps):
    """(the network, its loss before every step)."""
    model, loss_layer, losses = network(), SoftmaxCrossEntropy(), []
    optimizer = {"SGD": lambda p: SGD(p, lr), "momentum": lambda p: SGD(p, lr, momentum=0.9),
                 "Adam": lambda p: Adam(p, lr)}[kind](model.named_parameters())
    for _ in range(steps):
        z, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(z, targets)
        losses.append(float(loss))
        model.backward(loss_layer.backward(1.0, loss_cache)[0], cache)
        optimizer.step()
        model.zero_grad()
    return model, losses


def draw_spiral():
    figure = Figure(figsize=(11, 3.7), layout="constrained")
    FigureCanvasAgg(figure)
    points, curves, rates = figure.subplots(1, 3)

    model, _ = learn("Adam", 0.03, 200)
    across = np.linspace(-1.15, 1.15, 230)
    grid = np.stack(np.meshgrid(across, across), axis=-1)
    found = model(grid.reshape(-1, 2)).argmax(axis=1).reshape(grid.shape[:2])
    points.pcolormesh(across, across, found, cmap=ListedColormap(ARMS), alpha=0.25, shading="nearest", linewidth=0,
                      rasterized=True)
    points.scatter(*x.T, c=targets, cmap=ListedColormap(ARMS), s=12, edgecolors="white", linewidths=0.4)
    points.set(aspect="equal", xticks=[], yticks=[], xlabel="predictions after 200 steps of Adam")

    for kind, lr in zip(NAMES, (0.1, 0.1, 0.03), strict=True):
        curves.semilogy(learn(kind, lr, 200)[1], color=COLOURS[kind], label=f"{kind}, lr {lr:g}")
    curves.set(xlabel="step", ylabel="loss")

    tried = 10.0 ** np.arange(-3, 1.3, 0.5)
    with np.errstate(all="ignore"):
        for kind in NAMES:
            last = [min(learn(kind, lr, 100)[1][-1], 10) for lr in tried]
            rates.loglog(tried, np.nan_to_num(last, nan=10), color=COLOURS[kind], marker=".", label=kind)
    rates.set(xlabel="learning rate", ylabel="loss after 100 steps", ylim=(2e-3, 12))
    for ax in (curves, rates):
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
    figure.savefig("spiral.svg", metadata={"Date": None})


x, targets = spiral(np.random.default_rng(0))
draw_valley()
draw_spiral()
