"""Inference over many images on all cores: a snapshot of a Sequential, prepared for speed.

Kernels are transformed once and not at every call. Bias and activation are computed while a block of the convolution is
still in the cache, as are a 2 x 2 max pooling after Winograd and all of an inverted residual (separable.py). Results go
to a few buffers in turn, because memory that is new to the process takes 1.6 times as long to write (100 MB: 13 ms
instead of 8). Images are processed in chunks, so that memory does not grow with their number.
"""

import functools
import itertools

import numpy as np

from ..activations import ReLU, ReLU6
from ..backend import for_few
from ..conv import Conv2d, padding_for, padding_of
from ..depthwise import DepthwiseConv2d
from ..layer import Residual, Sequential, expect_shape
from ..linear import Flatten, Linear
from ..mapped import pieces
from ..pooling import MaxPool2d
from .activations import NOTHING, RELU, RELU6
from .conv import algorithm, conv_1x1, conv_once, im2col_conv
from .depthwise import limited_depthwise
from .separable import separable_conv
from .threads import scratch
from .winograd import transform_kernel, winograd_conv

CHUNK = 8  # images; enough tiles for the wide last layers, whose kernels are larger than the cache
LIMITS = {ReLU: RELU, ReLU6: RELU6}


class InferencePlan:
    """``plan(x)`` equals ``model(x)`` up to rounding; x: (N, H, W, C) float32. Make a new plan when weights change.

    Layers up to the first Flatten take ``CHUNK`` images at a time, the dense layers the whole batch: their weights are
    large, and reading them is most of their cost. A plan for a few pictures (:func:`.few_pictures`) transforms no
    kernel in advance, and reads the weights of dense layers where they are, in the file.
    """

    def __init__(self, model):
        layers = [*_unpacked(model)]
        split = next((i for i, layer in enumerate(layers) if isinstance(layer, Flatten)), len(layers))
        self.per_chunk = _steps(layers[:split])
        self.per_batch = [LinearInPieces(layer) if for_few() and isinstance(layer, Linear) else layer
                          for layer in layers[split:]]
        _share_buffers(self.per_chunk)
        last = [step for step in self.per_chunk if isinstance(step, PreparedConv)][-1:]
        for step in last:  # its result may be returned, so it gets memory of its own
            step.buffer = None

    def __call__(self, x):
        chunks = [x[begin:begin + CHUNK] for begin in range(0, max(1, len(x)), CHUNK)]
        y = [_run(self.per_chunk, chunk) for chunk in chunks]
        return _run(self.per_batch, np.concatenate(y) if len(y) > 1 else y[0])


class PreparedConv:
    """Convolutions with the layers fused into them, ``compute(x, empty=...)``; the result goes to the named buffer."""

    def __init__(self, layers, compute):
        self.first, self.compute, self.buffer = layers[0], compute, None
        self.widest = max(layers, key=lambda layer: len(layer.W.data))  # the one whose windows need some room

    def __call__(self, x):
        expect_shape(self.first, x, "NHWC", C=self.first.W.shape[2])  # NumPy would broadcast one channel to all C
        padding_for(self.widest, x)
        empty = np.empty if self.buffer is None else functools.partial(scratch().empty, self.buffer)
        return self.compute(x, empty=empty)


