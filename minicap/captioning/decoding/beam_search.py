"""From a model of the next word to a caption: beam search, of which greedy is the case of one beam, and sampling.

Pure functions over ``step(state, words) -> (state, log_p)``; a state is a :class:`.DecoderState`. All images, and all
beams of an image, are rows of one batch: N · B at once.
"""

from dataclasses import dataclass

import numpy as np

from ...backend import array_module, op, to_numpy
from ...errors import UserError
from ..text.vocabulary import END, PAD, START, UNK


@dataclass(frozen=True)
class Hypothesis:
    """A caption: word indices without <start> and <end>, and Σ log p of its words and of <end>, unless truncated."""

    words: tuple
    logp: float
    score: float


def decode(step, state, *, beam=3, max_length=30, length_penalty=0.7, no_repeat_ngram_size=0, temperature=None,
           rng=None):
    """Beam search, or with a ``temperature`` one caption per row, sampled with ``rng``: lists of hypotheses."""
    if temperature is None:
        return beam_search(step, state, beam=beam, max_length=max_length, length_penalty=length_penalty,
                           no_repeat_ngram_size=no_repeat_ngram_size)
    return sample(step, state, temperature=temperature, rng=rng, max_length=max_length)


def beam_search(step, state, *, beam=3, max_length=30, length_penalty=0.7, no_repeat_ngram_size=0,
                forbid=(PAD, START, UNK)):
    """For each row of ``state`` a list of up to ``beam`` hypotheses, best first.

    At every step the ``beam`` most probable continuations of an image's captions are considered. Those that end are
    finished; the ``beam`` best that do not end are continued. After ``max_length`` words a caption is truncated.
    Finished captions compete by

        score = Σ log p / length^length_penalty        (length counts <end>)

    because the plain sum favours short captions: every further word lowers it (Wu et al. 2016, section 7, with their
    α and a simpler base). An image is done once no unfinished caption can overtake its worst finished one. Words in
    ``forbid`` are never chosen, nor is a word that would repeat an n-gram of ``no_repeat_ngram_size`` words (Paulus et
    al. 2018, section 2.5; 0 allows it). With one beam this is greedy search: the first caption to end is the only one.
    """
    check_options(beam, max_length, length_penalty, no_repeat_ngram_size=no_repeat_ngram_size)
    N, B = len(state), beam
    if B == 1:
        length_penalty = 0.0  # there is no competition: greedy search stops at the first <end>
    xp = array_module(state.rows[0])
    state, log_p = step(state, xp.full(N, START))
    beams = _Beams(N, B)
    rows = np.arange(N).repeat(B)  # there is one caption per image at first, from which all beams grow
    sums = np.full((N, B), -np.inf)
    sums[:, 0] = 0
    log_p = to_numpy(log_p)[rows]
    state = state.select(xp.asarray(rows))
    for length in range(1, max_length + 1):
        log_p = without_repeats(log_p, beams.words.reshape(N * B, -1), no_repeat_ngram_size)
        sums, parents, words = _best_continuations(sums, log_p, 2 * B, forbid)  # at most B of them end, so B continue
        ends = words == END
        finished = np.ones_like(ends) if length == max_length else ends
        beams.finish(sums[:, :B], parents[:, :B], words[:, :B], finished[:, :B], length, length_penalty)
        if length == max_length:
            break
        onward = np.argsort(ends, axis=1, kind="stable")[:, :B]
        sums, parents, words = (np.take_along_axis(a, onward, axis=1) for a in (sums, parents, words))
        beams.extend(parents, words)
        if beams.settled(sums, max_length, length_penalty):
            break
        rows = (np.arange(N)[:, None] * B + parents).ravel()
        state, log_p = step(state.select(xp.asarray(rows)), xp.asarray(words.ravel()))
        log_p = to_numpy(log_p)
    return beams.finished


def check_options(beam, max_length, length_penalty, temperature=None, *, no_repeat_ngram_size=0):
    """UserError for invalid options."""
    if temperature is not None and not 0 <= temperature < np.inf:
        raise UserError(f"temperature= has to be a number from 0 on, got {temperature:g}")
    if no_repeat_ngram_size < 0:
        raise UserError(f"no_repeat_ngram_size= has to be at least 0, got {no_repeat_ngram_size}")
    if beam < 1 or max_length < 1 or not length_penalty >= 0:
        raise UserError("beam= and max_length= have to be at least 1, length_penalty= at least 0; "
                        f"got {beam}, {max_length} and {length_penalty:g}")


