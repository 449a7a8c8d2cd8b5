"""A split captioned and scored: the scores are those of minicap.score, and the features are the right ones."""

import json
import shutil

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from html_page import Page

from minicap import caption, evaluate, score, train
from minicap.captioning import run_data
from minicap.captioning.captioner import Captioner
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.decoding.consensus import Consensus
from minicap.captioning.ensemble import with_mirror
from minicap.captioning.reporting import plots, report
from minicap.captioning.reporting.plots import curves, label_of_loss
from minicap.cli import flag
from minicap.errors import UserError
from minicap.files import write_json
from minicap.weights.preprocessing import CONVENTIONS

SCORES = ["bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider", "n"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """(folder of pictures, feature file)"""
    folder = tmp_path_factory.mktemp("data")
    return tiny_captioner.write_folder(folder / "pictures"), tiny_captioner.write_features(folder / "features.npy")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a run that has learned to tell the colours apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "show", lambda *_: None)
        return tiny_captioner.run_train(tmp_path_factory.mktemp("trained") / "run", *data, "--epochs", 40, "--patience",
                                        40, "--lr", 0.05, "--drop", 0, "--label-smoothing", 0)


@pytest.fixture
def run(trained, capsys):
    """Evaluates the trained run (or ``checkpoint``) and returns its JSON."""
    def call(*options, checkpoint=trained):
        capsys.readouterr()
        evaluate.main(["--checkpoint", str(checkpoint), "--device", "cpu", "--json", *map(str, options)])
        return json.loads(capsys.readouterr().out)
    return call


