"""EfficientNet-Lite: the table becomes the published networks, and weights go where they belong."""

import dataclasses
import re

import numpy as np
import pytest
from efficientnet_files import random_file, timm_names

from minicap.efficientnet import _block, efficientnet_lite, round_channels
from minicap.errors import UserError
from minicap.files import sha256
from minicap.layer import Residual, Sequential
from minicap.weights import efficientnet_weights
from minicap.weights.efficientnet_weights import google
from minicap.weights.preprocessing import TORCHVISION
from minicap.weights.refusal import RefusalError


@pytest.mark.parametrize("variant, parameters, blocks, residuals", [
    (0, 4_652_008, 16, 9), (1, 5_416_680, 21, 14), (2, 6_092_072, 21, 14)])
def test_the_networks_have_as_many_parameters_and_blocks_as_the_published_ones(variant, parameters, blocks, residuals):
    model = efficientnet_lite(variant)
    without_effect = sum(p.data.size for name, p in model.named_parameters() if name.endswith(".b")) - 1000
    assert sum(p.data.size for p in model.parameters()) - without_effect == parameters
    found = [layer for name, layer in model.layers.items() if name.startswith("block")]
    assert len(found) == blocks and sum(isinstance(block, Residual) for block in found) == residuals


@pytest.mark.parametrize(("channels", "rounded"), [
    (16, 16), (17.6, 16), (26.4, 24), (44, 48), (88, 88), (123.2, 120), (211.2, 208), (352, 352), (3, 8), (11, 16)])
def test_channels_become_multiples_of_eight_and_never_lose_more_than_a_tenth(channels, rounded):
    assert round_channels(channels) == rounded


def test_a_picture_becomes_logits_on_a_map_of_a_thirty_second_of_its_side():
    model = efficientnet_lite(0, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 224, 224, 3)).astype(np.float32)
    sides = []
    for layer in model.layers.values():
        x = layer(x)
        if x.ndim == 4 and (not sides or sides[-1] != x.shape[1]):
            sides.append(x.shape[1])
    assert sides == [112, 56, 28, 14, 7, 1] and x.shape == (2, 1000)


@pytest.mark.parametrize("F, stride, kind", [(2, 1, Residual), (2, 2, Sequential), (3, 1, Sequential)])
def test_a_block_passes_the_gradient_check(assert_gradients, rng, F, stride, kind):
    block = _block(2, F, 2, 3, stride, rng)
    assert type(block) is kind
    assert_gradients(block, rng.standard_normal((2, 5, 4, 2)), max_elements=30)


@pytest.fixture(scope="module")
def lite0():
    """The arrays of a file of EfficientNet-Lite0, with random numbers."""
    return random_file(0, np.random.default_rng(0))


def saved(path, tensors):
    np.savez(path, **tensors)
    return path


