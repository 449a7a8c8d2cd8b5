"""EfficientNet-Lite in the programs, alone and beside VGG: extract, train, caption, classify."""

import json
import os

import efficientnet_files
import numpy as np
import pytest
import tiny_vgg
from PIL import Image

from minicap import caption, classify, evaluate, extract, train
from minicap.backend import CPU
from minicap.captioning.captioner import Captioner
from minicap.captioning.features.extractor import Extractor
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.feature_source import FeatureSource
from minicap.cli import run_program
from minicap.errors import UserError
from minicap.images import read_image, resize
from minicap.networks import NetworkFacts
from minicap.pretrained_networks import load_network

BOTH = "lite0-regions+lite0-head+fc7"
COUNT = 8


@pytest.fixture
def files(monkeypatch, tmp_path, rng):
    """(weights of an EfficientNet-Lite0, weights of a VGG), both small; no others are found."""
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr("minicap.pretrained_networks._in_package", lambda package: None)
    efficientnet_files.shrink(monkeypatch, size=48)
    tiny_vgg.shrink(monkeypatch, size=32)
    return (efficientnet_files.save(tmp_path / "lite0.npz"),
            tiny_vgg.save_keras(tmp_path / "vgg11.h5", tiny_vgg.random_vgg(11, rng)))


@pytest.fixture
def data(tmp_path, rng):
    folder = tmp_path / "data"
    folder.mkdir()
    names = [f"{i}.png" for i in range(COUNT)]
    for i, name in enumerate(names):
        blobs = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        blobs.resize((60 + i, 50), Image.Resampling.BICUBIC).save(folder / name)
    (folder / "captions.csv").write_text("image,caption\n" + "".join(
        f"{n},a blob number {i}\n" * 3 for i, n in enumerate(names)))
    for split, part in (("train", names[:-4]), ("dev", names[-4:-2]), ("test", names[-2:])):
        (folder / f"{split}.txt").write_text("\n".join(part))
    return folder


def run(program, *words):
    return program.main([str(word) for word in words])


def of_data(data):
    return "--data", "folder", "--data-dir", data, "--device", "cpu"


@pytest.mark.parametrize("layer, shape", [("lite0-regions", (2, 2, 12)), ("lite0-head", (12,)),
                                          ("lite0-regions+lite0-head", (60,))])
def test_features_are_the_layers_outputs_for_pictures_squashed_by_bicubic_interpolation(files, data, tmp_path, layer,
                                                                                        shape):
    run(extract, *of_data(data), "--weights", files[0], "--layer", layer, "--out", tmp_path / "f.npy")
    file = open_features(tmp_path / "f.npy")
    assert file.source.shape == shape and file.source.network == NetworkFacts("EfficientNet-Lite", 0)
    assert file.source.resize == "whole image squashed to 48x48, bicubic"
    assert file.source.preprocessing["interpolation"] == "bicubic" and file.source.preprocessing["size"] == 48
    pixels = np.stack([resize(read_image(data / name), 48, "bicubic") for name in file.images]).astype(np.float32)
    model = load_network(files[0])
    regions = model.up_to("relu_head")((pixels - 127) / 128)
    parts = {"lite0-regions": regions, "lite0-head": regions.mean(axis=(1, 2))}
    expected = np.concatenate([parts[part].reshape(COUNT, -1) for part in layer.split("+")], axis=1)
    np.testing.assert_allclose(file.array.reshape(COUNT, -1), expected, rtol=2e-3, atol=2e-3)


def test_the_pooled_head_is_computed_from_the_regions_of_a_file(files, data, tmp_path):
    for name in ("lite0-regions", "lite0-head"):
        run(extract, *of_data(data), "--weights", files[0], "--layer", name, "--out", tmp_path / name)
    run(extract, "--weights", files[0], "--layer", "lite0-head", "--from-features", tmp_path / "lite0-regions",
        "--out", tmp_path / "again", "--device", "cpu")
    again, head = open_features(tmp_path / "again"), open_features(tmp_path / "lite0-head")
    assert again.source == head.source
    np.testing.assert_allclose(again.array, head.array, rtol=2e-3, atol=2e-3)


