"""Flickr8k in all its usual forms: small copies made here, and the real one if MINICAP_DATA names it."""

import csv
import io
import json
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicap.captioning.data import load_dataset
from minicap.errors import UserError

NAMES = tuple(f"{i}_ab.jpg" for i in range(8))
LISTS = {"train": NAMES[:4], "dev": NAMES[4:5], "test": NAMES[5:7]}  # the last one is in no split
TEXTS = {"Flickr8k.token.txt": "".join(f"{name}#{k}\tCaption {k} , of {name} .\n" for name in NAMES for k in range(5)),
         **{f"Flickr_8k.{split}Images.txt": "\n".join(names) + "\n" for split, names in LISTS.items()}}


def picture(name):
    buffer = io.BytesIO()
    Image.new("RGB", (12, 8), (int(name[0]) * 30, 80, 160)).save(buffer, "JPEG")
    return buffer.getvalue()


def unpack_images(folder, names=NAMES):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(picture(name))
    (folder / "._0_ab.jpg").write_bytes(b"junk that macOS leaves")
    (folder / "Thumbs.db").write_bytes(b"junk")


def unpack_texts(folder, texts=TEXTS):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)


def zip_images(path, top="Flicker8k_Dataset/"):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("__MACOSX/" + top + "._0_ab.jpg", b"junk")
        z.writestr("__MACOSX/" + top + "0_ab.jpg", b"junk")
        for name in NAMES:
            z.writestr(top + name, picture(name))


def zip_texts(path, top=""):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as z:
        for name, text in TEXTS.items():
            z.writestr(top + name, text)


def official_folders(root):
    unpack_images(root / "Flickr8k" / "Flicker8k_Dataset")
    unpack_texts(root / "Flickr8k")


def folders_in_lower_case(root):
    unpack_images(root / "flickr8k" / "images")
    unpack_texts(root / "flickr8k" / "Flickr8k_text")


def folders_of_the_archives_names(root):
    unpack_images(root / "Flickr8k_Dataset" / "Flicker8k_Dataset")
    unpack_texts(root / "Flickr8k_text")


def two_zips(root):
    zip_images(root / "Flickr8k_Dataset.zip")
    zip_texts(root / "Flickr8k_text.zip")


def two_zips_with_inner_folders(root):
    zip_images(root / "Flickr8k" / "Flickr8k_Dataset.zip", top="Flickr8k_Dataset/Flicker8k_Dataset/")
    zip_texts(root / "Flickr8k" / "Flickr8k_text.zip", top="Flickr8k_text/")


def images_unpacked_texts_zipped(root):
    unpack_images(root / "Flickr8k" / "Flickr8k_Dataset")
    zip_texts(root / "Flickr8k_text.zip")


def kaggle(root):
    unpack_images(root / "Images")
    with open(root / "captions.txt", "w", newline="") as f:
        rows = [(name, f"Caption {k} , of {name} .") for name in NAMES for k in range(5)]
        csv.writer(f).writerows([("image", "caption"), *rows])


def kaggle_with_downloaded_texts(root):
    kaggle(root)
    unpack_texts(root / "Flickr8k")  # where `download flickr8k --text-only --out` puts them


def kaggle_with_karpathys_file(root):
    kaggle(root)
    words = {"train": "train", "dev": "val", "test": "test"}
    (root / "dataset_flickr8k.json").write_text(json.dumps({"images": [
        {"filename": name, "split": words[split], "sentences": [{"raw": "its own words"}]}
        for split, names in LISTS.items() for name in names]}))


@pytest.mark.parametrize("lay_out", [
    kaggle_with_karpathys_file,
    official_folders, folders_in_lower_case, folders_of_the_archives_names, two_zips, two_zips_with_inner_folders,
    images_unpacked_texts_zipped, kaggle_with_downloaded_texts])
def test_every_form_gives_the_same_data(tmp_path, capsys, lay_out):
    lay_out(tmp_path)
    data = load_dataset("flickr8k", tmp_path)
    assert data.splits == LISTS and data.all_images == NAMES
    assert data.images == NAMES[:7] and data.outside_splits == NAMES[7:]
    assert data.captions == {name: tuple(f"Caption {k} , of {name} ." for k in range(5)) for name in NAMES}
    for name in NAMES:
        assert np.abs(data.image(name).astype(int) - (int(name[0]) * 30, 80, 160)).max() < 4
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 2 and "8 images instead of 8,091" in warnings[0] and "4/1/2" in warnings[1]


def test_the_folder_itself_or_the_environment_may_be_named(tmp_path, monkeypatch):
    official_folders(tmp_path)
    assert load_dataset("flickr8k", tmp_path / "Flickr8k").splits == LISTS
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path))
    assert load_dataset("flickr8k").splits == LISTS


