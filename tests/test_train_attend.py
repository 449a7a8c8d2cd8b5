"""The programs with --model attend: training, resuming, evaluating, and refusing features that it cannot read."""

import base64
import io
import json
import re

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from html_page import Page
from PIL import Image

from minicap import caption, evaluate, train
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors, save_tensors
from minicap.captioning.training import settings as training_settings
from minicap.errors import UserError

ATTEND = ("--model", "attend", "--attention", 7)
TO_THE_END = ("--epochs", 60, "--patience", 60, "--lr", 0.03, "--drop", 0, "--label-smoothing", 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """(folder of pictures, file of regions)"""
    folder = tmp_path_factory.mktemp("data")
    return tiny_captioner.write_folder(folder / "pictures"), tiny_captioner.write_regions(folder / "regions.npy")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(train, "show", lambda *_: None)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "show", lambda *_: None)
        return tiny_captioner.run_train(tmp_path_factory.mktemp("trained") / "run", *data, *ATTEND, *TO_THE_END)


def tensors_of(folder, name="last"):
    return {key: a.tobytes() for key, a in load_tensors(folder / f"{name}.safetensors", "checkpoint")[0].items()}


def test_it_learns_what_it_is_shown_and_evaluate_scores_it_from_the_checkpoint(trained, data, capsys):
    capsys.readouterr()
    evaluate.main(["--checkpoint", str(trained), "--split", "test", "--json", "--device", "cpu"])
    assert json.loads(capsys.readouterr().out)["bleu1"] > 0.9
    captioner = Captioner.load(trained, device="cpu")
    assert repr(captioner.model).endswith("regions of 6, A=7)") and captioner.settings.normalize == "channels"
    regions = np.load(data[1])[9:].astype(np.float32)
    for colour, beams in zip(tiny_captioner.COLOURS, captioner.caption_inputs(regions), strict=True):
        assert colour in beams[0][0].split()


