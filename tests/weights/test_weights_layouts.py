"""Every layout in which a VGG is read, a line each: names, prefixes, heads, containers. docs/formats.md lists them."""

import argparse
import json
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tiny_vgg
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from torch_writing import save_legacy, save_zip
from vgg_files import (
    by_hand,
    by_layer,
    chainer,
    checkpoint,
    dense_on_top,
    fake,
    in_stated_order,
    keras_0,
    keras_3,
    keras_3_archive,
    npy,
    npz,
    only,
    parts,
    renamed,
    replaced_classifier,
    slices,
    state_dicts,
    ten_classes,
    with_more,
    with_norms,
)

from minicap.errors import UserError
from minicap.vgg import vgg
from minicap.weights import read_weights

DEPTH = 11


@pytest.fixture
def model(monkeypatch, rng):
    tiny_vgg.shrink(monkeypatch)
    return tiny_vgg.random_vgg(DEPTH, rng)


# ---------------------------------------------------------------------------------------------------------- the table

ALL, FC7, POOL5 = None, "fc7", "pool5"  # the features asked for; for None the whole network is there
LAYOUTS = {
    # PyTorch: prefixes
    "module.": (renamed(lambda n: f"module.{n}"), ALL, "behind the prefix 'module.features.'"),
    "_orig_mod.": (renamed(lambda n: f"_orig_mod.{n}"), ALL, "behind the prefix '_orig_mod.features.'"),
    "three prefixes": (renamed(lambda n: f"model.net.encoder.{n}"), ALL, "'model.net.encoder.features.'"),
    "cnn.features.module.": (only("features.", "cnn.features.module."), POOL5, "'cnn.features.module.'"),
    "bare numbers": (only("features."), POOL5, "numbers, taken for those of features"),
    "encoder.0": (only("features.", "encoder."), POOL5, "behind the prefix 'encoder.'"),
    "a captioner's encoder": (with_more(only("features.", "encoder.cnn."), **{"decoder.lstm.weight": np.ones(3)}),
                              POOL5, "1 array of other modules left alone, such as decoder.lstm.weight"),
    "slices": (slices, POOL5, "matched by order and shape, from slice1.0 to slice5.18"),
    "conv1_1.weight": (by_layer, ALL, "behind the prefix 'vgg.'"),
    # heads
    "classifier.1, 4, 6": (replaced_classifier(1, 4, 6), ALL, None),
    "fc8 gone": (renamed(lambda n: None if n.startswith("classifier.6") else n), FC7, None),
    "10 classes": (ten_classes, FC7, None),
    "another head": (with_more(only("features.", "features."), **{"classifier.0.weight": np.ones((3, 8), np.float32),
                                                                  "classifier.0.bias": np.ones(3, np.float32)}),
                     POOL5, None),
    "Keras, another head": (dense_on_top, POOL5, None),
    # Keras
    "Keras, names by hand": (by_hand, ALL, "matched by order and shape, from conv2d_4 to conv2d_11"),
    "Keras before 1.0": (keras_0, ALL, "matched by order and shape, from layer_1 to layer_8"),
    "Keras, stated order": (in_stated_order, ALL, "matched by order and shape, from one_layer to eight_layer"),
    "Keras 3": (keras_3, ALL, "from conv2d to conv2d_7"),
    "Keras 3, nested": (lambda path, model: keras_3(path, model, "layers/functional/layers"), ALL, "from conv2d"),
    "Keras 3, own names": (lambda path, model: keras_3(path, model, own_names=True), ALL, None),
    ".keras": (keras_3_archive, ALL, "from conv2d to conv2d_7"),
    # NumPy
    ".npz, Keras 1": (npz(lambda layer, kind: f"{layer}_{kind}_1:0"), ALL, None),
    ".npz, Keras 2": (npz(lambda layer, kind: f"{layer}/{'kernel' if kind == 'W' else 'bias'}:0"), ALL, None),
    ".npz, flat": (npz(lambda layer, kind: f"{layer}_{'kernel' if kind == 'W' else 'bias'}"), ALL, None),
    "vgg16.npy, lists": (npy(lambda W, b: [W, b]), ALL, None),
    "vgg16.npy, tuples": (npy(lambda W, b: (W, b)), ALL, None),
    ".npz, Chainer": (chainer, ALL, None),
    "vgg16.npy, roles": (npy(lambda W, b: {"weights": W, "biases": b}, protocol=4), ALL, None),
    # containers
    "checkpoint, zip": (checkpoint(save_zip), ALL, "behind the prefix 'module.features.'"),
    "checkpoint, legacy": (checkpoint(save_legacy), ALL, "behind the prefix 'module.features.'"),
    "several files": (parts, ALL, None),
    # checkpoints with several state dicts, or with other things among the tensors
    "encoder and decoder": (state_dicts(lambda vgg: {"encoder": vgg, "decoder": fake({"w": np.ones(3)}, 99)}), ALL,
                            "behind the prefix 'encoder.features.'"),
    "a state dict in a dictionary": (state_dicts(lambda vgg: {"model": {"state_dict": vgg, "epoch": 3}, "best": 0.5}),
                                     ALL, "behind the prefix 'model.state_dict.features.'"),
    "counters among the tensors": (state_dicts(lambda vgg: vgg | {"epoch": 3, "args": None}), ALL, None),
    "another module beside": (with_more(renamed(lambda n: n), **{"decoder.weight": np.ones(3, np.float32)}), ALL,
                              "1 array of other modules left alone, such as decoder.weight"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read(model, tmp_path, layout):
    save, features, note = LAYOUTS[layout]
    save(tmp_path / "weights", model)
    loaded = vgg(weights=tmp_path / "weights", features=features)
    expected = model.state() if features is ALL else {
        name: array for name, array in model.state().items() if name.startswith("conv")
        or (features == FC7 and name.startswith(("fc6", "fc7")))}
    assert list(loaded.state()) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(loaded.state()[name], array, err_msg=name)
    said = [sentence for sentence in loaded.notes if sentence.startswith("names: ")]
    assert not said if note is None else any(note in sentence for sentence in said)


@pytest.mark.parametrize("layout", ["10 classes", "fc8 gone", "another head", "Keras, another head"])
def test_a_head_that_does_not_fit_is_named_when_the_whole_network_is_asked_for(model, tmp_path, layout):
    LAYOUTS[layout][0](tmp_path / "weights", model)
    with pytest.raises(UserError, match=r"missing fc|fc8.W has shape|unexpected dense/kernel"):
        vgg(weights=tmp_path / "weights")


# ----------------------------------------------------------------------------------------------------------- refusals

def test_two_networks_in_one_file_are_refused(model, tmp_path):
    tensors = tiny_vgg.torchvision_tensors(model)
    save_file({prefix + name: array for prefix in ("student.", "teacher.") for name, array in tensors.items()},
              tmp_path / "f")
    with pytest.raises(UserError, match=r"several VGG networks, under 'student.features.' and 'teacher.features.'"):
        vgg(weights=tmp_path / "f")
    with h5py.File(tmp_path / "g", "w") as file:
        for name in ("a.conv1_1.W", "b.conv1_1.W"):
            file[f"{name[:-2]}/kernel:0"] = model["conv1_1"].W.data
    with pytest.raises(UserError, match=r"several VGG networks, under 'a.' and 'b.'"):
        vgg(weights=tmp_path / "g")


def test_kernels_in_an_order_in_which_they_cannot_follow_each_other_are_no_vgg(model, tmp_path):
    by_hand(tmp_path / "f", model)
    with h5py.File(tmp_path / "f", "a") as file:
        file.move("model_weights/conv2d_4", "model_weights/conv2d_99")
    with pytest.raises(UserError, match=r"is not a VGG network: 0 of its convolutions fit"):
        vgg(weights=tmp_path / "f")


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_kernel_of_another_size_among_them_is_not_passed_over(model, tmp_path, number):
    """As in configuration C of VGG's paper, or where a first layer of 1 x 1 prepares the pictures."""
    content = list(tiny_vgg.torchvision_tensors(model).items())
    at = [i for i, (_, array) in enumerate(content) if array.ndim == 4][number]
    channels = content[at][1].shape[1]
    content.insert(at, ("extra.weight", np.ones((channels, channels, 1, 1), np.float32)))
    with open(tmp_path / "f", "wb") as file:
        np.savez(file, **{f"{i}_{name[-6:]}/{name.rpartition('.')[2]}": array for i, (name, array) in
                          enumerate(content)})
    with pytest.raises(UserError, match="is not a VGG network: 0 of its convolutions fit"):
        vgg(weights=tmp_path / "f", features=POOL5)


@pytest.mark.parametrize("names", [
    lambda i, layer: (f"conv2d_{i}", f"batch_normalization_{i}"),
    lambda i, layer: (f"block{layer[0]}_conv{layer[2]}", f"batch_normalization_{i}"),
    lambda i, layer: (f"conv{layer}", f"norm{layer}")])
@pytest.mark.parametrize("features", [ALL, POOL5])
def test_batch_normalisations_under_unknown_names_are_not_passed_over(model, rng, tmp_path, names, features):
    with_norms(tmp_path / "f", tiny_vgg.random_vgg(DEPTH, rng, batch_norm=True), names)
    with pytest.raises(UserError, match=r"batch normalisation for each convolution, under names such as \w+/moving_"):
        vgg(weights=tmp_path / "f", features=features)


def test_the_batch_normalisation_of_another_module_does_not_matter(model, tmp_path):
    of_head = {"encoder.bn.running_mean": np.ones(8, np.float32)}
    with_more(only("features.", "encoder."), **of_head)(tmp_path / "f", model)
    assert vgg(weights=tmp_path / "f", features=POOL5).notes


def test_dense_layers_that_are_stored_the_other_way_round_are_not_taken_for_pytorchs(model, tmp_path):
    tensors = tiny_vgg.torchvision_tensors(model)
    save_file(tensors | {"classifier.0.weight": tensors["classifier.0.weight"].T.copy()}, tmp_path / "f")
    with pytest.raises(UserError, match=r"fc7.W has shape \(10, 9\), expected \(9, 10\)"):
        vgg(weights=tmp_path / "f")


def test_one_part_of_several_is_refused_with_the_name_of_the_index(model, tmp_path):
    index = tmp_path / "part.safetensors.index.json"
    parts(index, model)
    with pytest.raises(UserError, match=f"is one of several that belong together: name {re.escape(str(index))}"):
        vgg(weights=tmp_path / "part-00001-of-00002.safetensors")
    before = read_weights(index).digest()
    second = tmp_path / "part-00002-of-00002.safetensors"
    save_file({name: array + 1 for name, array in load_file(second).items()}, second)
    assert read_weights(index).digest() == read_weights(index, digest=True).digest() != before
    save_file({"x": np.ones(3)}, second)
    with pytest.raises(UserError, match=r"is in part-00002-of-00002.safetensors, which does not hold it"):
        vgg(weights=index)
    second.unlink()
    with pytest.raises(UserError, match=r"part-00002-of-00002.safetensors does not exist"):
        vgg(weights=index)
    index.write_text(json.dumps({"weight_map": {"a": "../secret"}}))
    with pytest.raises(UserError, match=r"no name of a file beside it"):
        vgg(weights=index)


@pytest.mark.parametrize("content, words", [
    (np.array([1, 2], dtype=object), "no dictionary of arrays"),
    (np.array({"conv1_1": "text"}, dtype=object), "something that is no array as conv1_1"),
    (np.array({"conv1_1": [np.array(["a"]), np.zeros(3)]}, dtype=object), "holds an array of U1, and not of numbers"),
    (np.array({"conv1_1": [argparse.Namespace(a=1), 2]}, dtype=object), "asks for argparse.Namespace"),
])
def test_other_objects_in_a_npy_are_refused(tmp_path, content, words):
    np.save(tmp_path / "f.npy", content, allow_pickle=True)
    with pytest.raises(UserError, match=words):
        read_weights(tmp_path / "f.npy")


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["vgg16.npy, lists", "vgg16.npy, roles", "Keras 3", ".keras", "several files"]), st.data())
def test_flipped_bytes_give_a_network_or_a_sentence(tmp_path_factory, layout, data):
    with pytest.MonkeyPatch.context() as patch:
        tiny_vgg.shrink(patch)
        path = tmp_path_factory.mktemp("flipped") / "f"
        LAYOUTS[layout][0](path, tiny_vgg.random_vgg(DEPTH, np.random.default_rng(0)))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, min(len(content), 4000) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            assert vgg(weights=path, features=POOL5).depth == DEPTH
        except UserError as error:
            assert "\n" not in str(error)


