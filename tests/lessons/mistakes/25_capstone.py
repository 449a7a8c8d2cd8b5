"""Mistakes people make in lesson 25, and how each has to be named."""

# expects: 25.1: only train and test are compared
def leaks(splits, captions, vocabulary):
    pictures = sorted(set(splits["train"]) & set(splits["test"]))
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: dev and test are not compared
def leaks(splits, captions, vocabulary):
    pictures = sorted(name for name in set(splits["train"])
                      if name in splits["dev"] or name in splits["test"])
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: only pictures of all three
def leaks(splits, captions, vocabulary):
    pictures = sorted(set(splits["train"]) & set(splits["dev"]) & set(splits["test"]))
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: twice in one list
def leaks(splits, captions, vocabulary):
    in_splits = Counter(name for names in splits.values() for name in names)
    pictures = sorted(name for name, count in in_splits.items() if count > 1)
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: a picture is named several times
def leaks(splits, captions, vocabulary):
    names = [name for names in splits.values() for name in set(names)]
    pictures = sorted(name for name in names if names.count(name) > 1)
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: not sorted
def leaks(splits, captions, vocabulary):
    in_splits = Counter(name for names in splits.values() for name in dict.fromkeys(names))
    pictures = [name for name, count in in_splits.items() if count > 1]
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: the special words are named
def leaks(splits, captions, vocabulary):
    pictures = sorted({name for names in splits.values() for name in names
                       if sum(name in others for others in splits.values()) > 1})
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(set(vocabulary) - seen)


# expects: 25.1: dev counts as seen
def leaks(splits, captions, vocabulary):
    pictures = sorted({name for names in splits.values() for name in names
                       if sum(name in others for others in splits.values()) > 1})
    seen = {word for name in splits["train"] + splits["dev"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: every caption counts as seen
def leaks(splits, captions, vocabulary):
    pictures = sorted({name for names in splits.values() for name in names
                       if sum(name in others for others in splits.values()) > 1})
    seen = {word for of_image in captions.values() for caption in of_image for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and not word.startswith("<"))


# expects: 25.1: only words of dev and test
def leaks(splits, captions, vocabulary):
    pictures = sorted({name for names in splits.values() for name in names
                       if sum(name in others for others in splits.values()) > 1})
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    others = {word for name in splits["dev"] + splits["test"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word in others and word not in seen)


# expects: 25.1: what the vocabulary lacks
def leaks(splits, captions, vocabulary):
    pictures = sorted({name for names in splits.values() for name in names
                       if sum(name in others for others in splits.values()) > 1})
    others = {word for name in splits["dev"] + splits["test"] for caption in captions[name] for word in caption}
    return pictures, sorted(others - set(vocabulary))


# expects: 25.1: what train has and the vocabulary lacks
def leaks(splits, captions, vocabulary):
    pictures = sorted({name for names in splits.values() for name in names
                       if sum(name in others for others in splits.values()) > 1})
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(seen.difference(vocabulary))


# expects: 25.1: None
def leaks(splits, captions, vocabulary):
    pictures = sorted({name for names in splits.values() for name in names
                       if sum(name in others for others in splits.values()) > 1})
    seen = {word for name in splits["train"] for caption in captions[name] for word in caption}
    return pictures, sorted(word for word in vocabulary if word not in seen and len(word) > 3)


# expects: 25.2: only my settings
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# expects: 25.2: only their settings
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in theirs}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# expects: 25.2: only what both have
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    return {name: (mine[name], theirs[name]) for name in mine if name in theirs and mine[name] != theirs[name]}


# expects: 25.2: not said is None
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name), theirs.get(name)) for name in mine | theirs}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# expects: 25.2: the same ones are named, too
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    return {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine | theirs}


# expects: 25.2: dicts are not opened
def differences(mine, theirs):
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine | theirs}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# expects: 25.2: a missing group is one difference
def differences(mine, theirs):
    found = {}
    for name in mine | theirs:
        left, right = mine.get(name, "not said"), theirs.get(name, "not said")
        if isinstance(left, dict) and isinstance(right, dict):
            for inner, pair in differences(left, right).items():
                found[f"{name}.{inner}"] = pair
        elif left != right:
            found[name] = left, right
    return found


# expects: 25.2: the outer name is missing
def flat(recipe):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value) if isinstance(value, dict) else {name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine | theirs}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# expects: 25.2: joined by something else
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}/") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine | theirs}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# expects: 25.2: mine and theirs changed places
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (theirs.get(name, "not said"), mine.get(name, "not said")) for name in mine | theirs}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# expects: 25.2: nothing returned
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine | theirs}
    for name, (left, right) in pairs.items():
        if left != right:
            print(f"{name}: {left} or {right}")


