"""Show, Attend and Tell: its gradients, padding, several captions per image, beams that share regions, learning."""

import numpy as np
import pytest
from model_checks import assert_captions_count_as_copies, assert_same_gradients, loss_and_gradients

from minicap.backend import to_numpy
from minicap.captioning.decoding.beam_search import beam_search, greedy
from minicap.captioning.models.attention_lstm import AttentionLSTM
from minicap.captioning.models.dropout import WordDropout
from minicap.captioning.models.settings import DROPOUT_LOCATIONS, ShowAttendTellSettings
from minicap.captioning.models.show_attend_tell import ShowAttendTell
from minicap.captioning.text.batches import make_batch
from minicap.captioning.text.vocabulary import PAD, START, UNK, Vocabulary
from minicap.gradcheck import assert_gradients
from minicap.optim import Adam
from minicap.recurrent import pack_by_time

V, E, H, D, A, SIDE = 9, 4, 5, 6, 3, 2
CAPTIONS = [(0, [4, 5, 6]), (1, [7]), (0, [8, 4]), (2, [5, 5, 8, 6]), (1, [4, 7])]  # (image, words)
ROUGH = {"drop": 0.4, "label_smoothing": 0.1, "doubly_stochastic": 0.3, "word_dropout": 0.3,
         "dropout_at": DROPOUT_LOCATIONS}

sentinels = pytest.mark.parametrize("sentinel", [False, True], ids=["gate", "sentinel"])
PROJECTED = {"region_size": 8, "query_word": True}


def make_model(device, *, seed=0, drop=0.0, input_gradient=False, **options):
    settings = ShowAttendTellSettings(vocabulary=V, embedding=E, hidden=H, feature_size=D, attention=A, drop=drop,
                                      finetune="block5" if input_gradient else None, **options)
    model = ShowAttendTell(settings, rng=np.random.default_rng(seed), dropout_rng=np.random.default_rng(1))
    model.output.vocabulary.W.data *= 10  # fresh ones are so small that the words hardly differ
    return model.astype(np.float64).to(device)


def inputs_of(rng, device, captions=CAPTIONS, n=3):
    """(images, image_of, words, targets, lengths): the images as a grid of SIDE x SIDE regions."""
    batch = make_batch(captions)
    arrays = rng.standard_normal((n, SIDE, SIDE, D)), batch.image_index, batch.tokens, batch.targets
    return (*map(device.asarray, arrays), batch.lengths)


def loss_word_by_word(model, images, image_of, words, targets, lengths):
    """(mean cross-entropy of the words, read one after another, where it looked for each of them)"""
    total, alphas = 0.0, []
    for n, length in enumerate(lengths):
        state = model.start(images[image_of[n:n + 1]])
        for t in range(length):
            state, log_p = model.step(state, words[n:n + 1, t])
            total -= float(to_numpy(log_p)[0, int(to_numpy(targets)[n, t])])
            alphas.append(to_numpy(state.rows[3]))
    return total / lengths.sum(), alphas


def value(x):
    return float(to_numpy(x))


# ---------------------------------------------------------------------------------------------------------- gradients

@sentinels
@pytest.mark.parametrize("normalize", ["channels", "length", "none"])
@pytest.mark.parametrize("options", [{}, ROUGH, ROUGH | PROJECTED], ids=["plain", "regularised", "projected"])
def test_it_passes_the_gradient_check_with_several_captions_an_image(device, rng, sentinel, normalize, options):
    model = make_model(device, sentinel=sentinel, normalize=normalize, input_gradient=True, **options)
    report = assert_gradients(model, *inputs_of(rng, device), max_elements=15)
    assert {t.name for t in report.tensors} >= {"x[0]", "regions.keys.W", "regions.init_state.b", "lstm.attention.v",
                                                "lstm.cell.U", "output.context_to_output.W"}
    assert ({t.name for t in report.tensors} >= {"regions.projection.linear.W", "regions.projection.linear.b",
                                                 "lstm.query_of_word.W"}) == ("region_size" in options)


