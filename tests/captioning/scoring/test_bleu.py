import math

import numpy as np
import pytest

from minicap.captioning.scoring.bleu import bleu, bleu_counts

# The examples of Papineni et al. 2002, section 2.1.
GUIDES = [
    "it is a guide to action that ensures that the military will forever heed party commands",
    "it is the guiding principle which guarantees the military forces always being under the command of the party",
    "it is the practical guide for the army always to heed the directions of the party"]
GOOD = "it is a guide to action which ensures that the military always obeys the commands of the party"
POOR = "it is to insure the troops forever hearing the activity guidebook that party direct"


def counts(candidate, *references):
    return bleu_counts(candidate.split(), [reference.split() for reference in references])


def test_a_repeated_word_counts_as_often_as_in_the_reference_that_has_most_of_it():
    the = counts("the the the the the the the", "the cat is on the mat", "there is a cat on the mat")
    assert the[0] == 2 and the[4] == 7  # clipped to the two of the first reference: 2/7 in the paper
    assert bleu(the)[0] == pytest.approx(2 / 7)  # c = 7 and the closest r = 7: no penalty


@pytest.mark.parametrize("candidate, unigrams, bigrams", [(GOOD, (17, 18), (10, 17)), (POOR, (8, 14), (1, 13))])
def test_precisions_of_the_papers_two_candidates(candidate, unigrams, bigrams):
    found = counts(candidate, *GUIDES)
    assert (found[0], found[4]) == unigrams
    assert (found[1], found[5]) == bigrams


@pytest.mark.parametrize("lengths, closest", [((3, 5), 3), ((5, 3), 3), ((2, 5), 5), ((9, 4), 4), ((7,), 7)])
def test_the_reference_length_is_the_closest_and_a_tie_goes_to_the_shorter(lengths, closest):
    assert counts("a b c d", *["x " * length for length in lengths])[9] == closest


def test_a_short_caption_is_penalised_by_its_length_and_orders_without_match_give_zero():
    # All 3 words, 2 bigrams, 1 trigram match; c = 3, r = 5: penalty exp(1 - 5/3). There is no 4-gram at all.
    penalty = math.exp(1 - 5 / 3)
    assert bleu(counts("a dog runs", "a dog runs fast today")) == pytest.approx([penalty, penalty, penalty, 0])


def test_a_long_caption_is_not_rewarded():
    # c = 6 > r = 5: factor 1. p1 = 5/6, p2 = 4/5, p3 = 3/4, p4 = 2/3; their products telescope.
    found = bleu(counts("a b c d e f", "a b c d e"))
    assert found == pytest.approx([5 / 6, (4 / 6) ** (1 / 2), (3 / 6) ** (1 / 3), (2 / 6) ** (1 / 4)])


def test_the_corpus_is_summed_before_dividing():
    # "a b c d e" is all right: 5/5, 4/4, 3/3, 2/2. "a x" against "a y z": 1/2, 0/1, no longer n-grams.
    # Together: p1 = 6/7, p2 = 4/5, p3 = 1, p4 = 1; c = 7, r = 8.
    total = counts("a b c d e", "a b c d e") + counts("a x", "a y z")
    p1, p2, penalty = 6 / 7, 4 / 5, math.exp(1 - 8 / 7)
    assert bleu(total) == pytest.approx([
        penalty * p1, penalty * (p1 * p2) ** (1 / 2), penalty * (p1 * p2) ** (1 / 3), penalty * (p1 * p2) ** (1 / 4)])


def test_a_caption_without_words_matches_nothing_and_costs_its_reference_length():
    empty = counts("", "a b c")
    assert empty.tolist() == [0] * 8 + [0, 3]
    assert bleu(empty).tolist() == [0, 0, 0, 0]


def test_many_corpora_are_scored_at_once():
    rows = np.stack([counts(GOOD, *GUIDES), counts(POOR, *GUIDES)])
    assert np.array_equal(bleu(rows), [bleu(rows[0]), bleu(rows[1])])
