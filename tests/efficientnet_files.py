"""Random weights of EfficientNet-Lite as files of efficientnet-lite-pytorch have them."""

import re

import numpy as np

from minicap.efficientnet import IN_BLOCK, KINDS, LAYERS, efficientnet_lite

THEIR_KINDS = {ours: theirs for theirs, ours in KINDS.items()} | {"W": "weight", "b": "bias"}


def random_file(variant, rng):
    """{name in the file: array}; activations keep their size through all blocks."""
    tensors = {}
    for name, p in efficientnet_lite(variant, rng=rng).named_state():
        block, layer, kind = re.fullmatch(r"(?:block(\d+)\.)?(\w+)\.(\w+)", name).groups()
        if kind == "b" and layer != "fc":
            continue
        table, prefix = (LAYERS, "") if block is None else (IN_BLOCK, f"_blocks.{int(block) - 1}.")
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
