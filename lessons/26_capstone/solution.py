"""Lesson 26, solved."""

from collections import Counter

import numpy as np


def leaks(splits, captions, vocabulary):
    in_splits = Counter(name for names in splits.values() for name in set(names))
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return (sorted(name for name, count in in_splits.items() if count > 1),
            sorted(word for word in vocabulary if word not in seen and not word.startswith("<")))


def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine | theirs}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    return tuple(np.quantile(scores, [0.025, 0.975]))


def paired_test(a, b, score, swaps):
    def difference(swap):
        swap = swap[:, None]
        return score(np.where(swap, b, a).sum(axis=0)) - score(np.where(swap, a, b).sum(axis=0))

    observed = difference(np.zeros(len(a), bool))
    as_large = sum(abs(difference(swap)) >= abs(observed) for swap in swaps)
    return observed, (1 + as_large) / (1 + len(swaps))
