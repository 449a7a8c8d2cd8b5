"""Random initial weights: ``(rng, shape) -> float32 array``.

All sample from the NumPy ``Generator`` they are given, so a seed determines the model, on the CPU and on the GPU alike.
``rng=None`` gives zeros, for layers whose weights are loaded right afterwards.
"""

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator | None
Initializer = Callable[[Rng, tuple[int, ...]], np.ndarray]


def fan_in_out(shape: tuple[int, ...]) -> tuple[int, int]:
    """Number of inputs and outputs of one unit: (D, H) for Linear, (K·K·C, K·K·F) for Conv2d's (K, K, C, F)."""
    receptive_field = int(np.prod(shape[:-2]))
    return shape[-2] * receptive_field, shape[-1] * receptive_field


def he(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """N(0, 2 / fan_in): keeps the variance of activations through ReLU layers (He et al. 2015, eq. 10)."""
    return _normal(rng, shape, np.sqrt(2 / fan_in_out(shape)[0]))


def glorot(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """U(-a, a), a² = 6 / (fan_in + fan_out): for layers before tanh or sigmoid (Glorot and Bengio 2010, eq. 16)."""
    if rng is None:
        return np.zeros(shape, np.float32)
    a = np.sqrt(6 / sum(fan_in_out(shape)))
    return rng.uniform(-a, a, shape).astype(np.float32)


def orthogonal(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """An orthogonal matrix for each H x H block of (H, B·H): repeated products preserve length (Saxe et al. 2014).

    ValueError if the width is not a multiple of H.
    """
    H, BH = shape
    if BH % H:
        raise ValueError(f"orthogonal fills square blocks side by side, and {BH} is not a multiple of {H}")
    if rng is None:
        return np.zeros(shape, np.float32)
    blocks = []
    for _ in range(BH // H):
        Q, R = np.linalg.qr(rng.standard_normal((H, H)))
        blocks.append(Q * np.sign(np.diag(R)))  # the signs make Q uniformly distributed (Mezzadri 2007)
    return np.concatenate(blocks, axis=1).astype(np.float32)


def normal(std: float) -> Initializer:
    """An initialiser that samples from N(0, std²)."""
    return lambda rng, shape: _normal(rng, shape, std)


def _normal(rng, shape, std):
    if rng is None:
        return np.zeros(shape, np.float32)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(std)
