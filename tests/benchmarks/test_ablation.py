"""The table of training settings: every row is run once, compared with the first, and not run again."""

import json

import pytest
import tiny_captioner

from benchmarks import ablation
from minicap.captioning.training.settings import TrainSettings
from minicap.cli import parse_settings
from minicap.errors import UserError
from minicap.evaluate import EvaluateSettings


def test_every_row_names_options_that_its_program_has():
    for options in ablation.TRAINING.values():
        settings = parse_settings(TrainSettings, "train", "", ["--data", "flickr8k", "--model", "attend",
                                                               *ablation.COMMON, *options])
        settings.resolved()
    for options in ablation.DECODING.values():
        parse_settings(EvaluateSettings, "evaluate", "", ["--checkpoint", "x", *options])
    assert len(set(ablation.TRAINING.values())) == len(ablation.TRAINING)
    assert next(iter(ablation.TRAINING.values())) == ()


def test_rows_are_trained_decoded_compared_and_kept(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(ablation, "COMMON", ("--attention", "7", "--embedding", "8", "--hidden", "12", "--min-count",
                                             "1", "--batch-size", "5", "--lr", "0.02", "--average", "0.5"))
    monkeypatch.setattr(ablation, "TRAINING", {"start": (), "no drop": ("--drop", "0"),
                                               "mirror": ("--mirrored", "{mirrored}")})
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    regions = tiny_captioner.write_regions(tmp_path / "regions.npy")
    mirrored = tiny_captioner.write_regions(tmp_path / "m.npy", resize=tiny_captioner.SOURCE.as_mirrored().resize)
    arguments = [str(a) for a in ("--data", "folder", "--data-dir", folder, "--features", regions, "--work",
                                  tmp_path / "work", "--epochs", 2)]
    ablation.main([*arguments, "--mirrored", str(mirrored), "--only", "drop"])
    table = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == ["| start", "| no drop"]
    first, second = (json.loads(line) for line in (tmp_path / "work" / "rows.jsonl").read_text().splitlines())
    assert "cider_gain" not in first and second["cider_gain"] == pytest.approx(second["cider"] - first["cider"],
                                                                               abs=0.02)
    low, high = second["cider_interval"]
    assert low <= second["cider_gain"] <= high and second["minutes"] >= 0 and second["best_epoch"] in (1, 2)

    monkeypatch.setattr(ablation, "run", lambda *_: pytest.fail("run again"))
    ablation.main([*arguments, "--only", "drop"])
    assert capsys.readouterr().out.splitlines() == table
    monkeypatch.undo()

    trained = tmp_path / "work" / "start" / "run"
    monkeypatch.setattr(ablation, "DECODING", {"greedy": ("--beam", "1"), "beam": ("--beam", "2")})
    ablation.main([str(a) for a in ("--data", "folder", "--data-dir", folder, "--features", regions, "--work",
                                    tmp_path / "decoding", "--decode", trained, "--ensemble",
                                    f"{trained},{tmp_path / 'work' / 'no-drop' / 'run'}", "--jobs", 1)])
    names = [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()[2:]]
    mean = "| mean of 2 models, beam 3, length penalty 0.7"
    assert names == ["| greedy", "| beam", mean, f"{mean}, no 2 words in a row twice"]


def test_a_run_that_fails_is_named_with_its_log(tmp_path):
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    with pytest.raises(UserError, match=r"minicap\.train ended with exit code 2; see .*log\.txt"):
        ablation.main([str(a) for a in ("--data", "folder", "--data-dir", folder, "--features", tmp_path / "none.npy",
                                        "--work", tmp_path / "work", "--only", "nothing")])
