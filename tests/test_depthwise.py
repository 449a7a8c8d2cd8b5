"""Depthwise convolutions that have to agree: the loops of the definition, the layer, and a convolution that mixes."""

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minicap.backend import to_numpy
from minicap.conv import Conv2d
from minicap.depthwise import DepthwiseConv2d, depthwise_conv2d_loops, depthwise_conv2d_loops_backward, output_sizes

SIDES = st.tuples(*2 * [st.tuples(st.integers(0, 3), st.integers(0, 3))])


@st.composite
def convolutions(draw):
    """(x, layer, dy): any small image, kernel, stride and padding in which the kernel fits at least once."""
    N, C, S = (draw(st.integers(1, 3)) for _ in range(3))
    H, W, K, padding = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(SIDES)
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    x = rng.standard_normal((N, H, W, C))
    OH, OW = output_sizes(x, K, S, padding)
    assume(OH >= 1 and OW >= 1)
    layer = DepthwiseConv2d(C, K, stride=S, padding=padding, rng=rng).astype(np.float64)
    layer.b.data = rng.standard_normal(C)
    return x, layer, rng.standard_normal((N, OH, OW, C))


@given(convolutions())
def test_loops_and_layer_agree_with_all_gradients(device, case):
    x, layer, dy = case
    x, layer, dy = device.asarray(x), layer.to(device), device.asarray(dy)
    y, cache = layer.forward(x)
    expected = depthwise_conv2d_loops(x, layer.W.data, layer.b.data, layer.stride, layer.padding)
    dx, dW, db = depthwise_conv2d_loops_backward(dy, x, layer.W.data, layer.stride, layer.padding)
    layer_dx = layer.backward(dy, cache)
    for ours, right in ((y, expected), (layer_dx, dx), (layer.W.grad, dW), (layer.b.grad, db)):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(right), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("padding", [0, 1, "same", ((0, 1), (2, 0))])
@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_the_convolution_whose_kernel_has_zeros_between_different_channels(device, rng, padding, stride):
    layer = DepthwiseConv2d(3, 3, stride=stride, padding=padding, rng=rng).astype(np.float64).to(device)
    mixing = Conv2d(3, 3, 3, stride=stride, padding=padding, rng=None).to(device)
    mixing.W.data, mixing.b.data = device.asarray(np.zeros((3, 3, 3, 3))), device.asarray(rng.standard_normal(3))
    layer.b.data = mixing.b.data
    for c in range(3):
        mixing.W.data[:, :, c, c] = layer.W.data[:, :, c]
    x = device.asarray(rng.standard_normal((2, 6, 5, 3)))
    np.testing.assert_allclose(to_numpy(layer(x)), to_numpy(mixing(x)), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [
    (1, 1, 0), (3, 1, 1), (3, 2, "same"), (5, 2, "same"), (2, 3, 0), (3, 2, ((0, 1), (2, 0))), (5, 1, "same")])
@pytest.mark.parametrize("image", [(5, 5), (4, 7)])
def test_depthwise_passes_the_gradient_check(assert_gradients, rng, kernel, stride, padding, image):
    if padding == 0 and min(image) < kernel:
        pytest.skip("the kernel does not fit into this image")
    layer = DepthwiseConv2d(3, kernel, stride=stride, padding=padding, rng=rng)
    assert_gradients(layer, rng.standard_normal((2, *image, 3)), max_elements=60)


def test_initial_weights_keep_the_variance_of_one_channel():
    """The fan-in of a number of y is the K² pixels of its channel, however many channels there are."""
    W = DepthwiseConv2d(4000, 3, rng=np.random.default_rng(0)).W.data
    assert W.shape == (3, 3, 4000) and abs(W.std() - np.sqrt(2 / 9)) < 0.01


@pytest.mark.parametrize("shape", [(1, 2, 5, 3), (1, 5, 2, 3)])
def test_an_image_smaller_than_the_kernel_is_refused_with_its_size(device, rng, shape):
    H, W = shape[1:3]
    message = f"DepthwiseConv2d(3, 3x3): the kernel is larger than the padded image of {H}x{W} pixels"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DepthwiseConv2d(3, rng=rng).to(device)(device.asarray(np.zeros(shape)))
