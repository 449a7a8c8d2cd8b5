import json

import numpy as np
import pytest
import tiny_captioner
from tiny_captioner import NAMES

from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.feature_shards import (
    Stacked,
    check_index,
    index_of,
    read_index,
    rows_of_shard,
    write_index,
)
from minicap.captioning.features.feature_writer import FeatureWriter
from minicap.captioning.features.inputs import FeatureInputs
from minicap.errors import UserError

X = np.arange(60, dtype=np.float16).reshape(10, 3, 2)


@pytest.mark.parametrize("cuts", [[], [4], [1, 2], [3, 9]])
@pytest.mark.parametrize("rows", [
    0, 9, -1, np.int64(4), slice(None), slice(2, 7), slice(8, 20), slice(None, None, -3), slice(5, 5), [3, 3, 0, 9],
    np.array([9, -10]), np.arange(10) % 2 == 0, np.array([], int)], ids=str)
def test_arrays_that_stand_behind_each_other_are_read_as_one(cuts, rows):
    stacked = Stacked(np.split(X, cuts))
    assert (stacked.shape, stacked.dtype, stacked.ndim, len(stacked)) == (X.shape, X.dtype, 3, 10)
    np.testing.assert_array_equal(stacked[rows], X[rows])
    assert stacked[rows].dtype == np.float16
    np.testing.assert_array_equal(np.asarray(stacked), X)


@pytest.mark.parametrize("row", [10, -11, [3, 10]])
def test_a_row_that_is_not_there_is_an_index_error(row):
    with pytest.raises(IndexError):
        Stacked(np.split(X, [4]))[row]


@pytest.mark.parametrize("images, batch_size, count", [(10, 3, 2), (10, 3, 4), (10, 1, 7), (12, 3, 3), (1, 32, 1)])
def test_machines_share_whole_batches(images, batch_size, count):
    rows = [rows_of_shard(images, batch_size, number, count) for number in range(1, count + 1)]
    assert [row for part in rows for row in range(images)[part]] == list(range(images))
    assert all(part.start % batch_size == 0 and part.stop > part.start for part in rows)
    lengths = [-(-(part.stop - part.start) // batch_size) for part in rows]
    assert max(lengths) - min(lengths) <= 1


def test_more_machines_than_batches_are_refused():
    with pytest.raises(UserError, match=r"10 images are only 3 batches, too few for 4 machines; .* batch_size="):
        [rows_of_shard(10, 4, number, 4) for number in range(1, 5)]


@pytest.fixture
def shards(tmp_path):
    """The features of all images in two files with an index, and in one file."""
    one = np.load(tiny_captioner.write_features(tmp_path / "one.npy", unreadable=NAMES[2:3]))
    for number, rows, unreadable in ((1, slice(5), NAMES[2:3]), (2, slice(5, None), ())):
        path = tmp_path / f"f.{number}-of-2.npy"
        tiny_captioner.write_features(path, names=NAMES[rows], unreadable=unreadable)
        np.save(path, one[rows])
    write_index(tmp_path / "f.npy", index_of(tmp_path / "f.npy", NAMES, 2))
    return tmp_path


@pytest.mark.parametrize("name", ["f", "f.npy", "f.json"])
def test_an_index_is_opened_by_every_name_of_a_feature_file(shards, name):
    found, one = open_features(shards / name), open_features(shards / "one.npy")
    assert (found.source, found.images, found.row) == (one.source, one.images, one.row)
    assert found.unreadable == one.unreadable == NAMES[2:3]
    assert found.path == shards / "f.json"
    np.testing.assert_array_equal(found.read([7, 0, 4, 5]), one.read([7, 0, 4, 5]))
    found.check_images(NAMES[3:])
    np.testing.assert_array_equal(FeatureInputs(found, NAMES)([6, 1]), one.read([7, 1]))  # as NAMES[2] has no row


def test_a_row_that_is_not_finite_is_named(shards):
    array = np.load(shards / "f.2-of-2.npy")
    array[1, 0] = np.nan
    np.save(shards / "f.2-of-2.npy", array)
    with pytest.raises(UserError, match=rf"f\.json holds features of {NAMES[6]} that are not finite"):
        open_features(shards / "f").read(slice(None))


def rewrite(change):
    def spoil(folder):
        index = json.loads((folder / "f.json").read_text())
        change(index)
        (folder / "f.json").write_text(json.dumps(index))
    return spoil


def other_source(folder):
    writer = FeatureWriter(folder / "f.2-of-2.npy", tiny_captioner.SOURCE.as_mirrored(), NAMES[5:])
    writer.write(np.ones((len(NAMES) - 5, *writer.source.shape)))
    writer.finish()


@pytest.mark.parametrize("spoil, words", [
    (lambda folder: (folder / "f.2-of-2.npy").unlink(), "of which f.2-of-2.npy is not beside it; wait until it is"),
    (lambda folder: (folder / "f.2-of-2.json").unlink(), "f.2-of-2.npy has no description f.2-of-2.json beside it"),
    (other_source, r"f.2-of-2.npy and \S+f.1-of-2.npy hold different features \(mirrored\)"),
    (rewrite(lambda index: index["shards"].reverse()), "are not those that it was made for"),
    (rewrite(lambda index: index["shards"].pop()), "are not those that it was made for"),
    (rewrite(lambda index: index["shards"].clear()), "are not those that it was made for"),
    (rewrite(lambda index: index["shards"].append("../f.npy")), r"of which \.\./f.npy is not beside it"),
    (rewrite(lambda index: index["shards"].append("a" * 300)), "of which a{99}"),
    (rewrite(lambda index: index["shards"].append("\0")), "of which .* is not beside it"),
    (rewrite(lambda index: index["shards"].append("\udc00")), "of which .* is not beside it"),
    (rewrite(lambda index: index["shards"].append("")), "of which  is not beside it"),
    (rewrite(lambda index: index["shards"].append("..")), "is a folder"),
    (rewrite(lambda index: index.update(shards=["f.json"])), "feature file .*f.npy does not exist"),
    (rewrite(lambda index: index.update(shards=3)), "f.json is not what belongs there: shards has to be a list"),
    (rewrite(lambda index: index.update(images_sha256=None)), "images_sha256 has to be text"),
])
def test_what_does_not_belong_together_is_refused(shards, spoil, words):
    spoil(shards)
    with pytest.raises(UserError, match=words) as caught:
        open_features(shards / "f")
    assert "\n" not in str(caught.value)


def test_the_index_of_other_images_or_a_feature_file_is_not_replaced(shards):
    check_index(shards / "f", index_of(shards / "f", NAMES, 2))
    for index in (index_of(shards / "f", NAMES, 3), index_of(shards / "f", NAMES[::-1], 2)):
        with pytest.raises(UserError, match=r"f\.json is the index of 2 files of other images; give all machines"):
            check_index(shards / "f", index)
    with pytest.raises(UserError, match=r"one\.npy holds other features in one file; delete it, or choose another"):
        check_index(shards / "one", index_of(shards / "one", NAMES, 2))


def test_one_file_of_other_features_takes_the_place_of_an_index(shards):
    source = tiny_captioner.SOURCE.as_mirrored()
    writer = FeatureWriter(shards / "f", source, NAMES)
    writer.write(np.ones((len(NAMES), *source.shape)))
    assert read_index(shards / "f") is not None
    writer.finish()
    assert open_features(shards / "f").source == source and read_index(shards / "f") is None
