"""Each layer as the ONNX nodes that compute the same at inference: one table, :data:`NODES`.

ONNX has the channels of images first, (N, C, H, W), where ours have them last. Images are turned once where they come
in and once where they leave (:func:`channels_first`, :func:`channels_last`); the layers between them know only theirs.
"""

import numpy as np

from ..activations import Dropout, ReLU, ReLU6, Sigmoid, Tanh
from ..attention import AdaptiveAttention, SoftAttention
from ..conv import Conv2d
from ..depthwise import DepthwiseConv2d
from ..layer import Residual, Sequential
from ..linear import Embedding, Flatten, Linear
from ..normalization import BatchNorm2d, L2Normalize, Standardize
from ..pooling import AvgPool2d, MaxPool2d
from ..recurrent import LSTMCell


def translate(graph, layer, *values):
    """Add the nodes of ``layer`` to ``graph``; returns the names of its outputs, or the name of the only one."""
    if type(layer) not in NODES:
        raise TypeError(f"{layer!r} has no translation into ONNX; add one to NODES in minicap/onnx_export/layers.py")
    return NODES[type(layer)](graph, layer, *values)


def channels_first(graph, x):
    """(N, H, W, C) -> (N, C, H, W)"""
    return graph.node("Transpose", x, perm=[0, 3, 1, 2])


def channels_last(graph, x):
    """(N, C, H, W) -> (N, H, W, C)"""
    return graph.node("Transpose", x, perm=[0, 2, 3, 1])


def reshape(graph, x, *shape):
    """-1: whatever is left; 0: the axis as it is."""
    return graph.node("Reshape", x, graph.constant(shape, np.int64))


def scaled_to_length(graph, x, length):
    """s x / ‖x‖ over the last axis."""
    squares = graph.node("ReduceSum", graph.node("Mul", x, x), graph.constant([-1], np.int64), keepdims=1)
    norm = graph.node("Add", graph.node("Sqrt", squares), graph.constant(1e-12))
    return graph.node("Mul", graph.constant(length), graph.node("Div", x, norm))


# --- Layers of layers ---------------------------------------------------------------------------------------------

def sequential(graph, layer, x):
    for inner in layer.layers.values():
        x = translate(graph, inner, x)
    return x


def residual(graph, layer, x):
    return graph.node("Add", x, translate(graph, layer.f, x))


# --- Images, (N, C, H, W) -----------------------------------------------------------------------------------------

def conv2d(graph, layer, x):
    W = graph.weight(layer.W, (3, 2, 0, 1))                          # (K, K, C, F) -> (F, C, K, K)
    return graph.node("Conv", x, W, graph.weight(layer.b), **_windows(layer))


def depthwise_conv2d(graph, layer, x):
    """A convolution in as many groups as there are channels, of which each has one."""
    K, _, C = layer.W.shape
    W = reshape(graph, graph.weight(layer.W, (2, 0, 1)), C, 1, K, K)  # (K, K, C) -> (C, 1, K, K)
    return graph.node("Conv", x, W, graph.weight(layer.b), group=C, **_windows(layer))


def _windows(layer):
    """Kernel, stride and padding of a convolution. ONNX calls TensorFlow's "SAME" so, too."""
    sizes = {"kernel_shape": [layer.W.shape[0]] * 2, "strides": [layer.stride] * 2}
    if layer.padding == "same":
        return sizes | {"auto_pad": "SAME_UPPER"}
    P = layer.padding
    (top, bottom), (left, right) = P if isinstance(P, tuple) else ((P, P), (P, P))
    return sizes | {"pads": [top, left, bottom, right]}


def batch_norm2d(graph, layer, x):
    arrays = (graph.weight(p) for p in (layer.gamma, layer.beta, layer.mean, layer.var))
    return graph.node("BatchNormalization", x, *arrays, epsilon=layer.eps)


def max_pool2d(graph, layer, x):
    return graph.node("MaxPool", x, **_pool(layer))


def avg_pool2d(graph, layer, x):
    return graph.node("AveragePool", x, **_pool(layer), count_include_pad=1)


def _pool(layer):
    return {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2, "pads": [layer.padding] * 4}


def flatten(graph, layer, x):
    """Channels last, as the weights behind it expect, and one vector an image."""
    return reshape(graph, channels_last(graph, x), 0, -1)


# --- Vectors ------------------------------------------------------------------------------------------------------

def linear(graph, layer, x):
    y = graph.node("MatMul", x, graph.weight(layer.W))
    return y if layer.b is None else graph.node("Add", y, graph.weight(layer.b))


