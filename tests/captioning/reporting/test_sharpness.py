"""How sharp attention is, on maps for which everybody knows the answer."""

import numpy as np
import pytest

from minicap.captioning.reporting.sharpness import Sharpness, effective_number, of_regions, total_variation


@pytest.mark.parametrize("alpha, expected", [
    (np.full(196, 1 / 196), 196), (np.eye(1, 196)[0], 1), ([0.25, 0, 0.25, 0.25, 0, 0.25], 4),
    ([0.5, 0.25, 0.25], 2 ** 1.5),  # H = (1/2 + 2/4 + 2/4) log 2
    ([[1, 0, 0, 0], [0.5, 0.5, 0, 0]], [1, 2]),
])
@pytest.mark.parametrize("part", [1, 0.3])  # the rest goes to the memory
def test_the_effective_number_is_that_of_regions_that_share_the_attention_equally(alpha, expected, part):
    np.testing.assert_allclose(effective_number(part * np.asarray(alpha)), expected)


@pytest.mark.parametrize("alpha, beta, expected", [
    ([1, 0, 0], [1, 0, 0], 0), ([1, 0, 0], [0, 0, 1], 1), ([0.5, 0.5, 0], [0.25, 0.5, 0.25], 0.25),
    ([[1, 0], [0.5, 0.5]], [1, 0], [0, 0.5]),
])
def test_the_total_variation_is_what_has_to_move(alpha, beta, expected):
    np.testing.assert_allclose(total_variation(np.asarray(alpha), np.asarray(beta)), expected)


def test_a_map_of_which_nothing_is_left_beside_the_memory_prefers_no_region():
    weights = np.array([[0, 0], [0.125, 0.375]], np.float32)
    np.testing.assert_array_equal(of_regions(weights), [[0.5, 0.5], [0.25, 0.75]])


def test_words_that_look_at_one_region_each_are_as_different_as_can_be():
    assert Sharpness.of([np.eye(5, 9)]) == Sharpness(9, pytest.approx(1), pytest.approx(1 - 1 / 5), 1, 5)
    assert Sharpness.of([np.tile(np.eye(1, 9), (5, 1))]) == Sharpness(9, pytest.approx(1), pytest.approx(0), 1, 5)


def test_medians_are_over_words_and_differences_within_a_caption():
    uniform, four, one = np.full(8, 1 / 8), np.eye(8)[:4].mean(axis=0), np.eye(8)[0]
    maps = [np.stack([one]), np.zeros((0, 8)), 0.5 * np.stack([uniform, uniform]), np.stack([four, four])]
    found = Sharpness.of(maps)
    assert found == Sharpness(8, pytest.approx(4), pytest.approx(0), captions=3, words=5)  # of 1, 4, 4, 8, 8
    apart = Sharpness.of([np.eye(2, 8), np.eye(2, 8), np.stack([uniform])])
    assert (apart.effective_regions, apart.total_variation) == (pytest.approx(1), pytest.approx(0.5))  # 0.5 x 4, 0


def test_without_words_there_is_nothing_to_tell():
    assert Sharpness.of([]) is None and Sharpness.of([np.zeros((0, 4))]) is None


def test_it_is_told_in_a_sentence():
    assert str(Sharpness(196, 125.7, 0.254, 100, 1034)) == (
        "the map of a word is spread over 126 of 196 regions (e to its entropy), and its total variation from the mean "
        "map of its caption is 0.25 (medians of 1,034 words)")
