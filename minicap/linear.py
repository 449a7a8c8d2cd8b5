"""Linear, Embedding and Flatten: the layers that are one line of algebra."""

import numpy as np

from .backend import Array, array_module, op
from .initializers import Initializer, Rng, glorot, normal
from .layer import Cache, Layer, Parameter, expect_shape


class Linear(Layer):
    """y = x W + b

    x: (..., D), W: (D, H), b: (H,), y: (..., H); all leading axes count as samples. With ``input_gradient=False``, for
    a layer that reads fixed features, backward returns None instead of dx. Derived in lesson 3, lessons/03_linear.
    """

    def __init__(self, D: int, H: int, *, rng: Rng, bias: bool = True, init: Initializer = glorot,
                 input_gradient: bool = True):
        self.W = Parameter(init(rng, (D, H)))
        self.b = Parameter(np.zeros(H, np.float32)) if bias else None
        self.input_gradient = input_gradient

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "...D", D=self.W.shape[0])
        y = x @ self.W.data                                       # y_nh = Σ_d x_nd W_dh + b_h
        if self.b is not None:
            y += self.b.data
        return y, Cache(x=x)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        (x,) = cache.spend(self)
        D, H = self.W.shape
        x, dy2 = x.reshape(-1, D), dy.reshape(-1, H)
        self.W.accumulate(x.T @ dy2)                              # dL/dW_dh = Σ_n x_nd dy_nh
        if self.b is not None:
            self.b.accumulate(dy2.sum(axis=0))                    # dL/db_h  = Σ_n dy_nh
        if not self.input_gradient:
            return None
        return (dy2 @ self.W.data.T).reshape(*dy.shape[:-1], D)   # dL/dx_nd = Σ_h dy_nh W_dh

    def __repr__(self):
        D, H = self.W.shape
        return f"Linear({D} -> {H}{'' if self.b is not None else ', no bias'})"


@op
def times_transpose(dy, W):
    """dy Wᵀ (N, D), the gradient of x in x W: dy (N, H), W (D, H)."""
    return dy @ W.T


@op
def segment_sum(x, segments, count):
    """(..., E), (...) -> (count, E): row s is the sum of x over all positions where ``segments`` is s."""
    total = array_module(x).zeros((count, x.shape[-1]), dtype=x.dtype)
    array_module(x).add.at(total, segments, x)  # `total[segments] += x` would add only one row of a segment
    return total


class Embedding(Layer):
    """y = W[words]: each word's row of a table, which is its one-hot vector times W without the multiplications by 0.

    words: integers of any shape (...), W: (V, E), y: (..., E). The gradient of ``words`` is None.
    Derived in lesson 17, lessons/17_words.
    """

    def __init__(self, V: int, E: int, *, rng: Rng, init: Initializer | None = None):
        self.W = Parameter((init or normal(0.1))(rng, (V, E)))

    def forward(self, words: Array) -> tuple[Array, Cache]:
        if words.dtype.kind not in "iu":
            raise ValueError(f"{self!r} expects integer words, got {words.dtype}")
        return self.W.data[words], Cache(words=words)

    def backward(self, dy: Array, cache: Cache) -> None:
        (words,) = cache.spend(self)
        self.W.accumulate(segment_sum(dy, words, len(self.W.data)))

    def __repr__(self):
        return f"Embedding({self.W.shape[0]} words -> {self.W.shape[1]})"


class Flatten(Layer):
    """y_n = the pixels of image n, row by row, as one vector: (N, H, W, C) -> (N, H·W·C).

    Used between convolutions and a Linear, first in lesson 12, lessons/12_cnn_shapes. PyTorch flattens in the order
    C, H, W: the loader of its VGG files permutes the rows of the Linear that follows.
    """

    def forward(self, x: Array) -> tuple[Array, Cache]:
        expect_shape(self, x, "NHWC")
        return x.reshape(len(x), -1), Cache(shape=x.shape)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (shape,) = cache.spend(self)
        return dy.reshape(shape)
