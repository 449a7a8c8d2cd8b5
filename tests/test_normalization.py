"""BatchNorm2d: the batch's statistics in training, the running ones at inference. L2Normalize: rows of one length."""

import numpy as np
import pytest

from minicap.backend import to_numpy
from minicap.normalization import BatchNorm2d, L2Normalize, Standardize


@pytest.fixture
def layer(device, rng):
    """Three channels with statistics, scales and shifts that are not the neutral ones they start with."""
    layer = BatchNorm2d(3)
    layer.gamma.data, layer.beta.data = rng.uniform(0.5, 2, 3), rng.standard_normal(3)
    layer.mean.data, layer.var.data = rng.standard_normal(3), rng.uniform(0.5, 2, 3)
    return layer.to(device)


def test_training_normalises_each_channel_over_batch_and_pixels(device, layer, rng):
    x = 5 + 3 * rng.standard_normal((4, 5, 6, 3))
    y = to_numpy(layer.forward(device.asarray(x))[0])
    state = layer.state()
    for c in range(3):
        x_hat = (x[..., c] - x[..., c].mean()) / np.sqrt(x[..., c].var() + 1e-5)
        np.testing.assert_allclose(y[..., c], state["gamma"][c] * x_hat + state["beta"][c], rtol=1e-9)


def test_inference_uses_the_running_statistics_so_neighbours_do_not_matter(device, layer, rng):
    x = rng.standard_normal((4, 5, 6, 3))
    state = layer.state()
    expected = (x - state["mean"]) / np.sqrt(state["var"] + 1e-5) * state["gamma"] + state["beta"]
    np.testing.assert_allclose(to_numpy(layer(device.asarray(x))), expected, rtol=1e-9)
    np.testing.assert_array_equal(to_numpy(layer(device.asarray(x[:1]))), to_numpy(layer(device.asarray(x)))[:1])
    assert all((a == state[n]).all() for n, a in layer.state().items())


def test_running_statistics_move_a_tenth_of_the_way_with_the_unbiased_variance(device, layer, rng):
    x = rng.standard_normal((4, 5, 6, 3))
    before = layer.state()
    layer.forward(device.asarray(x))
    samples = x.reshape(-1, 3)
    np.testing.assert_allclose(layer.state()["mean"], 0.9 * before["mean"] + 0.1 * samples.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(layer.state()["var"], 0.9 * before["var"] + 0.1 * samples.var(axis=0, ddof=1), rtol=1e-9)


def test_running_statistics_reach_those_of_the_data(device, rng):
    layer = BatchNorm2d(1).to(device)
    for _ in range(150):
        layer.forward(device.asarray(2 + 3 * rng.standard_normal((8, 4, 4, 1))))
    assert layer.state()["mean"][0] == pytest.approx(2, abs=0.3)
    assert layer.state()["var"][0] == pytest.approx(9, rel=0.15)


def test_frozen_statistics_are_used_and_kept_in_training(device, layer, rng):
    layer.frozen = True
    before, x = layer.state(), device.asarray(rng.standard_normal((4, 5, 6, 3)))
    np.testing.assert_array_equal(to_numpy(layer.forward(x)[0]), to_numpy(layer(x)))
    assert all((a == before[n]).all() for n, a in layer.state().items())


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 4, 3), (5, 1, 1, 3), (1, 2, 3, 3)])
def test_batch_norm_passes_the_gradient_check(assert_gradients, layer, rng, frozen, shape):
    layer.frozen = frozen
    assert_gradients(layer, rng.standard_normal(shape))


def test_a_batch_of_one_number_per_channel_stays_finite(device, layer):
    y, cache = layer.forward(device.asarray(np.ones((1, 1, 1, 3))))
    dx = layer.backward(device.asarray(np.ones((1, 1, 1, 3))), cache)
    assert np.isfinite(to_numpy(y)).all() and np.isfinite(to_numpy(dx)).all()
    assert all(np.isfinite(a).all() for a in layer.state().values())


@pytest.mark.parametrize("frozen", [False, True])
def test_another_number_of_channels_is_refused(device, layer, frozen):
    layer.frozen = frozen
    for call in (layer, layer.forward):
        with pytest.raises(ValueError, match=r"expects x of shape \(N, H, W, 3\), got \(2, 4, 4, 1\)"):
            call(device.asarray(np.ones((2, 4, 4, 1))))


def test_l2_normalisation_gives_every_row_the_length_and_keeps_its_direction(device, rng):
    x = rng.standard_normal((4, 6)) * np.array([[1e-3], [1], [10], [1e4]])
    y = to_numpy(L2Normalize(5.0)(device.asarray(x)))
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 5)
    np.testing.assert_allclose(y / 5, x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-6)


def test_a_row_of_zeros_stays_zero(device):
    np.testing.assert_array_equal(to_numpy(L2Normalize()(device.asarray(np.zeros((2, 3))))), 0)


def test_l2_normalisation_passes_the_gradient_check(assert_gradients, rng):
    assert_gradients(L2Normalize(3.0), rng.standard_normal((4, 6)))


def test_standardised_channels_have_mean_0_and_deviation_1_and_a_constant_one_keeps_its_scale(device, rng):
    x = rng.standard_normal((4, 5, 3)).astype(np.float32) * np.float32([100, 0.1, 0]) + np.float32([7, -2, 5])
    layer = Standardize(3).to(device)
    layer.fit(device.asarray(x))
    y = to_numpy(layer(device.asarray(x))).reshape(-1, 3)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=0), [1, 1, 0], atol=1e-5)
    assert [name for name, _ in layer.named_state()] == ["mean", "std"] and not list(layer.named_parameters())
