"""Lesson 25 with a set of modules, methods of the arrays, single numbers by name, and a fold in place."""

import math

import numpy as np

MODULES = {np.ndarray: np}


def array_module(*arrays):
    modules = {id(module): module for x in arrays if x is not None for module in [module_of(x)]}
    if len(modules) == 1:
        return next(iter(modules.values()))
    raise TypeError(f"arrays of {len(modules)} modules")


def module_of(x):
    for kind in type(x).__mro__:
        if kind in MODULES:
            return MODULES[kind]
    raise TypeError(f"{x!r} is no array")


def softmax(x):
    exponentials = array_module(x).exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    place = thread + threads * block
    if place in range(count):
        gradient = float(g[place])
        mean, square = float(m[place]), float(s[place])
        mean += (1 - beta1) * (gradient - mean)
        square += (1 - beta2) * (gradient**2 - square)
        m[place], s[place] = mean, square
        theta[place] = theta[place] - lr * mean / (math.sqrt(square) + eps)


def block_sum(x, T):
    results = list(x[:T])
    for n in range(T, len(x)):
        results[n % T] += x[n]
    step = T // 2
    while step:
        for t in range(step):
            results[t] += results[t + step]
        step //= 2
    return results[0]
