"""How captions are decoded: the options of all programs that generate captions.

A captioner may come with settings of its own, the best ones on dev (``decoding.json`` in its folder, which ``export``
writes). They hold where an option is not given, and DEFAULTS where there are none.
"""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, NotRequired, TypedDict

import numpy as np

from ...cli import option
from ...errors import UserError
from ...schema import Within
from .beam_search import check_options

DEFAULTS = {"beam": 3, "length_penalty": 0.7, "no_repeat_ngram_size": 0, "max_length": 30}


class Decoding(TypedDict):
    """``decoding.json``."""

    beam: NotRequired[Annotated[int, Within(1, 10_000)]]
    length_penalty: NotRequired[Annotated[float, Within(0, 100)]]
    no_repeat_ngram_size: NotRequired[Annotated[int, Within(0, 10_000)]]
    max_length: NotRequired[Annotated[int, Within(1, 10_000)]]


@dataclass(frozen=True, kw_only=True)
class BeamSettings:
    """The options of a beam search. What is None is left to the captioner, or to DEFAULTS."""

    beam: int | None = option(None, "width of the beam search; 1 is greedy (default: what the captioner says, or 3)",
                              metavar="N", group="decoding", least=1, below=10_000)
    length_penalty: float | None = option(None, "divide scores by length to the power of X: 0 favours short captions, "
                                          "1 long ones (default: what the captioner says, or 0.7)", metavar="X",
                                          group="decoding", least=0, below=100)
    no_repeat_ngram_size: int | None = option(None, "never use the same N words in a row twice in a caption; 0 for no "
                                              "limit (default: what the captioner says, or 0)", metavar="N",
                                              group="decoding", formerly="no_repeat", least=0)
    max_length: int | None = option(None, "longest caption, in words (default: what the captioner says, or 30)",
                                    metavar="N", group="decoding", least=1, below=10_000)

    def given(self):
        """{name: value} of those that are not None."""
        return {name: value for name in DEFAULTS if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True)
class SearchSettings(BeamSettings):
    """The options of :func:`.decode`. The constructor raises UserError for invalid ones."""

    temperature: float | None = option(None, "sample each word instead: 1 uses the model's probabilities, lower values "
                                       "favour probable words, 0 is greedy", metavar="X", group="decoding", least=0)
    mbr_samples: int = option(0, "choose the caption of the beam that agrees best with N sampled ones (minimum Bayes "
                              "risk), for example 50; 0 for none", metavar="N", group="decoding", formerly="draws",
                              least=0, below=10_000)
    neighbours: int = option(0, "choose the caption of the beam that agrees best with those of N similar training "
                             "images, for example 10; 0 for none", metavar="N", group="decoding", least=0, below=10_000)
    seed: int = option(0, "random seed of --temperature and --mbr-samples", metavar="N", group="decoding", least=0)

    def __post_init__(self):
        check_options(**DEFAULTS | self.given(), temperature=self.temperature)
        if (self.mbr_samples or self.neighbours) and (self.beam == 1 or self.temperature is not None):
            raise UserError("mbr_samples= and neighbours= choose among the captions of a beam; leave out temperature=, "
                            "and make beam= wider than 1")

    def resolved(self, of_captioner):
        """The same settings with those ``of_captioner`` (:class:`Decoding`), or of DEFAULTS, for what is None.

        Raises UserError when they do not go together.
        """
        return dataclasses.replace(self, **DEFAULTS | of_captioner | self.given())

    def search(self):
        """The options of :func:`.decode`, with a new random generator. The settings are resolved."""
        names = (*DEFAULTS, "temperature")
        return {name: getattr(self, name) for name in names} | {"rng": np.random.default_rng(self.seed)}

    def describe(self):
        """The search in words, for a report. The settings are resolved."""
        if self.temperature is not None:
            return f"sampled at temperature {self.temperature:g}, seed {self.seed}"
        chosen = [f"{self.mbr_samples} sampled ones"] * (self.mbr_samples > 0)
        chosen += [f"captions of {self.neighbours} similar images"] * (self.neighbours > 0)
        return (f"beam {self.beam}, length penalty {self.length_penalty:g}"
                + f", no {self.no_repeat_ngram_size}-gram twice" * (self.no_repeat_ngram_size > 0)
                + f", chosen by agreement with {' and '.join(chosen)}" * bool(chosen))
