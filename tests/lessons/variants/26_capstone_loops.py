"""Lesson 26 step by step, with lists."""

import numpy as np


def leaks(splits, captions, vocabulary):
    pictures = []
    names = ("train", "dev", "test")
    for i, first in enumerate(names):
        for second in names[i + 1:]:
            for name in splits[first]:
                if name in splits[second] and name not in pictures:
                    pictures.append(name)
    words = []
    for word in vocabulary:
        found = any(word in caption for name in splits["train"] for caption in captions[name])
        if not found and word[0] != "<":
            words.append(word)
    pictures.sort()
    words.sort()
    return [pictures, words]


def differences(mine, theirs):
    found = {}
    for name in [*mine, *(name for name in theirs if name not in mine)]:
        left, right = mine.get(name, "not said"), theirs.get(name, "not said")
        if isinstance(left, dict) or isinstance(right, dict):
            left, right = (side if isinstance(side, dict) else {} for side in (left, right))
            found.update({f"{name}.{inner}": pair for inner, pair in differences(left, right).items()})
        elif left != right:
            found[name] = [left, right]
    return found


def bootstrap_interval(statistics, score, draws):
    scores = []
    for rows in draws:
        sums = np.zeros(statistics.shape[1])
        for row in rows:
            sums += statistics[row]
        scores.append(score(sums))
    scores.sort()
    ends = []
    for q in (0.025, 0.975):
        place = q * (len(scores) - 1)
        below = int(place)
        above = min(below + 1, len(scores) - 1)
        ends.append(scores[below] + (place - below) * (scores[above] - scores[below]))
    return ends


def paired_test(a, b, score, swaps):
    def both(swap):
        sums = [np.zeros(a.shape[1]), np.zeros(a.shape[1])]
        for n, turned in enumerate(swap):
            sums[int(turned)] = sums[int(turned)] + a[n]
            sums[1 - int(turned)] = sums[1 - int(turned)] + b[n]
        return score(sums[0]) - score(sums[1])

    real = both([False] * len(a))
    count = 1
    for swap in swaps:
        if abs(both(swap)) >= abs(real):
            count += 1
    return real, count / (len(swaps) + 1)
