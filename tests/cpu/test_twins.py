"""The small twins on the CPU equal the plain functions: pooling, normalisation, cross-entropy, embedding, pointwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from minicap import cpu
from minicap.activations import relu6_backward, relu_backward
from minicap.backend import pointwise, pointwise_each
from minicap.cpu import losses, normalization, pooling
from minicap.cpu import pointwise as pieces
from minicap.linear import segment_sum, times_transpose
from minicap.losses import log_softmax, softmax_cross_entropy, softmax_cross_entropy_backward
from minicap.normalization import batch_norm, batch_norm_backward, channel_moments
from minicap.optim import WeightAverage, slot_for
from minicap.pooling import max_pool2d, max_pool2d_backward


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def doubles(*values):
    return [v.astype(np.float64) if getattr(v, "dtype", None) == np.float32 else v for v in values]


def assert_close(y, expected, tolerance=1e-5):
    assert y.shape == expected.shape and y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max(initial=0)))


PIXELS = {"N": st.integers(1, 3), "H": st.integers(3, 12), "W": st.integers(3, 12), "C": st.sampled_from([1, 3, 64])}


# --------------------------------------------------------------------------------------------------------- pooling

@given(**PIXELS, K=st.integers(1, 3), ties=st.booleans())
def test_pooling_and_its_gradient_equal_the_plain_ones(N, H, W, C, K, ties):
    x = normal(N, H, W, C)
    if ties:
        x = np.round(x)  # many equal pixels: the first in reading order gets the gradient
    y = max_pool2d(x, K, K)
    np.testing.assert_array_equal(y, max_pool2d.plain(x, K, K))
    dy = normal(*y.shape, seed=1)
    np.testing.assert_array_equal(max_pool2d_backward(dy, x, y, K, K), max_pool2d_backward.plain(dy, x, y, K, K))


@pytest.mark.parametrize("K, S, P", [(3, 2, 0), (2, 1, 0), (2, 3, 0), (2, 2, 1)])
def test_overlapping_and_padded_windows_are_left_to_the_plain_function(K, S, P):
    x = normal(1, 8, 8, 2)
    assert pooling.max_pool2d(x, K, S, P) is NotImplemented
    assert pooling.max_pool2d_backward(x, x, x, K, S, P) is NotImplemented


def test_large_images_are_pooled_in_several_blocks(monkeypatch):
    monkeypatch.setattr(pooling, "BLOCK", 100)
    test_pooling_and_its_gradient_equal_the_plain_ones.hypothesis.inner_test(2, 9, 7, 3, 2, True)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 300, 600)])
def test_the_gradient_of_relu_equals_the_plain_one(shape):
    dy, y = normal(*shape), np.maximum(normal(*shape, seed=1), 0)
    np.testing.assert_array_equal(relu_backward(dy, y), relu_backward.plain(dy, y))


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 300, 600)])
def test_the_gradient_of_relu6_equals_the_plain_one(shape):
    dy, y = normal(*shape), np.clip(6 * normal(*shape, seed=1), 0, 6)
    np.testing.assert_array_equal(relu6_backward(dy, y), relu6_backward.plain(dy, y))


# --------------------------------------------------------------------------------------------- batch normalisation

@given(**PIXELS, offset=st.sampled_from([0, 1000]), frozen=st.booleans())
def test_batch_normalisation_and_its_gradients_equal_the_plain_ones(N, H, W, C, offset, frozen):
    x, gamma, beta, dy = normal(N, H, W, C) + np.float32(offset), normal(C), normal(C), normal(N, H, W, C, seed=1)
    mean, var = channel_moments(x)
    wanted = channel_moments.plain(x.astype(np.float64))
    assert_close(mean, wanted[0], 2e-7)
    assert_close(var, wanted[1])  # a variance of 1 beside a mean of 1000: no squares were subtracted
    scale = (1 / np.sqrt(var + 1e-5)).astype(np.float32)
    tolerance = 1e-5 * max(1, offset / 10)  # what float32 knows of x
    arguments = (gamma, mean, scale)
    assert_close(batch_norm(x, gamma, beta, mean, scale), batch_norm.plain(*doubles(x, gamma, beta, mean, scale)),
                 tolerance)
    found = batch_norm_backward(dy, x, *arguments, frozen)
    for ours, right in zip(found, batch_norm_backward.plain(*doubles(dy, x, *arguments), frozen), strict=True):
        assert_close(ours, right, tolerance)


@pytest.mark.parametrize("block, row", [(1, 1), (64, 16), (1 << 20, 1 << 20)])
def test_blocks_of_any_size_give_the_same(monkeypatch, block, row):
    monkeypatch.setattr(normalization, "BLOCK", block)
    monkeypatch.setattr(normalization, "ROW", row)
    test_batch_normalisation_and_its_gradients_equal_the_plain_ones.hypothesis.inner_test(3, 6, 4, 3, 0, False)


# --------------------------------------------------------------------------------------------------- cross-entropy

@given(M=st.integers(1, 40), V=st.integers(1, 30), smoothing=st.sampled_from([0.0, 0.1]), block=st.integers(1, 2000))
def test_cross_entropy_and_its_gradient_equal_the_plain_ones(M, V, smoothing, block):
    logits, targets, dloss = 5 * normal(M, V), np.arange(M) % V, normal(M, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "BLOCK_BYTES", block)
        assert_close(log_softmax(logits), log_softmax.plain(logits.astype(np.float64)))
        p, loss = softmax_cross_entropy(logits, targets, smoothing)
        expected_p, expected_loss = softmax_cross_entropy.plain(logits.astype(np.float64), targets, smoothing)
        assert_close(p, expected_p)
        assert_close(loss, expected_loss)
        found = softmax_cross_entropy_backward(p.copy(), targets, dloss, smoothing)
    assert_close(found, softmax_cross_entropy_backward.plain(expected_p, targets, dloss.astype(np.float64), smoothing))


def test_logits_beyond_the_range_of_exp_are_no_trouble():
    p, loss = softmax_cross_entropy(np.array([[1e4, 0], [-1e4, 0]], np.float32), np.array([1, 1]))
    np.testing.assert_array_equal(p, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(loss, [1e4, 0])


# ------------------------------------------------------------------------------------------- embedding, pointwise

@given(shape=st.sampled_from([(), (7,), (3, 5), (2, 3, 4), (0,), (4, 0)]), V=st.integers(1, 9), E=st.integers(1, 4))
def test_gradients_are_summed_by_word_as_by_the_plain_function(shape, V, E):
    words = np.random.default_rng(0).integers(0, V, shape)
    dy = normal(*shape, E)
    total = segment_sum(dy, words, V)
    assert_close(total, segment_sum.plain(dy, words, V))


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 7, 11)])
def test_the_memory_of_an_optimiser_begins_with_a_line_of_the_cache(shape):
    slot = slot_for(np.ones(shape, np.float32))
    assert slot.shape == shape and slot.dtype == np.float32 and not slot.any()
    assert slot.size == 0 or slot.ctypes.data % 64 == 0


@pytest.mark.parametrize("N", [0, 1, 7, 64, 128, 300])
def test_a_product_of_few_rows_is_that_of_the_plain_function(N):
    dy, W = normal(N, 40), normal(200, 40)
    found = times_transpose(dy, W)
    assert found.flags.c_contiguous
    assert_close(found, times_transpose.plain(dy, W))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [[0], [1], [10], [95], [3001], [0, 4, 3, 25, 0, 7, 1, 9, 9, 41]])
def test_a_pointwise_change_reaches_every_element_once(monkeypatch, sizes, threads):
    monkeypatch.setattr(pieces, "PIECE", 10)
    arrays = [(np.zeros((size, 1)), np.arange(size)[None]) for size in sizes]

    def add(n):
        def change(x, y):
            x += y + n
        return change

    with threadpool_limits(threads, "blas"):
        pointwise_each([(*pair, add(n)) for n, pair in enumerate(arrays)])
    for n, (a, _) in enumerate(arrays):
        np.testing.assert_array_equal(a[:, 0], np.arange(len(a)) + n)


def test_without_arrays_nothing_is_changed():
    pointwise_each([])
    WeightAverage({}, 0.9).update()


def test_arrays_that_are_not_one_run_of_memory_are_changed_whole():
    a = np.zeros((4, 6))
    pointwise(a[:, ::2], np.ones((4, 3)), change=lambda x, y: x.__iadd__(y))
    np.testing.assert_array_equal(a, np.tile([1, 0], (4, 3)))


# ------------------------------------------------------------------------------------------------- all of them

def test_double_precision_is_left_to_the_plain_functions():
    x = np.ones((1, 2, 2, 1))
    v = np.ones(1)
    calls = {
        "segment_sum": (x, np.zeros((1, 2, 2), int), 1), "times_transpose": (x[0, 0], np.ones((3, 1))),
        "max_pool2d": (x, 2, 2), "max_pool2d_backward": (x, x, x, 2, 2),
        "channel_moments": (x,), "batch_norm": (x, v, v, v, v), "batch_norm_backward": (x, x, v, v, v),
        "log_softmax": (x[0, 0],), "softmax_cross_entropy": (x[0, 0], np.zeros(2, int)),
        "softmax_cross_entropy_backward": (x[0, 0], np.zeros(2, int), v),
    }
    for name, arguments in calls.items():
        twin = getattr(__import__(f"minicap.cpu.{cpu.TWINS[name]}", fromlist=[name]), name)
        assert twin(*arguments) is NotImplemented, name
