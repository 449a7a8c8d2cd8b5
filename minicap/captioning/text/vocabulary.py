"""Words and their indices.

    0 <pad>     fills the rows of a batch; never a target that counts
    1 <start>   the first input; never a target
    2 <end>     the last target
    3 <unk>     stands for every word that occurs fewer than ``min_count`` times in train
    4 ...       the words, the most frequent first

A vocabulary is built from train only: a word that occurs only in dev or test must become <unk>, or the scores of a
model would depend on data it was not supposed to see.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, NotRequired, Self, TypedDict

import numpy as np

from ...errors import UserError
from ...schema import Count, misfit
from .tokens import TOKENIZERS, join

PAD, START, END, UNK = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")
NEVER = -30.0  # log frequency of words that are never a target: e^-30 = 1e-13, and still finite in float16


class StoredVocabulary(TypedDict):
    """The output of :meth:`Vocabulary.to_json`."""

    words: list[str]
    counts: list[Count]
    tokenizer: NotRequired[str]


class Vocabulary:
    """Index <-> word, with the counts of the training targets.

    words    (V,) str, the four special ones first
    counts   (V,) int, how often each is a target in an epoch of train: <end> once per caption, <pad> and <start> never

    ``tokenizer``, "words" or "characters", says how captions become these words.
    """

    def __init__(self, words: Iterable[str], counts: Iterable[int], tokenizer: str = "words"):
        words, counts = tuple(words), tuple(int(count) for count in counts)
        if words[:len(SPECIAL)] != SPECIAL or len(set(words)) != len(words) or len(counts) != len(words):
            raise ValueError(f"Vocabulary expects {', '.join(SPECIAL)}, then different words, and a count for each; "
                             f"got {len(words)} words beginning with {words[:5]} and {len(counts)} counts")
        if tokenizer not in TOKENIZERS:
            raise ValueError(f"tokenizer= is one of {', '.join(TOKENIZERS)}, not {tokenizer!r}")
        self.words, self.counts, self.tokenizer = words, counts, tokenizer
        self._index = {word: index for index, word in enumerate(words) if index >= len(SPECIAL)}

    @classmethod
    def from_captions(cls, captions: Iterable[Iterable[str]], min_count: int = 5, tokenizer: str = "words") -> Self:
        """The words that occur at least ``min_count`` times in train's ``captions``, an iterable of lists of tokens.

        Words with the same count are in alphabetical order, so the order of the captions does not matter.
        """
        captions = list(captions)
        if not captions:
            raise ValueError("Vocabulary.from_captions got no captions")
        count_of = Counter(token for caption in captions for token in caption)
        words = sorted((word for word, count in count_of.items() if count >= min_count and word not in SPECIAL),
                       key=lambda word: (-count_of[word], word))
        counts = [count_of[word] for word in words]
        unknown = sum(count_of.values()) - sum(counts)
        return cls((*SPECIAL, *words), (0, 0, len(captions), unknown, *counts), tokenizer)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word):
        return word in self._index

    def __repr__(self):
        return f"Vocabulary({len(self)} words: {', '.join(self.words[len(SPECIAL):][:5])}, ...)"

    def tokenize(self, text: str) -> list[str]:
        """The words of ``text``, as the captions were split that this vocabulary was made of."""
        return TOKENIZERS[self.tokenizer](text)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The indices of ``tokens``; a word that is not in the vocabulary is <unk>. Adds no <start> and no <end>."""
        return [self._index.get(token, UNK) for token in tokens]

    def decode(self, indices: Iterable[int]) -> str:
        """The caption up to <end>, as text. <pad> and <start> are left out, <unk> is shown."""
        words = []
        for index in map(int, indices):
            if index == END:
                break
            if index not in (PAD, START):
                words.append(self.words[index])
        return join(words, self.tokenizer)

    def log_frequencies(self) -> np.ndarray:
        """(V,) float32: the log of each word's relative frequency in the training targets; :data:`NEVER` for zero.

        As the initial output bias it makes an untrained model predict word frequencies, which saves the steps in which
        it would only learn these (the initialisation of Karpathy's neuraltalk, 2015).
        """
        counts = np.array(self.counts, np.float64)
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(counts / counts.sum()), NEVER).astype(np.float32)

    @property
    def digest(self) -> str:
        """16 hex digits, equal for two vocabularies if every index means the same word in both."""
        text = "\n".join(self.words if self.tokenizer == "words" else (self.tokenizer, *self.words))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """A dict for ``json.dump``; :meth:`from_json` reverses it."""
        return {"words": list(self.words), "counts": list(self.counts), "tokenizer": self.tokenizer}

    @classmethod
    def from_json(cls, value: object, where: str = "the vocabulary") -> Self:
        """The vocabulary from the output of :meth:`to_json`; UserError, naming ``where``, for anything else."""
        if problem := misfit(value, StoredVocabulary):
            raise UserError(f"{where} is not a vocabulary of minicap ({problem})")
        try:
            "".join(value["words"]).encode()  # which half of a surrogate pair cannot be
            return cls(value["words"], value["counts"], value.get("tokenizer", "words"))
        except ValueError as error:
            raise UserError(f"{where} is not a vocabulary of minicap ({error})") from error
