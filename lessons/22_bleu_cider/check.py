"""What lesson 22 asks for. An input is a list of problems, so that one case holds many small sets of captions."""

import functools
import math
from collections import Counter

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import things


def words_of(*captions):
    return [caption.split() for caption in captions]


def numbers(name, *gives):
    """Call the function for every problem: an array for each thing it gives."""
    def call(module, problems):
        found = []
        for problem in problems:
            answer = getattr(module, name)(*problem)
            answer = list(answer) if isinstance(answer, np.ndarray) and answer.ndim else answer
            answer = things(answer, name, *gives) if len(gives) > 1 else (answer,)
            for part, number in zip(gives, answer, strict=True):
                if not isinstance(number, (int, float, np.number, np.ndarray)) or np.size(number) != 1:
                    raise TypeError(f"{part} has to be one number, and not {type(number).__name__}")
            found.append([float(np.reshape(number, ())) for number in answer])
        columns = tuple(np.array(column) for column in zip(*found, strict=True))
        return columns if len(gives) > 1 else columns[0]
    return call


def every(function, **options):
    return lambda problems: np.array([function(*problem, **options) for problem in problems], float)


# ---------------------------------------------------------------------------------------------------- clipped_matches

def grams(words, n, lost=0):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1 - lost))


def largest(counts):
    return functools.reduce(Counter.__or__, counts)


def clipped(candidate, references, n, allow=largest, lost=0):
    return (grams(candidate, n, lost) & allow([grams(reference, n, lost) for reference in references])).total()


def unclipped(candidate, references, n, count=lambda count: count):
    allowed = largest([grams(reference, n) for reference in references])
    return sum(count(c) for gram, c in grams(candidate, n).items() if gram in allowed)


def total(candidate, references, n):
    return max(0, len(candidate) - n + 1)


def some_words(rng, low, high):
    return ["abcdef"[i] for i in rng.integers(0, 6, rng.integers(low, high + 1))]


def match_problems(rng):
    """Captions of few different words, so that many repeat; each order twice, and a caption that is shorter than n."""
    problems = [(some_words(rng, 9, 14), [some_words(rng, 12, 18) for _ in range(3)], n) for n in (1, 1, 2, 2, 3, 4)]
    return [*problems, (some_words(rng, 2, 2), [some_words(rng, 4, 6)], 4)]


DOGS = (*words_of("a dog and a dog and a dog"), words_of("a dog and a cat", "the dog"))

CLIPPED_MATCHES = Exercise(
    "22.1", "clipped_matches", ("matches of call", "total of call"),
    lambda problems: (every(clipped)(problems), every(total)(problems)),
    example=(([(*DOGS, 1), (*DOGS, 2)],), (np.array([4.0, 3.0]), np.array([8.0, 7.0]))),
    cases=lambda rng: (match_problems(rng),), call=numbers("clipped_matches", "matches", "total"),
    mistakes={"matches of call": [
        ("not clipped", "Every n-gram in a reference counts each time it occurs, so \"dog dog dog dog\" is perfect. "
         "Limit it to the reference that has most of it.", every(unclipped)),
        ("the references are added up", "An n-gram may match as often as in all references together. The limit is the "
         "largest count, not the sum.", every(clipped, allow=lambda counts: sum(counts, Counter()))),
        ("one reference instead of all", "Only the first reference was looked at. An n-gram may match in any of them.",
         every(clipped, allow=lambda counts: counts[0])),
        ("the last reference instead of all", "Only the last reference counts: is the loop overwriting what the ones "
         "before allowed?", every(clipped, allow=lambda counts: counts[-1])),
        ("only what all references hold", "An n-gram counts only if every reference holds it. One is enough: the "
         "largest count, not the smallest.",
         every(clipped, allow=lambda counts: functools.reduce(Counter.__and__, counts))),
        ("each n-gram once", "Every different n-gram counts once, as in a set. A caption may say \"a\" twice if a "
         "reference does.", every(unclipped, count=lambda count: 1)),
        ("the larger of both counts", "The larger of the candidate's count and the limit was taken: | in place of &.",
         every(lambda candidate, references, n:
             (grams(candidate, n) | largest([grams(reference, n) for reference in references])).total())),
        ("matches and total changed places", "matches is the number of n-grams. The order is (matches, total).",
         every(total)),
        ("all orders up to n", "The runs of 1 to n words were counted together. Only those of n words are asked for.",
         every(lambda candidate, references, n: sum(clipped(candidate, references, k + 1) for k in range(n)))),
        ("the best reference alone", "The best of the references' numbers of matches was taken. Take the largest count "
         "for each n-gram by itself.",
         every(lambda candidate, references, n: max(clipped(candidate, [reference], n) for reference in references))),
        ("the last n-gram is lost", "The n-gram at the end of a caption is missing. There are len(words) - n + 1 of "
         "them.", every(clipped, lost=1)),
    ], "total of call": [
        ("the total is the number of words", "total is the length of the caption. It has n - 1 fewer n-grams.",
         every(lambda candidate, references, n: len(candidate))),
        ("the total counts different n-grams", "total is the number of different n-grams. Count each as often as it "
         "occurs.", every(lambda candidate, references, n: len(grams(candidate, n)))),
        ("the total falls below zero", "total is negative for captions of fewer than n - 1 words: max(0, ...).",
         every(lambda candidate, references, n: len(candidate) - n + 1)),
        ("at least 1", "total is 1 where a caption has no n-gram. It is 0: whoever divides takes care of that.",
         every(lambda *problem: max(1, total(*problem)))),
        ("the last n-gram is lost", "total is one too small. A caption has len(words) - n + 1 n-grams. Is the one at "
         "its end counted?", every(lambda candidate, references, n: max(0, len(candidate) - n))),
        ("the matches are the total", "total is the number of matches. It is how many n-grams the candidate has, "
         "whether they match or not.", every(clipped)),
    ]})


