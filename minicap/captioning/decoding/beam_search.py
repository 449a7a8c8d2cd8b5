"""From a model of the next word to a caption: beam search, of which greedy is the case of one beam, and sampling.

Pure functions over ``step(state, words) -> (state, log_p)``; a state is a tuple of arrays whose first axis is the row.
All images, and all beams of an image, are rows of one batch: N · B at once.
"""

from dataclasses import dataclass

import numpy as np

from ...backend import array_module, op, to_numpy
from ...errors import UserError
from ..text.vocabulary import END, PAD, START, UNK


@dataclass(frozen=True)
class Hypothesis:
    """A caption: word indices without <start> and <end>, and Σ log p of its words and, unless it was cut, its <end>."""

    words: tuple
    logp: float
    score: float


def decode(step, state, *, beam=3, max_length=30, length_penalty=0.7, no_repeat=0, temperature=None, rng=None):
    """Beam search, or with a ``temperature`` one sampled caption a row, drawn with ``rng``: lists of hypotheses."""
    if temperature is None:
        return beam_search(step, state, beam=beam, max_length=max_length, length_penalty=length_penalty,
                           no_repeat=no_repeat)
    return sample(step, state, temperature=temperature, rng=rng, max_length=max_length)


def beam_search(step, state, *, beam=3, max_length=30, length_penalty=0.7, no_repeat=0, forbid=(PAD, START, UNK)):
    """For each row of ``state`` a list of up to ``beam`` hypotheses, best first.

    At every step each image looks at the ``beam`` most probable of all ways to go on. Those that end are finished
    captions; the ``beam`` best that do not end go on. After ``max_length`` words a caption is cut. Finished captions
    compete by

        score = Σ log p / length^length_penalty        (length counts <end>)

    since a plain sum prefers short captions: every further word only lowers it (Wu et al. 2016, section 7, with their
    α and a simpler base). An image is done once no beginning can still overtake its worst kept caption. Words in
    ``forbid`` are never chosen, nor is one that would say ``no_repeat`` words in a row a second time in a caption
    (Paulus et al. 2018, section 2.5; 0 allows it). With one beam this is greedy search: the first caption to end is the
    only one.
    """
    check_options(beam, max_length, length_penalty, no_repeat=no_repeat)
    N, B = len(state[0]), beam
    if B == 1:
        length_penalty = 0.0  # nothing competes: a greedy caption that has ended must not go on for a better mean
    xp = array_module(state[0])
    state, log_p = step(state, xp.full(N, START))
    beams = _Beams(N, B)
    rows = np.arange(N).repeat(B)  # the first step has one beginning an image: all beams grow out of it
    sums = np.full((N, B), -np.inf)
    sums[:, 0] = 0
    log_p = to_numpy(log_p)[rows]
    state = tuple(s[xp.asarray(rows)] for s in state)
    for length in range(1, max_length + 1):
        log_p = without_repeats(log_p, beams.words.reshape(N * B, -1), no_repeat)
        sums, parents, words = _best_continuations(sums, log_p, 2 * B, forbid)  # at most B of them end: B go on
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
        state, log_p = step(tuple(s[xp.asarray(rows)] for s in state), xp.asarray(words.ravel()))
        log_p = to_numpy(log_p)
    return beams.finished


def check_options(beam, max_length, length_penalty, temperature=None, *, seed=0, no_repeat=0):
    """UserError for a search that cannot be: a negative penalty would reward length without end."""
    if temperature is not None and not 0 <= temperature < np.inf:
        raise UserError(f"--temperature has to be a number from 0 on, got {temperature:g}")
    if seed < 0:
        raise UserError(f"--seed has to be at least 0, got {seed}")
    if no_repeat < 0:
        raise UserError(f"--no-repeat has to be at least 0, got {no_repeat}")
    if beam < 1 or max_length < 1 or not length_penalty >= 0:
        raise UserError("--beam and --max-length have to be at least 1, --length-penalty at least 0; "
                        f"got {beam}, {max_length} and {length_penalty:g}")


def greedy(step, state, *, max_length=30):
    """The most probable word at every step; a list of one hypothesis for each row of ``state``."""
    return beam_search(step, state, beam=1, max_length=max_length)


