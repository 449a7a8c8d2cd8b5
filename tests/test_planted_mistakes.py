"""A gradient check is worth what it finds: here are common mistakes, and it has to find each of them.

Every line of ``MISTAKES`` is a change to the source of one layer, ``right`` replaced by ``wrong``, as a tired person
would type it. The spoilt layer then has to fail the gradient check with a message that names a tensor, the place in it,
and both values. A ``right`` that no longer stands in the layer fails too: then the line here has to follow the code.
"""

import inspect
import re
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from test_conformance import CASES

from minicap.activations import Dropout, ReLU, ReLU6, Sigmoid, Tanh, relu6_backward, relu_backward
from minicap.attention import (
    AdaptiveAttention,
    DoublyStochastic,
    SoftAttention,
    attention_scores_backward,
    softmax_backward,
    weighted_sum_backward,
)
from minicap.conv import Conv2d, _fold_windows, conv2d_backward
from minicap.depthwise import DepthwiseConv2d, depthwise_conv2d_backward
from minicap.gradcheck import GradientError
from minicap.layer import Residual, Sequential
from minicap.linear import Embedding, Flatten, Linear, segment_sum
from minicap.losses import SoftmaxCrossEntropy, softmax_cross_entropy_backward
from minicap.normalization import BatchNorm2d, L2Normalize, Standardize, batch_norm_backward
from minicap.pooling import AvgPool2d, MaxPool2d, max_pool2d_backward
from minicap.recurrent import LSTM, LSTMCell, gates_backward, lstm_steps_backward
from minicap.sync_batch_norm import SyncBatchNorm2d


@dataclass(frozen=True)
class Mistake:
    layer: type          # the layer that is checked
    what: str            # the mistake in words
    right: str           # stands exactly once in the source of ``where``
    wrong: str           # ... and becomes this
    where: object = None  # the class or function that is changed; None: the layer itself


