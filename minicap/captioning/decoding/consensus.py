"""Of the captions in a beam, choose the one that agrees best with other captions of the image.

Beam search finds probable captions. But a caption is judged by how well it agrees with what several people wrote about
the image (cider.py), and a probable caption may agree with few others. There are no such captions for a new image, but
two substitutes:

* captions sampled from the model's own probabilities. The one that agrees best with them has the lowest expected loss,
  the minimum Bayes risk (Kumar and Byrne 2004, "Minimum Bayes-risk decoding for statistical machine translation");
* what people wrote about similar images in train (Devlin et al. 2015, "Exploring nearest neighbor approaches for image
  captioning", section 3; to choose from a beam: Mao et al. 2015, "Deep captioning with multimodal recurrent neural
  networks", section 8).

A caption c of ``length`` words, <end> among them, then competes by

    score(c) = Σ log p / length^α + CIDEr-D(c, sampled captions) + CIDEr-D(c, captions of similar images)

with CIDEr-D between 0 and 10, and document frequencies of train.
"""

import numpy as np

from ..scoring.cider import TfIdf, agreements
from ..scoring.corpus import ranges
from .beam_search import sample_many
from .neighbours import Neighbours


class Consensus:
    """(captioner, model inputs, the hypotheses of a beam search) -> the same hypotheses, in the order of their score.

    ``train`` is an iterable of the captions (lists of words) of each image of train, for document frequencies and as
    the captions of neighbours. ``mbr_samples`` captions are sampled for every image, by a generator with ``seed``. The
    ``neighbours`` are those of :class:`.Neighbours`, by the ``descriptors`` (I, G) of the images of train; see
    :meth:`.Captioner.descriptors`.
    """

    def __init__(self, train, descriptors=None, *, mbr_samples=0, neighbours=0, max_length=30, seed=0):
        self.mbr_samples, self.neighbours, self.max_length = mbr_samples, neighbours, max_length
        self.tf_idf = TfIdf(train)
        self.nearest = Neighbours(self.tf_idf.captions, self.tf_idf.first, descriptors) if neighbours else None
        self.rng = np.random.default_rng(seed)

    def __call__(self, captioner, inputs, hypotheses):
        words, weigh, train = captioner.vocabulary.words, self.tf_idf, self.tf_idf.captions

        def said(of_image):
            return weigh.corpus([words[w] for w in h.words] for h in of_image)

        others = [[] for _ in hypotheses]  # for each image the sets of captions to agree with
        if self.mbr_samples:
            samples = sample_many(captioner.step, captioner.start(inputs), self.mbr_samples, rng=self.rng,
                                  max_length=self.max_length)
            for sets, of_image in zip(others, samples, strict=True):
                sets.append(said(of_image))
        if self.neighbours:
            for sets, rows in zip(others, self.nearest(captioner.descriptors(inputs), self.neighbours), strict=True):
                sets.append(train.take(ranges(weigh.first[rows], weigh.first[rows + 1] - weigh.first[rows])))

        def best_first(of_image, sets):
            candidates, *sets = weigh(said(of_image), *sets)
            scores = np.array([h.score for h in of_image]) + sum(
                agreements(candidates, captions).mean(axis=1) for captions in sets)
            return [of_image[c] for c in np.argsort(-scores, kind="stable")]

        return [best_first(of_image, sets) for of_image, sets in zip(hypotheses, others, strict=True)]