# ---------------------------------------------------------------------------------------------------- brevity_penalty

CLOSEST = "r is made of {}. Each caption is compared with the reference whose length is closest to its own."


def closest(lengths, c):
    return min(lengths, key=lambda length: (abs(length - c), length))


def brevity(candidates, references, *, choose=closest, penalty=lambda c, r: math.exp(min(0, 1 - r / c))):
    return penalty(sum(map(len, candidates)), sum(choose([len(reference) for reference in captions], len(candidate))
                                                  for candidate, captions in zip(candidates, references, strict=True)))


def in_brevity(**instead):
    return every(brevity, **instead)


def mean_over_captions(function):
    """function(candidates, references, ...) of one caption after the other."""
    return lambda candidates, references, *others: np.mean(
        [function([candidate], [captions], *others)
         for candidate, captions in zip(candidates, references, strict=True)], axis=0)


def length_problems(rng):
    """Four sets that are too short, with a tie in each, and one that is long enough."""
    problems = []
    for long_enough in (False, False, False, False, True):
        candidates, references = [], []
        for picture in range(3):
            c, away = int(rng.integers(6, 10)), int(rng.integers(1, 4))
            if long_enough:
                lengths = [c - int(k) for k in rng.integers(1, 4, 3)]
            else:
                lengths = ([c + away, c - away, c + 5], [c + 1, c - 3, c + 4], [c + 4, c + 5, c + 7])[picture]
            candidates.append(["word"] * c)
            references.append([["word"] * lengths[i] for i in rng.permutation(3)])
        problems.append((candidates, references))
    return problems


SHORT = (words_of("a dog", "two cats sleep"), [words_of("a dog runs", "a dog runs through the grass"),
                                               words_of("cats", "two cats sleep on a bed", "a bed")])