MISTAKES = [
    Mistake(Linear, "sign of dW", "x.T @ dy2", "-x.T @ dy2"),
    Mistake(Linear, "dW divided by the batch", "x.T @ dy2", "x.T @ dy2 / len(x)"),
    Mistake(Linear, "dW transposed", "x.T @ dy2", "dy2.T @ x"),
    Mistake(Linear, "mean over the batch instead of the sum in db", "dy2.sum(axis=0)", "dy2.mean(axis=0)"),
    Mistake(Linear, "db not summed", "dy2.sum(axis=0)", "dy2[0]"),
    Mistake(Linear, "dx with W not transposed", "self.W.data.T", "self.W.data"),
    Mistake(Linear, "db forgotten", "self.b.accumulate(dy2.sum(axis=0))", "pass"),

    Mistake(Embedding, "a repeated word loses a gradient", "array_module(x).add.at(total, segments, x)",
            "total[segments] += x", segment_sum),
    Mistake(Embedding, "a repeated word keeps its last gradient", "array_module(x).add.at(total, segments, x)",
            "total[segments] = x", segment_sum),

    Mistake(Flatten, "pixels in another order", "dy.reshape(shape)",
            "dy.reshape(shape[0], shape[3], *shape[1:3]).transpose(0, 2, 3, 1)"),

    Mistake(ReLU, "mask forgotten", "dy * (y > 0)", "dy", where=relu_backward),
    Mistake(ReLU, "mask of the gradient instead of the input", "dy * (y > 0)", "dy * (dy > 0)", where=relu_backward),
    Mistake(ReLU, "masked with the value instead of its sign", "dy * (y > 0)", "dy * y", where=relu_backward),
    Mistake(ReLU6, "the upper kink forgotten", "((y > 0) & (y < 6))", "(y > 0)", where=relu6_backward),
    Mistake(ReLU6, "the lower kink forgotten", "((y > 0) & (y < 6))", "(y < 6)", where=relu6_backward),
    Mistake(ReLU6, "the inside instead of the outside", "(y > 0) & (y < 6)", "(y <= 0) | (y >= 6)",
            where=relu6_backward),
    Mistake(Tanh, "square dropped", "1 - y * y", "1 - y"),
    Mistake(Tanh, "gradient from above dropped", "dy * (1 - y * y)", "1 - y * y"),
    Mistake(Sigmoid, "factor dropped", "dy * y * (1 - y)", "dy * (1 - y)"),
    Mistake(Sigmoid, "sign inside", "dy * y * (1 - y)", "dy * y * (1 + y)"),
    Mistake(Dropout, "mask forgotten", "dy * scaled_mask", "dy / (1 - self.drop)"),
    Mistake(Dropout, "scale forgotten", "dy * scaled_mask", "dy * (scaled_mask > 0)"),

    Mistake(Conv2d, "sign of dW", "dW[kh] = (", "dW[kh] = -(", conv2d_backward),
    Mistake(Conv2d, "dW averaged over the batch", "@ dy).sum(axis=0)", "@ dy).mean(axis=0)",
            conv2d_backward),
    Mistake(Conv2d, "kernel flipped in dx", "dy @ W[kh].", "dy @ W[K - 1 - kh].",
            conv2d_backward),
    Mistake(Conv2d, "overlapping rows overwrite", "dwindows[:, kh:kh + S * OH:S] +=", "dwindows[:, kh:kh + S * OH:S] =",
            conv2d_backward),
    Mistake(Conv2d, "overlapping columns overwrite", "dx[:, :, kw:kw + S * OW:S] +=", "dx[:, :, kw:kw + S * OW:S] =",
            _fold_windows),
    Mistake(Conv2d, "stride forgotten along the height", "dwindows[:, kh:kh + S * OH:S]", "dwindows[:, kh:kh + OH]",
            conv2d_backward),
    Mistake(Conv2d, "stride forgotten along the width", "dx[:, :, kw:kw + S * OW:S]", "dx[:, :, kw:kw + OW]",
            _fold_windows),
    Mistake(Conv2d, "padding cut off by one pixel too few", "dx[:, P:P + H, P:P + W]",
            "dx[:, P - 1:P - 1 + H, P - 1:P - 1 + W]", _fold_windows),
    Mistake(Conv2d, "db not summed over the batch", "dy.sum(axis=(0, 1))", "dy[0].sum(axis=0)",
            conv2d_backward),
    Mistake(Conv2d, "db averaged over the pixels", "dy.sum(axis=(0, 1))", "dy.mean(axis=1).sum(axis=0)",
            conv2d_backward),


    Mistake(DepthwiseConv2d, "sign of dW", "(dy * tap)", "-(dy * tap)", depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "dW averaged over the batch", "(dy * tap).sum(axis=(0, 1, 2))",
            "(dy * tap).mean(axis=0).sum(axis=(0, 1))", depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "channels mixed in dW", "(dy * tap).sum(axis=(0, 1, 2))", "(dy * tap).sum() / C",
            depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "kernel flipped in dx", "dy * W[kh, kw]", "dy * W[K - 1 - kh, K - 1 - kw]",
            depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "rows and columns of the kernel mixed up", "dy * W[kh, kw]", "dy * W[kw, kh]",
            depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "overlapping windows overwrite", "dtap += dy", "dtap[...] = dy",
            depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "stride forgotten in dx", "_taps(dx, K, S, OH, OW)", "_taps(dx, K, 1, OH, OW)",
            depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "padding not cut off", "dx[:, top:top + H, left:left + Wd]", "dx[:, :H, :Wd]",
            depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "rows and columns of the padding mixed up", "dx[:, top:top + H, left:left + Wd]",
            "dx[:, left:left + H, top:top + Wd]", depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "db not summed over the batch", "dy.sum(axis=(0, 1, 2))\n", "dy[0].sum(axis=(0, 1))\n",
            depthwise_conv2d_backward),
    Mistake(DepthwiseConv2d, "db forgotten", "self.b.accumulate(db)", "pass"),

    Mistake(MaxPool2d, "mask forgotten", "dy * found", "dy", max_pool2d_backward),
    Mistake(MaxPool2d, "overlapping windows overwrite", "dtap += dy * found", "dtap[...] = dy * found",
            max_pool2d_backward),
    Mistake(MaxPool2d, "the smallest instead of the largest", "(tap == y)", "(tap != y)",
            max_pool2d_backward),
    Mistake(MaxPool2d, "padding not cut off", "dx[:, P:P + H, P:P + W]", "dx[:, :H, :W]",
            max_pool2d_backward),
    Mistake(AvgPool2d, "divided by K instead of K²", "dy / self.kernel**2", "dy / self.kernel"),
    Mistake(AvgPool2d, "overlapping windows overwrite", "dtap += dmean", "dtap[...] = dmean"),
    Mistake(AvgPool2d, "padding not cut off", "dx[:, P:P + H, P:P + W]", "dx[:, :H, :W]"),

    Mistake(BatchNorm2d, "mean treated as a constant", "(dy - dbeta / M - x_hat", "(dy - x_hat", batch_norm_backward),
    Mistake(BatchNorm2d, "variance treated as a constant", "dbeta / M - x_hat * (dgamma / M))", "dbeta / M)",
            batch_norm_backward),
    Mistake(BatchNorm2d, "both treated as constants, as if frozen", "(dy - dbeta / M - x_hat * (dgamma / M))", "dy",
            batch_norm_backward),
    Mistake(BatchNorm2d, "M forgotten", "dbeta / M", "dbeta", batch_norm_backward),
    Mistake(BatchNorm2d, "M - 1 instead of M", "M = dy.size // dy.shape[-1]", "M = dy.size // dy.shape[-1] - 1",
            batch_norm_backward),
    Mistake(BatchNorm2d, "γ forgotten in dx", "return (gamma * scale) *", "return scale *", batch_norm_backward),
    Mistake(BatchNorm2d, "x̂ forgotten in dγ", "(dy * x_hat).sum", "dy.sum", batch_norm_backward),
    Mistake(BatchNorm2d, "dβ summed over the batch only", ", dy.sum(axis=(0, 1, 2))\n", ", dy.sum(0)[0, 0]\n",
            batch_norm_backward),
    Mistake(SyncBatchNorm2d, "all sums forgotten", "dx -= batch", "dx -= 0 * batch"),
    Mistake(SyncBatchNorm2d, "mean treated as a constant", "factor * dbeta", "0 * dbeta"),
    Mistake(SyncBatchNorm2d, "variance treated as a constant", "factor * dgamma", "0 * dgamma"),
    Mistake(SyncBatchNorm2d, "scale of x̂ forgotten", "mean, scale)  #", "mean, scale / scale)  #"),
    Mistake(SyncBatchNorm2d, "γ forgotten in dx", "self.gamma.data * scale / n", "scale / n"),
    Mistake(SyncBatchNorm2d, "the sums accumulated twice", "self.beta.accumulate(dbeta)",
            "self.beta.accumulate(2 * dbeta)"),
    Mistake(L2Normalize, "length treated as a constant", "dy - x_hat * (x_hat * dy).sum(axis=1, keepdims=True)", "dy"),
    Mistake(L2Normalize, "scale forgotten", "self.scale / norm * (dy", "1 / norm * (dy"),
    Mistake(L2Normalize, "not summed", "(x_hat * dy).sum(axis=1, keepdims=True)", "(x_hat * dy)"),

    Mistake(Standardize, "scale forgotten", "dy / std", "dy"),
    Mistake(Standardize, "multiplied instead of divided", "dy / std", "dy * std"),

    Mistake(LSTMCell, "W and U mixed up", "dz @ self.U.data.T", "dz @ self.W.data.T"),
    Mistake(LSTMCell, "db not summed", "dz.sum(axis=0)", "dz[0]"),
    Mistake(LSTMCell, "dU with x instead of h", "h.T @ dz", "x.T @ dz"),
    Mistake(LSTMCell, "direct road of the memory forgotten", "dc = dc + dh * o", "dc = dh * o", gates_backward),
    Mistake(LSTMCell, "road through the output forgotten", "dc = dc + dh * o * (1 - tanh_c * tanh_c)", "pass",
            gates_backward),
    Mistake(LSTMCell, "slope of tanh c dropped", "o * (1 - tanh_c * tanh_c)", "o", gates_backward),
    Mistake(LSTMCell, "forget gate with the candidate instead of the memory", "dc * c,", "dc * g,", gates_backward),
    Mistake(LSTMCell, "forget gate not applied to the memory's gradient", "dc = dc * f\n", "dc = dc * 1\n",
            gates_backward),
    Mistake(LSTMCell, "slope of a gate dropped", "do * o * (1 - o)", "do * o", gates_backward),
    Mistake(LSTMCell, "a gate read after it was overwritten", "    dc = dc * f\n    i[...] = di * i * (1 - i)\n"
            "    f[...] = df * f * (1 - f)\n", "    i[...] = di * i * (1 - i)\n    f[...] = df * f * (1 - f)\n"
            "    dc = dc * f\n", gates_backward),

    Mistake(LSTM, "updated memory instead of the one before", "gates[now], c[before]", "gates[now], c[after]",
            lstm_steps_backward),
    Mistake(LSTM, "the updated state in dU", "h[at.before].T @ dz", "h[N:].T @ dz"),
    Mistake(LSTM, "gradient of later steps dropped", "dh[:n] + dy[now]", "dy[now]", lstm_steps_backward),
    Mistake(LSTM, "gradient of this step's output dropped", "dh[:n] + dy[now]", "dh[:n]", lstm_steps_backward),
    Mistake(LSTM, "rows of dx left in sorted order", "dx[at.row, at.t] =", "dx[at.back[at.row], at.t] ="),
    Mistake(LSTM, "rows of dh0 left in sorted order", "dx, dh[at.back], dc[at.back]", "dx, dh, dc[at.back]"),
    Mistake(LSTM, "rows of dy not sorted", "dy[at.row, at.t]", "dy[at.back[at.row], at.t]"),
    Mistake(LSTM, "gradient of the final state forgotten", "if d is None else d[at.order]", "if True else d[at.order]"),
    Mistake(LSTM, "db of one step only", "dz.sum(axis=0)", "dz[:N].sum(axis=0)"),
    Mistake(LSTM, "the constant's gradient of one step only", "+= dz[now]", "= dz[now]"),
    Mistake(LSTM, "rows of the constant not sorted", "constant[at.order].T", "constant.T"),
    Mistake(LSTM, "rows of the constant's gradient left in sorted order", "W[D:].T)[at.back]", "W[D:].T)"),

    Mistake(SoftAttention, "slope of the gate dropped", "c.context * c.beta * (1 - c.beta)", "c.context"),
    Mistake(SoftAttention, "gate forgotten in dα", "c.image_of, dz * c.beta, dregions", "c.image_of, dz, dregions"),
    Mistake(SoftAttention, "the gate's road to h forgotten", "dh + times_transpose", "times_transpose"),
    Mistake(SoftAttention, "the query's road to h forgotten", "dh + times_transpose(dquery, self.U.data)", "dh"),
    Mistake(SoftAttention, "gradient of α from outside dropped", "dalpha += dalpha_outside", "pass"),
    Mistake(SoftAttention, "what is asked more gets no gradient", "*[dquery] * c.has_q", "*[0 * dquery] * c.has_q"),
    Mistake(SoftAttention, "dU with the query instead of h", "c.h.T @ dquery", "c.query.T @ dquery"),
    Mistake(SoftAttention, "softmax as if its terms were independent",
            "p * (dp - (p * dp).sum(axis=-1, keepdims=True))", "p * (1 - p) * dp", softmax_backward),
    Mistake(SoftAttention, "softmax summed over the rows", "(p * dp).sum(axis=-1, keepdims=True)",
            "(p * dp).sum(axis=0, keepdims=True)", softmax_backward),
    Mistake(SoftAttention, "slope of tanh dropped", "* v * (1 - tanh * tanh)", "* v", attention_scores_backward),
    Mistake(SoftAttention, "v forgotten on the way to the keys", "de[:, :, None] * v *", "de[:, :, None] *",
            attention_scores_backward),
    Mistake(SoftAttention, "an image keeps the keys' gradient of one row", "_add_by_image(dkeys, dsum, image_of)",
            "dkeys[image_of] += dsum", attention_scores_backward),
    Mistake(SoftAttention, "keys' gradient in the order of the rows", "_add_by_image(dkeys, dsum, image_of)",
            "dkeys[:len(dsum)] += dsum", attention_scores_backward),
    Mistake(SoftAttention, "query's gradient of one region", "dsum.sum(axis=1)", "dsum[:, 0]",
            attention_scores_backward),
    Mistake(SoftAttention, "regions' gradient not weighted", "alpha[:, :, None] * dy[:, None]",
            "(0 * alpha + 1)[:, :, None] * dy[:, None]", weighted_sum_backward),
    Mistake(SoftAttention, "regions' gradient forgotten", "alpha[:, :, None] * dy[:, None]",
            "0 * alpha[:, :, None] * dy[:, None]", weighted_sum_backward),
    Mistake(SoftAttention, "dα with another image's regions", "(regions[image_of] @ dy", "(regions[:len(dy)] @ dy",
            weighted_sum_backward),

    Mistake(AdaptiveAttention, "the sentinel's part in dα forgotten", "(dz * c.value).sum", "0 * (dz * c.value).sum"),
    Mistake(AdaptiveAttention, "the sentinel's part in dv forgotten", "dv + de[:, -1] @ c.tanh_s", "dv"),
    Mistake(AdaptiveAttention, "the sentinel's part in the query forgotten", "dquery += dkey", "pass"),
    Mistake(AdaptiveAttention, "slope of the sentinel's tanh dropped", "self.v.data * (1 - c.tanh_s * c.tanh_s)",
            "self.v.data"),
    Mistake(AdaptiveAttention, "the sentinel's key forgotten", "self.key.backward(dkey, c.key) + self.value",
            "0 * self.key.backward(dkey, c.key) + self.value"),
    Mistake(AdaptiveAttention, "the sentinel's value not weighted", "c.alpha[:, -1:] * dz, c.value_of_memory",
            "dz, c.value_of_memory"),
    Mistake(AdaptiveAttention, "slope of tanh c dropped", "ds * c.g * (1 - c.tanh_c * c.tanh_c)",
            "ds * c.g"),
    Mistake(AdaptiveAttention, "slope of the gate dropped", "ds * c.tanh_c * c.g * (1 - c.g)", "ds * c.tanh_c"),
    Mistake(AdaptiveAttention, "word and state mixed up", "dxh[:, :-H], dxh[:, -H:]",
            "dxh[:, H:], dxh[:, :H]"),
    Mistake(AdaptiveAttention, "the gate's road to h forgotten", "dh + times_transpose", "times_transpose"),
    Mistake(AdaptiveAttention, "gradient of α from outside dropped", "dalpha += dalpha_outside", "pass"),

    Mistake(DoublyStochastic, "sign", "(-2 * self", "(2 * self"),
    Mistake(DoublyStochastic, "the square's 2 dropped", "(-2 * self", "(-self"),
    Mistake(DoublyStochastic, "division by the words forgotten", "self.weight / words) * missing",
            "self.weight) * missing"),
    Mistake(DoublyStochastic, "gradient from above dropped", "* missing * dloss", "* missing"),

    Mistake(SoftmaxCrossEntropy, "mean over the samples forgotten", "weight * dloss", "(weight > 0) * dloss"),
    Mistake(SoftmaxCrossEntropy, "mask forgotten", "weight * dloss", "weight.mean() * dloss + 0 * weight"),
    Mistake(SoftmaxCrossEntropy, "sign", "weight * dloss", "-weight * dloss"),
    Mistake(SoftmaxCrossEntropy, "gradient from above dropped", "weight * dloss", "weight"),
    Mistake(SoftmaxCrossEntropy, "target not subtracted", "targets] -= 1 - smoothing", "targets] -= 0",
            softmax_cross_entropy_backward),
    Mistake(SoftmaxCrossEntropy, "uniform part of smoothing forgotten", "p -= smoothing / p.shape[1]", "pass",
            softmax_cross_entropy_backward),
    Mistake(SoftmaxCrossEntropy, "smoothing forgotten at the target", "targets] -= 1 - smoothing", "targets] -= 1",
            softmax_cross_entropy_backward),
    Mistake(Sequential, "caches taken in the wrong order", "caches.pop()", "caches.pop(0)"),
    Mistake(Sequential, "the last layer skipped", "for layer in reversed(self.layers.values()):",
            "caches.pop()\n        for layer in list(reversed(self.layers.values()))[1:]:"),
    Mistake(Residual, "the way past f forgotten", "dy + self.f.backward(dy, f)", "self.f.backward(dy, f)"),
    Mistake(Residual, "the way through f forgotten", "dy + self.f.backward(dy, f)", "dy + 0 * self.f.backward(dy, f)"),
    Mistake(Residual, "the mean of both ways", "dy + self.f.backward(dy, f)", "(dy + self.f.backward(dy, f)) / 2"),
]


