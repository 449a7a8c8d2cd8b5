import contextlib
import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from minicap.captioning.features import feature_writer
from minicap.captioning.features.feature_file import changes, finished_changes, open_features, sidecar
from minicap.captioning.features.feature_source import FeatureSource
from minicap.captioning.features.feature_writer import FeatureWriter
from minicap.errors import UserError
from minicap.networks import NetworkFacts
from minicap.weights.preprocessing import CAFFE

SOURCE = FeatureSource("fc7", NetworkFacts("VGG", 19), "a" * 64, CAFFE.to_json(), "squashed", (3,))
OTHER_WEIGHTS = FeatureSource("fc7", NetworkFacts("VGG", 19), "b" * 64, CAFFE.to_json(), "squashed", (3,))
IMAGES = tuple(f"{letter}.jpg" for letter in "abcdefg")
VALUES = np.arange(21, dtype=np.float32).reshape(7, 3) / 7


def write_all(path, source=SOURCE, values=VALUES):
    writer = FeatureWriter(path, source, IMAGES)
    writer.write(values[writer.done:])
    writer.finish()
    return writer


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- Whole runs -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["f.npy", "f", "f.json"])
def test_features_are_read_back_by_image_name_as_half_precision(tmp_path, name):
    write_all(tmp_path / name)
    assert files(tmp_path) == ["f.json", "f.npy"]
    file = open_features(tmp_path / name)
    assert file.array.dtype == np.float16 and isinstance(file.array, np.memmap)
    assert list(file.row) == list(IMAGES)
    np.testing.assert_array_equal(file.array[file.row["c.jpg"]], VALUES[2].astype(np.float16))
    assert file.source == SOURCE
    assert json.loads((tmp_path / "f.json").read_text())["source"] == {
        "layer": "fc7", "network": {"family": "VGG", "depth": 19, "batch_norm": False}, "weights_sha256": "a" * 64,
        "preprocessing": CAFFE.to_json(), "resize": "squashed", "shape": [3]}


@pytest.mark.parametrize("text, facts", [
    ("VGG-19", NetworkFacts("VGG", 19)), ("VGG-16, without top", NetworkFacts("VGG", 16)),
    ("VGG-11 with batch norm", NetworkFacts("VGG", 11, True)),
    ("VGG-13 with batch norm, without top", NetworkFacts("VGG", 13, True))])
def test_files_that_hold_the_network_as_text_are_still_read(tmp_path, text, facts):
    write_all(tmp_path / "f")
    described = json.loads((tmp_path / "f.json").read_text())
    described["source"]["network"] = text
    (tmp_path / "f.json").write_text(json.dumps(described))
    assert open_features(tmp_path / "f").source.network == facts
    described["source"]["network"] = "AlexNet"
    (tmp_path / "f.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match="'AlexNet' is not a network that this version of minicap knows"):
        open_features(tmp_path / "f")


def test_the_array_is_an_ordinary_npy_file(tmp_path):
    write_all(tmp_path / "f.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), VALUES.astype(np.float16))


def test_an_unreadable_image_is_named_and_has_no_row(tmp_path):
    writer = FeatureWriter(tmp_path / "f", SOURCE, IMAGES)
    writer.write([VALUES[0], None, *VALUES[2:6], None])
    writer.finish()
    file = open_features(tmp_path / "f")
    assert file.unreadable == ("b.jpg", "g.jpg")
    assert set(file.row) == set(IMAGES) - {"b.jpg", "g.jpg"}
    np.testing.assert_array_equal(file.array[file.row["c.jpg"]], VALUES[2].astype(np.float16))
    file.check_images(["a.jpg", "f.jpg"])
    with pytest.raises(UserError, match=r"no features for 2 of 3 images \(the first is g\.jpg\)"):
        file.check_images(["a.jpg", "g.jpg", "b.jpg"])


# --- Names ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, written", [
    ("vgg-0.1", ["vgg-0.1.json", "vgg-0.1.npy"]), ("vgg-0.1.npy", ["vgg-0.1.json", "vgg-0.1.npy"]),
    ("vgg-0.1.json", ["vgg-0.1.json", "vgg-0.1.npy"]), ("a.b.npy.npy", ["a.b.npy.json", "a.b.npy.npy"]),
    ("f.NPY", ["f.NPY.json", "f.NPY.npy"]), ("f.mat", ["f.mat.json", "f.mat.npy"]), ("f.", ["f..json", "f..npy"])])
