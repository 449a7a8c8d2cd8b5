"""How captions are decoded: the options of all programs that generate captions."""

from dataclasses import dataclass

import numpy as np

from ...cli import option
from ...errors import UserError
from .beam_search import check_options


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """The options of :func:`.decode`. The constructor raises UserError for invalid ones."""

    beam: int = option(3, "width of the beam search; 1 is greedy", metavar="N", group="decoding", least=1, below=10_000)
    length_penalty: float = option(0.7, "divide scores by length to the power of X: 0 favours short captions, 1 long "
                                   "ones", metavar="X", group="decoding", least=0, below=100)
    no_repeat_ngram_size: int = option(0, "never use the same N words in a row twice in a caption; 0 for no limit",
                                       metavar="N", group="decoding", formerly="no_repeat", least=0)
    max_length: int = option(30, "longest caption, in words", metavar="N", group="decoding", least=1, below=10_000)
    temperature: float | None = option(None, "sample each word instead: 1 uses the model's probabilities, lower values "
                                       "favour probable words, 0 is greedy", metavar="X", group="decoding", least=0)
    mbr_samples: int = option(0, "choose the caption of the beam that agrees best with N sampled ones (minimum Bayes "
                              "risk), for example 50; 0 for none", metavar="N", group="decoding", formerly="draws",
                              least=0, below=10_000)
    neighbours: int = option(0, "choose the caption of the beam that agrees best with those of N similar training "
                             "images, for example 10; 0 for none", metavar="N", group="decoding", least=0, below=10_000)
    seed: int = option(0, "random seed of --temperature and --mbr-samples", metavar="N", group="decoding", least=0)

    def __post_init__(self):
        check_options(self.beam, self.max_length, self.length_penalty, self.temperature,
                      no_repeat_ngram_size=self.no_repeat_ngram_size)
        if (self.mbr_samples or self.neighbours) and (self.beam == 1 or self.temperature is not None):
            raise UserError("mbr_samples= and neighbours= choose among the captions of a beam; leave out temperature=, "
                            "and make beam= wider than 1")

    def search(self):
        """The options of :func:`.decode`, with a new random generator."""
        names = ("beam", "length_penalty", "no_repeat_ngram_size", "max_length", "temperature")
        return {name: getattr(self, name) for name in names} | {"rng": np.random.default_rng(self.seed)}

    def describe(self):
        """The search in words, for a report."""
        if self.temperature is not None:
            return f"sampled at temperature {self.temperature:g}, seed {self.seed}"
        chosen = [f"{self.mbr_samples} sampled ones"] * (self.mbr_samples > 0)
        chosen += [f"captions of {self.neighbours} similar images"] * (self.neighbours > 0)
        return (f"beam {self.beam}, length penalty {self.length_penalty:g}"
                + f", no {self.no_repeat_ngram_size}-gram twice" * (self.no_repeat_ngram_size > 0)
                + f", chosen by agreement with {' and '.join(chosen)}" * bool(chosen))
