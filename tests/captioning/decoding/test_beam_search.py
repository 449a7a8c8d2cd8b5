"""Beam search against exhaustive search, and against the same search written with lists."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.backend import array_module, to_numpy
from minicap.captioning.decoding import beam_search as search
from minicap.captioning.decoding.beam_search import Hypothesis, beam_search, decode, greedy, rescore, sample
from minicap.captioning.models.state import DecoderState
from minicap.captioning.text.vocabulary import END, PAD, START, UNK
from minicap.errors import UserError

FORBIDDEN = (PAD, START, UNK)


@dataclass
class TinyModel:
    """log p(word | image, the two words before it), from a table: (state, words) -> (state, log p).

    The state is (image, the word before), each (N,), so that a beam that inherits another's state shows.
    """

    table: np.ndarray  # (images, V, V, V)

    def start(self, images):
        images = np.asarray(images)
        return DecoderState((images, np.full(len(images), PAD)))

    def __call__(self, state, words):
        image, before = state.rows
        xp = array_module(words)
        return DecoderState((image, words)), xp.asarray(self.table[to_numpy(image), to_numpy(before), to_numpy(words)])


def tiny_model(seed, images=3, words=2, sharpness=2.0):
    """Random probabilities over <pad>, <start>, <end>, <unk> and ``words`` real words."""
    logits = sharpness * np.random.default_rng(seed).standard_normal((images, *[4 + words] * 3))
    return TinyModel(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def log_p(model, image, caption):
    """Σ log p of a sequence of words (with its <end>, if it has one)."""
    read = (PAD, START, *caption)
    return sum(model.table[image, read[t], read[t + 1], word] for t, word in enumerate(caption))


def score_of(logp, length, length_penalty):
    return logp / length**length_penalty


def all_captions(model, image, max_length, length_penalty):
    """What may be said, best first: all captions that end in time, and all that are cut."""
    real = [w for w in range(model.table.shape[-1]) if w not in (*FORBIDDEN, END)]
    found = []
    for length in range(max_length + 1):
        for words in itertools.product(real, repeat=length):
            counted = (*words, END) if length < max_length else words
            logp = log_p(model, image, counted)
            found.append(Hypothesis(words, logp, score_of(logp, len(counted), length_penalty)))
    return sorted(found, key=lambda h: -h.score)


def beam_search_by_hand(model, image, beam, max_length, length_penalty, no_repeat_ngram_size=0):
    """The same search for one image with lists, without stopping early."""
    beginnings, finished = [()], []
    for length in range(1, max_length + 1):
        ways = []
        for words in beginnings:
            for word in range(model.table.shape[-1]):
                if word not in FORBIDDEN and not repeats((*words, word), no_repeat_ngram_size):
                    ways.append(((*words, word), log_p(model, image, (*words, word))))
        ways.sort(key=lambda way: -way[1])
        finished += [(words, logp) for words, logp in ways[:beam] if words[-1] == END or length == max_length]
        beginnings = [words for words, _ in ways if words[-1] != END][:beam]
    found = [Hypothesis(tuple(w for w in words if w != END), logp, score_of(logp, len(words), length_penalty))
             for words, logp in finished]
    return sorted(found, key=lambda h: -h.score)[:beam]


def repeats(words, n):
    """Do the last n words stand in the caption before, too?"""
    return n > 0 and words[-n:] in [words[i:i + n] for i in range(len(words) - n)]


def assert_same(found, expected):
    assert [h.words for h in found] == [h.words for h in expected]
    np.testing.assert_allclose([(h.logp, h.score) for h in found], [(h.logp, h.score) for h in expected], rtol=1e-12)


searches = {"seed": st.integers(0, 999), "max_length": st.integers(1, 5),
            "length_penalty": st.sampled_from([0.0, 0.3, 0.7, 1.0, 2.0])}


# ------------------------------------------------------------------------------------------------ the right captions

@given(**searches)
def test_a_beam_wide_enough_finds_all_captions_there_are_best_first(seed, max_length, length_penalty):
    model = tiny_model(seed)
    wide = 2**(max_length + 1)  # of two words there are 2^length captions of every length up to max_length
    found = beam_search(model, model.start([0, 1, 2]), beam=wide, max_length=max_length, length_penalty=length_penalty)
    for image, kept in enumerate(found):
        expected = all_captions(model, image, max_length, length_penalty)
        assert len(expected) == wide - 1
        assert_same(kept, expected)


@given(beam=st.integers(2, 4), words=st.integers(1, 4), **searches)
def test_narrow_beams_equal_the_search_written_with_lists(beam, words, seed, max_length, length_penalty):
    model = tiny_model(seed, words=words)
    found = beam_search(model, model.start([2, 0, 1]), beam=beam, max_length=max_length,
                        length_penalty=length_penalty)
    for image, kept in zip([2, 0, 1], found, strict=True):
        assert_same(kept, beam_search_by_hand(model, image, beam, max_length, length_penalty))


@given(beam=st.integers(1, 4), words=st.integers(1, 3), n=st.integers(1, 3), seed=st.integers(0, 999),
       max_length=st.integers(2, 7))
def test_no_n_gram_is_repeated(beam, words, n, seed, max_length):
    model = tiny_model(seed, words=words)
    options = {"beam": beam, "max_length": max_length, "length_penalty": 0.7 * (beam > 1), "no_repeat_ngram_size": n}
    for image, kept in enumerate(beam_search(model, model.start([0, 1, 2]), **options)):
        for found in kept:
            ngrams = [found.words[i:i + n] for i in range(len(found.words) - n + 1)]
            assert len(set(ngrams)) == len(ngrams)
        if beam > 1:
            assert_same(kept, beam_search_by_hand(model, image, **options))


@given(**searches)
def test_one_beam_is_greedy_the_most_probable_word_at_every_step(seed, max_length, length_penalty):
    model = tiny_model(seed)
    found = greedy(model, model.start([0, 1, 2]), max_length=max_length)
    assert found == beam_search(model, model.start([0, 1, 2]), beam=1, max_length=max_length,
                                length_penalty=length_penalty)
    for image, (hypothesis,) in enumerate(found):
        words = ()
        while len(words) < max_length and END not in words:
            allowed = [w for w in range(6) if w not in FORBIDDEN]
            words += (max(allowed, key=lambda w, said=words: log_p(model, image, (*said, w))),)
        assert hypothesis.words == tuple(w for w in words if w != END)
        assert hypothesis.logp == pytest.approx(log_p(model, image, words))


def test_an_exhaustive_beam_is_never_beaten_by_a_narrower_one():
    model = tiny_model(5, images=20, words=3, sharpness=1.0)
    best = {beam: np.array([kept[0].score for kept in beam_search(model, model.start(range(20)), beam=beam,
                                                                  max_length=3)]) for beam in (1, 2, 3, 27)}
    for narrow in (1, 2, 3):
        assert (best[27] >= best[narrow] - 1e-12).all()
    assert (best[27] > best[1] + 1e-12).any()  # and the width is good for something


@given(beam=st.integers(1, 4), **searches)
def test_stopping_early_never_changes_what_is_found(beam, seed, max_length, length_penalty):
    model = tiny_model(seed)
    options = {"beam": beam, "max_length": max_length, "length_penalty": length_penalty}
    steps = []

    def counted(state, words):
        steps.append(len(words))
        return model(state, words)

    early = beam_search(counted, model.start([0, 1, 2]), **options)
    taken = len(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search._Beams, "settled", lambda *_: False)
        assert beam_search(counted, model.start([0, 1, 2]), **options) == early
    assert len(steps) - taken == max_length >= taken


def test_a_model_that_is_sure_of_the_end_is_asked_no_further():
    table = np.full((1, 5, 5, 5), -20.0)
    table[..., END] = -1e-9
    steps = []

    def step(state, words):
        steps.append(len(words))
        return TinyModel(table)(state, words)

    (kept,) = beam_search(step, TinyModel(table).start([0]), beam=1, max_length=30)
    assert kept[0].words == () and steps == [1]


# --------------------------------------------------------------------------------------------- rows, state, devices

@given(beam=st.integers(1, 3), **searches)
def test_images_in_one_batch_do_not_see_each_other(beam, seed, max_length, length_penalty):
    model = tiny_model(seed)
    options = {"beam": beam, "max_length": max_length, "length_penalty": length_penalty}
    together = beam_search(model, model.start([0, 1, 2, 1]), **options)
    alone = [beam_search(model, model.start([image]), **options)[0] for image in (0, 1, 2, 1)]
    assert together == alone


def test_all_beams_of_all_images_go_through_one_step_at_a_time():
    model, rows = tiny_model(0), []

    def step(state, words):
        rows.append((len(words), *map(len, state.rows)))
        return model(state, words)

    beam_search(step, model.start([0, 1]), beam=3, max_length=4, length_penalty=5.0)
    assert rows == [(2, 2, 2), (6, 6, 6), (6, 6, 6), (6, 6, 6)]


def test_the_state_and_the_probabilities_it_is_given_stay_as_they_were():
    model = tiny_model(1)
    state = model.start([0, 1, 2])
    before = [s.copy() for s in state.rows]
    table = model.table.copy()
    first = beam_search(model, state, beam=3, max_length=4)
    for s, b in zip(state.rows, before, strict=True):
        np.testing.assert_array_equal(s, b)
    np.testing.assert_array_equal(model.table, table)
    assert beam_search(model, state, beam=3, max_length=4) == first


def test_equal_scores_are_ordered_the_same_every_time_and_in_every_batch():
    even = TinyModel(np.full((2, 8, 8, 8), -math.log(8)))
    options = {"beam": 3, "max_length": 3, "length_penalty": 0.7}
    (first,) = beam_search(even, even.start([0]), **options)
    assert len({h.words for h in first}) == 3
    for _ in range(3):
        assert beam_search(even, even.start([0, 1, 0]), **options) == [first] * 3


def test_it_runs_on_the_device_of_the_state(device):
    model = tiny_model(3)
    state = model.start([0, 1, 2])
    moved = DecoderState(tuple(device.asarray(s) for s in state.rows))
    assert beam_search(model, moved, beam=2, max_length=4) == beam_search(model, state, beam=2, max_length=4)


# ------------------------------------------------------------------------------------------------- limits and words

@pytest.mark.parametrize("forbid", [FORBIDDEN, (*FORBIDDEN, 4)])
def test_forbidden_words_are_never_said_however_probable(forbid):
    table = tiny_model(0, words=3).table.copy()
    table[..., list(forbid)] = -1e-6
    model = TinyModel(table)
    for kept in beam_search(model, model.start([0, 1, 2]), beam=4, max_length=4, forbid=forbid):
        assert len(kept) == 4
        assert not {word for h in kept for word in h.words} & {*forbid, END}


def test_captions_are_cut_at_max_length_and_then_count_no_end():
    table = np.full((1, 6, 6, 6), -8.0)
    table[..., 5] = -0.01  # the model goes on and on about word 5
    model = TinyModel(table)
    for max_length in (1, 2, 7):
        best = beam_search(model, model.start([0]), beam=2, max_length=max_length)[0][0]
        assert best.words == (5,) * max_length
        assert best.logp == pytest.approx(-0.01 * max_length)
        assert best.score == pytest.approx(best.logp / max_length**0.7)


def test_length_normalisation_is_what_makes_a_longer_caption_win():
    table = np.full((1, 6, 6, 6), -9.0)
    table[:, PAD, START, [END, 5]] = -1.0  # "": -1.0; "5 5": -1.2 in all, over three words
    table[:, START, 5, 5] = table[:, 5, 5, END] = -0.1
    model = TinyModel(table)
    plain, normalised = (beam_search(model, model.start([0]), beam=2, max_length=5, length_penalty=penalty)[0][0]
                         for penalty in (0.0, 0.7))
    assert (plain.words, plain.score) == ((), pytest.approx(-1.0))
    assert (normalised.words, normalised.score) == ((5, 5), pytest.approx(-1.2 / 3**0.7))


@pytest.mark.parametrize("wrong", [{"beam": 0}, {"max_length": 0}, {"length_penalty": -0.5},
                                   {"length_penalty": math.nan}])
def test_a_search_that_cannot_be_is_refused(wrong):
    model = tiny_model(0)
    with pytest.raises(UserError, match="have to be at least 1, length_penalty= at least 0"):
        beam_search(model, model.start([0]), **wrong)


def test_a_negative_no_repeat_ngram_size_is_refused():
    with pytest.raises(UserError, match="no_repeat_ngram_size= has to be at least 0, got -1"):
        beam_search(tiny_model(0), tiny_model(0).start([0]), no_repeat_ngram_size=-1)


# --------------------------------------------------------------------------------------------------------- sampling

@given(**searches)
def test_a_temperature_of_zero_is_greedy_and_a_tiny_one_nearly(seed, max_length, length_penalty):
    model = tiny_model(seed)
    expected = greedy(model, model.start([0, 1, 2]), max_length=max_length)
    for temperature in (0.0, 1e-6):
        found = sample(model, model.start([0, 1, 2]), temperature=temperature, rng=np.random.default_rng(seed),
                       max_length=max_length)
        for kept, right in zip(found, expected, strict=True):
            assert [h.words for h in kept] == [h.words for h in right]
            assert kept[0].logp == pytest.approx(right[0].logp)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_captions_are_drawn_as_often_as_they_are_probable(temperature):
    model, draws = tiny_model(3, images=1), 20_000
    found = sample(model, model.start([0] * draws), temperature=temperature, rng=np.random.default_rng(0), max_length=2)
    counts = {}
    for (hypothesis,) in found:
        counts[hypothesis.words] = counts.get(hypothesis.words, 0) + 1
        assert hypothesis.logp == pytest.approx(log_p(model, 0, (*hypothesis.words, END)[:2]))
    words = [w for w in range(6) if w not in FORBIDDEN]

    def share(before, word, following):
        p = {w: math.exp(model.table[0, before, word, w] / temperature) for w in words}
        return p[following] / sum(p.values())

    expected = {(): share(PAD, START, END)}
    expected |= {(a,): share(PAD, START, a) * share(START, a, END) for a in (4, 5)}
    expected |= {(a, b): share(PAD, START, a) * share(START, a, b) for a in (4, 5) for b in (4, 5)}
    assert sum(expected.values()) == pytest.approx(1)
    for caption, p in expected.items():
        assert abs(counts.get(caption, 0) / draws - p) < 4 * math.sqrt(p * (1 - p) / draws) + 1e-9, caption


def test_a_seed_repeats_and_another_one_says_something_else():
    model = tiny_model(0, words=5, sharpness=0.5)
    draw = [[h.words for (h,) in decode(model, model.start([0, 1, 2] * 5), temperature=1.0, max_length=6,
                                        rng=np.random.default_rng(seed))] for seed in (1, 1, 2)]
    assert draw[0] == draw[1] != draw[2]
    assert decode(model, model.start([0]), beam=2) == beam_search(model, model.start([0]), beam=2)


def test_rows_that_have_ended_are_asked_no_further_and_forbidden_words_are_never_drawn():
    model, rows = tiny_model(1, sharpness=0.1), []

    def step(state, words):
        rows.append((len(words), *map(len, state.rows)))
        return model(state, words)

    found = sample(step, model.start([0, 1, 2] * 30), temperature=5.0, rng=np.random.default_rng(0), max_length=12)
    assert rows == sorted(rows, reverse=True) and rows[0] == (90, 90, 90) and rows[-1][0] < 20
    assert {word for (h,) in found for word in h.words} == {4, 5}


@pytest.mark.parametrize("temperature", [-0.1, math.inf, math.nan])
def test_a_temperature_that_cannot_be_is_refused(temperature):
    model = tiny_model(0)
    with pytest.raises(UserError, match="temperature= has to be a number from 0 on"):
        sample(model, model.start([0]), temperature=temperature, rng=np.random.default_rng(0))


def test_sampling_runs_on_the_device_of_the_state(device):
    model = tiny_model(3)
    state = model.start([0, 1, 2])
    moved = DecoderState(tuple(device.asarray(s) for s in state.rows))
    assert sample(model, moved, rng=np.random.default_rng(0)) == sample(model, state, rng=np.random.default_rng(0))


# ------------------------------------------------------------------------------------------- captions of another model

def test_captions_rescored_by_the_model_that_found_them_are_what_they_were(device):
    """Those that were truncated, too; an image may have none."""
    model = tiny_model(7)
    state = DecoderState(tuple(device.asarray(s) for s in model.start([0, 1, 2]).rows))
    found = beam_search(model, state, beam=6, max_length=3, length_penalty=0.4)
    found[1] = []
    assert {len(h.words) for of_image in found for h in of_image} >= {1, 3}
    again = rescore(model, state, [[h.words for h in of_image] for of_image in found], max_length=3, length_penalty=0.4)
    assert [[h.words for h in of_image] for of_image in again] == [[h.words for h in of_image] for of_image in found]
    for before, after in zip(found, again, strict=True):
        np.testing.assert_allclose([(h.logp, h.score) for h in after], [(h.logp, h.score) for h in before])
    assert rescore(model, state, [[], [], []]) == [[], [], []]
