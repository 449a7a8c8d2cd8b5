"""Show and Tell: its gradients, padding, several captions per image, and that it can learn."""

import numpy as np
import pytest
from model_checks import assert_captions_count_as_copies, assert_same_gradients, loss_and_gradients

from minicap.backend import to_numpy
from minicap.captioning.decoding.beam_search import greedy
from minicap.captioning.models.settings import ShowTellSettings
from minicap.captioning.models.show_tell import FEATURE_LENGTH, ShowTell, feature_encoder, small_cnn
from minicap.captioning.models.state import DecoderState
from minicap.captioning.text.batches import make_batch
from minicap.captioning.text.vocabulary import PAD, START, Vocabulary
from minicap.gradcheck import assert_gradients
from minicap.optim import Adam

V, E, H, D, SIDE = 9, 4, 5, 6, 8
CAPTIONS = [(0, [4, 5, 6]), (1, [7]), (0, [8, 4]), (2, [5, 5, 8, 6]), (1, [4, 7])]  # (image, words)

both_inputs = pytest.mark.parametrize("kind", ["features", "pixels"])
all_models = pytest.mark.parametrize("kind, image_every_step", [("features", False), ("features", True),
                                                                ("pixels", True)])


def make_model(kind, device, *, seed=0, drop=0.0, **options):
    rng, dropout_rng = np.random.default_rng(seed), np.random.default_rng(1)
    encoder = (feature_encoder(D, E, rng=rng) if kind == "features"
               else small_cnn(SIDE, E, channels=(3, 4), rng=rng))
    settings = ShowTellSettings(input=kind, vocabulary=V, embedding=E, hidden=H, drop=drop, **options)
    model = ShowTell(settings, encoder=encoder, rng=rng, dropout_rng=dropout_rng)
    model.output.W.data *= 100  # fresh ones are so small that the words hardly differ
    return model.astype(np.float64).to(device)


def make_images(kind, rng, n=3):
    return rng.standard_normal((n, D)) if kind == "features" else rng.uniform(-1, 1, (n, SIDE, SIDE, 3))


def inputs_of(kind, rng, device, captions=CAPTIONS, n=3):
    """(images, image_of, words, targets, lengths) as :class:`ShowTell` takes them."""
    batch = make_batch(captions)
    arrays = make_images(kind, rng, n), batch.image_index, batch.tokens, batch.targets
    return (*map(device.asarray, arrays), batch.lengths)


# ---------------------------------------------------------------------------------------------------------- gradients

@all_models
@pytest.mark.parametrize("options", [{}, {"drop": 0.4, "label_smoothing": 0.1}], ids=["plain", "regularised"])
def test_it_passes_the_gradient_check_with_several_captions_an_image(device, rng, kind, image_every_step, options):
    model = make_model(kind, device, image_every_step=image_every_step, **options)
    report = assert_gradients(model, *inputs_of(kind, rng, device), max_elements=15)
    names = {t.name for t in report.tensors}
    assert names >= {"embedding.W", "lstm.cell.U", "output.b", "encoder.project.W"}
    assert ("x[0]" in names) == (kind == "features")  # pixels get no gradient


@both_inputs
def test_forward_and_backward_leave_the_inputs_alone(device, rng, kind):
    model = make_model(kind, device, image_every_step=True)
    inputs = inputs_of(kind, rng, device)
    before = [to_numpy(a).copy() for a in inputs]
    loss_and_gradients(model, *inputs)
    model(*inputs)
    for a, b in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(to_numpy(a), b)


# ------------------------------------------------------------------------------------------------ padding and batches

