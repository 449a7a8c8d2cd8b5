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

with CIDEr-D between 0 and 10, and document frequencies of train. On Flickr8k, doubling one of the weights matters less
than sampling other captions.
"""

import numpy as np

from ..scoring.cider import agreement, all_ngrams, inverse_document_frequency, tf_idf
from .beam_search import sample_many


class Consensus:
    """(captioner, model inputs, the hypotheses of a beam search) -> the same hypotheses, in the order of their score.

    ``train`` lists the captions (lists of words) of each image of train, for document frequencies and as the captions
    of neighbours. ``mbr_samples`` captions are sampled for every image, by a separate generator with ``seed``. The
    similarity of images is that of the rows of ``pictures`` (I, G), by their angle; see
    :meth:`.Captioner.descriptors`.
    """

    def __init__(self, train, pictures=None, *, mbr_samples=0, neighbours=0, max_length=30, seed=0):
        self.train, self.mbr_samples, self.neighbours, self.max_length = train, mbr_samples, neighbours, max_length
        self.idf = inverse_document_frequency([[all_ngrams(words) for words in captions] for captions in train])
        self.pictures = None if pictures is None else unit_rows(pictures)
        self.rng = np.random.default_rng(seed)

    def __call__(self, captioner, inputs, hypotheses):
        words = captioner.vocabulary.words
        others = [[] for _ in hypotheses]  # for each image the sets of captions to agree with
        if self.mbr_samples:
            samples = sample_many(captioner.step, captioner.start(inputs), self.mbr_samples, rng=self.rng,
                                  max_length=self.max_length)
            for sets, of_image in zip(others, samples, strict=True):
                sets.append([self.vectors([words[w] for w in h.words]) for h in of_image])
        if self.neighbours:
            for sets, rows in zip(others, self.nearest(captioner.descriptors(inputs)), strict=True):
                sets.append([self.vectors(caption) for row in rows for caption in self.train[row]])

        def score(hypothesis, sets):
            vectors = self.vectors([words[w] for w in hypothesis.words])
            return hypothesis.score + sum(agreement(vectors, captions) for captions in sets)

        return [sorted(of_image, key=lambda h, sets=sets: -score(h, sets))
                for of_image, sets in zip(hypotheses, others, strict=True)]

    def nearest(self, pictures):
        """The rows of the ``neighbours`` images of train that are most similar to each of ``pictures`` (N, G)."""
        similarity = unit_rows(pictures) @ self.pictures.T
        return np.argsort(-similarity, axis=1, kind="stable")[:, :self.neighbours]

    def vectors(self, words):
        """A caption as CIDEr compares it: tf-idf vectors."""
        return tf_idf(all_ngrams(words), self.idf)


def unit_rows(x):
    """(N, G) -> (N, G) float32, each row of length 1 (a row of zeros stays one)."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float32).tiny)