def plant(mistake):
    """The layer class as it would be with the mistake: its source, changed in one place and run again."""
    where = mistake.where or mistake.layer
    source = inspect.getsource(where)
    assert source.count(mistake.right) == 1, (
        f"{mistake.right!r} stands {source.count(mistake.right)} times in {where.__name__}, not once: "
        "the code has changed, let this mistake follow it")
    module = sys.modules[mistake.layer.__module__]
    namespace = vars(module) | {"__name__": "planted"}
    exec(compile(source.replace(mistake.right, mistake.wrong), f"<{mistake.what}>", "exec"), namespace)
    if where is not mistake.layer:  # a function was changed: now those that call it, and at last the layer
        changed = {where.__name__}
        functions = [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__]
        for function in [*functions, mistake.layer]:
            if function is not where and changed & set(re.findall(r"\w+", inspect.getsource(function))):
                exec(inspect.getsource(function), namespace)
                changed.add(function.__name__)
    return namespace[mistake.layer.__name__]


def off_neutral(layer, rng):
    """``layer`` with every parameter and buffer off its start (γ = 1, mean = 0), behind which mistakes can hide."""
    for _, p in layer.named_state():
        p.data = rng.uniform(0.5, 1.5, p.data.shape)
    return layer


def normal(*shape):
    return np.random.default_rng(3).standard_normal(shape)


