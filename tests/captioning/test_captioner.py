"""A captioner from its folder: the same captions after loading, and the VGG it was trained with."""

import io
import json
import re

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from PIL import Image

from minicap.backend import CPU, to_numpy
from minicap.captioning.captioner import Captioner
from minicap.captioning.ensemble import with_mirror
from minicap.captioning.features.extractor import Extractor
from minicap.captioning.features.inputs import pixels_to_input
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings, ShowTellSettings
from minicap.errors import UserError


@pytest.fixture
def captioner():
    return tiny_captioner.pixel_captioner()


@pytest.fixture
def folder(tmp_path, captioner):
    return tiny_captioner.save_checkpoint(tmp_path / "run", captioner)


@pytest.fixture
def pictures(rng):
    return [rng.integers(0, 256, size, dtype=np.uint8) for size in ((8, 8, 3), (30, 20, 3), (9, 40, 3))]


def refusal(function, *arguments, **options):
    with pytest.raises(UserError) as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# ----------------------------------------------------------------------------------------------------- from and to disk

def test_a_loaded_captioner_says_what_the_saved_one_says(captioner, folder, pictures):
    loaded = Captioner.load(folder, device="cpu")
    expected = captioner.captions(pictures)
    assert loaded.captions(pictures) == expected
    assert len({beams[0][0] for beams in expected}) > 1  # and they do look at the pictures
    for name, a in captioner.model.state().items():
        np.testing.assert_array_equal(loaded.model.state()[name], a)


def test_a_picture_may_be_a_path_bytes_a_file_or_an_array(captioner, folder, pictures, tmp_path):
    Image.fromarray(pictures[0]).save(tmp_path / "photo.png")
    data = (tmp_path / "photo.png").read_bytes()
    loaded = Captioner.load(str(folder))
    caption = loaded.caption(pictures[0])
    assert caption and caption == captioner.captions(pictures[:1])[0][0][0]
    for source in (tmp_path / "photo.png", str(tmp_path / "photo.png"), data, io.BytesIO(data)):
        assert loaded.caption(source) == caption


def test_beams_come_best_first_with_their_probabilities_and_one_beam_is_greedy(captioner, pictures):
    for beams in captioner.captions(pictures, beam=4, length_penalty=0.0):
        assert len(beams) == 4
        logps = [logp for _, logp in beams]
        assert logps == sorted(logps, reverse=True) and logps[0] < 0
    (greedy,) = captioner.captions(pictures[:1], beam=1)
    assert len(greedy) == 1
    assert captioner.caption(pictures[0], beam=1, max_length=2) == " ".join(greedy[0][0].split()[:2])


def test_captions_of_several_pictures_are_those_of_each_alone(captioner, pictures):
    together = captioner.captions(pictures)
    for picture, beams in zip(pictures, together, strict=True):
        (alone,) = captioner.captions([picture])
        assert [c for c, _ in alone] == [c for c, _ in beams]
        # Matrix products of other sizes round otherwise.
        np.testing.assert_allclose([p for _, p in alone], [p for _, p in beams], rtol=1e-4)


def test_pictures_become_numbers_from_minus_one_to_one():
    x = pixels_to_input(np.array([[[[0, 51, 255]]]], np.uint8))
    np.testing.assert_allclose(x, [[[[-1, -0.6, 1]]]], atol=1e-6)
    assert x.dtype == np.float32


# ---------------------------------------------------------------------------------------- what does not belong together

def test_weights_of_a_run_with_another_vocabulary_are_refused(captioner, folder):
    description = json.loads((folder / "captioner.json").read_text())
    words = description["vocabulary"]["words"]
    words[4], words[5] = words[5], words[4]  # the same words, the same shapes, other meanings
    (folder / "captioner.json").write_text(json.dumps(description))
    assert "best.safetensors was trained with another vocabulary" in refusal(Captioner.load, folder)


@pytest.mark.parametrize("name", ["hidden", "embedding", "vocabulary"])
def test_a_size_that_no_array_has_is_refused_before_memory_is_taken(folder, name):
    description = json.loads((folder / "captioner.json").read_text())
    description["model"][name] = 2**31 - 1
    (folder / "captioner.json").write_text(json.dumps(description))
    assert re.search(rf"a model (with {name} 2,147,483,647, but no axis|of 2,147,483,647 words)",
                     refusal(Captioner.load, folder))