G = 7


def inputs_with_global_features(rng, device, **options):
    """The same with G global features of each image behind its regions, in one row."""
    images, *rest = inputs_of(rng, device, **options)
    xp = device.xp
    features = device.asarray(rng.standard_normal((len(images), G)))
    return xp.concatenate([images.reshape(len(images), -1), features], axis=1), *rest


@sentinels
@pytest.mark.parametrize("options", [{}, ROUGH], ids=["plain", "regularised"])
def test_with_global_features_it_passes_the_gradient_check(device, rng, sentinel, options):
    model = make_model(device, sentinel=sentinel, global_size=G, input_gradient=True, **options)
    report = assert_gradients(model, *inputs_with_global_features(rng, device), max_elements=15)
    assert {t.name for t in report.tensors} >= {"x[0]", "words.global_projection.project.W",
                                                "words.global_projection.project.b"}


def test_global_features_are_read_with_every_word(device, rng):
    """Two images with the same regions differ by them; word by word it computes what it was trained on."""
    model = make_model(device, global_size=G)
    images, *_ = inputs = inputs_with_global_features(rng, device)
    images[1, :-G] = images[0, :-G]
    assert value(model(*inputs)) == pytest.approx(loss_word_by_word(model, *inputs)[0], rel=1e-9)
    states = model.start(images[:2])
    h = to_numpy(states.rows[0])
    np.testing.assert_array_equal(h[0], h[1])
    _, log_p = model.step(states, device.asarray(np.array([START, START])))
    assert np.abs(np.diff(to_numpy(log_p), axis=0)).max() > 1e-3
    assert repr(model).endswith("A=3, 7 global features)")


def test_global_features_are_in_neither_the_regions_nor_their_statistics(device, rng):
    model, plain = make_model(device, global_size=G), make_model(device)
    images = inputs_with_global_features(rng, device)[0]
    model.fit(images)
    plain.fit(images[:, :-G].reshape(3, SIDE, SIDE, D))
    np.testing.assert_array_equal(to_numpy(model.regions.scale.mean.data), to_numpy(plain.regions.scale.mean.data))
    regions, features = model.split(images)
    assert regions.shape == (3, SIDE * SIDE, D) and features.shape == (3, G)
    np.testing.assert_array_equal(to_numpy(features), to_numpy(images)[:, -G:])


@pytest.mark.parametrize("drop", [0.0, 0.4])
def test_captions_that_count_more_less_or_against_pass_the_gradient_check(device, rng, drop):
    advantage = device.asarray(np.array([0.5, -2.0, 0.0, 1.0, 3.0]))
    assert_gradients(make_model(device, drop=drop), *inputs_of(rng, device), advantage=advantage, max_elements=10)


def test_an_advantage_of_one_for_all_is_the_plain_loss_and_of_none_for_most_is_that_of_the_rest(device, rng):
    inputs = inputs_of(rng, device)
    model, lengths = make_model(device), inputs[-1]
    loss, gradients = loss_and_gradients(model, *inputs)
    found, again = loss_and_gradients(model, *inputs, advantage=device.asarray(np.ones(5)))
    assert found == pytest.approx(loss, rel=1e-12)
    assert_same_gradients(again, gradients)
    images, *arrays = inputs[:4]
    alone = value(model(images, *(a[1:2] for a in arrays), lengths[1:2]))
    found, _ = loss_and_gradients(model, *inputs, advantage=device.asarray(np.array([0.0, 2.0, 0, 0, 0])))
    assert found == pytest.approx(2 * alone * lengths[1] / lengths.sum(), rel=1e-12)