class LinearInPieces:
    """A Linear whose W is in a file, which is read a part at a time (mapped.py): y = Σ x[part] W[part] + b."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x):
        W, b, begin = self.layer.W.data, self.layer.b, 0
        expect_shape(self.layer, x, "...D", D=len(W))
        if W.flags.f_contiguous:  # as in PyTorch's files, which have it transposed
            y = np.concatenate([x @ part.T for part in pieces(W.T)], axis=-1)
        else:
            y = np.zeros((*x.shape[:-1], W.shape[1]), np.result_type(x, W))
            for part in pieces(W):
                y += x[..., begin:begin + len(part)] @ part
                begin += len(part)
        return y if b is None else y + b.data


class PreparedResidual:
    """The sum of x and what the prepared layers inside a Residual make of it."""

    def __init__(self, layer, steps):
        self.layer, self.steps = layer, steps

    def __call__(self, x):
        return self.layer.sum(x, _run(self.steps, x))


def _run(steps, x):
    for step in steps:
        x = step(x)
    return x


def _share_buffers(steps, used=None, waiting=()):
    """Give each step a buffer for its result: one that neither its input is in nor what is ``waiting`` to be added.

    ``used``: the buffer that the input of the first is in. A layer without a buffer may return its own input.
    """
    for step in steps:
        if isinstance(step, PreparedResidual):
            _share_buffers(step.steps, used, (*waiting, used))
            used = None  # a sum is an array of its own
        elif isinstance(step, PreparedConv):
            used = step.buffer = next(name for name in map("result {}".format, itertools.count())
                                      if name not in (used, *waiting))


# --- Which layers become which step -------------------------------------------------------------------------------

def _unpacked(model):
    """The layers of a Sequential, and of those inside it."""
    for layer in model.layers.values():
        yield from _unpacked(layer) if isinstance(layer, Sequential) else [layer]


def _steps(layers):
    """Prepared functions x -> y. Each layer has a letter, and groups of them have a form of their own."""
    layers = [*_with_activations(layers)]
    steps, at = [], 0
    while at < len(layers):
        group = next(layers[at:at + n] for n in (3, 2, 1) if _belong(layers[at:at + n]))
        steps.append(_step(group))
        at += len(group)
    return steps


def _with_activations(layers):
    """Triples (letter, layer, activation): an activation behind a convolution belongs to it."""
    layers = [*layers]
    while layers:
        layer, limits = layers.pop(0), NOTHING
        letter = _letter(layer)
        if letter in "widp" and layers and type(layers[0]) in LIMITS:
            limits = LIMITS[type(layers.pop(0))]
        yield letter, layer, limits


def _letter(layer):
    """w(inograd), i(m2col), p(ointwise, 1 x 1), d(epthwise), m(ax pooling) of 2 x 2, r(esidual), or "." for others."""
    if any(p.data.dtype != np.float32 for p in layer.parameters()):
        return "."
    if isinstance(layer, Conv2d):
        method = algorithm(layer.W.data, layer.stride, layer.padding)
        return {"winograd": "w", "im2col": "i", "1x1": "p", "plain": "."}[method]
    if isinstance(layer, MaxPool2d) and (layer.kernel, layer.stride, layer.padding) == (2, 2, 0):
        return "m"
    return {DepthwiseConv2d: "d", Residual: "r"}.get(type(layer), ".")


def _letters(group):
    return "".join(letter for letter, *_ in group)


def _belong(group):
    """Whether these layers become one step."""
    if _letters(group) in ("pdp", "dp"):
        layers = [layer for _, layer, _ in group]  # channels have to agree, else the layers refuse them
        return all(a.W.shape[-1] == b.W.shape[2] for a, b in itertools.pairwise(layers))
    return _letters(group) == "wm" or len(group) == 1


def _step(group):
    letters, (_, layer, limits) = _letters(group), group[0]
    if letters == "r":
        return _residual(layer)
    if letters in (".", "m"):
        return layer
    if letters in ("pdp", "dp"):
        return _separable(group)
    W, b = layer.W.data, layer.b.data
    if letters == "i":
        compute = functools.partial(im2col_conv, W=W, b=b, S=layer.stride, P=layer.padding)
    elif letters == "p":
        compute = functools.partial(conv_1x1, W=W, b=b)
    elif letters == "d":
        compute = functools.partial(limited_depthwise, W=W, b=b, S=layer.stride, padding=layer.padding)
    elif for_few():
        compute = functools.partial(conv_once, W=W, b=b, pool=letters == "wm")
    else:
        compute = functools.partial(winograd_conv, U=transform_kernel(W), b=b, pool=letters == "wm")
    return PreparedConv([layer], functools.partial(compute, limits=limits))


def _separable(group, residual=False):
    *expand, depthwise, project = [(layer.W.data, layer.b.data, limits) for _, layer, limits in group]
    layer = group[-2][1]
    return PreparedConv([layer for _, layer, _ in group], functools.partial(
        separable_conv, expand=expand[0] if expand else None, depthwise=depthwise, project=project, S=layer.stride,
        padding=layer.padding, residual=residual))


def _residual(layer):
    group = [*_with_activations(_unpacked(layer.f))]
    if _letters(group) in ("pdp", "dp") and _belong(group) and _keeps_shape(group):
        return _separable(group, residual=True)
    return PreparedResidual(layer, _steps(_unpacked(layer.f)))


def _keeps_shape(group):
    first, depthwise, last = group[0][1], group[-2][1], group[-1][1]
    K, S = len(depthwise.W.data), depthwise.stride
    around = map(sum, padding_of(depthwise.padding, K, K, K, S))
    return S == 1 and first.W.shape[2] == last.W.shape[-1] and all(pixels == K - 1 for pixels in around)
