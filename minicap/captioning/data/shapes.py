"""The built-in data set `shapes`: small generated scenes of two objects, with five captions each.

It allows training an image captioner from scratch in minutes, with nothing to download, and testing whether the model
uses the image, since the contents of each picture are known. It follows SHAPES (Andreas et al. 2016, "Neural Module
Networks": 30×30 pictures of coloured shapes), CLEVR (Johnson et al. 2017, arXiv:1612.06890) and ShapeWorld (Kuhnle and
Copestake 2017, arXiv:1704.04517).

**A scene** has two objects, each with a shape (6), a colour (7) and a size (2), one to the left of or above the other.
A picture does not determine which of its objects comes first, so the objects are in reading order: ``first`` is the
left or upper one; captions state the relation from either side ("left", "right", "above", "below"). There are always
two objects, so that every caption has a relation.

**What varies without being a fact**: the positions (one object in each half of the picture, so that "on the left" and
"left of" are both true), the exact shade and radius, a light background tint, and pixel noise. No pixel value is tied
to a word; the network has to learn to see. All objects have the same dark outline: a shape then has the same edges in
every colour, even yellow on white, and can be learned independently of its colour.

**Compositional generalisation.** An object is a colour and a shape, 42 in all. 40 % of the 861 pairs of different
objects never occur in train: half of these are reserved for dev and half for test. Every object is common in train, but
not with every other object: a captioner that has learned the objects individually describes such a scene correctly; one
that has memorised scenes, or which words occur together, does not. The idea is that of CLEVR's CoGenT split. (There,
single colour-shape pairs are held out. A captioner that learns language only from these captions then learns that "red"
is never followed by "square": it recognised the shape, as a classifier on the same CNN showed, but would not output the
word.) Dev and test are half seen (even numbers: pairs of train) and half unseen (odd numbers: pairs reserved for that
split). So choosing a model on dev reveals nothing about the pairs it is tested on.

**Reproducible.** Each picture has its own random generators, seeded by (seed, purpose, name): ``train-00017`` has the
same scene, words and pixels whatever the number of scenes and the order in which they are generated. Another seed gives
other scenes.
"""

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .shapes_language import COLOURS, SHAPES, SIZES, captions_of

OBJECTS = tuple(itertools.product(COLOURS, SHAPES))  # 42 of (colour, shape)


# The pairs of objects that only this split has; dev and test have train's too. They are assigned by (i + j) modulo 5,
# so that every object lacks about the same number of partners.
PAIRS = {split: tuple((OBJECTS[i], OBJECTS[j]) for i, j in itertools.combinations(range(len(OBJECTS)), 2)
                      if (i + j) % 5 in dealt)
         for split, dealt in (("train", (2, 3, 4)), ("dev", (0,)), ("test", (1,)))}

RADIUS = {"small": 0.13, "big": 0.20}  # half an object's width, as a fraction of the picture's side
RADIUS_JITTER = 0.05                   # relative
GAP = 0.04                             # width of the empty strip between the picture's halves
MARGIN = 0.02                          # and of the one at its edges
SLANT = 0.5                            # largest offset across the relation's direction, relative to that along it

RGB = {"red": (215, 35, 40), "orange": (245, 135, 20), "yellow": (235, 210, 30), "green": (45, 160, 70),
       "blue": (40, 85, 215), "purple": (145, 50, 175), "black": (30, 30, 35)}
SHADE = 12     # an object's channels vary by ±SHADE,
NOISE = 8      # each pixel by ±NOISE,
TINT = 30      # and each channel of the background is up to TINT below white
INK = (45, 45, 45)  # the outline of every object,
FILLED = 0.75       # inside of which the colour has this fraction of the radius
SUPERSAMPLING = 4


@dataclass(frozen=True)
class SceneObject:
    """Three facts in words, and the position and radius, as fractions of the picture's side, with y downwards."""

    colour: str
    shape: str
    size: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """``first`` is ``relation`` ("left of" or "above") ``second``."""

    first: SceneObject
    second: SceneObject
    relation: str


