"""Convolution: the definition in loops, im2col as most tutorials write it, shifted products, and the layer.

What deep learning calls convolution is cross-correlation: the kernel is not flipped.

    y[n, oh, ow, f] = b[f] + Σ_{kh, kw, c}  x[n, S·oh + kh - P, S·ow + kw - P, c] · W[kh, kw, c, f]

x: (N, H, W, C), W: (K, K, C, F), b: (F,), y: (N, OH, OW, F), and x is zero outside the image. Channels are last, so
that a window of x is a few contiguous runs and everything below is plain matrix products.
"""

import operator

import numpy as np

from .backend import Array, array_module, op
from .initializers import Initializer, Rng, he
from .layer import Cache, Layer, Parameter, expect_shape

Padding = int | str | tuple[tuple[int, int], tuple[int, int]]  # of a layer, see check_padding


def output_size(H, K, S, P):
    """How many windows of ``K`` fit into ``H`` pixels with padding ``P`` on both sides and stride ``S``."""
    return (H + 2 * P - K) // S + 1


def pad(x, P, value=0):
    """``x`` (N, H, W, C) with ``P`` pixels of ``value`` around each image; P may be ((top, bottom), (left, right))."""
    (top, bottom), (left, right) = P if isinstance(P, tuple) else ((P, P), (P, P))
    if top == bottom == left == right == 0:
        return x
    N, H, W, C = x.shape
    padded = array_module(x).full((N, top + H + bottom, left + W + right, C), value, dtype=x.dtype)
    padded[:, top:top + H, left:left + W] = x
    return padded


