"""EfficientNet-Lite against the same network in PyTorch's functions, which reads the names and layout of the files."""

import re

import numpy as np
import pytest
from efficientnet_files import random_file

from minicap.backend import CPU
from minicap.conv import same_padding
from minicap.efficientnet import VARIANTS, efficientnet_lite
from minicap.inference import fold_batch_norm, inference
from minicap.pretrained_networks import find_weights, load_network
from minicap.weights import read_weights

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `peers`)")
F = torch.nn.functional

HALVE = {0: (1, 3, 5, 11), 2: (1, 4, 7, 15)}  # the blocks of stride 2, counted from 0


def theirs(variant, tensors, x):
    """Logits for x (N, 3, H, W)."""
    t = {name: torch.tensor(value) for name, value in tensors.items()}

    def conv(x, name, stride=1, groups=1):
        W = t[f"{name}.weight"]
        (top, bottom), (left, right) = (same_padding(n, W.shape[2], stride) for n in x.shape[2:])
        return F.conv2d(F.pad(x, (left, right, top, bottom)), W, stride=stride, groups=groups)

    def norm(x, name):
        return F.batch_norm(x, t[f"{name}.running_mean"], t[f"{name}.running_var"], t[f"{name}.weight"],
                            t[f"{name}.bias"], eps=1e-3)

    x = F.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    for i in range(1 + max(int(n) for name in t for n in re.findall(r"_blocks\.(\d+)", name))):
        block, y = f"_blocks.{i}.", x
        if i:
            y = F.relu6(norm(conv(y, f"{block}_expand_conv"), f"{block}_bn0"))
        stride = 1 + (i in HALVE[variant])
        y = F.relu6(norm(conv(y, f"{block}_depthwise_conv", stride, groups=y.shape[1]), f"{block}_bn1"))
        y = norm(conv(y, f"{block}_project_conv"), f"{block}_bn2")
        x = x + y if x.shape == y.shape else y
    x = F.relu6(norm(conv(x, "_conv_head"), "_bn1"))
    return F.linear(x.mean(dim=(2, 3)), t["_fc.weight"], t["_fc.bias"])


def test_the_logits_of_the_real_weights_are_those_of_pytorch(rng):
    path = find_weights("efficientnet-lite2")
    if path is None:
        pytest.skip("the weights of EfficientNet-Lite2 are not installed (extra `photo`)")
    x = ((rng.integers(0, 256, (2, 260, 260, 3)).astype(np.float32) - 127) / 128)
    with torch.no_grad():
        expected = theirs(2, read_weights(path).tensors, torch.tensor(x).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(inference(load_network(path), CPU)(x), expected, rtol=0,
                               atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("variant", HALVE)
def test_the_logits_are_those_of_pytorch_as_a_model_and_folded(rng, variant, tmp_path):
    tensors, side = random_file(variant, rng), VARIANTS[variant][2]
    np.savez(tmp_path / "lite.npz", **tensors)
    model = efficientnet_lite(variant, weights=tmp_path / "lite.npz")
    x = rng.standard_normal((2, side, side, 3)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(variant, tensors, torch.tensor(x).permute(0, 3, 1, 2)).numpy()
    assert expected.std() > 0.01
    for y in (model(x), inference(fold_batch_norm(model), CPU)(x)):
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