def test_text_of_python_2_that_is_no_bytes_is_refused(model, tmp_path):
    npy(lambda W, b: [W, b])(tmp_path / "f", model)
    content = (tmp_path / "f").read_bytes()
    at = content.index("\u00bf".encode())  # the first of the many bytes that protocol 2 writes as text
    (tmp_path / "f").write_bytes(content[:at] + "\u063a".encode() + content[at + 2:])
    with pytest.raises(UserError, match="holds a garbled NumPy array"):
        read_weights(tmp_path / "f")


def test_a_npy_that_is_cut_off_or_runs_code_is_refused(model, tmp_path):
    npy(lambda W, b: [W, b])(tmp_path / "whole", model)
    whole = (tmp_path / "whole").read_bytes()
    header = whole[:whole.index(b"\n") + 1]
    for length in range(len(header), len(whole), len(whole) // 40):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cut off or damaged|garbled|no dictionary"):
            read_weights(tmp_path / "cut")
    (tmp_path / "attack").write_bytes(header + b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UserError, match=r"asks for os.system, which could run code"):
        read_weights(tmp_path / "attack")


@pytest.mark.skipif(sys.platform == "win32", reason="no flock on this system")
def test_a_locked_file_of_keras_is_read_and_one_that_is_being_written_is_named(model, tmp_path):
    import fcntl

    path = tiny_vgg.save_keras(tmp_path / "f.h5", model)
    with open(path, "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert read_weights(path).tensors
    with h5py.File(path, "r"):
        assert read_weights(path).tensors
    writer = "import h5py, os, sys; f = h5py.File(sys.argv[1], 'w', libver='latest'); f['a'] = 1; os._exit(0)"
    subprocess.run([sys.executable, "-c", writer, tmp_path / "g.h5"], check=True)  # ends before it closes the file
    with pytest.raises(UserError, match=r"is open for writing in another program, or .*h5clear -s FILE"):
        read_weights(tmp_path / "g.h5")
