"""Lesson 11 with a loop over the channels, and lists where a list will do."""

import numpy as np


def he_std(shape):
    count = 1
    for size in list(shape)[:-1]:
        count *= size
    return (2 / count)**0.5


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    y, kept = np.empty_like(x), []
    for c in range(x.shape[-1]):
        channel = x[..., c]
        scale = (np.mean(channel**2) - np.mean(channel)**2 + eps)**-0.5  # Var = E[x²] - E[x]²
        y[..., c] = gamma[c] * scale * channel + (beta[c] - gamma[c] * scale * channel.mean())
        kept.append((channel.copy(), scale))
    return [y, {"kept": kept, "gamma": gamma.copy()}]


def batch_norm_backward(dy, cache):
    dx = np.zeros(dy.shape)
    dgamma, dbeta = np.zeros(dy.shape[-1]), np.zeros(dy.shape[-1])
    for c, (channel, scale) in enumerate(cache["kept"]):
        x_hat = (channel - channel.mean()) * scale
        d = dy[..., c]
        dgamma[c], dbeta[c] = np.vdot(d, x_hat), np.sum(d)
        centred = d - d.mean()
        dx[..., c] = cache["gamma"][c] * scale * (centred - x_hat * np.mean(centred * x_hat))
    return [dx, dgamma, dbeta]


def dropout(x, dy, noise, drop):
    keep = 1 - drop
    mask = np.where(noise < drop, 0.0, 1 / keep)
    return [np.multiply(mask, x), np.multiply(mask, dy)]
