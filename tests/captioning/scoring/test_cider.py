import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.captioning.scoring import cider as cider_module
from minicap.captioning.scoring.cider import (
    CiderD,
    TfIdf,
    agreement,
    agreements,
    all_ngrams,
    cider,
    consensus,
    inverse_document_frequency,
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
    weigh = TfIdf(train)
    found = agreements(*weigh(weigh.corpus(candidates), weigh.corpus(references)))
    idf = inverse_document_frequency([[all_ngrams(words) for words in captions] for captions in train])
    candidates, references = ([all_ngrams(words) for words in captions] for captions in (candidates, references))
    wanted = [[agreement(tf_idf(c, idf), [tf_idf(s, idf)]) for s in references] for c in candidates]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


IN_ORDER = sys.version_info < (3, 12)  # later, Python's sum of the definition is more exact than one after the other


def by_definition(images, candidates, train):
    idf = inverse_document_frequency([[all_ngrams(words) for words in captions] for captions in train])
    return [agreement(tf_idf(all_ngrams(words), idf), [tf_idf(all_ngrams(other), idf) for other in train[image]])
            for image, words in zip(images, candidates, strict=True)]


@given(st.lists(st.lists(CAPTION, min_size=1, max_size=4), min_size=1, max_size=6), st.data())
def test_many_captions_at_once_score_to_the_bit_as_the_definition_has_it(train, data):
    """Several captions of an image, unknown words, repeated ones, none at all."""
    images = data.draw(st.lists(st.integers(0, len(train) - 1), min_size=1, max_size=9))
    candidates = [data.draw(CAPTION) for _ in images]
    score = CiderD(train)
    found, wanted = score.scores(images, candidates), by_definition(images, candidates, train)
    assert found.tolist() == (wanted if IN_ORDER else pytest.approx(wanted, rel=1e-14))
    assert [score(image, words) for image, words in zip(images, candidates, strict=True)] == found.tolist()


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_scores_do_not_depend_on_how_many_captions_are_scored_together(monkeypatch, at_once):
    train = [[["a", "dog"], ["a", "dog", "runs"]], [["a", "cat"]], [["two", "men", "and", "a", "cat"], ["men"]]]
    images, candidates = [2, 0, 1, 0], [["a", "cat"], ["a", "dog", "sits"], ["dog"], ["a", "dog"]]
    together, of_train = CiderD(train).scores(images, candidates), consensus(train)
    monkeypatch.setattr(cider_module, "AT_ONCE", at_once)
    assert CiderD(train).scores(images, candidates).tolist() == together.tolist()
    for found, wanted in zip(consensus(train), of_train, strict=True):
        np.testing.assert_array_equal(found, wanted)


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
