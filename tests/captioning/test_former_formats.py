"""What was trained and extracted before version 0.2 is read as it was meant: checkpoints of format 1, features, flags.

The files are written by today's programs and then put into the words of format 1, which are all in this file.
"""

import json

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from safetensors import safe_open
from safetensors.numpy import save_file

from minicap import evaluate, export, extract, train
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors, read_description
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.feature_source import FeatureSource
from minicap.captioning.models.settings import ShowAttendTellSettings, ShowTellSettings, settings_from_json
from minicap.errors import UserError

# Each layer of Show, Attend and Tell today, and in format 1.
LAYERS = {"regions.scale": "scale", "regions.keys": "keys", "regions.init_state": "begin",
          "words.global_projection": "overview", "words.embedding": "embedding",
          "output.hidden_to_output": "say_state", "output.context_to_output": "say_seen", "output.vocabulary": "output"}
# captioner.json of format 1 had these of every model; the values are of a run of Show and Tell.
MODEL = {"input": "features", "vocabulary": 9, "model": "show-tell", "embedding": 4, "hidden": 5, "drop": 0.25,
         "label_smoothing": 0.1, "image_every_step": True, "side": None, "feature_size": 6, "whole": 0,
         "attention": None, "normalize": "channels", "drop_at": ["words", "output"], "word_dropout": 0.0,
         "finetune": None, "sentinel": False, "doubly_stochastic": 0.0}
NEW = {"region_size": 0, "query_word": False}  # what there was not, and what a model did then
FORMER_NAMES = {"kind": "model", "global_size": "whole", "dropout_at": "drop_at"}


def former_name(name):
    for today, former in LAYERS.items():
        name = name.replace(f"{today}.", f"{former}.")
    return name


def tensors_of(path):
    with safe_open(path, framework="numpy") as file:
        facts = json.loads(file.metadata()["minicap"])
        return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118 - not a dict


def put_into_format_1(run):
    """The files of a run as the program wrote them before."""
    for path in run.glob("*.safetensors"):
        tensors, facts = tensors_of(path)
        facts["format"] = 1
        if facts.get("source"):
            facts["source"]["network"] = "VGG-19"
        save_file({former_name(name): a for name, a in tensors.items()}, path, {"minicap": json.dumps(facts)})
    path = run / "captioner.json"
    described = json.loads(path.read_text())
    for name, value in NEW.items():
        assert described["model"].pop(name, value) == value
    model = MODEL | {FORMER_NAMES.get(name, name): value for name, value in described["model"].items()}
    assert model.keys() == MODEL.keys()
    source = described["source"] | {"network": "VGG-19"}
    path.write_text(json.dumps(described | {"format": 1, "model": model, "source": source}))
    return run


def same_files(one, other, *names):
    for name in names:
        (ours, facts), (theirs, their_facts) = (tensors_of(run / f"{name}.safetensors") for run in (one, other))
        assert {key: a.tobytes() for key, a in ours.items()} == {key: a.tobytes() for key, a in theirs.items()}
        for found in (facts, their_facts):
            found.pop("history", None), found.pop("dev", None)  # which tell the seconds it took
        assert facts == their_facts


@pytest.fixture
def data(monkeypatch, tmp_path):
    """(folder of pictures, {features: file}) by a VGG-19 of a few channels; runs are not drawn."""
    monkeypatch.setattr(train, "show", lambda *_: None)
    tiny_vgg.shrink(monkeypatch, size=64)
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(19, np.random.default_rng(0)))
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    files = {layer: tmp_path / f"{layer}.npy" for layer in ("fc7", "conv5_4+fc7", "pool4+fc7")}
    for layer, path in files.items():
        extract.main([str(word) for word in ("--data", "folder", "--data-dir", folder, "--weights", weights, "--layer",
                                             layer, "--out", path, "--device", "cpu")])
    return folder, files


SHOW_TELL = ("fc7", "--drop", 0.3)
ATTEND = ("conv5_4+fc7", "--model", "attend", "--attention", 7, "--sentinel", "--word-dropout", 0.2, "--drop", 0.3,
          "--drop-at", "regions,words,state,output", "--doubly-stochastic", 0.2)
models = pytest.mark.parametrize("options", [SHOW_TELL, ATTEND], ids=["show-tell", "attend"])


