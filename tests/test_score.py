import json
import subprocess
import sys
from pathlib import Path

import pytest

from minicap import score
from minicap.cli import run_program
from minicap.errors import UserError

REFERENCES = {
    "1.jpg": ["a dog runs on the grass", "the brown dog is running"],
    "2.jpg": ["two men sit in a boat", "men in a small boat"],
    "3.jpg": ["a girl in a red coat", "the girl wears red"],
}
PREDICTIONS = {"1.jpg": "a dog runs on the grass", "2.jpg": "two men in a boat", "3.jpg": "a boy on a bike"}


@pytest.fixture
def files(tmp_path):
    """Writes name=content as JSON (a string: as it is) and returns the paths as strings."""
    def write(**contents):
        paths = []
        for name, content in contents.items():
            path = tmp_path / f"{name}.json"
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
            paths.append(str(path))
        return paths
    return write


@pytest.fixture
def run(files, capsys):
    """Scores ``predictions`` against ``references`` and returns the JSON report and what stood on stderr."""
    def call(predictions, *options, references=REFERENCES):
        predicted, people = files(predictions=predictions, references=references)
        score.main([predicted, "--references", people, "--json", *map(str, options)])
        out, err = capsys.readouterr()
        return json.loads(out), err
    return call


def test_the_report_is_one_json_object_with_the_names_of_the_field(run):
    report, err = run(PREDICTIONS)
    assert list(report) == ["bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider", "n"]
    # Words right: 6 of 6, 5 of 5, 2 of 5 (both "a" of "a girl in a red coat"). c = 6 + 5 + 5; r = 6 + 5 + 4, as the
    # references of image 3 have 6 and 4 words, both one away from 5, and the shorter counts; c > r: no penalty.
    assert report["bleu1"] == pytest.approx(13 / 16)
    assert report["n"] == 3
    assert err == ""


def test_only_the_predicted_images_are_scored_and_their_names_may_lack_folder_or_ending(run):
    report, _ = run({"1.jpg": PREDICTIONS["1.jpg"], "2.jpg": PREDICTIONS["2.jpg"]})
    listed, _ = run([{"image_id": "2", "caption": [PREDICTIONS["2.jpg"]]},
                     {"image_id": "Images/1.jpg", "caption": PREDICTIONS["1.jpg"]}])
    assert report["n"] == listed["n"] == 2
    assert listed == pytest.approx(report)


@pytest.mark.parametrize("text", [
    "1.jpg#0\ta dog runs\n1.jpg#1\tthe dog\n2.jpg#0\ta boat\n",
    'image,caption\n1.jpg,a dog runs\n1.jpg,the dog\n2.jpg,"a boat"\n',
    '{"images": [{"filename": "1.jpg", "sentences": [{"raw": "a dog runs"}, {"raw": "the dog"}]},'
    ' {"filename": "2.jpg", "sentences": [{"raw": "a boat"}]}]}',
])
def test_references_are_read_in_every_form_people_have(run, text):
    predictions = {"1.jpg": "a dog runs", "2.jpg": "a cat"}
    expected, _ = run(predictions, references={"1.jpg": ["a dog runs", "the dog"], "2.jpg": ["a boat"]})
    assert run(predictions, references=text)[0] == expected


def test_a_list_of_images_chooses_what_is_scored_and_leftovers_are_mentioned(run, tmp_path):
    (tmp_path / "split.txt").write_text("2.jpg\n1\n1.jpg\n")  # one image may be listed under two names
    report, err = run(PREDICTIONS, "--images", tmp_path / "split.txt")
    assert report == run({image: PREDICTIONS[image] for image in ("2.jpg", "1.jpg")})[0]
    assert err.startswith("warning: ") and "more images than are scored (1 more)" in err and err.count("\n") == 1


def test_every_image_of_the_list_has_to_be_predicted(run, tmp_path):
    (tmp_path / "split.txt").write_text("1.jpg\n2.jpg\n3.jpg\n")
    with pytest.raises(UserError, match=r"lacks a caption for 2 of 3 images, the first of which is '1.jpg'"):
        run({"2.jpg": "a boat"}, "--images", tmp_path / "split.txt")