@pytest.mark.parametrize("change, message", [
    ({"vocabulary": {"words": ["a"], "counts": [1]}}, "captioner.json is not a vocabulary of minicap"),
    ({"vocabulary": 3}, "captioner.json is not a vocabulary of minicap"),
    ({"model": {"input": "pixels", "vocabulary": 9, "gates": 3}}, "captioner.json does not describe a model of this"),
    ({"model": None}, "captioner.json does not describe a model of this version of minicap"),
    ({"format": 3}, "captioner.json is not of checkpoint format 1 or 2; use the version that wrote it"),
])
def test_a_description_of_something_else_is_refused(folder, change, message):
    description = json.loads((folder / "captioner.json").read_text())
    (folder / "captioner.json").write_text(json.dumps(description | change))
    assert message in refusal(Captioner.load, folder)


def test_weights_of_another_shape_are_refused_with_file_and_names(folder):
    description = json.loads((folder / "captioner.json").read_text())
    description["model"]["hidden"] += 1
    (folder / "captioner.json").write_text(json.dumps(description))
    sentence = refusal(Captioner.load, folder)
    assert sentence.startswith(f"{folder}/best.safetensors: the weights do not fit this ShowTell")
    assert "lstm.cell.U has shape (7, 28), expected (8, 32)" in sentence


def test_missing_and_truncated_weights_are_refused(folder):
    weights = folder / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert f"{weights} is damaged or not a safetensors file" in refusal(Captioner.load, folder)
    weights.unlink()
    assert f"{weights} does not exist" in refusal(Captioner.load, folder)


# ----------------------------------------------------------------------------------------------------- the VGG it needs

@pytest.fixture
def vgg_files(monkeypatch, tmp_path):
    """Two tiny VGG-11 files with the same shapes and other weights."""
    tiny_vgg.shrink(monkeypatch, size=32)
    return [tiny_vgg.save_keras(tmp_path / f"vgg-{seed}.h5", tiny_vgg.random_vgg(11, np.random.default_rng(seed)))
            for seed in (0, 1)]


@pytest.fixture
def feature_folder(vgg_files, tmp_path):
    """A captioner with random weights that reads fc7 of the first VGG."""
    source = Extractor(vgg_files[0], "fc7", CPU).source
    words = tiny_captioner.vocabulary()
    settings = ShowTellSettings(input="features", vocabulary=len(words), embedding=6, hidden=7,
                                feature_size=source.shape[0])
    model = build_model(settings, np.random.default_rng(0))
    return tiny_captioner.save_checkpoint(tmp_path / "run", Captioner(model, words, settings, CPU, source=source))


def test_features_are_made_by_the_vgg_that_is_named_or_found(feature_folder, vgg_files, pictures, monkeypatch):
    named = Captioner.load(feature_folder, weights=vgg_files[0], device="cpu")
    expected = named.captions(pictures[:2])
    monkeypatch.setenv("MINICAP_WEIGHTS", str(vgg_files[0]))
    assert Captioner.load(feature_folder, device="cpu").captions(pictures[:2]) == expected
    # what the model reads is what a feature file would have held: float16, of the squashed picture
    extractor = Extractor(vgg_files[0], "fc7", CPU)
    features = extractor([extractor.prepare(p) for p in pictures[:2]]).astype(np.float16)
    np.testing.assert_array_equal(named.inputs_of(pictures[:2]), features.astype(np.float32))


def test_the_vgg_is_loaded_once_and_only_for_pictures(feature_folder, vgg_files, pictures, monkeypatch):
    captioner = Captioner.load(feature_folder, weights=vgg_files[0], device="cpu")
    features = captioner.inputs_of(pictures[:1])
    vgg_files[0].unlink()
    assert captioner.captions(pictures[:1]) == captioner.caption_inputs(features)
    assert Captioner.load(feature_folder).caption_inputs(features) == captioner.caption_inputs(features)


def test_the_mirror_image_goes_through_the_same_vgg(feature_folder, vgg_files, pictures):
    captioner = Captioner.load(feature_folder, weights=vgg_files[0], device="cpu")
    upright, turned = with_mirror(captioner).inputs_of(pictures[:2])
    vgg_files[0].unlink()
    np.testing.assert_array_equal(upright, captioner.inputs_of(pictures[:2]))
    np.testing.assert_array_equal(turned, captioner.inputs_of([picture[:, ::-1] for picture in pictures[:2]]))
    assert not np.allclose(upright, turned, rtol=0.01)