def edit_settings(folder, **changes):
    settings = json.loads((folder / "settings.json").read_text())
    write_json(folder / "settings.json", settings | changes)


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of the trained run that a test may spoil."""
    return shutil.copytree(trained, tmp_path / "copied")


# --------------------------------------------------------------------------------------------------------- scores

@pytest.mark.parametrize("split", ["dev", "test"])
def test_predictions_are_written_for_minicap_score_which_finds_the_same_scores(run, data, tmp_path, capsys, split):
    report = run("--split", split, "--predictions", tmp_path / "p.json")
    assert list(report) == SCORES and report["n"] == 3
    predictions = json.loads((tmp_path / "p.json").read_text())
    assert list(predictions) == list(tiny_captioner.SPLITS[split])
    score.main([str(tmp_path / "p.json"), "--references", str(data[0] / "captions.csv"), "--json"])
    assert json.loads(capsys.readouterr().out) == report


def test_dev_is_the_default_and_the_scores_repeat(run, tmp_path):
    report = run("--predictions", tmp_path / "p.json")
    assert report == run("--split", "dev")
    assert set(json.loads((tmp_path / "p.json").read_text())) == set(tiny_captioner.SPLITS["dev"])


def test_the_default_beam_is_what_training_saw_on_dev(run, trained):
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: (line["cider"], -line["dev_loss"]))
    report = run()
    assert report == {name: best[name] for name in SCORES}
    assert report["bleu4"] > 0.8


def test_the_captions_of_shuffled_images_score_much_less(run):
    assert run("--shuffle-images")["bleu1"] < run()["bleu1"] - 0.1
    assert run("--shuffle-images")["cider"] < 0.5 * run()["cider"]


@pytest.mark.parametrize("n", [2, 3, 10])
def test_shuffling_gives_every_image_the_caption_of_another_one(n):
    captions = {f"{i}.jpg": f"caption {i}" for i in range(n)}
    shuffled = evaluate.shuffled(captions)
    assert shuffled.keys() == captions.keys() and sorted(shuffled.values()) == sorted(captions.values())
    assert all(shuffled[name] != caption for name, caption in captions.items())


def test_people_get_a_table_in_points(trained, capsys, tmp_path):
    evaluate.main(["--checkpoint", str(trained), "--device", "cpu", "--predictions", str(tmp_path / "p.json")])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "dev, 3 images, beam 3, length penalty 0.7"
    assert [line.split()[0] for line in lines[1:]] == SCORES[:-1]
    assert all(0 <= float(line.split()[1]) <= 1000 for line in lines[1:])
    assert err == f"captions written to {tmp_path / 'p.json'}\n"


# --------------------------------------------------------------------------------------------- files to be written

@pytest.mark.parametrize("option", ["--predictions", "--html"])
@pytest.mark.parametrize("file, message", [
    ("features.npy", "is there already and was not written|would replace the file of features="),
    ("features.json", "is there already and was not written by this option"),
    ("pictures/captions.csv", "is there already and was not written by this option"),
    ("pictures/train.txt", "is there already and was not written by"),
    ("pictures/{picture}", "is there already and was not written by"),
    ("run/captioner.json", "is there already and was not written by"),
    ("run/best.safetensors", "is there already and was not written by"),
])
def test_what_is_read_is_never_overwritten(run, tmp_path, copied, option, file, message):
    pictures = tiny_captioner.write_folder(tmp_path / "pictures")
    features = tiny_captioner.write_features(tmp_path / "features.npy")
    copied.rename(tmp_path / "run")
    edit_settings(tmp_path / "run", data_dir=str(pictures), features=str(features))
    out = tmp_path / file.format(picture=tiny_captioner.NAMES[0])
    before = out.read_bytes()
    for named in ((), ("--data-dir", pictures, "--features", features)):
        with pytest.raises(UserError, match=message):
            run(option, out, *named, checkpoint=tmp_path / "run")
    assert out.read_bytes() == before


def test_captions_by_name_that_are_data_are_never_overwritten(run, tmp_path, copied):
    pictures = tiny_captioner.write_folder(tmp_path / "pictures")
    captions, splits = pictures / "captions.json", tmp_path / "splits.json"
    captions.write_text(json.dumps(dict.fromkeys(tiny_captioner.NAMES, "a dog")))
    (pictures / "captions.csv").unlink()
    splits.write_text(json.dumps({name: split for split, names in tiny_captioner.SPLITS.items() for name in names}))
    for out in (captions, splits):
        before = out.read_bytes()
        edit_settings(copied, data_dir=str(pictures), splits=str(splits))
        with pytest.raises(UserError, match=r"is there already and was not written by this option"):
            run("--predictions", out, checkpoint=copied)
        assert out.read_bytes() == before


def test_captions_and_reports_are_written_again_and_never_to_one_file(run, tmp_path, copied):
    for folder in (tmp_path, copied):
        for _ in range(2):
            run("--predictions", folder / "p.json", "--html", folder / "p.html", checkpoint=copied)
    with pytest.raises(UserError, match="would replace the file of html=; name another file"):
        run("--predictions", tmp_path / "p.html", "--html", tmp_path / "p.html")


# ------------------------------------------------------------------------------------------------------- features

def test_features_may_be_named_and_have_to_come_from_the_same_network(run, tmp_path):
    same = tiny_captioner.write_features(tmp_path / "same.npy")
    assert run("--features", same) == run()
    for source, words in (({"weights_sha256": "1" * 64}, "weights"),
                          ({"preprocessing": CONVENTIONS["tf"].to_json()},
                           r"preprocessing of pictures \(tf, not of its own\)")):
        other = tiny_captioner.write_features(tmp_path / "other.npy", **source)
        with pytest.raises(UserError, match=r"other\.npy does not hold the features that this captioner was trained "
                                            rf"on, but others, which differ in {words}; extract the features again"):
            run("--features", other)


def test_images_without_features_are_refused_and_unreadable_ones_left_out(run, tmp_path):
    names = tiny_captioner.NAMES
    with pytest.raises(UserError, match="has no features for 3 of 3 images"):
        run("--features", tiny_captioner.write_features(tmp_path / "few.npy", names=names[:6]))
    left_out = tiny_captioner.write_features(tmp_path / "left_out.npy", unreadable=names[7:8])
    assert run("--features", left_out)["n"] == 2


def test_without_features_they_are_made_from_the_pictures(run, tmp_path, monkeypatch, capsys):
    tiny_vgg.shrink(monkeypatch, size=32)
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(11, np.random.default_rng(0)))
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "show", lambda *_: None)
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    train.main(["--data", "folder", "--data-dir", str(folder), "--out", str(tmp_path / "run"), "--device", "cpu",
                "--epochs", "2", "--min-count", "1", "--embedding", "4", "--hidden", "4"])
    options = ("--split", "test", "--predictions", tmp_path / "p.json")
    expected = run(*options, checkpoint=tmp_path / "run"), (tmp_path / "p.json").read_text()

    picture = tiny_captioner.SPLITS["test"][0]  # the caption program, which looks up data and features of the run
    run(*options, "--neighbours", 2, checkpoint=tmp_path / "run")
    for more in ((), ("--draws", "3")):
        caption.main([str(folder / picture), "--checkpoint", str(tmp_path / "run"), "--device", "cpu",
                      "--neighbours", "2", *more])
        path, said = capsys.readouterr().out.split(": ")
        if not more:
            assert path == str(folder / picture)
            assert said == json.loads((tmp_path / "p.json").read_text())[picture] + "\n"

    edit_settings(tmp_path / "run", features=None)
    assert (run(*options, checkpoint=tmp_path / "run"), (tmp_path / "p.json").read_text()) == expected

    # another folder has other pictures, perhaps under the same names: its features are never the old ones
    edit_settings(tmp_path / "run", features=str(tmp_path / "would be a mistake.npy"))
    moved = folder.rename(tmp_path / "elsewhere")
    assert run(*options, "--data-dir", moved, checkpoint=tmp_path / "run") == expected[0]
    monkeypatch.delenv("MINICAP_WEIGHTS")
    assert run(*options, "--data-dir", moved, "--weights", weights, checkpoint=tmp_path / "run") == expected[0]


def test_another_way_to_write_the_folder_of_the_training_run_keeps_its_features(run, data, monkeypatch):
    monkeypatch.chdir(data[0].parent)
    for same in (f"{data[0]}/", data[0].name, f"./{data[0].name}/", f"{data[0]}/../{data[0].name}"):
        assert run("--data-dir", same) == run()


def test_a_run_on_characters_is_evaluated_and_captioned_on_characters(run, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "show", lambda *_: None)
    words = {"red": "\u4e00\u5f20\u7ea2\u8272\u7684\u56fe", "green": "\u4e00\u5f20\u7eff\u8272\u7684\u56fe",
             "blue": "\u4e00\u5f20\u84dd\u8272\u7684\u56fe"}
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    (folder / "captions.csv").write_text("image,caption\n" + "".join(
        f"{name},{words[name.split('-')[0]]}\n" for name in tiny_captioner.NAMES), encoding="utf-8")
    arguments = (tmp_path / "run", folder, data[1], "--epochs", 40, "--patience", 40, "--lr", 0.05, "--drop", 0)
    tiny_captioner.run_train(*arguments, "--tokenizer", "characters")
    captured = capsys.readouterr()
    assert "without spaces between words" not in captured.err
    assert json.loads((tmp_path / "run" / "captioner.json").read_text())["vocabulary"]["tokenizer"] == "characters"
    report = run("--split", "test", "--predictions", tmp_path / "p.json", checkpoint=tmp_path / "run")
    assert report["bleu4"] == 1  # six characters each; as words they would be one
    assert set(json.loads((tmp_path / "p.json").read_text()).values()) == set(words.values())
    assert run("--split", "test", "--tokenizer", "words", checkpoint=tmp_path / "run")["bleu4"] == 0

    tiny_captioner.run_train(tmp_path / "words", *arguments[1:3], "--epochs", 1)
    assert "the training captions are in Chinese or Japanese, without spaces" in capsys.readouterr().err


# ------------------------------------------------------------------------------------- shapes, and what does not fit

@pytest.fixture
def pixel_run(tmp_path, monkeypatch):
    """A captioner of small pictures with random weights, as trained on the built-in scenes."""
    folder = tiny_captioner.save_checkpoint(tmp_path / "run", tiny_captioner.pixel_captioner(side=16))
    write_json(folder / "settings.json", {"data": "shapes", "data_dir": None, "splits": None, "split_seed": None,
                                          "features": None})
    load = run_data.load_dataset
    monkeypatch.setattr(run_data, "load_dataset", lambda name, *a, **k: (
        ShapesDataset(train=1, dev=4, test=6, side=16) if name == "shapes" else load(name, *a, **k)))
    return folder


def test_on_the_built_in_scenes_the_facts_are_judged_too(run, pixel_run, capsys):
    report = run("--split", "test", checkpoint=pixel_run)
    assert list(report) == [*SCORES, "facts"] and report["n"] == 6
    assert {part: facts["n"] for part, facts in report["facts"].items()} == {"seen": 3, "unseen": 3}
    assert {"colours", "shapes", "relation"} <= set(report["facts"]["unseen"])
    evaluate.main(["--checkpoint", str(pixel_run), "--device", "cpu"])
    assert "unseen combinations: colours 0.0%" in capsys.readouterr().out


def test_the_report_has_these_facts_and_the_settings_of_the_curves(run, pixel_run, data, tmp_path, monkeypatch):
    run("--split", "test", "--html", tmp_path / "report.html", checkpoint=pixel_run)
    assert "all facts 0.0 0.0 scenes 3 3" in Page((tmp_path / "report.html").read_text("utf-8")).text

    drawn = []
    for module in (plots, report):
        monkeypatch.setattr(module, "curves", lambda history, settings, *columns: drawn.append(settings) or curves(
            history, settings, *columns))
    trained = tiny_captioner.run_train(tmp_path / "trained", *data, "--epochs", 1, "--drop", 0.25)
    run("--html", tmp_path / "other.html", checkpoint=trained)
    assert len(drawn) == 3 and {label_of_loss(settings) for settings in drawn} == {
        "train, with dropout, label\nsmoothing"} and {settings["select_beam"] for settings in drawn} == {3}


def test_a_captioner_of_small_pictures_is_not_let_loose_on_photographs(run, pixel_run, data):
    with pytest.raises(UserError, match="reads the small pictures of data='shapes', not photographs"):
        run("--data", "folder", "--data-dir", data[0], checkpoint=pixel_run)


def test_options_of_the_training_data_are_not_carried_to_other_data(run, copied, monkeypatch):
    edit_settings(copied, split_seed=3)
    asked = []

    def load_dataset(*place, **options):
        asked.append((place, options))
        raise UserError("enough")

    monkeypatch.setattr(run_data, "load_dataset", load_dataset)
    for options in ((), ("--split-seed", 0), ("--data", "flickr8k", "--data-dir", "D")):
        with pytest.raises(UserError, match="enough"):
            run(*options, checkpoint=copied)
    (_, first), (_, named), (place, second) = asked
    assert first["split_seed"] == 3 and named["split_seed"] == 0
    assert place == ("flickr8k", "D") and second == {"splits": None, "split_seed": None, "pictures": True}


@pytest.mark.parametrize("text, message", [
    ("{", "is not valid JSON"), ("[]", "has to be an object, and not"), ('{"data": "folder"}', "data_dir is missing"),
])
def test_settings_that_are_none_are_refused(run, copied, text, message):
    (copied / "settings.json").write_text(text)
    with pytest.raises(UserError, match=message):
        run(checkpoint=copied)


def test_missing_settings_and_a_search_that_cannot_be_are_refused(run, copied):
    (copied / "settings.json").unlink()
    with pytest.raises(UserError, match=r"settings of the training run, .*settings\.json does not exist"):
        run(checkpoint=copied)
    with pytest.raises(UserError, match="beam= and max_length= have to be at least 1"):
        run("--beam", 0)


def test_an_unreadable_picture_is_named(run, copied, tmp_path):
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    picture = folder / tiny_captioner.SPLITS["dev"][0]
    picture.write_bytes(picture.read_bytes()[:60])
    with pytest.raises(UserError, match=rf"{picture.name} is truncated or damaged"):
        run("--data-dir", folder, checkpoint=copied)


# -------------------------------------------------------------------------------------------------------- sampling

def test_a_temperature_draws_and_a_seed_repeats(run, trained, capsys):
    assert run("--temperature", 0) == run("--beam", 1)
    drawn = [run("--temperature", 5, "--seed", seed) for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    evaluate.main(["--checkpoint", str(trained), "--device", "cpu", "--temperature", "0.5"])
    assert "3 images, sampled at temperature 0.5, seed 0" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------- consensus

def test_the_caption_that_agrees_with_samples_and_neighbours_is_chosen(run, trained, data, tmp_path, capsys):
    captioner = Captioner.load(trained, device="cpu")
    features = np.load(data[1]).astype(np.float32)
    train_captions = [[text.split() for text in tiny_captioner.captions_of(name)]
                      for name in tiny_captioner.SPLITS["train"]]
    said = set()
    for options in ({"mbr_samples": 4}, {"neighbours": 2}, {"mbr_samples": 4, "neighbours": 2, "seed": 1}):
        flags = [part for name, value in options.items() for part in (flag(name), value)]
        run("--beam", 6, "--predictions", tmp_path / "p.json", *flags)
        consensus = Consensus(train_captions, features[:6], **options)
        found = captioner.caption_inputs(features[6:9], beam=6, consensus=consensus)
        predictions = json.loads((tmp_path / "p.json").read_text())
        assert list(predictions.values()) == [kept[0][0] for kept in found]
        said.add(tuple(predictions.values()))
        plain = captioner.caption_inputs(features[6:9], beam=6)
        assert [sorted(kept) for kept in found] == [sorted(kept) for kept in plain]  # another order, nothing else
    assert len(said) > 1
    evaluate.main(["--checkpoint", str(trained), "--device", "cpu", "--draws", "2", "--neighbours", "1"])
    assert ("beam 3, length penalty 0.7, chosen by agreement with 2 sampled ones and captions of 1 similar images"
            in capsys.readouterr().out)


def test_an_ensemble_finds_neighbours_by_the_features_of_all_its_captioners(run, trained, attending, data, tmp_path,
                                                                              monkeypatch):
    options = ("--beam", 4, "--neighbours", 2, "--predictions", tmp_path / "p.json")
    run(*options, checkpoint=f"{trained},{trained}")
    together = (tmp_path / "p.json").read_text()
    run(*options)
    assert (tmp_path / "p.json").read_text() == together
    seen = []
    monkeypatch.setattr(run_data, "Consensus", lambda train, descriptors, **options: seen.append(descriptors))
    run(*options, checkpoint=f"{attending},{trained}")
    regions = np.load(attending.parent / "regions.npy")[:6].astype(np.float32)
    np.testing.assert_allclose(seen[0], np.hstack([regions.mean(axis=(1, 2)), np.load(data[1])[:6]]), rtol=1e-5)
    monkeypatch.undo()
    assert run(*options, "--draws", 2, checkpoint=f"{attending},{trained}")["n"] == 3


def test_on_the_built_in_scenes_pictures_are_compared_by_their_pixels(run, pixel_run):
    assert run("--neighbours", 1, "--draws", 2, checkpoint=pixel_run)["n"] == 4


def test_a_consensus_that_cannot_be_is_refused(run, trained, copied):
    edit_settings(copied, features=None)
    with pytest.raises(UserError, match="neighbours= needs the features of the train images; name the"):
        run("--neighbours", 3, checkpoint=copied)
    for options in (("--mbr-samples", -1), ("--neighbours", -2)):
        with pytest.raises(UserError, match=r"(mbr_samples|neighbours)= has to be at least 0 and below 10,000, not "):
            run(*options)
    for options in (("--draws", 2, "--beam", 1), ("--neighbours", 2, "--temperature", 1)):
        with pytest.raises(UserError, match="choose among the captions of a beam; leave out temperature="):
            run(*options)


# ------------------------------------------------------------------------------------------------------- ensembles

@pytest.fixture(scope="module")
def attending(data, tmp_path_factory):
    """A run of the attention model on the same pictures, seen through another file of features."""
    folder = tmp_path_factory.mktemp("attending")
    regions = tiny_captioner.write_regions(folder / "regions.npy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "show", lambda *_: None)
        return tiny_captioner.run_train(folder / "run", data[0], regions, "--model", "attend", "--attention", 7,
                                        "--epochs", 3)


def test_an_ensemble_of_one_model_with_itself_is_that_model(run, trained):
    assert run(checkpoint=f"{trained},{trained}") == run()


def test_models_of_different_kinds_and_features_make_an_ensemble(run, trained, attending, data, tmp_path):
    files = f"{data[1]},{attending.parent / 'regions.npy'}"
    run("--predictions", tmp_path / "p.json", checkpoint=f"{trained},{attending}")
    run("--predictions", tmp_path / "q.json", "--features", files, checkpoint=f"{trained},{attending}")
    assert (tmp_path / "p.json").read_text() == (tmp_path / "q.json").read_text()
    with pytest.raises(UserError, match="features= names 3 files for 2 checkpoints; name one for all or one each"):
        run("--features", "a,b,c", checkpoint=f"{trained},{attending}")
    with pytest.raises(UserError, match="does not hold the features that this captioner was trained on"):
        run("--features", data[1], checkpoint=f"{trained},{attending}")


# ------------------------------------------------------------------------------------------ the sharpness of attention

def sharpness_by_itself(folder, predictions):
    """The two medians, word by word from the model's own maps."""
    captioner, spread, moved = Captioner.load(folder, device="cpu"), [], []
    features = np.load(folder.parent / "regions.npy").astype(np.float32)
    for name, text in predictions.items():
        words = captioner.vocabulary.encode(text.split())
        image = features[[tiny_captioner.NAMES.index(name)]]
        maps = captioner.model.attention_maps(image, words)[:-1].astype(np.float64)
        spread += [np.exp(-sum(a * np.log(a) for a in alpha)) for alpha in maps]
        moved += [np.maximum(alpha - maps.mean(axis=0), 0).sum() for alpha in maps]
    return np.median(spread), np.median(moved), len(spread)