def test_without_any_folder_the_ways_to_one_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("MINICAP_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with pytest.raises(UserError, match=r"data_dir= .*MINICAP_DATA.*python -m minicap\.download flickr8k"):
        load_dataset("flickr8k")
    official_folders(tmp_path / ".cache" / "minicap")
    assert load_dataset("flickr8k").splits == LISTS


def test_the_kaggle_copy_is_never_split_at_random(tmp_path):
    kaggle(tmp_path)
    with pytest.raises(UserError) as error:
        load_dataset("flickr8k", tmp_path)
    for part in ("Flickr_8k.trainImages.txt", "Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt",
                 f"python -m minicap.download flickr8k --text-only --out {tmp_path}", "splits="):
        assert part in str(error.value)
    with pytest.raises(UserError, match="split_seed= is for data='folder'"):
        load_dataset("flickr8k", tmp_path, split_seed=0)


@pytest.mark.parametrize("list_names", [
    ("Flickr_8k.trainImages.txt", "Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt"),
    ("train.txt", "val.txt", "test.txt")])
def test_the_kaggle_copy_takes_a_folder_of_split_lists(tmp_path, list_names):
    kaggle(tmp_path)
    unpack_texts(tmp_path / "lists", dict(zip(list_names, ("\n".join(names) for names in LISTS.values()), strict=True)))
    assert load_dataset("flickr8k", tmp_path, splits=tmp_path / "lists").splits == LISTS


def test_the_kaggle_copy_takes_the_splits_of_a_file_that_is_named(tmp_path):
    kaggle_with_karpathys_file(tmp_path)
    path = (tmp_path / "dataset_flickr8k.json").rename(tmp_path / "splits.json")
    assert load_dataset("flickr8k", tmp_path, splits=path).splits == LISTS
    with pytest.raises(UserError, match=r"captions\.txt does not say which split"):
        load_dataset("flickr8k", tmp_path, splits=tmp_path / "captions.txt")


def test_a_folder_with_some_of_the_lists_is_refused(tmp_path):
    kaggle(tmp_path)
    unpack_texts(tmp_path / "lists", {"train.txt": "0_ab.jpg\n"})
    with pytest.raises(UserError, match=r"lists has no .*dev\.txt.*test\.txt"):
        load_dataset("flickr8k", tmp_path, splits=tmp_path / "lists")


def test_known_flaws_survive_with_one_warning_line_each(tmp_path, capsys):
    flaw = "2258277193_586949ec62.jpg.1"
    texts = TEXTS | {"Flickr8k.token.txt": TEXTS["Flickr8k.token.txt"] + f"{flaw}#0\tNo such image .\n"}
    unpack_texts(tmp_path, texts)
    unpack_images(tmp_path / "Images", NAMES[1:])
    data = load_dataset("flickr8k", tmp_path)
    assert data.splits["train"] == NAMES[1:4] and NAMES[0] not in data.captions and flaw not in data.captions
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 4 and all(line.startswith("warning: flickr8k: ") for line in warnings)
    assert [line for line in warnings if flaw in line and "1 captioned image(s) without a file" in line]
    assert [line for line in warnings if NAMES[0] in line and "1 image(s) of the split lists" in line]


def test_no_images_or_no_captions_or_no_folder_is_an_error(tmp_path):
    with pytest.raises(UserError, match="none is not a folder"):
        load_dataset("flickr8k", tmp_path / "none")
    with pytest.raises(UserError, match=r"no images of Flickr8k.*Flicker8k_Dataset.*minicap\.download flickr8k"):
        load_dataset("flickr8k", tmp_path)
    unpack_images(tmp_path / "Images")
    with pytest.raises(UserError, match=r"no captions of Flickr8k.*--text-only"):
        load_dataset("flickr8k", tmp_path)


def test_without_pictures_captions_and_splits_are_still_there_for_features(tmp_path):
    unpack_texts(tmp_path)
    data = load_dataset("flickr8k", tmp_path, pictures=False)
    assert data.splits == LISTS and data.all_images == NAMES and set(data.captions) == set(NAMES)
    with pytest.raises(UserError, match=r"0_ab\.jpg does not exist"):
        data.image(NAMES[0])
    unpack_images(tmp_path / "Images", NAMES[:7])
    assert load_dataset("flickr8k", tmp_path, pictures=False).all_images == NAMES[:7]  # those there are count


def test_a_picture_in_two_splits_is_refused(tmp_path):
    unpack_images(tmp_path / "Images")
    unpack_texts(tmp_path, TEXTS | {"Flickr_8k.testImages.txt": "0_ab.jpg\n"})
    with pytest.raises(UserError, match=r"0_ab\.jpg is both in train and in test"):
        load_dataset("flickr8k", tmp_path)


def test_a_listed_picture_without_a_caption_is_refused(tmp_path):
    unpack_images(tmp_path / "Images")
    unpack_texts(tmp_path, TEXTS | {"Flickr8k.token.txt": "".join(f"{name}#0\tx\n" for name in NAMES[1:])})
    with pytest.raises(UserError, match=r"1 image\(s\) of split train without a caption.*0_ab\.jpg"):
        load_dataset("flickr8k", tmp_path)


def test_a_split_without_any_picture_is_refused(tmp_path):
    unpack_images(tmp_path / "Images", NAMES[:5])
    unpack_texts(tmp_path)
    with pytest.raises(UserError, match="none of the 2 images of split test"):
        load_dataset("flickr8k", tmp_path)


@pytest.mark.parametrize(("archive", "member"), [("Flickr8k_Dataset.zip", "Flicker8k_Dataset/1.jpg"),
                                                 ("Flickr8k_text.zip", "Flickr8k.token.txt")])
def test_a_zip_whose_member_would_become_huge_is_refused(tmp_path, archive, member):
    two_zips(tmp_path)
    with zipfile.ZipFile(tmp_path / archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z, \
            z.open(member, "w") as file:
        for _ in range(257):
            file.write(bytes(1 << 20))
    with pytest.raises(UserError, match=f"{archive} is refused: its member '{member}' would become 269,484,032"):
        load_dataset("flickr8k", tmp_path)


@pytest.mark.parametrize("archive", ["Flickr8k_Dataset.zip", "Flickr8k_text.zip"])
def test_a_truncated_zip_is_refused_by_name(tmp_path, archive):
    two_zips(tmp_path)
    data = (tmp_path / archive).read_bytes()
    (tmp_path / archive).write_bytes(data[:len(data) // 2])
    with pytest.raises(UserError, match=f"{archive} cannot be read as a zip archive"):
        load_dataset("flickr8k", tmp_path)


def test_a_damaged_member_is_refused_by_name_when_it_is_read(tmp_path):
    two_zips(tmp_path)
    path = tmp_path / "Flickr8k_Dataset.zip"
    archive = bytearray(path.read_bytes())
    archive[archive.index(picture(NAMES[3])) + 100] ^= 255
    path.write_bytes(archive)
    data = load_dataset("flickr8k", tmp_path)
    assert data.image(NAMES[2]).shape == (8, 12, 3)
    with pytest.raises(UserError, match=r"Flickr8k_Dataset\.zip/Flicker8k_Dataset/3_ab\.jpg is damaged"):
        data.image(NAMES[3])


@pytest.mark.parametrize("lay_out", [official_folders, two_zips])
def test_many_threads_read_their_own_pictures(tmp_path, lay_out):
    lay_out(tmp_path)
    data = load_dataset("flickr8k", tmp_path)
    expected = {name: data.image(name) for name in NAMES}
    with ThreadPoolExecutor(8) as pool:
        for name, image in zip(NAMES * 50, pool.map(data.image, NAMES * 50), strict=True):
            assert np.array_equal(image, expected[name])


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(UserError, match="'imagenet'; choose one of shapes, flickr8k, flickr30k, coco, folder"):
        load_dataset("imagenet")


# ------------------------------------------------------------------------------------------------ the real one

@pytest.fixture
def real():
    if "MINICAP_DATA" not in os.environ:
        pytest.skip("MINICAP_DATA is not set")
    return Path(os.environ["MINICAP_DATA"]) / "Flickr8k"


def assert_official(data, warnings):
    assert {split: len(names) for split, names in data.splits.items()} == {"train": 6000, "dev": 1000, "test": 1000}
    assert len(data.all_images) == len(data.captions) == 8091 and len(data.outside_splits) == 91
    assert sum(map(len, data.captions.values())) == 40_455  # the file's 40,460 less the five of no image
    assert len(warnings) == 1 and "2258277193_586949ec62.jpg.1" in warnings[0]


@pytest.mark.real_data
def test_the_real_flickr8k_is_the_same_unpacked_and_zipped(real, tmp_path, capsys):
    unpacked = load_dataset("flickr8k", real.parent)
    assert_official(unpacked, capsys.readouterr().err.splitlines())
    if not (real / "Flickr8k_Dataset.zip").is_file() or not (real / "Flickr8k_text.zip").is_file():
        pytest.skip("the zip archives are not kept beside the folders")
    for name in ("Flickr8k_Dataset.zip", "Flickr8k_text.zip"):
        (tmp_path / name).symlink_to((real / name).resolve())
    zipped = load_dataset("flickr8k", tmp_path)
    assert_official(zipped, capsys.readouterr().err.splitlines())
    assert (zipped.splits, zipped.captions, zipped.all_images) == \
        (unpacked.splits, unpacked.captions, unpacked.all_images)
    for name in unpacked.all_images[::100]:
        np.testing.assert_array_equal(zipped.image(name), unpacked.image(name))
