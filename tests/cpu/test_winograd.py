import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.conv import Conv2d, conv2d_loops
from minicap.cpu import winograd
from minicap.cpu.winograd import AT, BT, G, WinogradConv, Workspace


def case(H, W, C, F, seed=0):
    """(image (H, W, C), Conv2d with a bias) of size H x W and C channels -> F."""
    rng = np.random.default_rng(seed)
    layer = Conv2d(C, F, 3, padding=1, rng=rng)
    layer.b.data = rng.standard_normal(F).astype(np.float32)
    return rng.standard_normal((H, W, C)).astype(np.float32), layer


def run(x, layer, relu=False, workspace=None):
    return WinogradConv(layer.W.data, layer.b.data, relu)(x, workspace or Workspace())


def assert_close(y, expected, tolerance=1e-5):
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= tolerance * np.abs(expected).max()


def test_the_transforms_multiply_polynomials():
    """In one dimension, and exactly: Aᵀ[(G w) ⊙ (Bᵀ x)] is the correlation of six numbers with three, four outputs."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(6), rng.standard_normal(3)
    np.testing.assert_allclose(AT @ ((G @ w) * (BT @ x)), np.correlate(x, w), rtol=1e-12)


@given(H=st.integers(1, 11), W=st.integers(1, 11), C=st.integers(1, 4), F=st.integers(1, 4), seed=st.integers(0, 99))
def test_any_size_down_to_one_pixel_equals_the_loops(H, W, C, F, seed):
    x, layer = case(H, W, C, F, seed)
    expected = conv2d_loops(x[None].astype(np.float64), layer.W.data, layer.b.data, P=1)[0]
    assert_close(run(x, layer), expected)


@given(H=st.integers(1, 40), W=st.integers(1, 40), C=st.integers(1, 40), F=st.integers(1, 40), relu=st.booleans())
def test_larger_sizes_equal_the_layer_with_and_without_relu(H, W, C, F, relu):
    x, layer = case(H, W, C, F)
    expected = layer(x[None])[0]
    y = run(x, layer, relu)
    assert_close(y, np.maximum(expected, 0) if relu else expected, 2e-5)
    assert not relu or y.min() >= 0


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_blocks_of_any_number_of_tile_rows_give_the_same(monkeypatch, rows):
    x, layer = case(29, 10, 8, 16)  # 8 x 3 tiles
    monkeypatch.setattr(winograd, "BLOCK_BYTES", rows * 36 * 4 * 3 * 16)
    assert_close(run(x, layer), layer(x[None])[0])


def test_a_workspace_may_serve_images_and_layers_of_different_sizes():
    workspace = Workspace()
    for H, W, C, F in ((21, 30, 8, 4), (5, 6, 3, 9), (21, 30, 8, 4), (32, 4, 2, 2)):
        x, layer = case(H, W, C, F)
        first = run(x, layer, workspace=workspace)
        assert_close(first, layer(x[None])[0])
        kept = first.copy()
        run(-x, layer, workspace=workspace)
        np.testing.assert_array_equal(first, kept)  # an output is nobody's scratch


def test_the_image_is_not_changed():
    x, layer = case(9, 9, 4, 4)
    before = x.copy()
    run(x, layer, relu=True)
    np.testing.assert_array_equal(x, before)


def test_an_image_of_other_channels_is_refused():
    x, layer = case(8, 8, 4, 4)
    with pytest.raises(ValueError, match=re.escape("expects x of shape (H, W, 4), got (8, 8, 1)")):
        run(x[..., :1], layer)  # NumPy would spread the one channel over all four


@pytest.mark.parametrize("H, C, F", [(56, 64, 64), (28, 128, 128), (28, 256, 256), (14, 512, 512)])
def test_rounding_stays_at_1e_5_of_the_largest_output_in_layers_like_vggs(H, C, F):
    """Inputs after a ReLU, float64 as the truth. Measured: 0.7 to 1.2e-5; the direct sum in float32 has 3e-7."""
    x, layer = case(H, H, C, F)
    x = np.maximum(x, 0)
    y = run(x, layer)
    truth = layer.astype(np.float64)(x[None].astype(np.float64))[0]
    error = np.abs(y - truth).max() / np.abs(truth).max()
    assert 1e-7 < error < 2e-5