def test_names_are_never_cut(tmp_path, name, written):
    cut_off(tmp_path / name)
    assert len(files(tmp_path)) == 3 and all(".partial." in path for path in files(tmp_path))
    write_all(tmp_path / name)
    assert files(tmp_path) == written
    assert open_features(tmp_path / name).images == IMAGES


def test_a_folder_of_features_of_ones_own_is_told_how_to_import_it(tmp_path):
    (tmp_path / "own").mkdir()
    with pytest.raises(UserError, match=r"own is not a feature file of minicap.*extract --from-array .*own --out"):
        open_features(tmp_path / "own")


def test_a_name_with_a_slash_at_its_end_is_a_folder(tmp_path):
    with pytest.raises(UserError, match="features/ is a folder; name a file of features"):
        FeatureWriter(f"{tmp_path}/features/", SOURCE, IMAGES)
    assert not files(tmp_path)


def test_names_that_differ_in_the_case_of_their_ending_have_two_descriptions(tmp_path):
    write_all(tmp_path / "f.npy")
    write_all(tmp_path / "f.NPY", OTHER_WEIGHTS, VALUES + 1)
    assert open_features(tmp_path / "f.npy").source == SOURCE
    assert open_features(tmp_path / "f.NPY").source == OTHER_WEIGHTS


def test_two_names_that_differ_behind_the_last_dot_are_two_files(tmp_path):
    write_all(tmp_path / "vgg-0.1")
    write_all(tmp_path / "vgg-0.2", OTHER_WEIGHTS, VALUES + 1)
    assert open_features(tmp_path / "vgg-0.1").source == SOURCE
    assert open_features(tmp_path / "vgg-0.2").source == OTHER_WEIGHTS


@pytest.mark.parametrize("theirs, out, words", [
    ("captions.json", "captions", "captions.json, where the description of captions.npy has to be, is there already"),
    ("captions.json", "captions.json", "captions.json, where the description"),
    ("features.npy", "features.npy", "features.npy is there already and was not written by minicap"),
    ("features.npy", "features", "features.npy is there already and was not written by minicap"),
])
def test_a_file_of_somebody_else_is_never_overwritten(tmp_path, theirs, out, words):
    (tmp_path / theirs).write_text('{"images": ["a.jpg"], "dataset": "mine"}')
    with pytest.raises(UserError, match=words):
        FeatureWriter(tmp_path / out, SOURCE, IMAGES)
    assert contents(tmp_path) == {theirs: b'{"images": ["a.jpg"], "dataset": "mine"}'}


def test_a_name_of_unfinished_features_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"names in \.partial are those of unfinished features"):
        FeatureWriter(tmp_path / "f.partial.npy", SOURCE, IMAGES)


def test_features_that_an_older_minicap_cut_the_name_of_are_pointed_to(tmp_path):
    write_all(tmp_path / "vgg-0")
    with pytest.raises(UserError, match=r"feature file .*vgg-0\.1\.npy does not exist; if you mean .*vgg-0\.npy, name"):
        open_features(tmp_path / "vgg-0.1")


@pytest.mark.parametrize("name", ["x.mat", "x.h5", "x.npz", "x.npy", "x"])
def test_a_file_of_another_kind_is_called_by_its_own_name(tmp_path, name):
    np.save(tmp_path / "x.npy", VALUES)
    os.replace(tmp_path / "x.npy", tmp_path / name)
    with pytest.raises(UserError, match=rf"/{name} .*import them by `python .* --from-array .*/{name} "):
        open_features(tmp_path / name)


