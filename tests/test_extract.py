import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_vgg
from PIL import Image

from minicap import extract as program
from minicap.backend import CPU
from minicap.captioning.features import extraction
from minicap.captioning.features.extractor import Extractor
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.random_crop import RandomCrop
from minicap.cli import run_program
from minicap.errors import UserError
from minicap.files import sha256
from minicap.images import read_image, resize
from minicap.vgg import vgg

COUNT = 20  # one image a batch, and progress is saved every 16 batches


@pytest.fixture
def tiny(monkeypatch):
    tiny_vgg.shrink(monkeypatch, size=32)


@pytest.fixture
def weights(tiny, tmp_path, rng):
    return tiny_vgg.save_keras(tmp_path / "vgg11.h5", tiny_vgg.random_vgg(11, rng))


@pytest.fixture
def pictures(tmp_path, rng):
    """A folder data set of COUNT pictures of different sizes."""
    folder = tmp_path / "data"
    folder.mkdir()
    names = [f"{i:02}.png" for i in range(COUNT)]
    for i, name in enumerate(names):
        # Large smooth blobs: noise would be averaged away by the resizing, and all pictures look the same.
        blobs = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        blobs.resize((40 + i, 50), Image.Resampling.BICUBIC).save(folder / name)
    (folder / "captions.csv").write_text("image,caption\n" + "".join(f"{n},a blob\n" for n in names))
    for split, part in (("train", names[:-4]), ("dev", names[-4:-2]), ("test", names[-2:])):
        (folder / f"{split}.txt").write_text("\n".join(part))
    return folder


def arguments(pictures, weights, out, **options):
    options = {"data": "folder", "data-dir": pictures, "weights": weights, "out": out, "batch-size": 1,
               "device": "cpu"} | options
    return [str(word) for name, value in options.items() for word in (f"--{name}", value)]


def extract(*args, **options):
    program.main(arguments(*args, **options))


def both_files(out):
    return Path(out).read_bytes(), Path(out).with_suffix(".json").read_bytes()


def stop_after(monkeypatch, batches, error):
    """Let the extractor compute ``batches`` batches and raise ``error`` in place of the next one."""
    compute, calls = Extractor.__call__, []

    def call(self, images):
        if len(calls) == batches:
            raise error
        calls.append(len(images))
        return compute(self, images)

    monkeypatch.setattr(Extractor, "__call__", call)


def count_images(monkeypatch):
    compute, counts = Extractor.__call__, []

    def call(self, images):
        counts.append(len(images))
        return compute(self, images)

    monkeypatch.setattr(Extractor, "__call__", call)
    return counts


# --- What is written ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("layer, end, shape, depth", [
    ("fc7", "relu7", (10,), 11), ("pool5", "pool5", (1, 1, 8), 11), ("conv5_4", "relu5_4", (2, 2, 8), 19)])
def test_features_are_the_layers_outputs_for_the_squashed_pictures(pictures, rng, tiny, tmp_path, layer, end, shape,
                                                                  depth):
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(depth, rng))
    extract(pictures, weights, tmp_path / "f.npy", layer=layer, **{"batch-size": 3})
    file, model = open_features(tmp_path / "f.npy"), vgg(weights=weights)
    assert file.array.shape == (COUNT, *shape)
    for name in ("00.png", "07.png", f"{COUNT - 1}.png"):
        x = model.preprocessing(resize(read_image(pictures / name), (32, 32))[None])
        expected = model.up_to(end)(x)[0]
        assert np.abs(file.array[file.row[name]] - expected).max() < 2e-3 * expected.max()  # float16 keeps 1e-3
    assert np.ptp(file.array, axis=0).max() > 0.1 * file.array.max()  # the pictures do differ


