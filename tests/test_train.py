"""The training program as its users run it: runs that finish, are interrupted and resumed, checked or refused."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from PIL import Image

from minicap import train
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.training import trainer as training
from minicap.captioning.training.settings import RECIPES, TrainSettings
from minicap.cli import parse_settings
from minicap.errors import UserError

# Runs minicap.train as `python -m` does, without the pictures at the end (they take longer than a tiny run), and sends
# the process a signal when something happens in some epoch.
CUT_OFF = """
import os, runpy, signal, sys
from minicap.captioning.reporting import plots
from minicap.captioning.training.trainer import Trainer
when, epoch, name, *sys.argv[1:] = sys.argv[1:]
epoch = int(epoch)
plots.save_curves = plots.save_samples = lambda *_: None

def send():
    os.kill(os.getpid(), getattr(signal, name))

save, step, replace = Trainer.save, Trainer.step, os.replace

def save_then_signal(trainer):
    save(trainer)
    if trainer.epoch == epoch:
        send()

def step_then_signal(trainer, batch):
    loss = step(trainer, batch)
    if trainer.epoch == epoch - 1:
        send()
    return loss

written = []

def signal_before_renaming(source, target):
    written.append(os.path.basename(target))
    if written[-1] == "last.safetensors" and written.count("last.safetensors") == epoch:
        send()
    replace(source, target)

if when == "after saving":
    Trainer.save = save_then_signal
elif when == "while training":
    Trainer.step = step_then_signal
elif when == "while saving":
    os.replace = signal_before_renaming
runpy.run_module("minicap.train", run_name="__main__")
"""
NEVER = ("never", 0, "SIGKILL")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """(folder of pictures, feature file)"""
    folder = tmp_path_factory.mktemp("data")
    return tiny_captioner.write_folder(folder / "pictures"), tiny_captioner.write_features(folder / "features.npy")


@pytest.fixture
def undrawn(monkeypatch):
    """Leaves out the pictures at the end of a run, which take longer than a tiny run."""
    monkeypatch.setattr(train, "show", lambda *_: None)


def run(*arguments, cut_off=()):
    """Run the program in a process of its own, BLAS on one thread; ``cut_off`` = (when, epoch, signal)."""
    program = ["-c", CUT_OFF, *map(str, cut_off)] if cut_off else ["-m", "minicap.train"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *program, *map(str, arguments)], capture_output=True, text=True,
                          env=environment, timeout=120)


def read_run(folder):
    """Everything a run has left, the clock aside: tensors as bytes, facts and metrics."""
    found = {}
    for name in ("best", "last"):
        tensors, facts = load_tensors(folder / f"{name}.safetensors", "checkpoint")
        lines = [*facts.get("history", []), facts.get("dev", {})]
        for line in lines:
            line.pop("seconds", None)
        found[name] = {key: (a.dtype, a.shape, a.tobytes()) for key, a in tensors.items()}, facts
    found["metrics"] = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in found["metrics"]:
        del line["seconds"]
    found["captioner"] = (folder / "captioner.json").read_text()
    return found


# ----------------------------------------------------------------------------------------------------- cut off, gone on

@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """What a run of four epochs leaves when nothing happens to it."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    done = run(*tiny_captioner.train_arguments(folder, *data))
    assert done.returncode == 0, done.stderr
    return folder, done


def test_dropout_and_shuffling_are_at_work_in_the_run_that_is_cut_off(uninterrupted):
    folder, _ = uninterrupted
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["drop"] > 0 and settings["average"] > 0 and settings["label_smoothing"] > 0
    assert len(read_run(folder)["metrics"]) == 4


@pytest.mark.parametrize("when, epoch", [("after saving", 2), ("while training", 3), ("while saving", 3)])
def test_a_run_killed_after_its_second_epoch_and_resumed_equals_the_uninterrupted_one(tmp_path, data, uninterrupted,
                                                                                      when, epoch):
    folder = tmp_path / "run"
    arguments = tiny_captioner.train_arguments(folder, *data)
    killed = run(*arguments, cut_off=(when, epoch, "SIGKILL"))
    assert killed.returncode == -signal.SIGKILL
    _, facts = load_tensors(folder / "last.safetensors", "checkpoint")
    assert facts["epoch"] == 2
    assert len(list(folder.glob(".minicap-*.partial"))) == (when == "while saving")  # never under its own name

    resumed = run(*arguments, "--resume", cut_off=NEVER)
    assert resumed.returncode == 0, resumed.stderr
    assert not list(folder.glob(".minicap-*"))  # nor the lock of the process that was killed
    assert "resuming after epoch 2" in resumed.stdout and "epoch  2" not in resumed.stdout
    assert read_run(folder) == read_run(uninterrupted[0])


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path, data, uninterrupted):
    arguments = tiny_captioner.train_arguments(tmp_path / "run", *data)
    stopped = run(*arguments, cut_off=("while training", 2, "SIGINT"))
    assert stopped.returncode == 130
    assert stopped.stderr.endswith(f"interrupted: the last checkpoint is in {tmp_path / 'run'}; continue with "
                                   "--resume\n")
    assert "Traceback" not in stopped.stderr and not list((tmp_path / "run").glob("*.partial"))
    assert run(*arguments, "--resume", cut_off=NEVER).returncode == 0
    assert read_run(tmp_path / "run") == read_run(uninterrupted[0])


