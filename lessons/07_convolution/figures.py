"""The figures of lesson 7: the outputs of two kernels, and where windows lie. Writes them where it is run."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from minicap.captioning.data.shapes import ShapesDataset
from minicap.conv import conv2d, output_size

ACROSS = np.array([[-1.0, 0.0, 1.0]] * 3)
BLUE, ORANGE, GREY = "#3b6ea5", "#d98032", "#b8b8b8"


def edges():
    """A scene of the data set `shapes`, and the outputs of the two kernels of the text."""
    data = ShapesDataset(train=38, dev=0, test=0, side=96)
    picture = data.image("train-00037")
    grey = picture.mean(axis=2) / 255
    kernels = np.stack([ACROSS, ACROSS.T], axis=2)[:, :, None]  # (K, K, C, F) = (3, 3, 1, 2)
    y = conv2d(grey[None, :, :, None], kernels, np.zeros(2), 1, 0)[0]

    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.9))
    titles = ("the picture", "brighter on the right,\nor on the left?", "brighter below,\nor above?")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=12)
        axis.set_xticks([]), axis.set_yticks([])
    axes[0].imshow(picture)
    for axis, response, kernel in zip(axes[1:], np.moveaxis(y, 2, 0), (ACROSS, ACROSS.T), strict=True):
        axis.imshow(response, cmap="RdBu", vmin=-2, vmax=2)
        corner = axis.inset_axes([0.03, 0.03, 0.28, 0.28])
        corner.imshow(kernel, cmap="RdBu", vmin=-2, vmax=2)
        corner.set_xticks([]), corner.set_yticks([])
        for row, column in np.ndindex(kernel.shape):
            corner.text(column, row, f"{kernel[row, column]:.0f}".replace("-", "−"), ha="center", va="center",
                        fontsize=10)
    figure.tight_layout()
    figure.savefig("edges.png", dpi=100, metadata={"Software": None})
    plt.close(figure)


def sizes():
    """One row of six pixels, and the windows of three pixels that fit, for three choices of stride and padding."""
    choices = ((1, 0), (2, 0), (1, 1))
    heights = [output_size(6, 3, S, P) for S, P in choices]
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.0))
    for axis, (S, P), count in zip(axes, choices, heights, strict=True):
        for pixel in range(-P, 6 + P):
            inside = 0 <= pixel < 6
            axis.add_patch(plt.Rectangle((pixel, 0), 1, 1, facecolor="#e8eef5" if inside else "white",
                                         edgecolor=GREY, linestyle="-" if inside else ":"))
            axis.text(pixel + 0.5, 0.5, str(pixel) if inside else "", ha="center", va="center", fontsize=11)
        for window in range(count):
            begin, height = S * window - P, -0.35 - 0.5 * window
            axis.plot([begin + 0.08, begin + 2.92], [height, height], color=ORANGE if window % 2 else BLUE, linewidth=5,
                      solid_capstyle="butt")
        axis.set_xlim(-1.2, 7.2), axis.set_ylim(-3.2, 1.1)
        axis.set_title(f"S = {S}, P = {P}: {count} windows", fontsize=12)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig("sizes.svg", metadata={"Date": None})
    plt.close(figure)


plt.rcParams.update({"svg.hashsalt": "minicap", "font.family": "DejaVu Sans"})
edges()
sizes()