def test_the_description_names_weights_layer_preprocessing_and_images(pictures, weights, tmp_path):
    extract(pictures, weights, tmp_path / "f.npy")
    assert json.loads((tmp_path / "f.json").read_text()) == {
        "source": {"layer": "fc7", "network": {"family": "VGG", "depth": 11, "batch_norm": False},
                   "weights_sha256": sha256(weights),
                   "preprocessing": {"order": "BGR", "scale": 1.0, "mean": [103.939, 116.779, 123.68],
                                     "std": [1.0, 1.0, 1.0], "size": 32},
                   "resize": "whole image squashed to 32x32, bilinear", "shape": [10]},
        "unreadable": [], "images": [f"{i:02}.png" for i in range(COUNT)]}


def test_unreadable_pictures_are_named_and_left_out(pictures, weights, tmp_path, capsys):
    (pictures / "03.png").write_bytes((pictures / "03.png").read_bytes()[:200])
    (pictures / "11.png").write_bytes(b"")
    extract(pictures, weights, tmp_path / "f.npy", **{"batch-size": 4})
    err = capsys.readouterr().err
    assert err.count("warning: left out: ") == 2
    assert "03.png is truncated or damaged" in err and "11.png is empty" in err
    assert "2 unreadable images left out" in err
    file = open_features(tmp_path / "f.npy")
    assert file.unreadable == ("03.png", "11.png")
    assert len(file.row) == COUNT - 2
    extract(pictures, weights, tmp_path / "g.npy", **{"batch-size": 1})  # a batch without any readable picture
    rows = list(file.row.values())
    np.testing.assert_allclose(open_features(tmp_path / "g.npy").array[rows], file.array[rows], rtol=2e-3, atol=1e-2)


def test_nothing_is_printed_to_stdout(pictures, weights, tmp_path, capsys):
    extract(pictures, weights, tmp_path / "f.npy")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{tmp_path / 'f.npy'}: {COUNT} images" in captured.err


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("earlier, layer", [
    ("conv5_4", "pool5"), ("pool4", "conv5_4"), ("pool5", "fc7"), ("pool4", "conv5_4+fc7"), ("conv5_4", "conv5_4+fc7"),
    ("conv5_4", "pool5+fc7")])
def test_going_on_from_earlier_features_makes_the_same(pictures, tiny, rng, tmp_path, capsys, earlier, layer, mirror):
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(19, rng))
    (pictures / "03.png").write_bytes(b"no picture")
    more = ["--mirror", "--split", "train"] if mirror else []
    for name in (earlier, layer):
        out = tmp_path / f"from-{name}.npy"
        program.main(arguments(pictures, weights, out, layer=name, **{"batch-size": 7}) + more)
    made = ["--from-features", str(tmp_path / f"from-{earlier}.npy"), "--layer", layer, "--weights", str(weights),
            "--out", str(tmp_path / "made.npy"), "--device", "cpu"]
    capsys.readouterr()
    program.main(made)
    assert f"made.npy: {COUNT - 4 * mirror} images" in capsys.readouterr().err
    ours, theirs = open_features(tmp_path / "made.npy"), open_features(tmp_path / f"from-{layer}.npy")
    assert (ours.source, ours.images, ours.unreadable) == (theirs.source, theirs.images, ("03.png",))
    rows = list(ours.row.values())
    assert ours.array.dtype == np.float16 and ours.array[rows].any()
    scale = np.abs(theirs.array[rows]).max()
    np.testing.assert_allclose(ours.array[rows] / scale, theirs.array[rows] / scale, rtol=0, atol=3e-3)
    program.main(made)
    assert "is already there and up to date" in capsys.readouterr().err


@pytest.mark.parametrize("regions, shape", [("conv5_4", (2, 2, 8)), ("pool5", (1, 1, 8))])
def test_two_layers_stand_in_one_row(pictures, tiny, rng, tmp_path, regions, shape):
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(19, rng))
    files = {}
    for layer in (regions, "fc7", f"{regions}+fc7"):
        extract(pictures, weights, tmp_path / f"{layer}.npy", layer=layer)
        files[layer] = open_features(tmp_path / f"{layer}.npy")
    both = files[f"{regions}+fc7"]
    assert both.source.parts == (shape, (10,))
    assert both.source.shape == (np.prod(shape) + 10,) == both.array.shape[1:]
    np.testing.assert_array_equal(both.array[:, :-10].reshape(COUNT, *shape), files[regions].array)
    np.testing.assert_array_equal(both.array[:, -10:], files["fc7"].array)


