"""Of the captions in a beam, the one that agrees best with what else might be said of the image.

A search finds what is probable. But a caption is judged by how well it agrees with what several people wrote of the
image (cider.py), and a probable caption may agree with few others. Nobody has people's captions of a new image, but
two things can stand in for them:

* captions drawn from the model's own probabilities. What agrees best with them has the lowest expected loss, the
  minimum Bayes risk (Kumar and Byrne 2004, "Minimum Bayes-risk decoding for statistical machine translation");
* what people wrote of similar images in train (Devlin et al. 2015, "Exploring nearest neighbor approaches for image
  captioning", section 3; to choose from a beam: Mao et al. 2015, "Deep captioning with multimodal recurrent neural
  networks", section 8).

A caption c of ``length`` words, <end> among them, then competes by

    score(c) = Σ log p / length^α + Σ_S 10/|S| · Σ_{s∈S} 1/4 · Σ_n g_n(c) · g_n(s) / (‖g_n(c)‖ ‖g_n(s)‖)

where S is the one, then the other of these sets, and g_n holds the tf-idf weights of n-grams: what is added are CIDErs
(Vedantam et al. 2015, eq. 1-3). A cosine is linear in g_n(s) / ‖g_n(s)‖, so its mean over S is taken before anything
is compared.
"""

from collections import Counter

import numpy as np

from .cider import all_ngrams, inverse_document_frequency, tf_idf
from .search import draw


class Consensus:
    """(captioner, model inputs, what a beam search found for them) -> the same hypotheses, in the order of their score.

    ``train`` lists the captions (lists of words) of each image of train: they tell what is rare, and what people say.
    ``draws`` captions of every image are drawn, by a generator of its own with ``seed``. ``neighbours`` images of
    train are asked; images are similar by the angle between the rows of ``pictures`` (I, G), see
    :meth:`.Captioner.overview`.
    """

    def __init__(self, train, pictures=None, *, draws=0, neighbours=0, max_length=30, seed=0):
        self.train, self.draws, self.neighbours, self.max_length = train, draws, neighbours, max_length
        self.idf = inverse_document_frequency([[all_ngrams(words) for words in captions] for captions in train])
        self.pictures = None if pictures is None else unit_rows(pictures)
        self.rng = np.random.default_rng(seed)

    def __call__(self, captioner, inputs, hypotheses):
        words = captioner.vocabulary.words
        said_of = [[] for _ in hypotheses]  # of each image the sets S, as mean directions
        if self.draws:
            drawn = draw(captioner.step, captioner.start(inputs), self.draws, rng=self.rng, max_length=self.max_length)
            for sets, of_image in zip(said_of, drawn, strict=True):
                sets.append(self.mean_direction([[words[w] for w in h.words] for h in of_image]))
        if self.neighbours:
            for sets, rows in zip(said_of, self.nearest(captioner.overview(inputs)), strict=True):
                sets.append(self.mean_direction([caption for row in rows for caption in self.train[row]]))

        def score(hypothesis, sets):
            direction = self.direction([words[w] for w in hypothesis.words])
            return hypothesis.score + 10 * sum(agreement(direction, one) for one in sets)

        return [sorted(kept, key=lambda h, sets=sets: -score(h, sets))
                for kept, sets in zip(hypotheses, said_of, strict=True)]

    def nearest(self, pictures):
        """The rows of the ``neighbours`` images of train that are most similar to each of ``pictures`` (N, G)."""
        similarity = unit_rows(pictures) @ self.pictures.T
        return np.argsort(-similarity, axis=1, kind="stable")[:, :self.neighbours]

    def direction(self, words):
        """{n-gram: weight}: all of g_n / ‖g_n‖, n = 1 to 4, of a caption."""
        vectors, norms, _ = tf_idf(all_ngrams(words), self.idf)
        return {ngram: weight / norm for vector, norm in zip(vectors, norms, strict=True) if norm
                for ngram, weight in vector.items()}

    def mean_direction(self, captions):
        mean = Counter()
        for words in captions:
            for ngram, weight in self.direction(words).items():
                mean[ngram] += weight / len(captions)
        return mean


def agreement(direction, mean):
    """The mean over n = 1 to 4 of the cosines between a caption and, on average, the captions of a set: 0 to 1."""
    return sum(weight * mean[ngram] for ngram, weight in direction.items()) / 4


def unit_rows(x):
    """(N, G) -> (N, G) float32, each row of length 1 (a row of zeros stays one)."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float32).tiny)
