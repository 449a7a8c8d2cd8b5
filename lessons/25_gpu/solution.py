"""Lesson 25, solved."""

import numpy as np

MODULES = {np.ndarray: np}


def module_of(x):
    for array_type, module in MODULES.items():
        if isinstance(x, array_type):
            return module
    raise TypeError(f"{type(x).__name__} is no array")


def array_module(*arrays):
    modules = [module_of(x) for x in arrays if x is not None]
    if not modules or any(module is not modules[0] for module in modules):
        raise TypeError("expected arrays of one module")
    return modules[0]


def softmax(x):
    xp = array_module(x)
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return e / xp.sum(e, axis=1, keepdims=True)


def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


def block_sum(x, T):
    sums = [sum(x[t + T::T], x[t]) for t in range(T)]
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]
