"""Max and average pooling against the loops, ties, padding."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minicap.backend import to_numpy
from minicap.conv import output_size
from minicap.pooling import AvgPool2d, MaxPool2d, max_pool2d_loops, max_pool2d_loops_backward


@st.composite
def poolings(draw):
    """(x, dy, K, S, P): small images of few different values, so that most windows hold a tie."""
    N, C, S = (draw(st.integers(1, 3)) for _ in range(3))
    H, W, K = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    P = draw(st.integers(0, K // 2))
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    assume(OH >= 1 and OW >= 1)
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    return rng.integers(-2, 3, (N, H, W, C)).astype(float), rng.standard_normal((N, OH, OW, C)), K, S, P


@given(poolings())
def test_max_pooling_agrees_with_the_loops_also_where_pixels_tie(device, case):
    x, dy, K, S, P = case
    x, dy, layer = device.asarray(x), device.asarray(dy), MaxPool2d(K, stride=S, padding=P)
    np.testing.assert_array_equal(to_numpy(layer(x)), to_numpy(max_pool2d_loops(x, K, S, P)))
    dx = layer.backward(dy, layer.forward(x)[1])
    np.testing.assert_allclose(to_numpy(dx), to_numpy(max_pool2d_loops_backward(dy, x, K, S, P)), rtol=1e-12)


@given(poolings())
def test_average_pooling_is_the_mean_of_each_zero_padded_window(device, case):
    x, _, K, S, P = case
    y = to_numpy(AvgPool2d(K, stride=S, padding=P)(device.asarray(x)))
    padded = np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)))
    for oh in range(y.shape[1]):
        for ow in range(y.shape[2]):
            window = padded[:, oh * S:oh * S + K, ow * S:ow * S + K]
            np.testing.assert_allclose(y[:, oh, ow], window.mean(axis=(1, 2)), rtol=1e-12, atol=1e-15)


def test_of_equal_largest_pixels_the_first_gets_the_whole_gradient(device):
    x = np.array([[3.0, 5, 5, 1], [5, 5, 1, 1]]).reshape(1, 2, 4, 1)
    y, cache = MaxPool2d(2).forward(device.asarray(x))
    dx = MaxPool2d(2).backward(device.asarray(np.array([10.0, 20.0]).reshape(1, 1, 2, 1)), cache)
    np.testing.assert_array_equal(to_numpy(dx)[0, :, :, 0], [[0, 10, 20, 0], [0, 0, 0, 0]])


@given(poolings())
def test_pooling_hands_on_exactly_the_gradient_it_got(device, case):
    x, dy, K, S, P = case
    layer = MaxPool2d(K, stride=S, padding=P)
    dx = to_numpy(layer.backward(device.asarray(dy), layer.forward(device.asarray(x))[1]))
    assert dx.sum() == pytest.approx(dy.sum())


def test_a_window_of_negative_pixels_is_not_beaten_by_its_padding(device):
    x = device.asarray(np.full((1, 2, 2, 1), -3.0))
    np.testing.assert_array_equal(to_numpy(MaxPool2d(2, padding=1)(x)), np.full((1, 2, 2, 1), -3.0))


@pytest.mark.parametrize("layer_class", [MaxPool2d, AvgPool2d])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [
    (1, 1, 0), (2, 2, 0), (2, 1, 0), (2, 1, 1), (3, 2, 1), (3, 1, 1), (3, 3, 0), (2, 3, 0), (4, 2, 2)])
@pytest.mark.parametrize("image", [(4, 4), (5, 7)])
def test_pooling_passes_the_gradient_check(assert_gradients, rng, layer_class, kernel, stride, padding, image):
    layer = layer_class(kernel, stride=stride, padding=padding)
    assert_gradients(layer, rng.standard_normal((2, *image, 2)), max_elements=80)


def test_the_stride_is_the_kernel_unless_given():
    assert MaxPool2d(3).stride == 3 and AvgPool2d(3, stride=1).stride == 1


@pytest.mark.parametrize("layer_class", [MaxPool2d, AvgPool2d])
def test_padding_that_makes_empty_windows_is_refused(layer_class):
    with pytest.raises(ValueError, match=rf"{layer_class.__name__}.*padding=2\): padding may be at most half"):
        layer_class(2, padding=2)


@pytest.mark.parametrize("layer_class", [MaxPool2d, AvgPool2d])
def test_an_image_smaller_than_the_kernel_is_refused_with_its_size(device, layer_class):
    with pytest.raises(ValueError, match="the kernel is larger than the image of 2x4 pixels"):
        layer_class(3)(device.asarray(np.zeros((1, 2, 4, 1))))