def test_ctrl_c_in_the_first_epoch_leaves_a_folder_that_can_be_used_again(tmp_path, data, undrawn):
    arguments = tiny_captioner.train_arguments(tmp_path / "run", *data, "--epochs", 1)
    stopped = run(*arguments, cut_off=("while training", 1, "SIGINT"))
    assert (stopped.returncode, stopped.stderr.splitlines()[-1][-11:]) == (130, "interrupted")
    train.main(arguments)
    assert (tmp_path / "run" / "best.safetensors").exists()


# ---------------------------------------------------------------------------------------------------- from start to end

def test_a_run_leaves_its_settings_metrics_weights_and_two_pictures(uninterrupted):
    folder, done = uninterrupted
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.safetensors", "captioner.json", "curve.png", "last.safetensors", "metrics.jsonl", "samples.png",
        "settings.json"]
    for name in ("curve.png", "samples.png"):
        with Image.open(folder / name) as image:
            assert image.format == "PNG" and min(image.size) > 200
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert {"loss", "dev_loss", "dev_perplexity", "bleu4", "cider"} <= set(lines[0])
    for epoch in range(1, 5):
        assert f"epoch {epoch:2d}  loss " in done.stdout
    assert "\r" not in done.stderr and "3/3" not in done.stderr  # of progress bars, which are for terminals
    assert "warning" not in done.stderr or "dev captions are distinct" in done.stderr


def test_all_settings_are_printed_and_saved_as_they_were_used(uninterrupted):
    folder, done = uninterrupted
    saved = json.loads((folder / "settings.json").read_text())
    assert set(saved) == {field.name for field in dataclasses.fields(TrainSettings)}
    assert saved["lr"] == 0.02 and saved["clip"] == 5.0 and saved["drop"] == RECIPES["features"]["drop"]
    shown = done.stdout.splitlines()[0]
    assert shown.startswith("settings: ")
    hidden = {name for name, value in saved.items() if value is not None and f" {name}={value}" not in shown}
    # of the other model, another objective, teachers, fine-tuning
    assert hidden == {"sentinel", "samples", "baseline", "distill", "finetune_lr"}


def test_it_learns_what_it_is_shown(data, tmp_path, undrawn):
    folder = tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 40, "--patience", 40, "--lr", 0.05,
                                      "--drop", 0, "--label-smoothing", 0)
    captioner = Captioner.load(folder)
    features = np.load(data[1])[9:].astype(np.float32)  # the three test pictures
    said = [beams[0][0] for beams in captioner.caption_inputs(features)]
    assert all(colour in caption.split() for colour, caption in zip(tiny_captioner.COLOURS, said, strict=True))


def test_a_resumed_run_that_was_complete_trains_no_further(data, tmp_path, undrawn, capsys):
    tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 2)
    before = read_run(tmp_path / "run")
    capsys.readouterr()
    tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 2, "--resume")
    assert "resuming after epoch 2" in capsys.readouterr().out
    assert read_run(tmp_path / "run") == before


@pytest.fixture
def few_shapes(monkeypatch):
    """--data shapes with a dozen scenes."""
    monkeypatch.setattr(train, "load_dataset", lambda *_, **__: ShapesDataset(train=8, dev=4, test=0, side=16))


SMALL_SHAPES = ("--device", "cpu", "--embedding", "6", "--hidden", "6", "--epochs", "1", "--batch-size", "4")


