"""Inference over many images on all cores: a snapshot of a Sequential, prepared for speed.

Two ideas beside Winograd's: bias and ReLU are applied while a block is still in the cache, and *images* are what is
handed to the cores, each core running the whole chain with single-threaded BLAS. Split that way, copies, pooling and
pointwise work run on all cores too, which inside NumPy they never do.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from ..activations import ReLU
from ..conv import Conv2d, im2col
from ..layer import expect_shape
from ..linear import Flatten
from .winograd import WinogradConv, Workspace

WINOGRAD_MIN_CHANNELS = 16  # below, the transforms outweigh the products they save

# The number of BLAS threads belongs to the process, so plans take turns; each of them uses all cores anyway.
_turn = threading.Lock()


class DirectConv:
    """Any other convolution: im2col in blocks of output rows that stay in the cache, bias and ReLU in place."""

    BLOCK_BYTES = 1 << 20

    def __init__(self, layer, relu):
        self.layer, self.relu = layer, relu
        K, K, C, F = layer.W.shape
        self.W, self.b = layer.W.data.reshape(K * K * C, F), layer.b.data

    def __call__(self, x, workspace):
        K, S, P = self.layer.W.shape[0], self.layer.stride, self.layer.padding
        expect_shape(self.layer, x, "HWC", C=self.layer.W.shape[2])
        H, W, C = x.shape
        x = np.pad(x, ((P, P), (P, P), (0, 0)))[None]
        OH, OW = (n // S + 1 for n in (H + 2 * P - K, W + 2 * P - K))
        y = np.empty((OH, OW, self.W.shape[1]), np.float32)
        rows = max(1, self.BLOCK_BYTES // (4 * OW * K * K * C))
        for top in range(0, OH, rows):
            out = y[top:top + rows]
            columns = im2col(x[:, S * top:S * (top + len(out) - 1) + K], K, S)[0]
            np.matmul(columns, self.W, out=out)
            out += self.b
            if self.relu:
                np.maximum(out, 0, out=out)
        return y


class InferencePlan:
    """``plan(x)`` equals ``model(x)`` up to rounding; x: (N, H, W, C) float32. Throw it away when weights change.

    Layers up to the first Flatten run image by image on ``threads`` cores, the dense layers on the whole batch at once
    (their weights are large: reading them once per batch is what they cost).
    """

    def __init__(self, model, threads=None):
        self.threads = threads or os.cpu_count() or 1
        layers = list(model.layers.values())
        split = next((i for i, layer in enumerate(layers) if isinstance(layer, Flatten)), len(layers))
        self.per_image = [*_steps(layers[:split])]
        self.per_batch = layers[split:]
        self.pool = ThreadPoolExecutor(self.threads)
        self.local = threading.local()

    def __call__(self, x):
        with _turn, threadpool_limits(1, "blas"):
            y = np.stack(list(self.pool.map(self._image, x)))
        for layer in self.per_batch:
            y = layer(y)
        return y

    def _image(self, x):
        if not hasattr(self.local, "workspace"):
            self.local.workspace = Workspace()
        for step in self.per_image:
            x = step(x, self.local.workspace)
        return x


def _steps(layers):
    """Prepared steps (x, workspace) -> y on one image; a convolution swallows the ReLU that follows it."""
    layers = iter([*layers, None])
    layer = next(layers)
    while layer is not None:
        following = next(layers)
        if isinstance(layer, Conv2d):
            relu = isinstance(following, ReLU)
            K, K, C, F = layer.W.shape
            winograd = (K, layer.stride, layer.padding) == (3, 1, 1) and min(C, F) >= WINOGRAD_MIN_CHANNELS
            yield WinogradConv(layer.W.data, layer.b.data, relu) if winograd else DirectConv(layer, relu)
            following = next(layers) if relu else following
        else:
            yield lambda x, workspace, layer=layer: layer(x[None])[0]
        layer = following
