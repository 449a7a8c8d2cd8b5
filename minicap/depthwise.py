"""Depthwise convolution: every channel has a kernel of its own, and channels do not mix.

    y[n, oh, ow, c] = b[c] + Σ_{kh, kw}  x[n, S·oh + kh - top, S·ow + kw - left, c] · W[kh, kw, c]

x: (N, H, W, C), W: (K, K, C), b: (C,), y: (N, OH, OW, C). Compared with a convolution the sum over channels is gone,
and with it a factor of F in weights and multiplications. A 1 x 1 convolution behind it mixes the channels: together
they are the depthwise separable convolution of MobileNets (Howard et al. 2017) and EfficientNet (Tan and Le 2019).

Padding is ((top, bottom), (left, right)) here, since TensorFlow's "SAME", with which those networks were trained,
differs on the two sides (:func:`.same_padding`).
"""

import numpy as np

from .backend import Array, array_module, op
from .conv import Padding, check_padding, output_size, pad, padding_for
from .initializers import Initializer, Rng, he
from .layer import Cache, Layer, Parameter, expect_shape
from .pooling import _taps


def output_sizes(x, K, S, padding):
    """(OH, OW) for images ``x`` (N, H, W, C) and ``padding`` ((top, bottom), (left, right))."""
    return tuple(output_size(n + before + after, K, S, 0)
                 for n, (before, after) in zip(x.shape[1:3], padding, strict=True))


# --- The definition -----------------------------------------------------------------------------------------------

def depthwise_conv2d_loops(x, W, b, S, padding):
    """The equation above, one output number at a time."""
    N, H, Wd, C = x.shape
    K, K, C = W.shape
    OH, OW = output_sizes(x, K, S, padding)
    x = pad(x, padding)
    y = array_module(x).zeros((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, oh * S:oh * S + K, ow * S:ow * S + K, c]  # (K, K)
                    y[n, oh, ow, c] = (window * W[:, :, c]).sum() + b[c]
    return y


def depthwise_conv2d_loops_backward(dy, x, W, S, padding):
    """Gradients (dx, dW, db): each output adds to the pixels and weights it was made from."""
    N, H, Wd, C = x.shape
    K, K, C = W.shape
    N, OH, OW, C = dy.shape
    (top, _), (left, _) = padding
    xp = array_module(x)
    x = pad(x, padding)
    dx, dW = xp.zeros_like(x), xp.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, cols = slice(oh * S, oh * S + K), slice(ow * S, ow * S + K)
                for c in range(C):
                    dx[n, rows, cols, c] += dy[n, oh, ow, c] * W[:, :, c]
                    dW[:, :, c] += dy[n, oh, ow, c] * x[n, rows, cols, c]
    return dx[:, top:top + H, left:left + Wd], dW, dy.sum(axis=(0, 1, 2))


# --- All windows at once ------------------------------------------------------------------------------------------

@op
def depthwise_conv2d(x, W, b, S, padding):
    """:func:`depthwise_conv2d_loops` as K² products of whole images: pixel (kh, kw) of all windows is a strided view.

    With the sum over channels the matrix product is gone as well: a product and a sum for each number read.
    """
    K, K, C = W.shape
    OH, OW = output_sizes(x, K, S, padding)
    y = array_module(x, W).zeros((len(x), OH, OW, C), dtype=x.dtype)
    for tap, w in zip(_taps(pad(x, padding), K, S, OH, OW), W.reshape(K * K, C), strict=True):
        y += tap * w
    y += b
    return y


@op
def depthwise_conv2d_backward(dy, x, W, S, padding):
    """Gradients (dx, dW, db) of :func:`depthwise_conv2d`, pixel by pixel of the windows."""
    N, H, Wd, C = x.shape
    K, K, C = W.shape
    N, OH, OW, C = dy.shape
    (top, _), (left, _) = padding
    x = pad(x, padding)
    xp = array_module(dy, x, W)
    dx, dW = xp.zeros_like(x), xp.empty_like(W)
    for k, (tap, dtap) in enumerate(zip(_taps(x, K, S, OH, OW), _taps(dx, K, S, OH, OW), strict=True)):
        kh, kw = divmod(k, K)
        dtap += dy * W[kh, kw]
        dW[kh, kw] = (dy * tap).sum(axis=(0, 1, 2))
    return dx[:, top:top + H, left:left + Wd], dW, dy.sum(axis=(0, 1, 2))


# --- The layer ----------------------------------------------------------------------------------------------------

class DepthwiseConv2d(Layer):
    """y[n, oh, ow, c] = b[c] + Σ_{kh, kw} x[n, S·oh + kh - top, S·ow + kw - left, c] · W[kh, kw, c]

    x: (N, H, W, C), W: (K, K, C), b: (C,), y: (N, OH, OW, C); the cache keeps x alone. ``padding`` is one number, the
    pairs ((top, bottom), (left, right)), or "same" (:func:`.same_padding`). ValueError when the kernel is larger than
    the padded image. Howard et al. 2017, section 3.1. The gradients are those of a convolution without its sum over
    channels. Derived in lesson 15, lessons/15_depthwise_separable.
    """

    def __init__(self, C: int, kernel: int = 3, *, stride: int = 1, padding: Padding = 0, rng: Rng,
                 init: Initializer = he):
        self.W = Parameter(init(rng, (kernel, kernel, 1, C)).reshape(kernel, kernel, C))  # fan-in: K² pixels, 1 channel
        self.b = Parameter(np.zeros(C, np.float32))
        self.stride, self.padding = stride, check_padding(padding)

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "NHWC", C=self.W.shape[2])
        return depthwise_conv2d(x, self.W.data, self.b.data, self.stride, padding_for(self, x)), Cache(x=x)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (x,) = cache.spend(self)
        dx, dW, db = depthwise_conv2d_backward(dy, x, self.W.data, self.stride, padding_for(self, x))
        self.W.accumulate(dW)
        self.b.accumulate(db)
        return dx

    def __repr__(self):
        K, _, C = self.W.shape
        stride = f", stride={self.stride}" if self.stride != 1 else ""
        padding = f", padding={self.padding!r}" if self.padding else ""
        return f"DepthwiseConv2d({C}, {K}x{K}{stride}{padding})"