def sample(step, state, *, temperature=1.0, rng, max_length=30, forbid=(PAD, START, UNK)):
    """Draw every word from p^(1/temperature), normalised; a list of one hypothesis for each row of ``state``.

    Temperature 1 draws from the model's own probabilities, a lower one prefers probable words more, 0 is greedy. By the
    Gumbel-max trick (Gumbel 1954), argmax(log p / temperature + G) with standard Gumbel noise G is such a draw, and
    here it is multiplied by the temperature so that 0 needs no case of its own. G is -log of exponential noise, which
    NumPy draws several times faster. ``rng`` is a NumPy Generator.
    """
    check_options(1, max_length, 0.0, temperature)
    xp = array_module(state[0])
    said, sums = [[] for _ in range(len(state[0]))], np.zeros(len(state[0]))
    running = np.arange(len(said))
    words = np.full(len(said), START)
    for _ in range(max_length):
        state, log_p = step(state, xp.asarray(words))
        log_p = to_numpy(log_p).astype(np.float64)
        log_p[:, list(forbid)] = -np.inf
        words = np.argmax(log_p - temperature * np.log(rng.standard_exponential(log_p.shape)), axis=1)
        sums[running] += log_p[np.arange(len(words)), words]
        onward = np.nonzero(words != END)[0]
        running, words = running[onward], words[onward]
        for n, word in zip(running, words.tolist(), strict=True):
            said[n].append(word)
        if not len(running):
            break
        state = tuple(s[xp.asarray(onward)] for s in state)
    return [[Hypothesis(tuple(words), float(logp), float(logp))] for words, logp in zip(said, sums, strict=True)]


def draw(step, state, count, *, rng, max_length=30, rows=1000):
    """``count`` captions of each row of ``state``, drawn from the model's own probabilities: lists of hypotheses.

    About ``rows`` of them are drawn at once.
    """
    xp, N = array_module(state[0]), len(state[0])
    found, at_once = [[] for _ in range(N)], max(1, rows // N)
    for begun in range(0, count, at_once):
        image_of = np.arange(N).repeat(min(at_once, count - begun))
        copies = tuple(s[xp.asarray(image_of)] for s in state)
        for n, kept in zip(image_of, sample(step, copies, rng=rng, max_length=max_length), strict=True):
            found[n] += kept
    return found


def _best_continuations(sums, log_p, k, forbid):
    """The ``k`` most probable ways to go on, for each image: Σ log p, beam and word, all (N, k), the best first.

    sums: (N, B), log_p: (N·B, V). None of them is beyond the k best of its own beam, so only those are compared.
    """
    N, B = sums.shape
    words = most_probable(log_p, min(k, log_p.shape[1]), forbid)
    found = np.take_along_axis(log_p, words, axis=1).astype(np.float64)
    found[np.isin(words, forbid)] = -np.inf
    found = (sums.reshape(N * B, 1) + found).reshape(N, -1)
    order = np.argsort(-found, axis=1, kind="stable")[:, :k]
    k_of_beam, words = words.shape[1], words.reshape(N, -1)
    return np.take_along_axis(found, order, axis=1), order // k_of_beam, np.take_along_axis(words, order, axis=1)


def without_repeats(log_p, said, n):
    """log_p (rows, V), -inf for every word with which the last ``n`` of ``said`` (rows, t) would be said again."""
    rows, t = said.shape
    if n < 1 or t < n:
        return log_p
    log_p, last = log_p.copy(), said[:, t - n + 1:]
    for begin in range(t - n + 1):
        again = (said[:, begin:begin + n - 1] == last).all(axis=1)
        log_p[again, said[again, begin + n - 1]] = -np.inf
    return log_p


@op
def most_probable(log_p, k, forbid):
    """The ``k`` most probable words of each row, (rows, k), from left to right; those in ``forbid`` come last of all.

    log_p: (rows, V), a NumPy array on every device.
    """
    log_p = log_p.copy()
    log_p[:, list(forbid)] = -np.inf
    return np.sort(np.argpartition(log_p, -k, axis=1)[:, -k:], axis=1)


class _Beams:
    """The words of all unfinished beginnings, (N, B, t), and the finished captions of every image, best first."""

    def __init__(self, N, B):
        self.B = B
        self.words = np.zeros((N, B, 0), np.int64)
        self.finished = [[] for _ in range(N)]

    def extend(self, parents, words):
        begun = np.take_along_axis(self.words, parents[:, :, None], axis=1)
        self.words = np.concatenate([begun, words[:, :, None]], axis=2)

    def finish(self, sums, parents, words, finished, length, length_penalty):
        """Note which candidates, each (N, B), are captions now; keep the best B of each image."""
        scores = sums / length**length_penalty
        for n, b in zip(*np.nonzero(finished & np.isfinite(sums)), strict=True):
            kept = self.finished[n]
            if len(kept) == self.B and scores[n, b] <= kept[-1].score:
                continue
            last = () if words[n, b] == END else (int(words[n, b]),)
            kept.append(Hypothesis((*self.words[n, parents[n, b]].tolist(), *last), float(sums[n, b]),
                                   float(scores[n, b])))
            kept.sort(key=lambda h: -h.score)
            del kept[self.B:]

    def settled(self, sums, max_length, length_penalty):
        """Can no beginning overtake any more? Its sum can only fall, and its length grow to ``max_length`` at most."""
        hopes = sums.max(axis=1) / max_length**length_penalty
        return all(len(kept) == self.B and kept[-1].score >= hope
                   for kept, hope in zip(self.finished, hopes, strict=True))