BREVITY_PENALTY = Exercise(
    "22.2", "brevity_penalty", ("penalty of call",), every(brevity),
    example=(([SHORT, (SHORT[0][:1], SHORT[1][:1])],), np.array([1, math.exp(-0.5)])),
    cases=lambda rng: (length_problems(rng),), call=numbers("brevity_penalty", "penalty"),
    mistakes=[
        ("a tie goes to the longer", "Of two references equally close in length the longer one was taken. It is the "
         "shorter one.",
         in_brevity(choose=lambda lengths, c: min(lengths, key=lambda length: (abs(length - c), -length)))),
        ("a tie goes to the first", "Of two references equally close in length the first one was taken. It is the "
         "shorter one: compare (distance, length).",
         in_brevity(choose=lambda lengths, c: min(lengths, key=lambda length: abs(length - c)))),
        ("the longest reference", CLOSEST.format("the longest references"),
         in_brevity(choose=lambda lengths, c: max(lengths))),
        ("the shortest reference", CLOSEST.format("the shortest references"),
         in_brevity(choose=lambda lengths, c: min(lengths))),
        ("the first reference", CLOSEST.format("the first references"),
         in_brevity(choose=lambda lengths, c: lengths[0])),
        ("the mean length", CLOSEST.format("the mean lengths of the references"),
         in_brevity(choose=lambda lengths, c: sum(lengths) / len(lengths))),
        ("all references are added up", CLOSEST.format("all references together"),
         in_brevity(choose=lambda lengths, c: sum(lengths))),
        ("a mean over the captions", "It is the mean of the captions' penalties. Sum the lengths over the whole set: a "
         "long caption makes up for a short one.", every(mean_over_captions(brevity))),
        ("the fraction is upside down", "The exponent is 1 - c/r. It is 1 - r/c: the shorter the captions, the further "
         "below 0.",
         (in_brevity(penalty=lambda c, r: math.exp(min(0, 1 - c / r))),
          in_brevity(penalty=lambda c, r: 1 if c >= r else math.exp(1 - c / r)))),
        ("long captions are rewarded", "Captions longer than their references get a factor above 1. Precision has "
         "punished them already: at most 1.", in_brevity(penalty=lambda c, r: math.exp(1 - r / c))),
        ("the exponent has the wrong sign", "The exponent is r/c - 1, so short captions get a factor above 1. It is "
         "1 - r/c.", in_brevity(penalty=lambda c, r: math.exp(max(0, r / c - 1)))),
        ("different words are counted", "c is the number of different words. A word counts each time it is said.",
         every(lambda candidates, references: brevity(candidates, references, penalty=lambda c, r: math.exp(
             min(0, 1 - r / sum(map(len, map(set, candidates)))))))),
        ("no exponential", "It is the fraction c/r itself. The penalty is exp(1 - r/c), which falls faster.",
         in_brevity(penalty=lambda c, r: min(1, c / r))),
        ("long and short changed places", "It is 1 where the captions are too short: the condition is the wrong way "
         "round. 1 if c >= r.", in_brevity(penalty=lambda c, r: 1 if c <= r else math.exp(1 - r / c))),
    ])


# --------------------------------------------------------------------------------------------------------------- bleu

def precisions(candidates, references, N, smooth=0):
    """p_1 ... p_N of the whole set."""
    pairs = list(zip(candidates, references, strict=True))
    return [(sum(clipped(*pair, n) for pair in pairs) + smooth)
            / (max(sum(total(*pair, n) for pair in pairs), 1) + smooth) for n in range(1, N + 1)]


def of_set(candidates, references, N, combine=lambda p: math.prod(p)**(1 / len(p)), penalty=brevity,
           precisions=precisions):
    return penalty(candidates, references) * combine(precisions(candidates, references, N))


def in_bleu(**instead):
    return every(of_set, **instead)


def changed(rng, words, changes):
    """The caption with a few words replaced or taken away."""
    words = list(words)
    for _ in range(changes):
        i = int(rng.integers(len(words)))
        words[i:i + 1] = some_words(rng, 0, 1)
    return words


def corpora(rng):
    """Small sets in which every caption shares a 4-gram with its references; those of even number are too short."""
    problems = []
    for N in (1, 2, 3, 4, 3, 4):
        while True:
            themes = [some_words(rng, 9, 13) for _ in range(3)]
            references = [[changed(rng, theme, 2) for _ in range(3)] for theme in themes]
            candidates = [changed(rng, theme, 2)[:None if len(problems) % 2 else -2] for theme in themes]
            shared = [clipped(*pair, 4) for pair in zip(candidates, references, strict=True)]
            if all(shared) and (brevity(candidates, references) < 1 or len(problems) % 2):
                problems.append((candidates, references, N))
                break
    return problems


GRASS = (words_of("a dog runs on the grass"),
         [words_of("a dog runs through the grass", "a brown dog is running on the grass")])


