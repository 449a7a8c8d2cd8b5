"""The two figures at the end of a training run: they are PNGs, whatever the run."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minicap.captioning.reporting.plots import (
    attention,
    curves,
    is_plot,
    save_attention,
    save_curves,
    save_samples,
    terminal_picture,
)
from minicap.errors import UserError


def history(epochs):
    return [{"epoch": n, "loss": 3 / n, "dev_loss": 3.2 / n, "bleu4": 0.02 * n, "cider": 0.05 * n}
            for n in range(1, epochs + 1)]


def test_a_plot_is_told_from_other_pictures(tmp_path):
    save_curves(tmp_path / "curve.png", history(2), {})
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
        save_curves(tmp_path / "curve.png", history(epochs), {})
        drawn.append(open_png(tmp_path / "curve.png"))
        assert drawn[-1].shape[1] > 800 and 0.01 < inked(drawn[-1]) < 0.5
    assert (drawn[0] != drawn[1]).any()
    assert os.listdir(tmp_path) == ["curve.png"]


@pytest.mark.parametrize("settings, label", [
    ({}, "train"), ({"drop": 0.0, "teachers": None, "label_smoothing": 0.0, "lr": 1.0}, "train"),
    ({"drop": 0.5}, "train, with dropout"), ({"drop": 0.0, "word_dropout": 0.1}, "train, with dropout"),
    ({"drop": 0.5, "label_smoothing": 0.1, "doubly_stochastic": 0.03, "teachers": "a,b", "consensus_weight": 1.0},
     "train, with dropout, label smoothing, weighted captions, teachers, attention penalty")])
def test_the_loss_of_training_is_called_what_it_is(settings, label):
    losses, *_ = curves(history(3), settings).axes
    assert [" ".join(line.get_label().split()) for line in losses.lines] == [label, "dev"]


@pytest.mark.parametrize("settings, words", [({}, "greedy decoding"), ({"select_beam": 1}, "greedy decoding"),
                                             ({"select_beam": 3}, "beam 3")])
def test_scores_have_axes_of_their_own_and_say_how_they_were_decoded(settings, words):
    _, bleu, cider = curves(history(30), settings).axes
    assert [ax.get_title() for ax in (bleu, cider)] == [f"BLEU-4, {words}", f"CIDEr, {words}"]
    for ax, factor in ((bleu, 2), (cider, 5)):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), factor * np.arange(1, 31))
        low, high = ax.get_ylim()
        assert 29 * factor > 0.8 * (high - low)  # the curve fills its axes


def test_a_reward_is_drawn_beside_the_scores_and_not_as_a_cross_entropy():
    losses, _, cider = curves([line | {"loss": -0.04 * line["epoch"]} for line in history(3)], {"drop": 0.5}).axes
    assert [line.get_label() for line in losses.lines] == ["dev"]
    (reward,) = (line for line in cider.lines if "sampled" in line.get_label())
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


def attention_on(picture, text, grid=(4, 4), memory=None):
    """The figure for words that look at the first, the second, ... region."""
    words = text.split()
    alphas = np.eye(len(words), grid[0] * grid[1]).reshape(-1, *grid)
    return attention(picture, words, alphas, np.zeros(len(words)) if memory is None else memory)


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in (*ax.texts, ax.title, ax._left_title) if text.get_text()]


def test_a_photograph_keeps_its_own_light_where_nobody_looks(tmp_path):
    picture = np.full((60, 90, 3), (40, 90, 200), np.uint8)
    save_attention(tmp_path / "a.png", picture, ["dog"], np.eye(1, 16).reshape(1, 4, 4), np.zeros(1))
    pixels = open_png(tmp_path / "a.png").astype(int)
    half = pixels.shape[1] // 2
    untouched = abs(pixels - picture[0, 0]).max(axis=2) <= 2
    left, right = untouched[:, :half].sum(), untouched[:, half:].sum()
    assert 0.6 * left < right < 0.95 * left  # the copy for the word: all but the corner that it looks at
    rows, columns = np.nonzero(untouched)
    corner = pixels[rows.min() + 10, half + 20]
    assert corner[0] > 150 and corner[2] < 120  # warm, on blue


def test_each_word_has_its_map_and_the_number_of_regions_it_looks_at(tmp_path):
    picture = np.full((60, 90, 3), 200, np.uint8)
    alphas = np.stack([np.eye(1, 49)[0], np.full(49, 1 / 49)]).reshape(2, 7, 7)
    figure = attention(picture, ["dog", "runs"], alphas, np.zeros(2))
    (explanation,) = figure.texts
    assert len([ax for ax in figure.axes if ax.images]) == 4  # the photograph, two words, the scale of colours
    assert [text for text in texts(figure) if "maximum" not in text and "no attention" not in text] == [
        "1 region", "dog", "49 regions", "runs"]
    assert "over how many of the 49 the" in explanation.get_text() and "Memory" not in explanation.get_text()

    figure = attention(picture, ["dog", "runs"], 0.75 * alphas, np.full(2, 0.25))
    assert "1 region\nmemory 25 %" in texts(figure) and "49 regions\nmemory 25 %" in texts(figure)
    assert "Memory" in figure.texts[0].get_text()


@pytest.mark.parametrize("shape, words", [((40, 60), 0), ((40, 60), 1), ((40, 60), 12), ((40, 60), 40), ((150, 10), 1),
                                          ((2000, 150), 12), ((20, 1500), 3), ((15, 150), 12), ((1, 1), 5),
                                          ((1, 50), 2)])
def test_a_figure_of_attention_looks_like_a_slide_whatever_is_shown(shape, words):
    figure = attention_on(np.zeros((*shape, 3), np.uint8), "dog " * words, (9, 9))
    pictures = figure.axes[:1 + words]
    W, H = figure.get_size_inches()
    assert W < 28 and H < 28 and (words < 12 or 1 < W / H < 3.2)
    boxes = [ax.get_position(original=True) for ax in pictures]
    assert all(0 <= b.x0 < b.x1 <= 1 and 0 <= b.y0 < b.y1 <= 1 for b in boxes)
    assert len({(round(b.x0, 4), round(b.y1, 4)) for b in boxes}) == len(boxes)
    assert min(b.x1 - b.x0 for b in boxes) * W > 1  # inches


@pytest.mark.parametrize("text", ["dog", "skateboarding " * 30, "w" * 200])
def test_no_text_runs_into_another(text):
    figure = attention_on(np.zeros((40, 60, 3), np.uint8), text, (14, 14), np.full(len(text.split()), 0.999))
    figure.draw_without_rendering()
    drawn = [text for ax in figure.axes for text in (*ax.texts, ax._left_title) if text.get_text()] + figure.texts
    boxes = [text.get_window_extent() for text in drawn]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    W, H = figure.bbox.size
    assert all(b.x0 >= 0 and b.x1 <= W and b.y0 >= 0 and b.y1 <= H for b in boxes)


def test_matplotlib_is_loaded_only_to_draw_and_needs_no_screen(tmp_path):
    code = ("import sys; from minicap.captioning.reporting.plots import save_curves\n"
            "assert 'matplotlib' not in sys.modules\n"
            f"save_curves({str(tmp_path / 'curve.png')!r}, {history(1)!r}, {{}})\n"
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
        save_curves(tmp_path / "curve.png", history(1), {})
    assert (tmp_path / "curve.png").read_bytes() == b"old" and os.listdir(tmp_path) == ["curve.png"]


def test_a_terminal_shows_a_picture_two_pixels_a_cell():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2] = (255, 0, 0)  # red above, blue below
    picture[2:] = (0, 0, 255)
    lines = terminal_picture(picture, columns=4).split("\n")
    assert len(lines) == 2 and all(line.count("▀") == 4 and line.endswith("\x1b[0m") for line in lines)
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m" in lines[0] and "\x1b[38;2;0;0;255;48;2;0;0;255m" in lines[1]
