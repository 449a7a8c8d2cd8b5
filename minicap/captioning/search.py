"""From a model that predicts the next word to a caption: beam search, of which greedy is the case of one beam.

Pure functions over ``step(state, words) -> (state, log_p)``; a state is a tuple of arrays whose first axis is the row.
All images, and all beams of an image, are rows of one batch: N · B at once.
"""

from dataclasses import dataclass

import numpy as np

from ..backend import array_module, to_numpy
from .vocabulary import END, PAD, START, UNK


@dataclass(frozen=True)
class Hypothesis:
    """A finished caption: word indices without <start> and <end>, and Σ log p of its words and its <end>."""

    words: tuple
    logp: float
    score: float


def beam_search(step, state, *, beam=3, max_length=30, length_penalty=0.7, forbid=(PAD, START, UNK)):
    """For each row of ``state`` a list of up to ``beam`` hypotheses, best first.

    At every step each image keeps its ``beam`` best unfinished beginnings by Σ log p. Finished captions compete by

        score = Σ log p / length^length_penalty        (length counts <end>)

    since a plain sum prefers short captions: every further word only lowers it (Wu et al. 2016, section 7, with their
    α and a simpler base). An image is done once no beginning can still overtake its worst kept caption. Words in
    ``forbid`` are never chosen.
    """
    N, B = len(state[0]), beam
    xp = array_module(state[0])
    state, log_p = step(state, xp.full(N, START))
    beams = _Beams(N, B)
    rows = np.arange(N).repeat(B)  # the first step has one beginning an image: all beams grow out of it
    sums = np.full((N, B), -np.inf)
    sums[:, 0] = 0
    log_p = to_numpy(log_p)[rows]
    state = tuple(s[xp.asarray(rows)] for s in state)
    for length in range(1, max_length + 1):
        V = log_p.shape[1]
        candidates = sums[:, :, None] + _allowed(log_p, forbid).reshape(N, B, V)
        beams.finish(candidates[:, :, END], length, length_penalty)
        candidates[:, :, END] = -np.inf
        if length == max_length:
            beams.finish(candidates.max(axis=2), length, length_penalty, cut_with=candidates.argmax(axis=2))
            break
        best = np.argpartition(-candidates.reshape(N, B * V), B - 1, axis=1)[:, :B]
        sums = np.take_along_axis(candidates.reshape(N, B * V), best, axis=1)
        parents, words = np.divmod(best, V)
        beams.extend(parents, words)
        if beams.settled(sums, max_length, length_penalty):
            break
        rows = (np.arange(N)[:, None] * B + parents).ravel()
        state, log_p = step(tuple(s[xp.asarray(rows)] for s in state), xp.asarray(words.ravel()))
        log_p = to_numpy(log_p)
    return beams.hypotheses()


def greedy(step, state, *, max_length=30):
    """The most probable word at every step; a list of one hypothesis for each row of ``state``."""
    return beam_search(step, state, beam=1, max_length=max_length, length_penalty=0.0)


def _allowed(log_p, forbid):
    log_p = log_p.astype(np.float64)
    log_p[:, list(forbid)] = -np.inf
    return log_p


class _Beams:
    """The words of all unfinished beginnings, (N, B, t), and the finished captions of every image."""

    def __init__(self, N, B):
        self.B = B
        self.words = np.zeros((N, B, 0), np.int64)
        self.finished = [[] for _ in range(N)]

    def extend(self, parents, words):
        begun = np.take_along_axis(self.words, parents[:, :, None], axis=1)
        self.words = np.concatenate([begun, words[:, :, None]], axis=2)

    def finish(self, sums, length, length_penalty, cut_with=None):
        """Note every beginning as finished with the given Σ log p; keep the best B of each image."""
        scores = sums / length**length_penalty
        for n, b in zip(*np.nonzero(np.isfinite(sums)), strict=True):
            kept = self.finished[n]
            if len(kept) == self.B and scores[n, b] <= kept[-1].score:
                continue
            words = tuple(self.words[n, b].tolist()) + (() if cut_with is None else (int(cut_with[n, b]),))
            kept.append(Hypothesis(words, float(sums[n, b]), float(scores[n, b])))
            kept.sort(key=lambda h: -h.score)
            del kept[self.B:]

    def settled(self, sums, max_length, length_penalty):
        """Can no beginning overtake any more? Its sum can only fall, and its length grow to ``max_length`` at most."""
        hopes = sums.max(axis=1) / max_length**length_penalty
        return all(len(kept) == self.B and kept[-1].score >= hope
                   for kept, hope in zip(self.finished, hopes, strict=True))

    def hypotheses(self):
        return self.finished
