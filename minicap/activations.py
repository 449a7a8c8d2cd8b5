"""Pointwise layers: ReLU, ReLU6, Tanh, Sigmoid, and Dropout."""

import numpy as np

from .backend import Array, array_module, fuse, op
from .layer import Cache, Layer


@op
@fuse
def relu_backward(dy, y):
    """dx of y = max(x, 0). dy, y: arrays of one shape."""
    return dy * (y > 0)


class ReLU(Layer):
    """y = max(x, 0), dy/dx = 1 where y > 0, else 0. At the kink x = 0 any value in [0, 1] would do.

    Derived in lesson 4, lessons/04_softmax.
    """

    def forward(self, x: Array) -> tuple[Array, Cache]:
        y = array_module(x).maximum(x, 0)
        return y, Cache(y=y)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (y,) = cache.spend(self)
        return relu_backward(dy, y)


@op
@fuse
def relu6_backward(dy, y):
    """dx of y = min(max(x, 0), 6). dy, y: arrays of one shape."""
    return dy * ((y > 0) & (y < 6))


class ReLU6(Layer):
    """y = min(max(x, 0), 6), dy/dx = 1 where 0 < y < 6, else 0, at both kinks as well.

    A bounded range loses little when numbers are stored in few bits (Sandler et al. 2018, section 4); EfficientNet-Lite
    has it for that reason. The gradient is derived as that of ReLU in lesson 4, lessons/04_softmax; the network is that
    of lesson 15, lessons/15_depthwise_separable.
    """

    def forward(self, x: Array) -> tuple[Array, Cache]:
        xp = array_module(x)
        y = xp.maximum(x, 0)
        xp.minimum(y, 6, out=y)
        return y, Cache(y=y)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (y,) = cache.spend(self)
        return relu6_backward(dy, y)


class Tanh(Layer):
    """y = tanh(x), dy/dx = 1 - y². Derived in lesson 18, lessons/18_rnn."""

    def forward(self, x: Array) -> tuple[Array, Cache]:
        y = array_module(x).tanh(x)
        return y, Cache(y=y)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (y,) = cache.spend(self)
        return dy * (1 - y * y)


@fuse
def sigmoid(x):
    """1 / (1 + exp(-x)), written with tanh so that no exponential can overflow."""
    return 0.5 * array_module(x).tanh(0.5 * x) + 0.5


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), dy/dx = y (1 - y). Derived in lesson 19, lessons/19_lstm."""

    def forward(self, x: Array) -> tuple[Array, Cache]:
        y = sigmoid(x)
        return y, Cache(y=y)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (y,) = cache.spend(self)
        return dy * y * (1 - y)


class Dropout(Layer):
    """Training: y = x · mask / (1 - drop), where each element of mask is 0 with probability ``drop``. Inference: y = x.

    Dividing by (1 - drop) while training keeps E[y] = x, so inference needs no correction ("inverted" dropout;
    Srivastava et al. 2014, section 10). ``rng`` is a NumPy Generator and is part of a checkpoint. ``scaled_mask``, if
    given, is one that :meth:`sample_mask` made before. Derived in lesson 11, lessons/11_dropout_norm_init.
    """

    def __init__(self, drop: float, *, rng: np.random.Generator | None):
        if not 0 <= drop < 1:
            raise ValueError(f"drop is a probability in [0, 1), got {drop}")
        self.drop = drop
        self.rng = rng

    def forward(self, x: Array, scaled_mask: Array | None = None) -> tuple[Array, Cache]:
        if self.drop == 0:
            return x, Cache(scaled_mask=None)
        if scaled_mask is None:
            scaled_mask = self.sample_mask(x.shape, x)
        return x * scaled_mask, Cache(scaled_mask=scaled_mask)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (scaled_mask,) = cache.spend(self)
        return dy if scaled_mask is None else dy * scaled_mask

    def __call__(self, x: Array) -> Array:
        return x

    def sample_mask(self, shape: tuple[int, ...], like: Array) -> Array:
        """mask / (1 - drop), with the type and device of the array ``like``; may be used for several forward passes."""
        keep = 1 - self.drop
        mask = self.rng.random(shape, dtype=np.float32) < keep
        return array_module(like).asarray(mask) * like.dtype.type(1 / keep)

    def __repr__(self):
        return f"Dropout({self.drop})"
