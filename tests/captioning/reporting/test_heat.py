"""Heat over a photograph: where the attention is, and nowhere else."""

import numpy as np
import pytest

from minicap.captioning.reporting.heat import half_lines, heat_levels, palette


@pytest.mark.parametrize("grid, size", [((14, 14), (280, 420)), ((9, 9), (300, 200)), ((7, 7), (40, 400)),
                                        ((4, 6), (80, 120)), ((2, 2), (1, 1))])
def test_heat_is_where_the_region_is_in_a_picture_of_any_shape(grid, size):
    (h, w), (H, W) = grid, size
    alpha = np.zeros(grid, np.float32)
    alpha[h // 2, w // 4] = 0.01  # however little it is, it is the map's own maximum
    levels = heat_levels(alpha, size)
    assert levels.shape == size and levels.dtype == np.uint8 and levels.max() == 255
    y, x = np.argwhere(levels == 255).mean(axis=0) + 0.5
    assert y / H == pytest.approx((h // 2 + 0.5) / h, abs=max(0.02, 1 / H))
    assert x / W == pytest.approx((w // 4 + 0.5) / w, abs=max(0.02, 1 / W))
    assert h > H or not levels[:, int(0.9 * W):].any()


def test_equal_attention_is_equal_heat_and_none_is_none():
    assert (heat_levels(np.full((4, 6), 1 / 24), (80, 120)) == 255).all()
    assert not heat_levels(np.zeros((4, 6)), (80, 120)).any()


def test_without_attention_the_heat_is_clear_and_it_never_hides_the_picture():
    opacity = palette()[:, 3].astype(int)
    assert opacity[0] == 0 and (np.diff(opacity) >= 0).all() and 100 < opacity[255] < 190


def test_the_colours_grow_lighter_so_that_they_can_be_told_apart_without_colour():
    light = palette()[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(light[::8]) > 0).all() and light[-1] - light[0] > 100


def test_the_line_is_at_half_of_the_maximum_and_there_is_none_around_everything():
    levels = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [255, 255, 255, 255]], np.uint8)
    (line,) = half_lines(levels)
    np.testing.assert_allclose(np.sort(line[:, 0]), [0, 1, 2, 3])
    np.testing.assert_allclose(line[:, 1], 1.5)
    assert half_lines(np.full((3, 3), 255, np.uint8)) == half_lines(np.zeros((1, 9), np.uint8)) == []