# --- Values that are not finite -------------------------------------------------------------------------------------

@pytest.mark.parametrize("value, words", [(np.nan, "are not finite"), (np.inf, "are not finite"),
                                          (70_000, "exceed 65,504, the largest float16 number")])
def test_values_that_are_not_finite_are_not_written(tmp_path, value, words):
    values = VALUES.copy()
    values[4, 1] = value
    with pytest.raises(UserError, match=rf"the fc7 features of e\.jpg {words}"):
        write_all(tmp_path / "f", values=values)
    assert not (tmp_path / "f.npy").exists()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_values_that_are_not_finite_are_refused_by_whoever_reads_their_row(tmp_path, value):
    write_all(tmp_path / "f")
    array = np.load(tmp_path / "f.npy")
    array[4, 1] = array[5, 0] = value
    np.save(tmp_path / "f.npy", array)
    file = open_features(tmp_path / "f")
    np.testing.assert_array_equal(file.read(np.array([6, 0])), VALUES[[6, 0]].astype(np.float16).astype(np.float32))
    for rows, words in (([0, 4], r"features of e\.jpg that"), (slice(3, 7), r"features of e\.jpg and 1 other image")):
        with pytest.raises(UserError, match=rf"f\.npy holds {words}.* not finite"):
            file.read(rows)


# --- Runs that are cut off ------------------------------------------------------------------------------------------

def cut_off(path, source=SOURCE, images=IMAGES, saved=3, written=5):
    """A run that saved its progress after ``saved`` images and died after ``written``."""
    writer = FeatureWriter(path, source, images)
    writer.write([*VALUES[:saved - 1], None])
    writer.save_progress()
    writer.write(VALUES[saved:written])
    writer.array.flush()


def test_a_run_goes_on_where_the_last_saved_progress_was(tmp_path):
    cut_off(tmp_path / "f")
    assert not (tmp_path / "f.npy").exists()
    writer = FeatureWriter(tmp_path / "f", SOURCE, IMAGES)
    assert (writer.done, writer.unreadable, writer.discarded) == (3, ["c.jpg"], [])
    writer.write(VALUES[3:])
    writer.finish()
    file = open_features(tmp_path / "f")
    np.testing.assert_array_equal(file.array[[0, 1, 3, 4, 5, 6]], VALUES[[0, 1, 3, 4, 5, 6]].astype(np.float16))
    assert file.unreadable == ("c.jpg",)
    assert files(tmp_path) == ["f.json", "f.npy"]


@pytest.mark.parametrize("source, images, words", [
    (OTHER_WEIGHTS, IMAGES, ["weights"]),
    (SOURCE, IMAGES[::-1], ["image list"]),
    (SOURCE, IMAGES[:6], ["image list"]),
    (FeatureSource("pool5", NetworkFacts("VGG", 16), "b" * 64, {}, "cropped", (7, 7, 2)), IMAGES,
     ["layer", "network", "weights", "preprocessing", "resize", "shape"]),
], ids=["weights", "order of images", "number of images", "everything"])
def test_a_run_of_another_source_or_image_list_is_begun_anew_and_says_why(tmp_path, source, images, words):
    cut_off(tmp_path / "f")
    writer = FeatureWriter(tmp_path / "f", source, images)
    assert (writer.done, writer.unreadable, writer.discarded) == (0, [], words)
    assert writer.array.shape == (len(images), *source.shape)
    assert not writer.array.any()


