"""Lesson 25 with recursion, one division for a row, and Python's own sum."""

import numpy as np

MODULES = {np.ndarray: np}


def array_module(*arrays):
    if not arrays:
        raise TypeError("nothing")
    first, *others = arrays
    if first is None:
        return array_module(*others)
    (module,) = [module for kind, module in MODULES.items() if isinstance(first, kind)] or [None]
    if module is None or (any(x is not None for x in others) and array_module(*others) is not module):
        raise TypeError("not of one module")
    return module


def softmax(x):
    xp = array_module(x)
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return e * (1 / e.sum(axis=1, keepdims=True))


def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = np.arange((block + 1) * threads)[block * threads + thread]
    if not i < count:
        return None
    m[i] = beta1 * m[i] + g[i] - beta1 * g[i]
    s[i] = beta2 * s[i] + g[i]**2 - beta2 * g[i]**2
    theta[i] = theta[i] - lr * (m[i] / (np.sqrt(s[i]) + eps))
    return None


def block_sum(x, T):
    def folded(results):
        half = len(results) // 2
        return folded([a + b for a, b in zip(results[:half], results[half:], strict=True)]) if half else results[0]

    return folded([sum(x[t::T]) for t in range(T)])
