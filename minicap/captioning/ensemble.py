"""Several captioners that generate one caption together, by the mean of their probabilities for every word.

    log p = log (1/K Σ_k p_k)

They may be of different kinds and read features of different layers, but need the same vocabulary.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from ..backend import Array, array_module
from ..errors import UserError
from ..paths import StrPath
from .captioner import BaseCaptioner, Captioner, Picture
from .decoding.beam_search import Hypothesis, rescore
from .models.state import DecoderState


class Ensemble(BaseCaptioner):
    """Its model inputs are tuples of the inputs of each of its ``members``; it decodes as the first."""

    has_attention = False  # each member has a different one

    def __init__(self, members: Sequence[BaseCaptioner]):
        self.members = tuple(members)
        self.vocabulary, self.decoding = members[0].vocabulary, members[0].decoding
        self.input_size = max((c.input_size for c in members if c.input_size), default=None)
        if any(c.vocabulary.digest != self.vocabulary.digest for c in members):
            raise UserError("the checkpoints were trained with different vocabularies, so their words cannot be "
                            "averaged; train them on the same captions with the same min_count=")
        if len({c.source is None for c in members}) > 1 or len({c.settings.side for c in members}) > 1:
            raise UserError("the checkpoints read different kinds of pictures; an ensemble needs either photographs or "
                            "small pictures of one size")

    @classmethod
    def load(cls, folders: Iterable[StrPath], *, weights: StrPath | None = None, preprocessing: str | None = None,
             device: str = "auto") -> Self | Captioner:
        """The captioner in a single folder, or an ensemble of those in several."""
        captioners = [Captioner.load(folder, weights=weights, preprocessing=preprocessing, device=device)
                      for folder in folders]
        return captioners[0] if len(captioners) == 1 else cls(captioners)

    def read(self, image: Picture) -> np.ndarray:
        for captioner in self.members:
            captioner.expect_network()
        return super().read(image)

    def inputs_of(self, pictures: Sequence[np.ndarray]) -> tuple[Any, ...]:
        """The inputs of every captioner; VGG runs once for all that read the same layer."""
        inputs = []
        for captioner in self.members:
            same = [i for i, other in enumerate(self.members[:len(inputs)]) if other.source == captioner.source]
            inputs.append(inputs[same[0]] if same else captioner.inputs_of(pictures))
        return tuple(inputs)

    def candidates(self, inputs: tuple[Any, ...], **options: Any) -> list[list[Hypothesis]]:
        """Those of its own beam, and what the beams of its members add to them, with the probability that it gives."""
        found, scoring = super().candidates(inputs, **options), {"max_length", "length_penalty"} & options.keys()
        for captioner, x in zip(self.members, inputs, strict=True):
            more = [[h.words for h in of_member if h.words not in {known.words for known in of_image}]
                    for of_member, of_image in zip(captioner.candidates(x, **options), found, strict=True)]
            rescored = rescore(self.step, self.start(inputs), more, **{name: options[name] for name in scoring})
            found = [of_image + of_member for of_image, of_member in zip(found, rescored, strict=True)]
        return found

    def descriptors(self, inputs: tuple[Any, ...]) -> np.ndarray:
        """Those of all members side by side; of members that read the same features, and of mirror images, once."""
        seen, found = [], []
        for captioner, x in zip(self.members, inputs, strict=True):
            if captioner.source not in seen and not isinstance(captioner, Mirror):
                seen.append(captioner.source)
                found.append(captioner.descriptors(x))
        return np.hstack(found)

    def start(self, inputs: tuple[Any, ...]) -> DecoderState:
        return joined([captioner.start(x) for captioner, x in zip(self.members, inputs, strict=True)])

    def step(self, state: DecoderState, words: Array) -> tuple[DecoderState, Array]:
        steps = [captioner.step(part, words) for captioner, part in zip(self.members, parts(state), strict=True)]
        return joined([part for part, _ in steps]), mean_probability([log_p for _, log_p in steps])


class Mirror(BaseCaptioner):
    """A captioner that sees the mirror image of every picture; see :func:`with_mirror`."""

    has_attention = False  # its maps would have to be turned back

    def __init__(self, captioner):
        if captioner.source is None:
            raise UserError("only photographs can be averaged with their mirror images: in that of a drawn scene left "
                            "is right, and its captions say so")
        self.captioner, self.source, self.members = captioner, captioner.source.as_mirrored(), (self,)
        self.vocabulary, self.settings, self.input_size = captioner.vocabulary, captioner.settings, captioner.input_size
        self.start, self.step, self.expect_network = captioner.start, captioner.step, captioner.expect_network

    def inputs_of(self, pictures):
        return self.captioner.inputs_of([picture[:, ::-1] for picture in pictures])


def with_mirror(captioner: BaseCaptioner) -> Ensemble:
    """The ensemble of a captioner (or of the members of an ensemble) and of the same one that sees mirror images.

    What a picture shows stays the same when it is turned over, and what a network sees nearly so: two readings of one
    picture, for twice the time. How little that gains is in results/flickr8k/README.md.
    """
    return Ensemble([*captioner.members, *map(Mirror, captioner.members)])


def joined(states):
    """One state with the rows of all; ``shared`` records how many belong to each."""
    return DecoderState(tuple(array for state in states for array in state.rows),
                        tuple((len(state.rows), state.shared) for state in states))


def parts(state):
    """The states that :func:`joined` has put together."""
    begin = 0
    for count, shared in state.shared:
        yield DecoderState(state.rows[begin:begin + count], shared)
        begin += count


def mean_probability(log_p):
    """log of the mean of the probabilities: a list of (N, V) -> (N, V). The maximum is subtracted against underflow."""
    xp = array_module(*log_p)
    log_p = xp.stack(log_p)
    largest = log_p.max(axis=0)
    return largest + xp.log(xp.exp(log_p - largest).mean(axis=0))


class EnsembleInputs:
    """The model inputs of a split for an ensemble, by row number: a tuple with the rows of each member."""

    def __init__(self, inputs):
        self.inputs, self.names = inputs, inputs[0].names
        if any(i.names != self.names for i in inputs):
            raise UserError("the feature files lack different pictures; extract them again")

    def __call__(self, rows):
        return tuple(inputs(rows) for inputs in self.inputs)
