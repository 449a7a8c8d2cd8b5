"""How often the CNN and a linear layer alone are right about new pictures, and what training takes: measured.json."""

import time

import numpy as np

from minicap import Adam, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, SoftmaxCrossEntropy
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.data.shapes_language import SHAPES
from minicap.learn.measure import write


def windows(data, split, rng, size=24):
    """A window around each object, which may be anywhere in it: (N, size, size, 3), and the class of each."""
    x, targets = [], []
    for name in data.splits[split]:
        picture, scene = data.image(name), data.scenes[name]
        for thing in (scene.first, scene.second):
            room = size / 2 - thing.radius * data.side
            corner = [round(c * data.side + rng.uniform(-room, room) - size / 2) for c in (thing.y, thing.x)]
            top, left = np.clip(corner, 0, data.side - size)
            x.append(picture[top:top + size, left:left + size])
            targets.append(SHAPES.index(thing.shape))
    return np.array(x, np.float32) / 255 - 0.5, np.array(targets)


def train(net, x, targets, rng, lr, epochs=8):
    """Processor seconds it took."""
    begin = time.process_time()
    loss, adam = SoftmaxCrossEntropy(), Adam(net.named_parameters(), lr=lr)
    for _ in range(epochs):
        for rows in np.split(rng.permutation(len(x)), range(32, len(x), 32)):
            logits, cache = net.forward(x[rows])
            _, loss_cache = loss.forward(logits, targets[rows])
            net.backward(loss.backward(1.0, loss_cache)[0], cache)
            adam.step()
            net.zero_grad()
    return time.process_time() - begin


data = ShapesDataset(train=300, dev=0, test=500, side=48)
right, seconds = {"cnn": [], "linear": []}, []
for seed in range(3):
    rng = np.random.default_rng(seed)
    x, targets = windows(data, "train", rng)
    new, truth = windows(data, "test", rng)
    cnn = Sequential(Conv2d(3, 8, padding=1, input_gradient=False, rng=rng), ReLU(), MaxPool2d(2),
                     Conv2d(8, 16, padding=1, rng=rng), ReLU(), MaxPool2d(2), Flatten(), Linear(576, 6, rng=rng))
    linear = Sequential(Flatten(), Linear(24 * 24 * 3, 6, rng=rng))
    seconds.append(train(cnn, x, targets, rng, lr=0.006))
    train(linear, x, targets, rng, lr=0.001, epochs=40)
    for name, net in (("cnn", cnn), ("linear", linear)):
        right[name].append((net(new).argmax(axis=1) == truth).mean())
write(__file__, cnn_right=f"{100 * np.mean(right['cnn']):.0f}", linear_right=f"{100 * np.mean(right['linear']):.0f}",
      seconds=f"{min(seconds):.1f}")