def test_per_image_scores_are_written_and_are_those_of_one_image(run, tmp_path):
    report, _ = run(PREDICTIONS, "--per-image", tmp_path / "out.json")
    images = json.loads((tmp_path / "out.json").read_text())
    assert list(images) == list(PREDICTIONS)
    assert images["1.jpg"]["caption"] == PREDICTIONS["1.jpg"]
    assert [images["1.jpg"][name] for name in ("bleu1", "bleu4", "rouge_l")] == pytest.approx([1, 1, 1])
    for name in ("rouge_l", "cider"):
        assert sum(scores[name] for scores in images.values()) / 3 == pytest.approx(report[name])


def test_bootstrap_gives_an_interval_for_each_metric_that_repeats_with_the_seed(run):
    report, _ = run(PREDICTIONS, "--bootstrap", 200)
    assert list(report["bootstrap"]) == ["bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider"]
    low, high = report["bootstrap"]["bleu1"]
    # images drawn: between only the third ("a", "a" of 5; r = 4) and only the first (6 of 6)
    assert low == pytest.approx(2 / 5, abs=0.25) and high == pytest.approx(1) and low < report["bleu1"] < high
    assert run(PREDICTIONS, "--bootstrap", 200)[0] == report
    assert run(PREDICTIONS, "--bootstrap", 200, "--seed", 1)[0] != report


def test_two_files_are_compared_image_by_image_whatever_their_order(run, files):
    other = {image: PREDICTIONS[image] for image in reversed(PREDICTIONS)}
    report, _ = run(PREDICTIONS, "--against", *files(other=other))
    assert report["against"]["resamples"] == 1000
    assert report["against"]["scores"] == pytest.approx({k: v for k, v in report.items() if k != "against"})
    bleu4 = report["against"]["differences"]["bleu4"]
    assert (bleu4["difference"], bleu4["interval"], bleu4["p"], bleu4["within_noise"]) == (0, [0, 0], 1, True)


def many_images(share_right):
    """200 images with a reference of their own; the first ``share_right`` of the captions are right."""
    references = {f"{i}": [f"word{i} runs on grass{i % 7}"] for i in range(200)}
    captions = {i: captions[0] if int(i) < 200 * share_right else "a boat on grass0" for i, captions in
                references.items()}
    return references, captions


def test_a_real_difference_is_called_larger_than_noise_and_a_small_one_noise(run, files):
    references, half = many_images(0.5)
    (worse,) = files(worse=many_images(0.2)[1])
    report, _ = run(half, "--against", worse, "--bootstrap", 300, references=references)
    test = report["against"]["differences"]["bleu4"]
    assert test["difference"] > 0.2 and test["p"] < 0.01 and not test["within_noise"]
    assert test["verdict"].startswith("the BLEU-4 difference of +") and "is larger than noise: on 200 images" in \
        test["verdict"]

    mixed = half | {"0": "a boat on grass0", "150": references["150"][0]} | {"1": "word1 runs on grass"}
    (close,) = files(close=mixed)
    report, _ = run(half, "--against", close, "--bootstrap", 300, references=references)
    test = report["against"]["differences"]["bleu4"]
    assert test["difference"] != 0 and test["within_noise"] and abs(test["difference"]) <= test["noise"]
    assert "is within noise: on 200 images chance alone makes up to ±" in test["verdict"]


def test_files_for_different_images_are_not_compared_unless_a_list_says_which(run, files, tmp_path):
    fewer = {"1.jpg": "a dog", "2.jpg": "a boat"}
    (more,) = files(more=PREDICTIONS)
    with pytest.raises(UserError, match=r"more.json has predictions for more images than it is compared.*--images"):
        run(fewer, "--against", more)
    with pytest.raises(UserError, match=r"fewer.json lacks a caption for 1 of 3 images"):
        run(PREDICTIONS, "--against", *files(fewer=fewer))
    (tmp_path / "split.txt").write_text("1.jpg\n2.jpg\n")
    report, _ = run(fewer, "--against", more, "--images", tmp_path / "split.txt")
    assert report["against"]["scores"]["n"] == 2


