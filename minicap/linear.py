"""Linear, Embedding and Flatten: the layers that are one line of algebra."""

import numpy as np

from .backend import array_module, op
from .initializers import glorot, normal
from .layer import Cache, Layer, Parameter, expect_shape


class Linear(Layer):
    """y = x W + b

    x: (..., D), W: (D, H), b: (H,), y: (..., H). All leading axes count as samples. ``input_gradient=False`` says that
    nobody learns from the gradient of x (features of a frozen network), which is then None and costs nothing.
    """

    def __init__(self, D, H, *, rng, bias=True, init=glorot, input_gradient=True):
        self.input_gradient = input_gradient
        self.W = Parameter(init(rng, (D, H)))
        if bias:
            self.b = Parameter(np.zeros(H, np.float32))

    def forward(self, x):
        return self(x), Cache(x=x)

    def backward(self, dy, cache):
        (x,) = cache.spend(self)
        D, H = self.W.shape
        x, dy2 = x.reshape(-1, D), dy.reshape(-1, H)
        self.W.accumulate(x.T @ dy2)                              # dL/dW_dh = Σ_n x_nd dy_nh
        if hasattr(self, "b"):
            self.b.accumulate(dy2.sum(axis=0))
        if not self.input_gradient:
            return None
        return (dy2 @ self.W.data.T).reshape(*dy.shape[:-1], D)   # dL/dx_nd = Σ_h dy_nh W_dh

    def __call__(self, x):
        D, H = self.W.shape
        if x.shape[-1:] != (D,):
            raise ValueError(f"{self!r} expects x of shape (..., {D}), got {tuple(x.shape)}")
        y = x @ self.W.data
        if hasattr(self, "b"):
            y += self.b.data
        return y

    def __repr__(self):
        bias = "" if hasattr(self, "b") else ", no bias"
        return f"Linear({self.W.shape[0]} -> {self.W.shape[1]}{bias})"


@op
def sum_by_word(dy, words, V):
    """(..., E), (...) -> (V, E): row w is the sum of dy over all places where ``words`` is w."""
    total = array_module(dy).zeros((V, dy.shape[-1]), dtype=dy.dtype)
    array_module(dy).add.at(total, words, dy)  # a word that occurs twice gets both; `total[words] += dy` would lose one
    return total


class Embedding(Layer):
    """y = W[words]: row number ``word`` of a table; the same as a one-hot vector times W, without the zeros.

    words: integers of any shape (...), W: (V, E), y: (..., E). The gradient of ``words`` is None.
    """

    def __init__(self, V, E, *, rng, init=None):
        self.W = Parameter((init or normal(0.1))(rng, (V, E)))

    def forward(self, words):
        return self(words), Cache(words=words)

    def backward(self, dy, cache):
        (words,) = cache.spend(self)
        self.W.accumulate(sum_by_word(dy, words, len(self.W.data)))

    def __call__(self, words):
        if words.dtype.kind not in "iu":
            raise ValueError(f"{self!r} expects integer words, got {words.dtype}")
        return self.W.data[words]

    def __repr__(self):
        return f"Embedding({self.W.shape[0]} words -> {self.W.shape[1]})"


class Flatten(Layer):
    """(N, H, W, C) -> (N, H·W·C). VGG files from PyTorch flatten in C, H, W order: the loader permutes their rows."""

    def forward(self, x):
        return self(x), Cache(shape=x.shape)

    def backward(self, dy, cache):
        (shape,) = cache.spend(self)
        return dy.reshape(shape)

    def __call__(self, x):
        expect_shape(self, x, "NHWC")
        return x.reshape(len(x), -1)
