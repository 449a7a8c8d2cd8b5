import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.conv import conv2d, conv2d_backward, conv2d_loops
from minicap.cpu import winograd
from minicap.cpu.activations import NOTHING, RELU, RELU6
from minicap.cpu.winograd import AT, BT, G, transform_kernel, winograd_conv, winograd_kernel_gradient
from minicap.pooling import MaxPool2d


def case(N, H, W, C, F, seed=0):
    """(x, W, b) of N images of H x W pixels, C channels -> F."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32) for shape in ((N, H, W, C), (3, 3, C, F), (F,))]


def run(x, W, b, **options):
    return winograd_conv(x, transform_kernel(W), b, **options)


def truth(function, *arrays, **options):
    """The plain function in float64."""
    return getattr(function, "plain", function)(*(a.astype(np.float64) for a in arrays), P=1, **options)


def assert_close(y, expected, tolerance=2e-5):
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= tolerance * np.abs(expected).max()


def test_the_transforms_multiply_polynomials():
    """In one dimension, and exactly: Aᵀ[(G w) ⊙ (Bᵀ x)] is the correlation of six numbers with three, four outputs."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(6), rng.standard_normal(3)
    np.testing.assert_allclose(AT @ ((G @ w) * (BT @ x)), np.correlate(x, w), rtol=1e-12)


SIZES = {"N": st.integers(1, 3), "H": st.integers(1, 11), "W": st.integers(1, 11), "C": st.integers(1, 4),
         "F": st.integers(1, 4), "seed": st.integers(0, 99)}


@given(**SIZES)
def test_any_size_down_to_one_pixel_equals_the_loops(N, H, W, C, F, seed):
    x, W, b = case(N, H, W, C, F, seed)
    assert_close(run(x, W, b), truth(conv2d_loops, x, W, b))


@given(**SIZES)
def test_the_kernels_gradient_equals_the_plain_one_for_any_size(N, H, W, C, F, seed):
    x, W, _ = case(N, H, W, C, F, seed)
    dy = np.random.default_rng(seed + 1).standard_normal((*x.shape[:3], F)).astype(np.float32)
    for gradient, expected in zip(winograd_kernel_gradient(x, dy), truth(conv2d_backward, dy, x, W)[1:], strict=True):
        assert_close(gradient, expected)


@given(N=st.integers(1, 3), H=st.integers(2, 40), W=st.integers(2, 40), C=st.integers(1, 40), F=st.integers(1, 40),
       limits=st.sampled_from([NOTHING, RELU, RELU6]), pool=st.booleans())
def test_activation_and_pooling_inside_are_the_same_as_after_it(N, H, W, C, F, limits, pool):
    x, W, b = case(N, H, W, C, F)
    expected = truth(conv2d, x, W, b)
    rounding = 2e-5 * np.abs(expected).max() / min(limits[1], np.abs(expected).max())  # of what ReLU6 cuts off, too
    expected = np.clip(expected, *limits)
    if pool:
        expected = MaxPool2d(2)(expected)
    assert_close(run(x, W, b, limits=limits, pool=pool), expected, rounding)


@pytest.mark.parametrize("tiles", [1, 3, 6, 30, 1000])
@pytest.mark.parametrize(("name", "largest"), [("BLOCK_BYTES", 1 << 40), ("LARGE_BLOCK_BYTES", 0)])
def test_blocks_of_any_size_give_the_same(monkeypatch, tiles, name, largest):
    x, W, b = case(3, 29, 10, 8, 16)  # 8 x 3 tiles each
    dy = case(3, 29, 10, 16, 1, seed=1)[0]
    monkeypatch.setattr(winograd, "LARGE_KERNEL", largest)
    monkeypatch.setattr(winograd, name, tiles * 36 * 4 * 16)
    assert_close(run(x, W, b), truth(conv2d, x, W, b))
    for gradient, expected in zip(winograd_kernel_gradient(x, dy), truth(conv2d_backward, dy, x, W)[1:], strict=True):
        assert_close(gradient, expected)


def test_layers_of_different_sizes_share_the_scratch_memory():
    for N, H, W, C, F in ((2, 21, 30, 8, 4), (1, 5, 6, 3, 9), (2, 21, 30, 8, 4), (1, 32, 4, 2, 2)):
        x, W, b = case(N, H, W, C, F)
        first = run(x, W, b)
        assert_close(first, truth(conv2d, x, W, b))
        kept = first.copy()
        run(-x, W, b)
        np.testing.assert_array_equal(first, kept)  # an output is nobody's scratch


def test_nothing_that_comes_in_is_changed():
    arrays = case(2, 9, 9, 4, 4)
    before = [a.copy() for a in arrays]
    run(*arrays, limits=RELU)
    winograd_kernel_gradient(arrays[0], arrays[0])
    for a, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, kept)


@pytest.mark.parametrize("H, C, F", [(56, 64, 64), (28, 128, 128), (28, 256, 256), (14, 512, 512)])
def test_rounding_stays_at_1e_5_of_the_largest_number_in_layers_like_vggs(H, C, F):
    """Inputs after a ReLU, float64 as the truth. Measured: up to 0.8e-5, kernel gradients 0.4e-5."""
    x, W, b = case(1, H, H, C, F)
    x, W = np.maximum(x, 0), W * np.float32(np.sqrt(2 / (9 * C)))
    dy = case(1, H, H, F, 1, seed=1)[0]
    for ours, expected in ((run(x, W, b), truth(conv2d, x, W, b)),
                           (winograd_kernel_gradient(x, dy)[0], truth(conv2d_backward, dy, x, W)[1])):
        error = np.abs(ours - expected).max() / np.abs(expected).max()
        assert 1e-7 < error < 2e-5
