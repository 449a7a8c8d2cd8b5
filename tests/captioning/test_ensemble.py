"""Ensembles of captioners: the mean of their probabilities, and what cannot be averaged."""

import dataclasses

import numpy as np
import pytest
import tiny_captioner

from minicap.backend import CPU, to_numpy
from minicap.captioning.captioner import Captioner
from minicap.captioning.decoding.beam_search import beam_search
from minicap.captioning.ensemble import Ensemble, EnsembleInputs, mean_probability, parts, with_mirror
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings, ShowTellSettings
from minicap.captioning.text.vocabulary import END, START, Vocabulary
from minicap.errors import UserError


def feature_captioner(seed, layer="fc7", **settings):
    """Random weights; ``fc7`` is six numbers an image, anything else four regions of six."""
    words = tiny_captioner.vocabulary()
    settings |= {"vocabulary": len(words), "embedding": 6, "hidden": 7, "feature_size": 6}
    settings = (ShowTellSettings(input="features", **settings) if layer == "fc7" else
                ShowAttendTellSettings(attention=3, **settings))
    model = build_model(settings, np.random.default_rng(seed))
    output = model.output if layer == "fc7" else model.output.vocabulary
    output.W.data *= 30
    return Captioner(model, words, settings, CPU, source=dataclasses.replace(tiny_captioner.SOURCE, layer=layer))


def on(device, captioner):
    return Captioner(captioner.model, captioner.vocabulary, captioner.settings, device, source=captioner.source)


@pytest.fixture
def inputs(rng):
    """(fc7, regions) of four images."""
    return tuple(rng.standard_normal(shape).astype(np.float32) for shape in ((4, 6), (4, 2, 2, 6)))