def test_how_sharp_attention_is_on_the_captions_of_the_first_images(run, attending, tmp_path, monkeypatch):
    for images in (100, 2):
        monkeypatch.setattr(evaluate, "ATTENTION_IMAGES", images)
        report = run("--predictions", tmp_path / "p.json", checkpoint=attending)
        assert list(report) == [*SCORES, "attention"]
        (found,) = report["attention"]
        predictions = json.loads((tmp_path / "p.json").read_text())
        spread, moved, words = sharpness_by_itself(attending, dict(list(predictions.items())[:images]))
        assert found == {"checkpoint": str(attending), "regions": 4, "captions": min(images, 3), "words": words,
                         "effective_regions": pytest.approx(spread, rel=1e-5),
                         "total_variation": pytest.approx(moved, rel=1e-4)}
        assert 1 < spread < 4
    shuffled = run("--shuffle-images", checkpoint=attending)
    assert shuffled["attention"] == report["attention"]  # on its own captions, which say what it looked at


def test_each_checkpoint_of_an_ensemble_that_has_attention_is_told(run, trained, attending, capsys, tmp_path):
    assert "attention" not in run()
    alone = run(checkpoint=attending)["attention"]
    (mixed,) = run(checkpoint=f"{trained},{attending}")["attention"]
    assert mixed["checkpoint"] == str(attending) and mixed["regions"] == 4
    twin = shutil.copytree(attending, tmp_path / "twin")
    both = run(checkpoint=f"{attending},{twin}")["attention"]
    assert both == [alone[0], alone[0] | {"checkpoint": str(twin)}]
    evaluate.main(["--checkpoint", f"{attending},{twin}", "--device", "cpu", "--html", str(tmp_path / "report.html")])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if "attention" in line]
    page = (tmp_path / "report.html").read_text()
    for folder, line in zip((attending, twin), lines, strict=True):
        assert line.startswith(f"attention, first 3 images, {folder}: the map of a word is spread over ")
        assert line in page


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "9" * 5000, '{"epoch": 1}\nepoch 2'])
def test_a_history_that_is_not_json_lines_is_refused(tmp_path, text):
    assert evaluate.history_of(tmp_path) == []
    (tmp_path / "metrics.jsonl").write_text(text)
    with pytest.raises(UserError, match=r"learning .*metrics\.jsonl, line \d is not (valid JSON|what belongs there)"):
        evaluate.history_of(tmp_path)