def rescore(step, state, captions, *, max_length=30, length_penalty=0.7):
    """What another model, that of ``step``, makes of given captions: lists of hypotheses, in the same order.

    ``captions`` has for each row of ``state`` a list of tuples of words. As in :func:`beam_search`, those of
    ``max_length`` words were truncated, and all others end with <end>.
    """
    xp, rows = array_module(state.rows[0]), [words for of_image in captions for words in of_image]
    image_of = np.arange(len(captions)).repeat([len(of_image) for of_image in captions])
    targets = np.full((len(rows), max_length), PAD)
    for row, words in zip(targets, rows, strict=True):
        row[:len(words) + 1] = (*words, END)[:max_length]
    lengths = (targets != PAD).sum(axis=1)
    state, words, sums = state.select(xp.asarray(image_of)), np.full(len(rows), START), np.zeros(len(rows))
    for t in range(lengths.max(initial=0)):
        state, log_p = step(state, xp.asarray(words))
        words = targets[:, t]
        unfinished = t < lengths
        sums[unfinished] += to_numpy(log_p)[unfinished, words[unfinished]]
    found = [[] for _ in captions]
    for n, words, logp, score in zip(image_of, rows, sums.tolist(), (sums / lengths**length_penalty).tolist(),
                                     strict=True):
        found[n].append(Hypothesis(words, logp, score))
    return found


def greedy(step, state, *, max_length=30):
    """The most probable word at every step; a list of one hypothesis for each row of ``state``."""
    return beam_search(step, state, beam=1, max_length=max_length)


def sample(step, state, *, temperature=1.0, rng, max_length=30, forbid=(PAD, START, UNK)):
    """Sample every word from p^(1/temperature), normalised; a list of one hypothesis for each row of ``state``.

    Temperature 1 samples from the model's own probabilities, a lower one favours probable words, 0 is greedy. By the
    Gumbel-max trick (Gumbel 1954), argmax(log p / temperature + G) with standard Gumbel noise G is such a sample; here
    it is multiplied by the temperature, so that 0 is no special case. G is -log of exponential noise, which NumPy
    generates several times faster. ``rng`` is a NumPy Generator.
    """
    check_options(1, max_length, 0.0, temperature)
    xp, N = array_module(state.rows[0]), len(state)
    captions, sums = [[] for _ in range(N)], np.zeros(N)
    unfinished, words = np.arange(N), np.full(N, START)
    for _ in range(max_length):
        state, log_p = step(state, xp.asarray(words))
        log_p = to_numpy(log_p).astype(np.float64)
        log_p[:, list(forbid)] = -np.inf
        words = np.argmax(log_p - temperature * np.log(rng.standard_exponential(log_p.shape)), axis=1)
        sums[unfinished] += log_p[np.arange(len(words)), words]
        onward = np.nonzero(words != END)[0]
        unfinished, words = unfinished[onward], words[onward]
        for n, word in zip(unfinished, words.tolist(), strict=True):
            captions[n].append(word)
        if not len(unfinished):
            break
        state = state.select(xp.asarray(onward))
    return [[Hypothesis(tuple(words), float(logp), float(logp))] for words, logp in zip(captions, sums, strict=True)]