@all_models
def test_what_stands_in_the_padding_does_not_matter(device, rng, kind, image_every_step):
    model = make_model(kind, device, image_every_step=image_every_step)
    images, image_of, words, targets, lengths = inputs_of(kind, rng, device)
    loss, gradients = loss_and_gradients(model, images, image_of, words, targets, lengths)

    N, T = words.shape
    wide = np.random.default_rng(0).integers(0, V, (2, N, T + 3))  # any words, and three columns more
    inside = np.arange(T) < lengths[:, None]
    for filled, real in zip(wide, (words, targets), strict=True):
        filled[:, :T][inside] = to_numpy(real)[inside]
    other = (images, image_of, *map(device.asarray, wide), lengths)
    padded_loss, padded_gradients = loss_and_gradients(model, *other)
    assert padded_loss == pytest.approx(loss, rel=1e-12)
    assert_same_gradients(padded_gradients, gradients)
    assert float(to_numpy(model(*other))) == pytest.approx(float(to_numpy(model(images, image_of, words, targets,
                                                                                 lengths))), rel=1e-12)


@all_models
def test_the_loss_is_the_mean_over_words_and_not_over_captions(device, rng, kind, image_every_step):
    model = make_model(kind, device, image_every_step=image_every_step)
    images, *batch = inputs_of(kind, rng, device)
    total = words = 0
    for caption in CAPTIONS:
        alone = make_batch([caption])
        loss = model(images, *map(device.asarray, (alone.image_index, alone.tokens, alone.targets)), alone.lengths)
        total, words = total + float(to_numpy(loss)) * alone.lengths[0], words + alone.lengths[0]
    assert float(to_numpy(model(images, *batch))) == pytest.approx(total / words, rel=1e-12)


def test_an_image_with_several_captions_counts_as_often_as_copies_of_it(device, rng):
    model = make_model("features", device)
    assert_captions_count_as_copies(device, model, *inputs_of("features", rng, device))


def test_features_are_scaled_to_one_length_so_their_scale_does_not_matter(device, rng):
    model = make_model("features", device)
    images, *rest = inputs_of("features", rng, device)
    assert float(to_numpy(model(images * 50.0, *rest))) == pytest.approx(float(to_numpy(model(images, *rest))))
    scaled = to_numpy(model.encoder["scale"](images))
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), FEATURE_LENGTH)


# ------------------------------------------------------------------------------------------------ one word at a time

@all_models
def test_the_loss_is_minus_the_log_probability_that_start_and_step_give_the_captions(device, rng, kind,
                                                                                     image_every_step):
    model = make_model(kind, device, image_every_step=image_every_step)
    images, image_of, words, targets, lengths = inputs_of(kind, rng, device)
    state = model.start(images[image_of])
    total, N = 0.0, len(lengths)
    for t in range(words.shape[1]):
        before = [to_numpy(s).copy() for s in state.rows]
        following, log_p = model.step(state, words[:, t])
        for s, b in zip(state.rows, before, strict=True):  # beam search goes on from one state several times
            np.testing.assert_array_equal(to_numpy(s), b)
        state = following
        log_p = to_numpy(log_p)
        assert log_p.shape == (N, V)
        np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1)
        running = lengths > t
        total += log_p[np.arange(N), to_numpy(targets)[:, t]][running].sum()
    assert float(to_numpy(model(images, image_of, words, targets, lengths))) == pytest.approx(-total / lengths.sum(),
                                                                                             rel=1e-10)


def test_the_image_is_seen_once_or_at_every_step(device, rng):
    images = device.asarray(make_images("features", rng))
    for image_every_step in (False, True):
        model = make_model("features", device, image_every_step=image_every_step)
        h, c, image = model.start(images).rows
        words = device.asarray(np.full(3, START))
        same, _ = model.step(DecoderState((h, c, image)), words)
        other, _ = model.step(DecoderState((h, c, image + 1.0)), words)
        assert (abs(to_numpy(other.rows[0]) - to_numpy(same.rows[0])).max() > 1e-3) == image_every_step


# ------------------------------------------------------------------------------- starting point and regularisation

