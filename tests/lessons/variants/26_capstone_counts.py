"""Lesson 26 with sets, how often each row was drawn, and what a swap moves."""

from itertools import chain, combinations

import numpy as np


def leaks(splits, captions, vocabulary):
    shared = set().union(*(set(a) & set(b) for a, b in combinations(splits.values(), 2)))
    seen = set(chain.from_iterable(chain.from_iterable(captions[name] for name in splits["train"])))
    return sorted(shared), sorted({word for word in vocabulary if not word.startswith("<")} - seen)


def settings_of(recipe):
    for name, value in recipe.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", setting) for inner, setting in settings_of(value))
        else:
            yield name, value


def differences(mine, theirs):
    mine, theirs = dict(settings_of(mine)), dict(settings_of(theirs))
    found = {}
    for name in sorted({*mine, *theirs}):
        if name not in theirs:
            found[name] = (mine[name], "not said")
        elif name not in mine or mine[name] != theirs[name]:
            found[name] = (mine.get(name, "not said"), theirs[name])
    return found


def bootstrap_interval(statistics, score, draws):
    N = len(statistics)
    counts = np.stack([np.bincount(rows, minlength=N) for rows in draws])
    return np.percentile([score(sums) for sums in counts @ statistics], [2.5, 97.5]).tolist()


def paired_test(a, b, score, swaps):
    moved = swaps.astype(int) @ (b - a)
    sums_a, sums_b = a.sum(axis=0) + moved, b.sum(axis=0) - moved
    chance = np.array([score(x) - score(y) for x, y in zip(sums_a, sums_b, strict=True)])
    real = score(a.sum(axis=0)) - score(b.sum(axis=0))
    return real, np.mean([1.0, *(np.abs(chance) >= abs(real) - 1e-12)])
