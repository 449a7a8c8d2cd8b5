"""Batches of captions: every caption once, little padding, the same again from the same random state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.captioning.text.batches import (
    BATCHES_PER_CHUNK,
    BatchesByImage,
    CaptionBatches,
    make_batch,
    padding_fraction,
)
from minicap.captioning.text.vocabulary import END, PAD, START


def rng(seed=0):
    return np.random.default_rng(seed)


def some_captions(n=500, longest=20, seed=1):
    lengths = rng(seed).integers(1, longest + 1, n)
    return [(i // 5, list(range(4, 4 + length))) for i, length in enumerate(lengths)]


def same(one, other):
    return all(np.array_equal(getattr(one, field), getattr(other, field))
               for field in ("image_index", "tokens", "targets", "lengths"))


def test_a_batch_starts_its_tokens_ends_its_targets_and_has_the_longest_row_first():
    batch = make_batch([(7, [4, 5]), (8, [6, 4, 5]), (9, [])])
    np.testing.assert_array_equal(batch.image_index, [8, 7, 9])
    np.testing.assert_array_equal(batch.lengths, [4, 3, 1])
    np.testing.assert_array_equal(batch.tokens, [[START, 6, 4, 5], [START, 4, 5, PAD], [START, PAD, PAD, PAD]])
    np.testing.assert_array_equal(batch.targets, [[6, 4, 5, END], [4, 5, END, PAD], [END, PAD, PAD, PAD]])


def test_captions_of_equal_length_keep_their_order():
    np.testing.assert_array_equal(make_batch([(1, [4]), (2, [5]), (3, [4, 5])]).image_index, [3, 1, 2])


def test_weights_stay_with_their_captions():
    assert make_batch([(7, [4, 5])]).weights is None
    captions = [(7, [4, 5], 0.5), (8, [6, 4, 5], 2.0), (7, [], 1.5)]
    batch = make_batch(captions)
    np.testing.assert_array_equal(batch.weights, np.float32([2.0, 0.5, 1.5]))
    for batches in (CaptionBatches(captions, 2, rng()), BatchesByImage(captions, 2, rng())):
        found = [(int(image), length, weight) for batch in batches
                 for image, length, weight in zip(batch.image_index, batch.lengths, batch.weights, strict=True)]
        assert sorted(found) == [(7, 1, 1.5), (7, 3, 0.5), (8, 4, 2.0)]


def test_a_caption_that_is_too_long_is_cut_without_an_end():
    batch = make_batch([(0, [4, 5, 6, 7]), (1, [4, 5, 6])], max_length=3)
    np.testing.assert_array_equal(batch.lengths, [4, 3])
    np.testing.assert_array_equal(batch.image_index, [1, 0])
    np.testing.assert_array_equal(batch.targets, [[4, 5, 6, END], [4, 5, 6, PAD]])
    np.testing.assert_array_equal(batch.tokens, [[START, 4, 5, 6], [START, 4, 5, PAD]])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 9), st.lists(st.integers(3, 99), max_size=12)), min_size=1, max_size=60),
       st.integers(1, 17), st.integers(1, 14))
def test_every_caption_comes_exactly_once_in_an_epoch(captions, batch_size, max_length):
    batches = CaptionBatches(captions, batch_size, rng(), max_length)
    seen, sizes = [], []
    for batch in batches:
        N, T = batch.targets.shape
        sizes.append(N)
        assert batch.tokens.shape == (N, T) and batch.lengths.shape == batch.image_index.shape == (N,)
        assert batch.lengths[0] == T and (np.diff(batch.lengths) <= 0).all()
        for n, length in enumerate(batch.lengths):
            assert batch.tokens[n, 0] == START
            np.testing.assert_array_equal(batch.tokens[n, 1:length], batch.targets[n, :length - 1])
            assert (batch.tokens[n, length:] == PAD).all() and (batch.targets[n, length:] == PAD).all()
            seen.append((int(batch.image_index[n]), tuple(batch.targets[n, :length].tolist())))
    expected = [(i, tuple([*words, END] if len(words) <= max_length else words[:max_length])) for i, words in captions]
    assert sorted(seen) == sorted(expected)
    assert len(sizes) == len(batches) and sum(size < batch_size for size in sizes) <= 1


def test_the_state_of_the_generator_decides_the_epoch():
    captions = some_captions()
    running = CaptionBatches(captions, 32, rng(3))
    first = list(running)
    state = running.rng.bit_generator.state
    second = list(running)
    assert not all(map(same, first, second))  # another shuffle each epoch

    resumed = CaptionBatches(captions, 32, rng(99))
    resumed.rng.bit_generator.state = state
    assert all(map(same, second, list(resumed)))


def test_an_epoch_left_in_the_middle_has_drawn_as_much_as_a_whole_one():
    whole, left = (CaptionBatches(some_captions(), 32, rng(3)) for _ in range(2))
    list(whole)
    next(iter(left))
    assert whole.rng.bit_generator.state == left.rng.bit_generator.state


def test_bucketing_leaves_little_padding_and_still_mixes_captions_and_lengths():
    captions = some_captions(5000)
    batches = CaptionBatches(captions, 32, rng())
    bucketed = list(batches)
    order = rng(5).permutation(len(captions))
    plain = [make_batch([captions[row] for row in order[i:i + 32]]) for i in range(0, len(order), 32)]
    assert padding_fraction(bucketed) < 0.05 < 0.3 < padding_fraction(plain)
    longest = [batch.targets.shape[1] for batch in bucketed[:BATCHES_PER_CHUNK]]
    assert longest != sorted(longest) and longest != sorted(longest, reverse=True)
    companions = {frozenset(batch.image_index.tolist()) for batch in bucketed}
    assert not companions & {frozenset(batch.image_index.tolist()) for batch in batches}


def test_by_image_every_caption_comes_once_an_epoch_beside_the_others_of_its_image():
    captions = [*some_captions(103), (50, [4])]
    batches = BatchesByImage(captions, 20, rng())
    seen, orders = [], []
    for _ in range(2):
        epoch = list(batches)
        assert len(epoch) == len(batches) == 6
        images = [set(batch.image_index.tolist()) for batch in epoch]
        assert sum(map(len, images)) == len(set.union(*images)) == 22  # none is in two batches
        assert {len(batch.image_index) for batch in epoch[:-1]} <= set(range(12, 21))
        seen.append(sorted((int(image), *target[:length].tolist()) for batch in epoch for image, target, length in
                           zip(batch.image_index, batch.targets, batch.lengths, strict=True)))
        orders.append(images)
    assert seen[0] == seen[1] == sorted((image, *words, END) for image, words in captions)
    assert orders[0] != orders[1]
    assert all(map(same, BatchesByImage(captions, 20, rng()), BatchesByImage(captions, 20, rng())))
    assert all((np.diff(batch.lengths) <= 0).all() for batch in batches)


def test_the_padding_fraction_is_padding_over_all_positions():
    assert padding_fraction([make_batch([(0, [4, 4, 4]), (0, [4])])]) == 2 / 8
    assert padding_fraction([]) == 0


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        CaptionBatches(some_captions(), 0, rng())
    with pytest.raises(ValueError, match="and 0"):
        CaptionBatches(some_captions(), 4, rng(), max_length=0)
