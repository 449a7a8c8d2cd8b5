"""The captioners that come with the package."""

import shutil

import numpy as np
import pytest

from minicap import Captioner, evaluate
from minicap.captioning.checkpoint import checkpoint_folder, pretrained_folders
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.data.shapes_language import judge_captions
from minicap.errors import UserError

LARGEST = 10_000_000  # bytes


def test_each_is_small_and_complete():
    assert "shapes" in pretrained_folders()
    for folder in pretrained_folders().values():
        names = {path.name for path in folder.iterdir()}
        assert names >= {"captioner.json", "best.safetensors", "settings.json", "scores.json", "README.md"}
        assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST


def test_that_of_the_scenes_gets_their_facts_right():
    dataset = ShapesDataset(train=0, dev=0, test=200, seed=7)  # other scenes than those it was trained on
    captioner = Captioner.pretrained("shapes", device="cpu")
    names = dataset.splits["test"]
    found = captioner.captions([dataset.image(name) for name in names])
    facts = judge_captions({name: beams[0][0] for name, beams in zip(names, found, strict=True)}, dataset)
    assert min(kind["all"] for kind in facts.values() if kind["n"]) > 0.9, facts


def test_programs_know_them_by_name_but_a_checkpoint_of_that_name_goes_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert checkpoint_folder("shapes") == pretrained_folders()["shapes"]
    (tmp_path / "shapes").mkdir()  # a folder of something else
    evaluate.main(["--checkpoint", "shapes", "--device", "cpu", "--json"])
    assert '"cider": 4.' in capsys.readouterr().out
    shutil.copytree(pretrained_folders()["shapes"], tmp_path / "shapes", dirs_exist_ok=True)
    assert checkpoint_folder("shapes").resolve() == (tmp_path / "shapes").resolve()


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(UserError, match=r"has no captioner called 'nowhere', only .*shapes"):
        Captioner.pretrained("nowhere")
    with pytest.raises(UserError, match=r"nowhere does not exist; .* the package has captioners called .*shapes"):
        checkpoint_folder("nowhere")


def test_their_weights_are_halves_of_ordinary_numbers():
    for folder in pretrained_folders().values():
        state = Captioner.load(folder, device="cpu").model.state()
        assert all(np.isfinite(array).all() and array.any() for array in state.values())