@pytest.mark.parametrize("location", DROPOUT_LOCATIONS)
def test_dropout_is_where_it_was_asked_for_and_nowhere_else(device, rng, location):
    model = make_model(device, drop=0.6, dropout_at=(location,))
    layers = {"regions": model.regions.dropout, "words": model.words.dropout, "state": model.output.drop_state,
              "output": model.output.drop_output}
    assert {n: layer.drop for n, layer in layers.items()} == dict.fromkeys(DROPOUT_LOCATIONS, 0.0) | {location: 0.6}
    inputs = inputs_of(rng, device)
    assert value(model.forward(*inputs)[0]) != value(model.forward(*inputs)[0])
    assert value(model(*inputs)) == pytest.approx(value(make_model(device)(*inputs)), rel=1e-12)


def test_every_part_is_without_dropout_at_inference(device, rng):
    rough, plain = (make_model(device, global_size=G, **options) for options in (ROUGH, {}))
    words, image_of = (device.asarray(a) for a in (rng.integers(4, V, 6), np.array([0, 1, 1, 0, 2, 2])))
    regions, features = (device.asarray(rng.standard_normal(shape)) for shape in ((3, SIDE * SIDE, D), (3, G)))
    x, h, z = (device.asarray(rng.standard_normal((6, size))) for size in (E, H, D))
    for part, inputs in (("words", (words, features, image_of)), ("regions", (regions,)), ("output", (x, h, z))):
        found, expected = (getattr(model, part)(*inputs) for model in (rough, plain))
        for ours, right in zip(*(y if isinstance(y, tuple) else (y,) for y in (found, expected)), strict=True):
            np.testing.assert_array_equal(to_numpy(ours), to_numpy(right))


def test_word_dropout_reads_unk_in_place_of_some_words_and_says_the_same(device, rng):
    layer = WordDropout(0.3, rng=np.random.default_rng(0))
    words = device.asarray(rng.integers(4, 9, (50, 40)))
    read = to_numpy(layer.forward(words)[0])
    lost = read == UNK
    assert 0.25 < lost.mean() < 0.35 and (read == to_numpy(words))[~lost].all()
    assert layer(words) is words
    model, inputs = make_model(device, word_dropout=0.5), inputs_of(rng, device)
    unk = device.asarray(np.where(np.random.default_rng(1).random(int(inputs[-1].sum())) < 0.5, UNK, -1))
    assert (to_numpy(unk) == UNK).any()
    rows, columns, _ = pack_by_time(inputs[-1])
    words = to_numpy(inputs[2]).copy()
    words[rows, columns] = np.where(to_numpy(unk) == UNK, UNK, words[rows, columns])
    expected = value(make_model(device)(*inputs[:2], device.asarray(words), *inputs[3:]))
    assert value(model.forward(*inputs)[0]) == pytest.approx(expected, rel=1e-12)


@sentinels
@pytest.mark.parametrize("projected", [{}, PROJECTED], ids=["regions as they are", "projected"])
def test_features_of_a_frozen_network_get_no_gradient_and_the_weights_the_same(device, rng, sentinel, projected):
    inputs = inputs_of(rng, device)
    options = ROUGH | projected | {"sentinel": sentinel}
    loss, gradients = loss_and_gradients(make_model(device, **options), *inputs)
    wanted_loss, wanted = loss_and_gradients(make_model(device, input_gradient=True, **options), *inputs)
    assert wanted.pop("images").shape == (3, SIDE, SIDE, D)
    assert loss == wanted_loss
    assert_same_gradients(gradients, wanted, rtol=0)
    assert_gradients(make_model(device, sentinel=sentinel), *inputs, max_elements=10)