def test_without_any_option_the_built_in_scenes_are_learned_in_a_new_folder(few_shapes, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    train.main(SMALL_SHAPES)
    out = capsys.readouterr().out
    assert "data=shapes" in out and "ShapesDataset(train=8" in out
    assert "4 dev pictures with captions: runs/shapes-1/samples.png" in out
    assert (tmp_path / "runs" / "shapes-1" / "samples.png").exists()
    monkeypatch.setattr(train, "show", lambda *_: None)
    train.main(SMALL_SHAPES)
    assert (tmp_path / "runs" / "shapes-2" / "best.safetensors").exists()
    picture = ShapesDataset(train=0, dev=1, test=0, side=16).image("dev-00000")
    assert Captioner.load("runs/shapes-1", device="cpu").captions([picture])


def test_options_that_the_built_in_scenes_do_not_use_are_mentioned(few_shapes, monkeypatch, tmp_path, capsys, undrawn):
    monkeypatch.chdir(tmp_path)
    train.main([*SMALL_SHAPES, "--features", "fc7.npy"])
    warning = "warning: --features has no effect with --data shapes, whose pictures are generated\n"
    assert warning in capsys.readouterr().err


@pytest.mark.parametrize("given, warnings", [
    (("--data", "shapes", "--data-dir", "d", "--weights", "w.h5"),
     ["--data-dir, --weights have no effect with --data shapes, whose pictures are generated"]),
    (("--samples", "3", "--finetune-lr", "3"),
     ["--samples, --finetune-lr have no effect without --objective cider and --finetune"]),
    (("--word-dropout", "0.1", "--attention", "9", "--baseline", "others", "--samples", "1"),
     ["--attention, --word-dropout, --samples, --baseline have no effect without --model attend and "
      "--objective cider"]),
    (("--lr", "1", "--image", "first", "--samples", "5"), []),
])
def test_options_without_effect_are_all_named(tmp_path, capsys, given, warnings):
    settings = parse_settings(TrainSettings, "train", "", [*given, "--out", str(tmp_path / "run")])
    train.warn_of_unused(settings, settings.resolved())
    assert capsys.readouterr().err.splitlines() == [f"warning: {warning}" for warning in warnings]


def test_a_default_of_the_recipe_is_not_taken_for_an_option_that_was_given(capsys):
    """The recipe of the objective sets word_dropout, which show-tell does not have."""
    settings = TrainSettings(data="folder", out="run")
    train.warn_of_unused(settings, dataclasses.replace(settings.resolved(), word_dropout=0.0, attention=9))
    assert capsys.readouterr().err == ""


def test_features_are_made_once_and_kept_apart_for_each_folder(monkeypatch, tmp_path, undrawn, capsys):
    """Two folders whose pictures have the same names but show something else."""
    tiny_vgg.shrink(monkeypatch, size=32)
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(11, np.random.default_rng(0)))
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "cache"))
    folders = [tiny_captioner.write_folder(tmp_path / name) for name in ("mine", "yours")]
    for name in tiny_captioner.NAMES:
        Image.new("RGB", (40, 30), "white").save(folders[1] / name)
    for number, folder in enumerate([*folders, folders[0]]):
        capsys.readouterr()
        train.main(["--data", "folder", "--data-dir", str(folder), "--out", str(tmp_path / f"run-{number}"),
                    "--device", "cpu", "--epochs", "1", "--min-count", "1", "--embedding", "4", "--hidden", "4"])
        assert ("already there and up to date" in capsys.readouterr().err) == (number == 2)
    files = [json.loads((tmp_path / f"run-{n}" / "settings.json").read_text())["features"] for n in range(3)]
    assert files[0] == files[2] != files[1]
    assert (np.load(files[0]) != np.load(files[1])).any()
    description = json.loads((tmp_path / "run-0" / "captioner.json").read_text())
    assert description["source"]["network"] == {"family": "VGG", "depth": 11, "batch_norm": False}
    assert len(description["source"]["weights_sha256"]) == 64


# ------------------------------------------------------------------------------------------------------- gradient check

