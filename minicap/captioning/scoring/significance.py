"""How much of a score is chance: intervals, and a paired test of two captioners on the same images.

A test set is a random sample of all images. The bootstrap (Efron 1979; for BLEU: Koehn, "Statistical significance tests
for machine translation evaluation", EMNLP 2004) samples images from it again, with replacement, and measures how much
the score varies. The paired test (approximate randomisation; Riezler and Maxwell 2005) asks: if the two captioners were
equally good, so that their captions could be swapped for any image, how often would their scores still differ this
much?

Both work on sums of rows of the table (N, 12) of :func:`metrics.image_statistics`: BLEU is recomputed from summed
counts, not averaged. An image keeps its CIDEr: the document frequencies stay those of the whole set.
"""

import dataclasses

import numpy as np

from .metrics import scores_of_sums

LEVEL = 0.95


def bootstrap_intervals(statistics, resamples, rng):
    """The 95 % interval of each metric, (2, 6): lower and upper bounds."""
    return _interval(scores_of_sums(_resampled_sums(statistics, resamples, rng), len(statistics)))


@dataclasses.dataclass(frozen=True)
class PairedTest:
    """Captioner A against captioner B; every field holds one number for each of the METRICS."""

    difference: np.ndarray  # (6,) score of A minus score of B
    interval: np.ndarray    # (2, 6) 95 % of the difference, paired bootstrap
    p: np.ndarray           # (6,) fraction of random swaps with at least this difference, two-sided
    noise: np.ndarray       # (6,) 95 % of random swaps give at most this difference

    def is_noise(self):
        """(6,) True where chance alone causes such a difference more than once in twenty times."""
        return self.p >= 1 - LEVEL


def paired_test(a, b, resamples, rng):
    """Compare two tables (N, 12) whose rows belong to the same images, scored against the same references."""
    n = len(a)
    if a.shape != b.shape:
        raise ValueError(f"paired_test expects two tables (N, 12) of the same images, got {a.shape} and {b.shape}")

    def difference(sums_a, sums_b):
        return scores_of_sums(sums_a, n) - scores_of_sums(sums_b, n)

    observed = difference(a.sum(axis=0), b.sum(axis=0))
    resampled = _resampled_sums(np.hstack([a, b]), resamples, rng)  # side by side: both get the same images
    interval = _interval(difference(*np.hsplit(resampled, 2)))

    swapped = np.stack([rng.integers(2, size=n) @ (b - a) for _ in range(resamples)])
    by_chance = np.abs(difference(a.sum(axis=0) + swapped, b.sum(axis=0) - swapped))
    as_large = by_chance >= np.abs(observed) - 1e-12  # sums of the same rows in another order differ by rounding errors
    p = (1 + as_large.sum(axis=0)) / (1 + resamples)  # the observed labelling is one of the possible ones: never 0
    return PairedTest(observed, interval, p, np.quantile(by_chance, LEVEL, axis=0))


def _resampled_sums(statistics, resamples, rng):
    """Column sums (resamples, columns) of bootstrap samples: n of the n rows, sampled with replacement."""
    n = len(statistics)
    return np.stack([np.bincount(rng.integers(n, size=n), minlength=n) @ statistics for _ in range(resamples)])


def _interval(samples):
    return np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