def run(data, out, layer, *options):
    return tiny_captioner.run_train(out, data[0], data[1][layer], *options)


def stopped(data, out, *options):
    """A run that was interrupted after its first epoch."""
    def stop(line):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minicap.captioning.training.trainer.report", stop)
        with pytest.raises(KeyboardInterrupt):
            run(data, out, *options)
    return out


# --------------------------------------------------------------------------------------------------------- checkpoints

@models
def test_a_captioner_of_format_1_is_the_same_and_exported_it_is_of_today_s(data, tmp_path, options):
    folder = run(data, tmp_path / "run", *options)
    features = np.load(data[1][options[0]]).astype(np.float32)
    ours, description = Captioner.load(folder, device="cpu"), read_description(folder)
    expected = ours.caption_inputs(features)
    put_into_format_1(folder)
    former = Captioner.load(folder, device="cpu")
    assert former.caption_inputs(features) == expected
    found = read_description(folder)
    assert (found.settings, found.source) == (description.settings, description.source)
    assert found.vocabulary.digest == description.vocabulary.digest

    export.main([str(folder), str(tmp_path / "exported")])
    tensors, facts = tensors_of(tmp_path / "exported" / "best.safetensors")
    assert facts["format"] == 2 and tensors.keys() == ours.model.state().keys()
    assert json.loads((tmp_path / "exported" / "captioner.json").read_text())["format"] == 2


@models
def test_an_interrupted_run_of_format_1_ends_as_if_it_had_never_stopped(data, tmp_path, options):
    whole = run(data, tmp_path / "whole", *options, "--epochs", 2)
    cut = put_into_format_1(stopped(data, tmp_path / "cut", *options, "--epochs", 2))
    run(data, cut, *options, "--epochs", 2, "--resume")
    same_files(cut, whole, "last", "best")


@pytest.mark.parametrize("more", [("--objective", "cider", "--samples", 2, "--drop", 0),
                                  ("--finetune", "block5", "--features", "pool4+fc7")], ids=["cider", "finetune"])
def test_a_run_of_format_1_is_a_beginning_for_others(data, tmp_path, more):
    more = [data[1].get(word, word) for word in more]
    first, out = run(data, tmp_path / "first", *ATTEND, "--word-dropout", 0), []
    for number in range(2):
        words = ("--init", first, "--out", tmp_path / str(number), "--epochs", 1, "--batch-size", 5, "--device", "cpu",
                 "--label-smoothing", 0, "--drop-at", "words,state,output", *more)
        train.main([str(word) for word in words])
        out.append(tmp_path / str(number))
        put_into_format_1(first)
    same_files(*out, "last", "best")


def test_a_fine_tuned_run_of_format_1_is_read_and_gone_on_with(data, tmp_path):
    first = run(data, tmp_path / "first", *ATTEND)
    words = ("pool4+fc7", "--init", first, "--finetune", "block5", "--model", "attend", "--epochs", 2)
    whole = run(data, tmp_path / "whole", *words)
    cut = put_into_format_1(stopped(data, tmp_path / "cut", *words))
    names = tensors_of(cut / "last.safetensors")[0].keys()
    assert {"model/captioner.say_seen.W", "optimizer/m/captioner.keys.W", "average/block.conv5_4.b"} <= names
    run(data, cut, *words, "--resume")
    same_files(cut, whole, "last", "best")
    features = np.load(data[1]["pool4+fc7"]).astype(np.float32)
    assert Captioner.load(put_into_format_1(cut), device="cpu").caption_inputs(features) == Captioner.load(
        whole, device="cpu").caption_inputs(features)


def test_other_weights_are_refused_in_format_1_as_in_today_s(data, tmp_path):
    folder = put_into_format_1(run(data, tmp_path / "run", *ATTEND, "--epochs", 1))
    path = data[1]["conv5_4+fc7"].with_suffix(".json")
    described = json.loads(path.read_text())
    described["source"]["weights_sha256"] = "0" * 64
    path.write_text(json.dumps(described))
    with pytest.raises(UserError, match="does not hold the features that this captioner was trained on, but others, "
                                        "which differ in weights; extract"):
        evaluate.main(["--checkpoint", str(folder), "--device", "cpu"])
    with pytest.raises(UserError, match="was trained on other features, which differ in weights; resume"):
        run(data, folder, *ATTEND, "--epochs", 2, "--epochs", 1, "--resume")


