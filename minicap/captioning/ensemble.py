"""Several captioners that write one caption together: the mean of their probabilities decides every word.

    log p = log (1/K Σ_k p_k)

They may be of different kinds and read features of different layers; what they have to share is the vocabulary.
"""

from dataclasses import dataclass

from ..backend import array_module
from ..errors import UserError
from .captioner import Captioner


class Ensemble(Captioner):
    """A captioner like one. Its model inputs are tuples: what each of the ``captioners`` reads of the pictures."""

    def __init__(self, captioners):
        self.captioners = captioners
        self.vocabulary = captioners[0].vocabulary
        if any(c.vocabulary.digest != self.vocabulary.digest for c in captioners):
            raise UserError("the checkpoints were trained with different vocabularies, so their words cannot be "
                            "averaged; train them on the same captions with the same --min-count")
        if len({c.settings.side for c in captioners}) > 1 or len({c.source is None for c in captioners}) > 1:
            raise UserError("the checkpoints read different kinds of pictures; an ensemble needs either photographs or "
                            "small pictures of one size")

    @classmethod
    def load(cls, folders, *, weights=None, device="auto"):
        """The captioner of the one folder, or the ensemble of several."""
        captioners = [Captioner.load(folder, weights=weights, device=device) for folder in folders]
        return captioners[0] if len(captioners) == 1 else cls(captioners)

    def inputs_of(self, pictures):
        """What every captioner reads of the pictures; VGG runs once for those that read the same layer."""
        inputs = []
        for captioner in self.captioners:
            same = [i for i, other in enumerate(self.captioners[:len(inputs)]) if other.source == captioner.source]
            inputs.append(inputs[same[0]] if same else captioner.inputs_of(pictures))
        return tuple(inputs)

    def overview(self, inputs):
        return self.captioners[0].overview(inputs[0])

    def check_attention(self):
        raise UserError("each checkpoint of an ensemble looks elsewhere; --attention takes one")

    def start(self, inputs):
        """(row numbers, then the state of each captioner)"""
        states = [Part(captioner.start(x)) for captioner, x in zip(self.captioners, inputs, strict=True)]
        first = states[0].arrays[0]
        return (array_module(first).arange(len(first)), *states)

    def step(self, state, words):
        rows, *states = state
        steps = [c.step(part.arrays, words) for c, part in zip(self.captioners, states, strict=True)]
        return (rows, *(Part(following) for following, _ in steps)), mean_probability([log_p for _, log_p in steps])


@dataclass(frozen=True)
class Part:
    """The state of one captioner, of which a search picks rows as it does of an array."""

    arrays: tuple

    def __getitem__(self, rows):
        return Part(tuple(a[rows] for a in self.arrays))


def mean_probability(log_p):
    """log of the mean of the probabilities: a list of (N, V) -> (N, V). Without the maximum, so nothing underflows."""
    xp = array_module(*log_p)
    log_p = xp.stack(log_p)
    largest = log_p.max(axis=0)
    return largest + xp.log(xp.exp(log_p - largest).mean(axis=0))


class EnsembleInputs:
    """The model inputs of a split for an ensemble, by row number: a tuple with the rows of each."""

    def __init__(self, inputs):
        self.inputs, self.names = inputs, inputs[0].names
        if any(i.names != self.names for i in inputs):
            raise UserError("the feature files of the checkpoints lack different pictures; extract them again")

    def __call__(self, rows):
        return tuple(inputs(rows) for inputs in self.inputs)
