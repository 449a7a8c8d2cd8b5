"""A recorded experiment run again, and the report of the differences."""

import itertools
import json
from pathlib import Path

import pytest
import tiny_captioner

from minicap import reproduce
from minicap.captioning.scoring.metrics import score_captions
from minicap.errors import UserError
from minicap.files import write_json

RESULTS = Path(__file__).resolve().parents[1] / "results"


@pytest.fixture
def recorded(tmp_path):
    """A folder of results with a recipe of a second."""
    pictures = tiny_captioner.write_folder(tmp_path / "pictures")
    features = tiny_captioner.write_features(tmp_path / "features.npy")
    training = tiny_captioner.train_arguments("{work}/run", pictures, features, "--epochs", 2)
    row = tmp_path / "results" / "tiny"
    write_json(row / "recipe.json", {"steps": [["train", *training], [
        "evaluate", "--checkpoint", "{work}/run", "--split", "test", "--device", "cpu", "--predictions",
        "{work}/predictions-test.json", "--json"]]})
    captions = {name: tiny_captioner.captions_of(name) for name in tiny_captioner.NAMES}
    predictions = dict.fromkeys(tiny_captioner.SPLITS["test"], "a red picture")
    write_json(row / "predictions-test.json", predictions)
    write_json(row / "scores-test.json", score_captions(predictions, captions))
    return tmp_path


def test_the_steps_are_run_and_the_scores_compared(recorded, capfd):
    arguments = ["tiny", "--results", str(recorded / "results"), "--work", str(recorded / "work")]
    assert not reproduce.main(arguments)
    out, _ = capfd.readouterr()
    assert "step 1 of 2: python -m minicap.train" in out and "step 2 of 2: python -m minicap.evaluate" in out
    now = json.loads((recorded / "work" / "scores-test.json").read_text())
    before = json.loads((recorded / "results" / "tiny" / "scores-test.json").read_text())
    line = next(line for line in out.splitlines() if line.startswith("BLEU-1")).split()
    assert line == ["BLEU-1", f"{100 * before['bleu1']:.1f}", f"{100 * now['bleu1']:.1f}",
                    f"{100 * (now['bleu1'] - before['bleu1']):+.1f}"]
    assert "of 3 captions are identical to the recorded ones" in out

    assert not reproduce.main(arguments)  # again: the training run is there, and goes on to its end at once
    assert "--resume" in capfd.readouterr().out


def test_a_step_that_fails_ends_it_with_a_sentence(recorded, capfd):
    (recorded / "features.npy").unlink()
    with pytest.raises(UserError, match="that step ended with exit code 2; fix what it reports"):
        reproduce.main(["tiny", "--results", str(recorded / "results"), "--work", str(recorded / "work")])
    assert "features.npy" in capfd.readouterr().err


def test_an_unknown_row_is_answered_with_those_there_are(recorded, tmp_path):
    with pytest.raises(UserError, match="has no recipe for 'huge', only for tiny; name one of those"):
        reproduce.main(["huge", "--results", str(recorded / "results")])
    with pytest.raises(UserError, match=r"there are no recorded results in .*nowhere; run this in a clone"):
        reproduce.main(["tiny", "--results", str(tmp_path / "nowhere")])


def test_a_recipe_that_needs_weights_says_where_to_get_them(monkeypatch, tmp_path):
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"no weights of VGG-19 here; .*minicap\.download vgg19"):
        reproduce.main(["flickr8k/show-tell", "--results", str(RESULTS), "--work", str(tmp_path / "work")])


@pytest.mark.parametrize("row", [path.parent.relative_to(RESULTS).as_posix()
                                 for path in sorted(RESULTS.rglob("recipe.json"))])
def test_recorded_recipes_use_what_was_made_before_and_end_with_an_evaluation(row):
    """No step reads a feature file or a run that no step before it has made; every program takes its options."""
    *before, evaluation = steps = reproduce.recorded_row(RESULTS, row)["steps"]
    assert evaluation[0] == "evaluate" and evaluation[-1] == "--json" and before[-1][0] == "train"
    assert "{work}/predictions-test.json" in evaluation
    made = set()
    for program, *arguments in steps:
        options = dict(itertools.pairwise(arguments))
        for option in ("--features", "--mirrored", "--init", "--checkpoint", "--pool"):
            for path in options.get(option, "").split(","):
                assert not path or path in made, (program, option)
        made.add(options.get("--out"))


def test_a_row_may_lie_in_a_folder_of_its_data_set(recorded, capfd):
    (recorded / "results" / "set").mkdir()
    (recorded / "results" / "tiny").rename(recorded / "results" / "set" / "tiny")
    assert not reproduce.main(["set/tiny", "--results", str(recorded / "results"), "--work", str(recorded / "work")])
    assert "set/tiny: " in capfd.readouterr().out


@pytest.mark.parametrize("work, words", [
    ("results/tiny/", "holds the recorded result, which would be replaced"),
    ("features.npy", "cannot be written, as .*features.npy is no folder"),
    ("mine", "scores-test.json is there already and was not written by this option")])
def test_recorded_results_and_other_files_are_not_overwritten(recorded, work, words):
    (recorded / "mine").mkdir()
    (recorded / "mine" / "scores-test.json").write_text("{}")
    before = {path: path.read_bytes() for path in recorded.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=words):
        reproduce.main(["tiny", "--results", str(recorded / "results"), "--work", f"{recorded}/{work}"])
    assert {path: path.read_bytes() for path in recorded.rglob("*") if path.is_file()} == before