def test_arrays_of_a_file_go_to_the_layers_of_the_same_place(lite0, tmp_path):
    model = efficientnet_lite(weights=saved(tmp_path / "lite.npz", lite0))
    state = model.state()
    np.testing.assert_array_equal(state["stem.W"], lite0["_conv_stem.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(state["block3.depthwise.W"][1, 2],
                                  lite0["_blocks.2._depthwise_conv.weight"][:, 0, 1, 2])
    np.testing.assert_array_equal(state["block2.bn_expand.var"], lite0["_blocks.1._bn0.running_var"])
    np.testing.assert_array_equal(state["block16.bn_project.beta"], lite0["_blocks.15._bn2.bias"])
    np.testing.assert_array_equal(state["fc.W"], lite0["_fc.weight"].T)
    assert not state["head.b"].any() and state["fc.b"].any()
    assert repr(model) == "EfficientNet-Lite0" and model.digest() == sha256(tmp_path / "lite.npz")
    assert model.preprocessing.size == 224 and model.preprocessing.interpolation == "bicubic"
    assert "assumed from the names" in model.notes[0]


@pytest.mark.parametrize("name", ["timm", "prefix", "ours", "without fc"])
def test_the_same_weights_under_other_names_are_the_same_network(lite0, tmp_path, name, monkeypatch):
    expected = efficientnet_lite(weights=saved(tmp_path / "lite.npz", lite0)).state()
    tensors = {"timm": lambda: timm_names(lite0), "ours": lambda: expected,
               "prefix": lambda: {f"encoder.{n}": a for n, a in lite0.items()} | {"decoder.W": np.ones(3, np.float32)},
               "without fc": lambda: {n: a for n, a in lite0.items() if "_fc" not in n}}[name]()
    if name == "timm":  # whose names are read for Google's weights alone
        middle = lite0["_conv_stem.weight"][:16, :, 1, 1]
        monkeypatch.setitem(efficientnet_weights.KERNELS, "EfficientNet-Lite0", tuple(100 * middle.ravel()))
    model = efficientnet_lite(0, weights=saved(tmp_path / "other.npz", tensors))
    assert model.top == (name != "without fc")
    for ours, value in model.state().items():
        np.testing.assert_array_equal(value, expected[ours], err_msg=ours)
    notes = "; ".join(model.notes)
    assert ("Google's EfficientNet-Lite0" in notes) == (name == "timm")
    assert ("behind the prefix 'encoder.'; names: 1 of other modules left alone, such as decoder.W" in notes) == (
        name == "prefix")


@pytest.mark.parametrize("change, message", [
    (lambda t: t.pop("_blocks.3._bn1.running_mean"), "missing block4.bn_depthwise.mean"),
    (lambda t: t.update({"_blocks.3._bn7.running_mean": np.zeros(3, np.float32)}), "unexpected _blocks.3._bn7"),
    (lambda t: t.update({"_blocks.2._se_reduce.weight": np.zeros(1, np.float32)}), "squeeze-and-excite"),
    (lambda t: t.update({"again._conv_stem.weight": t["_conv_stem.weight"]}), "holds several EfficientNets"),
    (lambda t: t.update({"_blocks.16._project_conv.weight": t["_blocks.15._project_conv.weight"]}),
     "is not EfficientNet-Lite0, 1 or 2: it has 17 blocks, the last with 320 channels"),
    (lambda t: t.update({"_fc.weight": np.ones((10, 1280), np.float32)}), "fc.W has shape (1280, 10), expected"),
    (lambda t: t.update({"_bn0.running_var": -t["_bn0.running_var"]}), "_bn0.running_var has negative numbers"),
    (lambda t: t["_bn0.bias"].__setitem__(2, np.nan), "_bn0.bias has 1 of 32 numbers that are not finite"),
    (lambda t: t.update({"_conv_head.weight": 0 * t["_conv_head.weight"]}), "holds nothing but zeros"),
    (lambda t: t.update({"_blocks.4._depthwise_conv.weight": np.ones((240, 2, 5, 5), np.float32)}),
     "block5.depthwise.W has shape (240, 2, 5, 5), expected (5, 5, "),
    (lambda t: t.update({"_conv_head.weight": t["_conv_head.weight"].astype(np.int8)}), "numbers of type int8")])
def test_a_file_that_is_not_such_a_network_is_refused(lite0, tmp_path, change, message):
    tensors = {name: value.copy() for name, value in lite0.items()}
    change(tensors)
    with pytest.raises(UserError, match=re.escape(message)):
        efficientnet_lite(weights=saved(tmp_path / "lite.npz", tensors))


def test_timms_names_with_other_kernels_than_googles_are_refused_as_the_padding_is_unknown(lite0, tmp_path):
    for options in ({}, {"preprocessing": "torchvision"}):
        with pytest.raises(UserError, match=r"its padding and its batch norm's ε are unknown"):
            efficientnet_lite(weights=saved(tmp_path / "timm.npz", timm_names(lite0)), **options)


def test_a_file_with_other_classes_is_a_network_with_these(lite0, tmp_path, rng):
    tensors = lite0 | {"_fc.weight": rng.random((10, 1280), np.float32), "_fc.bias": rng.random(10, np.float32)}
    assert efficientnet_lite(weights=saved(tmp_path / "lite.npz", tensors)).classes == 10


@pytest.mark.parametrize("variant", [1, 2])
def test_another_variant_than_the_one_asked_for_is_refused(lite0, tmp_path, variant):
    with pytest.raises(UserError, match=f"holds EfficientNet-Lite0, not EfficientNet-Lite{variant}; use another file"):
        efficientnet_lite(variant, weights=saved(tmp_path / "lite.npz", lite0))


def kernels_of(name, order="RGB"):
    """First kernels (3, 3, 3, 32) with the known numbers in their middle and random ones around it."""
    kernels = np.random.default_rng(0).standard_normal((3, 3, 3, 32))
    kernels[1, 1, :, :16] = np.reshape(efficientnet_weights.KERNELS[name], (16, 3)).T / 100
    return kernels if order == "RGB" else kernels[:, :, ::-1]


@pytest.mark.parametrize("name", efficientnet_weights.KERNELS)
def test_googles_kernels_are_recognised_also_rounded_and_for_blue_first(name):
    noise = np.random.default_rng(1).normal(0, 0.05, (3, 3, 3, 32))
    for order in ("RGB", "BGR"):
        assert google(kernels_of(name, order) + noise) == (name, order)
    assert google(kernels_of(name)[:, ::-1].transpose(1, 0, 2, 3)) == (name, "RGB")  # the middle stays where it is
    for times in (2, 1 / 255):
        with pytest.raises(RefusalError, match="times as large, which fits no known preprocessing"):
            google(kernels_of(name) * times)


def test_other_kernels_are_not_taken_for_googles():
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert google(rng.standard_normal((3, 3, 3, 32))) == (None, None)
    assert google(np.zeros((3, 3, 3, 32))) == google(np.ones((7, 7, 3, 64))) == (None, None)


def test_the_features_are_the_outputs_of_the_layers_in_the_table(lite0, tmp_path, rng):
    path = saved(tmp_path / "lite.npz", lite0)
    x = rng.standard_normal((1, 224, 224, 3)).astype(np.float32)
    whole = efficientnet_lite(weights=path)
    for name, last in (("lite0-regions", "relu_head"), ("lite0-head", "flatten")):
        model = efficientnet_lite(weights=path, features=name)
        assert list(model.layers)[-1] == last
        np.testing.assert_array_equal(model(x), whole.up_to(last)(x))
        assert model.features[name].shape(model) == model(x).shape[1:]
    both = efficientnet_lite(weights=path, features="lite0-regions+lite0-head")
    np.testing.assert_allclose(both(x), whole.up_to("relu_head")(x).mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("given", ["torchvision", TORCHVISION])
def test_a_preprocessing_is_given_by_name_or_as_one_and_keeps_the_networks_size(lite0, tmp_path, given):
    fresh = efficientnet_lite(0, preprocessing=given)
    read = efficientnet_lite(weights=saved(tmp_path / "lite.npz", lite0), preprocessing=given)
    for model in (fresh, read):
        assert model.preprocessing == dataclasses.replace(TORCHVISION, size=224, interpolation="bicubic")
