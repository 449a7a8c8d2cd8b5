"""Consensus: the score of a caption by hand, the neighbours of a picture, and what is chosen in the end."""

from types import SimpleNamespace

import numpy as np
import pytest
from test_search import TinyModel, tiny_model

from minicap.captioning.cider import CiderD
from minicap.captioning.consensus import Consensus, agreement, unit_rows
from minicap.captioning.search import Hypothesis, beam_search, draw
from minicap.captioning.vocabulary import SPECIAL

WORDS = (*SPECIAL, "dog", "cat", "runs", "sits")
TRAIN = [["a dog runs", "the dog runs"], ["a cat sits", "the cat sits"], ["a man", "a man"]]


def consensus(pictures=None, **options):
    return Consensus([[caption.split() for caption in captions] for captions in TRAIN], pictures, **options)


def hypothesis(caption, score):
    return Hypothesis(tuple(WORDS.index(word) for word in caption.split()), score, score)


def captioner_of(model, pictures=None):
    """What a Consensus asks of a captioner; its model inputs are the rows of ``model``."""
    return SimpleNamespace(vocabulary=SimpleNamespace(words=WORDS), start=lambda rows: model.start(rows), step=model,
                           overview=lambda rows: pictures[rows])


def test_agreement_is_the_mean_cosine_of_all_pairs_and_ten_times_it_is_the_cider_of_captions_as_long():
    """CIDEr-D differs from CIDEr only for captions of different lengths, or with a word said twice."""
    one = consensus()
    others = [["the", "dog", "runs"], ["a", "cat", "runs"], ["a", "dog", "sits"]]
    caption = ["a", "dog", "runs"]
    by_pairs = np.mean([agreement(one.direction(caption), one.mean_direction([other])) for other in others])
    together = agreement(one.direction(caption), one.mean_direction(others))
    assert together == pytest.approx(by_pairs)
    reference = CiderD([others, *[[text.split() for text in captions] for captions in TRAIN]])
    reference.references[0] = [_tf_idf_of(other, one) for other in others]  # with the idf of train alone
    reference.idf = one.idf
    assert 10 * together == pytest.approx(reference(0, caption))
    assert 0 < together < 1


def _tf_idf_of(words, one):
    from minicap.captioning.cider import all_ngrams, tf_idf

    return tf_idf(all_ngrams(words), one.idf)


def test_by_hand_a_caption_agrees_with_itself_and_with_nothing_that_shares_no_rare_word():
    one = consensus()
    for words in (["dog"], ["dog", "runs"], ["a", "dog", "runs", "fast"]):
        orders = len(words)  # of longer n-grams it has none
        assert agreement(one.direction(words), one.mean_direction([words])) == pytest.approx(orders / 4)
    assert agreement(one.direction(["a", "dog"]), one.mean_direction([["a", "cat"]])) == pytest.approx(
        _cosine_of_a(one.idf) / 4)  # "a" alone
    assert agreement(one.direction([]), one.mean_direction([["a", "cat"]])) == 0


def _cosine_of_a(idf):
    a, other = idf(("a",)), idf(("dog",))
    return a * a / (a * a + other * other)


@pytest.mark.parametrize("neighbours", [1, 2])
def test_what_people_said_of_similar_pictures_decides(neighbours):
    """Pictures are similar by their angle, not by their length. Two of them, a dog and a cat, favour neither."""
    pictures = np.array([[5.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    captioner = captioner_of(None, np.array([[1.0, 0.3], [0.2, 9.0]]))
    found = [hypothesis("cat sits", -1.0), hypothesis("dog runs", -1.1)]
    chosen = consensus(pictures, neighbours=neighbours)(captioner, np.array([0, 1]), [found, found])
    assert chosen == [found[::-1] if neighbours == 1 else found, found]


def test_the_probability_counts_as_well():
    captioner = captioner_of(None, np.array([[1.0, 0.0]]))
    one = consensus(np.eye(3)[:, :2], neighbours=1)
    found = [hypothesis("cat sits", -1.0), hypothesis("dog runs", -9.0)]  # CIDErs are 10 at most, here at most 5
    assert one(captioner, np.array([0]), [found]) == [found]
    score = [kept.score + 10 * agreement(one.direction(caption.split()), one.mean_direction(
        [text.split() for text in TRAIN[0]])) for kept, caption in zip(found, ("cat sits", "dog runs"), strict=True)]
    assert -1 == score[0] > score[1] > -9 + 2


def test_what_the_model_says_itself_decides():
    """"cat" has 0.45, "dog runs" and "dog sits" 0.275 each; these agree with each other."""
    table = np.full((1, 8, 8, 8), -np.inf)
    dog, cat, runs, sits, end = (WORDS.index(w) for w in ("dog", "cat", "runs", "sits", "<end>"))
    table[0, 0, 1, [cat, dog]] = np.log([0.45, 0.55])
    table[0, 1, cat, end] = table[0, :, runs, end] = table[0, :, sits, end] = 0
    table[0, 1, dog, [runs, sits]] = np.log(0.5)
    model = TinyModel(table)
    found = beam_search(model, model.start([0]), beam=3)
    assert [kept.words[0] for kept in found[0]] == [cat, dog, dog]
    (chosen,) = consensus(draws=200)(captioner_of(model), np.array([0]), found)
    assert chosen[0].words[0] == dog and {*chosen} == {*found[0]}


@pytest.mark.parametrize("rows", [1, 4, 1000])
def test_as_many_captions_of_each_image_are_drawn_as_were_asked_for_whatever_is_drawn_at_once(rows):
    """Images keep their own state: in the table of one of them only its own word can be said."""
    table = np.full((2, 6, 6, 6), -np.inf)
    for image, word in enumerate((4, 5)):
        table[image, :, :, [word, 2]] = np.log(0.5)
    model = TinyModel(table)
    found = draw(model, model.start([1, 0, 1]), 9, rng=np.random.default_rng(0), rows=rows)
    assert [len(kept) for kept in found] == [9] * 3
    for kept, word in zip(found, (5, 4, 5), strict=True):
        assert {said for h in kept for said in h.words} == {word}
        assert len({h.words for h in kept}) > 1


def test_a_seed_repeats_the_draws_and_the_device_of_the_state_does_not_matter(device):
    model = tiny_model(3)
    state = model.start([0, 1])
    moved = tuple(device.asarray(s) for s in state)
    first, again, there = (draw(model, s, 5, rng=np.random.default_rng(1)) for s in (state, state, moved))
    assert first == again == there != draw(model, state, 5, rng=np.random.default_rng(2))


def test_rows_of_zeros_are_similar_to_nothing_and_no_nan():
    np.testing.assert_array_equal(unit_rows([[0, 0], [3, 4]]), np.float32([[0, 0], [0.6, 0.8]]))
