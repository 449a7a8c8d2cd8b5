"""Attention's twins on the CPU equal the plain functions, and leave unsupported arguments to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from minicap.attention import (
    attention_scores,
    attention_scores_backward,
    prepare_keys,
    weighted_sum,
    weighted_sum_backward,
)
from minicap.cpu import attention

sizes = {"I": st.integers(1, 4), "N": st.integers(1, 6), "L": st.integers(1, 9), "A": st.integers(1, 5),
         "D": st.integers(1, 5), "seed": st.integers(0, 99)}


def draw(seed, *shapes, scale=1.0):
    rng = np.random.default_rng(seed)
    return [(scale * rng.standard_normal(shape)).astype(np.float32) for shape in shapes]


def doubles(*arrays):
    return [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]


def assert_close(y, expected, tolerance=3e-6):
    assert y.shape == expected.shape and y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max(initial=0)))


@given(**sizes, block=st.sampled_from([1, 60, 1 << 19]), threads=st.integers(1, 2), scale=st.sampled_from([1.0, 5.0]))
def test_scores_and_sums_and_their_gradients_equal_the_plain_ones(I, N, L, A, D, seed, block, threads, scale):
    keys, query = draw(seed, (I, L, A), (N, A), scale=scale)
    v, regions, dkeys, dregions, de, dy = draw(seed + 1, A, (I, L, D), (I, L, A), (I, L, D), (N, L), (N, D))
    image_of = np.random.default_rng(seed).integers(0, I, N)
    prepared = prepare_keys(keys)
    with threadpool_limits(threads, "blas"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "BLOCK_BYTES", block)
        filled, expected = dkeys.copy(), dkeys.astype(np.float64)
        e = attention_scores(keys, prepared, query, v, image_of)
        assert_close(e, attention_scores.plain(*doubles(keys, keys, query, v), image_of))
        found = attention_scores_backward(keys, prepared, query, v, image_of, de, filled)
        right = attention_scores_backward.plain(*doubles(keys, keys, query, v), image_of, de.astype(np.float64),
                                                expected)
        for ours, theirs in zip((*found, filled), (*right, expected), strict=True):
            assert_close(ours, theirs)

        assert_close(weighted_sum(regions, de, image_of), weighted_sum.plain(*doubles(regions, de), image_of))
        filled, expected = dregions.copy(), dregions.astype(np.float64)
        dalpha = weighted_sum_backward(regions, de, image_of, dy, filled)
        assert_close(dalpha, weighted_sum_backward.plain(*doubles(regions, de), image_of, dy.astype(np.float64),
                                                         expected))
        assert_close(filled, expected)
        np.testing.assert_array_equal(weighted_sum_backward(regions, de, image_of, dy), dalpha)


def test_the_exponential_of_the_keys_is_taken_once_for_all_steps():
    (keys,) = draw(0, (2, 3, 4))
    assert_close(prepare_keys(keys), np.exp(2 * keys))
    queries, v, image_of = draw(1, (2, 2, 4))[0], draw(2, 4)[0], np.array([1, 0])
    prepared = prepare_keys(keys)
    prepared[0, 1] = np.exp(2 * 5)  # what the steps read: keys of 5
    expected = keys.copy()
    expected[0, 1] = 5
    for query in queries:
        assert_close(attention_scores(keys, prepared, query, v, image_of),
                     attention_scores.plain(*doubles(expected, expected, query, v), image_of))


@pytest.mark.parametrize("k", [-1e30, -60, -43, -34, 0, 34, 43, 60, 1e30])
@pytest.mark.parametrize("q", [-34, -20, 0, 20, 34])
def test_large_numbers_are_no_trouble(k, q):
    keys, query = np.full((1, 2, 3), k, np.float32), np.full((1, 3), q, np.float32)
    v, de, dkeys = np.array([1, 2, -1], np.float32), np.array([[1, -3]], np.float32), np.zeros_like(keys)
    image_of = np.array([0])
    prepared = prepare_keys(keys)
    assert_close(attention.attention_scores(keys, prepared, query, v, image_of),
                 np.full((1, 2), 2 * np.tanh(float(k) + q)))
    dquery, dv = attention.attention_scores_backward(keys, prepared, query, v, image_of, de, dkeys)
    expected = np.zeros((1, 2, 3))
    dquery_right, dv_right = attention_scores_backward.plain(*doubles(keys, keys, query, v), image_of, de, expected)
    for ours, right in ((dquery, dquery_right), (dv, dv_right), (dkeys, expected)):
        assert_close(ours, right)


def test_what_is_not_a_number_stays_so_and_a_larger_query_is_left_to_tanh():
    keys, query, v = draw(0, (2, 3, 4), (2, 4), 4)
    keys[1, 2, 3] = np.nan
    e = attention.attention_scores(keys, prepare_keys(keys), query, v, np.array([0, 1]))
    np.testing.assert_array_equal(np.isnan(e), [[False] * 3, [False, False, True]])
    query[0, 0] = 34.5
    inputs = keys, prepare_keys(keys), query, v, np.array([0, 1])
    assert attention.attention_scores(*inputs) is NotImplemented
    assert attention.attention_scores_backward(*inputs, e, keys) is NotImplemented


def test_double_precision_is_left_to_the_plain_functions():
    keys, query, v, de = doubles(*draw(0, (1, 3, 4), (1, 4), 4, (1, 3)))
    image_of = np.array([0])
    assert prepare_keys(keys) is keys
    assert attention.attention_scores(keys, prepare_keys(keys), query, v, image_of) is NotImplemented
    assert attention.attention_scores_backward(keys, prepare_keys(keys), query, v, image_of, de, keys) is NotImplemented
    assert attention.weighted_sum(keys, de, image_of) is NotImplemented
    assert attention.weighted_sum_backward(keys, de, image_of, query) is NotImplemented
