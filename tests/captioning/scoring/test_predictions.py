import json

import pytest

from minicap.captioning.scoring.predictions import assign, match_images, read_predictions
from minicap.errors import UserError


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "predictions.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path
    return write


@pytest.mark.parametrize("content", [
    {"1.jpg": "a dog", "2.jpg": "a cat"},
    {"1.jpg": ["a dog"], "2.jpg": ["a cat"]},
    [{"image": "1.jpg", "caption": "a dog"}, {"image": "2.jpg", "caption": ["a cat"]}],
    [{"img_id": "1.jpg", "prediction": ["a dog"]}, {"img_id": "2.jpg", "prediction": "a cat"}],
    [{"image_id": "1.jpg", "caption": "a dog", "id": 7}, {"image_id": "2.jpg", "caption": "a cat", "logp": -3.5}],
])
def test_every_layout_people_use_gives_the_same_pairs(written, content):
    assert read_predictions(written(content)) == [("1.jpg", "a dog"), ("2.jpg", "a cat")]


def test_a_number_is_an_id(written):
    assert read_predictions(written([{"image_id": 42, "caption": "a dog"}])) == [(42, "a dog")]


@pytest.mark.parametrize("content, message", [
    ('{"a": "b"', "is not valid JSON"),
    ("{}", "is empty"),
    ("[]", "is empty"),
    ('"a dog"', "contains no predictions"),
    ({"a": 3}, "the caption of 'a' has to be one string"),
    ({"a": None}, "the caption of 'a' has to be one string"),
    ({"a": ["first", "second"]}, "the caption of 'a' has to be one string"),
    ({"a": []}, "the caption of 'a' has to be one string"),
    ([{"image": "a", "caption": ["x", "y"]}], "the caption of entry 0 has to be one string"),
    (["a dog"], "entry 0 is 'a dog'"),
    ([{"image": "a", "caption": "b"}, {"caption": "b"}], r'entry 1 needs one of the fields "image" or'),
    ([{"image": "a", "words": "b"}], r'entry 0 needs one of the fields "caption" or "prediction".*\'words\''),
    ([{"image": "a", "caption": "b", "prediction": "c"}], 'needs one of the fields "caption"'),
    ([{"image": True, "caption": "b"}], "the image has to be a name"),
    ([{"image": ["a"], "caption": "b"}], "the image has to be a name"),
    ('{"a": "one", "a": "two"}', "has 'a' twice, as 'one' and 'two'"),
])
def test_what_is_wrong_is_said_with_file_and_entry(written, content, message):
    with pytest.raises(UserError, match=message) as caught:
        read_predictions(written(content))
    assert "predictions.json" in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_predictions(tmp_path / "no.json")
    with pytest.raises(UserError, match="is a folder"):
        read_predictions(tmp_path)


def test_a_name_that_is_given_twice_with_the_same_caption_is_one_prediction(written):
    assert read_predictions(written('{"a": "one", "a": "one"}')) == [("a", "one")]
    assert assign([("a.jpg", "one"), ("a", "one")], ["a.jpg"], "P") == {"a.jpg": "one"}


def test_two_captions_for_one_image_are_refused_also_under_two_names():
    for other in ("a.jpg", "a", "test/a.jpg"):
        with pytest.raises(UserError, match=r"P has two captions for image 'a.jpg', 'one' and 'two'"):
            assign([("a.jpg", "one"), (other, "two")], ["a.jpg"], "P")


@pytest.mark.parametrize("name, known", [
    ("a.jpg", "a.jpg"),
    ("Images/a.jpg", "a.jpg"),
    ("C:\\Images\\a.jpg", "a.jpg"),
    ("a.jpg", "val/a.jpg"),
    ("a", "a.jpg"),
    ("a.JPG", "val/a.jpeg"),
    ("x.1", "x.1.jpg"),  # what stands after a dot is part of the name unless it is the ending of an image file
])
def test_names_match_with_or_without_folder_and_ending(name, known):
    assert match_images([name], ["b.jpg", known, "c.jpg"], "P") == {name: known}


def test_the_most_exact_match_wins():
    known = ["a.jpg", "val/a.jpg", "a.png"]
    assert match_images(["val/a.jpg", "a.png", "a.jpg"], known, "P") == \
        {"val/a.jpg": "val/a.jpg", "a.png": "a.png", "a.jpg": "a.jpg"}


def test_a_name_that_fits_two_images_is_refused():
    with pytest.raises(UserError, match=r"P: 'a.jpg' could mean 'train/a.jpg' or 'val/a.jpg'"):
        match_images(["a.jpg"], ["train/a.jpg", "val/a.jpg"], "P")
    with pytest.raises(UserError, match=r"P: 'a' could mean 'a.jpg' or 'a.png'"):
        match_images(["a"], ["a.jpg", "a.png"], "P")


def test_names_without_references_are_counted_and_the_first_is_named():
    with pytest.raises(UserError, match=r"P: 2 of 3 images have no references, the first of which is 'x.1'"):
        match_images(["a", "x.1", "y"], ["a.jpg", "x.jpg"], "P")
