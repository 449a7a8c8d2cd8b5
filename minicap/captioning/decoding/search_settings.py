"""How captions are searched for: the options that all programs share which make some."""

from dataclasses import dataclass

import numpy as np

from ...cli import option
from ...errors import UserError
from .beam_search import check_options


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """See :func:`.decode`. UserError, from the constructor, for a search that cannot be."""

    beam: int = option(3, "width of the beam search; 1 is greedy", metavar="N")
    length_penalty: float = option(0.7, "0 favours short captions, 1 long ones", metavar="X")
    no_repeat: int = option(0, "never say so many words in a row twice in a caption; 0 allows it", metavar="N")
    max_length: int = option(30, "most words of a caption", metavar="N")
    temperature: float | None = option(None, "draw the words at random instead: 1 from the model's probabilities, less "
                                       "is bolder on probable words, 0 is greedy", metavar="X")
    draws: int = option(0, "of the captions in the beam say the one that agrees best with so many that are drawn as by "
                        "--temperature 1; say 50", metavar="N")
    neighbours: int = option(0, "and with what people say of so many similar images in train; say 7", metavar="N")
    seed: int = option(0, "of --temperature and --draws", metavar="N")

    def __post_init__(self):
        check_options(self.beam, self.max_length, self.length_penalty, self.temperature, seed=self.seed,
                      no_repeat=self.no_repeat)
        if self.draws < 0 or self.neighbours < 0:
            raise UserError(f"--draws and --neighbours have to be at least 0, got {self.draws} and {self.neighbours}")
        if (self.draws or self.neighbours) and (self.beam == 1 or self.temperature is not None):
            raise UserError("--draws and --neighbours choose among the captions of a beam; leave out --temperature, "
                            "and make --beam wider than 1")

    def search(self):
        """The options of :func:`.decode`, its random generator made anew."""
        names = ("beam", "length_penalty", "no_repeat", "max_length", "temperature")
        return {name: getattr(self, name) for name in names} | {"rng": np.random.default_rng(self.seed)}

    def search_in_words(self):
        if self.temperature is not None:
            return f"sampled at temperature {self.temperature:g}, seed {self.seed}"
        chosen = [f"{self.draws} drawn ones"] * (self.draws > 0)
        chosen += [f"captions of {self.neighbours} similar images"] * (self.neighbours > 0)
        return (f"beam {self.beam}, length penalty {self.length_penalty:g}"
                + f", no {self.no_repeat} words in a row twice" * (self.no_repeat > 0)
                + f", chosen by agreement with {' and '.join(chosen)}" * bool(chosen))
