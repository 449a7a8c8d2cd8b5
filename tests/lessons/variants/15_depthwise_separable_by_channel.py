"""Lesson 15 channel by channel, each an ordinary convolution of lessons 7 and 8; lists where tuples are asked for."""

import math

import numpy as np

from minicap.conv import conv2d, conv2d_backward


def same_padding(H, K, S=1):
    last = (math.ceil(H / S) - 1) * S
    total = max(last + K - H, 0)
    return [total // 2, math.ceil(total / 2)]


def framed(x, padding):
    (top, bottom), (left, right) = padding
    N, H, W, C = x.shape
    larger = np.zeros((N, top + H + bottom, left + W + right, C))
    larger[:, top:top + H, left:left + W, :] = x
    return larger


def depthwise_conv2d(x, W, b, S, padding):
    x = framed(x, padding)
    channels = [conv2d(x[..., c:c + 1], W[:, :, c, None, None], b[c:c + 1], S, 0) for c in range(len(b))]
    return np.concatenate(channels, axis=-1)


def depthwise_conv2d_backward(dy, x, W, S, padding):
    N, H, Wd, C = x.shape
    x = framed(x, padding)
    dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(C)
    for c in range(C):
        one = slice(c, c + 1)
        dx[..., one], kernel, db[one] = conv2d_backward(dy[..., one], x[..., one], W[:, :, one, None], S, 0)
        dW[:, :, c] = kernel[:, :, 0, 0]
    rows, columns = padding[0][0], padding[1][0]
    return [dx[:, rows:][:, :H][:, :, columns:][:, :, :Wd], dW, db]


def fold_batch_norm(W, b, gamma, beta, mean, var, eps):
    W, shift = W.copy(), np.zeros(len(b))
    for f in range(len(b)):
        W[..., f] *= gamma[f] / math.sqrt(var[f] + eps)
        shift[f] = gamma[f] * (b[f] - mean[f]) / math.sqrt(var[f] + eps) + beta[f]
    return W, shift