# expects: 25.2: None
def flat(recipe, prefix=""):
    settings = {}
    for name, value in recipe.items():
        settings |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings


def differences(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    pairs = {name: (mine.get(name, "not said"), theirs.get(name, "not said")) for name in mine | theirs}
    return {name: pair for name, pair in pairs.items() if str(pair[0]) > str(pair[1])}


# expects: 25.3: low and high changed places
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    return tuple(np.quantile(scores, [0.975, 0.025]))


# expects: 25.3: 90 %
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    return tuple(np.quantile(scores, [0.05, 0.95]))


# expects: 25.3: 99 %
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    return np.percentile(scores, 0.5), np.percentile(scores, 99.5)


# expects: 25.3: percent and fractions
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    return tuple(np.percentile(scores, [0.025, 0.975]))


# expects: 25.3: the smallest and the largest
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    return min(scores), max(scores)


# expects: 25.3: a mean of scores
def bootstrap_interval(statistics, score, draws):
    each = np.array([score(row) for row in statistics])
    return tuple(np.quantile(each[draws].mean(axis=1), [0.025, 0.975]))


# expects: 25.3: the scores of single pictures
def bootstrap_interval(statistics, score, draws):
    scores = [score(row) for row in statistics]
    return tuple(np.quantile(scores, [0.025, 0.975]))


# expects: 25.3: each picture at most once
def bootstrap_interval(statistics, score, draws):
    scores = [score(sum(statistics[row] for row in set(rows.tolist()))) for rows in draws]
    return tuple(np.quantile(scores, [0.025, 0.975]))


# expects: 25.3: rows and columns of draws
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[draws[:, r]].sum(axis=0)) for r in range(draws.shape[1])]
    return tuple(np.quantile(scores, [0.025, 0.975]))


# expects: 25.3: 1.96 standard deviations
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    middle, spread = score(statistics.sum(axis=0)), np.std(scores)
    return middle - 1.96 * spread, middle + 1.96 * spread


# expects: 25.3: picked from the sorted scores
def bootstrap_interval(statistics, score, draws):
    scores = sorted(score(statistics[rows].sum(axis=0)) for rows in draws)
    R = len(scores)
    return scores[int(0.025 * R)], scores[int(0.975 * R)]


# expects: 25.3: None
def bootstrap_interval(statistics, score, draws):
    scores = [score(statistics[rows].sum(axis=0)) for rows in draws]
    return tuple(np.quantile(scores, [0.25, 0.75]))


# expects: 25.4: B minus A
def paired_test(a, b, score, swaps):
    observed = score(b.sum(axis=0)) - score(a.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) >= abs(observed)
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: a mean of scores
def paired_test(a, b, score, swaps):
    each = np.array([score(x) - score(y) for x, y in zip(a, b, strict=True)])
    count = sum(abs(np.where(swap, -each, each).mean()) >= abs(each.mean()) for swap in swaps)
    return each.mean(), (1 + count) / (1 + len(swaps))


# expects: 25.4: the size of the difference
def paired_test(a, b, score, swaps):
    observed = abs(score(a.sum(axis=0)) - score(b.sum(axis=0)))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) >= abs(observed)
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: only one direction
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += difference >= observed
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: only one direction
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += difference <= observed
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: the real difference without abs
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) >= observed
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: larger instead of at least as large
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) > abs(observed)
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: the share of smaller ones
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) <= abs(observed)
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: without the 1
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) >= abs(observed)
    return observed, count / len(swaps)


# expects: 25.4: only above the line
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) >= abs(observed)
    return observed, (1 + count) / len(swaps)


# expects: 25.4: only A is changed
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        difference = score(np.where(swap, b, a).sum(axis=0)) - score(b.sum(axis=0))
        count += abs(difference) >= abs(observed)
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: a mean of scores
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    each = np.array([score(x) - score(y) for x, y in zip(a, b, strict=True)])
    count = sum(abs(np.where(swap, -each, each).mean()) >= abs(each.mean()) for swap in swaps)
    return observed, (1 + count) / (1 + len(swaps))


# expects: 25.4: None
def paired_test(a, b, score, swaps):
    observed = score(a.sum(axis=0)) - score(b.sum(axis=0))
    count = 0
    for swap in swaps[:, :, None]:
        new_a, new_b = np.where(swap, b, a), np.where(swap, a, b)
        difference = score(new_a.sum(axis=0)) - score(new_b.sum(axis=0))
        count += abs(difference) >= abs(observed)
    return observed, (1 + count) / (2 + len(swaps))
