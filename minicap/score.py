"""Score captions from any system as the papers do: python -m minicap.score PREDICTIONS.json --references FILE

BLEU-1 to 4, ROUGE-L and CIDEr of one caption per image, compared with the captions that people wrote for it. With
--human in place of PREDICTIONS these are compared with each other.
captioning/text/tokens.py defines how captions are split into words, captioning/scoring/ what each number means.
"""

import dataclasses
import json

import numpy as np

from .captioning.scoring.metrics import (
    METRICS,
    TITLES,
    corpus_scores,
    human_scores,
    image_statistics,
    scores_of_sums,
    tokenized,
    warn_of_flaws,
)
from .captioning.scoring.predictions import assign, match_images, read_predictions
from .captioning.scoring.significance import bootstrap_intervals, paired_test
from .captioning.text.tokens import MARKER, TOKENIZERS, tokenize
from .cli import option, parse_settings, run_program, warn_of_no_effect
from .errors import UserError, warn
from .files import is_json_of_ours, write_json
from .locks import locked

DEFAULT_RESAMPLES = 1000


def is_file_of_scores(path):
    """Whether --per-image has written a file."""
    return is_json_of_ours(path, lambda value: isinstance(value, dict) and all(
        isinstance(scores, dict) and {"caption", *METRICS} <= scores.keys() for scores in value.values()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """The options of one scoring."""

    predictions: str | None = option(
        None, 'JSON ({"image": "caption"} or [{"image": ..., "caption": ...}]), JSON lines, CSV or text; none with '
        "--human", positional=True)
    references: str = option(
        dataclasses.MISSING, "captions written by people: Flickr8k.token.txt, COCO's annotations, "
        "Karpathy's JSON, CSV with the columns image,caption, ...; docs/formats.md lists all", metavar="FILE")
    images: str | None = option(
        None, "score only the images in this list, one name per line; each must have a prediction (default: all images "
        "in PREDICTIONS)", metavar="FILE")
    per_image: str | None = option(
        None, "write the scores of each image (BLEU-4 is 0 where no four words in a row match)", metavar="OUT.json",
        writes=is_file_of_scores)
    bootstrap: int = option(
        0, "95% intervals from N bootstrap resamples of the images; CIDEr keeps the document frequencies of the whole "
        "set", metavar="N", least=0, below=10**6)
    against: str | None = option(
        None, "other predictions for the same images: test whether the difference is larger than chance, with the N of "
        f"--bootstrap, or {DEFAULT_RESAMPLES}", metavar="OTHER.json")
    seed: int = option(0, "random seed of the resampling", metavar="N", least=0)
    tokenizer: str = option("words", "split captions into words, or also into characters where a script has no spaces "
                            "between words, as the field scores Chinese", choices=tuple(TOKENIZERS))
    human: bool = option(False, "instead of predictions, score each person's caption of an image against those of the "
                         "others, and print the mean over the people")
    meteor: bool = option(False, "compute METEOR as well (needs Java and pycocoevalcap)")
    json: bool = option(False, "print one JSON object instead of a table")


def main(argv=None):
    settings = parse_settings(ScoreSettings, "score", "Score captions with BLEU, ROUGE-L and CIDEr.", argv)
    if settings.human == (settings.predictions is not None):
        raise UserError("name the predictions to score, or use human= without predictions to score people")
    with locked(settings.per_image):
        (score_people if settings.human else score)(settings)


def score(settings):
    """Read, score, and write and print what is asked for."""
    references, ids, images = load_references(settings.references, settings.images)
    predictions = load_predictions(settings.predictions, references, images, ids=ids)
    warn_of_flaws(predictions, references, settings.tokenizer)
    warn_of_copies(predictions, references, settings.predictions)
    statistics = image_statistics(predictions, references, settings.tokenizer)
    per_image = scores_of_sums(statistics, 1)

    report = corpus_scores(statistics)
    columns = dict(zip(METRICS, per_image.T.tolist(), strict=True))
    if settings.meteor:
        from .captioning.scoring.meteor import meteor
        report["meteor"], columns["meteor"] = meteor(*tokenized(predictions, references, settings.tokenizer))
    if settings.bootstrap:
        intervals = bootstrap_intervals(statistics, settings.bootstrap, np.random.default_rng(settings.seed))
        report["bootstrap"] = dict(zip(METRICS, intervals.T.tolist(), strict=True))
    if settings.against:
        other = load_predictions(settings.against, references, predictions, ids=ids, drop_extra=images is not None)
        report["against"] = compare(statistics, image_statistics(other, references, settings.tokenizer), settings)
    if settings.per_image:
        write_json(settings.per_image, {
            image: {"caption": caption} | {name: values[i] for name, values in columns.items()}
            for i, (image, caption) in enumerate(predictions.items())})
    print(json.dumps(report) if settings.json else table(report))


def score_people(settings):
    """Score the captions of people against each other, and print the mean."""
    warn_of_no_effect(settings, ("per_image", "bootstrap", "against", "seed", "meteor"), "with human=")
    references, _, images = load_references(settings.references, settings.images)
    report = human_scores({image: references[image] for image in images or references}, settings.tokenizer)
    print(json.dumps(report) if settings.json else
          f"{table(report)}\nMean of {report['people']}: each caption of an image against its others.")


def load_references(path, images_path):
    """{image: captions}, {image: ids}, and the images to score, by their names there, or None for those predicted."""
    from .captioning.data.caption_files import read_caption_file
    from .captioning.data.split_files import read_image_list

    found = read_caption_file(path)
    references, images = found.captions, None
    if images_path:
        named = match_images(read_image_list(images_path), references, images_path, found.ids)
        images = list(dict.fromkeys(named.values()))
    holding = sum(any(MARKER.search(caption.lower()) for caption in captions) for captions in references.values())
    if holding:
        warn(f"the references of {holding} of {len(references)} images in {path} contain placeholders such as "
             "<unk>, which match nothing; score against the captions as people wrote them")
    silent = [image for image, captions in references.items() if not any(map(tokenize, captions))]
    if silent:
        warn(f"the references of {len(silent)} of {len(references)} images in {path} contain no words, the first of "
             f"which is {silent[0]!r}; no caption can match them")
    return references, found.ids, images


def load_predictions(path, references, images=None, *, ids=None, drop_extra=True):
    """{image: caption} for ``images`` in their order, or for all predicted images when ``images`` is None.

    An image without a prediction is a UserError. Predictions for other images are left out with a warning, or are an
    error too with ``drop_extra=False``: without a list of images, both files of a paired test have to have the same.
    """
    predictions = assign(read_predictions(path), references, path, ids)
    if images is not None:
        missing = [image for image in images if image not in predictions]
        if missing:
            raise UserError(f"{path} lacks a caption for {len(missing)} of {len(images)} images, the first of which is "
                            f"{missing[0]!r}; it needs one for every image that is scored")
        extra = len(predictions) - len(images)
        if extra and not drop_extra:
            raise UserError(f"{path} has predictions for more images than it is compared with ({extra} more); name the "
                            "images to score with --images")
        if extra:
            warn(f"{path} has predictions for more images than are scored ({extra} more); they are left out")
        predictions = {image: predictions[image] for image in images}
    warn_about(predictions, path)
    return predictions


def warn_about(predictions, path):
    """One warning for each flaw that lowers the scores and is easily overlooked."""
    words = {image: tokenize(caption) for image, caption in predictions.items()}
    empty = [image for image, tokens in words.items() if not tokens]
    if empty:
        warn(f"{len(empty)} of {len(words)} captions in {path} contain no words, the first of which is that of "
             f"{empty[0]!r}; they are scored as empty captions")
    marked = [marks for tokens in words.values() if (marks := list(filter(_marks_a_boundary, tokens)))]
    if 2 * len(marked) > len(words):
        warn(f"{len(marked)} of {len(words)} captions in {path} contain markers such as {marked[0][0]!r}, which are "
             "scored as (wrong) words; remove them from the predictions")


def warn_of_copies(predictions, references, path):
    """A warning where nothing but references is scored, as of a file with two captions whose names we do not know."""
    if len(predictions) > 1 and all(caption.strip() in references[image] for image, caption in predictions.items()):
        warn(f"every caption in {path} is a reference of its image, word for word; if the file has other captions, "
             'call them "prediction" and those of people "reference"')


def _marks_a_boundary(token):
    return token in ("startseq", "endseq", "sos", "eos", "bos") or (MARKER.fullmatch(token) and "unk" not in token)


def compare(statistics, other, settings):
    """The paired test as a dictionary, with a sentence for each metric."""
    resamples = settings.bootstrap or DEFAULT_RESAMPLES
    test = paired_test(statistics, other, resamples, np.random.default_rng(settings.seed))
    differences = {}
    for i, (name, is_noise) in enumerate(zip(METRICS, test.is_noise(), strict=True)):
        differences[name] = {
            "difference": float(test.difference[i]), "interval": test.interval[:, i].tolist(), "p": float(test.p[i]),
            "noise": float(test.noise[i]), "within_noise": bool(is_noise),
            "verdict": f"the {TITLES[name]} difference of {100 * test.difference[i]:+.1f} is "
                       f"{'within' if is_noise else 'larger than'} noise: on {len(other):,} images chance alone makes "
                       f"up to ±{100 * test.noise[i]:.1f}"}
    return {"predictions": settings.against, "resamples": resamples, "scores": corpus_scores(other),
            "differences": differences}


def table(report):
    """The report as text, with scores in points: 100 times the fractions in the JSON, as tables in papers have them."""
    intervals = report.get("bootstrap", {})
    lines = [f"{'':8}{'score':>8}" + ("   95% interval" if intervals else "")]
    for name in (*METRICS, "meteor"):
        if name in report:
            low_high = "   {:.1f} to {:.1f}".format(*np.multiply(intervals[name], 100)) if name in intervals else ""
            lines.append(f"{TITLES[name]:8}{100 * report[name]:8.1f}{low_high}")
    lines.append(f"{report['n']:,} images")
    if intervals:
        low, high = intervals["bleu4"]
        lines += [f"On another {report['n']:,} images BLEU-4 could differ by ±{50 * (high - low):.1f}; to test a "
                  "difference between two captioners use --against.",
                  "The interval of CIDEr keeps the document frequencies of the whole set."]
    return "\n".join(lines + (comparison_table(report["against"]) if "against" in report else []))


def comparison_table(against):
    """Lines with the other file's scores, the differences, and whether they are larger than chance."""
    lines = ["", f"Against {against['predictions']}, image by image:",
             f"{'':8}{'other':>8}{'difference':>12}   {'95% interval':16}{'p':>6}"]
    for name, test in against["differences"].items():
        low_high = "{:+.1f} to {:+.1f}".format(*np.multiply(test["interval"], 100))
        lines.append(f"{TITLES[name]:8}{100 * against['scores'][name]:8.1f}{100 * test['difference']:+12.1f}   "
                     f"{low_high:16}{test['p']:6.3f}   {'within' if test['within_noise'] else 'larger than'} noise")
    return [*lines, *(f"In words: {against['differences'][name]['verdict']}." for name in ("bleu4", "cider"))]


if __name__ == "__main__":
    run_program(main)
