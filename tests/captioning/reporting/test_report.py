"""The page about a split: valid, self-contained, and with the numbers of the scorer."""

import base64
import io
import re
import shutil
import subprocess

import numpy as np
import pytest
import tiny_captioner
from html_page import Page
from PIL import Image

from minicap.captioning.data import load_dataset
from minicap.captioning.reporting.heat import heat_levels
from minicap.captioning.reporting.report import SCRIPT, STYLE, word_with_heat, write_report
from minicap.captioning.scoring.metrics import score_captions

HISTORY = [{"epoch": n, "loss": 3 / n, "dev_loss": 3 / n, "bleu4": 0.1, "cider": 0.2} for n in (1, 2)]


@pytest.fixture
def dataset(tmp_path):
    return load_dataset("folder", str(tiny_captioner.write_folder(tmp_path / "pictures")))


def page_of(tmp_path, dataset, predictions, **options):
    write_report(tmp_path / "report.html", tiny_captioner.pixel_captioner(), dataset, "test", predictions,
                 subtitle="a <b>run</b> & more", **options)
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_scores_frequent_captions_and_the_share_of_new_ones_are_told(tmp_path, dataset):
    first, second, third = dataset.splits["test"]
    predictions = {first: "a red picture", second: "a red picture", third: "nobody ever said <this>"}
    page = page_of(tmp_path, dataset, predictions, history=HISTORY)
    scores = score_captions(predictions, dataset.captions)
    for key in ("bleu1", "rouge_l", "cider"):
        assert f"{100 * scores[key]:.1f}" in page.text
    assert "2 of the 3 captions are distinct; 33.3 % do not occur word for word among" in page.text
    assert "2 a red picture" in page.text and "nobody ever said <this>" in page.text  # escaped, or it were no text
    assert "a <b>run</b> & more" in page.text and "Training" in page.text


def test_the_heat_of_a_word_is_a_small_picture_clear_where_nobody_looks_and_a_line():
    levels = heat_levels(np.eye(1, 36).reshape(6, 6), (18, 18))
    page = Page(word_with_heat("a &amp; b", levels, "2 of 36 regions"))
    heat = Image.open(io.BytesIO(base64.b64decode(page.heats[0].partition(",")[2]))).convert("RGBA")
    opacity = np.asarray(heat)[:, :, 3]
    assert heat.size == (18, 18) and page.text == "a & b"
    assert opacity[:2, :2].min() > 100 and not opacity[9:].any() and not opacity[:, 9:].any()
    points = np.array([point.split(",") for point in page.lines[0].removeprefix("M").split()], float)
    assert 2 < points[:, 0].max() < 6 and 2 < points[:, 1].max() < 6 and points.min() == 0  # around that region
    assert Page(word_with_heat("a", np.full((6, 6), 255, np.uint8), "")).lines == [""]


def test_what_is_said_of_the_attention_is_told(tmp_path, dataset):
    predictions = dict.fromkeys(dataset.splits["test"], "a red picture")
    without = page_of(tmp_path, dataset, predictions)
    page = page_of(tmp_path, dataset, predictions, attention=["attention of <one>: sharp", "of two: not so"])
    assert page.count("p") == without.count("p") + 2
    assert "attention of <one>: sharp. of two: not so." in page.text


def test_nothing_is_loaded_from_elsewhere(tmp_path, dataset):
    page = page_of(tmp_path, dataset, dict.fromkeys(dataset.splits["test"], "a red picture"), history=HISTORY)
    assert page.addresses and all(address.startswith("data:") for address in page.addresses)
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http" not in source and STYLE in source and SCRIPT in source


def test_the_best_and_the_worst_are_shown_in_order_with_their_references(tmp_path, dataset):
    names = dataset.splits["test"]
    predictions = {name: dataset.captions[name][0] if i == 1 else "x" for i, name in enumerate(names)}
    page = page_of(tmp_path, dataset, predictions, sample=2, extremes=1)
    assert page.count("figure") == 4 and page.count("li") == 4 * 2
    best = page.text.partition("The best by CIDEr")[2].partition("The worst")[0]
    assert dataset.captions[names[1]][0] in best
    assert "Training" not in page.text and "Point at a word" not in page.text


def test_a_picture_that_cannot_be_read_leaves_a_sentence(tmp_path, dataset):
    name = dataset.splits["test"][0]
    (tmp_path / "pictures" / name).write_bytes(b"broken")
    page = page_of(tmp_path, dataset, dict.fromkeys(dataset.splits["test"], "a red picture"))
    assert f"{name} is not an image" in page.text


def test_the_sample_is_the_same_every_time(tmp_path, dataset):
    predictions = dict.fromkeys(dataset.splits["test"], "a red picture")
    texts = [page_of(tmp_path, dataset, predictions, sample=2).text for _ in range(2)]
    assert texts[0] == texts[1] and np.isfinite(float(texts[0].partition("CIDEr ")[2].split()[0]))


FACTS = {"seen": {"colours": 1.0, "relation": 0.5, "all": 0.25, "n": 4},
         "unseen": {"colours": 0.75, "relation": 0.5, "all": 0.125, "n": 1000}}


def test_the_facts_of_scenes_are_a_table(tmp_path, dataset):
    predictions = dict.fromkeys(dataset.splits["test"], "a red picture")
    text = page_of(tmp_path, dataset, predictions, facts=FACTS).text
    assert ("seen pairs unseen pairs colours 100.0 75.0 relation 50.0 50.0 all facts 25.0 12.5 scenes 4 1,000"
            in text) and "sizes" in text.partition("All facts: ")[2]
    assert "all facts" not in page_of(tmp_path, dataset, predictions).text


def test_pictures_are_described_to_those_who_do_not_see_them(tmp_path, dataset):
    page = page_of(tmp_path, dataset, dict.fromkeys(dataset.splits["test"], "x"), history=HISTORY)
    assert page.alts[0] == ("Learning curves of 2 epochs: the loss in training and on dev, and BLEU-4 and CIDEr on "
                            "dev, which is highest, 20.0, after epoch 1.")
    assert set(page.alts[1:]) == {dataset.captions[name][0] for name in dataset.splits["test"]}
    assert all(f"{name}, CIDEr 0" in page.text for name in dataset.splits["test"])


@pytest.mark.skipif(shutil.which("chromium") is None, reason="the browser chromium is not installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_of_a_window(tmp_path, dataset, width):
    long = "w" * 150
    predictions = dict.fromkeys(dataset.splits["test"], f"a {long} of pictures")
    page_of(tmp_path, dataset, predictions, history=HISTORY, facts=FACTS, attention=[f"attention of {long}"],
            settings={"drop": 0.5, "label_smoothing": 0.1, "doubly_stochastic": 0.03, "consensus_weight": 1.0})
    (tmp_path / "frame.html").write_text(
        f'<iframe src="report.html" style="width: {width}px; height: 900px; border: 0" onload="document.title = '
        "this.contentDocument.documentElement.scrollWidth + ' ' + this.contentDocument.querySelector('picture img')"
        '.currentSrc.length"></iframe>')
    done = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000",
                           "--allow-file-access-from-files", "--window-size=1400,1000", "--dump-dom",
                           (tmp_path / "frame.html").as_uri()], capture_output=True, text=True, timeout=120)
    content, figure = map(int, re.search(r"<title>(\d+) (\d+)</title>", done.stdout).groups())
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert content <= width
    assert figure == len(page.addresses[0 if width == 390 else 1])  # the curves one below the other, or side by side
