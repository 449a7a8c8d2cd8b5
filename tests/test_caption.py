"""The captioning program: one line or one JSON object for each picture, whether or not others can be read."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_captioner
from PIL import Image

from minicap import caption
from minicap.backend import CPU, FEW, for_few
from minicap.captioning.captioner import Captioner
from minicap.captioning.ensemble import Ensemble, with_mirror
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowTellSettings
from minicap.cli import run_program
from minicap.errors import UserError


@pytest.fixture
def folder(tmp_path):
    return tiny_captioner.save_checkpoint(tmp_path / "run", tiny_captioner.pixel_captioner())


@pytest.fixture
def photos(tmp_path, rng):
    """Three photographs of different sizes and kinds; their paths."""
    paths = [tmp_path / "one.jpg", tmp_path / "two words.png", tmp_path / "drei-ü.png"]
    for path, size in zip(paths, ((30, 40, 3), (50, 20, 3), (9, 9, 3)), strict=True):
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(path)
    return [str(path) for path in paths]


@pytest.fixture
def run(folder, capsys):
    """Captions pictures; returns exit code, lines on stdout, text on stderr."""
    def call(*arguments):
        code = caption.main(["--checkpoint", str(folder), "--device", "cpu", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err
    return call


def test_json_has_one_object_a_line_with_all_beams_best_first(run, photos):
    code, lines, err = run(*photos, "--json")
    assert code == 0 and err == ""
    found = [json.loads(line) for line in lines]
    assert [entry["image"] for entry in found] == photos
    for entry in found:
        assert list(entry) == ["image", "caption", "beams"] and len(entry["beams"]) == 3
        assert entry["caption"] == entry["beams"][0]["caption"]
        assert all(list(beam) == ["caption", "logp"] and beam["logp"] < 0 for beam in entry["beams"])
    assert len({entry["caption"] for entry in found}) > 1


def test_people_get_the_picture_and_its_caption(run, photos, folder):
    captioner = Captioner.load(folder, device="cpu")
    code, lines, err = run(*photos)
    assert (code, err) == (0, "")
    assert lines == [f"{photo}: {captioner.caption(photo)}" for photo in photos]


def test_options_of_the_search_reach_it(run, photos, folder):
    captioner = Captioner.load(folder, device="cpu")
    for options, expected in ((("--beam", 1), {"beam": 1}), (("--beam", 5, "--length-penalty", 2), {
            "beam": 5, "length_penalty": 2.0}), (("--max-length", 1), {"max_length": 1}),
            *(((flag, 1), {"no_repeat_ngram_size": 1}) for flag in ("--no-repeat-ngram-size", "--no-repeat"))):
        _, (line,), _ = run(photos[0], "--json", *options)
        (beams,) = captioner.captions([photos[0]], **expected)
        found = json.loads(line)["beams"]
        assert [beam["caption"] for beam in found] == [text for text, _ in beams]
        assert [beam["logp"] for beam in found] == pytest.approx([logp for _, logp in beams], abs=1e-3)


def test_numba_is_not_loaded_for_a_few_photographs_that_need_no_more_than_a_beam(run, photos, monkeypatch):
    found = []
    monkeypatch.setattr(caption, "caption", lambda settings: found.append(for_few()))
    for arguments in (photos[:1], FEW * photos[:1], (FEW + 1) * photos[:1], [photos[0], "--mbr-samples", "5"]):
        run(*arguments)
    assert found == [True, True, False, False] and not for_few()


def test_an_unreadable_picture_is_named_and_the_others_are_captioned(run, photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    code, lines, err = run(photos[0], tmp_path / "broken.jpg", tmp_path / "gone.jpg", tmp_path, photos[1], "--json")
    assert code == 2
    assert [json.loads(line)["image"] for line in lines] == photos[:2]
    errors = err.splitlines()
    assert len(errors) == 3 and all(line.startswith("error: ") for line in errors)
    assert "broken.jpg" in errors[0] and "gone.jpg does not exist" in errors[1] and "is a folder" in errors[2]


def test_captions_beyond_ascii_stay_readable(monkeypatch, run, photos):
    monkeypatch.setattr(Captioner, "captions", lambda *_, **__: [[("ein Hund läuft", -1.23456)]])
    _, (line,), _ = run(photos[2], "--json")
    assert "ein Hund läuft" in line and "drei-ü.png" in line
    assert json.loads(line)["beams"] == [{"caption": "ein Hund läuft", "logp": -1.2346}]


def test_a_temperature_draws_captions_which_a_seed_repeats(run, photos, folder):
    def said(*options):
        return [json.loads(line)["caption"] for line in run(*photos, "--json", *options)[1]]

    assert said("--temperature", 0) == said("--beam", 1)
    assert said("--temperature", 3, "--seed", 1) == said("--temperature", 3, "--seed", 1) != said("--temperature", 3)
    for options, message in ((("--temperature", "-1"), "temperature= has to be a number from 0 on, got -1"),
                             (("--seed", "-1"), "seed= has to be at least 0, not -1")):
        with pytest.raises(UserError, match=message):
            run(photos[0], *options)


def test_several_checkpoints_caption_together(run, photos, folder, tmp_path, capsys):
    other = tiny_captioner.save_checkpoint(tmp_path / "other", tiny_captioner.pixel_captioner(seed=1))
    alone = run(*photos, "--json")[1]
    capsys.readouterr()
    for folders, same in ((f"{folder},{folder}", True), (f"{folder},{other}", False)):
        assert caption.main([*photos, "--checkpoint", folders, "--device", "cpu", "--json"]) == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert ([entry["caption"] for entry in found] == [json.loads(line)["caption"] for line in alone]) is same
    with pytest.raises(UserError, match=r"checkpoint folder .*gone does not exist"):
        caption.main([*photos, "--checkpoint", f"{folder},{tmp_path / 'gone'}", "--device", "cpu"])
    odd = tmp_path / "a,b"
    folder.rename(odd)
    assert caption.main([photos[0], "--checkpoint", str(odd), "--device", "cpu"]) == 0


def test_probabilities_can_be_averaged_over_a_picture_and_its_mirror_image(photos, tmp_path, monkeypatch, capsys):
    """The network, here, is the left half of a picture."""
    words = tiny_captioner.vocabulary()
    settings = ShowTellSettings(input="features", vocabulary=len(words), embedding=6, hidden=7, feature_size=6)
    model = build_model(settings, np.random.default_rng(0))
    model.output.W.data *= 100
    captioner = Captioner(model, words, settings, CPU, source=tiny_captioner.SOURCE)
    captioner.inputs_of = lambda pictures: np.array([p[:2, :1].ravel() for p in pictures], np.float32) - 128
    monkeypatch.setattr(Ensemble, "load", lambda *_, **options: captioner)
    folder = tiny_captioner.save_checkpoint(tmp_path / "run", captioner)
    said = {}
    for options in ((), ("--mirror",)):
        caption.main(["--checkpoint", str(folder), "--device", "cpu", "--json", *options, *photos])
        said[options] = [json.loads(line)["beams"][0] for line in capsys.readouterr().out.splitlines()]
    expected = [captions[0] for captions in with_mirror(captioner).captions(photos)]
    assert [(beam["caption"], beam["logp"]) for beam in said["--mirror",]] == [
        (text, round(logp, 4)) for text, logp in expected]
    assert said["--mirror",] != said[()]


def test_a_drawn_scene_has_no_mirror_image(run, photos):
    with pytest.raises(UserError, match="only photographs can be averaged with their mirror images"):
        run(photos[0], "--mirror")


@pytest.mark.parametrize("options", [("--beam", "0"), ("--max-length", "0"), ("--length-penalty", "-1")])
def test_a_search_that_cannot_be_is_refused_before_anything_is_loaded(options):
    with pytest.raises(UserError, match="have to be at least 1, length_penalty= at least 0"):
        caption.main(["photo.jpg", "--checkpoint", "nowhere", *options])


def test_a_picture_of_attention_replaces_neither_the_photograph_nor_a_part_of_the_checkpoint(photos, folder):
    for out, message in ((photos[0], "would replace the file of images="),
                         (f"{folder}/best.safetensors", "is there already and was not written by this option")):
        before = Path(out).read_bytes()
        with pytest.raises(UserError, match=message):
            caption.main([str(photos[0]), "--checkpoint", str(folder), "--device", "cpu", "--attention", out])
        assert Path(out).read_bytes() == before


def test_the_exit_code_of_the_program_tells_of_failures(folder, photos, capsys):
    for pictures, expected in ((photos, 0), ([*photos, "gone.jpg"], 2)):
        with pytest.raises(SystemExit) as end:
            run_program(caption.main, [*pictures, "--checkpoint", str(folder), "--device", "cpu"])
        assert end.value.code == expected
        assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_program_runs_as_a_module(folder, photos):
    done = subprocess.run([sys.executable, "-m", "minicap.caption", photos[0], "--checkpoint", folder, "--json"],
                          capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["image"] == photos[0] and done.stderr == ""
