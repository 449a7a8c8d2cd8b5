"""COCO and Flickr30k by name, in miniature copies of what is downloaded."""

import json

import pytest
from PIL import Image

from minicap.captioning.data import load_dataset
from minicap.errors import UserError

TRAIN = [f"COCO_train2014_{n:012}.jpg" for n in (9, 25, 30, 34)]
VAL = [f"COCO_val2014_{n:012}.jpg" for n in (42, 73, 74, 133, 136, 139, 143, 164)]
WHERE = {name: f"{name[5:].partition('_')[0]}/{name}" for name in TRAIN + VAL}  # val2014/COCO_val2014_...
FLICKR = [f"{n}.jpg" for n in (1000092795, 10002456, 1000268201, 1000344755, 1000366164, 1000523639)]


def add_pictures(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (1, 2, 3)).save(folder / name)


def captions_of(name):
    return tuple(f"Caption {k} of {int(name[-9:-4])}." for k in range(2))


def annotations(folder, part, names):
    """As annotations_trainval2014.zip has them: captions in any order, and the size and place of each image."""
    images = [{"license": 5, "file_name": name, "coco_url": f"http://images.cocodataset.org/{part}/{name}",
               "height": 360, "width": 640, "id": int(name[-9:-4])} for name in names]
    captions = [{"image_id": int(name[-9:-4]), "id": 100 * k + i, "caption": captions_of(name)[k]}
                for k in range(2) for i, name in reversed(list(enumerate(names)))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"captions_{part}.json").write_text(json.dumps(
        {"info": {"year": 2014}, "images": images, "licenses": [{"id": 5, "name": "?"}], "annotations": captions}))


def karpathy(path, split_of, with_folders=True):
    images = [{**({"filepath": WHERE[name].partition("/")[0], "cocoid": int(name[-9:-4])} if with_folders else {}),
               "filename": name, "imgid": i, "split": split, "sentids": [2 * i, 2 * i + 1],
               "sentences": [{"tokens": text.lower().rstrip(".").split(), "raw": text, "imgid": i, "sentid": 2 * i + k}
                             for k, text in enumerate(captions_of(name))]}
              for i, (name, split) in enumerate(split_of.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "dataset": "coco"}))


SPLIT_OF = dict.fromkeys(TRAIN, "train") | dict(zip(VAL, ["val", "test"] + 3 * ["restval"] + 2 * ["val"] + ["test"],
                                                  strict=True))


@pytest.mark.parametrize("pictures", ["", "images", "COCO/images"])
@pytest.mark.parametrize("place", ["", "annotations", "caption_datasets"])
def test_karpathys_file_says_the_usual_splits_of_coco_and_restval_is_train(tmp_path, pictures, place, capsys):
    add_pictures(tmp_path / pictures, WHERE.values())
    karpathy(tmp_path / place / "dataset_coco.json", SPLIT_OF)
    for part, names in (("train2014", TRAIN), ("val2014", VAL)):
        annotations(tmp_path / "annotations", part, names)  # may be there as well
    data = load_dataset("coco", tmp_path)
    assert data.name == "coco" and data.splits == {
        "train": tuple(WHERE[name] for name in TRAIN + VAL[2:5]), "dev": tuple(WHERE[VAL[i]] for i in (0, 5, 6)),
        "test": (WHERE[VAL[1]], WHERE[VAL[7]])}
    assert all(data.captions[WHERE[name]] == captions_of(name) for name in WHERE)
    assert data.image(WHERE[VAL[0]]).shape == (4, 6, 3)
    warning = capsys.readouterr().err
    assert "splits of 7/3/2 images, not the usual 113287/5000/5000" in warning


@pytest.mark.parametrize("place", ["", "annotations"])
def test_from_cocos_own_annotations_dev_and_test_are_random_images_of_val2014_and_it_is_said(tmp_path, place, capsys):
    add_pictures(tmp_path, WHERE.values())
    for part, names in (("train2014", TRAIN), ("val2014", VAL)):
        annotations(tmp_path / place, part, names)
    data = load_dataset("coco", tmp_path)
    assert [len(data.splits[split]) for split in ("train", "dev", "test")] == [8, 2, 2]
    held_out = {*data.splits["dev"], *data.splits["test"]}
    assert len(held_out) == 4 and all(name.startswith("val2014/") for name in held_out)
    assert {*data.splits["train"]} == {*WHERE.values()} - held_out
    assert data.captions == {WHERE[name]: captions_of(name) for name in (*TRAIN, *VAL)}
    assert ("2 random images of val2014 each are dev and test, and all others are train, as there is no "
            "dataset_coco.json") in capsys.readouterr().err
    assert load_dataset("coco", tmp_path).splits == data.splits


