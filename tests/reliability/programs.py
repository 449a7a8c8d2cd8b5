"""All programs with a small world to run in, for the fuzzing of their command lines."""

import contextlib
import dataclasses
import importlib
import os
import shutil
import typing

import pytest
import tiny_captioner
import tiny_vgg

from minicap.cli import flag
from minicap.errors import UserError
from minicap.files import write_json

SETTINGS = {"train": "captioning.training.settings.TrainSettings", "extract": "extract.ExtractSettings",
            "caption": "caption.CaptionSettings", "classify": "classify.ClassifySettings",
            "evaluate": "evaluate.EvaluateSettings", "score": "score.ScoreSettings", "export": "export.ExportSettings"}
COMMANDS = {
    "train": [str(a) for a in tiny_captioner.train_arguments("new", "data", "features.npy", "--epochs", 1)],
    "extract": ["--data", "folder", "--data-dir", "data", "--weights", "vgg.h5", "--out", "out.npy"],
    "caption": ["data/red-0.png", "--checkpoint", "attend", "--weights", "vgg.h5"],
    "classify": ["data/red-0.png", "--weights", "vgg.h5"],
    "evaluate": ["--checkpoint", "run", "--features", "features.npy"],
    "score": ["predictions.json", "--references", "data/captions.csv"],
    "export": ["run", "exported"],
}
NOT_TRIED = {("train", "--out")}  # the root of the disk is a folder like others to somebody who may write there


def options(program):
    """(flag, "int", "float" or "str", whether it is positional) of each option that takes a value."""
    module, _, name = SETTINGS[program].rpartition(".")
    settings = getattr(importlib.import_module(f"minicap.{module}"), name)
    hints, found = typing.get_type_hints(settings), []
    for field in dataclasses.fields(settings):
        kinds = [kind for kind in (hints[field.name], *typing.get_args(hints[field.name])) if kind in (int, float, str)]
        if kinds and (program, flag(field.name)) not in NOT_TRIED:
            found.append((flag(field.name), kinds[0].__name__, field.metadata["positional"]))
    return found


def make_world(folder):
    """A data set, features, weights, a run and predictions; the present folder has to be ``folder``."""
    import numpy as np

    from minicap import extract, train

    tiny_captioner.write_folder(folder / "data")
    tiny_captioner.write_features(folder / "features.npy")
    tiny_vgg.save_keras(folder / "vgg.h5", tiny_vgg.random_vgg(19, np.random.default_rng(0)))
    train.show = lambda *_: None  # plots take seconds
    train.main([str(a) for a in tiny_captioner.train_arguments("run", "data", "features.npy", "--epochs", 1)])
    extract.main(["--data", "folder", "--data-dir", "data", "--weights", "vgg.h5", "--layer", "conv5_4", "--out",
                  "regions.npy"])
    attend = ("--epochs", 1, "--model", "attend", "--attention", 5)
    train.main([str(a) for a in tiny_captioner.train_arguments("attend", "data", "regions.npy", *attend)])
    write_json(folder / "predictions.json", {name: "a red picture" for name in tiny_captioner.NAMES})
    np.save(folder / "own.npy", np.random.default_rng(0).normal(size=(len(tiny_captioner.NAMES), 5)))
    (folder / "names.txt").write_text("\n".join(tiny_captioner.NAMES))


@contextlib.contextmanager
def inside(folder):
    """``folder`` is the present folder, networks are small."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            tiny_vgg.shrink(patch, size=32)
            yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def world(folder):
    """A world in ``folder``, to work :func:`inside`."""
    with inside(folder):
        with (open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere),
              contextlib.redirect_stderr(nowhere)):
            make_world(folder)
        yield


def start(program, arguments):
    """Run a program in this process."""
    module = f"minicap.{program}" + ".__main__" * (program in ("learn", "download"))
    importlib.import_module(module).main(arguments)


def run(arguments, folder):
    """Run a program here; SystemExit(2) and OSError are refusals like a UserError. What it writes is deleted."""
    program, *arguments = arguments
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    try:
        start(program, arguments)
    except OSError as error:  # run_program makes a sentence of it
        raise UserError(str(error)) from error
    except SystemExit as exit:
        if exit.code == 2:
            raise UserError("refused by the parser") from exit
        assert not exit.code, exit.code
    finally:
        for path in sorted(set(folder.rglob("*")) - before.keys()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    changed = [path for path, time in before.items() if not path.exists() or
               (path.is_file() and path.stat().st_mtime_ns != time)]
    assert not changed, f"has changed {changed}"
