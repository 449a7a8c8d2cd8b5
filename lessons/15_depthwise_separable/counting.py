"""Multiplications of a network, counted from the shapes of its weights.

    count(efficientnet_lite(2), 260)    # (Counter({"1 x 1": 768017408, "depthwise": ...}), 1)
    stages()                            # the same network, part by part
"""

from collections import Counter
from dataclasses import dataclass, field

from minicap.efficientnet import efficientnet_lite


def parts_of(layer):
    """{name: layer} of what a network, or a block with or without a shortcut, consists of; {} of a single layer."""
    return getattr(getattr(layer, "f", layer), "layers", {})


def count(layer, side, whole=False):
    """({kind: multiplications}, side of the output) of a layer or network, for pictures of ``side`` x ``side`` pixels.

    A weight is multiplied once for each position of the output. ``whole``: as if every depthwise convolution were an
    ordinary one, from all of its channels to all of them.
    """
    total = Counter()
    for part in parts_of(layer).values():
        counts, side = count(part, side, whole)
        total += counts
    side = -(-side // getattr(layer, "stride", 1))  # padding "SAME" rounds up, and VGG's sides are even
    if hasattr(layer, "W"):
        kind = kind_of(layer)
        positions = 1 if kind == "dense" else side * side
        total[kind] = positions * layer.W.data.size * (len(layer.b.data) if whole and kind == "depthwise" else 1)
    return total, side


def kind_of(layer):
    """By the shape of W: (D, H), (K, K, C), (1, 1, C, F) or (K, K, C, F)."""
    shape = layer.W.shape
    return {2: "dense", 3: "depthwise"}.get(len(shape), "1 x 1" if shape[0] == 1 else "convolution")


@dataclass
class Stage:
    """Blocks whose outputs have as many channels; or the stem in front of all blocks, or the head behind them."""

    name: str
    side: int
    channels: int
    blocks: int = 0
    counts: Counter = field(default_factory=Counter)


def stages():
    """EfficientNet-Lite2, a :class:`Stage` for each number of channels."""
    found, side = [], 260
    for name, layer in efficientnet_lite(2).layers.items():
        counts, side = count(layer, side)
        block = parts_of(layer)
        if block:
            K, channels = len(block["depthwise"].W.data), len(block["project"].b.data)
            title = f"{K} × {K}"
        elif name in ("stem", "head"):
            title, channels = name, len(layer.b.data)
        if not found or channels != found[-1].channels:
            found.append(Stage(title, side, channels))
        found[-1].counts += counts
        found[-1].blocks += bool(block)
    return found
