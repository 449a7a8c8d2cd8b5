"""The usual scores of a set of captions: BLEU-1 to 4, ROUGE-L and CIDEr, without Java or Perl.

All scores come from one table of statistics per image, (N, 12): ten counts for BLEU, then ROUGE-L and CIDEr. The scores
of any set of images follow from the *sum* of their rows, and so do those of bootstrap samples (significance.py).
"""

import numpy as np

from ...errors import UserError, warn
from ..text.tokens import MARKER, TOKENIZERS, warn_of_missing_spaces
from .bleu import N_COUNTS, bleu, bleu_counts_of_all
from .cider import AT_ONCE, TfIdf, similarities
from .rouge import rouge_l_of_all

METRICS = ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider")
TITLES = {"bleu1": "BLEU-1", "bleu2": "BLEU-2", "bleu3": "BLEU-3", "bleu4": "BLEU-4", "rouge_l": "ROUGE-L",
          "meteor": "METEOR", "cider": "CIDEr"}  # METEOR is scored elsewhere (meteor.py)


def score_captions(predictions: dict[str, str], references: dict[str, list[str]], tokenizer: str = "words") -> dict:
    """Scores of raw captions against raw human captions, as fractions (BLEU-4 0.198, CIDEr 0.478), and ``n`` images.

    ``predictions`` maps each image that is scored to its caption; ``references`` maps images to captions and may have
    more images. Both are split into words by ``tokenizer``, "words" or "characters" (see :mod:`..text.tokens`), without
    any other preprocessing. An image without references is a UserError.
    """
    return corpus_scores(image_statistics(predictions, references, tokenizer))


class References:
    """The captions of some images, ready to score predictions for these images again and again.

    ``references`` maps each of the images to its captions, at least one.
    """

    def __init__(self, references, tokenizer="words"):
        self.images, self.tokenize = tuple(references), TOKENIZERS[tokenizer]
        self.tf_idf = TfIdf(tokenized_references(references.values(), self.tokenize))

    def statistics(self, predictions):
        """The table (N, 12) of :func:`image_statistics`; ``predictions`` has the same images in the same order."""
        if tuple(predictions) != self.images:
            raise ValueError("statistics expects predictions for the images of these references, in their order")
        candidates = self.tf_idf.corpus(map(self.tokenize, predictions.values()))
        parts = np.array_split(np.arange(len(predictions)), range(AT_ONCE, len(predictions), AT_ONCE))
        return np.concatenate([self._statistics(candidates, images) for images in parts])

    def _statistics(self, candidates, images):
        """The rows of some ``images``, a range; what depends on other images is the document frequencies alone."""
        first = self.tf_idf.first[images[0]:images[-1] + 2]
        candidate_of = np.repeat(np.arange(len(images)), np.diff(first))
        candidates = candidates.take(images)
        references = self.tf_idf.captions.take(np.arange(first[0], first[-1]))
        vectors = self.tf_idf(candidates, references)
        counts = bleu_counts_of_all(*((found.counts, found.lengths) for found in vectors), candidate_of)
        cider = np.bincount(candidate_of, similarities(*vectors, candidate_of)) / np.diff(first)
        return np.column_stack([counts, rouge_l_of_all(candidates, references, candidate_of), cider])


def human_scores(references: dict[str, list[str]], tokenizer: str = "words") -> dict:
    """How well people agree with each other, in the same scores: the mean over ``people``, ``each`` of them, and ``n``.

    The first caption of every image is scored against the others of that image, then the second, and so on, up to the
    smallest number of captions that an image has. It may be another person's from image to image. A captioner that is
    compared with all captions has one more to match, so for a fair comparison its scores are a little too high.
    """
    people = min(map(len, references.values()), default=0)
    if people < 2:
        raise UserError("people can only be compared where each image has at least two captions, and "
                        + (f"{min(references, key=lambda image: len(references[image]))!r} has fewer" if references else
                           "there are no images"))
    each = []
    for k in range(people):
        others = {image: captions[:k] + captions[k + 1:] for image, captions in references.items()}
        each.append(score_captions({image: captions[k] for image, captions in references.items()}, others, tokenizer))
    return {name: float(np.mean([scores[name] for scores in each])) for name in METRICS} | {
        "n": len(references), "people": people, "each": each}


def corpus_scores(statistics):
    """The six METRICS of the table (N, 12), and ``n``, as a dictionary."""
    n = len(statistics)
    return dict(zip(METRICS, scores_of_sums(statistics.sum(axis=0), n).tolist(), strict=True)) | {"n": n}


def image_statistics(predictions, references, tokenizer="words"):
    """The table (N, 12), one row for each image in the order of ``predictions``."""
    expect_references(predictions, references)
    return References({image: references[image] for image in predictions}, tokenizer).statistics(predictions)


def scores_of_sums(sums, n):
    """The six METRICS (..., 6) from sums (..., 12) of ``n`` rows of the table; n = 1 gives the scores of one image."""
    return np.concatenate([bleu(sums[..., :N_COUNTS]), sums[..., N_COUNTS:] / n], axis=-1)


def tokenized(predictions, references, tokenizer="words"):
    """(candidates as N lists of words, references as N lists of lists of words), in the order of ``predictions``.

    A placeholder such as ``<unk>`` in a reference counts as a word, but as one that no prediction can match: to predict
    "unknown word" is never right.
    """
    expect_references(predictions, references)
    tokenize = TOKENIZERS[tokenizer]
    return (list(map(tokenize, predictions.values())),
            list(tokenized_references((references[image] for image in predictions), tokenize)))


def expect_references(predictions, references):
    """UserError without predictions, or where an image has no references."""
    if not predictions:
        raise UserError("there are no predictions to score")
    missing = [image for image in predictions if not references.get(image)]
    if missing:
        raise UserError(f"{len(missing)} of {len(predictions)} images have no references, the first of which is "
                        f"{missing[0]!r}; use the references of the same data set")


def tokenized_references(references, tokenize):
    """The captions of each image as lists of words; one image after the other, not all at once."""
    return ([_unmatchable(tokenize(caption)) for caption in captions] for captions in references)


def warn_of_flaws(predictions, references, tokenizer):
    """One line for each reason why scores of these captions may not mean what they seem to."""
    if len(predictions) == 1:
        warn("CIDEr is always 0 for a single image, as it weighs words by how few of the images have them; score more "
             "images to compare it")
    warn_of_missing_spaces([caption for image in predictions for caption in references.get(image, ())], tokenizer,
                           "the references")


def _unmatchable(words):
    return [f"{word}(reference)" if MARKER.fullmatch(word) else word for word in words]
