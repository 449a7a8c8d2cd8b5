"""An exported captioner: small, complete, without the paths of the machine, and with the same captions.

What --onnx writes is compared with our own numbers in tests/peers/test_onnx_export.py.
"""

import json
import sys

import numpy as np
import pytest
import tiny_captioner
from PIL import Image

from minicap import caption, evaluate, export, train
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors, pretrained_folders, save_tensors
from minicap.captioning.text.vocabulary import Vocabulary
from minicap.errors import UserError
from minicap.files import write_json


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "show", lambda *_: None)
        return tiny_captioner.run_train(folder / "run", tiny_captioner.write_folder(folder / "pictures"),
                                        tiny_captioner.write_features(folder / "features.npy"))


@pytest.fixture
def exported(trained, tmp_path):
    assert not export.main([str(trained), str(tmp_path / "out" / "captioner")])
    return tmp_path / "out" / "captioner"


def test_it_is_half_as_large_and_says_what_the_run_says(trained, exported):
    features = np.load(trained.parent / "features.npy").astype(np.float32)
    ours, theirs = (Captioner.load(folder, device="cpu").caption_inputs(features) for folder in (exported, trained))
    assert [beams[0][0] for beams in ours] == [beams[0][0] for beams in theirs]
    np.testing.assert_allclose([beams[0][1] for beams in ours], [beams[0][1] for beams in theirs], rtol=1e-2)
    tensors, facts = load_tensors(exported / "best.safetensors", "checkpoint")
    assert {a.dtype.name for a in tensors.values() if a.ndim > 1} == {"float16"}
    assert {a.dtype.name for a in tensors.values() if a.ndim == 1} == {"float32"}
    assert facts["dev"]["n"] == 3
    assert not list(exported.parent.glob("*.partial"))


def test_evaluate_takes_it_as_a_checkpoint(trained, exported, capsys):
    options = ("--split", "test", "--json", "--device", "cpu", "--data", "folder", "--data-dir",
               str(trained.parent / "pictures"), "--features", str(trained.parent / "features.npy"))
    capsys.readouterr()
    found = []
    for folder in (exported, trained):
        evaluate.main(["--checkpoint", str(folder), *options])
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]


def test_no_path_of_the_machine_is_in_it(trained, exported):
    for file in exported.iterdir():
        assert str(trained.parent).encode() not in file.read_bytes(), file.name


def test_the_card_tells_model_source_scores_and_limits(trained, tmp_path):
    write_json(tmp_path / "test.json", {"bleu4": 0.206, "cider": 0.516, "n": 1000})
    export.main([str(trained), str(tmp_path / "out"), "--scores", str(tmp_path / "test.json")])
    text = (tmp_path / "out" / "README.md").read_text()
    assert "ShowTell(" in text and "fc7 of VGG-19" in text and "Intended use and limits" in text
    assert "| test |  |  |  | 20.6 |  |  | 51.6 |" in text
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["test"] == {"bleu4": 0.206, "cider": 0.516} and scores["dev"]["epoch"] >= 1
    assert f"| dev | {100 * scores['dev']['bleu1']:.1f} |" in text


def card_of(run, out):
    export.main([str(run), str(out)])
    return " ".join((out / "README.md").read_text().split())


def test_the_card_speaks_of_what_the_captioner_knows(trained, tmp_path, monkeypatch):
    text = card_of(trained, tmp_path / "colours")
    assert "imitates the captions of folder" in text and "sex" not in text and "with beam 3" in text

    captioner = tiny_captioner.pixel_captioner()
    words = [{"red": "woman"}.get(word, word) for word in captioner.vocabulary.words]
    captioner.vocabulary = Vocabulary(words, captioner.vocabulary.counts)
    run = tiny_captioner.save_checkpoint(tmp_path / "run", captioner)
    write_json(run / "settings.json", {"data": "folder", "seed": 0, "epochs": 3})
    text = card_of(run, tmp_path / "people")
    assert "guesses the sex of people" in text and "with greedy decoding" in text  # as before there was --select-beam

    write_json(run / "settings.json", {"data": "shapes", "seed": 0, "epochs": 3})
    text = card_of(run, tmp_path / "scenes")
    assert "It knows drawn scenes and nothing else" in text and "drawn scenes of 8 × 8 pixels" in text
    assert not any(word in text for word in ("sex", "people", "photo.jpg"))


def test_the_card_of_the_scenes_of_the_package_speaks_of_scenes_alone():
    text = (pretrained_folders()["shapes"] / "README.md").read_text()
    assert "knows drawn scenes and nothing else" in text and "sex" not in text and "people" not in text


@pytest.mark.parametrize("name, key", [("dev.json", "dev.json"), ("beam-0.1.json", "beam-0.1"),
                                       ("beam-0.1", "beam-0.1")])
def test_scores_are_called_by_the_name_of_their_file_and_replace_no_others(trained, tmp_path, name, key):
    write_json(tmp_path / name, {"bleu4": 0.5})
    export.main([str(trained), str(tmp_path / "out"), "--scores", str(tmp_path / name)])
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert list(scores) == ["dev", key] and scores[key] == {"bleu4": 0.5} and "epoch" in scores["dev"]


