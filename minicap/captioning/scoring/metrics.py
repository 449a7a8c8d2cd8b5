"""The usual scores of a set of captions: BLEU-1 to 4, ROUGE-L and CIDEr, without Java or Perl.

All scores come from one table of statistics per image, (N, 12): ten counts for BLEU, then ROUGE-L and CIDEr. The scores
of any set of images follow from the *sum* of their rows, and so do those of bootstrap samples (significance.py).
"""

import numpy as np

from ...errors import UserError, warn
from ..text.tokens import MARKER, TOKENIZERS, warn_of_missing_spaces
from .bleu import N_COUNTS, bleu, bleu_counts
from .cider import cider
from .rouge import rouge_l

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
    candidates, targets = tokenized(predictions, references, tokenizer)
    counts = [bleu_counts(words, captions) for words, captions in zip(candidates, targets, strict=True)]
    rouge = [rouge_l(words, captions) for words, captions in zip(candidates, targets, strict=True)]
    return np.column_stack([counts, rouge, cider(candidates, targets)])


def scores_of_sums(sums, n):
    """The six METRICS (..., 6) from sums (..., 12) of ``n`` rows of the table; n = 1 gives the scores of one image."""
    return np.concatenate([bleu(sums[..., :N_COUNTS]), sums[..., N_COUNTS:] / n], axis=-1)


def tokenized(predictions, references, tokenizer="words"):
    """(candidates as N lists of words, references as N lists of lists of words), in the order of ``predictions``.

    A placeholder such as ``<unk>`` in a reference counts as a word, but as one that no prediction can match: to predict
    "unknown word" is never right.
    """
    if not predictions:
        raise UserError("there are no predictions to score")
    missing = [image for image in predictions if not references.get(image)]
    if missing:
        raise UserError(f"{len(missing)} of {len(predictions)} images have no references, the first of which is "
                        f"{missing[0]!r}; use the references of the same data set")
    tokenize = TOKENIZERS[tokenizer]
    candidates = [tokenize(caption) for caption in predictions.values()]
    targets = [[_unmatchable(tokenize(caption)) for caption in references[image]] for image in predictions]
    return candidates, targets


def warn_of_flaws(predictions, references, tokenizer):
    """One line for each reason why scores of these captions may not mean what they seem to."""
    if len(predictions) == 1:
        warn("CIDEr is always 0 for a single image, as it weighs words by how few of the images have them; score more "
             "images to compare it")
    warn_of_missing_spaces([caption for image in predictions for caption in references.get(image, ())], tokenizer,
                           "the references")


def _unmatchable(words):
    return [f"{word}(reference)" if MARKER.fullmatch(word) else word for word in words]
