"""Batch normalisation over a batch that several processes share (distributed.py), as one process would compute it."""

from collections.abc import Callable

import numpy as np

from .backend import Array, array_module, to_numpy
from .layer import Cache, Sequential, expect_shape
from .normalization import BatchNorm2d, batch_norm, batch_norm_backward, channel_moments, inverse_deviation


class SyncBatchNorm2d(BatchNorm2d):
    """A :class:`.BatchNorm2d` with the same parameters, whose μ and σ² are those over the pictures of all processes:

        n = Σ_r n_r        μ = Σ_r n_r μ_r / n        σ² = Σ_r n_r (σ_r² + μ_r²) / n - μ²          for processes r

    and in whose backward dγ and dβ in dx are summed over all of them. ``sum_`` adds an array up over the processes.
    Its own parameters' gradients are those of this process's pictures, as for every other layer. Batch norm is
    derived in lesson 11, lessons/11_dropout_norm_init.
    """

    def __init__(self, layer: BatchNorm2d, sum_: Callable[[Array], Array]):
        self.gamma, self.beta, self.mean, self.var = layer.gamma, layer.beta, layer.mean, layer.var
        self.eps, self.momentum, self.frozen, self.sum_ = layer.eps, layer.momentum, False, sum_

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "NHWC", C=self.gamma.shape[0])
        mean, var, n = self._moments(x)
        scale = inverse_deviation(var, self.eps)
        self._track(mean, var, samples=n)
        return batch_norm(x, self.gamma.data, self.beta.data, mean, scale), Cache(x=x, mean=mean, scale=scale, n=n)

    def backward(self, dy: Array, cache: Cache) -> Array:
        x, mean, scale, n = cache.spend(self)
        dx, dgamma, dbeta = batch_norm_backward(dy, x, self.gamma.data, mean, scale, frozen=True)  # dx = γ dy scale
        self.gamma.accumulate(dgamma)
        self.beta.accumulate(dbeta)
        dgamma, dbeta = self._sums(dgamma, dbeta)
        factor = self.gamma.data * scale / n
        dx -= batch_norm(x, factor * dgamma, factor * dbeta, mean, scale)  # γ scale (x̂ dγ + dβ) / n
        return dx

    def take_part(self) -> None:
        """What a process without a picture does while the others are in ``forward``."""
        C, xp = self.gamma.shape[0], array_module(self.gamma.data)
        mean, var, n = self._moments(xp.empty((0, 1, 1, C), dtype=self.gamma.data.dtype))
        self._track(mean, var, samples=n)

    def take_part_backward(self) -> None:
        """The same while they are in ``backward``."""
        self._sums(self.gamma.data * 0, self.beta.data * 0)

    def _moments(self, x):
        C, xp = x.shape[-1], array_module(x)
        mean, var = map(to_numpy, channel_moments(x)) if x.size else np.zeros((2, C))
        n = x.size // C
        mean, var = mean.astype(np.float64), var.astype(np.float64)
        (n, *_), first, second = np.split(self.sum_(np.concatenate([[n], n * mean, n * (var + mean * mean)])),
                                          [1, 1 + C])
        mean = first / n
        var = np.maximum(second / n - mean * mean, 0)
        dtype = self.gamma.data.dtype
        return xp.asarray(mean.astype(dtype)), xp.asarray(var.astype(dtype)), int(n)

    def _sums(self, dgamma, dbeta):
        return self.sum_(array_module(dgamma).stack([dgamma, dbeta]))

    def __repr__(self):
        return f"Sync{super().__repr__()}"


def synchronise(model, sum_):
    """Replace every BatchNorm2d in ``model`` that follows its batch by a SyncBatchNorm2d; returns these, in order."""
    found = []
    for _, layer in list(model.named_layers()):
        if isinstance(layer, Sequential):
            for name, child in layer.layers.items():
                if type(child) is BatchNorm2d and not child.frozen:
                    layer.layers[name] = SyncBatchNorm2d(child, sum_)
                    found.append(layer.layers[name])
    return found