def test_names_of_show_and_tell_are_left_alone(data, tmp_path):
    """It has an ``embedding`` and an ``output`` too, which have kept their names."""
    folder = put_into_format_1(run(data, tmp_path / "run", *SHOW_TELL, "--epochs", 1))
    tensors, facts = load_tensors(folder / "last.safetensors", "checkpoint")
    assert facts["format"] == 1
    assert {"model/embedding.W", "model/output.b", "optimizer/m/encoder.project.W", "average/steps"} <= tensors.keys()


@pytest.mark.parametrize("value, settings", [
    (MODEL, ShowTellSettings(input="features", vocabulary=9, embedding=4, hidden=5, drop=0.25, label_smoothing=0.1,
                             image_every_step=True, feature_size=6)),
    (MODEL | {"input": "pixels", "side": 32, "feature_size": None},
     ShowTellSettings(input="pixels", vocabulary=9, embedding=4, hidden=5, drop=0.25, label_smoothing=0.1,
                      image_every_step=True, side=32)),
    (MODEL | {"model": "attend", "attention": 3, "whole": 8, "drop_at": ["state"], "sentinel": True,
              "word_dropout": 0.1, "normalize": "none", "doubly_stochastic": 0.5, "finetune": "block5",
              "image_every_step": False},
     ShowAttendTellSettings(vocabulary=9, feature_size=6, global_size=8, attention=3, embedding=4, hidden=5, drop=0.25,
                            dropout_at=("state",), word_dropout=0.1, label_smoothing=0.1, normalize="none",
                            sentinel=True, doubly_stochastic=0.5, finetune="block5")),
    ({"input": "features", "vocabulary": 9, "embedding": 4, "hidden": 5, "drop": 0.25, "feature_size": 6},
     ShowTellSettings(input="features", vocabulary=9, embedding=4, hidden=5, drop=0.25, feature_size=6))],
    ids=["show-tell", "pixels", "attend", "before there was a second model"])
def test_settings_of_format_1_become_those_of_their_model(value, settings):
    assert settings_from_json(json.loads(json.dumps(value))) == settings


# -------------------------------------------------------------------------------------------------- features and flags

def test_features_that_hold_the_network_as_text_are_the_same_features(data, tmp_path, capsys):
    """For training, beside new ones, and for an extraction that has nothing more to do."""
    folder = run(data, tmp_path / "run", *ATTEND, "--epochs", 1)
    path = data[1]["conv5_4+fc7"].with_suffix(".json")
    today, described = open_features(path), json.loads(path.read_text())
    described["source"]["network"] = "VGG-19"
    path.write_text(json.dumps(described))
    assert open_features(path).source == today.source
    evaluate.main(["--checkpoint", str(folder), "--device", "cpu"])
    capsys.readouterr()
    extract.main([str(word) for word in ("--data", "folder", "--data-dir", data[0], "--weights",
                                         tmp_path / "vgg.h5", "--layer", "conv5_4+fc7", "--out", path, "--device",
                                         "cpu")])
    assert "is already there and up to date" in capsys.readouterr().err


def test_mirrored_features_said_so_at_the_end_of_their_resizing():
    source = tiny_captioner.SOURCE
    former = source.to_json() | {"resize": f"{source.resize}, mirrored"}
    assert "mirrored" not in source.to_json()
    assert FeatureSource.from_json(former) == FeatureSource.from_json(source.as_mirrored().to_json())
    assert FeatureSource.from_json(former) == source.as_mirrored() != source


def test_flags_under_their_former_names_choose_the_same_captions(data, tmp_path):
    folder, found = run(data, tmp_path / "run", *ATTEND), []
    for no_repeat, samples in (("--no-repeat", "--draws"), ("--no-repeat-ngram-size", "--mbr-samples")):
        path = tmp_path / f"{samples}.json"
        evaluate.main(["--checkpoint", str(folder), "--device", "cpu", no_repeat, "1", samples, "5", "--beam", "4",
                       "--predictions", str(path)])
        found.append(json.loads(path.read_text()))
    assert found[0] == found[1]
    assert all(len(set(caption.split())) == len(caption.split()) for caption in found[0].values())
