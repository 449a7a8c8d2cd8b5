"""Caption files in each layout, valid and broken."""

import csv
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.captioning.data.caption_files import is_nothing, parse_caption_file, parse_captions, read_captions
from minicap.captioning.data.entries import WRITTEN
from minicap.captioning.data.json_captions import load_json
from minicap.errors import UserError

TOKENS = (b"a.jpg#0\tA dog , running .\nb.jpg.1#0\tno such file\n"
          b"a.jpg#1\tA \" quoted \" dog\n\nc#d.jpg#0\tA # in a name\n")


@pytest.fixture
def write(tmp_path):
    def write(content, name="captions.txt"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
    return write


def test_the_token_file_keeps_file_order_and_the_official_flaw(write):
    assert read_captions(write(TOKENS)) == {
        "a.jpg": ["A dog , running .", 'A " quoted " dog'],
        "b.jpg.1": ["no such file"],
        "c#d.jpg": ["A # in a name"],
    }


def test_the_kaggle_csv_may_hold_commas_and_quotes(write):
    path = write('image,caption\na.jpg,A dog .\na.jpg,"A dog , running ."\nb.jpg,"A "" quoted "" cat"\n')
    assert read_captions(path) == {"a.jpg": ["A dog .", "A dog , running ."], "b.jpg": ['A " quoted " cat']}


def test_csv_columns_are_found_by_name(write):
    assert read_captions(write('id,Caption, Image\n1, "a, b", x.jpg\n')) == {"x.jpg": ["a, b"]}


def test_karpathy_layout_takes_raw_sentences_or_tokens(write):
    path = write(json.dumps({"dataset": "x", "images": [
        {"filename": "a.jpg", "split": "train", "sentences": [{"raw": "A dog.", "tokens": ["a", "dog"]}]},
        {"filename": "b.jpg", "split": "restval", "sentences": [{"tokens": ["a", "cat"]}]}]}))
    assert read_captions(path) == {"a.jpg": ["A dog."], "b.jpg": ["a cat"]}


def test_words_that_stand_beside_the_text_they_are_of_are_not_kept_in_memory():
    """They are 3 of 4 objects in dataset_coco.json."""
    record = {"raw": "A dog.", "tokens": ["a", "dog"], "sentid": 3}
    assert load_json(json.dumps([record, {"tokens": ["a", "cat"]}]), "x") == [
        {"raw": "A dog.", "sentid": 3}, {"tokens": ["a", "cat"]}]


def test_a_plain_json_mapping_is_read(write):
    assert read_captions(write(json.dumps({"a.jpg": ["one ", "two"]}))) == {"a.jpg": ["one", "two"]}


@pytest.mark.parametrize("text", [TOKENS.decode(), 'image,caption\na.jpg,"A dog, é"\n', '{"a.jpg":\n["é"]}\n'])
def test_byte_order_mark_and_windows_line_ends_change_nothing(text):
    windows = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    assert parse_captions(windows, "x") == parse_captions(text.encode(), "x")


@pytest.mark.parametrize(("content", "line", "expected"), [
    ("a.jpg#0\tone\nno tab here\nworse", 2, "name.jpg#0<tab>caption"),
    ("a.jpg#0\tone\n\na.jpg\ttwo\n", 3, "name.jpg#0<tab>caption"),
    ("a.jpg#0\t \n", 1, "name.jpg#0<tab>caption"),
    ("just words\n", 1, "CSV header image,caption"),
    ("who,what\na.jpg,one\n", 1, "CSV header image,caption"),
    ("image,caption\na.jpg,one\nb.jpg,one, two\n", 3, "image,caption"),
    ("image,caption\na.jpg\n", 2, "image,caption"),
    ("image,caption\na.jpg,\n", 2, "image,caption"),
    ('image,caption\na.jpg,"two\nlines"\nb.jpg,"never closed\nc.jpg,x\n', 4, "quote is written twice"),
    ('{"a.jpg":\n ["one",\n}', 3, "not valid JSON"),
    (b"a.jpg#0\tone\na.jpg#1\t\xff\xfe\n", 2, "UTF-8"),
])
def test_the_first_broken_line_is_named_with_what_was_expected(write, content, line, expected):
    path = write(content)
    with pytest.raises(UserError) as error:
        read_captions(path)
    assert f"{path}, line {line}: " in str(error.value)
    assert expected in str(error.value)


@pytest.mark.parametrize(("value", "entry"), [
    (["a.jpg"], "entry 0"),
    ({"a.jpg": ["one"], "b.jpg": 3}, "entry 'b.jpg'"),
    ({"a.jpg": []}, "entry 'a.jpg'"),
    ({"images": [{"filename": "a.jpg", "sentences": [{"raw": "one"}]}, {"filename": "b.jpg"}]}, "images[1]"),
    ({"images": [{"filename": "a.jpg", "sentences": [{"words": "one"}]}]}, "images[0]"),
    ({"images": ["a.jpg"]}, "images[0]"),
])
def test_json_of_another_layout_is_refused_at_its_entry(write, value, entry):
    with pytest.raises(UserError, match="expected") as error:
        read_captions(write(json.dumps(value)))
    assert entry in str(error.value)


@pytest.mark.parametrize("content", ["", "\n\n", "image,caption\n", '{"images": []}'])
def test_a_file_without_captions_is_refused(write, content):
    with pytest.raises(UserError, match="contains no captions"):
        read_captions(write(content))


def test_a_missing_caption_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_captions(tmp_path / "none.txt")
    with pytest.raises(UserError, match="is a folder"):
        read_captions(tmp_path)


def karpathy(*splits):
    images = [{"filename": f"{i}.jpg", "split": s, "sentences": [{"raw": "x"}]} for i, s in enumerate(splits)]
    return json.dumps({"images": images}).encode()


def test_karpathy_splits_put_restval_into_train_and_call_val_dev():
    assert parse_caption_file(karpathy("train", "val", "restval", "test"), "x").splits == {
        "train": ("0.jpg", "2.jpg"), "dev": ("1.jpg",), "test": ("3.jpg",)}


def test_an_unknown_karpathy_split_is_refused_at_its_entry():
    with pytest.raises(UserError, match=r"images\[1\].*'holdout'.*restval"):
        parse_caption_file(karpathy("train", "holdout"), "x")


@pytest.mark.parametrize("data", [TOKENS, b"image,caption\na.jpg,x\n", b'{"a.jpg": ["x"]}'])
def test_files_without_split_fields_have_no_karpathy_splits(data):
    assert parse_caption_file(data, "x").splits is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=' ,"#\n'),
                        min_size=1).filter(lambda text: not is_nothing(text) and not WRITTEN.fullmatch(text.strip())),
                min_size=1, max_size=5))
def test_whatever_csv_can_write_is_read_back(tmp_path_factory, captions):
    path = tmp_path_factory.mktemp("csv") / "captions.csv"
    with open(path, "w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows([("image", "caption"), *(("a.jpg", caption) for caption in captions)])
    assert read_captions(path) == {"a.jpg": [caption.strip() for caption in captions]}


@pytest.mark.real_data
@pytest.mark.skipif("MINICAP_DATA" not in os.environ, reason="MINICAP_DATA is not set")
def test_the_official_token_file_has_40460_captions_of_8092_names():
    captions = read_captions(Path(os.environ["MINICAP_DATA"]) / "Flickr8k" / "Flickr8k.token.txt")
    assert len(captions) == 8092 and set(map(len, captions.values())) == {5}
    assert len(captions["2258277193_586949ec62.jpg.1"]) == 5
