"""What lesson 25 asks for."""

import numpy as np

from minicap.learn.exercises import Exercise, Mistake

# ---------------------------------------------------------------------------------------------------------------- 25.1

SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def words_of(names, captions):
    return {word for name in names for caption in captions[name] for word in caption}


def leaked_pictures(splits, among=("train", "dev", "test"), once=True, count_lists=False):
    lists = [names if count_lists else set(names) for name, names in splits.items() if name in among]
    found = [name for names in lists for name in names]
    found = [name for name in found if found.count(name) > 1]
    return sorted(set(found) if once else found)


def leaked_words(splits, captions, vocabulary, of=("train",), special=False):
    seen = words_of([name for split in of for name in splits[split]], captions)
    return sorted(word for word in vocabulary if word not in seen and (special or not word.startswith("<")))


def right_leaks(splits, captions, vocabulary):
    return leaked_pictures(splits), leaked_words(splits, captions, vocabulary)


def data_with_leaks(rng):
    """14 pictures; leaks between each two splits, one in all three, one twice in one list; words of all kinds."""
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
    captions[names[12]] = [[words[8], "runs"]]  # of a picture that is in train as well: train has shown it
    vocabulary = [*SPECIAL, *(str(word) for word in rng.permutation([*words[:4], *words[5:12], "runs"]))]
    return splits, captions, vocabulary


def lists_from(module, splits, captions, vocabulary):
    answer = module.leaks({name: list(names) for name, names in splits.items()}, dict(captions), list(vocabulary))
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2):
        raise TypeError(f"leaks has to return two lists, `return pictures, words`, and not {type(answer).__name__}")
    for found in answer:
        if not isinstance(found, (list, tuple)):
            raise TypeError(f"leaks has to return two lists, and one of them is {found!r}; sorted(...) makes a list")
    return tuple(list(map(str, found)) for found in answer)


def picture_slip(name, sentence, **wrong):
    return Mistake(name, sentence, lambda right, splits, *others: leaked_pictures(splits, **wrong), of="pictures")


def word_slip(name, sentence, function):
    return Mistake(name, sentence, lambda right, *inputs: function(*inputs), of="words")


LEAKS = Exercise(
    "25.1", "leaks", ("pictures", "words"), right_leaks,
    example=(({"train": ["1.jpg", "2.jpg"], "dev": ["3.jpg"], "test": ["4.jpg", "1.jpg"]},
              {"1.jpg": [["a", "dog"]], "2.jpg": [["a", "cat"]], "3.jpg": [["a", "zebra"]], "4.jpg": [["a", "dog"]]},
              ["<pad>", "a", "dog", "cat", "zebra"]), (["1.jpg"], ["zebra"])),
    cases=data_with_leaks, call=lists_from,
    mistakes=(
        picture_slip("only train and test are compared",
                     "Pictures that train and test share are found; those of dev are not "
                     "looked at. Dev chooses the model: a picture that is in dev and in test has had its say, too.",
                     among=("train", "test")),
        Mistake("dev and test are not compared",
                "Train is compared with dev and with test, and those two are not compared "
                "with each other. Dev chooses the model: a picture that is in both has had its say.",
                lambda right, splits, *others: sorted(set(splits["train"]) & {*splits["dev"], *splits["test"]})),
        Mistake("only pictures of all three", "Only pictures that stand in all three splits are found. Two are enough.",
                lambda right, splits, *others: sorted(set.intersection(*map(set, splits.values())))),
        picture_slip("twice in one list",
                     "A picture that stands twice in the *same* list counts as leaked. That is untidy, "
                     "but nothing has leaked: make a set of each list first.", count_lists=True),
        picture_slip("a picture is named several times", "A picture is named once for each split it is in. Each once.",
                     once=False),
        Mistake("not sorted", "These are the right pictures, in another order: sorted(...).",
                lambda right, splits, *others: [name for name in dict.fromkeys(
                    name for names in splits.values() for name in names) if name in right]),
        word_slip("the special words are named",
                  "<pad>, <unk> and so on are no words of anybody: leave out what begins with "
                  "\"<\".", lambda *inputs: leaked_words(*inputs, special=True)),
        word_slip("dev counts as seen",
                  "Words that only dev has are not found. The vocabulary is made from train alone; "
                  "dev, too, has to be new to the model.", lambda *inputs: leaked_words(*inputs, of=("train", "dev"))),
        word_slip("every caption counts as seen",
                  "Words that only dev or test has are not found: all captions were taken "
                  "together. Only those of pictures in train count.",
                  lambda *inputs: leaked_words(*inputs, of=("train", "dev", "test"))),
        word_slip("only words of dev and test",
                  "Words that dev or test have and train has not are found. A word of the vocabulary that nobody has "
                  "came from somewhere else, other data perhaps, and is to be named as well.",
                  lambda splits, captions, vocabulary: [
                      word for word in leaked_words(splits, captions, vocabulary)
                      if word in words_of([*splits["dev"], *splits["test"]], captions)]),
        word_slip("what the vocabulary lacks",
                  "These are words of dev and test that the vocabulary does *not* have. That is "
                  "as it should be, they are <unk>. The question is what it has and should not have.",
                  lambda splits, captions, vocabulary: sorted(
                      words_of([*splits["dev"], *splits["test"]], captions) - set(vocabulary))),
        word_slip("what train has and the vocabulary lacks",
                  "These are words of train that the vocabulary does not have; "
                  "rare words are left out on purpose. The question is what it has and train has not.",
                  lambda splits, captions, vocabulary: sorted(words_of(splits["train"], captions) - set(vocabulary))),
    ))


