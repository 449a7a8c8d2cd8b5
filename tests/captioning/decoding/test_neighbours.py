"""Neighbours by predicted words: ridge regression against its definition, and what makes images similar."""

import numpy as np
import pytest

from minicap.captioning.decoding.neighbours import Neighbours, RidgeRegression, largest, unit_rows
from minicap.captioning.scoring.cider import TfIdf


def neighbours(train, descriptors):
    weigh = TfIdf(train)
    return Neighbours(weigh.captions, weigh.first, descriptors)


@pytest.fixture
def samples(rng):
    """X (40, 6) on very different scales, and Y (40, 3), which depends on it."""
    X = rng.standard_normal((40, 6)) * [1, 10, 0.1, 1, 3, 1] + 5
    return X, X @ rng.standard_normal((6, 3)) + rng.standard_normal((40, 3))


def least_squares(X, Y, strength):
    """The same by numpy.linalg.lstsq: the penalty λ ‖B‖² is that of more samples √λ I, whose Y is 0."""
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    G = X.shape[1]
    B, *_ = np.linalg.lstsq(np.vstack([z, np.sqrt(len(X) * strength) * np.eye(G)]),
                            np.vstack([Y - Y.mean(axis=0), np.zeros((G, Y.shape[1]))]), rcond=None)
    return lambda x: Y.mean(axis=0) + (x - X.mean(axis=0)) / X.std(axis=0) @ B


@pytest.mark.parametrize("strength", [0.01, 1, 30])
def test_the_regression_is_least_squares_with_a_penalty(samples, rng, strength):
    X, Y = samples
    new = rng.standard_normal((5, 6)) * 3
    np.testing.assert_allclose(RidgeRegression(X, Y, (strength,))(new), least_squares(X, Y, strength)(new), rtol=1e-9)


def test_the_errors_of_samples_left_out_are_those_of_regressions_without_them(samples):
    """Means and scales stay those of all samples, and so does λ."""
    X, Y = samples
    z, N = (X - X.mean(axis=0)) / X.std(axis=0), len(X)
    for strength, error in RidgeRegression(X, Y, (0.1, 2)).errors.items():
        missed = []
        for n in range(N):
            rest = np.arange(N) != n
            design = np.hstack([np.ones((N - 1, 1)), z[rest]])
            penalty = np.diag([0, *[N * strength] * 6])  # not on the constant
            B = np.linalg.solve(design.T @ design + penalty, design.T @ Y[rest])
            missed.append(Y[n] - np.concatenate([[1], z[n]]) @ B)
        assert error == pytest.approx(np.square(missed).sum() / N, rel=1e-9)


def test_the_strength_is_the_one_that_predicts_best(rng):
    X = rng.standard_normal((60, 50))
    noise = RidgeRegression(X, rng.standard_normal((60, 4)))
    exact = RidgeRegression(X[:, :5], X[:, :5] @ rng.standard_normal((5, 4)))
    assert noise.strength == 30 and exact.strength == 0.1
    assert noise.errors[30] == min(noise.errors.values())


def test_features_that_never_vary_in_train_are_no_division_by_zero(samples):
    X, Y = samples
    constant = RidgeRegression(np.hstack([X, np.full((40, 1), 3.0)]), Y, (1,))
    np.testing.assert_allclose(constant(np.hstack([X, np.full((40, 1), 7.0)])), least_squares(X, Y, 1)(X), rtol=1e-9)
    np.testing.assert_allclose(RidgeRegression(np.ones((4, 2)), Y[:4])(np.ones((1, 2))), Y[:4].mean(axis=0)[None])
    np.testing.assert_array_equal(RidgeRegression(X[:1], Y[:1])(X[:2]), Y[[0, 0]])  # one sample, which predicts itself


def test_what_the_captions_are_about_makes_images_similar_and_not_what_the_features_show_most(rng):
    """The first feature, a hundred times as large, has nothing to do with the captions, the second one decides them."""
    animal = rng.integers(0, 2, 200)
    features = np.column_stack([100 * rng.standard_normal(200), animal + 0.1 * rng.standard_normal(200)])
    train = [[["a", "dog", "runs"], ["the", "dog"]] if dog else [["a", "cat", "sits"], ["the", "cat"]]
             for dog in animal]
    nearest = neighbours(train, features)
    for dog in (0, 1):
        (rows,) = nearest(np.array([[150.0, dog]]), 20)
        assert len({*rows}) == 20 and (animal[rows] == dog).all()


def test_words_of_a_few_images_are_left_out(rng):
    train = [[["dog"] if n % 2 else ["cat"]] for n in range(900)]
    train[5] = train[6] = [["zebra", "dog"]]
    assert neighbours(train, rng.standard_normal((900, 2))).fractions.shape == (900, 2)
    train[7] = train[5]
    assert neighbours(train, rng.standard_normal((900, 2))).fractions.shape == (900, 3)


def by_definition(train, descriptors, pictures, count):
    """The vectors of all images side by side, and all cosines sorted."""
    words = sorted({word for captions in train for caption in captions for word in caption})
    Y = np.array([[np.mean([word in caption for caption in captions]) for word in words] for captions in train])
    idf = np.log(len(train) / (Y > 0).sum(axis=0))
    vectors = unit_rows((Y - Y.mean(axis=0)) * idf)
    predicted = unit_rows((RidgeRegression(descriptors, Y)(pictures) - Y.mean(axis=0)) * idf)
    return np.argsort(-(predicted @ vectors.T).astype(float).round(5), axis=1, kind="stable")[:, :count]


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_neighbours_are_those_of_the_definition_however_many_images_are_in_memory(rng, monkeypatch, at_once):
    """Other numbers of captions, repeated words, images with the same captions: of these the first comes first."""
    monkeypatch.setattr("minicap.captioning.decoding.neighbours.AT_ONCE", at_once)
    train = [[list(rng.choice(["a", "dog", "cat", "runs", "sits"], rng.integers(1, 6))) for _ in range(n % 3 + 1)]
             for n in range(28)]
    train += train[:2]
    X = rng.standard_normal((30, 4))
    pictures = rng.standard_normal((5, 4))
    found = neighbours(train, X)(pictures, 8)
    np.testing.assert_array_equal(found, by_definition(train, X, pictures, 8))


@pytest.mark.parametrize("at_once", [1, 7])
def test_a_regression_does_not_depend_on_how_many_samples_are_in_memory(samples, monkeypatch, at_once):
    X, Y = samples
    together = RidgeRegression(X, Y)
    monkeypatch.setattr("minicap.captioning.decoding.neighbours.AT_ONCE", at_once)
    in_parts = RidgeRegression(X, Y)
    np.testing.assert_allclose(in_parts(X), together(X), rtol=1e-12)
    assert in_parts.errors == pytest.approx(together.errors, rel=1e-12)


def test_the_largest_are_those_of_a_stable_sort(rng):
    values = rng.integers(0, 5, 40).astype(float)
    for count in (1, 7, 39, 40, 50):
        np.testing.assert_array_equal(largest(values, count), np.argsort(-values, kind="stable")[:count])


def test_rows_of_zeros_are_similar_to_nothing_and_no_nan():
    np.testing.assert_array_equal(unit_rows([[0, 0], [3, 4]]), np.float32([[0, 0], [0.6, 0.8]]))
