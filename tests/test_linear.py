"""Linear, Embedding, Flatten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.backend import to_numpy
from minicap.linear import Embedding, Flatten, Linear


def test_linear_computes_its_equation(device, rng):
    layer = Linear(3, 2, rng=rng).to(device)
    layer.b.data += 0.5
    x = rng.standard_normal((4, 3))
    y = to_numpy(layer(device.asarray(x)))
    W, b = layer.state()["W"], layer.state()["b"]
    for n in range(4):
        for h in range(2):
            assert y[n, h] == pytest.approx(sum(x[n, d] * W[d, h] for d in range(3)) + b[h])


@given(leading=st.lists(st.integers(1, 4), max_size=3))
def test_linear_takes_any_leading_axes_as_samples(device, leading):
    rng = np.random.default_rng(0)
    layer = Linear(3, 2, rng=rng).to(device)
    x = rng.standard_normal((*leading, 3))
    y = to_numpy(layer(device.asarray(x)))
    assert y.shape == (*leading, 2)
    np.testing.assert_allclose(y.reshape(-1, 2), to_numpy(layer(device.asarray(x.reshape(-1, 3)))), rtol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3), (2, 1, 2, 3)])
def test_linear_passes_the_gradient_check(assert_gradients, rng, shape):
    assert_gradients(Linear(3, 4, rng=rng), rng.standard_normal(shape))


def test_linear_without_bias_has_one_parameter(assert_gradients, rng):
    layer = Linear(3, 4, rng=rng, bias=False)
    assert layer.b is None and [name for name, _ in layer.named_parameters()] == ["W"]
    assert_gradients(layer, rng.standard_normal((5, 3)))


def test_embedding_is_a_one_hot_vector_times_the_table(device, rng):
    layer = Embedding(5, 3, rng=rng).to(device)
    words = np.array([[4, 0, 4], [1, 2, 2]])
    y = to_numpy(layer(device.asarray(words)))
    np.testing.assert_allclose(y, np.eye(5)[words] @ layer.state()["W"])


@pytest.mark.parametrize("words", [[0, 1, 2], [3, 3, 3], [[0, 4], [4, 4]], [[[1]]]])
def test_embedding_passes_the_gradient_check_also_with_repeated_words(assert_gradients, rng, words):
    assert_gradients(Embedding(5, 3, rng=rng), np.array(words))


def test_a_repeated_word_receives_the_sum_of_its_gradients_and_an_absent_one_none(device, rng):
    layer = Embedding(4, 2, rng=rng).to(device)
    y, cache = layer.forward(device.asarray(np.array([1, 3, 1])))
    assert layer.backward(device.asarray(np.array([[1, 2], [10, 20], [100, 200]], np.float32)), cache) is None
    np.testing.assert_array_equal(to_numpy(layer.W.grad), [[0, 0], [101, 202], [0, 0], [10, 20]])


def test_embedding_refuses_words_that_are_no_integers(device, rng):
    with pytest.raises(ValueError, match=r"Embedding\(5 words -> 3\) expects integer words, got float64"):
        Embedding(5, 3, rng=rng).to(device)(device.asarray(np.zeros(2)))


def test_flatten_reads_rows_then_columns_then_channels(device):
    x = np.arange(2 * 2 * 3 * 4).reshape(2, 2, 3, 4)
    np.testing.assert_array_equal(to_numpy(Flatten()(device.asarray(x))), [range(24), range(24, 48)])


def test_flatten_passes_the_gradient_check(assert_gradients, rng):
    assert_gradients(Flatten(), rng.standard_normal((2, 3, 4, 2)))


def test_a_gradient_of_x_that_nobody_wants_is_not_computed(device, rng):
    layer, plain = (Linear(3, 4, rng=np.random.default_rng(0), input_gradient=wanted).to(device)
                    for wanted in (False, True))
    x, dy = (device.asarray(rng.standard_normal(shape).astype(np.float32)) for shape in ((5, 3), (5, 4)))
    assert layer.backward(dy, layer.forward(x)[1]) is None
    plain.backward(dy, plain.forward(x)[1])
    for ours, theirs in zip(layer.parameters(), plain.parameters(), strict=True):
        np.testing.assert_array_equal(to_numpy(ours.grad), to_numpy(theirs.grad))
