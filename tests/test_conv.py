"""Three convolutions that have to agree: the loops of the definition, im2col, and the layer."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minicap.backend import to_numpy
from minicap.conv import (
    Conv2d,
    conv2d_im2col,
    conv2d_loops,
    conv2d_loops_backward,
    im2col,
    output_size,
    pad,
    same_padding,
)


@st.composite
def convolutions(draw):
    """(x, layer, dy): any small image, kernel, stride and padding in which the kernel fits at least once."""
    size = st.integers(1, 3)
    N, C, F = draw(size), draw(size), draw(size)
    H, W = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    K, S, P = draw(st.integers(1, 4)), draw(size), draw(st.integers(0, 2))
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    assume(OH >= 1 and OW >= 1)
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    layer = Conv2d(C, F, K, stride=S, padding=P, rng=rng).astype(np.float64)
    layer.b.data = rng.standard_normal(F)
    return rng.standard_normal((N, H, W, C)), layer, rng.standard_normal((N, OH, OW, F))


@given(convolutions())
def test_loops_im2col_and_layer_agree(device, case):
    x, layer, _ = case
    x, layer = device.asarray(x), layer.to(device)
    arguments = x, layer.W.data, layer.b.data, layer.stride, layer.padding
    expected = to_numpy(conv2d_loops(*arguments))
    np.testing.assert_allclose(to_numpy(conv2d_im2col(*arguments)), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-10, atol=1e-12)


@given(convolutions())
def test_the_gradients_of_loops_and_layer_agree(device, case):
    x, layer, dy = case
    x, layer, dy = device.asarray(x), layer.to(device), device.asarray(dy)
    dx, dW, db = conv2d_loops_backward(dy, x, layer.W.data, layer.stride, layer.padding)
    layer_dx = layer.backward(dy, layer.forward(x)[1])
    for ours, expected in ((layer_dx, dx), (layer.W.grad, dW), (layer.b.grad, db)):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(expected), rtol=1e-10, atol=1e-12)


@given(H=st.integers(1, 12), K=st.integers(1, 5), S=st.integers(1, 4), P=st.integers(0, 3))
def test_output_size_counts_the_windows_that_fit(H, K, S, P):
    assume(H + 2 * P >= K)
    assert output_size(H, K, S, P) == len(range(0, H + 2 * P - K + 1, S))


def test_convolution_does_not_flip_the_kernel(device):
    """One bright pixel in the middle of x leaves the kernel in y, turned by 180°: cross-correlation."""
    layer = Conv2d(1, 1, 3, padding=1, rng=None).to(device)
    layer.W.data = device.asarray(np.arange(9.0).reshape(3, 3, 1, 1))
    x = np.zeros((1, 3, 3, 1))
    x[0, 1, 1, 0] = 1
    np.testing.assert_array_equal(to_numpy(layer(device.asarray(x)))[0, :, :, 0], np.arange(9.0)[::-1].reshape(3, 3))


def test_im2col_lists_each_window_in_the_order_of_the_kernel(device):
    x = np.arange(2 * 3 * 3 * 2).reshape(2, 3, 3, 2)
    columns = to_numpy(im2col(device.asarray(x), 2))
    assert columns.shape == (2, 2, 2, 8)
    np.testing.assert_array_equal(columns[1, 0, 1], x[1, 0:2, 1:3].ravel())


def test_padding_surrounds_each_image(device):
    padded = to_numpy(pad(device.asarray(np.ones((2, 1, 2, 1))), 1, value=7))
    np.testing.assert_array_equal(padded[1, :, :, 0], [[7, 7, 7, 7], [7, 1, 1, 7], [7, 7, 7, 7]])
    x = device.asarray(np.ones((1, 2, 2, 1)))
    assert pad(x, 0) is x


@pytest.mark.parametrize(("kernel", "stride", "padding"), [
    (1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 1), (3, 1, 1), (3, 2, 1), (3, 3, 0), (3, 1, 2), (4, 2, 1), (5, 1, 2)])
@pytest.mark.parametrize("image", [(5, 5), (4, 7), (6, 3)])
def test_conv_passes_the_gradient_check(assert_gradients, rng, kernel, stride, padding, image):
    if min(image) + 2 * padding < kernel:
        pytest.skip("the kernel does not fit into this image")
    layer = Conv2d(2, 3, kernel, stride=stride, padding=padding, rng=rng)
    assert_gradients(layer, rng.standard_normal((2, *image, 2)), max_elements=60)


@given(H=st.integers(1, 20), K=st.integers(1, 6), S=st.integers(1, 4))
def test_same_padding_gives_a_window_for_each_step_and_the_odd_pixel_comes_after(H, K, S):
    before, after = same_padding(H, K, S)
    assert 0 <= after - before <= 1
    assert output_size(H + before + after, K, S, 0) == -(-H // S)
    if before + after:  # one pixel less would lose a window
        assert H + before + after - 1 < K or output_size(H + before + after - 1, K, S, 0) < -(-H // S)


@pytest.mark.parametrize(("H", "K", "S", "expected"), [
    (260, 3, 2, (0, 1)), (65, 3, 2, (1, 1)), (130, 5, 2, (1, 2)), (65, 5, 2, (2, 2)), (9, 3, 1, (1, 1)),
    (9, 1, 2, (0, 0))])
def test_same_padding_is_tensorflows(H, K, S, expected):
    """By its rule: K - S pixels where S divides H, else K - H mod S, and none if that is negative."""
    assert same_padding(H, K, S) == expected


@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", ["same", ((0, 1), (2, 1))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_padding_that_differs_on_the_sides_is_that_of_an_image_padded_beforehand(
        device, rng, kernel, stride, padding, dtype):
    layer = Conv2d(16, 17, kernel, stride=stride, padding=padding, rng=rng).astype(dtype).to(device)
    around = Conv2d(16, 17, kernel, stride=stride, rng=None).astype(dtype).to(device)
    around.load_state(layer.state())
    x = rng.standard_normal((2, 6, 7, 16)).astype(dtype)
    (top, bottom), (left, right) = sides = (
        (same_padding(6, kernel, stride), same_padding(7, kernel, stride)) if padding == "same" else padding)
    y, cache = layer.forward(device.asarray(x))
    expected, around_cache = around.forward(device.asarray(np.pad(x, ((0, 0), *sides, (0, 0)))))
    dy = device.asarray(rng.standard_normal(y.shape).astype(dtype))
    dx, dpadded = layer.backward(dy, cache), around.backward(dy, around_cache)
    tolerance = {"rtol": 0, "atol": 1e-12 if dtype == np.float64 else 1e-3}
    np.testing.assert_allclose(to_numpy(y), to_numpy(expected), **tolerance)
    np.testing.assert_allclose(to_numpy(dx), to_numpy(dpadded)[:, top:top + 6, left:left + 7], **tolerance)
    for ours, right in zip(layer.parameters(), around.parameters(), strict=True):
        np.testing.assert_allclose(to_numpy(ours.grad), to_numpy(right.grad), **tolerance)


@pytest.mark.parametrize("padding", ["same", ((0, 1), (2, 1))])
def test_conv_with_uneven_padding_passes_the_gradient_check(assert_gradients, rng, padding):
    assert_gradients(Conv2d(2, 3, 3, stride=2, padding=padding, rng=rng), rng.standard_normal((2, 6, 5, 2)))


@pytest.mark.parametrize("padding", [-1, 0.5, "valid", (1, 1), ((1, 1),), ((0, -1), (0, 0)), ((0, 0.5), (0, 0)), None])
def test_a_padding_that_is_none_is_refused(padding):
    with pytest.raises(ValueError, match=r"padding is a number of pixels, 'same' or .*, got"):
        Conv2d(3, 4, padding=padding, rng=None)


def test_a_first_layer_with_uneven_padding_returns_no_gradient_of_the_pixels(device, rng):
    layer = Conv2d(3, 4, stride=2, padding="same", input_gradient=False, rng=rng).to(device)
    y, cache = layer.forward(device.asarray(np.zeros((1, 6, 6, 3), np.float32)))
    assert layer.backward(y, cache) is None and layer.W.grad is not None


@pytest.mark.parametrize("shape", [(1, 2, 5, 3), (1, 5, 2, 3)])
def test_an_image_smaller_than_the_kernel_is_refused_with_its_size(device, rng, shape):
    H, W = shape[1:3]
    with pytest.raises(ValueError, match=rf"Conv2d.*: the kernel is larger than the padded image of {H}x{W} pixels"):
        Conv2d(3, 4, rng=rng).to(device)(device.asarray(np.zeros(shape)))