def nothing_in_common(module):
    """None, or what is wrong when no n-gram matches, when there is none, and when there is one."""
    try:
        with np.errstate(all="ignore"):
            score = module.bleu(*GRASS, 4)
    except Exception as error:
        return (f"when no 4-gram matches, it stops with {type(error).__name__}: {error}. BLEU-4 is 0 then: look at the "
                "precisions before you take their logarithm, or take a root of their product.")
    if not abs(score) < 1e-9:
        return f"when no 4-gram matches BLEU-4 is 0; yours is {score:.6g}."
    try:
        with np.errstate(all="ignore"):
            score = module.bleu(words_of("a dog"), [words_of("a dog runs")], 4)
    except Exception as error:
        return (f"when every caption has fewer than N words, it stops with {type(error).__name__}: {error}. There are "
                "no N-grams then, and so no matches: BLEU-N is 0.")
    if not abs(score) < 1e-9:
        return f"when every caption has fewer than N words, BLEU-N is 0; yours is {score:.6g}. Is 0 divided by 0?"
    score = module.bleu(words_of("a dog"), [words_of("a dog")], 2)
    return None if abs(score - 1) < 1e-9 else f"BLEU-2 of \"a dog\" with the reference \"a dog\" is 1, not {score:.6g}"


BLEU = Exercise(
    "22.3", "bleu", ("score of call",), every(of_set),
    example=(([(*GRASS, 1), (*GRASS, 2), (*GRASS, 3)],), np.array([1, 0.8**(1 / 2), 0.4**(1 / 3)])),
    cases=lambda rng: (corpora(rng),), call=numbers("bleu", "score"), learns=nothing_in_common,
    needs=("clipped_matches", "brevity_penalty"),
    mistakes=[
        ("only the last precision", "It is p_N alone, the individual score. BLEU-N is cumulative: it takes p_1 to p_N "
         "together.", in_bleu(combine=lambda p: p[-1])),
        ("a mean over the captions", "It is the mean of the captions' BLEU, where a caption without a matching 4-gram "
         "counts as 0. Sum matches and totals over the whole set, then divide.", every(mean_over_captions(of_set))),
        ("mean of the captions' precisions", "Each p_n is a mean over the captions. Sum the matches, sum the totals, "
         "and divide once.", in_bleu(precisions=mean_over_captions(precisions))),
        ("the mean of the precisions", "The precisions were added and divided by N. BLEU takes the geometric mean: "
         "their product to the power of 1/N.", in_bleu(combine=lambda p: sum(p) / len(p))),
        ("no root", "It is the product of the precisions. Take its N-th root.", in_bleu(combine=math.prod)),
        ("the fourth root for every N", "The exponent is 1/4 whatever N is. It is 1/N: the weights of the precisions "
         "sum to one.", in_bleu(combine=lambda p: math.prod(p)**(1 / 4))),
        ("weights that do not sum to one", "For BLEU-3 the weights are 0.3, 0.3, 0.3, which sum to 0.9. They are 1/3 "
         "each.", in_bleu(combine=lambda p: math.prod(p)**(0.3 if len(p) == 3 else 1 / len(p)))),
        ("the brevity penalty is missing", "The brevity penalty is missing. Precision ignores what was left out: \"a\" "
         "alone would be a perfect caption.", in_bleu(penalty=lambda candidates, references: 1)),
        ("the brevity penalty inside the root", "The brevity penalty is under the N-th root, too. The root is for the "
         "precisions alone.",
         every(lambda candidates, references, N:
             (brevity(candidates, references) * math.prod(precisions(candidates, references, N)))**(1 / N))),
        ("the brevity penalty counted twice", "The brevity penalty was multiplied into the product for each order, and "
         "once more at the end. It is a factor of the whole score, once.",
         (in_bleu(penalty=lambda *pair: brevity(*pair)**2),
          every(lambda candidates, references, N: of_set(
              candidates, references, N, penalty=lambda *pair: brevity(*pair)**(N + 1))))),
        ("the last order is missing", "The product ends with p of order N - 1: range(1, N + 1) goes to N.",
         in_bleu(combine=lambda p: math.prod(p[:-1])**(1 / len(p)))),
        ("always BLEU-4", "It is BLEU-4 whatever N is: use N, in the loop and in the root.",
         every(lambda candidates, references, N: of_set(candidates, references, 4))),
        ("times 100", "It is 100 times too large. Tables print BLEU in per cent; the function returns the fraction.",
         in_bleu(penalty=lambda *pair: 100 * brevity(*pair))),
        ("smoothed", "Something is added to matches and totals. Smoothing is for single sentences; published scores "
         "are not smoothed.", in_bleu(precisions=functools.partial(precisions, smooth=1))),
        ("only the first order", "It is p_1 for every N. Is there a `return` inside the loop over n, or is n always 1?",
         in_bleu(combine=lambda p: p[0])),
    ])