def test_the_channels_are_normalised_by_train_s_statistics_which_the_checkpoint_keeps(trained, data):
    x = np.load(data[1])[:6].astype(np.float32).reshape(-1, 6)
    tensors, _ = load_tensors(trained / "best.safetensors", "checkpoint")
    np.testing.assert_allclose(tensors["regions.scale.mean"], x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(tensors["regions.scale.std"], x.std(axis=0), rtol=1e-5)


NEW = ("region_size", "query", "select_beam")


def without_new_settings(folder):
    """The files of a run as they were before there were these settings."""
    settings = json.loads((folder / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps({k: v for k, v in settings.items() if k not in NEW}))
    tensors, facts = load_tensors(folder / "last.safetensors", "checkpoint")
    facts["settings"] = {k: v for k, v in facts["settings"].items() if k not in NEW}
    save_tensors(folder / "last.safetensors", tensors, facts)
    described = json.loads((folder / "captioner.json").read_text())
    for name in ("region_size", "query_word"):
        del described["model"][name]
    (folder / "captioner.json").write_text(json.dumps(described))
    return folder


def test_a_run_of_before_is_captioned_with_resumed_and_begun_with_as_it_was(data, tmp_path, monkeypatch):
    """Also when today's recipe has other values."""
    before = ("--region-size", 0, "--query", "state", "--select-beam", 1)
    folder = tiny_captioner.run_train(tmp_path / "run", *data, *ATTEND, *before, "--epochs", 1)
    x = np.load(data[1]).astype(np.float32)
    expected = Captioner.load(folder, device="cpu").caption_inputs(x)
    without_new_settings(folder)
    assert Captioner.load(folder, device="cpu").caption_inputs(x) == expected
    monkeypatch.setitem(training_settings.RECIPES, "attend",
                        training_settings.RECIPES["attend"] | {"region_size": 5, "query": "word", "select_beam": 3})
    with pytest.raises(UserError, match=r"was trained with another region_size= \(none, not 5\)"):
        tiny_captioner.run_train(folder, *data, *ATTEND, "--epochs", 1, "--resume")
    tiny_captioner.run_train(folder, *data, *ATTEND, *before, "--epochs", 1, "--resume")
    again = tiny_captioner.run_train(tmp_path / "again", *data, "--init", without_new_settings(folder), "--epochs", 1)
    settings = json.loads((again / "settings.json").read_text())
    assert (settings["region_size"], settings["query"], settings["select_beam"]) == (0, "state", 3)


@pytest.mark.parametrize("options", [("--sentinel",), ("--normalize", "length", "--doubly-stochastic", 0),
                                     ("--region-size", 5, "--query", "word")])
def test_a_resumed_run_equals_the_uninterrupted_one(data, tmp_path, options):
    arguments = (*data, *ATTEND, *options)
    whole = tiny_captioner.run_train(tmp_path / "whole", *arguments, "--epochs", 2)
    with pytest.MonkeyPatch.context() as patch:
        def stop(line):
            raise KeyboardInterrupt

        patch.setattr("minicap.captioning.training.trainer.report", stop)
        with pytest.raises(KeyboardInterrupt):
            tiny_captioner.run_train(tmp_path / "cut", *arguments, "--epochs", 2)
    cut = tiny_captioner.run_train(tmp_path / "cut", *arguments, "--epochs", 2, "--resume")
    assert tensors_of(cut) == tensors_of(whole) and tensors_of(cut, "best") == tensors_of(whole, "best")
    settings = json.loads((whole / "captioner.json").read_text())["model"]
    assert settings["sentinel"] is ("--sentinel" in options) and settings["attention"] == 7
    with pytest.raises(UserError, match=r"was trained with another attention= \(7, not 8\)"):
        tiny_captioner.run_train(whole, *arguments, "--epochs", 2, "--resume", "--attention", 8)


def test_gradcheck_checks_the_real_model(data, tmp_path, capsys):
    assert train.main(tiny_captioner.train_arguments(tmp_path / "run", *data, *ATTEND, "--gradcheck")) == 0
    out = capsys.readouterr().out
    assert "gradient check of ShowAttendTell(" in out and "lstm.attention.v" in out
    assert not (tmp_path / "run").exists()


def test_mirrored_regions_are_learned_from_as_well(data, tmp_path, capsys):
    mirrored = tiny_captioner.write_regions(tmp_path / "m.npy", mirrored=True)
    tiny_captioner.run_train(tmp_path / "run", *data, *ATTEND, "--mirrored", mirrored, "--epochs", 1)
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_features_of_parts_of_the_pictures_are_learned_from_as_well(data, tmp_path, capsys):
    parts = [tiny_captioner.write_regions(tmp_path / f"{n}.npy", crop={"area": 0.5, "seed": n}) for n in range(2)]
    several, run = ",".join(map(str, parts)), tmp_path / "run"
    tiny_captioner.run_train(run, *data, *ATTEND, "--augmented", several, "--epochs", 1)
    tiny_captioner.run_train(run, *data, *ATTEND, "--augmented", several, "--epochs", 1, "--resume")
    with pytest.raises(UserError, match=r"with another augmented= \(2, not 1\)"):
        tiny_captioner.run_train(run, *data, *ATTEND, "--augmented", parts[0], "--epochs", 1, "--resume")


@pytest.mark.parametrize(("layer", "model"), [
    ("conv5_4+fc7", {"feature_size": 8, "global_size": 10}), ("pool5", {"feature_size": 8, "global_size": 0})])
def test_features_are_made_of_photographs_and_caption_and_evaluate_make_the_same(monkeypatch, tmp_path, capsys, layer,
                                                                                model):
    """A checkpoint names the layer it was trained on: 2 x 2 regions of conv5_4 and fc7, or one of pool5."""
    tiny_vgg.shrink(monkeypatch, size=32)
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(19, np.random.default_rng(0)))
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "cache"))
    folder, run = tiny_captioner.write_folder(tmp_path / "pictures"), tmp_path / "run"
    for name in tiny_captioner.NAMES:
        Image.new("RGB", (240, 230), tiny_captioner.COLOURS[name.split("-")[0]]).save(folder / name)
    more = ("--layer", layer) if layer != "conv5_4+fc7" else ()  # which is what it reads if nothing is said
    train.main([str(a) for a in ("--data", "folder", "--data-dir", folder, "--out", run, "--device", "cpu", *ATTEND,
                                 "--epochs", 1, "--min-count", 1, "--embedding", 4, "--hidden", 4, *more)])
    description = json.loads((run / "captioner.json").read_text())
    assert description["source"]["layer"] == layer and description["model"].items() >= model.items()
    assert len(list((tmp_path / "cache" / "features").glob(f"folder-*-{layer}-*.npy"))) == 1
    capsys.readouterr()
    evaluate.main(["--checkpoint", str(run), "--device", "cpu", "--predictions", str(tmp_path / "p.json")])
    said = json.loads((tmp_path / "p.json").read_text())
    photos = [str(folder / name) for name in said]
    capsys.readouterr()
    assert caption.main([*photos, "--checkpoint", str(run), "--device", "cpu"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{p}: {c}" for p, c in zip(photos, said.values(), strict=True)]


@pytest.fixture(params=[(), ("--sentinel", "--layer", "conv5_4")], ids=["soft", "sentinel"])
def photographer(request, monkeypatch, tmp_path):
    """(folder of a run that reads conv5_4 of a tiny VGG, a photograph of 240 x 200)."""
    tiny_vgg.shrink(monkeypatch, size=64)
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(19, np.random.default_rng(0)))
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "cache"))
    folder, run = tiny_captioner.write_folder(tmp_path / "pictures"), tmp_path / "run"
    train.main([str(a) for a in ("--data", "folder", "--data-dir", folder, "--out", run, "--device", "cpu", *ATTEND,
                                 *TO_THE_END, "--average", 0.5, "--min-count", 1, "--embedding", 4, "--hidden", 4,
                                 *request.param)])
    Image.effect_noise((240, 200), 60).convert("RGB").save(tmp_path / "photo.png")
    return run, tmp_path / "photo.png"