def test_gradcheck_prints_the_table_of_the_real_model_and_ends_well(few_shapes, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main([*SMALL_SHAPES, "--gradcheck"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("gradient check of ShowTell(") for line in lines)
    names = {line.split()[0]: line.split()[-1] for line in lines if line.startswith("  ")}
    assert {"encoder.conv1.W", "encoder.bn3.gamma", "embedding.W", "lstm.cell.U", "output.b"} <= set(names)
    assert set(names.values()) == {"ok"}
    assert not (tmp_path / "runs").exists()


def test_gradcheck_finds_a_planted_mistake_and_ends_with_1(data, tmp_path, monkeypatch, capsys):
    from minicap.recurrent import LSTM

    backward = LSTM.backward

    def forgetful(self, dy, cache):
        gradients = backward(self, dy, cache)
        self.cell.b.grad *= 0.9
        return gradients

    arguments = tiny_captioner.train_arguments(tmp_path / "run", *data, "--gradcheck")
    assert train.main(arguments) == 0
    capsys.readouterr()
    monkeypatch.setattr(LSTM, "backward", forgetful)
    assert train.main(arguments) == 1
    wrong = [line for line in capsys.readouterr().out.splitlines() if "backward gives" in line]
    assert len(wrong) == 1 and wrong[0].split()[0] == "lstm.cell.b" and "central difference" in wrong[0]
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------------------------------------- refusals

def test_an_existing_run_is_not_written_over(data, tmp_path, undrawn, monkeypatch):
    tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    monkeypatch.setattr(train, "load_dataset", None)  # and one learns it at once, not after features were extracted
    with pytest.raises(UserError, match="already has a training run; add --resume to continue it"):
        tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 1)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize("change, message", [
    (("--lr", 0.5), r"was trained with another lr= \(0\.02, not 0\.5\); resume with the settings of the run"),
    (("--hidden", 13), r"was trained with another hidden= \(12, not 13\)"),
    (("--select", "bleu4"), r"was trained with another select= \(cider, not bleu4\)"),
])
def test_a_run_that_is_resumed_with_other_settings_stays_as_it_was(data, tmp_path, undrawn, change, message):
    tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(UserError, match=message):
        tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 1, "--resume", *change)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize("arguments, message", [
    (("--epochs", 0), "epochs= has to be at least 1, not 0"),
    (("--batch-size", -1), "batch_size= has to be at least 1, not -1"),
    (("--patience", 0), "patience= has to be at least 1, not 0"),
    (("--seed", -1), "seed= has to be at least 0, not -1"),
    (("--warmup-epochs", "nan"), "warmup_epochs= has to be at least 0, not nan"),
    (("--lr", 0), "lr= has to be above 0, not 0"),
    (("--clip", -1), "clip= has to be above 0, not -1"),
    (("--drop", 1), "drop= has to be at least 0 and below 1, not 1"),
    (("--min-count", 100), "no word occurs 100 times in the 12 training captions; use a smaller min_count="),
    (("--device", "tpu"), "tpu"),
    (("--resume",), "has no run to resume; leave out --resume to start one"),
])
def test_settings_that_cannot_be_are_refused_by_name_before_anything_is_written(data, tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        tiny_captioner.run_train(tmp_path / "run", *data, *arguments)
    assert not (tmp_path / "run").exists()


def test_resuming_needs_the_folder_of_the_run():
    with pytest.raises(UserError, match="resume= needs out=, the folder of the run to continue"):
        train.main(["--resume"])


def test_features_of_another_layer_are_refused(data, tmp_path):
    np.save(tmp_path / "pool5.npy", np.zeros((12, 7, 7, 8), np.float16))
    description = json.loads(data[1].with_suffix(".json").read_text())
    description["source"] |= {"layer": "pool5", "shape": [7, 7, 8]}
    (tmp_path / "pool5.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=r"pool5\.npy holds pool5 features of shape \(7, 7, 8\); model='show-tell' "
                                        "reads fc7"):
        tiny_captioner.run_train(tmp_path / "run", data[0], tmp_path / "pool5.npy")


def test_a_learning_rate_that_is_too_large_is_told_so(data, tmp_path):
    with pytest.raises(UserError, match=r"the loss is not finite in epoch \d, .*; use a smaller lr= than 1e\+30"):
        tiny_captioner.run_train(tmp_path / "run", *data, "--lr", 1e30, "--device", "cpu")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["captioner.json", "settings.json"]


def test_the_warning_of_equal_captions_appears_in_a_real_run(data, tmp_path, capsys, undrawn, monkeypatch):
    monkeypatch.setattr(training, "caption_all", lambda captioner, inputs, **_: {n: "a picture" for n in inputs.names})
    tiny_captioner.run_train(tmp_path / "run", *data, "--epochs", 1)
    assert capsys.readouterr().err.count("warning: only 1 of 3 dev captions are distinct") == 1


def test_captions_without_any_word_are_refused_in_a_true_sentence(tmp_path, data):
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    (folder / "captions.csv").write_text("image,caption\n" + "".join(
        f"{name},\U0001f436\n" for name in tiny_captioner.NAMES), encoding="utf-8")
    with pytest.raises(UserError, match=r"none of the 6 training captions of folder has a word \(a letter or"):
        tiny_captioner.run_train(tmp_path / "run", folder, data[1])


def test_a_dev_split_of_one_image_cannot_choose_an_epoch_by_cider(tmp_path, data, undrawn, capsys):
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    (folder / "dev.txt").write_text(tiny_captioner.SPLITS["dev"][0])
    tiny_captioner.run_train(tmp_path / "cider", folder, data[1], "--epochs", 1)
    assert capsys.readouterr().err.count("warning: dev is a single image, whose CIDEr is always 0") == 1
    tiny_captioner.run_train(tmp_path / "bleu4", folder, data[1], "--epochs", 1, "--select", "bleu4")
    assert "always 0" not in capsys.readouterr().err