@sentinels
@pytest.mark.parametrize("query_word", [False, True])
def test_the_lstm_passes_the_gradient_check_in_every_input_and_output(device, rng, sentinel, query_word):
    batch_sizes = [3, 3, 1]
    layer = AttentionLSTM(E, D, H, A, rng=np.random.default_rng(0), sentinel=sentinel, query_word=query_word)
    shapes = [(7, E), (2, 4, D), (2, 4, A), np.array([1, 0, 1]), (3, H), (3, H)]
    inputs = [s if isinstance(s, np.ndarray) else rng.standard_normal(s) for s in shapes]
    report = assert_gradients(layer.to(device), *map(device.asarray, inputs), batch_sizes=batch_sizes, max_elements=40)
    assert {f"x[{i}]" for i in (0, 1, 2, 4, 5)} <= {t.name for t in report.tensors}
    with pytest.raises(ValueError, match=r"expects x of shape \(8, 4\), got \(7, 4\)"):
        layer(*map(device.asarray, inputs), batch_sizes=[3, 3, 2])


def test_regions_are_projected_to_another_size_and_not_below_zero(device, rng):
    model, plain = make_model(device, region_size=8), make_model(device)
    images = inputs_of(rng, device)[0]
    model.fit(images)
    a, keys, _ = map(to_numpy, model.regions(images.reshape(3, -1, D)))
    W = model.state()
    x = to_numpy(images).reshape(3, -1, D)
    x = (x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    expected = np.maximum(x @ W["regions.projection.linear.W"] + W["regions.projection.linear.b"], 0)
    np.testing.assert_allclose(a, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(keys, expected @ W["regions.keys.W"] + W["regions.keys.b"], rtol=1e-9, atol=1e-12)
    assert (expected == 0).any() and (expected > 0).any()
    assert repr(model).endswith("regions of 6 -> 8, A=3)") and repr(plain).endswith("regions of 6, A=3)")


@sentinels
def test_asked_with_the_word_attention_depends_on_it_before_the_lstm_has_read_it(device, rng, sentinel):
    words = device.asarray(np.array([5, 6]))
    for query_word in (False, True):
        model = make_model(device, query_word=query_word)
        state = model.start(inputs_of(rng, device)[0][:1]).select(device.asarray(np.array([0, 0])))
        alpha = to_numpy(model.step(state, words)[0].rows[3])
        assert (np.abs(alpha[0] - alpha[1]).max() > 1e-3) == query_word


def test_the_doubly_stochastic_term_is_that_of_equation_14(device, rng):
    inputs = inputs_of(rng, device)
    images, image_of, words, _, lengths = inputs
    model = make_model(device, doubly_stochastic=0.5)
    term = value(model.forward(*inputs)[0]) - value(model(*inputs))
    attended = np.zeros((len(lengths), SIDE * SIDE))
    for n, length in enumerate(lengths):
        state = model.start(images[image_of[n:n + 1]])
        for t in range(length):
            state, _ = model.step(state, words[n:n + 1, t])
            attended[n] += to_numpy(state.rows[3])[0]
    assert term == pytest.approx(0.5 * ((1 - attended)**2).sum() / lengths.sum(), rel=1e-9)
    sentinel = make_model(device, doubly_stochastic=0.5, sentinel=True)  # the weight of the memory counts for no region
    sentinel.lstm.attention.v.data *= 0
    term = value(sentinel.forward(*inputs)[0]) - value(sentinel(*inputs))
    expected = ((1 - lengths / 5)**2).sum() * 4
    assert term == pytest.approx(0.5 * expected / lengths.sum(), rel=1e-9)


# ------------------------------------------------------------------------------------------------ padding and batches

def test_captions_are_packed_by_time_with_the_longest_first():
    rows, columns, batch_sizes = pack_by_time([2, 3, 1, 3])
    assert batch_sizes == [4, 3, 2]
    assert rows.tolist() == [1, 3, 0, 2, 1, 3, 0, 1, 3]
    assert columns.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]


@sentinels
def test_what_stands_in_the_padding_and_the_order_of_the_rows_do_not_matter(device, rng, sentinel):
    model = make_model(device, sentinel=sentinel, doubly_stochastic=0.3, input_gradient=True)
    images, image_of, words, targets, lengths = inputs_of(rng, device)
    loss, gradients = loss_and_gradients(model, images, image_of, words, targets, lengths)
    N, T = words.shape
    wide = np.random.default_rng(0).integers(0, V, (2, N, T + 3))
    inside = np.arange(T) < lengths[:, None]
    for filled, real in zip(wide, (words, targets), strict=True):
        filled[:, :T][inside] = to_numpy(real)[inside]
    order = np.array([3, 0, 4, 1, 2])
    other = (images, *(device.asarray(a[order]) for a in (to_numpy(image_of), *wide)), lengths[order])
    other_loss, other_gradients = loss_and_gradients(model, *other)
    assert other_loss == pytest.approx(loss, rel=1e-12)
    assert_same_gradients(other_gradients, gradients)
    assert value(model(*other)) == pytest.approx(value(model(images, image_of, words, targets, lengths)), rel=1e-12)


@sentinels
def test_an_image_with_several_captions_counts_as_often_as_copies_of_it(device, rng, sentinel):
    model = make_model(device, sentinel=sentinel, doubly_stochastic=0.3, input_gradient=True)
    assert_captions_count_as_copies(device, model, *inputs_of(rng, device))


def test_in_single_precision_it_says_the_same(device, rng):
    inputs = inputs_of(rng, device)
    double = make_model(device, doubly_stochastic=0.3)
    loss, gradients = loss_and_gradients(double, *inputs)
    single = make_model(device, doubly_stochastic=0.3).astype(np.float32)
    found_loss, found = loss_and_gradients(single, inputs[0].astype(np.float32), *inputs[1:])
    assert found_loss == pytest.approx(loss, rel=1e-5)
    for name, gradient in gradients.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], gradient, atol=2e-5 * max(1, np.abs(gradient).max()), err_msg=name)


