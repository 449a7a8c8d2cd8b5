"""The table of a network's outputs, and what is derived from it: names, shapes, stages, facts."""

import numpy as np
import pytest
import tiny_vgg

from minicap import vgg
from minicap.errors import UserError
from minicap.linear import Linear
from minicap.networks import (
    FeatureLayer,
    Network,
    NetworkFacts,
    feature_shapes,
    feature_stages,
    has_regions,
)
from minicap.weights.preprocessing import CAFFE

CHANNELS = tiny_vgg.CHANNELS


@pytest.fixture
def networks(monkeypatch):
    """{name: a VGG of a few channels}, for pictures of 224 pixels."""
    tiny_vgg.shrink(monkeypatch)
    return {"19": vgg.vgg19(rng=np.random.default_rng(0)), "16": vgg.vgg16(rng=np.random.default_rng(0)),
            "19 without top": vgg.vgg19(top=False, rng=np.random.default_rng(0))}


def layers_of(stages):
    return [(next(iter(stage.layers)), list(stage.layers)[-1]) for stage in stages]


def test_of_vggs_layers_only_fc7_has_no_regions():
    assert [name for name in vgg.VGG.features if not has_regions(vgg.VGG.features, name)] == ["fc7"]


@pytest.mark.parametrize("name, shape, parts", [
    ("pool4", (14, 14, 7), [(14, 14, 7)]), ("conv5_4", (14, 14, 8), [(14, 14, 8)]), ("pool5", (7, 7, 8), [(7, 7, 8)]),
    ("fc7", (10,), [(10,)]), ("conv5_4+fc7", (14 * 14 * 8 + 10,), [(14, 14, 8), (10,)]),
    ("pool5+fc7", (7 * 7 * 8 + 10,), [(7, 7, 8), (10,)])])
def test_shapes_are_those_of_what_the_stages_compute(networks, rng, name, shape, parts):
    model = networks["19"]
    assert feature_shapes(model, name) == (shape, tuple(parts))
    x = rng.standard_normal((1, 224, 224, 3)).astype(np.float32)
    for stage, expected in zip(feature_stages(model, name), parts, strict=True):
        x = stage(x)
        assert x.shape == (1, *expected)


def test_stages_begin_at_the_picture_or_behind_other_features(networks):
    model = networks["19"]
    assert layers_of(feature_stages(model, "fc7")) == [("conv1_1", "relu7")]
    assert layers_of(feature_stages(model, "conv5_4+fc7")) == [("conv1_1", "relu5_4"), ("pool5", "relu7")]
    assert layers_of(feature_stages(model, "conv5_4", after="pool4")) == [("conv5_1", "relu5_4")]
    assert layers_of(feature_stages(model, "pool5+fc7", after="conv5_4")) == [("pool5", "pool5"), ("flatten", "relu7")]
    (nothing,) = feature_stages(model, "pool4", after="pool4")
    assert not nothing.layers
    (block,) = feature_stages(model, "conv5_4", after="pool4")
    assert block["conv5_1"] is model["conv5_1"]  # shared, not copied


@pytest.mark.parametrize("network, name, after, message", [
    ("16", "conv5_4", None, "the weights are of VGG-16, which has no conv5_4; it has pool4, pool5, fc7"),
    ("19 without top", "conv5_4+fc7", None, "VGG-19, without top, which has no fc7; it has pool4, conv5_4, pool5"),
    ("19", "pool4", "pool5", "pool4 comes before pool5 in the network and cannot be computed from it"),
    ("16", "fc7", "conv5_4", "the weights are of VGG-16, which has no conv5_4; it has pool4, pool5, fc7")])
def test_what_a_network_cannot_make_is_refused(networks, network, name, after, message):
    with pytest.raises(UserError) as error:
        feature_stages(networks[network], name, after)
    assert message in str(error.value)


def test_a_second_network_brings_a_table_of_its_own(rng):
    class Two(Network):
        @staticmethod
        def cells(size, stride):
            return size // stride

    model = Two(facts=NetworkFacts("Two", 2), preprocessing=CAFFE, first=Linear(3, 4, rng=rng),
                second=Linear(4, 5, rng=rng))
    model.features = {"early": FeatureLayer("first", "first", stride=112), "late": FeatureLayer("second", "second")}
    assert model.classes == 5
    assert feature_shapes(model, "early+late") == ((2 * 2 * 4 + 5,), ((2, 2, 4), (5,)))
    assert layers_of(feature_stages(model, "early+late")) == [("first", "first"), ("second", "second")]


@pytest.mark.parametrize("facts, text", [
    (NetworkFacts("VGG", 19), "VGG-19"), (NetworkFacts("VGG", 11, True), "VGG-11 with batch norm")])
def test_facts_survive_json_and_the_text_that_older_files_hold(facts, text):
    assert str(facts) == text
    assert NetworkFacts.from_json(facts.to_json()) == NetworkFacts.from_json(text) == facts
    assert NetworkFacts.from_json(f"{text}, without top") == facts


@pytest.mark.parametrize("value", ["VGG-", "VGG-19 with", "ResNet-50", "", None, 19])
def test_text_that_names_no_network_is_refused(value):
    with pytest.raises(UserError, match="is not a network that this version of minicap knows"):
        NetworkFacts.from_json(value)


def test_the_facts_of_a_network_do_not_depend_on_its_top(networks):
    assert networks["19"].facts == networks["19 without top"].facts == NetworkFacts("VGG", 19)
    assert networks["16"].facts != networks["19"].facts
