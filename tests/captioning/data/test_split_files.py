"""Files that say in which split each image is, and lists of images: a line each, all of them the same images."""

import json

import pytest

from minicap.captioning.data.split_files import parse_image_list, parse_splits
from minicap.captioning.data.splits import read_split_folder
from minicap.errors import UserError

SPLITS = {"train": ("a1.jpg", "b2.jpg"), "dev": ("c3.jpg",), "test": ("d4.jpg",)}
WORDS = {"train": ["a1.jpg", "b2.jpg"], "val": ["c3.jpg"], "test": ["d4.jpg"]}
PAIRS = [(name, word) for word, names in WORDS.items() for name in names]
KARPATHY = [{"filename": name, "split": word, "sentences": [{"raw": "a dog"}]} for name, word in PAIRS]
FILES = {
    "a list for each split": WORDS,
    "the same, in words of another case": {word.capitalize(): names for word, names in WORDS.items()},
    "name: split": dict(PAIRS),
    "records": [{"image": name, "split": word, "width": 3} for name, word in PAIRS],
    "JSON lines": "".join(json.dumps({"file_name": name, "split": word}) + "\n" for name, word in PAIRS),
    "Karpathy": {"images": KARPATHY},
    "Karpathy without captions": {"images": [{"filename": name, "split": word} for name, word in PAIRS]},
    "Karpathy, test without captions": {"images": [*KARPATHY[:3], KARPATHY[3] | {"sentences": []}]},
    "lists with captions": {word: {name: "a dog" for name in names} for word, names in WORDS.items()},
    "columns": {"image": [name for name, _ in PAIRS], "split": [word for _, word in PAIRS], "caption": ["x"] * 4},
    "a table": "image,split\n" + "".join(f"{name},{word}\n" for name, word in PAIRS),
    "a table with captions": "split;caption;image\n" + "".join(f"{word};a dog;{name}\n" for name, word in PAIRS),
    "a table without a header": "".join(f"{name}\t{word}\n" for name, word in PAIRS),
    "lines": "".join(f"{name} {word}\n" for name, word in PAIRS),
}


def as_bytes(content):
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


@pytest.mark.parametrize("layout", FILES)
def test_each_layout_gives_the_same_splits(layout):
    assert parse_splits(as_bytes(FILES[layout]), "x") == SPLITS


@pytest.mark.parametrize("content, message", [
    ("a1.jpg\nb2.jpg\n", r"x does not say which split each image is in \(x, line 1: .*; name a folder"),
    ({"a1.jpg": "a dog"}, "x does not say which split each image is in; name"),
    ("image,split\na1.jpg,0\n", 'x, line 2: "split" is \'0\'; expected one of train'),
    ([{"image": "a1.jpg", "split": None}, {"image": "b2.jpg", "split": "test"}], "x, entry 0: a1.jpg has no split"),
    ({"train": ["a1.jpg"], "test": ["./a1.jpg"]}, "x, test, entry 0: a1.jpg is in split test here and in train before"),
    ({"train": ["a1.jpg", True]}, "x does not say which split"),
    ("{", "x, line 1: this is not valid JSON"),
])
def test_what_does_not_say_the_split_of_each_image_is_refused(content, message):
    with pytest.raises(UserError, match=message):
        parse_splits(as_bytes(content), "x")


@pytest.mark.parametrize("content", [
    "b.jpg\r\n\r\na.jpg \n", '"b.jpg"\n"a.jpg"\n', "image\nb.jpg\na.jpg\n", ["b.jpg", "a.jpg"], '"b.jpg"\na.jpg',
    "\ufeffb.jpg\na.jpg", "b.jpg\na.jpg".encode("utf-16"),
])
def test_each_list_of_images_gives_the_same_names(content):
    assert parse_image_list(as_bytes(content), "x") == ("b.jpg", "a.jpg")


def test_a_first_image_that_is_called_as_a_column_may_be_stays():
    assert parse_image_list(b"image\nphoto\n", "x") == ("image", "photo")


@pytest.mark.parametrize("content, message", [
    ("a.jpg\nb.jpg\na.jpg\n", r"line 3: a\.jpg is on line 1"),
    ("\n", "the image list x is empty"),
    ("a.jpg#0\ta dog\n", r"x, line 1: expected one image name per line, found 'a\.jpg#0\\ta dog'"),
    ({"train": ["a.jpg"]}, "x is no list of images; expected one image name per line"),
    (["a.jpg", True], "x is no list of images"),
    ("['a.jpg']", "x, line 1: this is not valid JSON"),
    (b"\x93NUMPY\x01\0", "x is an array of NumPy and no text"),
])
def test_what_is_no_list_of_images_is_refused(content, message):
    with pytest.raises(UserError, match=message):
        parse_image_list(as_bytes(content), "x")


def test_of_two_lists_for_a_split_the_one_that_is_not_used_is_named(tmp_path, capsys):
    for file, names in (("train.txt", "a b"), ("dev.txt", "c"), ("val.txt", "d"), ("test.txt", "e")):
        (tmp_path / file).write_text("\n".join(names.split()))
    assert read_split_folder(tmp_path)["dev"] == ("c",)
    err = capsys.readouterr().err
    assert "dev.txt is the list of dev, and" in err and "val.txt, which differs, is not used" in err
    (tmp_path / "val.txt").write_text("c\n")
    read_split_folder(tmp_path)
    assert capsys.readouterr().err == ""
