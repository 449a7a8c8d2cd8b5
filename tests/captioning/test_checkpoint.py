"""Files of a checkpoint: complete or not there at all, and a message for everything that can be wrong with them."""

import dataclasses
import json
import re
import struct
from typing import TypedDict

import numpy as np
import pytest
import tiny_captioner
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import (
    checkpoint_folder,
    load_tensors,
    read_description,
    run_settings,
    save_tensors,
    split_prefix,
    with_prefix,
)
from minicap.captioning.run_data import training_settings
from minicap.captioning.training.settings import TrainSettings
from minicap.errors import UserError

TENSORS = {"a.W": np.arange(6, dtype=np.float32).reshape(2, 3), "a.steps": np.array([2**40]),
           "b": np.zeros((0, 4), np.float32)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "best.safetensors"


def header_of(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8:8 + length])


def test_tensors_and_facts_come_back_as_they_were(path):
    facts = {"epoch": 3, "rng": {"state": 2**120}, "best": [0.1 + 0.2, -1e-300], "word": "naïve"}
    save_tensors(path, TENSORS, facts)
    tensors, found = load_tensors(path, "checkpoint")
    assert found == {"format": 2} | facts
    assert tensors.keys() == TENSORS.keys()
    for name, a in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], a)
        assert tensors[name].dtype == a.dtype


def test_views_that_are_not_contiguous_are_saved_in_the_right_order(path):
    a = np.arange(24.0).reshape(4, 6)
    save_tensors(path, {"T": a.T, "every second": a[::2, ::-1]}, {})
    tensors, _ = load_tensors(path, "checkpoint")
    np.testing.assert_array_equal(tensors["T"], a.T)
    np.testing.assert_array_equal(tensors["every second"], a[::2, ::-1])


def test_the_file_is_plain_safetensors_with_no_pickle_in_it(path):
    save_tensors(path, TENSORS, {"epoch": 1})
    header = header_of(path)
    assert set(header) == {"__metadata__", *TENSORS}
    assert json.loads(header["__metadata__"]["minicap"]) == {"format": 2, "epoch": 1}


@given(st.dictionaries(st.text("abc/.", min_size=1), st.integers(), max_size=5), st.sampled_from(["model", "a/b", "a"]))
def test_prefixes_are_put_on_and_taken_off(tensors, prefix):
    assert split_prefix(with_prefix(tensors, prefix), prefix) == tensors
    assert split_prefix(with_prefix(tensors, prefix) | with_prefix({"x": 1}, prefix + "2"), prefix) == tensors


# ------------------------------------------------------------------------------------------------------- damaged files

def refusal(function, *arguments, **options):
    with pytest.raises(UserError) as error:
        function(*arguments, **options)
    sentence = str(error.value)
    assert "\n" not in sentence and sentence[-1] not in ".;"
    return sentence


def test_a_missing_file_and_a_folder_are_refused(path):
    assert refusal(load_tensors, path, "checkpoint") == f"checkpoint {path} does not exist; check the path"
    path.mkdir()
    assert f"{path} is a folder" in refusal(load_tensors, path, "checkpoint")


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused_by_name_wherever_it_ends(path, share):
    save_tensors(path, {"W": np.ones((50, 50), np.float32)}, {"epoch": 1})
    data = path.read_bytes()
    path.write_bytes(data[:int(share * len(data))])
    sentence = refusal(load_tensors, path, "checkpoint")
    assert str(path) in sentence and "is damaged or not a safetensors file" in sentence


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_tensor_that_is_not_finite_is_refused_by_name(path, value, dtype):
    save_tensors(path, TENSORS | {"lstm.U": np.array([[0, value]], dtype)}, {})
    assert refusal(load_tensors, path, "checkpoint") == (
        f"checkpoint {path} holds values that are not finite (nan or inf) in the tensor lstm.U; use another copy, or "
        "train again")


@pytest.mark.parametrize("data", [b"\xff" * 100, b"PK\x03\x04" + bytes(60), b"{}", b"\x02" + bytes(7) + b"[]"])
def test_files_of_another_kind_are_refused(path, data):
    path.write_bytes(data)
    assert "is damaged or not a safetensors file" in refusal(load_tensors, path, "checkpoint")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"minicap": "{broken"}, {"minicap": "[1]"},
                                      {"minicap": "{}"}, {"minicap": "3"}])
def test_safetensors_of_somebody_else_are_refused(path, metadata):
    save_file({"W": np.ones(3, np.float32)}, path, metadata=metadata)
    assert refusal(load_tensors, path, "checkpoint") == (f"checkpoint {path} was not written by minicap; name a folder "
                                                         "written by minicap.train")


