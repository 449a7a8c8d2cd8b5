"""Adam and the moving average of the weights, in one pass over memory."""

import numpy as np

from .arithmetic import f4, kernel


def adam_(theta, g, m, s, beta1, beta2, lr, eps, decay):
    if any(a.dtype != f4 or a.ndim != 1 for a in (theta, g, m, s)):
        return NotImplemented
    return _adam(theta, g, m, s, f4(beta1), f4(beta2), f4(1 - beta1), f4(1 - beta2), f4(lr), f4(eps), f4(decay))


@kernel
def _adam(theta, g, m, s, beta1, beta2, rest1, rest2, lr, eps, decay):
    for i in range(theta.size):
        m[i] = beta1 * m[i] + rest1 * g[i]
        s[i] = beta2 * s[i] + rest2 * (g[i] * g[i])
        theta[i] = decay * theta[i] - lr * (m[i] / (np.sqrt(s[i]) + eps))


def lerp_(x, target, weight):
    if x.dtype != f4 or target.dtype != f4 or x.ndim != 1:
        return NotImplemented
    return _lerp(x, target, f4(weight))


@kernel
def _lerp(x, target, weight):
    for i in range(x.size):
        x[i] += weight * (target[i] - x[i])
