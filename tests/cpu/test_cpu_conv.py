"""The convolution's twins on the CPU equal the plain functions, whatever the shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.conv import conv2d, conv2d_backward
from minicap.cpu import conv
from minicap.cpu.conv import algorithm


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_close(y, expected, tolerance=2e-5):
    assert y.shape == expected.shape and y.dtype == np.float32
    assert np.abs(y - expected).max() <= tolerance * np.abs(expected).max()


def assert_twins_agree(x, W, b, S, P, input_gradient=True):
    doubles = [a.astype(np.float64) for a in (x, W, b)]
    y = conv2d(x, W, b, S, P)
    assert_close(y, conv2d.plain(*doubles, S, P))
    dy = normal(*y.shape, seed=1)
    found = conv2d_backward(dy, x, W, S, P, input_gradient)
    expected = conv2d_backward.plain(dy.astype(np.float64), *doubles[:2], S, P)
    assert (found[0] is not None) == input_gradient
    for ours, right in zip(found[1 - input_gradient:], expected[1 - input_gradient:], strict=True):
        assert_close(ours, right)


@given(N=st.integers(1, 3), H=st.integers(5, 20), W=st.integers(5, 20), C=st.sampled_from([1, 3, 32]),
       F=st.sampled_from([2, 33]), K=st.integers(1, 5), S=st.integers(1, 3), P=st.integers(0, 5),
       input_gradient=st.booleans())
def test_any_convolution_and_its_gradients_equal_the_plain_ones(N, H, W, C, F, K, S, P, input_gradient):
    assert_twins_agree(normal(N, H, W, C), normal(K, K, C, F), normal(F), S, P, input_gradient)


@pytest.mark.parametrize("block_bytes", [1, 4000, 1 << 30])
@pytest.mark.parametrize("S", [1, 2])
def test_blocks_of_any_size_give_the_same(monkeypatch, block_bytes, S):
    monkeypatch.setattr(conv, "BLOCK_BYTES", block_bytes)
    assert_twins_agree(normal(5, 9, 11, 3), normal(5, 5, 3, 8), normal(8), S, 2)


@pytest.mark.parametrize("shape, S, P, way", [
    ((3, 3, 32, 32), 1, 1, "winograd"), ((3, 3, 15, 32), 1, 1, "im2col"), ((3, 3, 32, 32), 2, 1, "im2col"),
    ((3, 3, 32, 32), 1, 0, "im2col"), ((5, 5, 32, 32), 1, 1, "im2col"), ((1, 1, 32, 32), 1, 0, "1x1"),
    ((1, 1, 32, 32), 2, 0, "plain"), ((1, 1, 32, 32), 1, 1, "plain"), ((3, 3, 32, 32), 1, 3, "plain"),
    ((3, 3, 32, 32), 1, "same", "winograd"), ((3, 3, 32, 32), 2, "same", "im2col"), ((1, 1, 3, 3), 1, "same", "1x1"),
    ((3, 3, 32, 32), 1, ((0, 1), (1, 2)), "im2col"), ((3, 3, 32, 32), 1, ((0, 3), (1, 2)), "plain")])
def test_the_algorithm_is_chosen_by_the_shape(shape, S, P, way):
    assert algorithm(np.zeros(shape), S, P) == way


@pytest.mark.parametrize("dtypes", [(np.float64, np.float32), (np.float32, np.float64), (np.float64, np.float64)])
def test_other_precisions_are_left_to_the_plain_function(dtypes):
    x, W, b = normal(2, 8, 8, 3).astype(dtypes[0]), normal(3, 3, 3, 4).astype(dtypes[1]), normal(4)
    assert conv.conv2d(x, W, b, 1, 1) is NotImplemented
    assert conv.conv2d_backward(x, x, W, 1, 1) is NotImplemented
    np.testing.assert_array_equal(conv2d(x, W, b, 1, 1), conv2d.plain(x, W, b, 1, 1))


def test_a_gradient_of_another_precision_is_left_to_the_plain_function():
    x, W = normal(2, 8, 8, 3), normal(3, 3, 3, 4)
    dy = normal(2, 8, 8, 4, seed=1).astype(np.float64)
    found = conv2d_backward(dy, x, W, 1, 1)
    for ours, right in zip(found, conv2d_backward.plain(dy, x, W, 1, 1), strict=True):
        np.testing.assert_array_equal(ours, right)


def test_parts_of_larger_arrays_may_come_in():
    x, dy = normal(4, 18, 20, 64)[::2, 1:17, ::2, 3:35], normal(2, 16, 10, 80)[..., ::2]
    W = normal(3, 3, 32, 40)
    found = conv2d_backward(dy, x, W, 1, 1)
    for ours, right in zip(found, conv2d_backward.plain(dy, x, W, 1, 1), strict=True):
        assert_close(ours, right, 4e-5)