def test_images_have_the_same_names_in_both_files_of_coco_and_splits_may_be_given(tmp_path):
    """Features that were extracted with one of them can be read with the other."""
    add_pictures(tmp_path, WHERE.values())
    for part, names in (("train2014", TRAIN), ("val2014", VAL)):
        annotations(tmp_path / "annotations", part, names)
    karpathy(tmp_path / "elsewhere.json", SPLIT_OF)
    own = load_dataset("coco", tmp_path, splits=tmp_path / "elsewhere.json")
    (tmp_path / "elsewhere.json").rename(tmp_path / "dataset_coco.json")
    usual = load_dataset("coco", tmp_path)
    assert own.splits == usual.splits and own.captions == usual.captions and own.all_images == usual.all_images


def test_captions_of_coco_need_no_pictures_where_there_are_features(tmp_path):
    karpathy(tmp_path / "dataset_coco.json", SPLIT_OF)
    assert len(load_dataset("coco", tmp_path, pictures=False).images) == 12
    with pytest.raises(UserError, match="has no pictures; unpack those of coco there"):
        load_dataset("coco", tmp_path)


def flickr30k(folder, layout):
    lines = [(name, k, text) for name in FLICKR for k, text in enumerate(captions_of(name))]
    if layout == "token":
        text = "".join(f"{name}#{k}\t{text}\n" for name, k, text in lines)
        (folder / "results_20130124.token").write_text(text)
    else:
        rows = [f"{name}| {k}| {text}" for name, k, text in lines]
        rows[3] = rows[3].replace("1| ", "1 ")  # Kaggle's file has one row without its second bar
        (folder / "results.csv").write_text("\n".join(["image_name| comment_number| comment", *rows]))


@pytest.mark.parametrize("pictures", ["flickr30k-images", "flickr30k_images/flickr30k_images"])
@pytest.mark.parametrize("layout", ["token", "csv"])
def test_flickr30k_is_read_with_lists_of_its_splits(tmp_path, pictures, layout, capsys):
    add_pictures(tmp_path / pictures, FLICKR)
    flickr30k(tmp_path if layout == "token" else (tmp_path / pictures).parent, layout)
    with pytest.raises(UserError, match=r"does not say which images of Flickr30k are train, dev and test, as the "
                                        r"authors made no splits; put Karpathy's dataset_flickr30k.json there, or "
                                        r"train.txt, dev.txt, test.txt"):
        load_dataset("flickr30k", tmp_path)
    for file, names in (("train.txt", FLICKR[:3]), ("val.txt", FLICKR[3:5]), ("test.txt", FLICKR[5:])):
        (tmp_path / file).write_text("\n".join(name.removesuffix(".jpg") for name in names))  # as Flickr30k Entities
    data = load_dataset("flickr30k", tmp_path)
    assert data.splits == {"train": tuple(FLICKR[:3]), "dev": tuple(FLICKR[3:5]), "test": tuple(FLICKR[5:])}
    assert data.captions == {name: captions_of(name) for name in FLICKR}
    assert data.image(FLICKR[0]).shape == (4, 6, 3)
    assert "not the usual 29000/1014/1000" in capsys.readouterr().err


def test_flickr30k_has_the_splits_of_karpathys_file(tmp_path):
    add_pictures(tmp_path / "flickr30k-images", FLICKR)
    flickr30k(tmp_path, "token")
    karpathy(tmp_path / "dataset_flickr30k.json", dict(zip(FLICKR, 4 * ["train"] + ["val", "test"], strict=True)),
             with_folders=False)
    data = load_dataset("flickr30k", tmp_path)
    assert [len(data.splits[split]) for split in ("train", "dev", "test")] == [4, 1, 1]
    assert data.captions[FLICKR[2]] == captions_of(FLICKR[2])


@pytest.mark.parametrize(("name", "message"), [
    ("coco", "has no captions of COCO .*captions_train2014.json and captions_val2014.json.*"
             "annotations_trainval2014.zip"),
    ("flickr30k", "has no captions of Flickr30k .*results_20130124.token, results.csv")])
def test_what_is_missing_is_said(tmp_path, name, message):
    add_pictures(tmp_path / "val2014", ["a.jpg"])
    with pytest.raises(UserError, match=message):
        load_dataset(name, tmp_path)
    with pytest.raises(UserError, match=f"data='{name}' needs data_dir="):
        load_dataset(name)
    with pytest.raises(UserError, match="is not a folder; it should hold"):
        load_dataset(name, tmp_path / "missing")
    with pytest.raises(UserError, match="split_seed= is for data='folder'"):
        load_dataset(name, tmp_path, split_seed=1)


@pytest.mark.parametrize(("name", "file"), [("coco", "dataset_coco.json"), ("flickr30k", "dataset_flickr30k.json")])
def test_a_file_of_karpathys_name_without_splits_is_refused(tmp_path, name, file):
    add_pictures(tmp_path, FLICKR)
    (tmp_path / file).write_text(json.dumps({"images": [{"filename": name, "sentences": [{"raw": "a dog"}]}
                                                        for name in FLICKR]}))
    with pytest.raises(UserError, match=f'{file} has no "split" fields'):
        load_dataset(name, tmp_path)
