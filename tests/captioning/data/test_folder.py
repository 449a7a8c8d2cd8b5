"""Your own pictures: any caption layout, three ways to split."""

import gc
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minicap.captioning.data import load_dataset
from minicap.captioning.data.picture_files import PictureFiles
from minicap.captioning.data.splits import random_splits
from minicap.errors import UserError
from minicap.files import write_json

NAMES = tuple(f"cat {i}.png" for i in range(20))


def add_pictures(folder, names=NAMES):
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (i, 2 * i, 3 * i)).save(folder / name)


def add_csv(folder, names=NAMES, file="captions.csv"):
    (folder / file).write_text("image,caption\n" + "".join(f'{n},"one, {n}"\n{n},two {n}\n' for n in names))


def add_lists(folder, dev="dev.txt"):
    for file, names in (("train.txt", NAMES[:10]), (dev, NAMES[10:12]), ("test.txt", NAMES[12:])):
        (folder / file).write_text("\n".join(names))


def karpathy(*fields, names=NAMES):
    images = [{"filename": name, "sentences": [{"raw": f"of {name}"}]} for name in names]
    for image, field in zip(images, fields, strict=False):
        image["split"] = field
    return json.dumps({"images": images})


SPLIT = {"train": NAMES[:10], "dev": NAMES[10:12], "test": NAMES[12:]}


@pytest.mark.parametrize("pictures", ["", "images", "Images"])
@pytest.mark.parametrize("dev", ["dev.txt", "val.txt"])
def test_a_csv_with_lists_is_a_data_set(tmp_path, pictures, dev, capsys):
    add_pictures(tmp_path / pictures)
    add_csv(tmp_path)
    add_lists(tmp_path, dev)
    data = load_dataset("folder", tmp_path)
    assert data.name == "folder" and data.splits == SPLIT and data.all_images == tuple(sorted(NAMES))
    assert data.captions[NAMES[3]] == ("one, cat 3.png", "two cat 3.png")
    np.testing.assert_array_equal(data.image(NAMES[3]), np.full((4, 6, 3), (3, 6, 9), np.uint8))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("place", ["val2014", "images/val2014", "elsewhere"])
def test_pictures_are_found_by_one_list_of_each_folder_and_not_one_by_one(tmp_path, place, monkeypatch):
    """100,000 questions whether a file is there take minutes where the disk is in a network."""
    names = tuple(f"val2014/{i}.png" for i in range(50))
    add_pictures(tmp_path / place, [name.rpartition("/")[2] for name in names])
    files, asked, listed = PictureFiles(tmp_path), [], []
    stat, scandir = os.stat, os.scandir
    monkeypatch.setattr(os, "stat", lambda path, **more: asked.append(path) or stat(path, **more))
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    assert files.find(names) == {name: str(tmp_path / place / name.rpartition("/")[2]) for name in names}
    assert not asked and len(listed) <= 2


def test_the_garbage_collector_rests_while_captions_are_read_and_goes_on_afterwards(tmp_path, monkeypatch):
    states = []
    monkeypatch.setattr(PictureFiles, "find", lambda files, names: states.append(gc.isenabled()) or {})
    add_pictures(tmp_path)
    add_csv(tmp_path)
    add_lists(tmp_path)
    with pytest.raises(UserError):  # no picture was found
        load_dataset("folder", tmp_path)
    assert states[0] is False and gc.isenabled()


def test_names_may_lead_into_folders(tmp_path):
    names = ("a/1.png", "a/2.png", "b/1.png")
    add_pictures(tmp_path, names)
    add_csv(tmp_path, names, "captions.txt")
    data = load_dataset("folder", tmp_path, split_seed=0)
    assert set(data.images) == set(data.all_images) == set(names)
    assert data.image("b/1.png")[0, 0].tolist() == [2, 4, 6]


def test_pictures_that_nobody_named_are_left_alone(tmp_path):
    add_pictures(tmp_path)
    add_csv(tmp_path)
    add_lists(tmp_path)
    Image.new("RGB", (9, 9)).save(tmp_path / "curve.png")
    assert "curve.png" not in load_dataset("folder", tmp_path).all_images