def test_where_it_looked_is_told_for_each_word_and_drawn(photographer, tmp_path, capsys):
    run, photo = photographer
    captioner = Captioner.load(run, device="cpu")
    picture = np.asarray(Image.open(photo))
    text = captioner.caption(photo)
    maps, memory = captioner.attention_maps(picture, text)
    assert maps.shape == (len(text.split()), 4, 4) and memory.shape == maps.shape[:1]
    np.testing.assert_allclose(maps.sum(axis=(1, 2)) + memory, 1, rtol=1e-5)
    assert text and (memory > 0).all() == captioner.settings.sentinel

    out = tmp_path / "out" / "attention.png"
    capsys.readouterr()
    assert caption.main([str(photo), "--checkpoint", str(run), "--device", "cpu", "--attention", str(out)]) == 0
    assert capsys.readouterr().out == f"{photo}: {text}\n"
    with Image.open(out) as drawn:
        assert drawn.format == "PNG" and drawn.width > 1000


def test_a_report_shows_where_it_looked_for_each_word(photographer, tmp_path, capsys):
    run, _ = photographer
    assert evaluate.main(["--checkpoint", str(run), "--device", "cpu", "--html", str(tmp_path / "report.html")]) is None
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    cards = page.count("figure")
    assert cards == 9 and len(page.heats) >= cards  # three pictures of dev: a sample, the best, the worst
    heat = Image.open(io.BytesIO(base64.b64decode(page.heats[0].partition(",")[2])))
    assert heat.size == (12, 12) and heat.convert("RGBA").getextrema()[3][1] > 100
    assert "Point at a word" in page.text
    (line,) = (line.strip() for line in capsys.readouterr().out.splitlines() if "attention" in line)
    assert line in page.text and re.fullmatch(
        r"attention, first 3 images: the map of a word is spread over \d+ of 16 regions \(e to its entropy\), and its "
        r"total variation from the mean map of its caption is 0\.\d\d \(medians of \d+ words\)", line)


def test_attention_is_drawn_for_one_picture_by_one_model_that_has_it(photographer, tmp_path):
    run, photo = photographer
    arguments = [str(photo), "--device", "cpu", "--attention", str(tmp_path / "a.png"), "--checkpoint"]
    with pytest.raises(UserError, match="is for a single picture; name one image"):
        caption.main([str(photo), *arguments, str(run)])
    with pytest.raises(UserError, match="has no attention to show; attention= needs one checkpoint that"):
        caption.main([*arguments, f"{run},{run}"])
    plain = tiny_captioner.save_checkpoint(tmp_path / "plain", tiny_captioner.pixel_captioner())
    with pytest.raises(UserError, match="has no attention to show; attention= needs one checkpoint that was trained"):
        caption.main([*arguments, str(plain)])
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("arguments, message", [
    (("--attention", 0), "attention= has to be at least 1, not 0"),
    (("--doubly-stochastic", -1), "doubly_stochastic= has to be at least 0, not -1"),
])
def test_settings_that_cannot_be_are_refused(data, tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        tiny_captioner.run_train(tmp_path / "run", *data, *ATTEND, *arguments)
    assert not (tmp_path / "run").exists()


def test_what_the_model_cannot_read_is_refused_in_one_sentence(data, tmp_path):
    fc7 = tiny_captioner.write_features(tmp_path / "fc7.npy")
    with pytest.raises(UserError, match=r"fc7\.npy holds fc7 features of shape \(6,\); model='attend' reads regions "
                                        "\\(pool4, conv5_4, pool5, lite0-regions, "):
        tiny_captioner.run_train(tmp_path / "run", data[0], fc7, *ATTEND)
    with pytest.raises(UserError, match=r"regions\.npy holds conv5_4 features of shape \(2, 2, 6\); model='show-tell' "
                                        "reads fc7 or lite0-last or lite0-head or "):
        tiny_captioner.run_train(tmp_path / "run", *data)
    with pytest.raises(UserError, match="reads regions of photographs, not data='shapes'"):
        train.main(["--model", "attend"])


def test_options_of_the_other_model_are_mentioned(data, tmp_path, capsys):
    fc7 = tiny_captioner.write_features(tmp_path / "fc7.npy")
    tiny_captioner.run_train(tmp_path / "a", data[0], fc7, "--epochs", 1, "--sentinel")
    assert "warning: --sentinel has no effect without --model attend\n" in capsys.readouterr().err
    tiny_captioner.run_train(tmp_path / "b", *data, *ATTEND, "--epochs", 1, "--image", "first")
    assert "warning: --image has no effect without --model show-tell\n" in capsys.readouterr().err
