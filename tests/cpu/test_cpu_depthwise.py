"""The twins of the depthwise convolution on the CPU equal the plain functions, whatever the shape."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from minicap.cpu import depthwise
from minicap.depthwise import depthwise_conv2d, depthwise_conv2d_backward, output_sizes

SIDES = st.tuples(*2 * [st.tuples(st.integers(0, 6), st.integers(0, 6))])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def results(x, W, b, S, padding):
    y = depthwise_conv2d(x, W, b, S, padding)
    return y, *depthwise_conv2d_backward(normal(*y.shape, seed=1), x, W, S, padding)


def assert_twins_agree(x, W, b, S, padding):
    doubles = [a.astype(np.float64) for a in (x, W, b)]
    y = depthwise_conv2d.plain(*doubles, S, padding)
    dy = normal(*y.shape, seed=1).astype(np.float64)
    expected = y, *depthwise_conv2d_backward.plain(dy, *doubles[:2], S, padding)
    for ours, right in zip(results(x, W, b, S, padding), expected, strict=True):
        assert ours.shape == right.shape and ours.dtype == np.float32
        np.testing.assert_allclose(ours, right, rtol=0, atol=2e-5 * max(1, np.abs(right).max()))


@given(N=st.integers(1, 3), H=st.integers(1, 12), W=st.integers(1, 12), C=st.sampled_from([1, 15, 16, 33, 40]),
       K=st.integers(1, 6), S=st.integers(1, 3), padding=SIDES)
def test_any_depthwise_convolution_and_its_gradients_equal_the_plain_ones(loops, N, H, W, C, K, S, padding):
    x = normal(N, H, W, C)
    assume(min(output_sizes(x, K, S, padding)) >= 1)
    assert_twins_agree(x, normal(K, K, C), normal(C), S, padding)


@pytest.mark.parametrize("block", [1, 700, 1 << 30])
@pytest.mark.parametrize("K, S", [(3, 1), (3, 2), (5, 1), (5, 2), (2, 3)])
def test_blocks_of_any_size_give_the_same(loops, monkeypatch, block, K, S):
    monkeypatch.setattr(depthwise, "BLOCK", block)
    assert_twins_agree(normal(5, 9, 11, 33), normal(K, K, 33), normal(33), S, ((K // 2, K // 2), (0, K // 2)))


def test_the_same_numbers_come_out_of_every_run(loops):
    arguments = normal(3, 33, 33, 32), normal(3, 3, 32), normal(32), 2, ((0, 1), (0, 1))
    with threadpool_limits(2, "blas"):
        for once, again in zip(results(*arguments), results(*arguments), strict=True):
            np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("other", [0, 1, 2])
def test_other_precisions_are_left_to_the_plain_functions(other):
    arrays = [normal(1, 5, 5, 2), normal(3, 3, 2), normal(2)]
    arrays[other] = arrays[other].astype(np.float64)
    assert depthwise.depthwise_conv2d(*arrays, 1, ((0, 0), (0, 0))) is NotImplemented
    arrays = [normal(1, 3, 3, 2), normal(1, 5, 5, 2), normal(3, 3, 2)]
    arrays[other] = arrays[other].astype(np.float64)
    assert depthwise.depthwise_conv2d_backward(*arrays, 1, ((0, 0), (0, 0))) is NotImplemented


def test_parts_of_larger_arrays_may_come_in(loops):
    x, W = normal(4, 18, 20, 64)[::2, 1:17, ::2, 3:35], normal(3, 3, 64)[..., ::2]
    assert_twins_agree(x, W, normal(64)[::2], 1, ((1, 1), (1, 1)))
    dy = normal(2, 16, 10, 64)[..., ::2]
    found = depthwise_conv2d_backward(dy, x, W, 1, ((1, 1), (1, 1)))
    for ours, right in zip(found, depthwise_conv2d_backward.plain(dy, x, W, 1, ((1, 1), (1, 1))), strict=True):
        np.testing.assert_allclose(ours, right, rtol=0, atol=1e-4)


def test_an_empty_batch_gives_an_empty_result():
    x, W, b = normal(0, 5, 5, 2), normal(3, 3, 2), normal(2)
    y, dx, dW, db = results(x, W, b, 1, ((1, 1), (1, 1)))
    assert y.shape == dx.shape == x.shape and not dW.any() and not db.any()
