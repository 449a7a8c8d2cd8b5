"""Pooling: the largest, or the mean, of each K x K window. Channels do not mix.

x: (N, H, W, C) -> y: (N, OH, OW, C). No window is ever sliced out: pixel (kh, kw) of *all* windows is the strided view
x[:, kh::S, kw::S], so K² passes over whole images do what the loops do pixel by pixel.
"""

import numpy as np

from .backend import Array, array_module, op
from .conv import output_size, pad
from .layer import Cache, Layer, expect_shape


def max_pool2d_loops(x, K, S, P=0):
    """The definition: y[n, oh, ow, c] = max over the window of x[n, S·oh + kh - P, S·ow + kw - P, c]."""
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = array_module(x).empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                y[n, oh, ow] = x[n, oh * S:oh * S + K, ow * S:ow * S + K].max(axis=(0, 1))
    return y


def max_pool2d_loops_backward(dy, x, K, S, P=0):
    """Only the largest pixel of a window affects the output, so it gets the whole gradient; among equals, the first."""
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = array_module(x).zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, oh * S:oh * S + K, ow * S:ow * S + K, c]
                    kh, kw = divmod(int(window.argmax()), K)
                    dx[n, oh * S + kh, ow * S + kw, c] += dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


def _taps(x, K, S, OH, OW):
    """Views (N, OH, OW, C) of ``x``, already padded: pixel (kh, kw) of every window, in reading order."""
    for kh in range(K):
        for kw in range(K):
            yield x[:, kh:kh + S * (OH - 1) + 1:S, kw:kw + S * (OW - 1) + 1:S]


@op
def max_pool2d(x, K, S, P=0):
    """:func:`max_pool2d_loops` for all windows at once."""
    OH, OW = (output_size(n, K, S, P) for n in x.shape[1:3])
    first, *others = _taps(pad(x, P, -np.inf), K, S, OH, OW)
    y = first.copy()
    for tap in others:
        array_module(x).maximum(y, tap, out=y)
    return y


@op
def max_pool2d_backward(dy, x, y, K, S, P=0):
    """dx of :func:`max_pool2d`: each window's gradient goes to its first pixel that equals the maximum."""
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    xp = array_module(x, dy)
    padded = pad(x, P, -np.inf)
    dx = xp.zeros_like(padded)
    waiting = xp.ones(dy.shape, dtype=bool)  # windows whose maximum has not been found yet
    for tap, dtap in zip(_taps(padded, K, S, OH, OW), _taps(dx, K, S, OH, OW), strict=True):
        found = waiting & (tap == y)
        dtap += dy * found
        waiting &= ~found
    return dx[:, P:P + H, P:P + W]


class _Pool2d(Layer):
    """What max and average pooling share: the size and position of the windows."""

    def __init__(self, kernel: int = 2, *, stride: int | None = None, padding: int = 0):
        self.kernel, self.stride, self.padding = kernel, stride or kernel, padding
        if padding * 2 > kernel:
            raise ValueError(f"{self!r}: padding may be at most half the kernel, else a window sees no pixel at all")

    def _output_sizes(self, x):
        expect_shape(self, x, "NHWC")
        N, H, W, C = x.shape
        OH, OW = (output_size(n, self.kernel, self.stride, self.padding) for n in (H, W))
        if OH < 1 or OW < 1:
            raise ValueError(f"{self!r}: the kernel is larger than the image of {H}x{W} pixels")
        return OH, OW

    def __repr__(self):
        padding = f", padding={self.padding}" if self.padding else ""
        return f"{type(self).__name__}({self.kernel}x{self.kernel}, stride={self.stride}{padding})"


class MaxPool2d(_Pool2d):
    """y = the maximum of each window. Where several pixels equal it, the first in reading order gets the gradient.

    x: (N, H, W, C), y: (N, OH, OW, C), with OH and OW as in a convolution (:func:`.output_size`); K x K windows at
    distance S, which is K unless ``stride`` is given. ValueError when the kernel is larger than the padded image.
    Derived in lesson 10, lessons/10_pooling.
    """

    def forward(self, x: Array) -> tuple[Array, Cache]:
        self._output_sizes(x)
        y = max_pool2d(x, self.kernel, self.stride, self.padding)
        return y, Cache(x=x, y=y)

    def backward(self, dy: Array, cache: Cache) -> Array:
        x, y = cache.spend(self)
        return max_pool2d_backward(dy, x, y, self.kernel, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """y = the mean of each window; padding counts as zeros. Derived in lesson 10, lessons/10_pooling.

    x: (N, H, W, C), y: (N, OH, OW, C), with the windows and the ValueError of :class:`MaxPool2d`.
    """

    def forward(self, x: Array) -> tuple[Array, Cache]:
        OH, OW = self._output_sizes(x)
        first, *others = _taps(pad(x, self.padding), self.kernel, self.stride, OH, OW)
        y = first.copy()
        for tap in others:
            y += tap
        y /= self.kernel**2
        return y, Cache(shape=x.shape)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (shape,) = cache.spend(self)
        N, H, W, C = shape
        N, OH, OW, C = dy.shape
        P = self.padding
        dx = array_module(dy).zeros((N, H + 2 * P, W + 2 * P, C), dtype=dy.dtype)
        dmean = dy / self.kernel**2
        for dtap in _taps(dx, self.kernel, self.stride, OH, OW):
            dtap += dmean
        return dx[:, P:P + H, P:P + W]
