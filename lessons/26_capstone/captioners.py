"""Simulated captioners: they see a drawn scene perfectly, but name the first colour wrongly now and then.

    data = scenes(200)
    predictions = describe(data, wrong=0.1, seed=1)      # {image name: caption}, about one in ten with a wrong colour
"""

from dataclasses import replace

import numpy as np

from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.data.shapes_language import COLOURS, WORDINGS, sentence_of


def scenes(N):
    return ShapesDataset(train=0, dev=0, test=N)


def describe(data, wrong, seed):
    rng = np.random.default_rng(seed)
    predictions = {}
    for name in data.splits["test"]:
        scene = data.scenes[name]
        wording = WORDINGS[rng.integers(len(WORDINGS))]
        others = [colour for colour in COLOURS if colour != scene.first.colour]
        colour = others[rng.integers(len(others))]
        if rng.random() < wrong:
            scene = replace(scene, first=replace(scene.first, colour=colour))
        predictions[name] = sentence_of(scene, wording)
    return predictions
