"""Rows of a data set as model inputs: generated pictures, and rows of a feature file."""

import numpy as np
import pytest
import tiny_captioner

from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.inputs import FeatureInputs, PixelInputs, pixels_to_input
from minicap.errors import UserError

NAMES = tiny_captioner.NAMES


def test_pixels_are_those_of_the_pictures_in_the_order_asked_for():
    data = ShapesDataset(train=4, dev=1, test=0, side=16)
    inputs = PixelInputs(data, data.splits["train"])
    assert inputs.names == ["train-00000", "train-00001", "train-00002", "train-00003"]
    x = inputs(np.array([2, 0]))
    assert x.shape == (2, 16, 16, 3) and x.dtype == np.float32
    np.testing.assert_array_equal(x, pixels_to_input(np.stack([data.image("train-00002"), data.image("train-00000")])))
    assert inputs.pictures.dtype == np.uint8  # and only a batch at a time is four times as large


def test_features_are_found_by_name_whatever_the_order_of_the_file(tmp_path):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy"))
    inputs = FeatureInputs(features, [NAMES[7], NAMES[2], NAMES[5]])
    x = inputs(np.array([2, 0, 1, 2]))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, np.load(tmp_path / "f.npy")[[5, 7, 2, 5]].astype(np.float32))
    assert isinstance(inputs.features.array, np.memmap)


def test_pictures_that_could_not_be_read_are_left_out_with_one_warning_line(tmp_path, capsys):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy", unreadable=[NAMES[1], NAMES[4]]))
    inputs = FeatureInputs(features, NAMES[:4])
    assert inputs.names == [NAMES[0], NAMES[2], NAMES[3]]
    np.testing.assert_array_equal(inputs(np.arange(3)), np.load(tmp_path / "f.npy")[[0, 2, 3]].astype(np.float32))
    err = capsys.readouterr().err
    assert err == (f"warning: 1 of 4 pictures left out, which could not be read for {tmp_path / 'f.npy'} "
                   f"({NAMES[1]})\n")
    FeatureInputs(features, NAMES[5:])
    assert capsys.readouterr().err == ""


def test_when_no_picture_could_be_read_that_is_an_error(tmp_path):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy", unreadable=NAMES[:3]))
    with pytest.raises(UserError, match="none of the 3 pictures could be read"):
        FeatureInputs(features, NAMES[:3])


def test_pictures_that_the_file_never_saw_are_an_error(tmp_path):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy", names=NAMES[:6], unreadable=NAMES[:1]))
    with pytest.raises(UserError, match=rf"has no features for 2 of 4 images \(the first is {NAMES[6]}\)"):
        FeatureInputs(features, NAMES[4:8])


# ------------------------------------------------------------------------------------------------- mirrored pictures

def write_mirrored(path, **source):
    path = tiny_captioner.write_features(path, **{"mirrored": True} | source)
    np.save(path, -np.load(path))
    return open_features(path)


def test_in_training_either_a_picture_or_its_mirror_image_is_read(tmp_path, rng):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy"))
    inputs = FeatureInputs(features, NAMES[3:9], write_mirrored(tmp_path / "m.npy"))
    plain = inputs(np.arange(6))
    np.testing.assert_array_equal(plain, np.load(tmp_path / "f.npy")[3:9])  # without a generator, as on dev
    ratios = np.stack([inputs(np.arange(6), rng) for _ in range(50)]) / plain
    assert set(np.unique(ratios)) == {-1, 1}
    assert (ratios == ratios[:, :, :1]).all()  # all of a picture or nothing
    assert 0.4 < (ratios > 0).mean() < 0.6
    assert all(len(np.unique(of_picture)) == 2 for of_picture in ratios[:, :, 0].T)


def test_mirrored_features_that_lack_a_picture_are_refused(tmp_path):
    """Its rows would belong to other pictures from there on."""
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy"))
    other = write_mirrored(tmp_path / "m.npy", unreadable=NAMES[4:5])
    with pytest.raises(UserError, match=r"m\.npy lacks pictures that .*f\.npy has; extract it again"):
        FeatureInputs(features, NAMES[3:9], other)


@pytest.mark.parametrize("source", [{"mirrored": False}, {"layer": "pool5"},
                                    {"weights_sha256": "1" * 64}])
def test_mirrored_features_have_to_come_from_the_same_network(tmp_path, source):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy"))
    other = write_mirrored(tmp_path / "m.npy", **source)
    with pytest.raises(UserError, match=r"m\.npy does not hold the mirrored pictures' features by the network of"):
        FeatureInputs(features, NAMES, other)


# ------------------------------------------------------------------------------------------------- parts of pictures

CROP = {"area": 0.5, "seed": 1}


def write_augmented(path, factor, **source):
    path = tiny_captioner.write_features(path, **{"crop": CROP} | source)
    np.save(path, factor * np.load(path))
    return open_features(path)


def test_in_training_all_versions_of_a_picture_are_equally_frequent(tmp_path, rng):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy"))
    parts = [write_augmented(tmp_path / f"{factor}.npy", factor) for factor in (2, 3)]
    inputs = FeatureInputs(features, NAMES[3:9], write_mirrored(tmp_path / "m.npy"), parts)
    plain = inputs(np.arange(6))
    ratios = np.stack([inputs(np.arange(6), rng)[:, 0] for _ in range(400)]) / plain[:, 0]
    ratios = np.round(ratios, 2)
    for ratio in (1, -1, 2, 3):
        assert 0.22 < (ratios == ratio).mean() < 0.28


@pytest.mark.parametrize("source", [{"crop": None}, {"layer": "pool5"}, {"mirrored": True}])
def test_features_of_parts_have_to_come_from_the_same_network(tmp_path, source):
    features = open_features(tiny_captioner.write_features(tmp_path / "f.npy"))
    other = write_augmented(tmp_path / "a.npy", 2, **source)
    with pytest.raises(UserError, match=r"a\.npy does not hold features of parts of the pictures by the network of"):
        FeatureInputs(features, NAMES, augmented=[other])