def test_karpathy_fields_split(tmp_path):
    add_pictures(tmp_path)
    (tmp_path / "captions.json").write_text(karpathy(*["train"] * 5, *["restval"] * 5, *["val"] * 2, *["test"] * 8))
    data = load_dataset("folder", tmp_path)
    assert data.splits == SPLIT and data.captions[NAMES[0]] == ("of cat 0.png",)


def test_a_picture_without_a_split_field_is_refused(tmp_path):
    add_pictures(tmp_path)
    (tmp_path / "captions.json").write_text(karpathy(*["train"] * 18, "val"))
    with pytest.raises(UserError, match=r"images\[19\]"):
        load_dataset("folder", tmp_path)


def test_a_folder_of_lists_counts_before_the_fields(tmp_path):
    add_pictures(tmp_path)
    (tmp_path / "captions.json").write_text(karpathy(*["train"] * 18, "val", "test"))
    (tmp_path / "mine").mkdir()
    add_lists(tmp_path / "mine")
    assert load_dataset("folder", tmp_path, splits=tmp_path / "mine").splits == SPLIT


@pytest.mark.parametrize("file", ["captions.csv", "captions.json"])
def test_without_lists_the_three_ways_to_split_are_named(tmp_path, file):
    add_pictures(tmp_path)
    add_csv(tmp_path) if file.endswith("csv") else (tmp_path / file).write_text(karpathy())
    with pytest.raises(UserError, match=r'train\.txt, dev\.txt, test\.txt.*"split" fields.*split_seed='):
        load_dataset("folder", tmp_path)


def test_half_the_lists_are_not_enough(tmp_path):
    add_pictures(tmp_path)
    add_csv(tmp_path)
    add_lists(tmp_path)
    (tmp_path / "dev.txt").unlink()
    with pytest.raises(UserError, match=r"has no dev\.txt:"):
        load_dataset("folder", tmp_path)


def test_a_seed_beside_lists_or_fields_has_no_effect_and_it_is_said(tmp_path, capsys):
    add_pictures(tmp_path)
    (tmp_path / "captions.json").write_text(karpathy(*["train"] * 18, "val", "test"))
    assert load_dataset("folder", tmp_path, split_seed=1).splits["dev"] == (NAMES[18],)
    assert 'split_seed= has no effect' in (err := capsys.readouterr().err) and '("split" fields)' in err
    add_lists(tmp_path)
    assert load_dataset("folder", tmp_path, split_seed=1).splits == SPLIT
    assert "is split by train.txt and dev.txt and test.txt" in capsys.readouterr().err
    with pytest.raises(UserError, match="give one of them"):
        load_dataset("folder", tmp_path, splits=tmp_path, split_seed=1)


PREDICTIONS = {"pred.json": {name: "a thing" for name in NAMES},
               "scores.json": {name: {"caption": "a thing", "bleu4": 0.5, "cider": 1.0} for name in NAMES},
               "caps.jsonl": [{"image": name, "caption": "a thing", "beams": []} for name in NAMES]}


@pytest.mark.parametrize("file", PREDICTIONS)
@pytest.mark.parametrize("captions", ["captions.csv", "mine.csv", "dataset.json"])
def test_captions_that_minicap_wrote_do_not_count_beside_those_of_people(tmp_path, file, captions, capsys):
    add_pictures(tmp_path)
    if captions == "dataset.json":
        (tmp_path / captions).write_text(karpathy(*["train"] * 18, "val", "test"))
    else:
        add_csv(tmp_path, file=captions)
    values = PREDICTIONS[file]
    if file.endswith("l"):
        (tmp_path / file).write_text("".join(json.dumps(value) + "\n" for value in values))
    else:
        write_json(tmp_path / file, values)
    data = load_dataset("folder", tmp_path, split_seed=0)
    assert all("thing" not in text for texts in data.captions.values() for text in texts)
    assert f"{file} is not used: the captions in it were written by minicap" in capsys.readouterr().err
    (tmp_path / captions).unlink()
    assert load_dataset("folder", tmp_path, split_seed=0).captions[NAMES[0]] == ("a thing",)


