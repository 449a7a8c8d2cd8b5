"""Lesson 25 with logarithms, slices of one number, and a sum over padded columns."""

import numpy as np

MODULES = {np.ndarray: np}


def array_module(*arrays):
    answer = None
    for x in arrays:
        if x is not None:
            kind = next((kind for kind in MODULES if isinstance(x, kind)), None)
            if kind is None:
                raise TypeError("a list?")
            module = MODULES[kind]
            if answer is not None and answer is not module:
                raise TypeError("mixed")
            answer = module
    if answer is None:
        raise TypeError("no array")
    return answer


def softmax(x):
    xp = array_module(x)
    shifted = x - xp.max(x, axis=1)[:, None]
    return xp.exp(shifted - xp.log(xp.sum(xp.exp(shifted), axis=1))[:, None])


def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    mine = slice(block * threads + thread, min(block * threads + thread + 1, count))
    m[mine] *= beta1
    m[mine] += (1 - beta1) * g[mine]
    s[mine] *= beta2
    s[mine] += (1 - beta2) * g[mine] * g[mine]
    theta[mine] -= lr * m[mine] / (s[mine]**0.5 + eps)


def block_sum(x, T):
    turns = -(-len(x) // T)
    table = np.array([*x, *[0.0] * (turns * T - len(x))]).reshape(turns, T)
    results = np.zeros(T)
    for row in table:
        results = results + row
    while len(results) > 1:
        first, second = np.split(results, 2)
        results = second + first
    return results.item()