# What each layer is checked on: several samples, repeated words, overlapping windows, unequal lengths. A list holds
# the inputs, a dict the options of forward; ``make`` is the layer class, right or spoilt.
EXAMPLES = {
    Linear: lambda make, rng: (make(3, 3, rng=rng), [normal(3, 3)], {}),
    Embedding: lambda make, rng: (make(4, 3, rng=rng), [np.array([2, 0, 2])], {}),
    Flatten: lambda make, rng: (make(), [normal(2, 3, 2, 2)], {}),
    ReLU: lambda make, rng: (make(), [normal(3, 4)], {}),
    ReLU6: lambda make, rng: (make(), [5 * normal(3, 4)], {}),
    Tanh: lambda make, rng: (make(), [normal(3, 4)], {}),
    Sigmoid: lambda make, rng: (make(), [normal(3, 4)], {}),
    Dropout: lambda make, rng: (make(0.5, rng=rng), [normal(3, 4)], {}),
    Conv2d: lambda make, rng: (make(2, 2, 3, stride=2, padding=1, rng=rng), [normal(2, 5, 4, 2)], {}),
    DepthwiseConv2d: lambda make, rng: (make(2, 3, stride=2, padding=((1, 2), (2, 1)), rng=rng),
                                        [normal(2, 5, 4, 2)], {}),
    MaxPool2d: lambda make, rng: (make(3, stride=2, padding=1), [normal(2, 5, 4, 2)], {}),
    AvgPool2d: lambda make, rng: (make(3, stride=2, padding=1), [normal(2, 5, 4, 2)], {}),
    BatchNorm2d: lambda make, rng: (off_neutral(make(2), rng), [normal(2, 3, 2, 2)], {}),
    SyncBatchNorm2d: lambda make, rng: (make(off_neutral(BatchNorm2d(2), rng), lambda array: array),
                                        [normal(2, 3, 2, 2)], {}),
    L2Normalize: lambda make, rng: (make(3.0), [normal(4, 3)], {}),
    Standardize: lambda make, rng: (off_neutral(make(3), rng), [normal(4, 3)], {}),
    LSTMCell: lambda make, rng: (make(2, 2, rng=rng), [*normal(3, 3, 2)], {}),
    LSTM: lambda make, rng: (make(4, 2, rng=rng), [normal(3, 3, 2), *normal(3, 3, 2)],
                             {"lengths": np.array([2, 3, 1])}),
    SoftAttention: lambda make, rng: (make(3, 3, 3, rng=rng), [normal(3, 4, 3), normal(3, 4, 3), np.array([2, 0, 2]),
                                                               normal(3, 3), normal(3, 3)], {}),
    AdaptiveAttention: lambda make, rng: (make(3, 3, 2, 2, rng=rng), [
        normal(3, 4, 3), normal(3, 4, 2), np.array([2, 0, 2]), normal(3, 2), normal(3, 3), normal(3, 2)], {}),
    DoublyStochastic: lambda make, rng: (make(0.3), [normal(3, 4)], {"words": 7}),
    SoftmaxCrossEntropy: lambda make, rng: (make(0.1), [normal(4, 5), np.array([1, 4, 0, 1])],
                                            {"mask": np.array([True, False, True, True])}),
    Residual: lambda make, rng: (make(Linear(3, 3, rng=rng), Tanh()), [normal(4, 3)], {}),
    Sequential: lambda make, rng: (make(Linear(3, 3, rng=rng), Linear(3, 3, rng=rng)), [normal(4, 3)], {}),
}


