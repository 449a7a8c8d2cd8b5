"""How sharp attention is: over how many regions a word's map is spread, and how much it differs from the other words'.

    H(α) = -Σ_i α_i log α_i               entropy, in nats                     Shannon 1948
    e^H(α)                                effective number of regions          Hill 1973, "diversity of order 1"
    TV(α, β) = ½ Σ_i |α_i - β_i|          total variation of two maps          Levin and Peres 2017, section 4.1

If α is the same on k regions, whichever they are, and 0 on all others, e^H is k: 1 for a map that looks at a single
region, L for one that prefers none. TV is the part of the attention that has to move to make one map of the other. The
maps of a caption that are all the same have TV 0 from their mean; T maps on a region each, all different, 1 - 1/T.

With a sentinel, what goes to the memory is left out: α is divided by its sum over the regions.
"""

from dataclasses import dataclass

import numpy as np


def effective_number(alpha):
    """e^H of weights (..., L), divided by their sum; 0 log 0 is 0."""
    alpha = of_regions(alpha)
    return np.exp(-(alpha * np.log(np.where(alpha > 0, alpha, 1))).sum(axis=-1))


def total_variation(alpha, beta):
    """½ Σ |α - β| over the last axis of weights (..., L) that sum to 1: from 0 to 1."""
    return np.abs(alpha - beta).sum(axis=-1) / 2


def of_regions(alpha):
    """Weights (..., L) divided by their sum, as float64; the same for all regions if they are 0."""
    alpha = np.asarray(alpha, np.float64)
    total = alpha.sum(axis=-1, keepdims=True)
    return np.where(total > 0, alpha, 1) / np.where(total > 0, total, alpha.shape[-1])


@dataclass(frozen=True)
class Sharpness:
    """Medians over all words of some captions."""

    regions: int              # L
    effective_regions: float  # e^H
    total_variation: float    # TV from the mean map of the caption
    captions: int
    words: int

    @classmethod
    def of(cls, maps):
        """That of the maps (T, L) of some captions; None if they have no words."""
        maps = [of_regions(alpha) for alpha in maps if len(alpha)]
        if not maps:
            return None
        spread = np.concatenate([effective_number(alpha) for alpha in maps])
        moved = np.concatenate([total_variation(alpha, alpha.mean(axis=0)) for alpha in maps])
        return cls(maps[0].shape[1], float(np.median(spread)), float(np.median(moved)), len(maps), len(spread))

    def __str__(self):
        return (f"the map of a word is spread over {self.effective_regions:.0f} of {self.regions} regions (e to its "
                f"entropy), and its total variation from the mean map of its caption is {self.total_variation:.2f} "
                f"(medians of {self.words:,} words)")
