"""What lesson 21 asks for. An input is a list of problems: a case holds short captions, long ones and cut ones."""

import itertools
from functools import partial

import numpy as np

from minicap.captioning.text.vocabulary import END, PAD, START, UNK
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import things, whole_numbers

# The README's table: 4 a, 5 two, 6 dog, 7 runs, 8 cat, 9 dogs, 10 ball, 11 cats, 12 run.
TABLE = {START: {4: 0.55, 5: 0.45}, 4: {6: 0.4, 8: 0.3, 10: 0.3}, 5: {9: 0.9, 11: 0.1}, 6: {7: 0.6, END: 0.4},
         9: {END: 0.55, 12: 0.45}, 7: {END: 1}, 8: {END: 1}, 10: {END: 1}, 11: {END: 1}, 12: {END: 1}}
NOTHING = (np.zeros((1, 1)),)  # what a table remembers


def table_step(state, words):
    log_p = np.full((len(words), 13), -np.inf)
    for row, word in enumerate(words):
        for following, p in TABLE.get(int(word), {}).items():
            log_p[row, following] = np.log(p)
    return state, log_p


def model(rng, V=9, H=4):
    """(step, state) of a small network that remembers two arrays, as an LSTM; PAD, START and UNK come last of all."""
    U, E, W = rng.standard_normal((2, H, H)), rng.standard_normal((V, H)), 2 * rng.standard_normal((H, V))
    b = np.zeros(V)
    b[[PAD, START, UNK]] = -30

    def step(state, words):
        (h, c), words = state, np.asarray(words)
        for array in (h, c):
            if words.shape != (len(array),):
                raise ValueError(f"step was given words of shape {words.shape} and a state of {len(array)} rows: each "
                                 "word needs its row, what was remembered before it, in every array of the state")
        c = np.tanh(c @ U[0] + E[words])
        h = np.tanh(h @ U[1] + c)
        e = np.exp(h @ W + b)
        return (h, c), np.log(e / e.sum(axis=1, keepdims=True))

    return step, (rng.standard_normal((1, H)), rng.standard_normal((1, H)))


def arranged(found):
    """(words, number) of every problem as (numbers, words), because most mistakes show in the numbers."""
    return (np.array([float(np.reshape(number, ())) for _, number in found]),
            [[int(word) for word in words] for words, _ in found])


def answers(name, second):
    """Call the learner's function for every problem."""
    def answer(module, problem):
        words, number = things(getattr(module, name)(*problem), name, "words", second)
        if isinstance(number, (list, tuple)):
            raise TypeError(f"{name} has to return the words first, and then the number: `return words, {second}`")
        return words, number
    return lambda module, problems: arranged([answer(module, problem) for problem in problems])


def every(function, **options):
    return lambda problems: arranged([function(*problem, **options) for problem in problems])


def ends(words):
    return bool(words) and words[-1] == END


def last_cut_off(function, **options):
    """Its captions without their last word."""
    def shorter(*problem):
        words, number = function(*problem, **options)
        return words[:-1], number
    return every(shorter)


# ------------------------------------------------------------------------------------------------------------- greedy

def greedy(step, state, max_length, *, forgets=False, deaf=False, goes_on=False, least=False, early=0,
           add=lambda logp: logp, add_end=True, keep_end=False, keep_start=False, total_as=lambda total, words: total):
    found, total, word = [START] * keep_start, 0.0, START
    for _ in range(max_length - early):
        after, log_p = step(state, np.array([START if deaf else word]))
        state = state if forgets else after
        word = int(log_p[0].argmin() if least else log_p[0].argmax())
        if word != END or add_end:
            total += add(log_p[0, word])
        if word == END and not goes_on:
            found += [END] * keep_end
            break
        found.append(word)
    return found, total_as(total, found)


def calls_of_greedy(module):
    """None, or what is wrong about how often step is called."""
    calls = []

    def step(state, words):
        calls.append(words)
        return table_step(state, words)

    module.greedy(step, NOTHING, 2)
    if len(calls) > 2:
        return (f"the words are right, but with max_length = 2 step was called {len(calls)} times. Each call costs as "
                "much as a word: stop after max_length calls.")
    return None