def check(assert_gradients, device, layer_class, make):
    layer, inputs, options = EXAMPLES[layer_class](make, np.random.default_rng(0))
    if "mask" in options:
        options["mask"] = device.asarray(options["mask"])
    return assert_gradients(layer, *inputs, **options)


@pytest.mark.parametrize("layer_class", EXAMPLES, ids=lambda c: c.__name__)
def test_without_a_mistake_the_example_passes(assert_gradients, device, layer_class):
    assert check(assert_gradients, device, layer_class, layer_class).worst_error < 1e-6


NUMBER = r"(-?[\d.]+(e[+-]\d+)?)"
TENSOR = r"(x(\[\d\])?|[\w.]*[WUbv]|gamma|beta)"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.layer.__name__}: {m.what}")
def test_a_mistake_is_found_and_located(assert_gradients, device, mistake):
    with pytest.raises(GradientError) as failure:
        check(assert_gradients, device, mistake.layer, plant(mistake))
    located = rf"{TENSOR}\[\d+(, \d+)*\]: backward gives {NUMBER}, central difference {NUMBER}, relative error"
    missing = rf"{TENSOR}: backward left no gradient"
    assert re.search(missing if mistake.wrong == "pass" and "accumulate" in mistake.right else located,
                     str(failure.value)), str(failure.value)


