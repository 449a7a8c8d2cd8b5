"""Random weights: the variances of the papers, the same weights for the same seed, zeros without a generator."""

import numpy as np
import pytest

from minicap.initializers import fan_in_out, glorot, he, normal, orthogonal

ALL = {"he": he, "glorot": glorot, "orthogonal": orthogonal, "normal": normal(0.1)}


@pytest.mark.parametrize("init", ALL.values(), ids=ALL)
def test_one_seed_means_one_model(init):
    draws = [init(np.random.default_rng(seed), (6, 12)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    assert draws[0].dtype == np.float32 and draws[0].shape == (6, 12)


@pytest.mark.parametrize("init", ALL.values(), ids=ALL)
def test_without_a_generator_the_weights_are_zeros_for_a_loader_to_fill(init):
    W = init(None, (6, 12))
    assert W.dtype == np.float32 and W.shape == (6, 12) and not W.any()


def test_fans_count_what_one_unit_sees_and_feeds():
    assert fan_in_out((300, 500)) == (300, 500)
    assert fan_in_out((3, 3, 64, 128)) == (9 * 64, 9 * 128)


@pytest.mark.parametrize("shape", [(400, 300), (3, 3, 40, 60)])
def test_he_keeps_the_variance_of_a_relu_layer(shape, rng):
    W = he(rng, shape)
    assert np.var(W) == pytest.approx(2 / fan_in_out(shape)[0], rel=0.03)
    assert abs(W.mean()) < 0.01


def test_glorot_is_uniform_with_the_bound_of_the_paper(rng):
    W, bound = glorot(rng, (400, 200)), np.sqrt(6 / 600)
    assert abs(W).max() <= bound and abs(W).max() > 0.99 * bound
    assert np.var(W) == pytest.approx(2 / 600, rel=0.03)


def test_normal_has_the_standard_deviation_asked_for(rng):
    assert np.std(normal(0.05)(rng, (200, 300))) == pytest.approx(0.05, rel=0.02)


def test_orthogonal_blocks_have_to_fit_side_by_side(rng):
    with pytest.raises(ValueError, match="20 is not a multiple of 8"):
        orthogonal(rng, (8, 20))


def test_orthogonal_gives_one_rotation_per_gate(rng):
    U = orthogonal(rng, (8, 32))
    blocks = np.split(U, 4, axis=1)
    for Q in blocks:
        np.testing.assert_allclose(Q @ Q.T, np.eye(8), atol=1e-6)
    assert (blocks[0] != blocks[1]).any()
