"""Reference captions that count more than others: those that agree with the other captions of their image.

Of the five captions of a photograph, some tell what everybody saw, and some what nobody else mentions. A model that
learns from all alike spreads its probability, and its most probable caption may be one of none of them. Phan et al.
2017 ("Consensus-based sequence training for video captioning") weight the cross-entropy of each reference by its CIDEr
against the others: it is the gradient of the expected CIDEr (self_critical.py) with the references as samples.
"""

import numpy as np

from ..scoring.cider import consensus


def weighted(captions, references, strength):
    """Captions (image, words) as (image, words, weight); the weights are 1 on average.

    references   the captions of each image as lists of words, in the order of ``captions``; document frequencies are
                 counted in them
    strength     the s in weight ~ max(0, 1 - s + s · score / mean score of the image): 0 for equal weights, 1 for ones
                 in proportion to the score, more for still larger differences. (In the paper it is the score itself.)
    """
    weights = []
    for scores in consensus(references):
        mean = scores.mean()
        relative = scores / mean if mean > 0 else np.ones(len(scores))  # a single caption, or none like another
        weights.append(np.maximum(0, 1 - strength + strength * relative))
    weights = np.concatenate(weights)
    return [(*caption, weight) for caption, weight in zip(captions, weights / weights.mean(), strict=True)]
