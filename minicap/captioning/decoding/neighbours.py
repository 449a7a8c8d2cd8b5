"""The images of train that are most similar to a picture: those about which people used the words it calls for.

Features that are alike need not mean captions that are alike: much of what a network tells apart, nobody mentions. So
the words of a picture's captions are predicted from its features, by ridge regression (Hoerl and Kennard 1970), and the
neighbours are the images of train whose captions have such words. To predict the words first, and to go by them then,
is what Fang et al. 2015 do ("From captions to visual concepts and back"), with a network in place of the regression.

On dev of Flickr8k the captions of 7 neighbours agree better with those of the picture, CIDEr 26.3 from fc7 (17.1 by its
cosine, 17.2 after its mean is subtracted) and 27.6 from EfficientNet-Lite2 (19.3 and 20.0): results/flickr8k.
"""

import numpy as np

from ..scoring.corpus import WORD_BITS, distinct

STRENGTHS = (0.1, 0.3, 1, 3, 10, 30)  # of the ridge; on Flickr8k 0.3 to 3 is best, more where there are more features
RARE = 1 / 300  # of the images of train: a word that fewer have is left out, as it can hardly be predicted
AT_ONCE = 4096  # images of train that are in memory together
WORDS = (1 << WORD_BITS) - 1  # the bits of a word's number


class Neighbours:
    """The neighbours in train of pictures, by the words that their ``descriptors`` (I, G) predict.

    ``captions`` are those of train, a :class:`.Corpus`, of which image i has those from ``first[i]`` up to
    ``first[i + 1]``. An image is the vector of its words, (W,): which fraction of its captions has the word, less the
    mean of train, times idf, log(I / images with the word). Similar is what has a large cosine. Of these vectors only
    the fractions that are not 0 are kept: of 113,000 images in train of COCO some 30 MB, and not 400.
    """

    def __init__(self, captions, first, descriptors):
        self.fractions = WordFractions(captions, first)
        self.regression = RidgeRegression(descriptors, self.fractions)
        self.mean, self.idf = self.regression.offset, self.fractions.idf
        self.norms = np.concatenate([np.linalg.norm((self.fractions[b] - self.mean) * self.idf, axis=1)
                                     for b in blocks(len(first) - 1)])

    def __call__(self, descriptors, count):
        """The rows in train of the ``count`` nearest neighbours of each picture, (N, count), the nearest first."""
        predicted = unit_rows((self.regression(descriptors) - self.mean) * self.idf)
        return np.array([largest(self._cosines(p), count) for p in predicted])

    def _cosines(self, predicted):
        """(I,) of a picture's vector, of length 1, and those of train: Σ_w p_w · idf_w · (y_iw - ȳ_w) / ‖…‖"""
        weights = predicted * self.idf
        products = self.fractions.times(weights) - self.mean @ weights
        return np.divide(products, self.norms, out=np.zeros(len(products)), where=self.norms > 0)


class WordFractions:
    """(I, W): which fraction of the captions of an image has a word, without those words that hardly any image has.

    Slices of rows are arrays; what is kept are the entries that are not 0, by their image, their word and their value.
    idf: (W,) log(I / images with the word)
    """

    def __init__(self, captions, first):
        images = len(first) - 1
        caption = np.repeat(np.arange(len(captions.lengths)), captions.lengths)
        said = distinct(caption << WORD_BITS | captions.words)  # each word of a caption once, however often it is there
        image_of = np.repeat(np.arange(images), np.diff(first))
        by_image, times = np.unique(image_of[said >> WORD_BITS] << WORD_BITS | said & WORDS, return_counts=True)
        image, word = by_image >> WORD_BITS, by_image & WORDS
        having = np.bincount(word)
        kept = having >= max(1, RARE * images)
        self.shape = images, int(kept.sum())
        self.idf = np.log(images / having[kept])
        inside = kept[word]
        self.image, self.word = image[inside], (np.cumsum(kept) - 1)[word[inside]]
        self.value = times[inside] / np.diff(first)[self.image]
        self.begins = np.searchsorted(self.image, np.arange(images + 1))

    def __getitem__(self, rows):
        begin, end, _ = rows.indices(self.shape[0])
        entries = slice(self.begins[begin], self.begins[end])
        dense = np.zeros((end - begin, self.shape[1]), np.float32)
        dense[self.image[entries] - begin, self.word[entries]] = self.value[entries]
        return dense

    def times(self, vector):
        """The product of the matrix and a vector (W,), (I,)."""
        return np.bincount(self.image, self.value * vector[self.word], self.shape[0])


