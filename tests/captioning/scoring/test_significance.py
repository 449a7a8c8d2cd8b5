import numpy as np
import pytest

from minicap.captioning.scoring.metrics import METRICS, image_statistics, scores_of_sums
from minicap.captioning.scoring.significance import bootstrap_intervals, paired_test

CIDER = METRICS.index("cider")


def rng():
    return np.random.default_rng(0)


def table_with_cider(values):
    table = np.ones((len(values), 12))
    table[:, -1] = values
    return table


def captions_table(n=40):
    random = rng()
    words = np.array(["a", "dog", "runs", "on", "red", "grass"])
    captions = {str(i): " ".join(random.choice(words, 7)) for i in range(n)}
    return image_statistics(captions, {i: [c[: random.integers(5, 30)], "a dog runs on"] for i, c in captions.items()})


def test_one_resample_is_the_score_of_the_drawn_images_with_bleu_from_their_summed_counts():
    table = captions_table()
    drawn = rng().integers(len(table), size=len(table))  # the first draw of the same generator
    expected = scores_of_sums(table[drawn].sum(axis=0), len(table))
    assert bootstrap_intervals(table, 1, rng()) == pytest.approx(np.stack([expected, expected]))


def test_the_interval_of_a_mean_is_the_textbook_one():
    values = rng().exponential(size=400)
    low, high = bootstrap_intervals(table_with_cider(values), 4000, rng())[:, CIDER]
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)


def test_intervals_hold_the_score_and_repeat_with_the_seed():
    table = captions_table()
    low, high = bootstrap_intervals(table, 500, rng())
    score = scores_of_sums(table.sum(axis=0), len(table))
    assert np.all(low < score) and np.all(score < high)
    assert np.array_equal(bootstrap_intervals(table, 500, rng()), [low, high])


def test_a_captioner_does_not_differ_from_itself():
    table = captions_table()
    test = paired_test(table, table, 200, rng())
    assert np.all(test.difference == 0) and np.all(test.p == 1) and np.all(test.noise < 1e-12)
    assert np.all(test.is_noise())


def test_better_on_every_image_is_no_noise_and_the_test_is_antisymmetric():
    worse = table_with_cider(rng().random(100))
    better = table_with_cider(worse[:, -1] + 0.1)
    test, reverse = paired_test(better, worse, 999, rng()), paired_test(worse, better, 999, rng())
    assert test.difference[CIDER] == pytest.approx(0.1)
    assert test.interval[:, CIDER] == pytest.approx([0.1, 0.1])
    assert test.p[CIDER] == 1 / 1000  # no random swap reaches it; the observed order itself counts as one
    assert not test.is_noise()[CIDER] and test.is_noise()[0]
    assert reverse.difference == pytest.approx(-test.difference)
    assert np.array_equal(reverse.p, test.p)


def test_p_is_the_share_of_swaps_that_reach_the_difference():
    # Three images, each better by 1: of the 8 ways to swap only "none" and "all" give a mean of ±1, so p = 1/4.
    test = paired_test(table_with_cider([1, 2, 3]), table_with_cider([0, 1, 2]), 8000, rng())
    assert test.p[CIDER] == pytest.approx(0.25, abs=0.02)
    # Better by 3 and 1, worse by 1: the 8 sums ±3 ±1 ±1 are ±5 (2 ways), ±3 (4) and ±1 (2). Observed is 3: p = 6/8.
    test = paired_test(table_with_cider([3, 1, 0]), table_with_cider([0, 0, 1]), 8000, rng())
    assert test.p[CIDER] == pytest.approx(0.75, abs=0.02)
    assert test.noise[CIDER] == pytest.approx(5 / 3)  # a quarter of the swaps makes ±5, so it is within the 95 %


def test_the_paired_interval_is_narrow_where_both_captioners_find_the_same_images_hard():
    hard = rng().normal(5, 1, size=300)
    noise_a, noise_b = rng().normal(0, 0.1, size=(2, 300))
    a, b = table_with_cider(hard + noise_a), table_with_cider(hard + noise_b)
    low, high = paired_test(a, b, 1000, rng()).interval[:, CIDER]
    alone_low, alone_high = bootstrap_intervals(a, 1000, rng())[:, CIDER]
    assert high - low < 0.3 * (alone_high - alone_low)


def test_equally_good_captioners_are_called_different_about_one_time_in_twenty():
    random = rng()
    called = 0
    for _ in range(200):
        a, b = (table_with_cider(random.random(30)) for _ in range(2))
        called += not paired_test(a, b, 150, random).is_noise()[CIDER]
    assert 2 <= called <= 22  # Binomial(200, 0.05) leaves this range one time in 3,000


def test_tables_of_different_images_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 12\) and \(4, 12\)"):
        paired_test(np.ones((3, 12)), np.ones((4, 12)), 10, rng())