def test_the_table_shows_points_and_says_in_words_what_a_difference_is_worth(files, capsys):
    predicted, people, other = files(p=PREDICTIONS, r=REFERENCES, other={image: "a dog" for image in PREDICTIONS})
    score.main([predicted, "--references", people, "--bootstrap", "100", "--against", other])
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert lines[1][0] == "BLEU-1" and lines[1][1].startswith("81.") and lines[1][3] == "to"
    assert "3 images" in out and "BLEU-4 could differ by ±" in out and "document frequencies" in out
    assert out.count(" noise") == 8  # six rows, and two sentences
    assert "In words: the CIDEr difference of +" in out

    score.main([predicted, "--references", people])
    assert "interval" not in capsys.readouterr().out


def test_captions_without_words_are_one_warning_line(run):
    report, err = run(PREDICTIONS | {"2.jpg": "", "3.jpg": " . "})
    assert report["n"] == 3
    assert err.startswith("warning: 2 of 3 captions in ") and "contain no words" in err and "'2.jpg'" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("left, right, shown", [("startseq", "endseq", "startseq"), ("<start>", "<end>", "<start>"),
                                                ("", "[SEP]", "[sep]")])
def test_markers_in_most_captions_are_scored_as_words_and_one_warning_line_says_so(run, left, right, shown):
    marked = {image: f"{left} {caption} {right}" for image, caption in PREDICTIONS.items()}
    report, err = run(marked)
    assert report["bleu1"] < run(PREDICTIONS)[0]["bleu1"]
    assert err.startswith("warning: 3 of 3 captions in ") and repr(shown) in err and err.count("\n") == 1


def test_unk_is_no_marker_of_a_sentence_and_a_marker_in_few_captions_is_no_warning(run):
    assert run({image: "a <unk> dog" for image in PREDICTIONS})[1] == ""
    assert run(PREDICTIONS | {"1.jpg": "a dog endseq"})[1] == ""


def test_references_that_went_through_a_vocabulary_are_warned_about(run):
    _, err = run(PREDICTIONS, references=REFERENCES | {"1.jpg": ["a <UNK> runs"]})
    assert err.startswith("warning: the references of 1 of 3 images in ") and err.count("\n") == 1


