"""How well features tell which words stand in the captions of a picture: python words.py FEATURES.npy ...

FEATURES.npy   one vector for each picture of Flickr8k, as `python -m minicap.extract` stores them
MINICAP_DATA   where Flickr8k is

A word is one in the captions of at least 1 % and at most half of the pictures in train. From the features, each channel
with mean 0 and standard deviation 1, ridge regression predicts for every word whether it is in a caption: a linear
layer whose weights W make the sum of squares least, with λ · Σ W² added. λ is the best of a few for a sixth of train
that the regression has not seen. The score is the average precision on dev: pictures in the order of what was
predicted, how many of those up to each right one are right? Of that the mean, for each word, and then the mean over the
words.
"""

import sys
from collections import Counter

import numpy as np

from minicap.captioning.data import load_dataset
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.text.tokens import tokenize
from minicap.cli import run_program
from minicap.errors import UserError

LAMBDAS = (1e3, 3e3, 1e4, 3e4, 1e5)


def caption_words(dataset):
    """{picture: the set of words in its captions} of train and dev, and the words that are predicted, sorted."""
    found = {name: {word for caption in dataset.captions[name] for word in tokenize(caption)}
             for split in ("train", "dev") for name in dataset.splits[split]}
    pictures = len(dataset.splits["train"])
    times = Counter(word for name in dataset.splits["train"] for word in found[name])
    return found, sorted(word for word, n in times.items() if 0.01 * pictures <= n <= 0.5 * pictures)


def chance(dataset):
    """The mean average precision of an order that says nothing: the share of pictures in dev that have a word."""
    found, words = caption_words(dataset)
    return np.mean([[word in found[name] for word in words] for name in dataset.splits["dev"]])


def ridge(x, y, x_new, lambdas):
    """What is predicted for x_new, for each λ; W = (XᵀX + λ I)⁻¹ Xᵀy, by the eigenvectors of XᵀX."""
    mean, std, middle = x.mean(axis=0), x.std(axis=0) + 1e-6, y.mean(axis=0)
    x, x_new = (x - mean) / std, (x_new - mean) / std
    values, vectors = np.linalg.eigh((x.T @ x).astype(np.float64))
    xy, turned = vectors.T @ (x.T @ (y - middle)), x_new @ vectors
    return [turned @ (xy / (values + each)[:, None]) + middle for each in lambdas]


def average_precision(scores, right):
    """For each word (a column) the mean, over the pictures that have it, of how many were right up to there."""
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(right, order, axis=0)
    precision = np.cumsum(hits, axis=0) / np.arange(1, len(hits) + 1)[:, None]
    return (precision * hits).sum(axis=0) / np.maximum(hits.sum(axis=0), 1)


def predicted(path, dataset):
    """The average precision of every word on dev, in the order of ``caption_words``; words that dev lacks are nan."""
    file, (found, words) = open_features(path), caption_words(dataset)
    if file.array.ndim != 2:
        raise UserError(f"{path} holds regions; use features of one vector for each picture")
    x, y = {}, {}
    for split in ("train", "dev"):
        names = dataset.splits[split]
        file.check_images(names)
        x[split] = file.read([file.row[name] for name in names])
        y[split] = np.array([[word in found[name] for word in words] for name in names], np.float32)
    order = np.random.default_rng(0).permutation(len(x["train"]))
    fitted, held_out = np.split(order, [5 * len(order) // 6])
    tries = ridge(x["train"][fitted], y["train"][fitted], x["train"][held_out], LAMBDAS)
    best = max(range(len(tries)), key=lambda i: average_precision(tries[i], y["train"][held_out]).mean())
    (scores,) = ridge(x["train"], y["train"], x["dev"], LAMBDAS[best:best + 1])
    return np.where(y["dev"].any(axis=0), average_precision(scores, y["dev"]), np.nan)


def main(paths):
    if not paths:
        raise UserError("name the feature files: python words.py FEATURES.npy ...")
    dataset = load_dataset("flickr8k")
    for path in paths:
        found = predicted(path, dataset)
        print(f"{path}: mean average precision {100 * np.nanmean(found):.1f} over {np.isfinite(found).sum()} words")


if __name__ == "__main__":
    run_program(main, sys.argv[1:])
