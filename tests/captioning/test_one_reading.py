"""A photograph is read in one way: by the API, by the programs, from wherever it comes.

A JPEG of more than twice the network's input is decoded at a fraction of its size, which gives other numbers than the
whole does, and makes pictures readable that would otherwise be too large.
"""

import dataclasses
import io
import json

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from PIL import Image

from minicap import caption, evaluate, extract
from minicap.backend import CPU
from minicap.captioning.captioner import Captioner
from minicap.captioning.ensemble import Ensemble
from minicap.captioning.features.extractor import Extractor
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowTellSettings
from minicap.errors import UserError
from minicap.images import MAX_DECLARED, MAX_MEMORY, read_image


@pytest.fixture
def photo(tmp_path, rng):
    """A JPEG of 1600 x 1200 pixels, blobs under noise."""
    blobs = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((1600, 1200), Image.BICUBIC)
    noise = rng.normal(0, 60, (1200, 1600, 3))
    path = tmp_path / "photo.jpg"
    Image.fromarray((np.asarray(blobs) + noise).clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """A VGG-11 of a few channels, for 32 x 32 pixels."""
    tiny_vgg.shrink(monkeypatch, size=32)
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(11, np.random.default_rng(0)))
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    return weights


def vgg_captioner(weights):
    """A captioner with random weights that reads fc7, with another caption for each picture."""
    source, words = Extractor(weights, "fc7", CPU).source, tiny_captioner.vocabulary()
    settings = ShowTellSettings(input="features", vocabulary=len(words), embedding=6, hidden=7, feature_size=10)
    model = build_model(settings, np.random.default_rng(0))
    model.output.W.data *= 100
    return Captioner(model, words, settings, CPU, source=source)


@pytest.fixture(params=["pixels", "vgg"])
def folder(request, weights, tmp_path):
    captioner = tiny_captioner.pixel_captioner() if request.param == "pixels" else vgg_captioner(weights)
    return tiny_captioner.save_checkpoint(tmp_path / "run", captioner)


@pytest.fixture
def seen(monkeypatch):
    """What the networks are given, in the order in which they are."""
    arrays, inputs_of = [], Captioner.inputs_of

    def record(self, pictures):
        arrays.append(inputs_of(self, pictures))
        return arrays[-1]

    monkeypatch.setattr(Captioner, "inputs_of", record)
    return arrays


def test_path_bytes_and_file_objects_are_read_as_the_program_reads(folder, photo, seen, capsys):
    captioner = Captioner.load(folder, device="cpu")
    with photo.open("rb") as file:
        captions = {captioner.caption(source) for source in (photo, str(photo), photo.read_bytes(), file,
                                                             io.BytesIO(photo.read_bytes()))}
    assert caption.main([str(photo), "--checkpoint", str(folder), "--device", "cpu", "--json"]) == 0
    captions.add(json.loads(capsys.readouterr().out)["caption"])
    assert len(captions) == 1 and len(seen) == 6
    for x in seen[1:]:
        np.testing.assert_array_equal(x, seen[0])


def test_an_array_is_taken_as_it_is(folder, photo, seen):
    captioner = Captioner.load(folder, device="cpu")
    whole, small = read_image(photo), captioner.read(photo)
    assert whole.shape == (1200, 1600, 3) and small.shape == (150, 200, 3)
    for source in (whole, small, photo):
        captioner.caption(source)
    np.testing.assert_array_equal(seen[1], seen[2])
    assert np.abs(seen[0] - seen[1]).max() > 1e-3  # to read the whole picture makes a difference, so tests can tell
    assert captioner.read(whole) is whole


def test_extract_and_evaluate_read_it_so_too(weights, photo, seen, tmp_path):
    folder = tiny_captioner.save_checkpoint(tmp_path / "run", vgg_captioner(weights))
    data = tiny_captioner.write_folder(tmp_path / "data")
    names = [name.replace(".png", ".jpg") for name in tiny_captioner.NAMES]
    for number, name in enumerate(names):  # each is a part of the photograph, all of them large
        with Image.open(photo) as picture:
            picture.crop((40 * number, 0, 40 * number + 1000, 800)).save(data / name, quality=90)
    for path in data.glob("*.[ct][sx][vt]"):
        path.write_text(path.read_text().replace(".png", ".jpg"))
    extract.main([str(word) for word in ("--data", "folder", "--data-dir", data, "--weights", weights, "--out",
                                         tmp_path / "f.npy", "--device", "cpu")])
    captioner = Captioner.load(folder, device="cpu")
    file, alone = open_features(tmp_path / "f.npy"), np.concatenate([
        captioner.inputs_of([captioner.read(data / name)]) for name in names])
    rows = [file.row[name] for name in names]
    np.testing.assert_allclose(file.array[rows], alone, rtol=2e-3, atol=1e-4)  # batches round otherwise
    whole = np.concatenate([captioner.inputs_of([read_image(data / name)]) for name in names])
    assert np.abs(whole - alone).max() > 0.01 * np.abs(alone).max()

    keys = {"data": "folder", "data_dir": str(data), "splits": None, "split_seed": None, "features": None}
    (folder / "settings.json").write_text(json.dumps(keys))
    seen.clear()
    evaluate.main(["--checkpoint", str(folder), "--device", "cpu"])
    np.testing.assert_allclose(seen[0], alone[6:9], rtol=2e-3, atol=1e-4)


def test_an_ensemble_reads_it_large_enough_for_all_and_its_program_the_same(photo, seen, tmp_path, capsys):
    members = [tiny_captioner.pixel_captioner(seed=seed) for seed in range(2)]
    assert Ensemble(members).read(photo).shape == (150, 200, 3)
    members[0].input_size = 80  # 2 · 80 is more than an eighth of 1200: decoded at a quarter
    assert Ensemble(members).read(photo).shape == (300, 400, 3) and Ensemble(members[::-1]).input_size == 80
    folders = [tiny_captioner.save_checkpoint(tmp_path / str(seed), tiny_captioner.pixel_captioner(seed=seed))
               for seed in range(2)]
    text = Ensemble.load(folders, device="cpu").caption(photo)
    caption.main([str(photo), "--checkpoint", ",".join(map(str, folders)), "--device", "cpu"])
    assert capsys.readouterr().out == f"{photo}: {text}\n"
    np.testing.assert_array_equal(seen[0], seen[-1])


def test_82_megapixels_are_captioned_by_api_and_program(folder, tmp_path, capsys):
    path = tmp_path / "large.jpg"
    Image.new("L", (10_240, 8_010), 90).save(path)
    assert MAX_MEMORY / 18 < 10_240 * 8_010 < MAX_DECLARED
    with pytest.raises(UserError, match="more than 80 million are not decoded in full"):
        read_image(path)
    text = Captioner.load(folder, device="cpu").caption(path)
    assert caption.main([str(path), "--checkpoint", str(folder), "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"{path}: {text}\n"


def test_the_size_hint_is_the_network_s_own(weights):
    captioner = vgg_captioner(weights)
    assert captioner.input_size == 32
    assert tiny_captioner.pixel_captioner(side=16).input_size == 16
    source = dataclasses.replace(captioner.source, preprocessing=captioner.source.preprocessing | {"size": 64})
    assert Captioner(captioner.model, captioner.vocabulary, captioner.settings, CPU, source=source).input_size == 64