@pytest.mark.parametrize("name", ["captions.csv", "mine.csv", "mine.txt"])
@pytest.mark.parametrize("other", [True, False])
def test_a_caption_file_with_one_bad_line_is_not_passed_over(tmp_path, name, other):
    add_pictures(tmp_path)
    add_csv(tmp_path, file=name)
    with open(tmp_path / name, "a") as file:
        file.write(f"{NAMES[0]},a, b\n")
    if other:
        (tmp_path / "other.json").write_text(json.dumps({name: ["a thing"] for name in NAMES}))
    with pytest.raises(UserError, match=rf"{name}, line {2 * len(NAMES) + 2}: expected image,caption"):
        load_dataset("folder", tmp_path, split_seed=0)


def test_broken_json_of_captions_is_not_passed_over_but_files_about_something_else_are(tmp_path):
    add_pictures(tmp_path)
    add_csv(tmp_path, file="mine.csv")
    (tmp_path / "instances.json").write_text(json.dumps({"images": [{"id": i, "file_name": name} for i, name in
                                                                    enumerate(NAMES)], "annotations": []}))
    (tmp_path / "ratings.txt").write_text("".join(f"{name}\t{name}#1\t1\t2\t3\n" for name in NAMES))
    (tmp_path / "notes.txt").write_text("all pictures: " + " ".join(NAMES))
    assert len(load_dataset("folder", tmp_path, split_seed=0).captions) == len(NAMES)
    (tmp_path / "cut.json").write_text(karpathy(*["train"] * 20).replace("sentences", "captions")[:-20])
    with pytest.raises(UserError, match=r"cut\.json.* valid JSON .*; mend this file"):
        load_dataset("folder", tmp_path, split_seed=0)


def test_a_seed_splits_eighty_ten_ten_and_the_same_again(tmp_path):
    add_pictures(tmp_path)
    add_csv(tmp_path)
    one, again, other = (load_dataset("folder", tmp_path, split_seed=seed).splits for seed in (0, 0, 1))
    assert one == again != other
    assert [len(names) for names in one.values()] == [16, 2, 2]


@settings(deadline=None, max_examples=40)
@given(st.sets(st.text("abcdef", min_size=1), min_size=3, max_size=60), st.integers(0, 2**32))
def test_a_random_split_holds_every_name_once_whatever_their_order(names, seed):
    splits = random_splits(sorted(names), seed)
    assert splits == random_splits(sorted(names, reverse=True), seed)
    everyone = [name for part in splits.values() for name in part]
    assert sorted(everyone) == sorted(names) and all(splits.values())
    assert all(type(name) is str for name in everyone)


def test_two_pictures_cannot_be_split():
    with pytest.raises(UserError, match="at least 3 are needed"):
        random_splits(["a", "b"], 0)


def test_captions_of_missing_pictures_and_listed_missing_pictures_are_warned_about(tmp_path, capsys):
    add_pictures(tmp_path, NAMES[1:])
    add_csv(tmp_path, (*NAMES, "stray.png"))
    add_lists(tmp_path)
    data = load_dataset("folder", tmp_path)
    assert data.splits["train"] == NAMES[1:10]
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 2
    assert "1 captioned image(s) without a file" in warnings[0] and "stray.png" in warnings[0]
    assert "1 image(s) of the split lists without a file" in warnings[1] and "cat 0.png" in warnings[1]


def test_a_listed_picture_without_a_caption_is_named(tmp_path):
    add_pictures(tmp_path)
    add_csv(tmp_path, NAMES[1:])
    add_lists(tmp_path)
    with pytest.raises(UserError, match=r"1 image\(s\) of split train without a caption.*cat 0\.png"):
        load_dataset("folder", tmp_path)


def test_missing_parts_are_named(tmp_path):
    with pytest.raises(UserError, match="needs data_dir="):
        load_dataset("folder")
    with pytest.raises(UserError, match="is not a folder"):
        load_dataset("folder", tmp_path / "none")
    with pytest.raises(UserError, match=r"no caption file; it should hold one of captions\.csv"):
        load_dataset("folder", tmp_path)
    add_csv(tmp_path)
    with pytest.raises(UserError, match=r"none of the 20 images .*cat 0\.png"):
        load_dataset("folder", tmp_path)
    add_csv(tmp_path, file="captions.txt")
    with pytest.raises(UserError, match=r"has captions\.csv and captions\.txt; it should hold one"):
        load_dataset("folder", tmp_path)