def test_a_network_reads_pictures_of_several_sizes(files, data, tmp_path):
    lite, _ = files
    sized = "lite0-last@64+lite0-head@64"
    run(extract, *of_data(data), "--weights", lite, "--layer", f"lite0-regions+{sized}", "--out", tmp_path / "f.npy")
    file, model = open_features(tmp_path / "f.npy"), load_network(lite)
    parts = []
    for size, layers in ((48, ["relu_head"]), (64, [model.features["lite0-last"].last, "relu_head"])):
        pixels = np.stack([resize(read_image(data / name), size, "bicubic") for name in file.images])
        x = (pixels.astype(np.float32) - 127) / 128
        parts += [model.up_to(layer)(x) for layer in layers]
    regions, last, head = parts
    expected = [regions.reshape(COUNT, -1), last.mean(axis=(1, 2)), head.mean(axis=(1, 2))]
    np.testing.assert_allclose(file.array, np.concatenate(expected, axis=1), rtol=2e-3, atol=2e-3)
    first, second = file.source.separate()
    assert (first.layer, second.layer) == ("lite0-regions", sized) and file.source.picture_size == 64
    assert second.resize == "whole image squashed to 64x64, bicubic" and second.parts == (last.shape[3:], (12,))


def test_features_of_a_file_of_larger_pictures_are_continued_at_that_size_alone(files, data, tmp_path):
    for name in ("lite0-regions@64", "lite0-last@64", "lite0-head@64"):
        run(extract, *of_data(data), "--weights", files[0], "--layer", name, "--out", tmp_path / name)
    continued = ("--weights", files[0], "--out", tmp_path / "again", "--device", "cpu", "--from-features")
    run(extract, *continued, tmp_path / "lite0-regions@64", "--layer", "lite0-head@64")
    again, head = open_features(tmp_path / "again"), open_features(tmp_path / "lite0-head@64")
    assert again.source == head.source
    np.testing.assert_allclose(again.array, head.array, rtol=2e-3, atol=2e-3)
    with pytest.raises(UserError, match="lite0-regions@64, of pictures of 64 pixels; name the layer with @64"):
        run(extract, *continued, tmp_path / "lite0-regions@64", "--layer", "lite0-head")
    with pytest.raises(UserError, match="lite0-last is the mean of a map, and lite0-head is computed from the map"):
        run(extract, *continued, tmp_path / "lite0-last@64", "--layer", "lite0-head@64")


def test_features_of_two_networks_are_those_of_each_side_by_side(files, data, tmp_path):
    lite, vgg = files
    run(extract, *of_data(data), "--weights", f"{vgg},{lite}", "--layer", BOTH, "--out", tmp_path / "both.npy")
    run(extract, *of_data(data), "--weights", lite, "--layer", "lite0-regions+lite0-head", "--out", tmp_path / "1.npy")
    run(extract, *of_data(data), "--weights", vgg, "--layer", "fc7", "--out", tmp_path / "2.npy")
    both, first, second = (open_features(tmp_path / name) for name in ("both.npy", "1.npy", "2.npy"))
    np.testing.assert_array_equal(both.array, np.concatenate([first.array, second.array], axis=1))
    assert both.source == FeatureSource.joined([first.source, second.source])
    assert both.source.separate() == (first.source, second.source)
    assert both.source.parts == ((2, 2, 12), (12,), (10,)) and both.source.global_size() == 22
    assert str(both.source.networks) == "EfficientNet-Lite0 and VGG-11" and both.source.picture_size == 48
    assert FeatureSource.from_json(json.loads(json.dumps(both.source.to_json()))) == both.source
    assert both.source.as_mirrored().separate() == (first.source.as_mirrored(), second.source.as_mirrored())


@pytest.mark.parametrize("model, layer", [
    ("attend", BOTH), ("attend", "lite0-regions"), ("attend", "lite0-regions+lite0-last@64+lite0-head@64"),
    ("show-tell", "lite0-head+fc7"), ("show-tell", "lite0-head")])