# ------------------------------------------------------------------------------------------------------- word by word

@sentinels
@pytest.mark.parametrize("projected", [{}, PROJECTED], ids=["regions as they are", "projected"])
def test_word_by_word_it_gives_the_probabilities_it_was_trained_on(device, rng, sentinel, projected):
    model = make_model(device, sentinel=sentinel, **projected)
    inputs = inputs_of(rng, device)
    loss, alphas = loss_word_by_word(model, *inputs)
    for alpha in alphas:
        assert alpha.shape == (1, SIDE * SIDE + sentinel) and alpha.sum() == pytest.approx(1)
    assert value(model(*inputs)) == pytest.approx(loss, rel=1e-9)


@sentinels
def test_all_beams_of_all_images_share_one_copy_of_the_regions(device, rng, sentinel):
    model = make_model(device, sentinel=sentinel)
    images = inputs_of(rng, device)[0]
    seen = []

    def step(state, words):
        state, log_p = model.step(state, words)
        seen.append((len(words), state.shared.regions, state.shared.keys))
        return state, log_p

    together = beam_search(step, model.start(images), beam=3, max_length=5)
    assert [rows for rows, *_ in seen] == [3] + [9] * (len(seen) - 1) and len(seen) > 2
    assert all(regions is seen[0][1] and keys is seen[0][2] for _, regions, keys in seen)
    assert seen[0][1].shape == (3, SIDE * SIDE, D)
    for n, kept in enumerate(together):
        (alone,) = beam_search(model.step, model.start(images[n:n + 1]), beam=3, max_length=5)
        assert [h.words for h in kept] == [h.words for h in alone]
        np.testing.assert_allclose([h.score for h in kept], [h.score for h in alone], rtol=1e-9)


@sentinels
def test_attention_maps_are_where_it_looked_for_each_word_of_a_caption(device, rng, sentinel):
    model = make_model(device, sentinel=sentinel)
    image = inputs_of(rng, device)[0][1:2]
    maps = to_numpy(model.attention_maps(image, (5, 4)))
    assert maps.shape == (3, SIDE * SIDE + sentinel)
    np.testing.assert_allclose(maps.sum(axis=1), 1)
    state = model.start(image)
    for expected, word in zip(maps, (START, 5, 4), strict=True):
        state, _ = model.step(state, device.asarray(np.array([word])))
        np.testing.assert_allclose(to_numpy(state.rows[3])[0], expected)
    assert np.ptp(maps, axis=0).max() > 1e-4  # not always the same place


