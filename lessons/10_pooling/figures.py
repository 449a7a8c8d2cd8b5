"""The figure of lesson 10: the output of an edge detector, pooled in two ways. Writes it where it is run."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from minicap import AvgPool2d, MaxPool2d
from minicap.captioning.data.shapes import ShapesDataset
from minicap.conv import conv2d

data = ShapesDataset(train=38, dev=0, test=0, side=98)
grey = data.image("train-00037").mean(axis=2)[None, :, :, None] / 255
across = np.array([[-1.0, 0.0, 1.0]] * 3)
kernels = np.stack([across, -across, across.T, -across.T], axis=2)[:, :, None]  # four directions
seen = np.maximum(conv2d(grey, kernels, np.zeros(4), 1, 0), 0)  # ReLU
panels = [("edges: 96 × 96", seen), ("max pooling 4 × 4: 24 × 24", MaxPool2d(4)(seen)),
          ("average pooling 4 × 4: 24 × 24", AvgPool2d(4)(seen))]

plt.rcParams.update({"font.family": "DejaVu Sans"})
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.5))
for axis, (title, y) in zip(axes, panels, strict=True):
    axis.imshow(y[0].max(axis=2), cmap="Blues", vmin=0, vmax=2)
    axis.set_title(title, fontsize=12)
    axis.set_xticks([]), axis.set_yticks([])
figure.tight_layout()
figure.savefig("pooled.png", dpi=100, metadata={"Software": None})
plt.close(figure)