def test_a_captioner_of_these_features_is_trained_evaluated_and_captions_photographs(files, data, tmp_path, capsys,
                                                                                     monkeypatch, model, layer):
    monkeypatch.setenv("MINICAP_WEIGHTS", f"{files[1]}{os.pathsep}{files[0]}")
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "cache"))
    settings = ("--embedding", 8, "--hidden", 8, "--epochs", 2, "--min-count", 1, "--layer", layer)
    run(train, *of_data(data), "--model", model, *settings, "--out", tmp_path / "run")
    (cached,) = (tmp_path / "cache" / "features").glob("*.npy")
    assert cached.name.split("-", 2)[2].startswith(layer)
    capsys.readouterr()
    run(evaluate, "--checkpoint", tmp_path / "run", "--device", "cpu", "--predictions", tmp_path / "dev.json")
    assert run(caption, data / "4.png", data / "5.png", "--checkpoint", tmp_path / "run", "--device", "cpu") == 0
    described = dict(line.split(": ") for line in capsys.readouterr().out.splitlines() if ".png: " in line)
    predicted = json.loads((tmp_path / "dev.json").read_text())
    assert {str(data / name): text for name, text in predicted.items()} == described
    if model == "attend":
        captioner = Captioner.load(tmp_path / "run", device="cpu")
        maps, _ = captioner.attention_maps(read_image(data / "4.png"), predicted["4.png"])
        assert maps.shape[1:] == (2, 2)
        np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_other_weights_than_those_of_the_training_are_refused_network_by_network(files, data, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "cache"))
    weights = ("--weights", f"{files[0]},{files[1]}")
    run(train, *of_data(data), *weights, "--layer", "lite0-head+fc7", "--embedding", 8, "--hidden", 8, "--epochs", 1,
        "--min-count", 1, "--out", tmp_path / "run")
    other = efficientnet_files.save(tmp_path / "other.npz", seed=1)
    captioner = Captioner.load(tmp_path / "run", weights=f"{other},{files[1]}", device="cpu")
    with pytest.raises(UserError) as refusal:
        captioner.caption(data / "0.png")
    assert str(refusal.value).startswith(f"{other} is not the network that this captioner was trained with: other "
                                         "weights; it needs EfficientNet-Lite0")
    with pytest.raises(UserError, match="there are no weights of EfficientNet-Lite0 here"):
        Captioner.load(tmp_path / "run", weights=str(files[1]), device="cpu").caption(data / "0.png")


@pytest.mark.parametrize("arguments, message", [
    (("--layer", "lite0-hed"), "there is no --layer lite0-hed; use pool4"),
    (("--layer", BOTH, "--preprocessing", "tf"), "--preprocessing is for one network"),
    (("--layer", "lite0-head+fc7", "--from-features", "f.npy"), "which begin with the pictures"),
    (("--layer", "fc7", "--weights", "{lite}"), "which has no fc7; it has lite0-last, lite0-regions, lite0-head"),
    (("--layer", "lite0-head", "--weights", "{lite},{vgg}"), "which is of no network that is needed here"),
    (("--layer", "lite0-head"), "there are no weights of EfficientNet-Lite0 here; name the file with --weights")])
def test_a_mistake_is_one_sentence(files, data, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    run(extract, *of_data(data), "--weights", files[1], "--layer", "pool5", "--out", "f.npy")
    capsys.readouterr()
    arguments = [word.format(lite=files[0], vgg=files[1]) for word in arguments]
    with pytest.raises(SystemExit) as end:
        run_program(extract.main, [*map(str, of_data(data)), *arguments, "--out", "g.npy"])
    error = capsys.readouterr().err
    assert end.value.code == 2 and message in error and "Traceback" not in error
    assert not (tmp_path / "g.npy").exists()


def test_the_size_of_the_largest_network_decides_how_small_a_jpeg_is_decoded(files):
    extractor = Extractor(list(files), "lite0-head+fc7", CPU)
    assert extractor.size == 48
    assert [x.shape for x in extractor.prepare(np.zeros((70, 60, 3), np.uint8))] == [(48, 48, 3), (32, 32, 3)]


def test_classes_are_those_of_the_central_square_resized_as_the_network_wants(files, data, capsys):
    for options, resized, side in (((), 80, 48), (("--resize", "60", "--crop", "50"), 60, 50)):
        assert run(classify, data / "0.png", "--weights", files[0], "--json", "--top", 1000, "--device", "cpu",
                   *options) == 0
        found = {one["index"]: one["p"] for one in json.loads(capsys.readouterr().out)["top"]}
        picture = read_image(data / "0.png")
        H, W, _ = picture.shape
        picture = resize(picture, (resized * H // min(H, W), resized * W // min(H, W)), "bicubic")
        top, left = (round((n - side) / 2) for n in picture.shape[:2])
        x = (picture[top:top + side, left:left + side].astype(np.float32) - 127) / 128
        logits = load_network(files[0])(x[None])[0]
        expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        np.testing.assert_allclose([found[i] for i in range(1000)], expected, atol=2e-5)
    with pytest.raises(UserError, match="crop= has to be from 33 to 64, which the dense layers expect, not 70"):
        classify.Classifier(files[0], crop=70, resize=80)
