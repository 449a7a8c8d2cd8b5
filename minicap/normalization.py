"""Batch normalisation (Ioffe and Szegedy 2015), and two ways to bring features to a common scale."""

import numpy as np

from .backend import Array, array_module, fuse, op
from .layer import Buffer, Cache, Layer, Parameter, expect_shape


@op
def channel_moments(x):
    """Mean and variance of each channel over the batch and all pixels: (N, H, W, C) -> (C,), (C,)."""
    return x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))


@op
def batch_norm(x, gamma, beta, mean, scale):
    """y = γ (x - μ) · scale + β, where scale = 1 / sqrt(σ² + ε)."""
    return gamma * ((x - mean) * scale) + beta


@op
def batch_norm_backward(dy, x, gamma, mean, scale, frozen=False):
    """(dx, dγ, dβ). Unless ``frozen``, μ and σ² depend on every x, and dx loses its mean and its component along x̂."""
    x_hat = (x - mean) * scale
    dgamma, dbeta = (dy * x_hat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))
    if frozen:
        return dy * (gamma * scale), dgamma, dbeta
    M = dy.size // dy.shape[-1]
    return (gamma * scale) * (dy - dbeta / M - x_hat * (dgamma / M)), dgamma, dbeta


@fuse
def inverse_deviation(variance, eps):
    return 1 / array_module(variance).sqrt(variance + eps)


@fuse
def moving_average(old, decay, new, weight):
    return decay * old + weight * new


class BatchNorm2d(Layer):
    """Each channel normalised over the batch and all pixels, then scaled and shifted (algorithm 1 of the paper):

        x̂ = (x - μ) / sqrt(σ² + ε)        y = γ x̂ + β        x, y: (N, H, W, C); μ, σ², γ, β: (C,)

    Training uses the mean and variance of this batch and moves the running ones towards them; inference, and training
    with ``frozen=True``, uses the running ones, so that an image's output does not depend on the rest of the batch.
    Derived in lesson 11, lessons/11_dropout_norm_init.
    """

    def __init__(self, C: int, *, eps: float = 1e-5, momentum: float = 0.1, frozen: bool = False):
        self.gamma = Parameter(np.ones(C, np.float32))
        self.beta = Parameter(np.zeros(C, np.float32))
        self.mean = Buffer(np.zeros(C, np.float32))
        self.var = Buffer(np.ones(C, np.float32))
        self.eps, self.momentum, self.frozen = eps, momentum, frozen

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "NHWC", C=self.gamma.shape[0])
        mean, var = (self.mean.data, self.var.data) if self.frozen else channel_moments(x)
        scale = inverse_deviation(var, self.eps)
        if not self.frozen:
            self._track(mean, var, samples=x.size // x.shape[-1])
        return batch_norm(x, self.gamma.data, self.beta.data, mean, scale), Cache(x=x, mean=mean, scale=scale)

    def backward(self, dy: Array, cache: Cache) -> Array:
        x, mean, scale = cache.spend(self)
        dx, dgamma, dbeta = batch_norm_backward(dy, x, self.gamma.data, mean, scale, self.frozen)
        self.gamma.accumulate(dgamma)
        self.beta.accumulate(dbeta)
        return dx

    def __call__(self, x: Array) -> Array:
        expect_shape(self, x, "NHWC", C=self.gamma.shape[0])
        scale = inverse_deviation(self.var.data, self.eps)
        return batch_norm(x, self.gamma.data, self.beta.data, self.mean.data, scale)

    def _track(self, mean, var, samples):
        unbiased = var * (samples / max(samples - 1, 1))
        keep = 1 - self.momentum
        self.mean.data = moving_average(self.mean.data, keep, mean, self.momentum)
        self.var.data = moving_average(self.var.data, keep, unbiased, self.momentum)

    def __repr__(self):
        return f"BatchNorm2d({self.gamma.shape[0]}{', frozen' if self.frozen else ''})"


class L2Normalize(Layer):
    """y = s x̂, x̂ = x / ‖x‖: every row gets the length ``s``. x, y: (N, D). A zero row stays zero.

    Moving along x changes only the length, which is divided out, so dx has no component along x:
    dx = s/‖x‖ · (dy - x̂ (x̂ · dy)). Used in lesson 16, lessons/16_features.
    """

    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "ND")
        norm = array_module(x).sqrt((x * x).sum(axis=1, keepdims=True)) + 1e-12
        x_hat = x / norm
        return self.scale * x_hat, Cache(x_hat=x_hat, norm=norm)

    def backward(self, dy: Array, cache: Cache) -> Array:
        x_hat, norm = cache.spend(self)
        return self.scale / norm * (dy - x_hat * (x_hat * dy).sum(axis=1, keepdims=True))

    def __repr__(self):
        return f"L2Normalize({self.scale:g})"


class Standardize(Layer):
    """y = (x - mean) / std, channel by channel, with statistics that ``fit`` computes once and training leaves alone.

    x, y: (..., D). For features of a frozen network, where some channels are a hundred times larger than others. It is
    batch norm with fixed statistics: lesson 11, lessons/11_dropout_norm_init.
    """

    def __init__(self, D: int):
        self.mean = Buffer(np.zeros(D, np.float32))
        self.std = Buffer(np.ones(D, np.float32))

    def fit(self, x: Array) -> None:
        """Compute mean and standard deviation from ``x``; a channel that is constant there is not divided."""
        xp, D = array_module(x), x.shape[-1]
        x = x.reshape(-1, D)
        std = x.std(axis=0)
        self.mean.data, self.std.data = x.mean(axis=0), xp.where(std > 0, std, xp.ones_like(std))

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "...D", D=len(self.mean.data))
        y = x - self.mean.data
        y *= 1 / self.std.data
        return y, Cache(std=self.std.data)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (std,) = cache.spend(self)
        return dy / std

    def __repr__(self):
        return f"Standardize({len(self.mean.data)})"