class ShapesDataset:
    """``train`` + ``dev`` + ``test`` scenes with five captions each; ``side`` in pixels.

    name      "shapes"
    splits    {"train": (image name, ...), "dev": ..., "test": ...}
    captions  {image name: five captions (str)}
    scenes    {image name: Scene}

    Names are "train-00000", "train-00001", ... Pictures are generated on demand, by :meth:`image`.
    """

    name = "shapes"

    def __init__(self, train: int = 6000, dev: int = 400, test: int = 1000, side: int = 32, seed: int = 0):
        self.side, self.seed = side, seed
        sizes = {"train": train, "dev": dev, "test": test}
        self.splits = {split: tuple(f"{split}-{k:05d}" for k in range(n)) for split, n in sizes.items()}
        names = [name for split in self.splits.values() for name in split]
        self.scenes = {name: draw_scene(self._rng("scene", name), _pairs_of(name)) for name in names}
        self.captions = {name: captions_of(self.scenes[name], self._rng("words", name)) for name in names}

    def image(self, name: str, at_least: int | None = None) -> np.ndarray:
        """The picture, uint8 RGB of shape ``(side, side, 3)``. Not cached: the same call draws the same pixels again.

        ``at_least`` is for photographs (see :class:`.CaptionDataset`) and has no effect here.
        """
        return draw_picture(self.scenes[name], self.side, self._rng("pixels", name))

    def unseen(self, name: str) -> bool:
        """Whether these two objects never occur together in train."""
        return _pairs_of(name) is not PAIRS["train"]

    def _rng(self, purpose, name):
        return np.random.default_rng([self.seed, int.from_bytes(f"{purpose} {name}".encode(), "big")])

    def __repr__(self):
        sizes = ", ".join(f"{split}={len(names)}" for split, names in self.splits.items())
        return f"ShapesDataset({sizes}, side={self.side}, seed={self.seed})"


def _pairs_of(name):
    """The pairs of objects this picture may have: train's, or for odd numbers of dev and test those of the split."""
    split, number = name.split("-")
    return PAIRS[split if int(number) % 2 else "train"]


def draw_scene(rng, pairs):
    """A random :class:`Scene` with one of ``pairs``, in either order."""
    pair = pairs[rng.integers(len(pairs))]
    objects = pair[::-1] if rng.integers(2) else pair
    sizes = [SIZES[k] for k in rng.integers(len(SIZES), size=2)]
    radii = [RADIUS[size] * (1 + rng.uniform(-RADIUS_JITTER, RADIUS_JITTER)) for size in sizes]
    relation = ("left of", "above")[rng.integers(2)]
    centres = _place(rng, *radii, relation)
    first, second = (SceneObject(*pair, size, *centre, radius)
                     for pair, size, centre, radius in zip(objects, sizes, centres, radii, strict=True))
    return Scene(first, second, relation)


def _place(rng, r1, r2, relation):
    """Random centres ``(x, y)`` of two objects of radius r1 and r2, such that ``relation`` is unambiguous.

    Each object is completely in its half of the picture, and the line between them is within arctan(SLANT) = 27° of the
    axis.
    """
    along1, along2 = rng.uniform(MARGIN + r1, (1 - GAP) / 2 - r1), rng.uniform((1 + GAP) / 2 + r2, 1 - MARGIN - r2)
    while True:
        across1, across2 = rng.uniform(MARGIN + r1, 1 - MARGIN - r1), rng.uniform(MARGIN + r2, 1 - MARGIN - r2)
        if abs(across2 - across1) <= SLANT * (along2 - along1):
            break
    first, second = (along1, across1), (along2, across2)
    return (first, second) if relation == "left of" else (first[::-1], second[::-1])


def draw_picture(scene, side, rng):
    """Draw ``scene``: uint8 ``(side, side, 3)``. Drawn SUPERSAMPLING times as large and averaged, for smooth edges."""
    large = side * SUPERSAMPLING
    background = 255 - rng.integers(TINT + 1, size=3)
    picture = Image.new("RGB", (large, large), tuple(background.tolist()))
    painter = ImageDraw.Draw(picture)
    for o in (scene.first, scene.second):
        colour = np.clip(RGB[o.colour] + rng.integers(-SHADE, SHADE + 1, size=3), 0, 255)
        for reach, fill in ((o.radius, INK), (FILLED * o.radius, tuple(colour.tolist()))):
            corners = large * ([o.x, o.y] + reach * contour(o.shape))
            painter.polygon(corners.ravel().tolist(), fill=fill)
    pixels = np.asarray(picture.reduce(SUPERSAMPLING), dtype=np.int16)
    noise = rng.integers(-NOISE, NOISE + 1, size=pixels.shape, dtype=np.int8)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@functools.cache
def contour(shape):
    """The corners ``(n, 2)`` of a shape in the square [-1, 1]²; x to the right, y downwards."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    if shape == "circle":
        x, y = np.cos(t), np.sin(t)
    elif shape == "square":
        x, y = 0.88 * np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]])
    elif shape == "triangle":
        x, y = np.array([[0, 1, -1], [-0.9, 0.85, 0.85]])
    elif shape == "cross":
        a = 0.34  # half the width of an arm
        x = np.array([-a, a, a, 1, 1, a, a, -a, -a, -1, -1, -a])
        y = np.array([-1, -1, -a, -a, a, a, 1, 1, a, a, -a, -a])
    elif shape == "star":
        angle = np.pi * np.arange(10) / 5
        length = np.where(np.arange(10) % 2, 0.42, 1)
        x, y = length * np.sin(angle), -length * np.cos(angle)
    elif shape == "heart":  # the classic curve x = 16 sin³ t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, rescaled
        x = np.sin(t) ** 3
        y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t) + 2.5) / 16
    else:
        raise ValueError(f"contour expects one of {SHAPES}, got {shape!r}")
    return np.stack([x, y], axis=1)
