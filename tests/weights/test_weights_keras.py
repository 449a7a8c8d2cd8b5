"""Keras' HDF5 files: every spelling of the names, links and tricks of HDF5, damage, and the real VGG-19."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from minicap.errors import UserError
from minicap.weights import read_weights

W = np.arange(54, dtype="f4").reshape(3, 3, 3, 2)
B = np.array([1, 2], "f4")


def write(path, arrays):
    with h5py.File(path, "w") as f:
        for name, array in arrays.items():
            f[name] = array
    return path


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_weights(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("kernel", "bias"), [
    ("block1_conv1/block1_conv1_W_1:0", "block1_conv1/block1_conv1_b_1:0"),
    ("block1_conv1/block1_conv1_W", "block1_conv1/block1_conv1_b"),
    ("block1_conv1/kernel:0", "block1_conv1/bias:0"),
    ("block1_conv1/block1_conv1/kernel:0", "block1_conv1/block1_conv1/bias:0"),
    ("block1_conv1/block1_conv1_1/kernel:0", "block1_conv1/block1_conv1_1/bias:0"),
    ("block1_conv1/scope/block1_conv1/kernel", "block1_conv1/scope/block1_conv1/bias"),
    ("model_weights/block1_conv1/block1_conv1/kernel:0", "model_weights/block1_conv1/block1_conv1/bias:0")])
def test_every_spelling_comes_out_as_layer_and_role(tmp_path, kernel, bias):
    file = read_weights(write(tmp_path / "no_suffix", {kernel: W, bias: B}))
    assert file.format == "keras-h5"
    assert sorted(file.tensors) == ["block1_conv1/bias", "block1_conv1/kernel"]
    np.testing.assert_array_equal(file.tensors["block1_conv1/kernel"], W)
    np.testing.assert_array_equal(file.tensors["block1_conv1/bias"], B)


def test_a_network_used_as_a_layer_gives_its_own_layers(tmp_path):
    file = read_weights(write(tmp_path / "f", {"vgg19/block1_conv1/kernel:0": W, "vgg19/block1_conv1/bias:0": B,
                                               "vgg19/fc1/kernel:0": W[0, 0], "dense/dense/kernel:0": W[0, 0]}))
    assert sorted(file.tensors) == ["block1_conv1/bias", "block1_conv1/kernel", "dense/kernel", "fc1/kernel"]


def test_batch_normalisation_and_unknown_roles_keep_their_names(tmp_path):
    names = ["bn/bn/gamma:0", "bn/bn/moving_mean:0", "old/param_0", "old/param_1"]
    file = read_weights(write(tmp_path / "f", dict.fromkeys(names, B)))
    assert sorted(file.tensors) == ["bn/gamma", "bn/moving_mean", "old/param_0", "old/param_1"]


def test_layers_without_weights_and_the_optimizer_of_a_saved_model_are_left_out(tmp_path):
    path = write(tmp_path / "f", {"model_weights/fc1/fc1/kernel:0": W[0, 0], "optimizer_weights/Adam/fc1/m:0": W[0, 0]})
    with h5py.File(path, "a") as f:
        f.create_group("model_weights/flatten")
        f.create_group("model_weights/top_level_model_weights").attrs["weight_names"] = []
    assert list(read_weights(path).tensors) == ["fc1/kernel"]


def test_big_endian_and_half_precision_arrays_are_read(tmp_path):
    file = read_weights(write(tmp_path / "f", {"a/kernel:0": W.astype(">f4"), "b/kernel:0": W.astype("f2")}))
    assert file.tensors["a/kernel"].dtype.isnative
    np.testing.assert_array_equal(file.tensors["a/kernel"], W)
    assert file.tensors["b/kernel"].dtype == np.float16


def test_keras_3_numbers_become_layers_and_roles(tmp_path):
    path = write(tmp_path / "f", {"layers/conv2d/vars/0": W, "layers/conv2d/vars/1": B, "optimizer/vars/0": B,
                                  **{f"layers/batch_normalization_1/vars/{i}": B + i for i in range(4)},
                                  "_layer_checkpoint_dependencies\\dense/vars/0": W[0, 0]})
    tensors = read_weights(path).tensors
    roles = ("gamma", "beta", "moving_mean", "moving_variance")
    assert sorted(tensors) == sorted(["conv2d/kernel", "conv2d/bias", "dense/kernel",
                                      *(f"batch_normalization_1/{role}" for role in roles)])
    np.testing.assert_array_equal(tensors["batch_normalization_1/moving_mean"], B + 2)


def test_two_networks_with_the_same_layers_are_refused(tmp_path):
    path = write(tmp_path / "f", {"a/conv/kernel:0": W, "a/fc/kernel:0": W, "b/conv/kernel:0": W, "b/fc/kernel:0": W})
    assert "holds conv/kernel twice" in refusal(path)


def test_links_are_not_followed_and_circles_end(tmp_path):
    secret = write(tmp_path / "secret", {"a/kernel:0": W})
    path = write(tmp_path / "f", {"fc1/kernel:0": B})
    with h5py.File(path, "a") as f:
        f["external"] = h5py.ExternalLink(str(secret), "/a")
        f["soft"] = h5py.SoftLink("/fc1")
        f["broken"] = h5py.SoftLink("/nowhere")
        f["fc1/outside"] = h5py.ExternalLink(str(secret), "/a/kernel:0")
        f["fc1/circle"] = f["fc1"]
    assert list(read_weights(path).tensors) == ["fc1/kernel"]


@pytest.mark.parametrize("how", ["external", "virtual"])
def test_an_array_whose_numbers_lie_in_another_file_is_refused(tmp_path, how):
    secret = write(tmp_path / "secret", {"x": B})
    path = tmp_path / "f"
    with h5py.File(path, "w") as f:
        if how == "external":
            f.create_dataset("fc1/kernel:0", (4,), "f4", external=[(str(secret), 0, 16)])
        else:
            layout = h5py.VirtualLayout((2,), "f4")
            layout[:] = h5py.VirtualSource(str(secret), "x", (2,))
            f.create_virtual_dataset("fc1/kernel:0", layout)
    assert "in another file; refusing to load" in refusal(path)


def test_an_array_that_is_declared_but_never_written_cannot_take_the_memory(tmp_path):
    path = tmp_path / "f"
    with h5py.File(path, "w") as f:
        f.create_dataset("fc1/kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
    assert path.stat().st_size < 1 << 20
    assert "declares 4,398,046,511,104 bytes" in refusal(path)


def test_text_in_place_of_numbers_is_refused(tmp_path):
    assert "not a kind of number" in refusal(write(tmp_path / "f", {"fc1/kernel:0": "hello"}))


def test_a_file_of_hdf5_without_layers_is_refused(tmp_path):
    assert "holds no tensors" in refusal(write(tmp_path / "f", {"images": W}))


def test_a_truncated_file_is_refused(tmp_path):
    whole = write(tmp_path / "whole", {"block1_conv1/kernel:0": W, "block1_conv1/bias:0": B}).read_bytes()
    for length in {*range(8, len(whole), 61), len(whole) - 1}:
        cut = tmp_path / f"cut{length}"
        cut.write_bytes(whole[:length])
        assert "cut off or damaged" in refusal(cut)


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "count"), [("vgg19_weights_tf_dim_ordering_tf_kernels.h5", 38),
                                             ("vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", 32)])
def test_the_real_vgg_19_is_read(name, count):
    folder = os.environ.get("MINICAP_DATA")
    if not folder or not (Path(folder) / name).exists():
        pytest.skip("set MINICAP_DATA to a folder with the VGG-19 weights")
    tensors = read_weights(Path(folder) / name).tensors
    assert len(tensors) == count
    channels = 3
    for block, (depth, width) in enumerate([(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)], 1):
        for layer in range(1, depth + 1):
            assert tensors[f"block{block}_conv{layer}/kernel"].shape == (3, 3, channels, width)
            assert tensors[f"block{block}_conv{layer}/bias"].shape == (width,)
            channels = width
    if count == 38:
        assert tensors["fc1/kernel"].shape == (25088, 4096)
        assert tensors["fc2/kernel"].shape == (4096, 4096)
        assert tensors["predictions/kernel"].shape == (4096, 1000) and tensors["predictions/bias"].shape == (1000,)
    assert all(array.dtype == np.float32 for array in tensors.values())
    assert 0.05 < tensors["block1_conv1/kernel"].std() < 0.5
