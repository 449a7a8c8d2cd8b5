"""A small network of VGG's kind, trained on drawn objects in seconds: for readers without Oxford's weights.

    pictures, colours = objects(200, seed=1)    # (N, 16, 16, 3) uint8 RGB; (N,), indices of their colours in COLOURS
    file = trained()                            # {"block1_conv1/kernel": (3, 3, 3, 8), ...}, as a Keras file has it

What it is trained on are pixels as in Oxford's training: BGR, 0 to 255, minus the mean of ImageNet. It computes in
float64, so that the result is the same on every machine.
"""

import numpy as np

from minicap import Adam, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, SoftmaxCrossEntropy
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.data.shapes_language import COLOURS
from minicap.images import resize
from minicap.weights.preprocessing import CAFFE

SIDE = 16
KERAS = {"conv1_1": "block1_conv1", "conv2_1": "block2_conv1", "fc6": "fc1", "fc8": "predictions"}


def objects(N, seed):
    """N objects cut out of drawn scenes, and their colours."""
    data = ShapesDataset(train=N, dev=0, test=0, seed=seed)
    pictures, colours = [], []
    for name in data.splits["train"]:
        found, scene = data.scenes[name].first, data.image(name)
        left, top, right, bottom = (round(data.side * place) for place in (
            found.x - found.radius, found.y - found.radius, found.x + found.radius, found.y + found.radius))
        pictures.append(resize(scene[top:bottom, left:right], SIDE))
        colours.append(COLOURS.index(found.colour))
    return np.stack(pictures), np.array(colours)


def network(rng=None):
    """conv1_1, pool1, conv2_1, pool2, fc6, fc8: VGG with two blocks of one convolution each, and few channels."""
    return Sequential(conv1_1=Conv2d(3, 8, 3, padding=1, rng=rng), relu1_1=ReLU(), pool1=MaxPool2d(2),
                      conv2_1=Conv2d(8, 12, 3, padding=1, rng=rng), relu2_1=ReLU(), pool2=MaxPool2d(2),
                      flatten=Flatten(), fc6=Linear(4 * 4 * 12, 24, rng=rng), relu6=ReLU(),
                      fc8=Linear(24, len(COLOURS), rng=rng)).astype(np.float64)


def trained(steps=100):
    """Its weights after a short training, under the names that Keras would give them."""
    rng = np.random.default_rng(0)
    pictures, colours = objects(300, seed=0)
    x = CAFFE(pictures).astype(np.float64)
    model, loss = network(rng), SoftmaxCrossEntropy()
    model["conv1_1"].W.data /= 100  # pixels are large numbers
    adam = Adam(model.named_parameters(), lr=5e-3)
    for _ in range(steps):
        rows = rng.integers(len(x), size=50)
        logits, cache = model.forward(x[rows])
        _, loss_cache = loss.forward(logits, colours[rows])
        model.backward(loss.backward(1.0, loss_cache)[0], cache)
        adam.step()
        model.zero_grad()
    kinds = {"W": "kernel", "b": "bias"}
    return {f"{KERAS[layer]}/{kinds[kind]}": array
            for name, array in model.state().items() for layer, kind in [name.split(".")]}
