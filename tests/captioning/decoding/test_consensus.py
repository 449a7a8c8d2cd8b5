"""Consensus: the score of a caption computed by hand, the neighbours of a picture, and the caption that is chosen."""

from types import SimpleNamespace

import numpy as np
import pytest
from test_beam_search import TinyModel, log_p, tiny_model

from minicap.captioning.decoding.beam_search import Hypothesis, beam_search, sample_many
from minicap.captioning.decoding.consensus import Consensus
from minicap.captioning.models.state import DecoderState
from minicap.captioning.scoring.cider import (
    agreement,
    agreements,
    all_ngrams,
    inverse_document_frequency,
    tf_idf,
)
from minicap.captioning.text.vocabulary import END, PAD, SPECIAL, START, UNK

WORDS = (*SPECIAL, "dog", "cat", "runs", "sits")
TRAIN = [["a dog runs", "the dog runs"], ["a cat sits", "the cat sits"], ["a man", "a man"]]


def consensus(pictures=None, **options):
    return Consensus([[caption.split() for caption in captions] for captions in TRAIN], pictures, **options)


def hypothesis(caption, score):
    return Hypothesis(tuple(WORDS.index(word) for word in caption.split()), score, score)


def captioner_of(model, pictures=None):
    """What a Consensus asks of a captioner; its model inputs are the rows of ``model``."""
    return SimpleNamespace(vocabulary=SimpleNamespace(words=WORDS), start=lambda rows: model.start(rows), step=model,
                           descriptors=lambda rows: pictures[rows])


def vectors(caption):
    idf = inverse_document_frequency([[all_ngrams(text.split()) for text in captions] for captions in TRAIN])
    return tf_idf(all_ngrams(caption.split()), idf)


def test_a_caption_agrees_as_cider_has_it_with_what_is_rare_in_train():
    """The score of a set in which these captions are the references of an image, among those of train."""
    others = ["the dog runs", "a cat runs", "a dog sits there"]
    weigh = consensus().tf_idf
    for caption in ("a dog runs", "dog", "dog dog runs", "bird", ""):
        (found,) = agreements(*weigh(weigh.corpus([caption.split()]), weigh.corpus(map(str.split, others))))
        assert found.mean() == pytest.approx(agreement(vectors(caption), list(map(vectors, others))))


@pytest.mark.parametrize("neighbours", [1, 2])
def test_what_people_said_of_similar_pictures_decides(neighbours):
    """Two of them, a dog and a cat, favour neither."""
    descriptors = np.array([[5.0, 0.0], [0.0, 5.0], [-5.0, -5.0]])
    captioner = captioner_of(None, np.array([[4.0, 1.0], [1.0, 4.0]]))
    found = [hypothesis("cat sits", -1.0), hypothesis("dog runs", -1.1)]
    chosen = consensus(descriptors, neighbours=neighbours)(captioner, np.array([0, 1]), [found, found])
    assert chosen == [found[::-1] if neighbours == 1 else found, found]


def test_a_caption_may_be_as_much_less_probable_as_it_agrees_better():
    captioner = captioner_of(None, np.array([[1.0, 0.0]]))
    one = consensus(np.eye(3)[:, :2], neighbours=1)
    gain = agreement(vectors("dog runs"), [vectors(text) for text in TRAIN[0]])
    assert 2 < gain < 5
    for more, first in ((0.01, "dog runs"), (-0.01, "cat sits")):
        found = [hypothesis("cat sits", -1.0), hypothesis("dog runs", -1.0 - gain + more)]
        ((best, _),) = one(captioner, np.array([0]), [found])
        assert best.words == hypothesis(first, 0).words


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
    (chosen,) = consensus(mbr_samples=200)(captioner_of(model), np.array([0]), found)
    assert chosen[0].words[0] == dog and {*chosen} == {*found[0]}


@pytest.mark.parametrize("rows", [1, 4, 1000])
def test_as_many_captions_of_each_image_are_drawn_as_were_asked_for_whatever_is_drawn_at_once(rows):
    """Images keep their own state: in the table of one of them only its own word can be said."""
    table = np.full((2, 6, 6, 6), -np.inf)
    for image, word in enumerate((4, 5)):
        table[image, :, :, [word, 2]] = np.log(0.5)
    model = TinyModel(table)
    found = sample_many(model, model.start([1, 0, 1]), 9, rng=np.random.default_rng(0), rows=rows)
    assert [len(kept) for kept in found] == [9] * 3
    for kept, word in zip(found, (5, 4, 5), strict=True):
        assert {said for h in kept for said in h.words} == {word}
        assert len({h.words for h in kept}) > 1


def test_a_seed_repeats_the_draws_and_the_device_of_the_state_does_not_matter(device):
    model = tiny_model(3)
    state = model.start([0, 1])
    moved = DecoderState(tuple(device.asarray(s) for s in state.rows))
    first, again, there = (sample_many(model, s, 5, rng=np.random.default_rng(1)) for s in (state, state, moved))
    assert first == again == there != sample_many(model, state, 5, rng=np.random.default_rng(2))


def test_samples_are_spread_over_the_probabilities_word_by_word():
    """n samples of a word of probability p: n·p of them, rounded up or down, and n·p on the average."""
    table = np.full((1, 8, 8, 8), -np.inf)
    p = np.array([0.37, 0.25, 0.205, 0.175])
    table[0, 0, 1, 4:] = np.log(p)
    table[0, 1, 4:, [2, 4]] = np.log([[0.3], [0.7]])
    table[0, 4:, 4, 2] = 0
    model, counts, longer = TinyModel(table), [], []
    for seed in range(300):
        (found,) = sample_many(model, model.start([0]), 10, rng=np.random.default_rng(seed), rows=4)
        firsts = np.bincount([h.words[0] for h in found], minlength=8)[4:]
        assert (np.abs(firsts - 10 * p) < 1).all() and firsts.sum() == 10
        counts.append(firsts)
        longer.append(sum(len(h.words) == 2 for h in found))
    np.testing.assert_allclose(np.mean(counts, axis=0), 10 * p, atol=0.1)
    assert np.mean(longer) == pytest.approx(7, abs=0.15)


def test_samples_have_the_probability_that_the_model_gives_them_and_never_a_forbidden_word():
    model = tiny_model(3)
    for image, found in enumerate(sample_many(model, model.start([0, 1, 2]), 50, rng=np.random.default_rng(0),
                                              max_length=6)):
        assert len(found) == 50
        for h in found:
            said = h.words if len(h.words) == 6 else (*h.words, END)
            assert h.logp == h.score == pytest.approx(log_p(model, image, said))
            assert not {PAD, START, UNK, END} & {*h.words}
