"""Mistakes of users, through the real programs: a one-line message on stderr, exit code 2, and no file changed.

Each reader's own tests go through the ways a file can be broken; here every kind of mistake meets every kind of program
once. The world is a folder with everything a program needs, and beside it everything that is broken.
"""

import contextlib
import dataclasses
import errno
import importlib
import json
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from PIL import Image
from safetensors.numpy import save_file

import minicap
from minicap import caption, classify, cli, evaluate, export, extract, score, train
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors, save_tensors
from minicap.captioning.training import trainer as training
from minicap.files import write_json


class Harm:
    """Unpickled, this creates a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The world: everything is in order but what stands in the folder ``bad``."""
    with pytest.MonkeyPatch.context() as patch:
        tiny_vgg.shrink(patch, size=32)
        patch.setattr(train, "show", lambda *_: None)
        world = tmp_path_factory.mktemp("world")
        tiny_captioner.write_folder(world / "pictures")
        for seed in (0, 1):
            tiny_vgg.save_keras(world / f"vgg-{seed}.h5", tiny_vgg.random_vgg(11, np.random.default_rng(seed)))
        patch.chdir(world)
        extract.main(["--data", "folder", "--data-dir", "pictures", "--weights", "vgg-0.h5", "--out", "features.npy"])
        train.main(tiny_captioner.train_arguments("run", "pictures", "features.npy", "--epochs", 1))
        write_json(world / "predictions.json", {name: "a red picture" for name in tiny_captioner.NAMES})
        make_bad_things(world / "bad", world)
        yield world