def test_a_captioner_of_small_pictures_needs_no_weights(tmp_path):
    run = tiny_captioner.save_checkpoint(tmp_path / "run", tiny_captioner.pixel_captioner())
    write_json(run / "settings.json", {"data": "shapes", "data_dir": None, "out": "somewhere", "seed": 0, "epochs": 3})
    export.main([str(run), str(tmp_path / "out")])
    assert "--weights" not in (tmp_path / "out" / "README.md").read_text()
    picture = np.full((8, 8, 3), 90, np.uint8)
    assert Captioner.load(tmp_path / "out", device="cpu").caption(picture)


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(trained, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="there is already there; name a folder that does not exist yet"):
        export.main([str(trained), str(tmp_path / "there")])
    with pytest.raises(UserError, match="does not exist"):
        export.main([str(tmp_path / "nowhere"), str(tmp_path / "out")])
    write_json(tmp_path / "odd.json", {"a": 1})
    with pytest.raises(UserError, match=r"odd\.json contains no scores"):
        export.main([str(trained), str(tmp_path / "out"), "--scores", str(tmp_path / "odd.json")])
    broken = tiny_captioner.save_checkpoint(tmp_path / "broken", tiny_captioner.pixel_captioner())
    write_json(broken / "settings.json", {"data": "shapes"})
    tensors, facts = load_tensors(broken / "best.safetensors", "checkpoint")
    tensors["output.W"][0, 0] = 1e6
    save_tensors(broken / "best.safetensors", tensors, {k: v for k, v in facts.items() if k != "format"})
    with pytest.raises(UserError, match=r"output\.W exceed 65,504"):
        export.main([str(broken), str(tmp_path / "out")])
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob("out*"))


def test_a_folder_that_is_too_large_to_send_is_mentioned(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export, "LARGEST", 1000)
    export.main([str(trained), str(tmp_path / "out")])
    assert "warning: that is more than 0 MB" in capsys.readouterr().err


def test_captions_of_photographs_name_the_weights_they_need(exported, tmp_path, monkeypatch):
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "nothing"))
    Image.new("RGB", (20, 20)).save(tmp_path / "photo.png")
    with pytest.raises(UserError, match="there are no weights of VGG-19 here"):
        caption.main([str(tmp_path / "photo.png"), "--checkpoint", str(exported), "--device", "cpu"])


def test_it_decodes_as_it_was_exported_to_unless_options_say_otherwise(trained, tmp_path, capsys):
    out = tmp_path / "out"
    export.main([str(trained), str(out), "--beam", "5", "--no-repeat-ngram-size", "2"])
    assert json.loads((out / "decoding.json").read_text()) == {"beam": 5, "no_repeat_ngram_size": 2}
    features = np.load(trained.parent / "features.npy").astype(np.float32)
    captioner, plain = Captioner.load(out, device="cpu"), Captioner.load(trained, device="cpu")
    assert captioner.caption_inputs(features) == Captioner.load(out).caption_inputs(
        features, beam=5, no_repeat_ngram_size=2, length_penalty=0.7)
    assert [len(beams) for beams in captioner.caption_inputs(features, beam=2)] == [2] * len(features)
    assert not plain.decoding and len(plain.caption_inputs(features)[0]) == 3
    data = ("--data", "folder", "--data-dir", str(trained.parent / "pictures"), "--device", "cpu",
            "--features", str(trained.parent / "features.npy"))
    capsys.readouterr()
    for options, words in (((), "beam 5, length penalty 0.7, no 2-gram twice"),
                           (("--beam", "3", "--no-repeat-ngram-size", "0"), "beam 3, length penalty 0.7\n"),
                           (("--length-penalty", "1"), "beam 5, length penalty 1, no 2-gram twice")):
        evaluate.main(["--checkpoint", str(out), *data, *options])
        assert words in capsys.readouterr().out


@pytest.mark.parametrize("text, message", [
    ('{"beam": 0}', "beam has to be a whole number of at least 1 and below 10,000, and not 0"),
    ('{"beam": "wide"}', "beam has to be a whole number"), ("[]", "has to be"), ("{", "")])
def test_damaged_settings_for_decoding_are_one_sentence(trained, tmp_path, text, message):
    out = tmp_path / "out"
    export.main([str(trained), str(out), "--beam", "5"])
    (out / "decoding.json").write_text(text)
    with pytest.raises(UserError) as refusal:
        Captioner.load(out, device="cpu")
    assert message in str(refusal.value) and "decoding.json" in str(refusal.value)


def test_settings_for_decoding_that_cannot_be_are_refused_by_export(trained, tmp_path):
    with pytest.raises(UserError, match="beam= has to be at least 1"):
        export.main([str(trained), str(tmp_path / "out"), "--beam", "0"])
    assert not (tmp_path / "out").exists()


def test_without_the_package_onnx_it_is_said_before_anything_is_done(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for checkpoint in (trained, trained / "best.safetensors"):
        with pytest.raises(UserError, match=r"not installed: `pip install 'minicap\[onnx\]'`"):
            export.main([str(checkpoint), str(tmp_path / "out"), "--onnx"])
    assert not (tmp_path / "out").exists()


def test_options_for_onnx_alone_are_mentioned_without_it(trained, tmp_path, capsys):
    export.main([str(trained), str(tmp_path / "out"), "--weights", "vgg.h5"])
    assert "warning: --weights has no effect without --onnx\n" in capsys.readouterr().err