# --- Once more, or after a cut --------------------------------------------------------------------------------------

def test_a_second_run_has_nothing_to_do(pictures, weights, tmp_path, monkeypatch, capsys):
    extract(pictures, weights, tmp_path / "f.npy")
    before = both_files(tmp_path / "f.npy")
    counts = count_images(monkeypatch)
    extract(pictures, weights, tmp_path / "f.npy")
    assert "is already there and up to date" in capsys.readouterr().err
    assert counts == [] and both_files(tmp_path / "f.npy") == before


def test_a_run_that_is_interrupted_goes_on_and_ends_with_the_same_bytes(pictures, weights, tmp_path, monkeypatch):
    (pictures / "05.png").write_bytes(b"no picture")
    extract(pictures, weights, tmp_path / "whole.npy")
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "SAVE_WITHIN", 1000)
        stop_after(patch, 18, KeyboardInterrupt)  # of pictures: the 20th, as one is unreadable
        with pytest.raises(KeyboardInterrupt):
            extract(pictures, weights, tmp_path / "cut.npy")
    assert not (tmp_path / "cut.npy").exists() and not (tmp_path / "cut.json").exists()
    counts = count_images(monkeypatch)
    extract(pictures, weights, tmp_path / "cut.npy")
    assert sum(counts) == COUNT - 16
    assert both_files(tmp_path / "cut.npy") == both_files(tmp_path / "whole.npy")
    assert not list(tmp_path.glob("*partial*"))


def test_batches_that_take_long_are_saved_one_by_one(pictures, weights, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "SAVE_WITHIN", 0)
        stop_after(patch, 3, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            extract(pictures, weights, tmp_path / "cut.npy")
    assert (tmp_path / "cut.partial.done").read_bytes() == b"\1" * 3 + b"\0" * (COUNT - 3)


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
import pytest
import tiny_vgg
from minicap import extract
from minicap.captioning.features import extraction
from minicap.captioning.features.extractor import Extractor

tiny_vgg.shrink(pytest.MonkeyPatch(), size=32)
extraction.SAVE_WITHIN = 1000
compute, calls = Extractor.__call__, []

def call(self, images):
    calls.append(1)
    if len(calls) == 19:
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(self, images)

Extractor.__call__ = call
extract.main(sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_bytes(pictures, weights, tmp_path, monkeypatch):
    extract(pictures, weights, tmp_path / "whole.npy")
    tests = Path(__file__).parent
    process = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE, *arguments(pictures, weights, tmp_path / "cut.npy")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(tests), str(tests.parent)))}, capture_output=True,
        text=True, timeout=120)
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert (tmp_path / "cut.partial.done").read_bytes() == b"\1" * 16 + b"\0" * 4
    assert not (tmp_path / "cut.npy").exists()
    counts = count_images(monkeypatch)
    extract(pictures, weights, tmp_path / "cut.npy")
    assert sum(counts) == COUNT - 16
    assert both_files(tmp_path / "cut.npy") == both_files(tmp_path / "whole.npy")


