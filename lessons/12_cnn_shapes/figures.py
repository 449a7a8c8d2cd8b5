"""The figures of lesson 12: seen.png, predictions for test pictures; maps.png, the outputs of its filters."""

from pathlib import Path

import matplotlib
import numpy as np

from minicap import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.data.shapes_language import SHAPES
from minicap.learn.lessons import load

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 11})

import matplotlib.pyplot as plt  # noqa: E402

shapes = load(Path(__file__).with_name("shapes.py"))
rng = np.random.default_rng(0)
data = ShapesDataset(train=300, dev=0, test=100, side=48)
x, targets = shapes.windows(data, "train", rng)
new, truth = shapes.windows(data, "test", rng)
net = Sequential(conv1=Conv2d(3, 8, padding=1, input_gradient=False, rng=rng), relu1=ReLU(), pool1=MaxPool2d(2),
                 conv2=Conv2d(8, 16, padding=1, rng=rng), relu2=ReLU(), pool2=MaxPool2d(2),
                 flatten=Flatten(), linear=Linear(6 * 6 * 16, len(SHAPES), rng=rng))
shapes.train(net, x, targets, rng)
predicted = net(new).argmax(axis=1)

fig, axes = plt.subplots(3, 8, figsize=(8.5, 3.9))
for ax, picture, shape, word in zip(axes.flat, new, truth, predicted, strict=False):
    ax.imshow(picture + 0.5)
    ax.set_xlabel(SHAPES[word], color="black" if word == shape else "tab:red", labelpad=3,
                  weight="normal" if word == shape else "bold")
    ax.set(xticks=[], yticks=[])
fig.tight_layout(pad=0.6)
fig.savefig("seen.png", dpi=100)

n = int(np.flatnonzero(truth == SHAPES.index("star"))[0])
maps = net["relu1"](net["conv1"](new[n:n + 1]))[0]
fig, axes = plt.subplots(1, 9, figsize=(8.5, 1.2))
axes[0].imshow(new[n] + 0.5)
for c, ax in enumerate(axes[1:]):
    ax.imshow(maps[..., c], cmap="gray", vmin=0)
for ax in axes:
    ax.set(xticks=[], yticks=[])
fig.tight_layout(pad=0.4)
fig.savefig("maps.png", dpi=100)
