"""What figures.py and measure.py share: the pictures of the text, and a training loop."""

import numpy as np

from minicap import Adam, SoftmaxCrossEntropy
from minicap.captioning.data.shapes_language import SHAPES


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


def train(net, x, targets, rng, *, lr=0.006, epochs=8):
    loss, adam = SoftmaxCrossEntropy(), Adam(net.named_parameters(), lr=lr)
    for _ in range(epochs):
        for rows in np.split(rng.permutation(len(x)), range(32, len(x), 32)):
            logits, cache = net.forward(x[rows])
            _, loss_cache = loss.forward(logits, targets[rows])
            net.backward(loss.backward(1.0, loss_cache)[0], cache)
            adam.step()
            net.zero_grad()