# ------------------------------------------------------------------------------------------------------ mirror images

@pytest.fixture
def mirrored(data, tmp_path):
    """Features of the mirrored pictures of dev, which differ from those of the pictures."""
    path = tiny_captioner.write_features(tmp_path / "mirrored.npy", names=tiny_captioner.SPLITS["dev"], mirrored=True)
    np.save(path, np.load(data[1])[[7, 8, 6]])
    return path


def test_probabilities_are_averaged_over_pictures_and_their_mirror_images(run, trained, attending, data, mirrored,
                                                                          tmp_path):
    captioner = Captioner.load(trained, device="cpu")
    upright, turned = (np.load(path).astype(np.float32) for path in (data[1], mirrored))
    for options, consensus in (((), None), (("--neighbours", 2), Consensus(
            [[text.split() for text in tiny_captioner.captions_of(name)] for name in tiny_captioner.SPLITS["train"]],
            upright[:6], neighbours=2))):
        run("--mirrored", mirrored, "--predictions", tmp_path / "p.json", *options)
        found = with_mirror(captioner).caption_inputs((upright[6:9], turned), consensus=consensus)
        assert [*json.loads((tmp_path / "p.json").read_text()).values()] == [kept[0][0] for kept in found]
        assert found != captioner.caption_inputs(upright[6:9], consensus=consensus)
    one = (tmp_path / "p.json").read_text()
    run("--mirrored", mirrored, "--predictions", tmp_path / "p.json", *options, checkpoint=f"{trained},{trained}")
    assert (tmp_path / "p.json").read_text() == one
    regions = tiny_captioner.write_regions(tmp_path / "regions.npy", mirrored=True)
    assert run("--mirrored", f"{mirrored},{regions}", checkpoint=f"{trained},{attending}")["n"] == 3


