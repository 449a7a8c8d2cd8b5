"""The two figures at the end of a training run: they are PNGs, whatever the run."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minicap.captioning.reporting.plots import (
    curves,
    highest_tenth,
    is_plot,
    save_attention,
    save_curves,
    save_samples,
    smooth_map,
    terminal_picture,
)
from minicap.errors import UserError


def history(epochs):
    return [{"epoch": n, "loss": 3 / n, "dev_loss": 3.2 / n, "bleu4": 0.02 * n, "cider": 0.05 * n}
            for n in range(1, epochs + 1)]


def test_a_plot_is_told_from_other_pictures(tmp_path):
    save_curves(tmp_path / "curve.png", history(2))
    Image.new("RGB", (8, 8)).save(tmp_path / "mine.png")
    (tmp_path / "empty.png").touch()
    assert [is_plot(tmp_path / f"{name}.png") for name in ("curve", "mine", "empty")] == [True, False, False]


def open_png(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def inked(pixels):
    """The part of the pixels that is not white."""
    return (pixels < 250).any(axis=2).mean()


def test_the_curves_are_a_png_for_runs_of_any_length(tmp_path):
    drawn = []
    for epochs in (1, 30):
        save_curves(tmp_path / "curve.png", history(epochs))
        drawn.append(open_png(tmp_path / "curve.png"))
        assert drawn[-1].shape[1] > 800 and 0.01 < inked(drawn[-1]) < 0.5
    assert (drawn[0] != drawn[1]).any()
    assert os.listdir(tmp_path) == ["curve.png"]


def test_a_reward_is_drawn_beside_the_scores_and_not_as_a_cross_entropy():
    lines = [line | {"loss": -0.04 * line["epoch"]} for line in history(3)]
    left, right = curves(lines).axes
    assert [line.get_label() for line in left.lines] == ["dev"]
    assert [line.get_label() for line in curves(history(3)).axes[0].lines] == ["train (with dropout)", "dev"]
    (reward,) = (line for line in right.lines if "sampled" in line.get_label())
    np.testing.assert_allclose(reward.get_ydata(), [4, 8, 12])


@pytest.mark.parametrize("count", [1, 5])
def test_samples_show_every_picture_in_rows_of_four(tmp_path, count):
    colours = [(200, 10 * n, 30) for n in range(count)]
    save_samples(tmp_path / "samples.png", [np.full((30, 40, 3), c, np.uint8) for c in colours], ["a dog"] * count)
    pixels = open_png(tmp_path / "samples.png").astype(int)
    shown = [(abs(pixels - c).max(axis=2) <= 1) for c in colours]
    areas = [s.sum() for s in shown]
    assert min(areas) > 10_000 and max(areas) - min(areas) < 0.02 * max(areas)
    tops = [np.nonzero(s.any(axis=1))[0][0] for s in shown]
    assert all((top > tops[0] + 50) == (n >= 4) for n, top in enumerate(tops))


@pytest.mark.parametrize("caption", ["", "<unk> 100% _under_ {brackets} " * 6])
def test_any_caption_fits_under_pictures_of_any_shape(tmp_path, caption):
    shapes = [(200, 200), (300, 20), (20, 300), (1, 1)]
    save_samples(tmp_path / "samples.png", [np.full((*s, 3), (90, 160, 90), np.uint8) for s in shapes], [caption] * 4)
    pixels = open_png(tmp_path / "samples.png")
    has_text = (pixels < 60).all(axis=2).any()
    assert has_text == bool(caption)


def test_light_falls_where_the_attention_is():
    alpha = np.zeros((4, 6))
    alpha[2, 1] = 1
    light = smooth_map(alpha, (80, 120))
    assert light.shape == (80, 120) and light.min() == 0 and light.max() == 1
    y, x = np.unravel_index(light.argmax(), light.shape)
    assert abs(y - 50) <= 2 and abs(x - 30) <= 2  # the middle of that region
    assert light[:, 70:].max() < 0.02
    assert (smooth_map(np.full((4, 6), 1 / 24), (80, 120)) < 1e-3).all()  # no place is brighter than another


def test_how_much_of_the_attention_is_in_one_place_is_a_share():
    assert highest_tenth(np.full((10, 10), 0.01)) == pytest.approx(0.1)
    assert highest_tenth(np.eye(1, 20).reshape(4, 5)) == 1


@pytest.mark.parametrize("words", [[], ["a", "dog", "runs", "on", "<unk>"]])
def test_a_picture_of_attention_has_the_photograph_and_one_more_for_each_word(tmp_path, words):
    picture = np.full((60, 90, 3), (200, 40, 40), np.uint8)
    alphas = np.zeros((len(words), 2, 3))
    alphas[:, 0, 0] = 1
    save_attention(tmp_path / "a.png", picture, words, alphas, np.zeros(len(words)))
    pixels = open_png(tmp_path / "a.png").astype(int)
    lit = abs(pixels - picture[0, 0]).max(axis=2) <= 2
    grey = (np.ptp(pixels, axis=2) <= 2) & (pixels.max(axis=2) < 40) & (pixels.max(axis=2) > 5)
    assert lit.mean() > 0.05 and (grey.mean() > 0.05) == bool(words)


def test_matplotlib_is_loaded_only_to_draw_and_needs_no_screen(tmp_path):
    code = ("import sys; from minicap.captioning.reporting.plots import save_curves\n"
            "assert 'matplotlib' not in sys.modules\n"
            f"save_curves({str(tmp_path / 'curve.png')!r}, {history(1)!r})\n"
            "assert 'matplotlib.pyplot' not in sys.modules\n")
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"MPLBACKEND": "tkagg"})
    open_png(tmp_path / "curve.png")


def test_a_full_disk_leaves_the_old_picture(tmp_path, monkeypatch):
    (tmp_path / "curve.png").write_bytes(b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*curve\.png: No space left on device"):
        save_curves(tmp_path / "curve.png", history(1))
    assert (tmp_path / "curve.png").read_bytes() == b"old" and os.listdir(tmp_path) == ["curve.png"]


def test_a_terminal_shows_a_picture_two_pixels_a_cell():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2] = (255, 0, 0)  # red above, blue below
    picture[2:] = (0, 0, 255)
    lines = terminal_picture(picture, columns=4).split("\n")
    assert len(lines) == 2 and all(line.count("▀") == 4 and line.endswith("\x1b[0m") for line in lines)
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m" in lines[0] and "\x1b[38;2;0;0;255;48;2;0;0;255m" in lines[1]