# ---------------------------------------------------------------------------------------------------------------- idf

def holding(references, n, what=lambda captions, n: [{gram for words in captions for gram in grams(words, n)}]):
    """For each n-gram, in alphabetical order, the number of pictures whose references hold it, or of other things."""
    counted = Counter(gram for captions in references for each in what(captions, n) for gram in each)
    return np.array([counted[gram] for gram in sorted(counted)], float)


def in_captions(references, n):
    return holding(references, n, lambda captions, n: [grams(words, n) for words in captions])


def occurrences(references, n):
    return holding(references, n, lambda captions, n: [grams(words, n).elements() for words in captions])


def weights(module, references, n):
    """The learner's weights in alphabetical order of the n-grams."""
    answer = module.idf(references, n)
    if not isinstance(answer, dict):
        raise TypeError(f"idf has to return a dictionary, n-gram -> weight, and not {type(answer).__name__}")
    wanted = sorted({gram for captions in references for words in captions for gram in grams(words, n)})
    for gram in wanted:
        if gram not in answer:
            have = next(iter(answer), None)
            hint = "Every n-gram of every caption has a weight, and be it 0"
            if have is not None and not (isinstance(have, tuple) and len(have) == n):
                hint = f"It has {have!r}, and an n-gram is here a tuple of n = {n} words"
            raise KeyError(f"the dictionary lacks the n-gram {gram!r}. {hint}")
    for gram in answer:
        if gram not in wanted:
            raise ValueError(f"the dictionary has {gram!r}, which no caption holds, as a run of n = {n} words")
    return np.array([float(answer[gram]) for gram in wanted])


def some_references(rng):
    """Five pictures with one to three captions each."""
    return [[some_words(rng, 3, 5) for _ in range(rng.integers(1, 4))] for _ in range(5)], int(rng.integers(1, 3))


PETS = [words_of("a dog runs", "the dog is a dog"), words_of("a cat", "a black cat")]

IDF = Exercise(
    "22.4", "idf", ("weights",), lambda references, n: np.log(len(references) / holding(references, n)),
    example=((PETS, 1), np.log([1.0, 2, 2, 2, 2, 2, 2])),  # a, black, cat, dog, is, runs, the
    cases=some_references, call=weights,
    mistakes=[
        ("counted once a caption", "An n-gram was counted once for every caption. Count pictures: one set of the "
         "n-grams of all captions of a picture.",
         lambda references, n: np.log(len(references) / in_captions(references, n))),
        ("counted at every occurrence", "An n-gram was counted as often as it occurs. Count pictures: one set of the "
         "n-grams of all captions of a picture.",
         lambda references, n: np.log(len(references) / occurrences(references, n))),
        ("captions in place of pictures", "It is log(captions / captions that hold it). Count pictures: people who "
         "describe the same picture agree.",
         lambda references, n: np.log(sum(map(len, references)) / in_captions(references, n))),
        ("captions above, pictures below", "The numerator is the number of captions. It is that of pictures, "
         "len(references).", lambda references, n: np.log(sum(map(len, references)) / holding(references, n))),
        ("no logarithm", known.no_logarithm("It is the fraction", "With it, what every picture holds weighs log 1 = 0"),
         lambda references, n: len(references) / holding(references, n)),
        ("upside down", "The fraction is upside down: all weights are negative. It is pictures divided by those that "
         "hold the n-gram.", lambda right: -right),
        ("another logarithm", known.natural_logarithm(),
         (lambda right: right / np.log(10), lambda right: right / np.log(2))),
        ("one is added below", "The number of pictures is one too large. That avoids dividing by 0, but every n-gram "
         "comes from a picture.", lambda references, n: np.log(len(references) / (1 + holding(references, n)))),
        ("one is added to the logarithm", "Everything is 1 too large: some libraries add 1. Here an n-gram that every "
         "picture has gets log 1 = 0.", lambda right: 1 + right),
        ("how many pictures hold it", "It is the number of pictures that hold the n-gram. The weight is log(pictures / "
         "that number).", holding),
    ])

EXERCISES = (CLIPPED_MATCHES, BREVITY_PENALTY, BLEU, IDF)
