"""Lesson 11 with batch norm's way back through every intermediate result, as most courses derive it."""

import math


def he_std(shape):
    *seen, outputs = shape
    return math.sqrt(2) / math.sqrt(math.prod(seen))


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    N, H, W, C = x.shape
    flat = x.reshape(-1, C)
    mean = flat.sum(axis=0) / len(flat)
    centred = flat - mean
    var = (centred * centred).sum(axis=0) / len(flat)
    std = (var + eps)**0.5
    return (gamma * (centred / std) + beta).reshape(N, H, W, C), (centred, std, gamma)


def batch_norm_backward(dy, cache):
    centred, std, gamma = cache
    M, C = centred.shape
    flat = dy.reshape(M, C)
    dbeta, dgamma = flat.sum(0), (flat * centred / std).sum(0)
    dx_hat = flat * gamma
    dstd = -(dx_hat * centred).sum(0) / std**2
    dvar = dstd / (2 * std)
    dcentred = dx_hat / std + 2 / M * centred * dvar
    dmean = -dcentred.sum(0)
    dx = dcentred + dmean / M
    return dx.reshape(dy.shape), dgamma, dbeta


def dropout(x, dy, noise, drop):
    y, dx = x / (1 - drop), dy / (1 - drop)
    y[noise < drop] = 0
    dx[noise < drop] = 0
    return y, dx