class RidgeRegression:
    """y = ȳ + z B with z = (x - x̄) / s, where B minimises Σ_n ‖y_n - ȳ - z_n B‖² + λ ‖B‖²: B = (ZᵀZ + λI)⁻¹ Zᵀ(Y - ȳ)

    X: (N, G), Y: (N, W), of which some thousand rows are read at a time; x̄, ȳ and s are means and standard deviations
    over the N samples (s at least a hundredth of its mean, lest a feature that hardly ever varies be blown up).
    λ = N · strength, with the one of ``strengths`` that predicts each sample best from all others. No regression has to
    be left out for that: with the hat matrix H = Z (ZᵀZ + λI)⁻¹ Zᵀ the error of a sample that was left out is its error
    here, divided by 1 - H_nn - 1/N (Allen 1974; 1/N is for the mean). The eigenvalues and eigenvectors of
    ZᵀZ = V diag(w) Vᵀ serve for all λ.
    """

    def __init__(self, X, Y, strengths=STRENGTHS):
        N, G = X.shape
        self.mean = mean_of_rows(X)
        s = np.sqrt(sum(np.square(X[b] - self.mean).sum(axis=0, dtype=np.float64) for b in blocks(N)) / N)
        self.scale = np.maximum(s, s.mean() / 100 or 1).astype(self.mean.dtype)
        self.offset = mean_of_rows(Y)
        ZZ = ZY = 0
        for b in blocks(N):
            Z = self.standardised(X[b])
            ZZ, ZY = ZZ + Z.T @ Z, ZY + Z.T @ (Y[b] - self.offset)
        w, V = np.linalg.eigh(ZZ)
        C = V.T @ ZY
        shrunk = {strength: 1 / (np.maximum(w, 0) + N * strength) for strength in strengths}
        self.errors = dict.fromkeys(strengths, 0.0)                  # {strength: mean of ‖error‖² of a sample left out}
        for b in blocks(N):
            P, y = self.standardised(X[b]) @ V, Y[b] - self.offset   # (n, G), its columns have the lengths √w
            for strength in strengths:
                alone = 1 - 1 / N - (P * P) @ shrunk[strength]       # 0 where nothing but a sample itself predicts it
                missed = y - P @ (shrunk[strength][:, None] * C)
                missed /= np.maximum(alone, np.finfo(P.dtype).eps)[:, None]
                self.errors[strength] += float((missed**2).sum()) / N
        self.strength = min(self.errors, key=self.errors.get)
        self.B = V @ (shrunk[self.strength][:, None] * C)

    def standardised(self, X):
        return (X - self.mean) / self.scale

    def __call__(self, X):
        return self.offset + self.standardised(X) @ self.B


def blocks(rows):
    """Slices of some thousand rows each."""
    return [slice(begin, min(begin + AT_ONCE, rows)) for begin in range(0, rows, AT_ONCE)]


def mean_of_rows(X):
    """(N, G) -> (G,) in the type of X; the sum of a hundred thousand float32 is float64."""
    total = sum(X[b].sum(axis=0, dtype=np.float64) for b in blocks(X.shape[0]))
    return (total / X.shape[0]).astype(X[:1].dtype)


def largest(values, count):
    """The places of the ``count`` largest values, the largest first, and of equal ones the first."""
    least = np.partition(values, -count)[-count] if count < len(values) else -np.inf
    among = np.flatnonzero(values >= least)  # more than `count` where values are equal
    return among[np.argsort(-values[among], kind="stable")][:count]


def unit_rows(x):
    """(N, G) -> (N, G) float32, each row of length 1 (a row of zeros stays one)."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float32).tiny)
