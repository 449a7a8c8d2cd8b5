"""What lesson 26 asks for."""

from functools import partial

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import things

# ---------------------------------------------------------------------------------------------------------------- 26.1

SPECIAL = ["<pad>", "<start>", "<end>", "<unk>", "<number>"]


def words_of(splits, captions, *among):
    return {word for split in among for name in splits[split] for caption in captions[name] for word in caption}


def leaked_pictures(splits, among=("train", "dev", "test"), once=True, count_lists=False):
    lists = [names if count_lists else set(names) for name, names in splits.items() if name in among]
    found = [name for names in lists for name in names]
    found = [name for name in found if found.count(name) > 1]
    return sorted(set(found) if once else found)


def leaked_words(splits, captions, vocabulary, of=("train",), special=lambda word: word.startswith("<"), among=None,
                 spelled=str):
    seen = {spelled(word) for word in words_of(splits, captions, *of)}
    return sorted(word for word in vocabulary if spelled(word) not in seen and not special(word)
                  and (among is None or word in words_of(splits, captions, *among)))


def without_leaked(splits):
    """The splits, where train has lost the pictures that another one has as well."""
    return splits | {"train": [name for name in splits["train"] if name not in leaked_pictures(splits)]}


def data_with_leaks(rng):
    """14 pictures; leaks between each two splits, one in all three, one twice in one list; words of all kinds.

    "polish" is another word than "Polish", and "1<2" is not special.
    """
    names = [f"{n}.jpg" for n in rng.permutation(900)[:14] + 100]
    train, dev, test = names[:6], names[6:10], names[10:]
    splits = {"train": [*train, names[12], train[1]], "dev": [*dev, train[0], train[3], test[3]],
              "test": [*test, train[2], train[0]]}
    words = [str(word) for word in rng.permutation(
        ["ant", "bee", "cow", "dog", "elk", "fox", "gnu", "hen", "owl", "pig", "rat", "yak"])]
    kinds = {"train": words[:6], "dev": words[:1] + words[6:8], "test": [*words[1:2], *words[8:10], "zebra"]}
    captions = {}
    for split, own in kinds.items():
        for place, name in enumerate({"train": train, "dev": dev, "test": test}[split]):
            captions[name] = [[own[place % len(own)], "runs"], [own[(place + 1) % len(own)]]]
    captions[train[2]][1].append("stands")  # what only a second caption says, and a third
    captions[train[4]].append(["sits", "Polish"])
    captions[names[12]] = [[words[8], "runs"]]  # of a picture that is in train as well: train has shown it
    known_words = [*words[:4], *words[5:12], "runs", "stands", "sits", "polish", "1<2"]
    vocabulary = [str(word) for word in rng.permutation([*SPECIAL, *known_words])]
    return splits, captions, vocabulary


def lists_from(module, splits, captions, vocabulary):
    answer = things(module.leaks({name: list(names) for name, names in splits.items()}, dict(captions),
                                 list(vocabulary)), "leaks", "pictures", "words")
    for found in answer:
        if not isinstance(found, (list, tuple)):
            raise TypeError(f"leaks has to return two lists, and one of them is {found!r}; sorted(...) makes a list")
    in_order = all(list(found) == sorted(found) for found in answer)
    return *(sorted(map(str, found)) for found in answer), "sorted" if in_order else "not sorted"


