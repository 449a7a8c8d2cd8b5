"""Three convolutions that have to agree: the loops of the definition, im2col, and the layer."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minicap.backend import to_numpy
from minicap.conv import Conv2d, conv2d_im2col, conv2d_loops, conv2d_loops_backward, im2col, output_size, pad


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


@pytest.mark.parametrize("shape", [(1, 2, 5, 3), (1, 5, 2, 3)])
def test_an_image_smaller_than_the_kernel_is_refused_with_its_size(device, rng, shape):
    H, W = shape[1:3]
    with pytest.raises(ValueError, match=rf"Conv2d.*: the kernel is larger than the padded image of {H}x{W} pixels"):
        Conv2d(3, 4, rng=rng).to(device)(device.asarray(np.zeros(shape)))
