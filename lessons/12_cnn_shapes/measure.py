"""How often the CNN and a linear layer alone are right about new pictures, and what training takes: measured.json."""

import time
from pathlib import Path

import numpy as np

from minicap import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from minicap.captioning.data.shapes import ShapesDataset
from minicap.learn.lessons import load
from minicap.learn.measure import write

shapes = load(Path(__file__).with_name("shapes.py"))
data = ShapesDataset(train=300, dev=0, test=500, side=48)
right, seconds = {"cnn": [], "linear": []}, []
for seed in range(3):
    rng = np.random.default_rng(seed)
    x, targets = shapes.windows(data, "train", rng)
    new, truth = shapes.windows(data, "test", rng)
    cnn = Sequential(Conv2d(3, 8, padding=1, input_gradient=False, rng=rng), ReLU(), MaxPool2d(2),
                     Conv2d(8, 16, padding=1, rng=rng), ReLU(), MaxPool2d(2), Flatten(), Linear(576, 6, rng=rng))
    linear = Sequential(Flatten(), Linear(24 * 24 * 3, 6, rng=rng))
    begin = time.process_time()
    shapes.train(cnn, x, targets, rng)
    seconds.append(time.process_time() - begin)
    shapes.train(linear, x, targets, rng, lr=0.001, epochs=40)
    for name, net in (("cnn", cnn), ("linear", linear)):
        right[name].append((net(new).argmax(axis=1) == truth).mean())
write(__file__, cnn_right=f"{100 * np.mean(right['cnn']):.0f}", linear_right=f"{100 * np.mean(right['linear']):.0f}",
      seconds=f"{min(seconds):.1f}")