LEAKS = Exercise(
    "26.1", "leaks", ("pictures", "words", "their order"),
    lambda splits, *others: (leaked_pictures(splits), leaked_words(splits, *others), "sorted"),
    inputs=("splits", "captions", "vocabulary"),
    example=(({"train": ["1.jpg", "2.jpg"], "dev": ["3.jpg"], "test": ["4.jpg", "1.jpg"]},
              {"1.jpg": [["a", "dog"]], "2.jpg": [["a", "cat"]], "3.jpg": [["a", "zebra"]], "4.jpg": [["a", "dog"]]},
              ["<pad>", "a", "dog", "cat", "zebra"]), (["1.jpg"], ["zebra"], "sorted")),
    cases=data_with_leaks, call=lists_from,
    mistakes={"pictures": [
        ("only train and test are compared", "Only train and test are compared. Dev chooses the model, so a picture in "
         "dev and test has leaked, too.", partial(leaked_pictures, among=("train", "test"))),
        ("dev and test are not compared", "Dev and test are not compared with each other. Dev chooses the model, so a "
         "picture in both has leaked.",
         lambda splits: sorted(set(splits["train"]) & {*splits["dev"], *splits["test"]})),
        ("only pictures of all three", "Only pictures that are in all three splits are found. Two are enough.",
         lambda splits: sorted(set.intersection(*map(set, splits.values())))),
        ("twice in one list", "A picture twice in the *same* list counts as leaked, but nothing has leaked: make a set "
         "of each list first.", partial(leaked_pictures, count_lists=True)),
        ("a picture is named several times", "A picture is named once for each split it is in. It has to be named "
         "once.",
         partial(leaked_pictures, once=False)),
        ("pictures and words changed places", "pictures are the words. The order is (pictures, words).", leaked_words),
    ], "words": [
        ("the special words are named", "<pad>, <unk> and so on are in no caption: leave out what begins with \"<\".",
         partial(leaked_words, special=lambda word: False)),
        ("special words from a list", "Only some special words are left out, those of a list of your own. A vocabulary "
         "may have others: leave out what begins with \"<\".",
         partial(leaked_words, special=lambda word: word in SPECIAL[:4])),
        ("the first four count as special", "The first four words were left out, wherever the special ones stand. "
         "Leave out what begins with \"<\".", (lambda splits, captions, vocabulary: leaked_words(
             splits, captions, vocabulary[4:]), lambda splits, captions, vocabulary: leaked_words(
                 splits, captions, vocabulary[4:], special=lambda word: False))),
        ("special inside a word", "Words with \"<\" anywhere in them were left out. Special ones begin with it: "
         "startswith.", partial(leaked_words, special=lambda word: "<" in word)),
        ("in lower case", "Words were compared in lower case. \"polish\" is another word than \"Polish\": compare them "
         "as they are.", partial(leaked_words, spelled=str.lower)),
        ("leaked pictures are taken out of train", "Words that train has only in leaked pictures are named. These "
         "pictures are in train, too, so the model has seen their words.",
         lambda splits, captions, vocabulary: leaked_words(without_leaked(splits), captions, vocabulary)),
        ("the vocabulary is not looked at", "These are all words of dev and test that train does not have. Only those "
         "that the vocabulary has are asked for.", lambda splits, captions: sorted(
             words_of(splits, captions, "dev", "test") - words_of(splits, captions, "train"))),
        ("dev counts as seen", "Words that only dev has are not found. The vocabulary is made from train alone; dev "
         "has to be new to the model.", partial(leaked_words, of=("train", "dev"))),
        ("every caption counts as seen", "Words that only dev or test has are not found. Only captions of pictures in "
         "train count.", partial(leaked_words, of=("train", "dev", "test"))),
        ("only the first caption", "Words that occur only in another than the first caption of a picture are named. "
         "All of its captions train the model.",
         lambda splits, captions, vocabulary:
             leaked_words(splits, {name: of_it[:1] for name, of_it in captions.items()}, vocabulary)),
        ("only words of dev and test", "Only words that dev or test has are found. A word that nobody has came from "
         "other data, and has to be named as well.", partial(leaked_words, among=("dev", "test"))),
        ("what the vocabulary lacks", "These are words of dev and test that the vocabulary does *not* have, as it "
         "should be. The exercise asks for those it has but should not have.",
         lambda splits, captions, vocabulary: sorted(words_of(splits, captions, "dev", "test") - set(vocabulary))),
        ("what train has and the vocabulary lacks", "These are words of train that the vocabulary lacks, left out as "
         "rare. The exercise asks for words that it has and train has not.",
         lambda splits, captions, vocabulary: sorted(words_of(splits, captions, "train") - set(vocabulary))),
    ], "their order": [
        ("not sorted", "These are the right ones, in another order: sorted(...).", lambda: "not sorted"),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 26.2

MISSING = "not said"


def flat(recipe, prefix="", levels=9, between=".", outer="{prefix}{name}{between}"):
    """{"train.lr": ...}; or joined in another way, without outer names, or with dicts left from a level on."""
    settings = {}
    for name, value in recipe.items():
        if isinstance(value, dict) and levels:
            before = outer.format(prefix=prefix, name=name, between=between)
            settings |= flat(value, before, levels - 1, between, outer)
        else:
            settings[prefix + name] = value
    return settings


def right_differences(mine, theirs, *, names=lambda mine, theirs: mine | theirs, missing=MISSING,
                      differ=lambda a, b: a != b, said=lambda value: value, **options):
    mine, theirs = flat(mine, **options), flat(theirs, **options)
    pairs = {name: (said(mine.get(name, missing)), said(theirs.get(name, missing))) for name in names(mine, theirs)}
    return {name: pair for name, pair in pairs.items() if differ(*pair)}


def missing_groups_whole(mine, theirs, prefix=""):
    """A dict that one of them lacks is one difference."""
    found = {}
    for name in mine | theirs:
        pair = mine.get(name, MISSING), theirs.get(name, MISSING)
        if all(isinstance(value, dict) for value in pair):
            found |= missing_groups_whole(*pair, f"{prefix}{name}.")
        elif pair[0] != pair[1]:
            found[prefix + name] = pair
    return found


def recipes(rng):
    """Two recipes that differ in every way: values, missing settings on both sides, missing groups, None, types.

    Equal floats are two objects, as if they were read from two files.
    """
    lr, drop, seed = (round(float(x), 4) for x in rng.uniform(0.001, 0.5, 3))
    mine = {"seed": seed, "version": "0.1.0", "mirrored": None, "threads": 2, "warmup": 0,
            "train": {"lr": lr, "epochs": 13, "clip": 5.0, "optimizer": {"name": "adam", "beta": 0.9}},
            "data": {"name": "shapes", "side": 32}}
    theirs = {"seed": float(str(seed)), "version": "0.1.0", "device": "cuda", "threads": "2", "warmup": 3,
              "train": {"lr": lr / 3, "epochs": 13, "drop": drop, "optimizer": {"name": "adam", "beta": 0.8}},
              "search": {"beam": 3, "penalty": None}}
    for recipe in (mine, theirs):
        for group in (recipe, recipe["train"]):
            for name in rng.permutation(list(group)):
                group[str(name)] = group.pop(str(name))
    return mine, theirs


def tidy(answer):
    """The same, where a pair is a list or in another order of names."""
    if isinstance(answer, dict):
        return {name: tuple(pair) if isinstance(pair, list) else pair for name, pair in answer.items()}
    return answer


DIFFERENCES = Exercise(
    "26.2", "differences", ("the differences",), lambda mine, theirs: right_differences(mine, theirs),
    example=(({"seed": 0, "train": {"lr": 0.003, "epochs": 13}},
              {"seed": 0, "train": {"lr": 0.001, "epochs": 13, "drop": None}, "search": {"beam": 3}}),
             {"train.lr": (0.003, 0.001), "train.drop": (MISSING, None), "search.beam": (MISSING, 3)}),
    cases=recipes, call=lambda module, mine, theirs: tidy(module.differences(mine, theirs)),
    mistakes=[
        ("only my settings", "Only settings that `mine` has are compared. What only the other recipe says is a "
         "difference, too: use both names.", partial(right_differences, names=lambda mine, theirs: mine)),
        ("only their settings", "Only settings that `theirs` has are compared. What only `mine` says is a difference, "
         "too: use both names.", partial(right_differences, names=lambda mine, theirs: theirs)),
        ("only what both have", "Only settings that both recipes have are compared. What one of them does not say is a "
         "difference, too.",
         partial(right_differences, names=lambda mine, theirs: [name for name in mine if name in theirs])),
        ("not said is None", "A missing setting counts as None, and cannot be told from one that says None: .get(name, "
         "\"not said\").", partial(right_differences, missing=None)),
        ("the same ones are named, too", "Settings that are the same are among the differences.",
         partial(right_differences, differ=lambda a, b: True)),
        ("only the same ones are named", "These are the settings that are the same: !=, and not ==.",
         partial(right_differences, differ=lambda a, b: a == b)),
        ("compared as objects", "Equal values count as a difference where they are two objects, as read from two "
         "files: !=, and not `is not`.", partial(right_differences, differ=lambda a, b: a is not b)),
        ("compared as texts", "2 and \"2\" count as the same. Compare the values, and not their texts.",
         partial(right_differences, differ=lambda a, b: str(a) != str(b))),
        ("0 and None count as not said", "Settings that are None, 0 or False count as not said: `or` replaces them, "
         "too. .get(name, \"not said\").", partial(right_differences, said=lambda value: value or MISSING)),
        ("only one level is opened", "Dicts within dicts are compared as one value. Go down as far as there are dicts: "
         "a function that calls itself.", partial(right_differences, levels=1)),
        ("only the last outer name", "Of several outer names only the last is there: \"optimizer.beta\" instead of "
         "\"train.optimizer.beta\". Hand the whole prefix down.",
         partial(right_differences, outer="{name}{between}")),
        ("dicts are not opened", "A group of settings is compared as one value, so one learning rate makes all of "
         "\"train\" a difference: go into the dicts.", partial(right_differences, levels=0)),
        ("a missing group is one difference", "A group that one recipe lacks is named as a whole. Each of its settings "
         "is a difference: flatten both recipes first.", missing_groups_whole),
        ("the outer name is missing", "\"lr\" instead of \"train.lr\": settings of the same name in two groups could "
         "not be told apart.", partial(right_differences, outer="")),
        ("joined by something else", "The names are joined by \"_\" or \"/\"; join them by a dot.",
         (partial(right_differences, between="_"), partial(right_differences, between="/"))),
        ("mine and theirs changed places", "The pairs are the other way round: my value comes first.",
         lambda right: {name: pair[::-1] for name, pair in right.items()}),
    ])


# ---------------------------------------------------------------------------------------------------------------- 26.3

def share(sums):
    return sums[0] / sums[1]


def smoothed_share(sums):
    """A score for which means in place of sums are not the same."""
    return (sums[0] + 1) / (sums[1] + 20)


def scores_of(statistics, score, draws, total=np.sum):
    return [score(total(statistics[rows], axis=0)) for rows in draws]


def interval(statistics, score, draws, low=0.025, high=0.975, of_draws=lambda draws: draws, **options):
    return tuple(np.quantile(scores_of(statistics, score, of_draws(draws), **options), [low, high]))


def some_statistics(rng, N=9):
    total = rng.integers(4, 40, N)
    return np.stack([rng.binomial(total, rng.uniform(0.2, 0.9, N)), total], axis=1).astype(float)


def normal_interval(middle):
    """middle(the score of all pictures, the drawn scores) plus and minus 1.96 standard deviations"""
    def wrong(statistics, score, draws):
        scores = scores_of(statistics, score, draws)
        around = middle(score(statistics.sum(axis=0)), scores)
        return around - 1.96 * np.std(scores), around + 1.96 * np.std(scores)
    return wrong


def means_of_scores(statistics, score, draws):
    each = np.array([score(row) for row in statistics])
    return tuple(np.quantile([each[rows].mean() for rows in draws], [0.025, 0.975]))


def picked(at):
    def wrong(statistics, score, draws):
        scores = sorted(scores_of(statistics, score, draws))
        return tuple(scores[place] for place in at(len(scores)))
    return wrong


MEANS = ("The score was computed from the means of the pictures' numbers. It is a function of their sums: "
         ".sum(axis=0).")
PICKED = ("These are two of the R scores, picked from the sorted list. np.quantile interpolates between two of them "
          "where that is meant.")

BOOTSTRAP_INTERVAL = Exercise(
    "26.3", "bootstrap_interval", ("low", "high"), interval,
    example=((np.array([[1.0, 2.0], [3.0, 4.0]]), share, np.array([[0, 1], [0, 0], [1, 1]])),
             (0.5 + 0.05 * (2 / 3 - 0.5), 2 / 3 + 0.95 * (0.75 - 2 / 3))),
    cases=lambda rng: (some_statistics(rng), smoothed_share, rng.integers(0, 9, (60, 9))),
    mistakes={("low", "high"): [
        ("low and high changed places", "The larger one comes first: (low, high).",
         lambda *inputs: interval(*inputs)[::-1]),
        ("90 %", "These are the quantiles 0.05 and 0.95, which leave out 10 %. For 95 %: 0.025 and 0.975.",
         partial(interval, low=0.05, high=0.95)),
        ("0.25 in place of 0.025", "low is the quantile 0.25, which leaves out a quarter. 0.025 leaves out 2.5 %.",
         partial(interval, low=0.25)),
        ("summed over the numbers of a picture", "The rows of single pictures were summed, axis 1. Sum over the "
         "pictures: axis 0.", lambda statistics, score, draws: tuple(np.quantile(
             [score(statistics[rows].sum(axis=1)) for rows in draws], [0.025, 0.975]))),
        ("draws is not used", "Both are the score of all pictures. Compute it for each row of draws.",
         lambda statistics, score, draws: (score(statistics.sum(axis=0)),) * 2),
        ("mirrored at the score", "The quantiles were mirrored at the score of all pictures, 2 · score - quantile, "
         "which is another bootstrap. The quantiles themselves are asked for.",
         lambda statistics, score, draws: tuple(2 * score(statistics.sum(axis=0)) - end for end in
                                                interval(statistics, score, draws)[::-1])),
        ("99 %", "These are the quantiles 0.005 and 0.995, which leave out 1 %. For 95 %: 0.025 and 0.975.",
         partial(interval, low=0.005, high=0.995)),
        ("percent and fractions", "np.percentile takes percent, 2.5 and 97.5; np.quantile takes fractions.",
         partial(interval, low=0.00025, high=0.00975)),
        ("means instead of sums", MEANS, partial(interval, total=np.mean)),
        ("the smallest and the largest", "These are the smallest and the largest scores. More draws move them apart; "
         "quantiles stay where they are.", partial(interval, low=0, high=1)),
        ("a mean of scores", known.mean_of_scores("It averaged the scores of single pictures"), means_of_scores),
        ("the scores of single pictures", "It is the spread of single pictures: draws was not used. One picture varies "
         "much more than N together.",
         lambda statistics, score: tuple(np.quantile([score(row) for row in statistics], [0.025, 0.975]))),
        ("each picture at most once", "Pictures drawn several times count once: is there a set, or a mask? Drawn with "
         "replacement, a picture counts each time.", partial(interval, of_draws=lambda draws: map(np.unique, draws))),
        ("rows and columns of draws", "It took the columns of draws. A test set is a row, draws[r].",
         partial(interval, of_draws=np.transpose)),
        ("1.96 standard deviations", "It is the mean plus and minus 1.96 standard deviations, which assumes a normal "
         "distribution. Quantiles do not.",
         (normal_interval(lambda whole, scores: whole), normal_interval(lambda whole, scores: np.mean(scores)))),
        ("picked from the sorted scores", PICKED,
         (picked(lambda R: (int(0.025 * R), int(0.975 * R))), picked(lambda R: (int(0.025 * R), int(0.975 * R) - 1)),
          picked(lambda R: (round(0.025 * (R - 1)), round(0.975 * (R - 1)))))),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 26.4

def swapped_differences(a, b, score, swaps, both=True):
    """The difference in each experiment: where they swap, A gains b - a and B loses it."""
    gained = swaps.astype(float) @ (b - a)
    return [score(a.sum(axis=0) + gain) - score(b.sum(axis=0) - gain * both) for gain in gained]


def real_difference(a, b, score, total=np.sum):
    return score(total(a, axis=0)) - score(total(b, axis=0))


def share_as_large(a, b, score, swaps, *, compare=lambda d, real: abs(d) >= abs(real), one=1, below=1, **options):
    real = real_difference(a, b, score)
    found = sum(compare(d, real) for d in swapped_differences(a, b, score, swaps, **options))
    return (one + found) / (below + len(swaps))


def means_of_pictures(a, b, score, swaps):
    each = np.array([score(x) - score(y) for x, y in zip(a, b, strict=True)])
    found = sum(abs(np.where(swap, -each, each).mean()) >= abs(each.mean()) for swap in swaps)
    return float(each.mean()), (1 + found) / (1 + len(swaps))


def two_captioners(rng):
    """Two that are nearly alike, B a little better, with as many words; one experiment swaps nothing, one swaps all."""
    while True:
        a = some_statistics(rng, 11)
        b = a.copy()
        b[:, 0] = np.clip(a[:, 0] + rng.integers(-2, 4, 11), 0, a[:, 1])
        swaps = rng.random((50, 11)) < 0.5
        swaps[3], swaps[7] = False, True
        if real_difference(a, b, share) < 0 and 0.1 < share_as_large(a, b, share, swaps) < 0.9:
            return a, b, smoothed_share, swaps


PAIRED_TEST = Exercise(
    "26.4", "paired_test", ("difference", "p"),
    lambda a, b, score, swaps: (real_difference(a, b, score), share_as_large(a, b, score, swaps)),
    example=((np.array([[1.0], [1.0], [0.0]]), np.array([[0.0], [1.0], [0.0]]), lambda sums: sums[0] / 3,
              np.array([[False, False, False], [True, False, True], [False, True, True]])), (1 / 3, 1.0)),
    cases=two_captioners,
    mistakes={"difference": [
        ("the size of the difference", "The difference has lost its sign, which says who was better. Only p uses its "
         "size.", lambda right: abs(right)),
        ("means instead of sums", MEANS, partial(real_difference, total=np.mean)),
        ("the score of the differences", "The sums of B were subtracted from those of A first. Compute the two scores, "
         "then subtract.", lambda a, b, score: score(a.sum(axis=0) - b.sum(axis=0))),
        ("B minus A", "It is the score of B minus that of A.", lambda right: -right),
        ("a mean of scores", known.mean_of_scores("It averaged the differences of single pictures"), means_of_pictures),
    ], "p": [
        ("only one direction", "Only differences in one direction count. Chance could have favoured the other one as "
         "well: compare absolute values.",
         (partial(share_as_large, compare=lambda d, real: d >= real),
          partial(share_as_large, compare=lambda d, real: d <= real))),
        ("the real difference without abs", "The sizes are compared with the real difference. Where B is better that "
         "is negative: abs on both sides.", partial(share_as_large, compare=lambda d, real: abs(d) >= real)),
        ("larger instead of at least as large", "Experiments with exactly the real difference do not count: `>=`, and "
         "not `>`.", partial(share_as_large, compare=lambda d, real: abs(d) > abs(real))),
        ("the share of smaller ones", "It is the fraction of *smaller* differences. p says how often chance does as "
         "much: a real difference has a small p.",
         partial(share_as_large, compare=lambda d, real: abs(d) <= abs(real))),
        ("without the 1", "It is count / R. What really happened is a possible experiment, too: (1 + count) / (1 + R), "
         "which is never 0.", partial(share_as_large, one=0, below=0)),
        ("only above the line", "It is (1 + count) / R: the 1 belongs below the line as well.",
         partial(share_as_large, below=0)),
        ("only A is changed", "A gets rows of B, and B keeps its own. They *swap*: B gets A's rows of the same "
         "pictures.", partial(share_as_large, both=False)),
        ("a mean of scores",
         known.mean_of_scores("In the experiments the differences of single pictures were averaged"),
         means_of_pictures),
    ]})

EXERCISES = (LEAKS, DIFFERENCES, BOOTSTRAP_INTERVAL, PAIRED_TEST)
