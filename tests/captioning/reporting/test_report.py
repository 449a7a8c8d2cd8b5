"""The page about a split: valid, self-contained, and with the numbers of the scorer."""

import numpy as np
import pytest
import tiny_captioner
from html_page import Page

from minicap.captioning.data import load_dataset
from minicap.captioning.reporting.report import mask, write_report
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


def test_a_mask_hides_what_was_not_looked_at():
    light = np.asarray(mask(np.array([[0.1, 0.2], [0.1, 0.6]])))
    np.testing.assert_array_equal(light[:, :, 1], [[0, 51], [0, 255]])  # transparency: all that a mask-image reads
    assert not np.asarray(mask(np.full((2, 3), 1 / 6)))[:, :, 1].any()


def test_nothing_is_loaded_from_elsewhere(tmp_path, dataset):
    page = page_of(tmp_path, dataset, dict.fromkeys(dataset.splits["test"], "a red picture"), history=HISTORY)
    assert page.addresses and all(address.startswith("data:") for address in page.addresses)
    assert "http" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_best_and_the_worst_are_shown_in_order_with_their_references(tmp_path, dataset):
    names = dataset.splits["test"]
    predictions = {name: dataset.captions[name][0] if i == 1 else "x" for i, name in enumerate(names)}
    page = page_of(tmp_path, dataset, predictions, sample=2, extremes=1)
    assert page.count("figure") == 4 and page.count("li") == 4 * 2
    best = page.text.partition("The best by CIDEr")[2].partition("The worst")[0]
    assert dataset.captions[names[1]][0] in best
    assert "How training went" not in page.text and "Rest on a word" not in page.text


def test_a_picture_that_cannot_be_read_leaves_a_sentence(tmp_path, dataset):
    name = dataset.splits["test"][0]
    (tmp_path / "pictures" / name).write_bytes(b"broken")
    page = page_of(tmp_path, dataset, dict.fromkeys(dataset.splits["test"], "a red picture"))
    assert f"{name} is not an image" in page.text


def test_the_sample_is_the_same_every_time(tmp_path, dataset):
    predictions = dict.fromkeys(dataset.splits["test"], "a red picture")
    texts = [page_of(tmp_path, dataset, predictions, sample=2).text for _ in range(2)]
    assert texts[0] == texts[1] and np.isfinite(float(texts[0].partition("CIDEr ")[2].split()[0]))