def test_regions_may_come_in_a_row_or_in_a_grid(device, rng):
    model = make_model(device)
    images, *rest = inputs_of(rng, device)
    assert value(model(images.reshape(3, -1, D), *rest)) == value(model(images, *rest))


def test_the_scale_of_a_region_matters_unless_its_length_is_normalised(device, rng):
    images, *rest = inputs_of(rng, device)
    for normalize, same in (("channels", False), ("length", True)):
        model = make_model(device, normalize=normalize)
        assert (value(model(50 * images, *rest)) == pytest.approx(value(model(images, *rest)))) is same


def test_an_untrained_model_predicts_word_frequencies(device, rng):
    vocabulary = Vocabulary.from_captions([["a", "dog"], ["a", "cat"], ["a", "dog", "dog"]], min_count=1)
    settings = ShowAttendTellSettings(vocabulary=len(vocabulary), embedding=32, hidden=H, feature_size=D, attention=A,
                                      drop=0.0)
    model = ShowAttendTell(settings, rng=rng, dropout_rng=rng, log_frequencies=vocabulary.log_frequencies())
    model.output.vocabulary.W.data *= 0.01
    model.to(device)
    state = model.start(device.asarray(rng.standard_normal((3, 4, D)).astype(np.float32)))
    _, log_p = model.step(state, device.asarray(np.full(3, START)))
    np.testing.assert_allclose(np.exp(to_numpy(log_p)).mean(axis=0), [0, 0, 0.3, 0, 0.3, 0.3, 0.1], atol=0.02)


@sentinels
def test_it_learns_by_heart_what_is_where(device, sentinel):
    """Eight pictures of two regions with the same parts in another order: a mean of the regions would not do."""
    rng = np.random.default_rng(3)
    parts = rng.standard_normal((4, D)).astype(np.float32)
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j][:8]
    images = device.asarray(np.stack([np.concatenate([parts[[i, j]], np.eye(2, 2, dtype=np.float32)], axis=1)
                                      for i, j in pairs]))
    captions = [(n, [4 + i, 8, 4 + j]) for n, (i, j) in enumerate(pairs)]
    batch = make_batch(captions)
    settings = ShowAttendTellSettings(vocabulary=V, embedding=16, hidden=24, feature_size=D + 2, attention=16, drop=0.0,
                                      sentinel=sentinel)
    model = ShowAttendTell(settings, rng=rng, dropout_rng=rng).to(device)
    arrays = [device.asarray(a) for a in (batch.image_index, batch.tokens, batch.targets)]
    optimizer = Adam(model.named_parameters(), lr=0.02)
    for _ in range(150):
        _, cache = model.forward(images, *arrays, batch.lengths)
        model.backward(1.0, cache)
        optimizer.step()
        model.zero_grad()
    assert value(model(images, *arrays, batch.lengths)) < 0.05
    found = [hypothesis.words for (hypothesis,) in greedy(model.step, model.start(images), max_length=8)]
    assert found == [tuple(words) for _, words in captions]
    assert PAD not in {word for words in found for word in words}


def test_names_are_those_a_person_would_say(device):
    names = [name for name, _ in make_model(device).named_state()]
    assert names[:4] == ["regions.scale.mean", "regions.scale.std", "regions.keys.W", "regions.keys.b"]
    assert {"words.embedding.W", "lstm.attention.U", "lstm.attention.v", "lstm.attention.gate.W", "lstm.cell.W",
            "output.vocabulary.b"} < set(names)
    assert repr(make_model(device, sentinel=True)) == "ShowAttendTell(9 words, E=4, H=5, regions of 6, A=3, sentinel)"