def test_a_run_that_a_former_version_was_killed_in_goes_on(tmp_path):
    """It wrote how many rows are there, instead of a byte for each."""
    cut_off(tmp_path / "f", saved=5)
    progress = json.loads((tmp_path / "f.partial.json").read_text())
    assert set(progress) == {"source", "images", "batch_size"}
    del progress["batch_size"]
    (tmp_path / "f.partial.json").write_text(json.dumps(progress | {"unreadable": ["b.jpg"], "done": 4}))
    (tmp_path / "f.partial.done").unlink()
    for _ in range(2):
        writer = FeatureWriter(tmp_path / "f", SOURCE, IMAGES)
        assert (writer.done, writer.unreadable, writer.count) == (4, ["b.jpg"], 4)
    writer.write(VALUES[4:])
    writer.finish()
    assert open_features(tmp_path / "f").unreadable == ("b.jpg",)
    assert files(tmp_path) == ["f.json", "f.npy"]


def test_to_save_costs_the_same_however_many_images_there_are(tmp_path, monkeypatch):
    """Names are written at the beginning and at the end, and in between bytes."""
    written = []
    monkeypatch.setattr(feature_writer, "write_json", lambda path, value: written.append(path.name))
    writer = FeatureWriter(tmp_path / "f", SOURCE, IMAGES)
    for row, value in enumerate(VALUES):
        writer.write([value])
        writer.save_progress()
        assert (tmp_path / "f.partial.done").read_bytes() == b"\1" * (row + 1) + b"\0" * (6 - row)
    writer.finish()
    assert written == ["f.partial.json", "f.json"]


@pytest.mark.parametrize("done", [{0, 1, 2}, {0, 1, 2, 3, 4}, {3, 4, 5}, {0, 6}, set()])
def test_a_batch_of_which_a_row_is_missing_is_computed_whole(tmp_path, done):
    """So that it is the same images as always, whose numbers are the same to the bit."""
    writer = FeatureWriter(tmp_path / "f", SOURCE, IMAGES, batch_size=3)
    for row in done:
        writer.write([VALUES[row]], row)
    writer.save_progress()
    batches = [slice(0, 3), slice(3, 6), slice(6, 7)]
    again = FeatureWriter(tmp_path / "f", SOURCE, IMAGES, batch_size=3)
    assert list(again.batches()) == [rows for rows in batches if not done >= set(range(rows.start, rows.stop))]
    assert again.count == len(done)
    for rows in again.batches():
        again.write(VALUES[rows], rows.start)
        assert again.count == len(done | set(range(rows.start, rows.stop)))
        again.save_progress()
        done = done | set(range(rows.start, rows.stop))
    again.finish()
    np.testing.assert_array_equal(open_features(tmp_path / "f").array, VALUES.astype(np.float16))


@pytest.mark.parametrize("count, shard, begins", [(2, 1, [0, 6, 3]), (2, 2, [3, 0, 6]), (5, 4, [0, 3, 6])])
def test_each_of_several_processes_begins_with_other_batches(tmp_path, count, shard, begins):
    writer = FeatureWriter(tmp_path / "f", SOURCE, IMAGES, 3, (shard, count))
    assert [rows.start for rows in writer.batches()] == begins
    writer.locks.close()


def test_a_picture_that_can_be_read_no_longer_leaves_nothing_in_its_row(tmp_path):
    writer = FeatureWriter(tmp_path / "f", SOURCE, IMAGES)
    writer.write(VALUES + 1)
    writer.write([None], 2)
    writer.finish()
    assert open_features(tmp_path / "f").unreadable == ("c.jpg",) and not open_features(tmp_path / "f").array[2].any()


def test_progress_is_never_believed_of_an_array_that_another_run_began_to_overwrite(tmp_path):
    """Run A is cut off; run B begins in its place and dies before it saves any progress; A is run again."""
    cut_off(tmp_path / "f")
    b = FeatureWriter(tmp_path / "f", OTHER_WEIGHTS, IMAGES)
    b.write(np.full((2, 3), 99, np.float32))
    b.array.flush()
    assert FeatureWriter(tmp_path / "f", SOURCE, IMAGES).done == 0


