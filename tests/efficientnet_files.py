"""Random weights of EfficientNet-Lite as files of efficientnet-lite-pytorch have them."""

import re

import numpy as np

from minicap import efficientnet
from minicap.efficientnet import STAGES, efficientnet_lite
from minicap.weights.efficientnet_names import (
    IN_BLOCK,
    LITE_PYTORCH,
    TIMM,
    TIMM_IN_BLOCK,
    TIMM_WITHOUT_EXPANSION,
)
from minicap.weights.vgg_names import NORM_ROLES

THEIR_KINDS = {ours: theirs for theirs, ours in NORM_ROLES.items()} | {"W": "weight", "b": "bias"}


def random_file(variant, rng):
    """{name in the file: array}; activations keep their size through all blocks."""
    tensors = {}
    for name, p in efficientnet_lite(variant, rng=rng).named_state():
        block, layer, kind = re.fullmatch(r"(?:block(\d+)\.)?(\w+)\.(\w+)", name).groups()
        if kind == "b" and layer != "fc":
            continue
        table, prefix = (LITE_PYTORCH, "") if block is None else (IN_BLOCK, f"_blocks.{int(block) - 1}.")
        (theirs,) = (key for key, value in table.items() if value == layer)
        value = p.data
        if kind in ("gamma", "var"):
            value = rng.uniform(0.5, 1.5, value.shape)
        elif kind != "W":
            value = 0.1 * rng.standard_normal(value.shape)
        elif value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        else:
            value = value.transpose(2, 0, 1)[:, None] if value.ndim == 3 else value.T
        tensors[f"{prefix}{theirs}.{THEIR_KINDS[kind]}"] = np.ascontiguousarray(value, np.float32)
        if kind == "var":
            tensors[f"{prefix}{theirs}.num_batches_tracked"] = np.array(7)
    return tensors


def timm_names(tensors):
    """The arrays of :func:`random_file` under timm's names."""
    places = {}  # timm counts the blocks within stages, which begin where channels or the stride change
    for i, (stage, within) in enumerate((stage, i) for stage, (*_, count) in enumerate(STAGES) for i in range(count)):
        places[i] = f"blocks.{stage}.{within}"
    outside = {theirs: ours for ours, theirs in TIMM.items()}
    renamed = {}
    for name, value in tensors.items():
        block, layer, kind = re.fullmatch(r"(?:_blocks\.(\d+)\.)?(\w+)\.(\w+)", name).groups()
        if block is None:
            renamed[f"{outside[LITE_PYTORCH[layer]]}.{kind}"] = value
            continue
        table = TIMM_WITHOUT_EXPANSION if block == "0" else TIMM_IN_BLOCK
        (theirs,) = (key for key, ours in table.items() if ours == IN_BLOCK[layer])
        renamed[f"{places[int(block)]}.{theirs}.{kind}"] = value
    return renamed


def shrink(monkeypatch, size=32):
    """Let EfficientNet-Lite0 have few channels and read small pictures, for tests in which it runs."""
    monkeypatch.setitem(efficientnet.VARIANTS, 0, (0.25, 0.5, size, 0.2))
    monkeypatch.setattr(efficientnet, "HEAD", 12)


def save(path, seed=0):
    """A file of the network with random numbers at ``path``."""
    np.savez(path, **random_file(0, np.random.default_rng(seed)))
    return path
