"""The figure of lesson 2: how wrong a difference quotient is, by the size of its step."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

matplotlib.rcParams["svg.hashsalt"] = "minicap"


def f(x):
    return x * x * x


def one_sided(x, h):
    return (f(x + h) - f(x)) / h


def central(x, h):
    return (f(x + h) - f(x - h)) / (h + h)


def errors(slope, number):
    """Relative errors of the slope of x³ at 2, computed in this type of number."""
    found = np.array([float(slope(number(2), number(h))) for h in steps])
    return np.maximum(abs(found - 12) / 12, 1e-13)


steps = 10.0 ** np.arange(-12, 0.01, 0.125)
figure = Figure(figsize=(7.2, 3.9), layout="constrained")
FigureCanvasAgg(figure)
ax = figure.subplots()
ax.loglog(steps, errors(central, np.float32), color="#c0392b", marker=".", label="central, float32")
ax.loglog(steps, errors(one_sided, np.float64), color="#e59a2f", marker=".", label="one-sided, float64")
ax.loglog(steps, errors(central, np.float64), color="#2c6fbb", marker=".", label="central, float64")
ax.axvline(1e-5, color="0.5", linestyle=":")
ax.text(1.25e-5, 3e-13, "h = 1e-5", color="0.35", fontsize=11)
ax.text(2e-12, 2e-3, "h is too small:\nrounding", color="0.35", fontsize=11)
ax.text(0.7, 1e-9, "h is too large:\nthe curve bends", color="0.35", fontsize=11, ha="right")
ax.set(xlabel="step h", ylabel="relative error of the slope", ylim=(1e-13, 10), xlim=(1e-12, 1))
ax.xaxis.label.set_size(12)
ax.yaxis.label.set_size(12)
ax.grid(alpha=0.3)
ax.legend(frameon=False, loc="lower left", fontsize=11)
figure.savefig("steps.svg", metadata={"Date": None})