def same_padding(H, K, S=1):
    """(before, after): padding for ⌈H / S⌉ windows of ``K`` pixels at distance ``S``, TensorFlow's "SAME".

    Where the two differ, there is one pixel more after the image: (0, 1) for an even H, K = 3 and S = 2. The windows
    then begin at other pixels than with 1 on both sides, which gives as many of them.
    """
    total = max(0, (-(-H // S) - 1) * S + K - H)
    return total // 2, total - total // 2


def padding_of(padding, H, W, K, S):
    """((top, bottom), (left, right)) for images of H x W; ``padding``: these pairs, one number, or "same"."""
    if padding == "same":
        return same_padding(H, K, S), same_padding(W, K, S)
    return padding if isinstance(padding, tuple) else ((padding, padding), (padding, padding))


def check_padding(padding):
    """``padding`` as layers keep it. ValueError if it is none that :func:`padding_of` understands."""
    if isinstance(padding, (int, np.integer)) and padding >= 0:
        return int(padding)
    if isinstance(padding, str) and padding == "same":
        return padding
    try:
        rows, columns = padding
        pairs = tuple((operator.index(before), operator.index(after)) for before, after in (rows, columns))
    except (TypeError, ValueError):
        pairs = None
    if pairs is None or min(map(min, pairs)) < 0:
        raise ValueError(f"padding is a number of pixels, 'same' or ((top, bottom), (left, right)), got {padding!r}")
    return pairs


# --- The definition -----------------------------------------------------------------------------------------------

def conv2d_loops(x, W, b, S=1, P=0):
    """The equation above, one output number at a time: slow, and the definition every faster version is tested against.
    """
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = array_module(x).zeros((N, OH, OW, F), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]  # (K, K, C)
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum() + b[f]
    return y


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    """Gradients (dx, dW, db) of :func:`conv2d_loops`: each output adds to the pixels and weights it was made from."""
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    xp = array_module(x)
    x = pad(x, P)
    dx, dW = xp.zeros_like(x), xp.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, cols = slice(oh * S, oh * S + K), slice(ow * S, ow * S + K)
                for f in range(F):
                    dx[n, rows, cols] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, cols]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# --- im2col -------------------------------------------------------------------------------------------------------

def im2col(x, K, S=1, P=0):
    """Every window as one row: (N, H, W, C) -> (N, OH, OW, K·K·C). The copy is K² times the size of x."""
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = array_module(x).empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kh, kw] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns.reshape(N, OH, OW, K * K * C)


def conv2d_im2col(x, W, b, S=1, P=0):
    """Convolution as one matrix product (Chellapilla et al. 2006)."""
    K, K, C, F = W.shape
    return im2col(x, K, S, P) @ W.reshape(K * K * C, F) + b


# --- Shifted products ---------------------------------------------------------------------------------------------

@op
def conv2d(x, W, b, S=1, P=0):
    """Convolution with K instead of K² copies of x.

    Windows are laid out along the width only. Then, with stride 1, the windows that kernel row kh needs are a plain
    *view* (the same rows, kh further down), and K matrix products add up to the result:

        y = b + Σ_kh  rows_kh @ W[kh]          rows_kh: (N, OH·OW, K·C),  W[kh]: (K·C, F)
    """
    K, K, C, F = W.shape
    windows = _windows_along_width(x, K, S, P)
    N, _, OW, _, _ = windows.shape
    OH = output_size(x.shape[1], K, S, P)
    y = _rows(windows, 0, OH, S) @ W[0].reshape(K * C, F)
    for kh in range(1, K):
        y += _rows(windows, kh, OH, S) @ W[kh].reshape(K * C, F)
    y += b
    return y.reshape(N, OH, OW, F)


@op
def conv2d_backward(dy, x, W, S=1, P=0, input_gradient=True):
    """Gradients (dx, dW, db) of :func:`conv2d`, kernel row by kernel row; dx is None without ``input_gradient``.

        dW[kh] = Σ_n rows_khᵀ @ dy             drows_kh = dy @ W[kh]ᵀ

    The windows are laid out a second time: keeping them from the forward pass would take K times the memory of x.
    """
    N, OH, OW, F = dy.shape
    K, K, C, F = W.shape
    windows = _windows_along_width(x, K, S, P)
    dy = dy.reshape(N, OH * OW, F)
    dW, dx = array_module(x, dy).empty_like(W), None
    for kh in range(K):
        dW[kh] = (_rows(windows, kh, OH, S).transpose(0, 2, 1) @ dy).sum(axis=0).reshape(K, C, F)
    if input_gradient:
        dwindows = array_module(x).zeros_like(windows)
        for kh in range(K):
            drows = dy @ W[kh].reshape(K * C, F).T
            dwindows[:, kh:kh + S * OH:S] += drows.reshape(N, OH, OW, K, C)
        dx = _fold_windows(dwindows, x.shape, S, P)
    return dx, dW, dy.sum(axis=(0, 1))


def _windows_along_width(x, K, S, P):
    """(N, H, W, C) -> (N, H + 2P, OW, K, C): for each output column, the K pixels of a row it can see."""
    N, H, W, C = x.shape
    OW = output_size(W, K, S, P)
    x = pad(x, P)
    windows = array_module(x).empty((N, H + 2 * P, OW, K, C), dtype=x.dtype)
    for kw in range(K):
        windows[:, :, :, kw] = x[:, :, kw:kw + S * OW:S]
    return windows


def _fold_windows(dwindows, shape, S, P):
    """The gradient of :func:`_windows_along_width`: a pixel's gradient is the sum over its copies."""
    N, H, W, C = shape
    N, _, OW, K, C = dwindows.shape
    dx = array_module(dwindows).zeros((N, H + 2 * P, W + 2 * P, C), dtype=dwindows.dtype)
    for kw in range(K):
        dx[:, :, kw:kw + S * OW:S] += dwindows[:, :, :, kw]
    return dx[:, P:P + H, P:P + W]


def _rows(windows, kh, OH, S):
    """What kernel row ``kh`` sees, as (N, OH·OW, K·C): a view of ``windows`` with stride 1, a copy otherwise."""
    N, _, OW, K, C = windows.shape
    return windows[:, kh:kh + S * OH:S].reshape(N, OH * OW, K * C)


# --- The layer ----------------------------------------------------------------------------------------------------

class Conv2d(Layer):
    """y[n, oh, ow, f] = b[f] + Σ_{kh, kw, c} x[n, S·oh + kh - P, S·ow + kw - P, c] · W[kh, kw, c, f]

    x: (N, H, W, C), W: (K, K, C, F), b: (F,), y: (N, OH, OW, F); the cache keeps x alone. With
    ``input_gradient=False``, for the first layer of a network, backward returns None: nothing uses the gradient of the
    pixels, and it is a third of the work. ValueError when the kernel is larger than the padded image. Derived in
    lessons 7 and 8, lessons/07_convolution and lessons/08_convolution_backward.

    ``padding`` may also be ((top, bottom), (left, right)), and "same" for :func:`same_padding`: P is then top and left.
    """

    def __init__(self, C: int, F: int, kernel: int = 3, *, stride: int = 1, padding: Padding = 0,
                 input_gradient: bool = True, rng: Rng, init: Initializer = he):
        self.W = Parameter(init(rng, (kernel, kernel, C, F)))
        self.b = Parameter(np.zeros(F, np.float32))
        self.stride, self.padding, self.input_gradient = stride, check_padding(padding), input_gradient

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "NHWC", C=self.W.shape[2])
        padded, P = _pad_where_uneven(x, padding_for(self, x))
        return conv2d(padded, self.W.data, self.b.data, self.stride, P), Cache(x=x)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        (x,) = cache.spend(self)
        N, H, W, C = x.shape
        (top, _), (left, _) = sides = padding_for(self, x)
        padded, P = _pad_where_uneven(x, sides)
        dx, dW, db = conv2d_backward(dy, padded, self.W.data, self.stride, P, self.input_gradient)
        self.W.accumulate(dW)
        self.b.accumulate(db)
        return dx if padded is x or dx is None else dx[:, top:top + H, left:left + W]

    def __repr__(self):
        K, _, C, F = self.W.shape
        stride = f", stride={self.stride}" if self.stride != 1 else ""
        padding = f", padding={self.padding!r}" if self.padding else ""
        return f"Conv2d({C} -> {F}, {K}x{K}{stride}{padding})"


def padding_for(layer, x):
    """:func:`padding_of` for a layer with kernel W (K, K, ...) and the images x. ValueError if no window fits in."""
    K, (H, W) = layer.W.shape[0], x.shape[1:3]
    (top, bottom), (left, right) = sides = padding_of(layer.padding, H, W, K, layer.stride)
    H, W = top + H + bottom, left + W + right
    if min(H, W) < K:
        raise ValueError(f"{layer!r}: the kernel is larger than the padded image of {H}x{W} pixels")
    return sides


def _pad_where_uneven(x, sides):
    """(x, P) where P pixels on all sides is what ``sides`` says; else x is padded here, and P = 0."""
    (top, bottom), (left, right) = sides
    return (x, top) if top == bottom == left == right else (pad(x, sides), 0)