@pytest.mark.parametrize("found", [False, True])
def test_another_vgg_is_refused_by_name_wherever_it_was_found(feature_folder, vgg_files, pictures, monkeypatch, found):
    if found:
        monkeypatch.setenv("MINICAP_WEIGHTS", str(vgg_files[1]))
    captioner = Captioner.load(feature_folder, weights=None if found else vgg_files[1])
    sentence = refusal(captioner.caption, pictures[0])
    start = f"{vgg_files[1]} is not the network that this captioner was trained with: other weights; "
    assert sentence.startswith(start)


def test_without_a_vgg_one_sentence_says_how_to_get_it(feature_folder, pictures, monkeypatch, tmp_path):
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "empty"))
    sentence = refusal(Captioner.load(feature_folder).caption, pictures[0])
    assert sentence == "there are no weights of VGG-11 here; name the file with weights= or in MINICAP_WEIGHTS"
    description = json.loads((feature_folder / "captioner.json").read_text())
    description["source"]["network"] = "VGG-19"
    (feature_folder / "captioner.json").write_text(json.dumps(description))
    sentence = refusal(Captioner.load(feature_folder).caption, pictures[0])
    assert sentence.endswith("or fetch them with `python -m minicap.download vgg19`")
    monkeypatch.setenv("MINICAP_WEIGHTS", str(tmp_path / "gone.h5"))
    assert f"{tmp_path / 'gone.h5'} does not exist" in refusal(Captioner.load(feature_folder).caption, pictures[0])


def test_pictures_are_prepared_as_in_training_whatever_the_weights_look_like_today(feature_folder, vgg_files, pictures):
    """Before minicap recognised Oxford's weights, it prepared pictures by the names in the file."""
    where = feature_folder / "captioner.json"
    description = json.loads(where.read_text())
    described = Extractor(vgg_files[0], "fc7", CPU, preprocessing="torchvision").source
    assert described.preprocessing != description["source"]["preprocessing"]  # by the names: caffe-bgr
    description["source"] = described.to_json()
    where.write_text(json.dumps(description))
    captioner = Captioner.load(feature_folder, weights=vgg_files[0], device="cpu")
    expected = Extractor(vgg_files[0], "fc7", CPU, preprocessing="torchvision")
    features = expected([expected.prepare(p) for p in pictures[:1]]).astype(np.float16)
    np.testing.assert_array_equal(captioner.inputs_of(pictures[:1]), features.astype(np.float32))

    same = Captioner.load(feature_folder, weights=vgg_files[0], preprocessing="torchvision", device="cpu")
    assert same.captions(pictures[:1]) == captioner.captions(pictures[:1])
    other = Captioner.load(feature_folder, weights=vgg_files[0], preprocessing="tf", device="cpu")
    assert "was trained with another preprocessing of pictures than preprocessing='tf'; leave it out" in refusal(
        other.caption, pictures[0])

    description["source"]["preprocessing"] = {"order": "RGB", "size": 32}
    where.write_text(json.dumps(description))
    assert "describes no preprocessing of pictures" in refusal(
        Captioner.load(feature_folder, weights=vgg_files[0], device="cpu").caption, pictures[0])


# ------------------------------------------------------------------------------------------------------- attention

@pytest.mark.parametrize("sentinel", [False, True], ids=["soft", "sentinel"])
def test_captions_are_read_together_for_their_attention_as_if_each_were_alone(device, rng, sentinel):
    vocabulary = tiny_captioner.vocabulary()
    settings = ShowAttendTellSettings(vocabulary=len(vocabulary), embedding=5, hidden=7, feature_size=6, attention=8,
                                      sentinel=sentinel)
    captioner = Captioner(build_model(settings, rng), vocabulary, settings, device)
    inputs = 3 * rng.standard_normal((4, 9, 6)).astype(np.float32)
    captions = ["a red picture", "", "this picture is all green and nobody knows why", "a blue picture"]
    together = captioner.attention_of_inputs(inputs, captions)
    for image, caption, (alpha, memory) in zip(inputs, captions, together, strict=True):
        words = vocabulary.encode(caption.split())
        alone = to_numpy(captioner.model.attention_maps(device.asarray(image[None]), words))[:-1]
        assert alpha.shape == (len(words), 9) and memory.shape == (len(words),)
        np.testing.assert_allclose(alpha, alone[:, :9], rtol=1e-4)
        np.testing.assert_allclose(memory, 1 - alone[:, :9].sum(axis=1), atol=1e-6)
        assert (memory > 0.001).all() == sentinel or not words
    (nothing, _), = captioner.attention_of_inputs(inputs[:1], [""])
    assert nothing.shape == (0, 9)
    assert np.ptp(together[2][0], axis=0).max() > 1e-3  # another place for another word
