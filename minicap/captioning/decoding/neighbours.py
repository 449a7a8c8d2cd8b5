"""The images of train that are most similar to a picture: those about which people used the words it calls for.

Features that are alike need not mean captions that are alike: much of what a network tells apart, nobody mentions. So
the words of a picture's captions are predicted from its features, by ridge regression (Hoerl and Kennard 1970), and the
neighbours are the images of train whose captions have such words. To predict the words first, and to go by them then,
is what Fang et al. 2015 do ("From captions to visual concepts and back"), with a network in place of the regression.

On dev of Flickr8k the captions of 7 neighbours agree better with those of the picture, CIDEr 26.3 from fc7 (17.1 by its
cosine, 17.2 after its mean is subtracted) and 27.6 from EfficientNet-Lite2 (19.3 and 20.0): results/flickr8k.
"""

from collections import Counter

import numpy as np

STRENGTHS = (0.1, 0.3, 1, 3, 10, 30)  # of the ridge; on Flickr8k 0.3 to 3 is best, more where there are more features
RARE = 1 / 300  # of the images of train: a word that fewer have is left out, as it can hardly be predicted


class Neighbours:
    """The neighbours in train of pictures, by the words that their ``descriptors`` (I, G) predict.

    ``train`` lists the captions (lists of words) of each image of train. An image is the vector of its words, (W,):
    which fraction of its captions has the word, less the mean of train, times idf, log(I / images with the word).
    Similar is what has a large cosine.
    """

    def __init__(self, train, descriptors):
        used = [Counter(word for words in captions for word in set(words)) for captions in train]
        images = Counter(word for of_image in used for word in of_image)
        column = {word: j for j, word in enumerate(w for w, n in images.items() if n >= RARE * len(train))}
        Y = np.zeros((len(train), len(column)), np.float32)
        for row, of_image, captions in zip(Y, used, train, strict=True):
            for word, times in of_image.items():
                if word in column:
                    row[column[word]] = times / len(captions)
        idf = np.log(len(train) / np.array([images[word] for word in column], np.float32))
        self.words = unit_rows((Y - Y.mean(axis=0)) * idf)
        self.regression = RidgeRegression(descriptors, Y)
        self.idf, self.mean = idf, Y.mean(axis=0)

    def __call__(self, descriptors, count):
        """The rows in train of the ``count`` nearest neighbours of each picture, (N, count), the nearest first."""
        similarity = unit_rows((self.regression(descriptors) - self.mean) * self.idf) @ self.words.T
        return np.argsort(-similarity, axis=1, kind="stable")[:, :count]


class RidgeRegression:
    """y = ȳ + z B with z = (x - x̄) / s, where B minimises Σ_n ‖y_n - ȳ - z_n B‖² + λ ‖B‖²: B = (ZᵀZ + λI)⁻¹ Zᵀ(Y - ȳ)

    X: (N, G), Y: (N, W); x̄, ȳ and s are means and standard deviations over the N samples (s at least a hundredth of
    its mean, lest a feature that hardly ever varies be blown up). λ = N · strength, with the one of ``strengths`` that
    predicts each sample best from all others. No regression has to be left out for that:
    with the hat matrix H = Z (ZᵀZ + λI)⁻¹ Zᵀ the error of a sample that was left out is its error here, divided by
    1 - H_nn - 1/N (Allen 1974; 1/N is for the mean). The eigenvalues and eigenvectors of ZᵀZ = V diag(w) Vᵀ serve for
    all λ.
    """

    def __init__(self, X, Y, strengths=STRENGTHS):
        N, G = X.shape
        s = X.std(axis=0)
        self.mean, self.scale = X.mean(axis=0), np.maximum(s, s.mean() / 100 or 1)
        self.offset = Y.mean(axis=0)
        Z, Y = (X - self.mean) / self.scale, Y - self.offset
        w, V = np.linalg.eigh(Z.T @ Z)
        P = Z @ V                                                    # (N, G), its columns have the lengths √w
        C = P.T @ Y
        self.errors = {}                                             # {strength: mean of ‖error‖² of a sample left out}
        for strength in strengths:
            shrunk = 1 / (np.maximum(w, 0) + N * strength)
            alone = 1 - 1 / N - (P * P) @ shrunk                     # 0 where nothing but a sample itself predicts it
            missed = (Y - P @ (shrunk[:, None] * C)) / np.maximum(alone, np.finfo(Z.dtype).eps)[:, None]
            self.errors[strength] = float((missed**2).sum() / N)
        self.strength = min(self.errors, key=self.errors.get)
        self.B = V @ (C / (np.maximum(w, 0) + N * self.strength)[:, None])

    def __call__(self, X):
        return self.offset + (X - self.mean) / self.scale @ self.B


def unit_rows(x):
    """(N, G) -> (N, G) float32, each row of length 1 (a row of zeros stays one)."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float32).tiny)