def test_changed_weights_and_a_changed_image_list_are_noticed(pictures, weights, tmp_path, capsys, monkeypatch, rng):
    out = tmp_path / "f.npy"
    extract(pictures, weights, out)
    first = both_files(out)
    tiny_vgg.save_keras(weights, tiny_vgg.random_vgg(11, rng))
    with monkeypatch.context() as patch:
        stop_after(patch, 17, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            extract(pictures, weights, out)
    assert f"{out} has other features (weights); it is replaced when the new ones are complete" \
        in capsys.readouterr().err
    assert both_files(out) == first  # the old ones stand until then

    with open(pictures / "captions.csv", "a") as f:
        f.write("99.png,one more\n")
    Image.new("RGB", (30, 30), "red").save(pictures / "99.png")
    extract(pictures, weights, out)
    err = capsys.readouterr().err
    assert f"{out} has other features (weights, image list)" in err
    assert "f.partial.npy, unfinished, has other features (image list); starting anew" in err
    file = open_features(out)
    assert file.source.weights_sha256 == sha256(weights) and len(file.row) == COUNT + 1

    extract(pictures, weights, tmp_path / "fresh.npy")
    assert both_files(out) == both_files(tmp_path / "fresh.npy")


# --- What is refused ------------------------------------------------------------------------------------------------

def refusal(capsys, *args, **options):
    with pytest.raises(SystemExit) as caught:
        run_program(program.main, arguments(*args, **options))
    assert caught.value.code == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and captured.err.splitlines()[-1] == lines[0]
    return lines[0]


def test_only_vgg_19_has_a_conv5_4(pictures, tiny, rng, tmp_path, capsys):
    weights = tiny_vgg.save_keras(tmp_path / "vgg16.h5", tiny_vgg.random_vgg(16, rng))
    message = refusal(capsys, pictures, weights, tmp_path / "f.npy", layer="conv5_4")
    assert "VGG-16, which has no conv5_4; it has pool4, pool5, fc7" in message


def test_fc7_needs_the_dense_layers(pictures, tiny, rng, tmp_path, capsys):
    weights = tiny_vgg.save_keras(tmp_path / "notop.h5", tiny_vgg.random_vgg(19, rng, top=False))
    message = refusal(capsys, pictures, weights, tmp_path / "f.npy")
    assert "VGG-19, without top, which has no fc7; it has pool4, conv5_4, pool5" in message
    extract(pictures, weights, tmp_path / "f.npy", layer="pool5")
    assert open_features(tmp_path / "f.npy").array.shape == (COUNT, 1, 1, 8)


@pytest.mark.parametrize("spoil, words", [
    (lambda path: path.unlink(), "does not exist"),
    (lambda path: path.write_bytes(path.read_bytes()[:5000]), "weights file"),
    (lambda path: path.write_bytes(b"<html>not found</html>"), "is a web page"),
], ids=["missing", "truncated", "a web page"])
def test_weights_that_cannot_be_used_are_one_sentence(pictures, weights, tmp_path, capsys, spoil, words):
    spoil(weights)
    message = refusal(capsys, pictures, weights, tmp_path / "f.npy")
    assert words in message and str(weights) in message
    assert not list(tmp_path.glob("f*"))


def test_a_folder_that_cannot_be_written_is_one_sentence(pictures, weights, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert "choose another place" in refusal(capsys, pictures, weights, tmp_path / "file" / "f.npy")


def test_the_home_folder_may_be_written_as_a_tilde(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Extractor(f"~/{weights.name}", "fc7", CPU).source.weights_sha256 == sha256(weights)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_below_one_is_refused(pictures, weights, tmp_path, capsys, size):
    assert "--batch-size" in refusal(capsys, pictures, weights, tmp_path / "f.npy", **{"batch-size": size})


def test_an_extractor_refuses_what_it_cannot_do(weights):
    with pytest.raises(UserError, match="which has no conv5_4; it has pool4, pool5, fc7"):
        Extractor(weights, "conv5_4", CPU)


def test_mirrored_features_of_one_split_are_those_of_the_pictures_turned_over(pictures, weights, tmp_path):
    out = tmp_path / "mirrored.npy"
    program.main([*arguments(pictures, weights, out, split="dev"), "--mirror"])
    features = open_features(out)
    assert features.images == ("16.png", "17.png")
    extractor = Extractor(weights, "fc7", CPU)
    assert features.source == extractor.source.as_mirrored()
    for name, found in zip(features.images, features.array, strict=True):
        turned = resize(read_image(pictures / name), (32, 32))[:, ::-1]
        np.testing.assert_allclose(found, extractor([extractor.prepare(turned)])[0], rtol=1e-2, atol=1e-3)
        assert not np.allclose(found, extractor([extractor.prepare(pictures / name)])[0], atol=1e-3)


def test_features_of_random_crops_are_those_of_the_parts(pictures, weights, tmp_path):
    out = tmp_path / "parts.npy"
    program.main([*arguments(pictures, weights, out, split="dev"), "--random-crop", "0.3", "--seed", "5"])
    features, crop = open_features(out), RandomCrop(0.3, 5)
    assert features.source.crop == {"area": 0.3, "seed": 5}
    extractor = Extractor(weights, "fc7", CPU)
    assert features.source.as_cropped(None) == extractor.source != features.source
    for name, found in zip(features.images, features.array, strict=True):
        part = resize(crop(read_image(pictures / name), name), (32, 32))
        np.testing.assert_allclose(found, extractor([extractor.prepare(part)])[0], rtol=1e-2, atol=1e-3)


def test_a_seed_without_random_crops_has_no_effect(pictures, weights, tmp_path, capsys):
    program.main([*arguments(pictures, weights, tmp_path / "f.npy", split="dev"), "--seed", "5"])
    assert "warning: --seed has no effect without --random-crop\n" in capsys.readouterr().err


def test_going_on_from_what_does_not_fit_is_one_sentence(pictures, weights, tiny, rng, tmp_path, capsys):
    def message(*words, weights=weights):
        with pytest.raises(SystemExit) as caught:
            run_program(program.main, [str(word) for word in ("--weights", weights, "--device", "cpu", *words)])
        assert caught.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    for layer in ("pool5", "pool5+fc7"):
        extract(pictures, weights, tmp_path / f"{layer}.npy", layer=layer)
    extract(pictures, weights, tmp_path / "of-two.npy", layer="pool5", host="1/2")
    pool5, both, out = (tmp_path / name for name in ("pool5.npy", "pool5+fc7.npy", "new.npy"))
    assert message("--from-features", pool5, "--layer", "pool4", "--out", out) == (
        f"error: {weights}: pool4 comes before pool5 in the network and cannot be computed from it")
    assert "holds pool5+fc7 features; start from those of one layer" in message(
        "--from-features", both, "--layer", "fc7", "--out", out)
    assert "would replace the features it is computed from" in message(
        "--from-features", pool5, "--layer", "fc7", "--out", tmp_path / "pool5")
    assert "would replace the features it is computed from" in message(
        "--from-features", tmp_path / "of-two.1-of-2.npy", "--layer", "fc7", "--out", tmp_path / "of-two",
        "--host", "1/2")
    others = tiny_vgg.save_keras(tmp_path / "others.h5", tiny_vgg.random_vgg(11, rng))
    assert f"not from the network in {others}" in message(
        "--from-features", pool5, "--layer", "fc7", "--out", out, weights=others)
    assert "does not exist" in message("--from-features", tmp_path / "none.npy", "--layer", "fc7", "--out", out)
    assert not out.exists()


def test_options_that_features_of_an_earlier_layer_leave_unused_are_named(pictures, weights, tmp_path, capsys):
    extract(pictures, weights, tmp_path / "pool5.npy", layer="pool5")
    capsys.readouterr()
    arguments = ["--weights", str(weights), "--device", "cpu", "--from-features", str(tmp_path / "pool5.npy")]
    program.main([*arguments, "--out", str(tmp_path / "a.npy"), "--mirror", "--split", "dev", "--data", "folder"])
    assert ("warning: --data, --split, --mirror have no effect with --from-features, which has the pictures of that "
            "file\n") in capsys.readouterr().err
    program.main([*arguments, "--out", str(tmp_path / "b.npy")])
    assert "warning" not in capsys.readouterr().err


def test_without_weights_there_are_no_features(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit):
        run_program(program.main, ["--out", str(tmp_path / "f.npy"), "--data", "folder", "--data-dir", str(pictures)])
    assert "error: there are no weights of VGG here; name the file with --weights" in capsys.readouterr().err
