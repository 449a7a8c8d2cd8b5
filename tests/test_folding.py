"""Batch norm folded into the convolutions before it: the same numbers, without its passes over memory."""

import numpy as np
import pytest

from minicap.activations import ReLU6
from minicap.backend import to_numpy
from minicap.conv import Conv2d
from minicap.depthwise import DepthwiseConv2d
from minicap.inference import fold_batch_norm, inference
from minicap.layer import Residual, Sequential
from minicap.normalization import BatchNorm2d


def network(rng, variance):
    """A stem and a block of EfficientNet-Lite, and a batch norm that follows no convolution."""
    block = Residual(
        expand=Conv2d(4, 8, 1, rng=rng), bn1=BatchNorm2d(8, eps=1e-3), relu1=ReLU6(),
        depthwise=DepthwiseConv2d(8, 3, padding="same", rng=rng), bn2=BatchNorm2d(8, eps=1e-3), relu2=ReLU6(),
        project=Conv2d(8, 4, 1, rng=rng), bn3=BatchNorm2d(4, eps=1e-3))
    model = Sequential(stem=Conv2d(3, 4, 3, stride=2, padding="same", rng=rng), bn=BatchNorm2d(4, eps=1e-3),
                       relu=ReLU6(), block=block, alone=BatchNorm2d(4))
    for name, p in model.named_state():
        if name.endswith("var"):
            p.data = variance * rng.uniform(1, 2, p.data.shape)
        else:
            p.data = rng.standard_normal(p.data.shape)
    return model


def names(layer):
    """The names of all layers, at any depth."""
    return [name for child, inner in layer.children() for name in (child, *(f"{child}.{n}" for n in names(inner)))]


def test_the_folded_network_gives_the_same_numbers(device, rng):
    """The variances are as small as ε = 1e-3, so that one that was forgotten, or another layer's, would show."""
    model = network(rng, 1e-3).to(device)
    x = device.asarray(rng.standard_normal((2, 9, 8, 3)))
    np.testing.assert_allclose(to_numpy(fold_batch_norm(model)(x)), to_numpy(model(x)), rtol=1e-10, atol=1e-10)


def test_the_batch_norms_behind_convolutions_are_gone_and_the_others_are_not(rng):
    model = network(rng, 1)
    assert names(fold_batch_norm(model)) == ["stem", "relu", "block", "block.expand", "block.relu1", "block.depthwise",
                                             "block.relu2", "block.project", "alone"]
    twice = Sequential(Conv2d(3, 4, rng=rng), BatchNorm2d(4), BatchNorm2d(4))
    assert names(fold_batch_norm(twice)) == ["0", "2"]


def test_the_network_itself_does_not_change(rng):
    model = network(rng, 1)
    before = model.state()
    fold_batch_norm(model)
    assert list(before) == list(model.state())
    for ours, kept in zip(model.state().values(), before.values(), strict=True):
        np.testing.assert_array_equal(ours, kept)


@pytest.mark.parametrize("N", [1, 9])
def test_inference_folds_and_equals_the_model(device, rng, N):
    model = network(rng, 1).astype(np.float32).to(device)
    x = device.asarray(rng.standard_normal((N, 9, 8, 3)).astype(np.float32))
    expected = to_numpy(model(x))
    infer = inference(model, device)
    y = to_numpy(infer(x))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=0, atol=2e-5 * np.abs(expected).max())
    found = infer.per_chunk if device.name == "cpu" else infer.layers.values()  # stem, block, the batch norm alone
    assert [type(layer) for layer in found][-1] is BatchNorm2d and sum(isinstance(f, BatchNorm2d) for f in found) == 1
    assert len(found) == (3 if device.name == "cpu" else 4)


def test_a_batch_norm_of_other_channels_is_left_for_its_layer_to_refuse(rng):
    model = fold_batch_norm(Sequential(conv=Conv2d(3, 4, 1, rng=rng), bn=BatchNorm2d(1)))
    with pytest.raises(ValueError, match=r"bn: BatchNorm2d\(1\) expects x of shape \(N, H, W, 1\)"):
        model(np.zeros((1, 2, 2, 3), np.float32))