def test_every_layer_of_the_conformance_table_has_mistakes_planted():
    layers = {type(case.make(np.random.default_rng(0))) for case in CASES}
    assert layers == set(EXAMPLES) == {mistake.layer for mistake in MISTAKES}


@pytest.mark.parametrize("wrong", ["dx[:, :H, :W]", "dx[:, left:left + H, top:top + W]", "dx[:, -H:, -W:]"])
def test_padding_that_differs_on_the_sides_and_is_cut_off_wrongly_is_found(assert_gradients, rng, wrong):
    right, options = "dx[:, top:top + H, left:left + W]", {"stride": 2, "padding": ((1, 2), (2, 1)), "rng": rng}
    assert assert_gradients(Conv2d(2, 2, 3, **options), normal(2, 5, 4, 2)).worst_error < 1e-6
    with pytest.raises(GradientError, match=r"x\[\d, \d, \d, \d\]: backward gives"):
        assert_gradients(plant(Mistake(Conv2d, "uneven padding", right, wrong))(2, 2, 3, **options), normal(2, 5, 4, 2))


# ----------------------------------------------------------------------------- one that element by element cannot show

def test_equal_pixels_that_each_take_the_whole_gradient_are_found_when_they_move_together(assert_gradients, rng):
    """Moving one of two equal pixels meets a kink, so the check on MaxPool2d's own input skips them and sees nothing.

    In a network equal pixels have a common cause. Here it is the weight of a convolution over an even sky: it moves
    all pixels of a window at once, no kink, and the doubled gradient shows.
    """
    take_all = plant(Mistake(MaxPool2d, "ties", "waiting &= ~found", "pass", max_pool2d_backward))
    sky = np.full((1, 4, 4, 1), 0.7)
    sky[0, 0, 0, 0] = 2.0
    report = assert_gradients(take_all(2), sky)
    assert report.tensors[0].kinks == 12
    assert_gradients(Sequential(conv=Conv2d(1, 2, 1, rng=rng), pool=MaxPool2d(2)), sky)
    with pytest.raises(GradientError, match=r"conv\.W\[0, 0, 0, \d\]: backward gives"):
        assert_gradients(Sequential(conv=Conv2d(1, 2, 1, rng=rng), pool=take_all(2)), sky)
