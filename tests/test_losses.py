"""Softmax cross-entropy: its values, mask, label smoothing and gradient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.backend import to_numpy
from minicap.losses import SoftmaxCrossEntropy, log_softmax


def loss(device, logits, targets, mask=None, smoothing=0.0):
    """The training loss as a Python number."""
    arrays = (None if a is None else device.asarray(np.asarray(a)) for a in (logits, targets, mask))
    value, _ = SoftmaxCrossEntropy(smoothing).forward(*arrays)
    return float(to_numpy(value))


def test_equal_logits_cost_the_logarithm_of_the_vocabulary(device):
    assert loss(device, np.full((4, 10), 3.0), [0, 3, 9, 3]) == pytest.approx(np.log(10))


def test_the_loss_is_the_mean_negative_log_probability(device, rng):
    logits, targets = rng.standard_normal((3, 5)), [4, 0, 2]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert loss(device, logits, targets) == pytest.approx(-np.log(p[[0, 1, 2], targets]).mean())


@given(shift=st.floats(-1e4, 1e4))
def test_a_number_added_to_all_logits_changes_nothing(device, shift):
    logits = np.random.default_rng(0).standard_normal((3, 5))
    assert loss(device, logits + shift, [4, 0, 2]) == pytest.approx(loss(device, logits, [4, 0, 2]), abs=1e-9)


def test_huge_logits_neither_overflow_nor_lose_the_loss(device):
    logits = np.array([[1000.0, 0.0], [-1000.0, 0.0]], np.float32)
    assert loss(device, logits, [1, 1]) == pytest.approx(500)
    np.testing.assert_array_equal(to_numpy(log_softmax(device.asarray(logits))), [[0, -1000], [-1000, 0]])


def test_a_mask_is_the_same_as_leaving_the_samples_out(device, rng):
    logits, targets, mask = rng.standard_normal((5, 4)), np.array([0, 1, 2, 3, 0]), np.array([1, 0, 1, 1, 0], bool)
    assert loss(device, logits, targets, mask) == pytest.approx(loss(device, logits[mask], targets[mask]))


def test_a_mask_that_leaves_nothing_gives_no_loss_and_no_gradient(device, rng):
    layer = SoftmaxCrossEntropy()
    nothing = device.asarray(np.zeros(3, bool))
    value, cache = layer.forward(device.asarray(rng.standard_normal((3, 4))), device.asarray(np.arange(3)), nothing)
    assert float(value) == 0
    np.testing.assert_array_equal(to_numpy(layer.backward(1.0, cache)[0]), np.zeros((3, 4)))


def test_masked_samples_get_no_gradient_and_the_others_share_all_of_it(device, rng):
    logits, mask = rng.standard_normal((5, 4)), np.array([1, 0, 1, 1, 0], bool)
    layer = SoftmaxCrossEntropy()
    _, cache = layer.forward(*(device.asarray(a) for a in (logits, np.array([0, 1, 2, 3, 0]), mask)))
    dlogits, dtargets = layer.backward(1.0, cache)
    dlogits = to_numpy(dlogits)
    assert dtargets is None
    np.testing.assert_array_equal(dlogits[~mask], 0)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(dlogits[mask], (p - np.eye(4)[[0, 1, 2, 3, 0]])[mask] / 3, rtol=1e-9, atol=1e-15)


def test_label_smoothing_mixes_the_target_with_the_uniform_distribution(device, rng):
    logits, targets, eps = rng.standard_normal((3, 5)), [4, 0, 2], 0.1
    log_p = to_numpy(log_softmax(device.asarray(logits)))
    soft_targets = (1 - eps) * np.eye(5)[targets] + eps / 5
    assert loss(device, logits, targets, smoothing=eps) == pytest.approx(-(soft_targets * log_p).sum(axis=1).mean())


def test_at_inference_the_loss_is_not_smoothed_so_that_its_exponential_is_the_perplexity(device, rng):
    logits, targets = device.asarray(rng.standard_normal((3, 5))), device.asarray(np.array([4, 0, 2]))
    value = float(to_numpy(SoftmaxCrossEntropy(label_smoothing=0.2)(logits, targets)))
    assert value == pytest.approx(loss(device, to_numpy(logits), [4, 0, 2]))


def test_a_teacher_s_probabilities_take_a_part_of_the_target_s_place(assert_gradients, device, rng):
    logits, targets = rng.standard_normal((4, 5)), np.array([4, 0, 2, 2])
    q = rng.random((4, 5))
    q /= q.sum(axis=1, keepdims=True)
    weight = np.array([0.5, 0.25, 0.0, -0.25])
    wanted = 0.7 * np.eye(5)[targets] + 0.3 * q
    log_p = to_numpy(log_softmax(device.asarray(logits)))
    layer, soft = SoftmaxCrossEntropy(), (device.asarray(q), 0.3)
    arrays = device.asarray(logits), device.asarray(targets)
    value, cache = layer.forward(*arrays, weight=device.asarray(weight), soft=soft)
    assert float(to_numpy(value)) == pytest.approx(-(weight[:, None] * wanted * log_p).sum())
    np.testing.assert_allclose(to_numpy(layer.backward(1.0, cache)[0]), weight[:, None] * (np.exp(log_p) - wanted),
                               rtol=1e-9, atol=1e-12)
    plain, _ = layer.forward(*arrays)
    taught_nothing, _ = layer.forward(*arrays, soft=(device.asarray(q), 0.0))
    assert float(plain) == pytest.approx(float(taught_nothing))
    with pytest.raises(ValueError, match=r"expects q of shape \(4, 5\), got \(3, 5\)"):
        layer.forward(*arrays, soft=(device.asarray(q[:3]), 0.3))


def test_weights_take_the_place_of_the_mean_and_may_be_negative(assert_gradients, device, rng):
    logits, targets, weight = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1]), np.array([0.5, -2.0, 0.0, 1.0])
    arrays = [device.asarray(a) for a in (logits, targets)]
    found, _ = SoftmaxCrossEntropy().forward(*arrays, weight=device.asarray(weight))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert float(to_numpy(found)) == pytest.approx(-(weight * np.log(p[np.arange(4), targets])).sum())
    assert_gradients(SoftmaxCrossEntropy(), *arrays, weight=device.asarray(weight))
    with pytest.raises(ValueError, match=r"expects weight of shape \(4\), got \(4, 1\)"):
        SoftmaxCrossEntropy().forward(*arrays, weight=device.asarray(weight[:, None]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("mask", [None, [1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1]])
def test_cross_entropy_passes_the_gradient_check(assert_gradients, device, rng, smoothing, mask):
    mask = None if mask is None else device.asarray(np.array(mask, bool))
    logits, targets = rng.standard_normal((6, 5)), np.array([0, 1, 4, 1, 2, 2])
    assert_gradients(SoftmaxCrossEntropy(smoothing), logits, targets, mask=mask)


def test_the_gradient_scales_with_that_of_the_loss(device, rng):
    logits, targets = device.asarray(rng.standard_normal((3, 5))), device.asarray(np.array([4, 0, 2]))
    layer = SoftmaxCrossEntropy()
    once, twice = (to_numpy(layer.backward(dloss, layer.forward(logits, targets)[1])[0]) for dloss in (1.0, 2.0))
    np.testing.assert_allclose(twice, 2 * once)


@pytest.mark.parametrize(("shapes", "message"), [
    (((3,), (3,), None), r"expects logits of shape \(M, V\), got \(3,\)"),
    (((2, 3, 4), (2, 3), None), r"expects logits of shape \(M, V\), got \(2, 3, 4\)"),
    (((3, 4), (4,), None), r"expects targets of shape \(3\), got \(4,\)"),
    (((3, 4), (3, 1), None), r"expects targets of shape \(3\), got \(3, 1\)"),
    (((3, 4), (3,), (3, 1)), r"expects mask of shape \(3\), got \(3, 1\)"),
])
def test_shapes_that_would_broadcast_into_nonsense_are_refused(device, shapes, message):
    kinds = (float, int, bool)
    arrays = (None if s is None else device.asarray(np.ones(s, kind)) for s, kind in zip(shapes, kinds, strict=True))
    with pytest.raises(ValueError, match=r"SoftmaxCrossEntropy\(\) " + message):
        SoftmaxCrossEntropy()(*arrays)