def test_without_meteors_needs_one_sentence_says_so(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocoevalcap.meteor.meteor", None)
    with pytest.raises(UserError, match="METEOR needs the package"):
        run(PREDICTIONS, "--meteor")


def test_meteor_joins_the_report_and_the_scores_of_each_image(run, monkeypatch, tmp_path):
    from minicap.captioning.scoring import meteor

    monkeypatch.setattr(meteor, "meteor", lambda candidates, references: (0.25, [len(words) for words in candidates]))
    report, _ = run(PREDICTIONS, "--meteor", "--per-image", tmp_path / "out.json")
    assert report["meteor"] == 0.25
    assert json.loads((tmp_path / "out.json").read_text())["2.jpg"]["meteor"] == 5


@pytest.mark.parametrize("predictions, options, message", [
    ('{"1.jpg": ', [], "is not valid JSON"),
    (PREDICTIONS | {"9.jpg": "a cat"}, [], "1 of 4 images have no references, the first of which is '9.jpg'"),
    ('{"1.jpg": "a dog", "1.jpg": "a cat"}', [], "has '1.jpg' twice"),
    ({"1.jpg": "a dog", "1": "a cat"}, [], "has two captions for image '1.jpg'"),
    (PREDICTIONS, ["--bootstrap", "-5"], "--bootstrap has to be at least 0 and below 1,000,000, not -5"),
    (PREDICTIONS, ["--images", "missing.txt"], "missing.txt does not exist"),
    (PREDICTIONS, ["--against", "missing.json"], "missing.json does not exist"),
])
def test_bad_input_ends_with_one_sentence_on_stderr_and_exit_code_2(files, capsys, predictions, options, message):
    predicted, people = files(predictions=predictions, references=REFERENCES)
    with pytest.raises(SystemExit) as end:
        run_program(score.main, [predicted, "--references", people, "--json", *options])
    out, err = capsys.readouterr()
    assert end.value.code == 2
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and message in err


def test_a_failed_scoring_leaves_the_per_image_file_as_it_was(run, tmp_path):
    (tmp_path / "out.json").write_text("before")
    with pytest.raises(UserError):
        run({"9.jpg": "a cat"}, "--per-image", tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == "before"


def test_scores_of_each_image_replace_no_file_that_is_read(files):
    predicted, people = files(predictions=PREDICTIONS, references=REFERENCES)
    for path, name in ((predicted, "predictions"), (people, "references")):
        before = Path(path).read_bytes()
        with pytest.raises(UserError, match=f"would replace the file of {name}=; name another file"):
            score.main([str(predicted), "--references", str(people), "--per-image", str(path)])
        assert Path(path).read_bytes() == before


def test_the_program_runs_as_a_module(files):
    predicted, people = files(predictions=PREDICTIONS, references=REFERENCES)
    done = subprocess.run([sys.executable, "-m", "minicap.score", predicted, "--references", people, "--json"],
                          capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["n"] == 3
    missing = subprocess.run([sys.executable, "-m", "minicap.score", "no.json", "--references", people],
                             capture_output=True, text=True)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "error: the predictions file no.json does not exist; check the path\n"


def test_captions_without_spaces_are_warned_about_unless_they_are_split_into_characters(run):
    people = {"1.jpg": ["\u4e24\u53ea\u72d7\u5728\u8dd1"], "2.jpg": ["\u4e00\u4e2a\u4eba\u9a91\u9a6c"]}
    predictions = {"1.jpg": "\u4e24\u53ea\u72d7\u5750\u8dd1", "2.jpg": "\u4e00\u4e2a\u4eba\u9a91\u9a6c"}
    report, err = run(predictions, references=people)
    assert report["bleu1"] == 0.5 and err.count("\n") == 1
    assert err.startswith("warning: the references are in Chinese or Japanese, without spaces between words")
    report, err = run(predictions, "--tokenizer", "characters", references=people)
    assert report["bleu1"] == pytest.approx(9 / 10) and err == ""


def test_the_cider_of_one_image_is_warned_about(run):
    report, err = run({"1.jpg": "a dog runs on the grass"})
    assert report["cider"] == 0 and err.startswith("warning: CIDEr is always 0 for a single image")
    assert err.count("\n") == 1
    assert run(PREDICTIONS)[1] == ""


# ----------------------------------------------------------------------------------------------- people against people

def test_each_person_is_scored_against_the_others_and_the_mean_is_reported(run, files, capsys):
    people = {image: [*captions, extra] for (image, captions), extra in zip(
        REFERENCES.items(), ("a dog", "two men in a boat", "a girl in red clothes"), strict=True)}
    expected = []
    for k in range(3):
        others = {image: captions[:k] + captions[k + 1:] for image, captions in people.items()}
        expected.append(run({image: captions[k] for image, captions in people.items()}, references=others)[0])
    people["3.jpg"].append("more captions of one image than of another")
    (references, images) = files(references=people, images="1.jpg\n3.jpg\n2.jpg\n")
    for options in ((), ("--images", images)):
        score.main(["--human", "--references", references, "--json", *options])
        report = json.loads(capsys.readouterr().out)
        assert report["people"] == 3 and report["n"] == 3 and len(report["each"]) == 3
        for name in ("bleu1", "bleu4", "rouge_l", "cider"):
            assert report[name] == pytest.approx(sum(each[name] for each in report["each"]) / 3)
    people["3.jpg"].pop()
    (references,) = files(references=people)
    score.main(["--human", "--references", references, "--json"])
    assert json.loads(capsys.readouterr().out)["each"] == [pytest.approx(one) for one in expected]
    score.main(["--human", "--references", references, "--bootstrap", "5", "--meteor"])
    out, err = capsys.readouterr()
    assert "Mean of 3: each caption of an image against its others." in out and "BLEU-4" in out
    assert err == "warning: --bootstrap, --meteor have no effect with --human\n"


def test_people_cannot_be_scored_alone_or_together_with_predictions(files):
    predicted, references = files(predictions=PREDICTIONS, references=REFERENCES)
    for arguments in (["--references", references], [predicted, "--human", "--references", references]):
        with pytest.raises(UserError, match="name the predictions to score, or use human= without predictions"):
            score.main(arguments)
    (alone,) = files(references=REFERENCES | {"2.jpg": ["men in a small boat"]})
    with pytest.raises(UserError, match=r"each image has at least two captions, and '2\.jpg' has fewer"):
        score.main(["--human", "--references", alone])