def test_an_untrained_model_predicts_word_frequencies(device, rng):
    vocabulary = Vocabulary.from_captions([["a", "dog"], ["a", "cat"], ["a", "dog", "dog"]], min_count=1)
    encoder = feature_encoder(D, E, rng=rng)
    settings = ShowTellSettings(input="features", vocabulary=len(vocabulary), embedding=E, hidden=H, drop=0.0)
    model = ShowTell(settings, encoder=encoder, rng=rng, dropout_rng=rng,
                     log_frequencies=vocabulary.log_frequencies()).to(device)
    state = model.start(device.asarray(make_images("features", rng).astype(np.float32)))
    _, log_p = model.step(state, device.asarray(np.full(3, START)))
    p = np.exp(to_numpy(log_p)).mean(axis=0)
    # of the ten targets: three <end>, three "a", three "dog", one "cat"; <pad>, <start> and <unk> never
    np.testing.assert_allclose(p, [0, 0, 0.3, 0, 0.3, 0.3, 0.1], atol=0.02)


def test_label_smoothing_and_dropout_are_for_training_only(device, rng):
    inputs = inputs_of("features", rng, device)
    plain = make_model("features", device)
    rough = make_model("features", device, drop=0.5, label_smoothing=0.2)
    assert float(to_numpy(rough(*inputs))) == float(to_numpy(plain(*inputs)))
    exact = float(to_numpy(plain.forward(*inputs)[0]))
    assert exact == pytest.approx(float(to_numpy(plain(*inputs))), rel=1e-12)

    smooth = make_model("features", device, label_smoothing=0.2)
    images, image_of, words, targets, lengths = inputs
    uniform = 0.0  # the mean of -log p over all words, for every word read
    for n, length in enumerate(lengths):
        state = smooth.start(images[image_of[n:n + 1]])
        for t in range(length):
            state, log_p = smooth.step(state, words[n:n + 1, t])
            uniform -= float(to_numpy(log_p).mean())
    expected = 0.8 * exact + 0.2 * uniform / lengths.sum()
    assert float(to_numpy(smooth.forward(*inputs)[0])) == pytest.approx(expected, rel=1e-9)
    assert float(to_numpy(rough.forward(*inputs)[0])) != pytest.approx(expected, rel=1e-3)  # and dropout does something


def test_names_are_those_a_person_would_say(device):
    names = [name for name, _ in make_model("pixels", device).named_parameters()]
    assert names[:2] == ["encoder.conv1.W", "encoder.conv1.b"]
    assert names[-6:] == ["embedding.W", "lstm.cell.W", "lstm.cell.U", "lstm.cell.b", "output.W", "output.b"]


@both_inputs
def test_it_learns_eight_captions_by_heart_and_says_them(device, rng, kind):
    captions = [(n, rng.integers(4, V, rng.integers(2, 6)).tolist()) for n in range(8)]
    rng_of_weights = np.random.default_rng(3)
    encoder = (feature_encoder(D, 16, rng=rng_of_weights) if kind == "features"
               else small_cnn(SIDE, 16, channels=(4, 8), rng=rng_of_weights))
    settings = ShowTellSettings(input=kind, vocabulary=V, embedding=16, hidden=32, drop=0.0,
                                image_every_step=kind == "pixels")
    model = ShowTell(settings, encoder=encoder, rng=rng_of_weights, dropout_rng=rng_of_weights).to(device)
    images, *batch = inputs_of(kind, rng, device, captions, n=8)
    images = images.astype(np.float32)
    optimizer = Adam(model.named_parameters(), lr=0.02)
    for _ in range(120):
        loss, cache = model.forward(images, *batch)
        model.backward(1.0, cache)
        optimizer.step()
        model.zero_grad()
    assert float(to_numpy(model(images, *batch))) < 0.05
    found = [hypothesis.words for (hypothesis,) in greedy(model.step, model.start(images), max_length=8)]
    assert found == [tuple(words) for _, words in captions]
    assert PAD not in {word for words in found for word in words}