def embedding(graph, layer, words):
    return graph.node("Gather", graph.weight(layer.W), words)


def l2_normalize(graph, layer, x):
    return scaled_to_length(graph, x, layer.scale)


def standardize(graph, layer, x):
    return graph.node("Div", graph.node("Sub", x, graph.weight(layer.mean)), graph.weight(layer.std))


def relu6(graph, layer, x):
    return graph.node("Clip", x, graph.constant(0), graph.constant(6))


# --- One step of the decoder --------------------------------------------------------------------------------------

def lstm_cell(graph, layer, x, h, c):
    """(x, h, c) -> [h', c']"""
    z = graph.node("Add", graph.node("MatMul", x, graph.weight(layer.W)),
                   graph.node("MatMul", h, graph.weight(layer.U)))
    i, f, o, g = graph.node("Split", graph.node("Add", z, graph.weight(layer.b)), axis=1, outputs=4)
    i, f, o, g = *(graph.node("Sigmoid", gate) for gate in (i, f, o)), graph.node("Tanh", g)
    c = graph.node("Add", graph.node("Mul", f, c), graph.node("Mul", i, g))
    return [graph.node("Mul", o, graph.node("Tanh", c)), c]


def soft_attention(graph, layer, regions, keys, image_of, h, q=None):
    """-> [z, α]"""
    alpha = graph.node("Softmax", _scores(graph, layer, keys, image_of, _query(graph, layer, h, q)), axis=-1)
    beta = graph.node("Sigmoid", translate(graph, layer.gate, h))
    return [graph.node("Mul", beta, _weighted_sum(graph, regions, image_of, alpha)), alpha]


def adaptive_attention(graph, layer, regions, keys, image_of, h, x, c, q=None):
    """-> [z, α], the last column of α for the sentinel"""
    query = _query(graph, layer, h, q)
    gate = graph.node("Sigmoid", translate(graph, layer.gate, graph.node("Concat", x, h, axis=1)))
    s = graph.node("Mul", gate, graph.node("Tanh", c))
    tanh_s = graph.node("Tanh", graph.node("Add", translate(graph, layer.key, s), query))
    v = reshape(graph, graph.weight(layer.v), -1, 1)
    e = graph.node("Concat", _scores(graph, layer, keys, image_of, query), graph.node("MatMul", tanh_s, v), axis=1)
    alpha = graph.node("Softmax", e, axis=-1)
    L = graph.node("Shape", keys, start=1, end=2)
    zero, end, axis = (graph.constant([n], np.int64) for n in (0, 2**31, 1))
    of_regions = graph.node("Slice", alpha, zero, L, axis)
    of_memory = graph.node("Mul", graph.node("Slice", alpha, L, end, axis), translate(graph, layer.value, s))
    return [graph.node("Add", _weighted_sum(graph, regions, image_of, of_regions), of_memory), alpha]


def _query(graph, layer, h, q):
    query = graph.node("MatMul", h, graph.weight(layer.U))
    return query if q is None else graph.node("Add", query, q)


def _scores(graph, layer, keys, image_of, query):
    """e_ni = v · tanh(k_i + q_n), (N, L)"""
    query = graph.node("Unsqueeze", query, graph.constant([1], np.int64))
    tanh = graph.node("Tanh", graph.node("Add", graph.node("Gather", keys, image_of), query))
    return graph.node("MatMul", tanh, graph.weight(layer.v))


def _weighted_sum(graph, regions, image_of, alpha):
    """Σ_i α_ni a_i, (N, D)"""
    axis = graph.constant([1], np.int64)
    z = graph.node("MatMul", graph.node("Unsqueeze", alpha, axis), graph.node("Gather", regions, image_of))
    return graph.node("Squeeze", z, axis)


NODES = {
    Sequential: sequential, Residual: residual,
    Conv2d: conv2d, DepthwiseConv2d: depthwise_conv2d, BatchNorm2d: batch_norm2d, MaxPool2d: max_pool2d,
    AvgPool2d: avg_pool2d, Flatten: flatten,
    Linear: linear, Embedding: embedding, L2Normalize: l2_normalize, Standardize: standardize,
    ReLU: lambda graph, layer, x: graph.node("Relu", x), ReLU6: relu6,
    Tanh: lambda graph, layer, x: graph.node("Tanh", x), Sigmoid: lambda graph, layer, x: graph.node("Sigmoid", x),
    Dropout: lambda graph, layer, x: x,
    LSTMCell: lstm_cell, SoftAttention: soft_attention, AdaptiveAttention: adaptive_attention,
}