@pytest.mark.parametrize("damage", [
    lambda partial, progress: partial.write_bytes(partial.read_bytes()[:-20]),
    lambda partial, progress: partial.write_bytes(b""),
    lambda partial, progress: partial.unlink(),
    lambda partial, progress: progress.write_text("{"),
    lambda partial, progress: progress.write_text("[]"),
    lambda partial, progress: progress.write_text(json.dumps({"source": {}, "images": []})),
    lambda partial, progress: np.save(partial, np.zeros((7, 4), np.float16)),
    lambda partial, progress: progress.with_suffix(".done").unlink(),
    lambda partial, progress: progress.with_suffix(".done").write_bytes(b"\1" * 6),
    lambda partial, progress: progress.with_suffix(".done").write_bytes(b"\1" * 6 + b"\3"),
], ids=["shortened", "emptied", "deleted", "half a JSON", "a list", "other keys", "other shape", "no bytes",
        "too few bytes", "other bytes"])
def test_a_damaged_unfinished_file_is_begun_anew(tmp_path, damage):
    cut_off(tmp_path / "f")
    damage(tmp_path / "f.partial.npy", tmp_path / "f.partial.json")
    assert FeatureWriter(tmp_path / "f", SOURCE, IMAGES).done == 0
    write_all(tmp_path / "f")
    np.testing.assert_array_equal(open_features(tmp_path / "f").array, VALUES.astype(np.float16))


# --- The finished file that was there before ------------------------------------------------------------------------

def test_a_finished_file_stands_until_the_new_one_is_complete(tmp_path):
    write_all(tmp_path / "f")
    before = contents(tmp_path)
    writer = FeatureWriter(tmp_path / "f", OTHER_WEIGHTS, IMAGES)
    writer.write(VALUES + 1)
    writer.save_progress()
    assert before.items() <= contents(tmp_path).items()
    writer.finish()
    file = open_features(tmp_path / "f")
    assert file.source.weights_sha256 == "b" * 64
    np.testing.assert_array_equal(file.array, (VALUES + 1).astype(np.float16))


class Killed(BaseException):
    pass


def die_at(monkeypatch, step):
    """Raise Killed instead of the ``step``-th renaming or deletion of a file from now on; after that, none is done."""
    steps = iter(range(1000))

    def watched(function):
        def call(*args, **options):
            if (now := next(steps)) < step:
                return function(*args, **options)
            if now == step:
                raise Killed
        return call

    monkeypatch.setattr(os, "replace", watched(os.replace))
    monkeypatch.setattr(Path, "unlink", watched(Path.unlink))


def test_killed_at_any_step_of_finishing_the_old_array_is_never_under_the_new_description(tmp_path, monkeypatch):
    """What stands there is sound at every step, and once the old array is gone there is nothing left to compute."""
    old, new = VALUES.astype(np.float16), (VALUES + 1).astype(np.float16)
    for step in range(1000):
        path = tmp_path / str(step) / "f"
        write_all(path)
        writer = FeatureWriter(path, OTHER_WEIGHTS, IMAGES)
        writer.write(new)
        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            die_at(patch, step)
            writer.finish()
            break  # it needs no more than `step` steps, and was killed at each of them
        if path.with_suffix(".npy").exists():
            file = open_features(path)
            np.testing.assert_array_equal(file.array, new if file.source.weights_sha256[0] == "b" else old)
        else:
            again = FeatureWriter(path, OTHER_WEIGHTS, IMAGES)
            assert again.done == len(IMAGES)
            again.finish()
            np.testing.assert_array_equal(open_features(path).array, new)
    assert 4 <= step < 20