def test_somebody_elses_file_is_refused_before_its_types_are_looked_at(path):
    header = json.dumps({"W": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))  # NumPy has no bfloat16
    assert "was not written by minicap" in refusal(load_tensors, path, "checkpoint")


def test_a_newer_format_is_refused(path):
    save_file({"W": np.ones(3, np.float32)}, path, metadata={"minicap": '{"format": 3}'})
    assert refusal(load_tensors, path, "checkpoint").endswith(
        "has checkpoint format 3, this version of minicap reads 1 or 2; use the version that wrote it")


# ---------------------------------------------------------------------------------------------------------- the folder

@pytest.fixture
def folder(tmp_path):
    return tiny_captioner.save_checkpoint(tmp_path / "run", tiny_captioner.pixel_captioner())


def test_a_folder_that_training_wrote_is_accepted_also_as_a_string_or_in_the_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    for path in (folder, str(folder), "~/run"):
        assert checkpoint_folder(path) == folder
        assert read_description(path).settings.input == "pixels"


def test_other_places_are_refused(folder):
    assert "does not exist; `python -m minicap.train --out" in refusal(checkpoint_folder, folder.parent / "nowhere")
    assert "is a file, not a folder that training" in refusal(checkpoint_folder, folder / "best.safetensors")
    assert "has no captioner.json" in refusal(checkpoint_folder, folder.parent)


class Needed(TypedDict):
    data: str
    model: str


def test_settings_of_a_run_that_lack_something_are_refused(folder):
    for text, problem in (("[]", "its content has to be an object, and not []"), ("{}", "data is missing"),
                          ('{"data": "x"}', "model is missing"), ('{"data": 3}', "data has to be text, and not 3")):
        (folder / "settings.json").write_text(text)
        assert f"settings.json is not what belongs there: {problem}; use" in refusal(run_settings, folder, Needed)
    (folder / "settings.json").write_text("3")
    assert "its content has to be an object, and not 3" in refusal(run_settings, folder)
    (folder / "settings.json").write_text('{"data": "shapes", "model": "attend", "lr": 1}')
    assert run_settings(folder, Needed) == {"data": "shapes", "model": "attend", "lr": 1}


@pytest.mark.parametrize("value", ["x", None, [64], True, 6.5, 0, -3, 10**30, {}])
@pytest.mark.parametrize("file, keys", [("settings.json", ("hidden",)), ("captioner.json", ("model", "hidden")),
                                        ("captioner.json", ("model", "vocabulary"))])
def test_a_description_that_no_run_can_have_had_is_refused_by_file(folder, file, keys, value):
    settings = TrainSettings(data="folder", model="show-tell", hidden=8)
    (folder / "settings.json").write_text(json.dumps(dataclasses.asdict(settings)))
    found = json.loads((folder / file).read_text())
    inner = found[keys[0]] if len(keys) == 2 else found
    inner[keys[-1]] = value
    (folder / file).write_text(json.dumps(found))
    if file == "captioner.json":
        assert re.search(rf"captioner\.json (is damaged: no model|does not describe a model .*{keys[-1]} has to be)"
                         r"|the weights do not fit", refusal(Captioner.load, folder))
    elif value not in (None, 10**30):  # an older run may lack a setting; the weights show how large a model is
        assert re.search(r"settings\.json is (damaged, hidden= has to be at least 1|not what belongs there: hidden)",
                         refusal(TrainSettings(init=str(folder)).resolved))


@pytest.mark.parametrize("key, value", [("data_dir", 3), ("splits", []), ("split_seed", "1"), ("features", True)])
def test_settings_of_another_type_are_refused_where_a_checkpoint_is_used(folder, key, value):
    run = {"data": "folder", "data_dir": "d", "splits": None, "split_seed": 1, "features": None}
    (folder / "settings.json").write_text(json.dumps(run | {key: value}))
    assert f"settings.json is not what belongs there: {key} has to be" in refusal(training_settings, folder)


@pytest.mark.parametrize("text, message", [
    ('{"format": 1, ', "is not valid JSON"),
    ("\xff\xfe", "is not valid JSON"),
    ("[]", "its content has to be an object, and not []"),
    ('{"format": 7}', "is not of checkpoint format 1 or 2"),
    ('{"format": 1, "model": {}, "source": null}', "vocabulary is missing"),
])
def test_a_description_that_is_none_is_refused(folder, text, message):
    (folder / "captioner.json").write_bytes(text.encode("latin-1"))
    sentence = refusal(read_description, folder)
    assert message in sentence and str(folder / "captioner.json") in sentence
