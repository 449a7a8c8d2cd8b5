"""Blocks of depthwise separable convolution equal their layers one after another, whatever the shape."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from minicap.conv import conv2d, pad, padding_of
from minicap.cpu import conv, depthwise, separable
from minicap.cpu.activations import NOTHING, RELU, RELU6
from minicap.cpu.separable import separable_conv
from minicap.cpu.strips import strip
from minicap.depthwise import depthwise_conv2d, output_sizes

LIMITS = st.sampled_from([NOTHING, RELU, RELU6])
SIDES = st.tuples(*2 * [st.tuples(st.integers(0, 6), st.integers(0, 6))])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_close(y, expected, tolerance=2e-5):
    assert y.shape == expected.shape and y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))


def stages(C, wide, F, K, limits=RELU6):
    """expand, depthwise, project."""
    return ((normal(1, 1, C, wide, seed=1) / np.float32(C) ** 0.5, normal(wide, seed=2), limits),
            (normal(K, K, wide, seed=3), normal(wide, seed=4), limits),
            (normal(1, 1, wide, F, seed=5) / np.float32(wide) ** 0.5, normal(F, seed=6), NOTHING))


def layer_by_layer(x, expand, depthwise, project, S, padding, residual):
    """In float64, by the plain functions."""
    y = x = x.astype(np.float64)
    padding = padding_of(padding, *x.shape[1:3], len(depthwise[0]), S)
    for stage in (expand, depthwise, project):
        if stage is not None:
            W, b, limits = stage
            y = depthwise_conv2d.plain(y, W, b, S, padding) if W.ndim == 3 else conv2d.plain(y, W, b)
            y = np.clip(y, *limits)
    return x + y if residual else y


def assert_equal_to_layers(x, stages, S, padding, residual=False):
    assert_close(separable_conv(x, *stages, S, padding, residual), layer_by_layer(x, *stages, S, padding, residual))


@given(N=st.integers(1, 3), H=st.integers(1, 12), W=st.integers(1, 12), wide=st.sampled_from([3, 16, 40]),
       K=st.integers(1, 6), S=st.integers(1, 3), padding=st.one_of(st.just("same"), SIDES), limits=LIMITS,
       first=st.booleans())
def test_any_separable_convolution_equals_its_layers(loops, N, H, W, wide, K, S, padding, limits, first):
    expand, *others = stages(5, wide, 7, K, limits)
    x = normal(N, H, W, 5 if first else wide)
    assume(min(output_sizes(x, K, S, padding_of(padding, H, W, K, S))) >= 1)
    assert_equal_to_layers(x, (expand if first else None, *others), S, padding)


@pytest.mark.parametrize("block", [1, 2000, 1 << 30])
@pytest.mark.parametrize("K, S", [(3, 1), (3, 2), (5, 1), (5, 2), (2, 3)])
@pytest.mark.parametrize("H, W", [(9, 9), (10, 14)])
def test_blocks_of_any_size_give_the_same(loops, monkeypatch, block, K, S, H, W):
    monkeypatch.setattr(separable, "BLOCK", block)
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            assert_equal_to_layers(normal(5, H, W, 8), stages(8, 48, 8, K), S, "same", residual=S == 1)


@pytest.mark.parametrize("wide", [16, 40, 48, 100])
@pytest.mark.parametrize("K, S", [(3, 1), (5, 2)])
def test_of_a_small_image_each_core_takes_some_channels(loops, monkeypatch, wide, K, S):
    monkeypatch.setattr(separable, "thread_count", lambda: 3)
    monkeypatch.setattr(separable, "image_blocks", None)  # which would divide its rows
    expand, *others = stages(16, wide, 16, K)
    for x, first in ((normal(1, 9, 9, 16), expand), (normal(2, 7, 10, wide), None)):
        assert_equal_to_layers(x, (first, *others), S, "same", residual=first is not None and S == 1)


def test_channels_are_split_into_whole_vectors():
    widths = [[s.stop - s.start for s in separable._split(*sizes)] for sizes in ((1248, 2), (100, 3), (16, 4), (5, 2))]
    assert widths == [[624, 624], [48, 48, 4], [16], [5]]


@pytest.mark.parametrize("N", [1, 8])
def test_a_residual_adds_x(loops, N):
    x = normal(N, 9, 9, 8)
    with_x, without = (separable_conv(x, *stages(8, 48, 8, 5), 1, "same", residual) for residual in (True, False))
    np.testing.assert_array_equal(with_x, without + x)


def test_what_is_no_number_stays_none_and_reaches_the_pixels_around_it(loops):
    x = np.zeros((1, 9, 9, 16), np.float32)
    x[0, 4, 4, 3] = np.nan
    y = separable_conv(x, *stages(16, 32, 16, 3), 1, "same", False)
    assert np.isnan(y[0, 3:6, 3:6]).all() and np.isfinite(y[0, :3]).all() and np.isfinite(y[0, :, 6:]).all()


def test_parts_of_larger_arrays_may_come_in(loops):
    assert_equal_to_layers(normal(4, 18, 20, 32)[::2, 1:17, ::2, 3:19], stages(16, 48, 16, 3), 1, "same", True)


@given(limits=LIMITS, N=st.integers(1, 3), H=st.integers(1, 30), W=st.integers(1, 30), C=st.sampled_from([1, 16, 24]))
def test_other_convolutions_have_their_activation_inside_as_well(loops, limits, N, H, W, C):
    x = normal(N, H, W, C)
    W1, W3, W5, b = normal(1, 1, C, 24), normal(3, 3, C, 24), normal(5, 5, C), normal(24)
    for y, expected in ((conv.conv_1x1(x, W1, b, limits), conv2d.plain(x, W1, b)),
                        (conv.im2col_conv(x, W3, b, 2, "same", limits),
                         conv2d.plain(pad(x, padding_of("same", H, W, 3, 2)), W3, b, 2)),
                        (depthwise.limited_depthwise(x, W5, b[:C], 1, "same", limits),
                         depthwise_conv2d.plain(x, W5, b[:C], 1, ((2, 2), (2, 2))))):
        assert_close(y, np.clip(expected, *limits))


@given(H=st.integers(1, 6), W=st.integers(1, 6), first=st.integers(-9, 9), height=st.integers(1, 9),
       left=st.integers(-9, 9), width=st.integers(1, 9), spread=st.integers(1, 3))
def test_a_strip_is_a_part_of_the_padded_images(H, W, first, height, left, width, spread):
    x, far = normal(2, H, W, 3), 40
    apart = np.zeros((2, spread * (H - 1) + 1, spread * (W - 1) + 1, 3), np.float32)
    apart[:, ::spread, ::spread] = x
    whole = pad(apart, ((far, far), (far, far)))
    expected = whole[:, far + first:far + first + height, far + left:far + left + width]
    np.testing.assert_array_equal(strip(x, first, height, left, width, spread), expected)