def greedy_problems(rng):
    problems = []
    while len(problems) < 6:  # three that end, then three that are cut
        step, state = model(rng)
        words, _ = greedy(step, state, 9)
        if (2 <= len(words) < 9) if len(problems) < 3 else len(words) == 9:
            problems.append((step, state, 9))
    return problems


GREEDY = Exercise(
    "21.1", "greedy", ("logp of call", "words of call"), every(greedy),
    example=(([(table_step, NOTHING, 10), (table_step, NOTHING, 2)],),
             (np.log([0.55 * 0.4 * 0.6, 0.55 * 0.4]), [[4, 6, 7], [4, 6]])),
    cases=lambda rng: (greedy_problems(rng),), call=answers("greedy", "logp"), learns=calls_of_greedy,
    mistakes={"logp of call": [
        ("the state is not handed on", "Every call of step got the initial state, so the model forgets its words. Pass "
         "on the state that step returns.", every(greedy, forgets=True)),
        ("the word is not read back", "Every call of step read START. The word that was chosen is what step reads "
         "next.", every(greedy, deaf=True)),
        ("it goes on after END", "It went on after END until max_length. END is the end: add its log p and leave the "
         "loop.", every(greedy, goes_on=True)),
        ("the log p of END is missing", "logp lacks log p of END. Ending is a choice like any word; otherwise captions "
         "that end unexpectedly look too good.", every(greedy, add_end=False)),
        ("the least probable word", "It is the smallest log p. They are negative, and the most probable is nearest to "
         "0: argmax.", every(greedy, least=True)),
        ("probabilities are added", "logp is a sum of probabilities. The probability of a caption is a product, so its "
         "logarithm is the sum of log p.", every(greedy, add=np.exp)),
        ("the probability", "logp is the probability, e to the sum. The sum of log p itself is asked for.",
         every(greedy, total_as=lambda total, words: np.exp(total))),
        ("a mean in place of the sum", "logp is the sum divided by a number of words. The plain sum is asked for; "
         "lengths come in with best_caption.", (every(greedy, total_as=lambda total, words: total / len(words)),
                                                every(greedy, total_as=lambda total, words: total / (len(words) + 1)))),
        ("one word too few", "It stops one call of step before max_length. `for _ in range(max_length)` makes "
         "max_length calls.", every(greedy, early=1)),
        ("one call too many", "step is called max_length + 1 times. `for _ in range(max_length)` makes max_length "
         "calls.", every(greedy, early=-1)),
    ], "words of call": [
        ("END is among the words", "The words still hold END, which is not a word of the caption: leave the loop "
         "before it is appended.", every(greedy, keep_end=True)),
        ("the last word is cut off", "The last word is missing, also where it is not END: a caption that was cut ends "
         "with a word.", (last_cut_off(greedy), last_cut_off(greedy, keep_end=True))),
        ("START is among the words", "The words begin with START, which the model reads first and never predicts.",
         every(greedy, keep_start=True)),
    ]})


# ------------------------------------------------------------------------------------------------- best_continuations

def best_continuations(sums, log_p, k, order=lambda ways, k: np.argsort(-ways)[:k], divide=np.divmod):
    ways = (sums[:, None] + log_p).ravel()
    best = order(ways, k)
    return ways[best], *divide(best, log_p.shape[1])


ORDERS = (lambda ways, k: np.argsort(ways)[-k:], lambda ways, k: np.sort(np.argsort(-ways)[:k]),
          lambda ways, k: np.argpartition(-ways, k - 1)[:k], lambda ways, k: np.argpartition(-ways, k)[:k],
          lambda ways, k: np.argpartition(ways, -k)[-k:])