def test_what_changed_is_said_of_finished_files_and_nothing_of_others(tmp_path):
    assert finished_changes(tmp_path / "f", SOURCE, IMAGES) is None
    write_all(tmp_path / "f")
    assert finished_changes(tmp_path / "f", SOURCE, IMAGES) == []
    assert finished_changes(tmp_path / "f", OTHER_WEIGHTS, IMAGES[:2]) == ["weights", "image list"]
    info = json.loads(sidecar(tmp_path / "f").read_text())
    assert changes(FeatureSource.from_json(info["source"]), info["images"], SOURCE, IMAGES) == []
    os.truncate(tmp_path / "f.npy", 140)
    assert finished_changes(tmp_path / "f", SOURCE, IMAGES) is None


# --- Places that cannot be written ----------------------------------------------------------------------------------

@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve disk space")
def test_a_full_disk_is_noticed_before_anything_is_computed(tmp_path, monkeypatch):
    def full(descriptor, offset, length):
        assert (offset, length) == (0, 128 + 2 * 7 * 3)  # the header of .npy and the numbers
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"cannot write 0 MB of features to .*f\.npy \(No space left on device\)"):
        FeatureWriter(tmp_path / "f", SOURCE, IMAGES)
    assert files(tmp_path) == []


def test_a_folder_in_the_place_of_the_file_is_refused_at_once(tmp_path):
    (tmp_path / "f.npy").mkdir()
    with pytest.raises(UserError, match=r"f\.npy is a folder"):
        FeatureWriter(tmp_path / "f", SOURCE, IMAGES)


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_a_folder_is_no_name(name):
    with pytest.raises(UserError, match="is a folder; name a file of features"):
        open_features(name)


def test_a_file_in_the_place_of_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .* choose another place"):
        FeatureWriter(tmp_path / "file" / "f", SOURCE, IMAGES)


# --- Files that are no features -------------------------------------------------------------------------------------

def test_a_missing_or_unfinished_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"feature file .*f\.npy does not exist"):
        open_features(tmp_path / "f")
    cut_off(tmp_path / "f")
    with pytest.raises(UserError, match=r"feature file .*f\.npy does not exist"):
        open_features(tmp_path / "f.npy")


@pytest.mark.parametrize("damage", [
    lambda array, info: array.write_bytes(b""),
    lambda array, info: array.write_bytes(b"no numbers"),
    lambda array, info: array.write_bytes(array.read_bytes()[:-1]),
    lambda array, info: np.save(array, np.zeros((6, 3), np.float16)),
    lambda array, info: np.save(array, np.array(["pickled", None], object), allow_pickle=True),
    lambda array, info: (np.savez(f"{array}.npz", VALUES), os.replace(f"{array}.npz", array)),
    lambda array, info: info.unlink(),
    lambda array, info: info.write_text("{"),
    lambda array, info: info.write_text("{}"),
    lambda array, info: info.write_text("[]"),
    lambda array, info: info.write_text('{"images": 3, "source": {"shape": 3}}'),
], ids=["empty", "text", "shortened", "other shape", "objects", "npz", "no description", "half a description",
        "empty description", "a list", "numbers"])
def test_a_damaged_file_is_one_sentence_that_names_it(tmp_path, damage):
    write_all(tmp_path / "f")
    damage(tmp_path / "f.npy", tmp_path / "f.json")
    with pytest.raises(UserError, match=r"f\.(npy|json)") as caught:
        open_features(tmp_path / "f")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["x", None, True, 1.5, -3, {}])
@pytest.mark.parametrize("keys", [("images",), ("source",), ("unreadable",), ("source", "shape"), ("source", "parts")])
def test_a_description_of_another_type_is_refused_by_file(tmp_path, keys, value):
    write_all(tmp_path / "f")
    info = json.loads((tmp_path / "f.json").read_text())
    *outer, last = keys
    (info[outer[0]] if outer else info)[last] = value
    (tmp_path / "f.json").write_text(json.dumps(info))
    with pytest.raises(UserError, match=r"f\.(json is not what belongs there: .*(images|source|unreadable) has to be"
                                        r"|npy is not a feature file .*((shape|parts) has to be|is not a network))"):
        open_features(tmp_path / "f")