def test_the_mean_is_of_probabilities_and_survives_tiny_ones(device):
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0]])
    q = np.array([[0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    with np.errstate(divide="ignore"):
        log_p = [device.asarray(np.log(a)) for a in (p, q)]
    np.testing.assert_allclose(np.exp(to_numpy(mean_probability(log_p))), (p + q) / 2)
    tiny = device.asarray(np.array([[-2000.0, -2001.0]]))
    np.testing.assert_allclose(to_numpy(mean_probability([tiny, tiny, tiny])), [[-2000, -2001]])


def test_every_step_gives_the_mean_of_what_the_captioners_give(inputs):
    captioners = [feature_captioner(0), feature_captioner(1, "conv5_4"), feature_captioner(2)]
    ensemble, read = Ensemble(captioners), (inputs[0], inputs[1], inputs[0])
    state, states = ensemble.start(read), [c.start(x) for c, x in zip(captioners, read, strict=True)]
    for words in (np.full(4, START), np.array([4, 5, 6, 7]), np.array([5, 5, 4, 4])):
        state, log_p = ensemble.step(state, words)
        steps = [c.step(s, words) for c, s in zip(captioners, states, strict=True)]
        states = [following for following, _ in steps]
        np.testing.assert_allclose(np.exp(log_p), np.mean([np.exp(p) for _, p in steps], axis=0), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("options", [{"beam": 3}, {"beam": 1}, {"temperature": 1.0}])
def test_copies_of_one_captioner_say_what_it_says(inputs, options):
    one = feature_captioner(1, "conv5_4")
    alone, together = (c.caption_inputs(x, rng=np.random.default_rng(0), **options)
                       for c, x in ((one, inputs[1]), (Ensemble([one, one]), (inputs[1], inputs[1]))))
    assert [[text for text, _ in kept] for kept in together] == [[text for text, _ in kept] for kept in alone]
    assert len({kept[0][0] for kept in alone}) > 1


def test_a_search_keeps_the_states_of_all_captioners_with_their_beams(inputs):
    """Images one by one and all at once: a state that stayed behind with another beam would show."""
    ensemble = Ensemble([feature_captioner(0), feature_captioner(1, "conv5_4")])
    together = ensemble.caption_inputs(inputs, beam=4)
    for n, kept in enumerate(together):
        (alone,) = ensemble.caption_inputs(tuple(x[n:n + 1] for x in inputs), beam=4)
        assert [text for text, _ in kept] == [text for text, _ in alone]
        np.testing.assert_allclose([p for _, p in kept], [p for _, p in alone], rtol=1e-3)


def test_selected_rows_go_on_as_if_they_had_always_been_alone(inputs, device):
    """A beam search picks rows of the state: of every member's arrays, while what images share stays whole."""
    ensemble = Ensemble([on(device, member) for member in (
        feature_captioner(1, "conv5_4", sentinel=True), feature_captioner(0), feature_captioner(2, "conv5_4"))])
    read = (inputs[1], inputs[0], inputs[1])
    rows, words = np.array([3, 1, 1, 0, 2]), np.array([4, 5, 6, 7])
    state, _ = ensemble.step(ensemble.start(read), device.asarray(words))
    selected = state.select(device.asarray(rows))
    assert (len(state), len(selected)) == (4, 5) and selected.shared is state.shared
    for _ in range(2):
        following, log_p = ensemble.step(state, device.asarray(words))
        selected_following, log_p_of_rows = ensemble.step(selected, device.asarray(words[rows]))
        np.testing.assert_allclose(to_numpy(log_p_of_rows), to_numpy(log_p)[rows], rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(selected_following.rows, following.rows, strict=True):
            np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs)[rows], rtol=1e-4, atol=1e-5)
        state, selected = following, selected_following
    assert [len(part.rows) for part in parts(selected)] == [4, 3, 4]
    assert [part.shared is None for part in parts(selected)] == [False, True, False]


def test_a_consensus_chooses_among_the_beams_of_all_captioners_by_what_the_ensemble_makes_of_them(inputs):
    captioners = [feature_captioner(0), feature_captioner(1, "conv5_4")]
    ensemble = Ensemble(captioners)
    options = {"beam": 3, "max_length": 5, "length_penalty": 0.5, "no_repeat_ngram_size": 2}
    own = beam_search(ensemble.step, ensemble.start(inputs), **options)
    beams = [beam_search(member.step, member.start(x), **options)
             for member, x in zip(captioners, inputs, strict=True)]
    found = ensemble.candidates(inputs, **options)
    more = 0
    for n, of_image in enumerate(found):
        assert of_image[:3] == own[n]
        assert len({h.words for h in of_image}) == len(of_image)
        assert {h.words for h in of_image} == {h.words for beam in (own, *beams) for h in beam[n]}
        alone = tuple(x[n:n + 1] for x in inputs)
        for h in of_image[3:]:
            more += 1
            state, words, logp = ensemble.start(alone), (*h.words, END)[:5], 0
            for before, word in zip((START, *words), words, strict=False):
                state, log_p = ensemble.step(state, np.array([before]))
                logp += log_p[0, word]
            assert (h.logp, h.score) == pytest.approx((logp, logp / len(words)**0.5), rel=1e-4)
    assert more > 3 and any(len(h.words) == 5 for of_image in found for h in of_image[3:])
    shown = []
    ensemble.caption_inputs(inputs, consensus=lambda *seen: shown.append(seen) or seen[2], **options)
    assert shown == [(ensemble, inputs, found)]
    assert [*map(len, ensemble.caption_inputs(inputs, **options))] == [3] * 4


def test_captioners_that_read_the_same_layer_read_it_once(inputs, monkeypatch):
    captioners = [feature_captioner(0), feature_captioner(1, "conv5_4"), feature_captioner(2)]
    asked = []
    for number, captioner in enumerate(captioners):
        monkeypatch.setattr(captioner, "inputs_of", lambda pictures, number=number: asked.append(number) or number)
    assert Ensemble(captioners).inputs_of([]) == (0, 1, 0) and asked == [0, 1]


def test_neighbours_are_found_by_what_all_captioners_read_and_by_each_reading_once(inputs):
    fc7, regions = inputs
    captioners = [feature_captioner(0), feature_captioner(1, "conv5_4"), feature_captioner(2)]
    expected = np.hstack([fc7, regions.mean(axis=(1, 2))])
    np.testing.assert_allclose(Ensemble(captioners).descriptors((fc7, regions, fc7)), expected, rtol=1e-6)
    views, nan = with_mirror(Ensemble(captioners)), np.full_like(fc7, np.nan)
    np.testing.assert_allclose(views.descriptors((fc7, regions, fc7, nan, nan, nan)), expected, rtol=1e-6)
    both = feature_captioner(1, "conv5_4+fc7", global_size=6)
    rows = np.hstack([regions.reshape(4, -1), fc7])
    np.testing.assert_allclose(both.descriptors(rows), expected, rtol=1e-6)


def one_sided(captioner):
    """Its features are the left half of a picture."""
    captioner.inputs_of = lambda pictures: np.array([p[:, :2].ravel() for p in pictures], np.float32)
    return captioner


@pytest.mark.parametrize("members", [1, 2])
def test_with_its_mirror_a_captioner_says_the_same_of_a_picture_and_of_its_mirror_image(rng, members):
    """The mean of the probabilities of both, word by word, also for an ensemble."""
    captioners = [one_sided(feature_captioner(seed)) for seed in range(members)]
    captioner = captioners[0] if members == 1 else Ensemble(captioners)
    pictures = list(rng.standard_normal((6, 3, 4)))  # the captioner's features are the left half: six numbers
    turned = [picture[:, ::-1] for picture in pictures]
    views = with_mirror(captioner)
    for found, again in zip(views.captions(pictures), views.captions(turned), strict=True):
        assert [text for text, _ in found] == [text for text, _ in again]
        np.testing.assert_allclose([logp for _, logp in found], [logp for _, logp in again], rtol=1e-4)
    assert captioner.captions(pictures) != captioner.captions(turned)
    states = [member.start(member.inputs_of(side)) for side in (pictures, turned) for member in captioners]
    words = np.full(6, START)
    _, log_p = views.step(views.start(views.inputs_of(pictures)), words)
    steps = [member.step(state, words)[1] for member, state in zip(captioners * 2, states, strict=True)]
    np.testing.assert_allclose(np.exp(log_p), np.mean(np.exp(steps), axis=0), rtol=1e-4, atol=1e-7)


def test_drawn_scenes_have_no_mirror_image_that_their_captions_would_fit():
    with pytest.raises(UserError, match="only photographs can be averaged with their mirror images: in that"):
        with_mirror(tiny_captioner.pixel_captioner())


def test_one_checkpoint_is_a_captioner_and_several_are_an_ensemble(tmp_path):
    folders = [tiny_captioner.save_checkpoint(tmp_path / str(seed), tiny_captioner.pixel_captioner(seed=seed))
               for seed in range(2)]
    assert type(Ensemble.load(folders[:1], device="cpu")) is Captioner
    ensemble = Ensemble.load(folders, device="cpu")
    pictures = list(np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8))
    captions = ensemble.captions(pictures)
    assert ensemble.caption(pictures[1]) == captions[1][0][0]
    assert captions != ensemble.members[0].captions(pictures)


def test_what_cannot_be_averaged_is_refused():
    other = feature_captioner(1)
    other.vocabulary = Vocabulary.from_captions([["other", "words"]], min_count=1)
    with pytest.raises(UserError, match="were trained with different vocabularies"):
        Ensemble([feature_captioner(0), other])
    for pair in ((feature_captioner(0), tiny_captioner.pixel_captioner()),
                 (tiny_captioner.pixel_captioner(side=8), tiny_captioner.pixel_captioner(side=16))):
        with pytest.raises(UserError, match="read different kinds of pictures"):
            Ensemble(pair)


def test_inputs_of_an_ensemble_have_to_be_of_the_same_pictures():
    @dataclasses.dataclass
    class Inputs:
        names: list

        def __call__(self, rows):
            return [self.names[row] for row in rows]

    both = EnsembleInputs([Inputs(["a", "b"]), Inputs(["a", "b"])])
    assert both([1, 0]) == (["b", "a"], ["b", "a"]) and both.names == ["a", "b"]
    with pytest.raises(UserError, match="lack different pictures"):
        EnsembleInputs([Inputs(["a", "b"]), Inputs(["b"])])