BEST_CONTINUATIONS = Exercise(
    "21.2", "best_continuations", ("sums", "parents", "words"), best_continuations,
    example=((np.array([-1.0, -2.0]), np.array([[-3, -2.5, -1], [-4, -0.5, -1.5]]), 2),
             (np.array([-2.0, -2.5]), np.array([0, 1]), np.array([2, 1]))),
    cases=lambda rng: (-4 * rng.random(6), -4 * rng.random((6, 100)), 350),  # np.argpartition sorts fewer than 256
    learns=whole_numbers("best_continuations", (np.zeros(2), -np.ones((2, 3)), 2), (None, "parents", "words")),
    mistakes={"sums": [
        ("the sums of the beginnings are forgotten", "These are the largest log p alone. Compare sums[b] + log_p[b, "
         "w], or every step forgets those before it.", lambda log_p, k: -np.sort(-log_p.ravel())[:k]),
        ("multiplied instead of added", "The sums are multiplied by log p. Probabilities are multiplied; their "
         "logarithms are added.", lambda sums, log_p, k: -np.sort(-(sums[:, None] * log_p).ravel())[:k]),
        ("the worst are taken", "These are the k least probable continuations. argsort puts the smallest first: sort "
         "by the negative sums.", lambda sums, log_p, k: np.sort((sums[:, None] + log_p).ravel())[:k]),
        ("one way for each beginning", "This is the best word after each hypothesis, one for each. All B · V "
         "continuations compete with each other: a good hypothesis may keep several of them, a poor one none.",
         (lambda sums, log_p: sums + log_p.max(axis=1), lambda sums, log_p: -np.sort(-(sums + log_p.max(axis=1))))),
        ("a share for each beginning", "k // B continuations of each hypothesis were taken. All B · V compete with "
         "each other: a good hypothesis may keep many of them, a poor one none.",
         lambda sums, log_p, k: -np.sort(np.sort(-(sums[:, None] + log_p), axis=1)[:, :k // len(sums)].ravel())),
        ("the best of each beginning apart", "It sorted each row by itself. All B · V continuations compete with each "
         "other: flatten them (ravel), then sort.",
         lambda sums, log_p, k: -np.sort(-(sums[:, None] + log_p), axis=1)[:, :k]),
        ("log p of the word alone", "The continuations are right, but sums are log p of their words alone. The sum of "
         "the hypothesis belongs to it: sums[b] + log_p[b, w].",
         lambda sums, log_p, k: log_p.ravel()[np.argsort(-(sums[:, None] + log_p).ravel())[:k]]),
        ("not in order", "These are the k best, but not the best first: sort them by their sum, the largest in front.",
         [partial(best_continuations, order=order) for order in ORDERS]),
    ], "parents": [
        ("parents and words changed places", "parents and words are swapped. In the flat array each hypothesis has V "
         "continuations: position // V is the parent, % V the word.",
         partial(best_continuations, divide=lambda best, V: np.divmod(best, V)[::-1])),
        ("divided by the number of beginnings", "The position in the flat array was divided by B. Each hypothesis has "
         "V entries in it: position // V.",
         lambda sums, log_p, k: best_continuations(sums, log_p, k, divide=lambda best, V: np.divmod(best, len(sums)))),
        ("flattened by columns", "The table was flattened column by column, so the first B entries belong to word 0. "
         "ravel() goes row by row, and then position // V is the hypothesis.",
         lambda sums, log_p, k: best_continuations(
             sums, log_p, k, order=lambda ways, k: np.argsort(-ways.reshape(log_p.shape).T.ravel())[:k])),
        ("parents are positions", "parents are positions in the flat array of all B · V continuations. position // V "
         "is the hypothesis.", partial(best_continuations, divide=lambda best, V: (best, best))),
    ], "words": [
        ("words are positions", "words are positions in the flat array of all B · V continuations. position % V is "
         "the word.",
         partial(best_continuations, divide=lambda best, V: (best, best))),
    ]})


# ------------------------------------------------------------------------------------------------------- best_caption

def best_caption(finished, alpha, *, score=lambda logp, words, alpha: logp / len(words)**alpha, key=None,
                 best=max, keep_end=False):
    words, logp = best(finished, key=lambda caption: (key or score)(caption[1], caption[0], alpha))
    return [word for word in words if word != END or keep_end], score(logp, words, alpha)


def best_from(begin):
    """The search for the largest score, begun with this number."""
    def wrong(finished, alpha):
        best, score = [], begin
        for words, logp in finished:
            if logp / len(words)**alpha > score:
                best, score = words, logp / len(words)**alpha
        return [word for word in best if word != END], score
    return every(wrong)


def scored(score):
    return every(best_caption, score=score)


def finished_problems(rng):
    """Long captions of small sums, short ones of larger sums, some of them cut."""
    problems = []
    for _ in range(6):
        lengths = rng.permutation(np.arange(2, 9))
        captions = [(rng.integers(4, 30, length).tolist() + [END] * int(rng.integers(2)), -length * (1 + rng.random()))
                    for length in lengths.tolist()]
        problems.append((captions, float(rng.uniform(0.4, 1.3))))
    return problems


TWO = [([5, 9, 2], -1.5017), ([5, 9, 12, 2], -1.7024)]

BEST_CAPTION = Exercise(
    "21.3", "best_caption", ("score of call", "words of call"), every(best_caption),
    example=(([(TWO, 0), (TWO, 1)],), (np.array([-1.5017, -1.7024 / 4]), [[5, 9], [5, 9, 12]])),
    cases=lambda rng: (finished_problems(rng),), call=answers("best_caption", "score"),
    mistakes={"score of call": [
        ("END is not counted", "The length is that without END. Ending was a choice too, whose log p is in the sum: "
         "one more than its words.", scored(lambda logp, words, alpha: logp / (len(words) - ends(words))**alpha)),
        ("END is counted twice", "The length is one too many where a caption ended. The list still holds END: take its "
         "length.", scored(lambda logp, words, alpha: logp / (len(words) + ends(words))**alpha)),
        ("multiplied by the length", "The sum is multiplied by length^alpha. Log probabilities are negative, so long "
         "captions get still worse: divide.", scored(lambda logp, words, alpha: logp * len(words)**alpha)),
        ("alpha is not used", known.not_used("alpha", "The score is the plain sum, as with alpha = 0"),
         scored(lambda logp, words, alpha: logp)),
        ("the sum in place of the score", "The caption is right, but what is returned with it is its sum. The score "
         "is logp / length^alpha.",
         every(best_caption, key=lambda logp, words, alpha: logp / len(words)**alpha,
               score=lambda logp, words, alpha: logp)),
        ("the formula of Wu et al.", "The sum is divided by ((5 + length) / 6)^alpha, as in Wu et al. Here it is "
         "length^alpha.", scored(lambda logp, words, alpha: logp / ((5 + len(words)) / 6)**alpha)),
        ("alpha as a factor", "The sum is divided by alpha · length. It is length to the power of alpha, **.",
         scored(lambda logp, words, alpha: logp / (alpha * len(words) or 1))),
        ("no caption is good enough", "The search for the largest score begins with a number that is larger than the "
         "scores, which are all negative. Begin with -inf, or with the first caption.", (best_from(0), best_from(-1))),
        ("cut captions are left out", "Captions without END were left out. They were cut, and count as they are.",
         lambda problems: arranged([best_caption([one for one in finished if ends(one[0])], alpha)
                                    for finished, alpha in problems])),
        ("always the mean", "The sum is divided by the length, as with alpha = 1. Divide by length to the power of "
         "alpha.", scored(lambda logp, words, alpha: logp / len(words))),
        ("the worst caption", "This is the caption with the lowest score. All scores are negative, and the best one is "
         "nearest to 0: max.", every(best_caption, best=min)),
        ("chosen by the plain sum", "The score is that of its caption, but the caption is the one with the largest "
         "sum. Compare the scores.", every(best_caption, key=lambda logp, words, alpha: logp)),
    ], "words of call": [
        ("END is among the words", "The score is right, and the words still hold END: leave it out.",
         every(best_caption, keep_end=True)),
        ("the last word is cut off", "The last word of a caption that was cut is missing: words[:-1] takes it for END. "
         "Leave out END alone.", (last_cut_off(best_caption, keep_end=True), last_cut_off(best_caption))),
    ]})


# -------------------------------------------------------------------------------------------------------- beam_search

def beam_search(step, state, B, max_length, alpha, *, first_end=False, cut=True, shrinks=False, goes_on=False,
                shifted=False, start_counts=False, use_alpha=True, shared=None, so_far=lambda sums, t: sums,
                cut_start=None):
    """As the docstring says, or with one of these mistakes. The beginnings are as many rows as there are."""
    captions, sums, finished, fed = [[START]], np.zeros(1), [], [START]
    since = 0 if start_counts else 1
    for t in range(max_length):
        state, log_p = step(state, np.array(fed))
        sums, parents, words = best_continuations(so_far(sums, t), log_p, B - shrinks * len(finished))
        if shared:  # two children of one parent hold the same list, and its last word is that of the second
            captions = [captions[parent] for parent in parents]
            for caption, word in zip(captions, words, strict=True):
                caption.append(int(word))
        else:
            captions = [[*captions[p], int(word)] for p, word in zip(parents, words, strict=True)]
        last = np.array([caption[-1] for caption in captions])
        ended, stopped, read = (last if from_caption else words for from_caption in shared or (False,) * 3)
        finished += [(captions[i][since:], sums[i]) for i in np.nonzero(ended == END)[0]]
        if first_end and finished:
            break
        onward = np.arange(len(words)) if goes_on else np.nonzero(stopped != END)[0]
        captions, sums, fed = [captions[i] for i in onward], sums[onward], read[onward]
        state = tuple(array[parents[:len(onward)] if shifted else parents[onward]] for array in state)
        if not captions or (shrinks and len(finished) >= B):
            break
    if cut and (cut == "always" or not (first_end and finished)):
        since = since if cut_start is None else cut_start
        finished += [(caption[since:], total) for caption, total in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha if use_alpha else 0) if finished else ([], -np.inf)


def beam_search_in_B_rows(step, state, B, max_length, alpha, *, others=-np.inf, move_state=2, move_words=True):
    """The same with always B rows: of those that have ended, or have not begun, the sum is -inf.

    ``move_state``: as many arrays of the state move with their words.
    """
    captions, sums, finished = [[] for _ in range(B)], np.full(B, others), []
    sums[0] = 0.0
    words, state = np.full(B, START), tuple(np.repeat(array, B, axis=0) for array in state)
    for _ in range(max_length):
        state, log_p = step(state, words)
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [[*captions[p if move_words else row], int(word)]
                    for row, (p, word) in enumerate(zip(parents, words, strict=True))]
        state = tuple(array[parents] if i < move_state else array for i, array in enumerate(state))
        finished += [(captions[i], sums[i]) for i in np.nonzero((words == END) & np.isfinite(sums))[0]]
        sums = np.where(words == END, -np.inf, sums)
        if not np.isfinite(sums).any():
            break
    finished += [(caption, total) for caption, total in zip(captions, sums, strict=True) if np.isfinite(total)]
    return best_caption(finished, alpha)


def beam_problems(rng):
    """Searches that come out another way if one of the rules is left out, and in which something ends.

    One of them asks for more hypotheses than there are words, so the first turn has fewer continuations than B.
    """
    problems = [(*model(rng), 11, 4, 1.0)]
    for rule in ({"first_end": True}, {"shrinks": True}, {"goes_on": True}, {"cut": False}, {"shifted": True}):
        while True:
            problem = (*model(rng), 3, int(rng.integers(4, 10)), float(rng.uniform(0.5, 1.2)))
            something_ends = np.isfinite(beam_search(*problem, cut=False)[1])
            if something_ends and beam_search(*problem)[0] != beam_search(*problem, **rule)[0]:
                problems.append(problem)
                break
    return problems


def nothing_ends(module):
    """None, or what is wrong when every caption is cut."""
    def step(state, words):
        return state, np.log(np.tile([1e-9, 1e-9, 1e-9, 1e-9, 0.6, 0.4], (len(words), 1)))

    try:
        words, _ = module.beam_search(step, (np.zeros((1, 1)),), 2, 3, 1.0)
    except Exception as error:
        return (f"when no caption has ended after max_length turns, it stops with {type(error).__name__}: {error}. "
                "What is cut counts as finished, as it is.")
    if [int(word) for word in words] != [4, 4, 4]:
        return (f"when no caption has ended after max_length = 3 steps, it gives {words!r}. What is cut counts as "
                "finished, as it is: right is [4, 4, 4].")
    return None


BEAM_SEARCH = Exercise(
    "21.4", "beam_search", ("score of call", "words of call"), every(beam_search),
    example=(([(table_step, NOTHING, 1, 10, 0), (table_step, NOTHING, 2, 10, 0), (table_step, NOTHING, 2, 10, 1)],),
             (np.array([np.log(0.132), np.log(0.45 * 0.9 * 0.55), np.log(0.45 * 0.9 * 0.45) / 4]),
              [[4, 6, 7], [5, 9], [5, 9, 12]])),
    cases=lambda rng: (beam_problems(rng),), call=answers("beam_search", "score"), learns=nothing_ends,
    needs=("best_continuations", "best_caption"),
    mistakes={"score of call": [
        ("the states are not their parents'", "The words move between the rows and the states do not. Take "
         "state[parents], for every array in it.", every(beam_search_in_B_rows, move_state=0)),
        ("only the first array of the state moves", "Only state[0] is that of the parents. The state is a tuple of "
         "arrays, h and c of an LSTM: array[parents] for each of them.", every(beam_search_in_B_rows, move_state=1)),
        ("the states of the wrong rows go on", "When a caption ends, the states of the others get into other rows. "
         "Take the parents of the rows that continue, parents[onward], and not the first ones.",
         every(beam_search, shifted=True)),
        ("all rows begin alike", "All B rows begin with sum 0, so they all find the same word: greedy search at B "
         "times the cost. Begin with one row (or give the others the sum -inf).",
         every(beam_search_in_B_rows, others=0.0)),
        ("it goes on after END", "Captions that had ended went on. Nothing follows END: set them aside, and continue "
         "the others.", every(beam_search, goes_on=True)),
        ("one turn too many", "It makes max_length + 1 steps. `for _ in range(max_length)` makes max_length.",
         lambda problems: arranged([beam_search(step, state, B, max_length + 1, alpha)
                                    for step, state, B, max_length, alpha in problems])),
        ("the first to end wins", "It stops as soon as a caption ends. Others may still get a higher score: keep the "
         "one that ended and go on.", (every(beam_search, first_end=True),
                                       every(beam_search, first_end=True, cut="always"))),
        ("the sums are not handed on", "Every step compared log p of the new words alone. The sums of the hypotheses "
         "that continue go into best_continuations.", every(beam_search, so_far=lambda sums, t: 0 * sums)),
        ("alpha within the beam", "The sums were divided by a length in every step. Within the beam all have the same "
         "length: alpha is for best_caption alone.",
         lambda problems: arranged([beam_search(*problem, so_far=lambda sums, t, alpha=problem[-1]: sums
                                                / max(1, t)**alpha) for problem in problems])),
        ("the beam shrinks", "Every caption that ended reduced the beam. (Some programs do that.) Here it is B "
         "continuations in every step.", every(beam_search, shrinks=True)),
        ("cut captions are forgotten", "Captions not ended after max_length steps are missing among the finished "
         "ones. They count, as they are.", every(beam_search, cut=False)),
        ("START counts as a word", "The lists given to best_caption still begin with START, so every length is one "
         "too many. START is not one of them.", (every(beam_search, start_counts=True),
                                                 every(beam_search, start_counts=True, cut_start=1))),
        ("alpha is not used",
         known.not_used("alpha", "The finished captions were compared by their plain sums: pass alpha to best_caption"),
         every(beam_search, use_alpha=False)),
        ("two beginnings share one list", "The words of two captions are in one list. When two continuations have the "
         "same parent, `captions[parent].append(word)` writes into the same list twice: `captions[parent] + [word]`.",
         [every(beam_search, shared=shared) for shared in itertools.product((False, True), repeat=3)]),
    ], "words of call": [
        ("the words are not their parents'", "The scores are right, and the words are those of other captions. Append "
         "a new word to the words of its parent.", every(beam_search_in_B_rows, move_words=False)),
    ]})

EXERCISES = (GREEDY, BEST_CONTINUATIONS, BEST_CAPTION, BEAM_SEARCH)
