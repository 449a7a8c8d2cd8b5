"""ReLU, Tanh, Sigmoid, Dropout."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.activations import Dropout, ReLU, ReLU6, Sigmoid, Tanh, sigmoid
from minicap.backend import to_numpy


@pytest.mark.parametrize(("layer", "function"), [
    (ReLU(), lambda x: np.where(x > 0, x, 0)), (ReLU6(), lambda x: np.clip(x, 0, 6)), (Tanh(), np.tanh),
    (Sigmoid(), lambda x: 1 / (1 + np.exp(-x)))])
def test_activations_compute_their_equations(device, rng, layer, function):
    x = 4 * rng.standard_normal((3, 4))
    np.testing.assert_allclose(to_numpy(layer(device.asarray(x))), function(x), rtol=1e-12)


@pytest.mark.parametrize("layer", [ReLU(), ReLU6(), Tanh(), Sigmoid()], ids=repr)
@pytest.mark.parametrize("shape", [(4, 5), (7,), (2, 3, 4, 2)])
def test_activations_pass_the_gradient_check(assert_gradients, rng, layer, shape):
    assert_gradients(layer, 4 * rng.standard_normal(shape))


def test_relu_takes_the_gradient_zero_at_its_kink(device):
    y, cache = ReLU().forward(device.asarray(np.array([-1.0, 0.0, 2.0])))
    np.testing.assert_array_equal(to_numpy(ReLU().backward(device.asarray(np.ones(3)), cache)), [0, 0, 1])


def test_relu6_takes_the_gradient_zero_at_both_kinks(device):
    y, cache = ReLU6().forward(device.asarray(np.array([-1.0, 0, 2, 6, 7])))
    np.testing.assert_array_equal(to_numpy(ReLU6().backward(device.asarray(np.ones(5)), cache)), [0, 0, 1, 0, 0])


def test_sigmoid_and_tanh_saturate_without_overflow(device):
    """Warnings are errors here: the textbook formula 1 / (1 + exp(-x)) would fail this test."""
    x = device.asarray(np.array([-1e4, -100, 0, 100, 1e4], np.float32))
    np.testing.assert_allclose(to_numpy(sigmoid(x)), [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(to_numpy(Tanh()(x)), [-1, -1, 0, 1, 1], atol=1e-6)


# -------------------------------------------------------------------------------------------------------- dropout

def dropped(device, drop, shape=(200, 300), seed=0):
    y, _ = Dropout(drop, rng=np.random.default_rng(seed)).forward(device.asarray(np.ones(shape, np.float32)))
    return to_numpy(y)


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.9])
def test_dropout_zeroes_the_fraction_it_names_and_keeps_the_mean(device, drop):
    y = dropped(device, drop)
    deviation = np.sqrt(drop * (1 - drop) / y.size)  # of a fraction measured on y.size coins
    assert abs((y == 0).mean() - drop) < 5 * deviation
    assert abs(y.mean() - 1) < 5 * deviation / (1 - drop)
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - drop)], rtol=1e-6)


def test_dropout_draws_a_new_mask_each_time_and_the_same_one_for_the_same_seed(device):
    layer = Dropout(0.5, rng=np.random.default_rng(0))
    x = device.asarray(np.ones((10, 10), np.float32))
    first, second = (to_numpy(layer.forward(x)[0]) for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(first, dropped(device, 0.5, (10, 10)))


def test_dropout_passes_no_gradient_where_it_passed_no_value(device):
    layer = Dropout(0.5, rng=np.random.default_rng(0))
    x = device.asarray(np.ones((10, 10), np.float32))
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(to_numpy(layer.backward(x, cache)), to_numpy(y))


def test_dropout_is_the_identity_at_inference_and_draws_nothing(device, rng):
    layer = Dropout(0.9, rng=np.random.default_rng(0))
    before = layer.rng.bit_generator.state
    x = device.asarray(rng.standard_normal((5, 6)))
    assert layer(x) is x
    assert layer.rng.bit_generator.state == before


@pytest.mark.parametrize("drop", [0.0, 0.3, 0.8])
def test_dropout_passes_the_gradient_check(assert_gradients, rng, drop):
    assert_gradients(Dropout(drop, rng=np.random.default_rng(0)), rng.standard_normal((6, 5)))


@given(st.floats().filter(lambda p: not 0 <= p < 1))
def test_a_drop_that_is_no_probability_is_refused(drop):
    with pytest.raises(ValueError, match="drop is a probability"):
        Dropout(drop, rng=None)