def make_bad_things(bad, world):
    bad.mkdir()
    h5 = (world / "vgg-0.h5").read_bytes()
    (bad / "truncated.h5").write_bytes(h5[:len(h5) // 2])
    save_file({"features.0.weight": np.zeros((4, 3, 3, 3), np.float32)}, bad / "truncated.safetensors")
    (bad / "truncated.safetensors").write_bytes((bad / "truncated.safetensors").read_bytes()[:-100])
    np.savez(bad / "resnet.npz", **{"layer1.0.conv1.weight": np.zeros((4, 4, 3, 3))})
    with zipfile.ZipFile(bad / "harm.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": Harm(bad / "harm was done")}, 2))
        archive.writestr("archive/version", "3\n")
    (bad / "web page.h5").write_text("<!DOCTYPE html><html>404</html>")

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)).save(bad / "whole.jpg")
    jpeg = (bad / "whole.jpg").read_bytes()
    (bad / "truncated.jpg").write_bytes(jpeg[:len(jpeg) // 2])
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "text.jpg").write_text("no picture")

    (bad / "broken.csv").write_text("image,caption\nred-0.png,a red picture\ngreen-0.png\n")
    (bad / "broken.txt").write_text("red-0.png#0\ta red picture\nno tab and no number\n")
    (bad / "broken.json").write_text('{"red-0.png": "a red picture"')
    shutil.copytree(world / "pictures", bad / "broken captions")
    shutil.copy(bad / "broken.csv", bad / "broken captions" / "captions.csv")
    shutil.copytree(world / "pictures", bad / "no captions")
    (bad / "no captions" / "captions.csv").unlink()

    def run(name):
        return shutil.copytree(world / "run", bad / name)

    words = json.loads((run("other words") / "captioner.json").read_text())
    words["vocabulary"]["words"].reverse()
    words["vocabulary"]["words"] = words["vocabulary"]["words"][-4:][::-1] + words["vocabulary"]["words"][:-4]
    write_json(bad / "other words" / "captioner.json", words)
    write_json(run("other version") / "captioner.json", words | {"format": 9})
    for weights in ("best", "last"):
        path = run(f"newer {weights}") / f"{weights}.safetensors"
        save_file({}, path, metadata={"minicap": '{"format": 9}'})
        path = run(f"truncated {weights}") / f"{weights}.safetensors"
        path.write_bytes(path.read_bytes()[:-50])
        path = run(f"somebody's {weights}") / f"{weights}.safetensors"
        header = json.dumps({"W": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    for weights in ("best", "last"):
        path = run(f"nan {weights}") / f"{weights}.safetensors"
        tensors, facts = load_tensors(path, "checkpoint")
        tensors["lstm.cell.U" if weights == "best" else "model/lstm.cell.U"][0, 0] = np.nan
        save_tensors(path, tensors, facts)
    array = np.load(world / "features.npy")
    array[sorted(tiny_captioner.NAMES).index("red-1.png"), 0] = np.nan
    np.save(bad / "nan.npy", array)
    shutil.copy(world / "features.json", bad / "nan.json")
    (bad / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    (bad / "own").mkdir()
    write_json(bad / "own" / "settings.json", {"editor": "vi"})
    (run("broken description") / "captioner.json").write_text("{")
    (run("no weights") / "best.safetensors").unlink()
    (run("no settings") / "settings.json").unlink()
    (run("a list of settings") / "settings.json").write_text("[]")
    (run("one setting") / "settings.json").write_text('{"data": "folder"}')
    shutil.copy(world / "run" / "best.safetensors", run("weights alone") / "last.safetensors")


def snapshot(world):
    return {path: None if path.is_dir() else path.read_bytes() for path in world.rglob("*")}


@pytest.fixture
def end(good, capsys, monkeypatch):
    """Runs a program as its users do, in the world; returns its exit code, its "error: " lines and all of stderr."""
    monkeypatch.chdir(good)
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", str(good / "nowhere"))

    def call(program, *arguments):
        with pytest.raises(SystemExit) as stopped:
            cli.run_program(program.main, [str(a) for a in arguments])
        err = capsys.readouterr().err
        assert "Traceback" not in err
        return stopped.value.code, [line for line in err.splitlines() if line.startswith("error: ")], err
    return call


def on_data(*more):
    """A training run on the pictures of the world."""
    return train, *tiny_captioner.train_arguments("out", "pictures", "features.npy", *more)


def with_weights(weights):
    return extract, "--data", "folder", "--data-dir", "pictures", "--out", "out.npy", "--weights", weights


CODE = f"asks for {os.mkdir.__module__}.mkdir"
CAPTION = (caption, "bad/whole.jpg", "--device", "cpu", "--checkpoint")
EVALUATE = (evaluate, "--device", "cpu", "--predictions", "said.json", "--checkpoint")
CLASSIFY = (classify, "--device", "cpu", "--resize", "32", "--crop", "32")

MISTAKES = {
    # a missing file or folder
    "train: no data folder": (*on_data("--data-dir", "gone"), "gone is not a folder"),
    "train: no Flickr8k": (train, "--data", "flickr8k", "--data-dir", "gone", "--out", "out", "gone"),
    "train: no features": (*on_data("--features", "gone.npy"), "feature file gone.npy does not exist"),
    "train: no split lists": (*on_data("--splits", "gone"), "gone has no Flickr_8k.trainImages.txt or train.txt"),
    "train: no weights": (train, "--data", "folder", "--data-dir", "pictures", "--out", "out", "--weights", "gone.h5",
                          "gone.h5 does not exist"),
    "train: no weights anywhere": (train, "--data", "folder", "--data-dir", "pictures", "--out", "out",
                                   "there are no weights of VGG here"),
    "train: no captions": (*on_data("--data-dir", "bad/no captions"), "bad/no captions has no caption file"),
    "train: no run to resume": (*on_data("--resume"), "out has no run to resume"),
    "extract: no weights": (*with_weights("gone.h5"), "weights file gone.h5 does not exist"),
    "extract: no data": (*with_weights("vgg-0.h5"), "--data-dir", "gone", "gone is not a folder"),
    "caption: no picture": (caption, "gone.jpg", *CAPTION[2:], "run", "gone.jpg does not exist"),
    "caption: no checkpoint": (*CAPTION, "gone", "checkpoint folder gone does not exist"),
    "caption: no VGG": (*CAPTION, "run", "--weights", "gone.h5", "gone.h5 does not exist"),
    "caption: no VGG anywhere": (*CAPTION, "run", "there are no weights of VGG-11 here"),
    "caption: no best epoch": (*CAPTION, "bad/no weights", "best.safetensors does not exist"),
    "evaluate: no checkpoint": (*EVALUATE, "gone", "checkpoint folder gone does not exist"),
    "evaluate: no features": (*EVALUATE, "run", "--features", "gone.npy", "feature file gone.npy does not exist"),
    "evaluate: no settings": (*EVALUATE, "bad/no settings", "settings.json does not exist"),
    "score: no predictions": (score, "gone.json", "--references", "pictures/captions.csv", "gone.json does not exist"),
    "score: no references": (score, "predictions.json", "--references", "gone.csv", "gone.csv does not exist"),
    "classify: no picture": (*CLASSIFY, "gone.jpg", "--weights", "vgg-0.h5", "gone.jpg does not exist"),
    "classify: no weights": (*CLASSIFY, "bad/whole.jpg", "--weights", "gone.h5", "gone.h5 does not exist"),
    # an option that does not exist, or without its value
    "train: an unknown option": (*on_data("--epoch", 1), "unrecognized arguments: --epoch 1; python -m minicap.train "
                                 "--help lists the options"),
    "evaluate: an option without value": (*EVALUATE, "run", "--beam", "argument --beam: expected one argument"),
    # a folder where a file is meant, a file where a folder is meant
    "train: a folder of features": (*on_data("--features", "run"), "run is not a feature file of minicap"),
    "train: a file of data": (*on_data("--data-dir", "features.npy"), "features.npy is not a folder"),
    "train: a file to write into": (*on_data("--out", "vgg-0.h5"), "--out vgg-0.h5 is a file; name a folder"),
    "train: a folder inside a file": (*on_data("--out", "vgg-0.h5/run"), "cannot write vgg-0.h5/run/settings.json"),
    "extract: a folder of weights": (*with_weights("run"), "run is a folder; weights file has to be a file"),
    "caption: a folder of pictures": (caption, "pictures", *CAPTION[2:], "run", "pictures is a folder"),
    "caption: a file of a checkpoint": (*CAPTION, "run/best.safetensors", "is a file, not a folder"),
    "caption: a folder of weights": (*CAPTION, "run", "--weights", "pictures", "pictures is a folder"),
    "caption: another folder": (*CAPTION, "pictures", "pictures has no captioner.json, so it is not a checkpoint"),
    "evaluate: a folder to write to": (evaluate, "--checkpoint", "run", "--device", "cpu", "--predictions", "pictures",
                                       "--predictions pictures is a folder; name a file"),
    "evaluate: a folder that is not there": (evaluate, "--checkpoint", "run", "--device", "cpu", "--predictions", "p/",
                                             "--predictions p/ is a folder; name a file"),
    "evaluate: a file as a folder": (evaluate, "--checkpoint", "run", "--device", "cpu", "--html", "vgg-0.h5/a.html",
                                     "cannot be written, as "),
    "evaluate: predictions over captions": (evaluate, "--checkpoint", "run", "--device", "cpu", "--predictions",
                                            "pictures/captions.csv", "captions.csv is there already and was not writ"),
    "evaluate: a page over predictions": (evaluate, "--checkpoint", "run", "--device", "cpu", "--html",
                                          "predictions.json", "predictions.json is there already and was not written"),
    "evaluate: two into one": (evaluate, "--checkpoint", "run", "--device", "cpu", "--html", "new", "--predictions",
                               "./new", "--predictions ./new would replace the file of --html; name another file"),
    "caption: attention over the photograph": (*CAPTION, "run", "--attention", "pictures/red-1.png",
                                               "red-1.png is there already and was not written by this option"),
    "caption: attention over the photographs": (*CAPTION, "run", "--attention", "./bad/whole.jpg",
                                                "--attention ./bad/whole.jpg would replace the file of images"),
    "score: scores over a run": (score, "predictions.json", "--references", "pictures/captions.csv", "--per-image",
                                 "run/settings.json", "run/settings.json is there already and was not written by"),
    "extract: a folder that is not there": (*with_weights("vgg-0.h5"), "--out", "features/",
                                            "features/ is a folder; name a file of features"),
    "score: a folder of predictions": (score, "run", "--references", "pictures/captions.csv", "run is a folder"),
    "score: a folder of references": (score, "predictions.json", "--references", "run", "run is a folder"),
    # weights that are truncated, of another network, or would run code
    "extract: truncated h5": (*with_weights("bad/truncated.h5"), "bad/truncated.h5"),
    "extract: truncated safetensors": (*with_weights("bad/truncated.safetensors"), "bad/truncated.safetensors"),
    "extract: another network": (*with_weights("bad/resnet.npz"), "bad/resnet.npz is not a VGG network"),
    "extract: a pickle with code": (*with_weights("bad/harm.pth"), CODE),
    "extract: a web page": (*with_weights("bad/web page.h5"), "bad/web page.h5"),
    "caption: truncated VGG": (*CAPTION, "run", "--weights", "bad/truncated.h5", "bad/truncated.h5"),
    "caption: a pickle with code": (*CAPTION, "run", "--weights", "bad/harm.pth", CODE),
    "caption: another VGG": (*CAPTION, "run", "--weights", "vgg-1.h5",
                             "vgg-1.h5 is not the network that this captioner was trained with"),
    "classify: a pickle with code": (*CLASSIFY, "bad/whole.jpg", "--weights", "bad/harm.pth", CODE),
    "train: another network": (train, "--data", "folder", "--data-dir", "pictures", "--out", "out", "--weights",
                               "bad/resnet.npz", "bad/resnet.npz is not a VGG network"),
    # an unreadable image
    "caption: a truncated picture": (caption, "bad/truncated.jpg", *CAPTION[2:], "run", "truncated.jpg is truncated"),
    "caption: an odd name": (caption, "x=.jpg", *CAPTION[2:], "run", "x=.jpg does not exist"),
    "caption: an empty picture": (caption, "bad/empty.jpg", *CAPTION[2:], "run", "bad/empty.jpg is empty"),
    "caption: no picture at all": (caption, "bad/text.jpg", *CAPTION[2:], "run", "bad/text.jpg is not an image"),
    "classify: no picture at all": (*CLASSIFY, "bad/text.jpg", "--weights", "vgg-0.h5", "bad/text.jpg is not an image"),
    # a caption file with broken lines
    "train: a broken line": (*on_data("--data-dir", "bad/broken captions"), "captions.csv, line 3: expected"),
    "score: a broken csv": (score, "predictions.json", "--references", "bad/broken.csv", "bad/broken.csv, line 3"),
    "score: a broken token file": (score, "predictions.json", "--references", "bad/broken.txt", "broken.txt, line 2"),
    "score: broken predictions": (score, "bad/broken.json", "--references", "pictures/captions.csv",
                                  "bad/broken.json, line 1: this is not valid JSON"),
    # a checkpoint of another vocabulary or version, or damaged
    "caption: other words": (*CAPTION, "bad/other words", "best.safetensors was trained with another vocabulary"),
    "caption: other version": (*CAPTION, "bad/other version", "is not of checkpoint format 1 or 2; use the version"),
    "caption: newer weights": (*CAPTION, "bad/newer best",
                               "has checkpoint format 9, this version of minicap reads 1 or 2"),
    "caption: truncated weights": (*CAPTION, "bad/truncated best", "best.safetensors is damaged"),
    "caption: somebody's weights": (*CAPTION, "bad/somebody's best", "was not written by minicap"),
    "caption: broken description": (*CAPTION, "bad/broken description", "captioner.json is not valid JSON"),
    "caption: weights of nan": (*CAPTION, "bad/nan best", "bad/nan best/best.safetensors holds values that are not "
                                "finite (nan or inf) in the tensor lstm.cell.U"),
    "train: going on from nan": (*on_data("--out", "bad/nan last", "--resume"), "bad/nan last/last.safetensors holds "
                                 "values that are not finite (nan or inf) in the tensor model/lstm.cell.U"),
    "train: a .mat file": (*on_data("--features", "bad/x.mat"), "bad/x.mat is not a feature file of minicap"),
    "train: a folder with other files": (*on_data("--out", "bad/own"), "bad/own/settings.json is there already and was "
                                         "not written by a training run"),
    "extract: beside a file of others": (*with_weights("vgg-0.h5"), "--out", "bad/own/settings", "bad/own/settings.json"
                                         ", where the description of settings.npy has to be, is there already"),
    "evaluate: other words": (*EVALUATE, "bad/other words", "best.safetensors was trained with another vocabulary"),
    "evaluate: newer weights": (*EVALUATE, "bad/newer best",
                                "has checkpoint format 9, this version of minicap reads 1 or 2"),
    "train: a list of settings": (*on_data("--init", "bad/a list of settings"), "content has to be an object, and not"),
    "train: one setting": (*on_data("--init", "bad/one setting"), "settings.json is not what belongs there: model is"),
    "train: a file of a run": (*on_data("--init", "run/best.safetensors"), "is a file, not a folder that training has"),
    "train: no run to fine-tune": (*on_data("--finetune", "block5"), "name that run with --init"),
    "export: a list of settings": (export, "bad/a list of settings", "out", "settings.json is not what belongs"),
    "train: newer run": (*on_data("--out", "bad/newer last", "--resume"), "has checkpoint format 9"),
    "train: truncated run": (*on_data("--out", "bad/truncated last", "--resume"), "last.safetensors is damaged"),
    "train: somebody's run": (*on_data("--out", "bad/somebody's last", "--resume"), "was not written by minicap"),
    "train: weights alone": (*on_data("--out", "bad/weights alone", "--epochs", 1, "--resume"), "holds weights but no"),
    "train: other settings": (*on_data("--out", "run", "--epochs", 1, "--lr", 1, "--resume"),
                              "was trained with another --lr (0.02, not 1.0)"),
    "train: over a run": (*on_data("--out", "run"), "run already has a training run; add --resume"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_on_stderr_exit_code_2_and_changes_no_file(end, good, mistake):
    program, *arguments, words = MISTAKES[mistake]
    before = snapshot(good)
    code, errors, err = end(program, *arguments)
    assert code == 2, err
    assert len(errors) == 1 and words in errors[0], err
    assert snapshot(good) == before
    assert not (good / "bad" / "harm was done").exists()


def test_the_world_itself_is_in_order(good, end):
    """Otherwise the tests above would pass for the wrong reason: with nothing wrong nothing is refused."""
    for program, *arguments in (with_weights("vgg-0.h5"), (*EVALUATE, "run"), on_data("--epochs", 1),
                                (*CLASSIFY, "bad/whole.jpg", "--weights", "vgg-0.h5"),
                                (score, "predictions.json", "--references", "pictures/captions.csv"),
                                on_data("--out", "run", "--epochs", 1, "--resume")):
        code, errors, err = end(program, *arguments)
        assert (code, errors) == (0, []), err
    for path in (good / "out.npy", good / "out.json", good / "said.json"):
        path.unlink()
    shutil.rmtree(good / "out")
    pickle.loads(pickle.dumps(Harm(good / "harm")))  # the attack is real
    (good / "harm").rmdir()


def test_what_these_options_have_written_they_write_again(end, good):
    before = snapshot(good)
    for arguments in ((*EVALUATE, "run", "--html", "page.html"),
                      (score, "said.json", "--references", "pictures/captions.csv", "--images", "pictures/dev.txt",
                       "--per-image", "scores.json")):
        for _ in range(2):
            code, errors, err = end(*arguments)
            assert (code, errors) == (0, []), err
    for name in ("said.json", "page.html", "scores.json"):
        (good / name).unlink()
    assert snapshot(good) == before


def test_weights_named_in_the_environment_are_looked_at_as_closely(end, monkeypatch):
    for weights, words in (("gone.h5", "MINICAP_WEIGHTS gone.h5 does not exist"),
                           ("bad/harm.pth", CODE),
                           ("vgg-1.h5", "vgg-1.h5 is not the network that this captioner was trained with")):
        monkeypatch.setenv("MINICAP_WEIGHTS", weights)
        code, errors, _ = end(*CAPTION, "run")
        assert code == 2 and len(errors) == 1 and words in errors[0]


# ---------------------------------------------------------------------------------------------------------- a full disk

@contextlib.contextmanager
def small_disk(limit):
    """No file of this process may grow beyond ``limit`` bytes: writing more fails as it does on a full disk."""
    resource = pytest.importorskip("resource", reason="this system cannot limit the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_training_on_a_full_disk_is_one_sentence_and_no_file_is_half_written(end, good):
    whole = {name: (good / "run" / name).stat().st_size for name in ("last.safetensors", "best.safetensors")}
    with small_disk((whole["last.safetensors"] + whole["best.safetensors"]) // 2):
        code, errors, _ = end(*on_data())
    assert code == 2 and len(errors) == 1
    assert "cannot write out/last.safetensors: File too large; free some space or choose another place" in errors[0]
    assert sorted(path.name for path in (good / "out").iterdir()) == ["best.safetensors", "captioner.json",
                                                                      "metrics.jsonl", "settings.json"]
    shutil.rmtree(good / "out")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_finds_the_disk_full_is_one_sentence_too(good):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "minicap.score", "predictions.json", "--references",
                               "pictures/captions.csv", "--json"], stdout=full, stderr=subprocess.PIPE, text=True,
                              cwd=good)
    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


def test_a_file_that_may_not_be_read_is_one_sentence(end, good, monkeypatch):
    def forbidden(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", forbidden)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    for arguments in ((*EVALUATE, "run"), (*CAPTION, "run")):
        code, errors, _ = end(*arguments)
        assert code == 2 and errors[0].startswith("error: Permission denied: run/")


@pytest.mark.parametrize("arguments", [(*EVALUATE, "run"), with_weights("vgg-0.h5")], ids=["evaluate", "extract"])
def test_other_programs_on_a_full_disk_leave_nothing_either(end, good, arguments):
    before = snapshot(good)
    with small_disk(50):
        code, errors, _ = end(*arguments)
    assert code == 2 and len(errors) == 1 and "cannot write" in errors[0] and "free some space" in errors[0]
    assert snapshot(good) == before


# ----------------------------------------------------------------------------------------- Ctrl-C, a loss that explodes

def test_features_that_are_not_finite_are_not_blamed_on_the_learning_rate(end, good):
    code, errors, err = end(*on_data("--features", "bad/nan.npy"))
    assert (code, errors) == (2, ["error: bad/nan.npy holds features of red-1.png that are not finite (nan or inf); "
                                  "make the features again, from weights and pictures that are in order"])
    assert sorted(path.name for path in (good / "out").iterdir()) == ["captioner.json", "settings.json"]
    assert end(*on_data("--epochs", 1))[0] == 0  # what is left of it is a training run's and may be overwritten
    shutil.rmtree(good / "out")
    code, errors, _ = end(*EVALUATE, "run", "--split", "dev", "--features", "bad/nan.npy")
    assert code == 0  # dev has none of the bad images, and only the rows of dev are read
    (good / "said.json").unlink()


@pytest.mark.parametrize("arguments, where", [
    ((*EVALUATE, "run"), "minicap.evaluate.caption_all"),
    ((*CAPTION, "run", "--weights", "vgg-0.h5"), "minicap.captioning.captioner.Captioner.captions"),
    ((score, "predictions.json", "--references", "pictures/captions.csv", "--per-image", "scores.json"),
     "minicap.score.scores_of_sums"),
    (with_weights("vgg-0.h5"), "minicap.extract.Extractor"),
], ids=["evaluate", "caption", "score", "extract"])
def test_ctrl_c_ends_with_130_one_word_and_no_file(end, good, monkeypatch, arguments, where):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    before = snapshot(good)
    monkeypatch.setattr(where, interrupted)
    assert end(*arguments) == (130, [], "interrupted\n")
    assert snapshot(good) == before


@pytest.fixture
def second_epoch(monkeypatch):
    """Makes the steps of the second epoch give ``loss(the loss they would have)``."""
    def make(loss):
        step = training.Trainer.step

        def changed(trainer, batch):
            value, words = step(trainer, batch)
            return loss(value) if trainer.epoch == 1 else value, words

        monkeypatch.setattr(training.Trainer, "step", changed)
    return make


def interrupt(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("loss, code, words", [
    (lambda loss: loss * np.float32(np.nan), 2, "error: the loss is not finite in epoch 2"),
    (lambda loss: loss * np.float32(np.inf), 2, "error: the loss is not finite in epoch 2"),
    (interrupt, 130, "interrupted: the last checkpoint is in out; continue with --resume"),
], ids=["nan", "inf", "Ctrl-C"])
def test_what_ends_the_second_epoch_leaves_the_checkpoint_of_the_first(end, good, second_epoch, loss, code, words):
    second_epoch(loss)
    found, errors, err = end(*on_data())
    assert found == code and len(errors) == (code == 2)
    assert err.replace("\r", "\n").splitlines()[-1].startswith(words)  # on its own line, not behind the progress bar
    assert "RuntimeWarning" not in err
    _, facts = load_tensors(good / "out" / "last.safetensors", "checkpoint")
    assert facts["epoch"] == 1 and len((good / "out" / "metrics.jsonl").read_text().splitlines()) == 1
    assert Captioner.load(good / "out", device="cpu").caption_inputs(np.load(good / "features.npy")[:1].astype("f4"))
    assert not list((good / "out").glob("*.partial"))
    shutil.rmtree(good / "out")


def test_a_learning_rate_at_which_everything_overflows_is_one_sentence(end, good, recwarn):
    code, errors, err = end(*on_data("--lr", 1e30))
    assert code == 2 and len(errors) == 1 and "use a smaller --lr than 1e+30" in errors[0]
    assert "Warning" not in err and not list(recwarn)
    assert sorted(path.name for path in (good / "out").iterdir()) == ["captioner.json", "settings.json"]
    shutil.rmtree(good / "out")


# ------------------------------------------------------------------------------------------------- the programs' --help

HERE = Path(minicap.__file__).parent
PROGRAMS = sorted({path.relative_to(HERE).with_suffix("").as_posix().replace("/", ".")
                   for path in (*HERE.glob("*.py"), *HERE.glob("download/*.py"), *HERE.glob("demo/*.py"))
                   if "    run_program(main" in path.read_text(encoding="utf-8")})


def test_all_programs_are_found():
    assert {"train", "caption", "evaluate", "score", "extract", "classify", "download.__main__",
            "demo.__main__", "doctor"} <= set(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_names_every_option_and_what_it_does(program, monkeypatch, capsys):
    module = importlib.import_module(f"minicap.{program}")
    asked = []
    monkeypatch.setattr(module, "parse_settings", lambda settings_class, *a: (
        asked.append(settings_class), cli.parse_settings(settings_class, *a))[1])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as end:
        cli.run_program(module.main, ["--help"])
    out, err = capsys.readouterr()
    assert (end.value.code, err) == (0, "")
    assert f"python -m minicap.{program.removesuffix('.__main__')}" in out
    (settings_class,) = asked
    out = " ".join(out.split())
    for field in dataclasses.fields(settings_class):
        if option := field.metadata:
            name = "" if option["positional"] else "--" + field.name.replace("_", "-")
            # the option, what it takes, what it means
            assert re.search(rf"{name}\b.{{0,60}}? {re.escape(' '.join(option['help'].split()))}", out), field.name
