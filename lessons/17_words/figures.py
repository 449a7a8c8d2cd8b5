"""The figure of lesson 17: an embedding of 8 numbers for each word after training. Writes table.svg."""

from itertools import pairwise

import matplotlib
import numpy as np

from minicap import Adam, Embedding, Linear, SoftmaxCrossEntropy
from minicap.captioning.data.shapes import RGB, ShapesDataset
from minicap.captioning.data.shapes_language import SHAPES
from minicap.captioning.text.tokens import tokenize
from minicap.captioning.text.vocabulary import Vocabulary

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "minicap", "font.size": 11})

import matplotlib.pyplot as plt  # noqa: E402


def trained_table():
    """(words, W): an embedding that has learned which words come before and after each."""
    data = ShapesDataset(train=400, dev=0, test=0)
    captions = [tokenize(text) for name in data.splits["train"] for text in data.captions[name]]
    vocabulary = Vocabulary.from_captions(captions)
    encoded = [vocabulary.encode(caption) for caption in captions]
    left, right = np.array([pair for row in encoded for pair in pairwise(row)]).T
    rng = np.random.default_rng(0)
    V, E = len(vocabulary), 8
    table, before, after = Embedding(V, E, rng=rng), Linear(E, V, rng=rng), Linear(E, V, rng=rng)
    loss = SoftmaxCrossEntropy()
    adam = Adam([("table", table.W), ("before", before.W), ("after", after.W)], lr=0.05)
    for _ in range(300):
        rows = rng.integers(len(left), size=500)
        for words, targets, linear in ((left, right, after), (right, left, before)):
            y, table_cache = table.forward(words[rows])
            logits, cache = linear.forward(y)
            _, loss_cache = loss.forward(logits, targets[rows])
            table.backward(linear.backward(loss.backward(1.0, loss_cache)[0], cache), table_cache)
        adam.step()
        for layer in (table, before, after):
            layer.zero_grad()
    return vocabulary.words[4:], table.W.data[4:]


def in_a_plane(W):
    """The rows projected onto the two directions in which they differ most (PCA)."""
    W = W - W.mean(axis=0)
    directions = np.linalg.svd(W, full_matrices=False)[2][:2]
    return W @ directions.T


GROUPS = {"the seven colours": (tuple(RGB), (28, 22)), "the six shapes": (SHAPES, (22, 18)),
          "small, tiny, big, large": (("small", "tiny", "big", "large"), (-60, -28))}
ASIDE = {"top": (5, 2), "the": (-8, 7), "with": (-28, -12)}  # labels that would lie on another one

words, W = trained_table()
place_of = dict(zip(words, in_a_plane(W), strict=True))
fig, ax = plt.subplots(figsize=(7.5, 4.6))
for word, place in place_of.items():
    colour = [c / 255 for c in RGB[word]] if word in RGB else "0.45"
    ax.plot(*place, "D" if word in SHAPES else "o", color=colour, markersize=6 if word in RGB or word in SHAPES else 4)
    if not any(word in members for members, _ in GROUPS.values()):
        ax.annotate(word, place, xytext=ASIDE.get(word, (5, -4)), textcoords="offset points", color="0.35")
for label, (members, shift) in GROUPS.items():
    middle = np.mean([place_of[word] for word in members], axis=0)
    ax.annotate(label, middle, xytext=shift, textcoords="offset points", weight="bold",
                arrowprops={"arrowstyle": "-", "color": "0.5"})
ax.set(xticks=[], yticks=[])
ax.margins(0.1)
fig.tight_layout()
fig.savefig("table.svg", metadata={"Date": None})