# ---------------------------------------------------------------------------------------------------------------- 25.2

MISSING = "not said"


def flat(recipe, prefix="", deep=True, between="."):
    settings = {}
    for name, value in recipe.items():
        if isinstance(value, dict) and deep:
            settings |= flat(value, f"{prefix}{name}{between}", deep, between)
        else:
            settings[prefix + name] = value
    return settings


def right_differences(mine, theirs, names=lambda mine, theirs: mine | theirs, missing=MISSING, differ=True, **options):
    mine, theirs = flat(mine, **options), flat(theirs, **options)
    pairs = {name: (mine.get(name, missing), theirs.get(name, missing)) for name in names(mine, theirs)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] or not differ}


def one_level(recipe):
    """Only settings inside one dict, by their own name."""
    settings = {}
    for name, value in recipe.items():
        settings |= one_level(value) if isinstance(value, dict) else {name: value}
    return settings


def without_outer_names(mine, theirs):
    return right_differences(one_level(mine), one_level(theirs))


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
    """Two recipes that differ in every way: values, missing settings on both sides, missing groups, None."""
    lr, drop, seed = (round(float(x), 4) for x in rng.uniform(0.001, 0.5, 3))
    mine = {"seed": seed, "version": "0.1.0", "mirrored": None,
            "train": {"lr": lr, "epochs": 13, "clip": 5.0, "optimizer": {"name": "adam", "beta": 0.9}},
            "data": {"name": "shapes", "side": 32}}
    theirs = {"seed": seed, "version": "0.1.0", "device": "cuda",
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


def difference_slip(name, sentence, function=right_differences, **wrong):
    return Mistake(name, sentence, lambda right, mine, theirs: function(mine, theirs, **wrong))


DIFFERENCES = Exercise(
    "25.2", "differences", ("the differences",), right_differences,
    example=(({"seed": 0, "train": {"lr": 0.003, "epochs": 13}},
              {"seed": 0, "train": {"lr": 0.001, "epochs": 13, "drop": None}, "search": {"beam": 3}}),
             {"train.lr": (0.003, 0.001), "train.drop": (MISSING, None), "search.beam": (MISSING, 3)}),
    cases=recipes, call=lambda module, mine, theirs: tidy(module.differences(mine, theirs)),
    mistakes=(
        difference_slip("only my settings",
                        "Only settings that `mine` has are compared. What only the other recipe says is "
                        "a difference, too, and the one that is overlooked most: go through the names of both.",
                        names=lambda mine, theirs: mine),
        difference_slip("only their settings",
                        "Only settings that `theirs` has are compared. What only `mine` says is a "
                        "difference, too: go through the names of both.", names=lambda mine, theirs: theirs),
        difference_slip("only what both have",
                        "Only settings that both recipes have are compared. What one of them does not "
                        "say is the difference that is overlooked most.",
                        names=lambda mine, theirs: [name for name in mine if name in theirs]),
        difference_slip("not said is None",
                        "A missing setting counts as None, so that it cannot be told from one that says "
                        "None: .get(name, \"not said\").", missing=None),
        difference_slip("the same ones are named, too", "Settings that are the same are among the differences.",
                        differ=False),
        difference_slip("dicts are not opened",
                        "A group of settings is compared as one value. Then one learning rate makes "
                        "all of \"train\" a difference, and nobody finds it: go into the dicts.", deep=False),
        difference_slip("a missing group is one difference",
                        "A group that one recipe lacks is named as a whole. Each of its "
                        "settings is a difference of its own: make both recipes flat first.", missing_groups_whole),
        difference_slip("the outer name is missing",
                        "\"lr\" instead of \"train.lr\": settings of the same name in two groups "
                        "could not be told apart.", without_outer_names),
        difference_slip("joined by something else", "The names are joined by \"_\" or \"/\"; join them by a dot.",
                        between="_"),
        difference_slip("joined by something else", "The names are joined by \"_\" or \"/\"; join them by a dot.",
                        between="/"),
        Mistake("mine and theirs changed places", "The pairs are the other way round: my value comes first.",
                lambda right, mine, theirs: {name: pair[::-1] for name, pair in right.items()}),
    ))


# ---------------------------------------------------------------------------------------------------------------- 25.3

def share(sums):
    return sums[0] / sums[1]


def scores_of(statistics, score, draws):
    return [score(statistics[rows].sum(axis=0)) for rows in draws]


def ends(scores, low=0.025, high=0.975):
    return tuple(np.quantile(scores, [low, high]))


def some_statistics(rng, N=9):
    total = rng.integers(4, 40, N)
    return np.stack([rng.binomial(total, rng.uniform(0.2, 0.9, N)), total], axis=1).astype(float)


def draws_of(rng):
    return some_statistics(rng), share, rng.integers(0, 9, (60, 9))


def interval_slips(name, sentence, function):
    """A mistake that moves both ends; it shows in the lower one first."""
    return [Mistake(name, sentence, lambda right, *inputs, end=end: function(*inputs)[end], of=of)
            for end, of in enumerate(("low", "high"))]


def normal_interval(statistics, score, draws):
    scores = scores_of(statistics, score, draws)
    middle = score(statistics.sum(axis=0))
    return middle - 1.96 * np.std(scores), middle + 1.96 * np.std(scores)


def normal_interval_around_mean(statistics, score, draws):
    scores = scores_of(statistics, score, draws)
    return np.mean(scores) - 1.96 * np.std(scores), np.mean(scores) + 1.96 * np.std(scores)


def means_of_scores(statistics, score, draws):
    each = np.array([score(row) for row in statistics])
    return ends([each[rows].mean() for rows in draws])


def of_pictures(statistics, score, draws):
    return ends([score(row) for row in statistics])


def picked(at):
    def wrong(statistics, score, draws):
        scores = sorted(scores_of(statistics, score, draws))
        return tuple(scores[place] for place in at(len(scores)))
    return wrong


PICKED = "These are two of the R scores, picked from the sorted list. np.quantile goes between two of them where that "
"is meant."

BOOTSTRAP_INTERVAL = Exercise(
    "25.3", "bootstrap_interval", ("low", "high"), lambda *inputs: ends(scores_of(*inputs)),
    example=((np.array([[1.0, 2.0], [3.0, 4.0]]), share, np.array([[0, 1], [0, 0], [1, 1]])),
             (0.5 + 0.05 * (2 / 3 - 0.5), 2 / 3 + 0.95 * (0.75 - 2 / 3))),
    cases=draws_of,
    mistakes=(
        *interval_slips("low and high changed places", "The larger one comes first: (low, high).",
                        lambda *inputs: ends(scores_of(*inputs))[::-1]),
        *interval_slips("90 %",
                        "These are the quantiles 0.05 and 0.95, between which 90 % lie. For 95 % half of the "
                        "remaining 5 % is cut off at each end: 0.025 and 0.975.",
                        lambda *inputs: ends(scores_of(*inputs), 0.05, 0.95)),
        *interval_slips("99 %",
                        "These are the quantiles 0.005 and 0.995, between which 99 % lie. For 95 %: 0.025 and 0.975.",
                        lambda *inputs: ends(scores_of(*inputs), 0.005, 0.995)),
        *interval_slips("percent and fractions",
                        "np.percentile wants percent, 2.5 and 97.5; 0.025 percent is nearly the "
                        "smallest score of all. np.quantile wants fractions.",
                        lambda *inputs: ends(scores_of(*inputs), 0.00025, 0.00975)),
        *interval_slips("the smallest and the largest",
                        "These are the smallest and the largest of all scores. The more draws, "
                        "the farther apart they are; quantiles stay where they are.",
                        lambda *inputs: ends(scores_of(*inputs), 0, 1)),
        *interval_slips("a mean of scores",
                        "It averaged the scores of single pictures. Such a score is no mean: a picture with "
                        "many words weighs more. Add up the rows first, then ask for the score of the sums.",
                        means_of_scores),
        *interval_slips("the scores of single pictures",
                        "It is the spread of single pictures, not that of a score over N of "
                        "them: draws was not used. One picture varies much more than N together.", of_pictures),
        *interval_slips("each picture at most once",
                        "Pictures that were drawn several times count once: is there a set, or a mask, on the way? "
                        "With replacement means that a picture may count twice, and another not at all.",
                        lambda statistics, score, draws: ends(scores_of(statistics, score, map(np.unique, draws)))),
        *interval_slips("rows and columns of draws",
                        "It walked through the columns of draws. A test set is a row, draws[r].",
                        lambda statistics, score, draws: ends(scores_of(statistics, score, draws.T))),
        *interval_slips("1.96 standard deviations",
                        "It is a middle plus and minus 1.96 standard deviations. That holds if the "
                        "scores lie like a bell; quantiles need no such assumption.", normal_interval),
        *interval_slips("1.96 standard deviations", "It is a middle plus and minus 1.96 standard deviations. That "
                        "holds if the scores lie like a bell; quantiles need no such assumption.",
                        normal_interval_around_mean),
        *interval_slips("picked from the sorted scores", PICKED, picked(lambda R: (int(0.025 * R), int(0.975 * R)))),
        *interval_slips("picked from the sorted scores",
                        PICKED, picked(lambda R: (int(0.025 * R), int(0.975 * R) - 1))),
        *interval_slips("picked from the sorted scores", PICKED,
                        picked(lambda R: (round(0.025 * (R - 1)), round(0.975 * (R - 1))))),
    ))


# ---------------------------------------------------------------------------------------------------------------- 25.4

def swapped_differences(a, b, score, swaps, both=True):
    """The difference in each experiment: where they swap, A gains b - a and B loses it."""
    gained = swaps.astype(float) @ (b - a)
    return [score(a.sum(axis=0) + gain) - score(b.sum(axis=0) - gain * both) for gain in gained]


def real_difference(a, b, score):
    return score(a.sum(axis=0)) - score(b.sum(axis=0))


def share_as_large(a, b, score, swaps, compare=lambda d, real: abs(d) >= abs(real), one=1, **options):
    real = real_difference(a, b, score)
    found = sum(compare(d, real) for d in swapped_differences(a, b, score, swaps, **options))
    return (one + found) / (one + len(swaps))


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
            return a, b, share, swaps


def p_slip(name, sentence, function, **wrong):
    return Mistake(name, sentence, lambda right, *inputs: function(*inputs, **wrong), of="p")


PAIRED_TEST = Exercise(
    "25.4", "paired_test", ("difference", "p"),
    lambda a, b, score, swaps: (real_difference(a, b, score), share_as_large(a, b, score, swaps)),
    example=((np.array([[1.0], [1.0], [0.0]]), np.array([[0.0], [1.0], [0.0]]), lambda sums: sums[0] / 3,
              np.array([[False, False, False], [True, False, True], [False, True, True]])), (1 / 3, 1.0)),
    cases=two_captioners,
    mistakes=(
        Mistake("the size of the difference",
                "The difference has lost its sign. p asks for its size; what is returned says "
                "who was better.", lambda right, *inputs: abs(right)),
        Mistake("B minus A", "It is the score of B minus that of A.", lambda right, a, b, score, swaps: -right),
        Mistake("a mean of scores", "It averaged the differences of single pictures. Such a score is no mean: add up "
                "the rows of all pictures, and ask for the score of the sums.",
                lambda right, *inputs: means_of_pictures(*inputs)[0]),
        p_slip("only one direction",
               "Only experiments count in which the difference is at least as large *upwards*. Chance "
               "could have made B the better one as well: compare absolute values.", share_as_large,
               compare=lambda d, real: d >= real),
        p_slip("only one direction", "Only experiments count in which the difference is at least as large "
               "*downwards*. Chance could have made A the better one as well: compare absolute values.", share_as_large,
               compare=lambda d, real: d <= real),
        p_slip("the real difference without abs",
               "The sizes in the experiments are compared with the real difference as it "
               "is. If B is better, that is negative, and everything is larger: abs on both sides.", share_as_large,
               compare=lambda d, real: abs(d) >= real),
        p_slip("larger instead of at least as large",
               "Experiments with exactly the real difference do not count: `>=`, and "
               "not `>`.", share_as_large, compare=lambda d, real: abs(d) > abs(real)),
        p_slip("the share of smaller ones",
               "It is the share of experiments in which the difference is *smaller*. p says how "
               "often chance does as much: a small p is what a real difference has.", share_as_large,
               compare=lambda d, real: abs(d) <= abs(real)),
        p_slip("without the 1",
               "It is count / R. What really happened is one of the possible experiments, so it counts above and "
               "below: (1 + count) / (1 + R). Otherwise p could be 0, which no finite number of experiments can show.",
               share_as_large, one=0),
        p_slip("only above the line", "It is (1 + count) / R: the 1 belongs below the line as well.",
               lambda *inputs: share_as_large(*inputs) * (1 + len(inputs[3])) / len(inputs[3])),
        p_slip("only A is changed",
               "In the experiments A gets rows of B, and B keeps its own. They *swap*: B gets A's rows of "
               "the same pictures.", share_as_large, both=False),
        p_slip("a mean of scores", "In the experiments the differences of single pictures were averaged. Add up the "
               "rows of all pictures, and ask for the score of the sums.",
               lambda *inputs: means_of_pictures(*inputs)[1]),
    ))

EXERCISES = (LEAKS, DIFFERENCES, BOOTSTRAP_INTERVAL, PAIRED_TEST)