def sample_many(step, state, count, *, rng, max_length=30, rows=1000, forbid=(PAD, START, UNK)):
    """``count`` captions of each row of ``state``, sampled from the model's own probabilities: lists of hypotheses.

    Samples that begin with the same words are one row of the state, so that the model reads those words once. If n
    samples have come to a row, their next words are those at n evenly spaced places of its cumulative distribution,
    (i + u) / n with one u for all: a word of probability p is taken n·p times, rounded up or down at random. Each
    caption by itself is still a sample from p, but together they cover it more evenly than independent ones, and their
    means vary less (systematic sampling, Madow and Madow 1944; of sequences: Vilnis et al. 2023, "Arithmetic
    sampling"). About ``rows`` captions are sampled at once.
    """
    xp, found = array_module(state.rows[0]), []
    at_once = max(1, rows // count)
    for begin in range(0, len(state), at_once):
        images = np.arange(begin, min(begin + at_once, len(state)))
        found += _sample_tree(step, state.select(xp.asarray(images)), count, rng, max_length, forbid)
    return found


def _sample_tree(step, state, count, rng, max_length, forbid):
    """The same, for all rows of ``state`` at once: word by word, a tree of beginnings for each of them grows."""
    xp, found = array_module(state.rows[0]), [[] for _ in range(len(state))]
    beginnings = [(image, (), 0.0) for image in range(len(state))]  # (its image, words, Σ log p): one for each row
    counts, words = np.full(len(state), count), np.full(len(state), START)
    for length in range(1, max_length + 1):
        state, log_p = step(state, xp.asarray(words))
        log_p = to_numpy(log_p).copy()
        log_p[:, list(forbid)] = -np.inf
        parents, words, counts = _sampled_words(np.exp(log_p), counts, rng)
        ends, onward = (words == END) | (length == max_length), []
        for k, (parent, word, end) in enumerate(zip(parents.tolist(), words.tolist(), ends.tolist(), strict=True)):
            image, caption, logp = beginnings[parent]
            caption, logp = caption + (word,) * (word != END), logp + float(log_p[parent, word])
            if end:
                found[image] += [Hypothesis(caption, logp, logp)] * int(counts[k])
            else:
                onward.append((image, caption, logp))
        if not onward:
            break
        beginnings, counts, words = onward, counts[~ends], words[~ends]
        state = state.select(xp.asarray(parents[~ends]))
    return found


def _sampled_words(p, counts, rng):
    """``counts`` (rows,) words from each row of p (rows, V): the distinct pairs of row and word, and how many of each.

    Row r of the cumulative distributions is raised by r: one sorted array, in which all samples are looked up at once.
    """
    rows, V = p.shape
    cumulative = p.cumsum(axis=1, dtype=np.float64)
    cumulative /= cumulative[:, -1:]
    cumulative += np.arange(rows)[:, None]
    row = np.arange(rows).repeat(counts)
    i = np.arange(len(row)) - (counts.cumsum() - counts)[row]  # the number of a sample in its row
    places = np.minimum(row + (i + rng.random(rows)[row]) / counts[row], np.nextafter(row + 1.0, 0))  # below row + 1
    found, times = np.unique(np.searchsorted(cumulative.ravel(), places, side="right"), return_counts=True)
    return found // V, found % V, times


def _best_continuations(sums, log_p, k, forbid):
    """The ``k`` most probable continuations for each image: Σ log p, beam and word, all (N, k), the best first.

    sums: (N, B), log_p: (N·B, V). They are among the k best of their own beams, so only those are compared.
    """
    N, B = sums.shape
    words = most_probable(log_p, min(k, log_p.shape[1]), forbid)
    found = np.take_along_axis(log_p, words, axis=1).astype(np.float64)
    found[np.isin(words, forbid)] = -np.inf
    found = (sums.reshape(N * B, 1) + found).reshape(N, -1)
    order = np.argsort(-found, axis=1, kind="stable")[:, :k]
    k_of_beam, words = words.shape[1], words.reshape(N, -1)
    return np.take_along_axis(found, order, axis=1), order // k_of_beam, np.take_along_axis(words, order, axis=1)


def without_repeats(log_p, captions, n):
    """log_p (rows, V), with -inf for every word that would repeat an n-gram of ``captions`` (rows, t)."""
    rows, t = captions.shape
    if n < 1 or t < n:
        return log_p
    log_p, last = log_p.copy(), captions[:, t - n + 1:]
    for begin in range(t - n + 1):
        again = (captions[:, begin:begin + n - 1] == last).all(axis=1)
        log_p[again, captions[again, begin + n - 1]] = -np.inf
    return log_p


@op
def most_probable(log_p, k, forbid):
    """The indices of the ``k`` most probable words of each row, (rows, k), ascending; those in ``forbid`` rank last.

    log_p: (rows, V), a NumPy array on every device.
    """
    log_p = log_p.copy()
    log_p[:, list(forbid)] = -np.inf
    return np.sort(np.argpartition(log_p, -k, axis=1)[:, -k:], axis=1)


class _Beams:
    """The words of all unfinished captions, (N, B, t), and the finished ones of every image, best first."""

    def __init__(self, N, B):
        self.B = B
        self.words = np.zeros((N, B, 0), np.int64)
        self.finished = [[] for _ in range(N)]

    def extend(self, parents, words):
        before = np.take_along_axis(self.words, parents[:, :, None], axis=1)
        self.words = np.concatenate([before, words[:, :, None]], axis=2)

    def finish(self, sums, parents, words, finished, length, length_penalty):
        """Add the candidates, each (N, B), that are finished; the best B of each image stay."""
        scores = sums / length**length_penalty
        for n, b in zip(*np.nonzero(finished & np.isfinite(sums)), strict=True):
            best = self.finished[n]
            if len(best) == self.B and scores[n, b] <= best[-1].score:
                continue
            last = () if words[n, b] == END else (int(words[n, b]),)
            best.append(Hypothesis((*self.words[n, parents[n, b]].tolist(), *last), float(sums[n, b]),
                                   float(scores[n, b])))
            best.sort(key=lambda h: -h.score)
            del best[self.B:]

    def settled(self, sums, max_length, length_penalty):
        """Whether no unfinished caption can still win: its sum can only fall, its length is at most ``max_length``."""
        bounds = sums.max(axis=1) / max_length**length_penalty
        return all(len(best) == self.B and best[-1].score >= bound
                   for best, bound in zip(self.finished, bounds, strict=True))
