import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.captioning.scoring.cider import (
    agreement,
    agreements,
    all_ngrams,
    cider,
    consensus,
    inverse_document_frequency,
    occurrences,
    tf_idf,
)

# Two images, one reference each. "a" is in both: idf log(2/2) = 0. "dog", "cat", "a dog", "a cat" are in one: log 2.
REFERENCES = [["a dog"], ["a cat"]]


def scores(candidates, references):
    return cider([candidate.split() for candidate in candidates],
                 [[caption.split() for caption in captions] for captions in references])


def test_by_hand_a_right_caption_and_a_wrong_one():
    # Image 1: cosine 1 for words and for pairs, none longer: 10 · (1 + 1 + 0 + 0) / 4. Image 2: only "a", weight 0.
    assert scores(["a dog", "a dog"], REFERENCES) == pytest.approx([5.0, 0.0])


def test_by_hand_a_difference_of_one_word_in_length():
    # The word vectors agree (weight of "a" is 0), the pair is missing: 10 · 1/4 · exp(-1² / (2 · 6²)).
    assert scores(["dog", "a cat"], REFERENCES)[0] == pytest.approx(2.5 * math.exp(-1 / 72))


def test_by_hand_a_repeated_word_gains_nothing():
    # g(dog) = 2 log 2 against log 2: the minimum makes it log 2 · log 2 / (2 log 2 · log 2) = 1/2; same length.
    assert scores(["dog dog", "a cat"], REFERENCES)[0] == pytest.approx(10 * (1 / 2) / 4)


def test_by_hand_a_word_that_no_reference_holds_counts_as_seen_once():
    # Words: |g_c| = sqrt(log² 2 + log² 2), so the cosine is 1/sqrt(2). No pair matches. Same length.
    assert scores(["dog bird", "a cat"], REFERENCES)[0] == pytest.approx(10 / math.sqrt(2) / 4)


def test_references_of_one_image_are_averaged_and_count_once_in_the_document_frequency():
    # "dog" stands in two references of image 1, which is still one image. The second reference is one word longer:
    # words dog, big: cosine 1/sqrt(2); pairs "a big", "big dog": none in common; length differs by 1.
    second = math.exp(-1 / 72) / math.sqrt(2)
    expected = 10 / 4 * ((1 + 1) + second) / 2
    assert scores(["a dog", "a cat"], [["a dog", "a big dog"], ["a cat"]])[0] == pytest.approx(expected)


def test_captions_without_words_score_zero_and_one_image_has_no_information():
    assert scores(["", "a cat"], REFERENCES)[0] == 0
    assert scores(["a dog"], [["a dog"]]) == [0]


def test_ten_is_the_most():
    # Nothing in common between the images, four words each: all four cosines are 1.
    assert scores(["a b c d", "e f g h"], [["a b c d"], ["e f g h"]]) == pytest.approx([10, 10])


# ------------------------------------------------------------------------------------------- many captions against many

CAPTION = st.lists(st.sampled_from(["a", "dog", "runs", "runs", "zebra"]), max_size=9)  # with words often repeated


@given(st.lists(st.lists(CAPTION, min_size=1, max_size=3), min_size=1, max_size=4),
       st.lists(CAPTION, min_size=1, max_size=5), st.lists(CAPTION, min_size=1, max_size=5))
def test_one_matrix_product_gives_what_the_definition_gives(train, candidates, references):
    """Repeated n-grams, captions shorter than an n-gram or empty, n-grams without weight or unknown to train."""
    idf = inverse_document_frequency([[all_ngrams(words) for words in captions] for captions in train])
    candidates, references = ([all_ngrams(words) for words in captions] for captions in (candidates, references))
    found = agreements(*([occurrences(counts, idf) for counts in captions] for captions in (candidates, references)))
    wanted = [[agreement(tf_idf(c, idf), [tf_idf(s, idf)]) for s in references] for c in candidates]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@given(st.lists(st.lists(CAPTION, min_size=1, max_size=4), min_size=1, max_size=4))
def test_the_consensus_of_a_caption_is_its_score_against_the_others_of_its_image(train):
    idf = inverse_document_frequency([[all_ngrams(words) for words in captions] for captions in train])
    found = consensus(train)
    for of_image, captions in zip(found, train, strict=True):
        assert len(of_image) == len(captions)
        vectors = [tf_idf(all_ngrams(words), idf) for words in captions]
        for k, score in enumerate(of_image):
            others = vectors[:k] + vectors[k + 1:]
            assert score == pytest.approx(agreement(vectors[k], others), abs=1e-9) if others else np.isnan(score)