def test_mirrored_features_that_do_not_belong_to_the_others_are_refused(run, trained, copied, data, mirrored, tmp_path,
                                                                        pixel_run):
    with pytest.raises(UserError, match="does not hold the mirrored pictures' features by the network of"):
        run("--mirrored", data[1])
    with pytest.raises(UserError, match="mirrored= names 2 files for 3 checkpoints; name one for all or one each"):
        run("--mirrored", f"{mirrored},{mirrored}", checkpoint=f"{trained},{trained},{trained}")
    with pytest.raises(UserError, match="has no features for 3 of 3 images"):
        run("--mirrored", mirrored, "--split", "test")
    tiny_captioner.write_features(tmp_path / "lacking.npy", mirrored=True, unreadable=tiny_captioner.NAMES[7:8])
    with pytest.raises(UserError, match=r"lacking\.npy lacks pictures that .*features\.npy has"):
        run("--mirrored", tmp_path / "lacking.npy")
    edit_settings(copied, features=None)
    with pytest.raises(UserError, match="mirrored= goes with features= of the same pictures as they are; name that"):
        run("--mirrored", mirrored, checkpoint=copied)
    with pytest.raises(UserError, match="only photographs can be averaged with their mirror images"):
        run("--mirrored", mirrored, checkpoint=pixel_run)
