"""VGG-19 on real photographs against activations that another framework computed from the same weights.

    MINICAP_DATA=DIR MINICAP_GOLDEN=FILE.npz pytest tests/test_golden.py

The .npz holds, for the images it names: of every convolution after its ReLU the mean of each channel and a corner of
4 x 4 pixels in 8 channels; all of block5_conv4 for two images; fc1 and fc2 after their ReLU; and ``predictions``, the
logits before the softmax.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from minicap.cpu.inference import InferencePlan
from minicap.images import read_image, resize
from minicap.vgg import vgg19

pytestmark = pytest.mark.real_data
KERAS_DENSE = {"fc1": "relu6", "fc2": "relu7", "predictions": "fc8"}


@pytest.fixture(scope="module")
def golden():
    path = os.environ.get("MINICAP_GOLDEN")
    if not path:
        pytest.skip("MINICAP_GOLDEN is not set: it names an .npz file with VGG-19's activations")
    if not Path(path).is_file():
        pytest.skip(f"MINICAP_GOLDEN names {path}, which is no file")
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def model(data_dir, golden):
    return vgg19(weights=data_dir / "vgg19_weights_tf_dim_ordering_tf_kernels.h5")


@pytest.fixture(scope="module")
def x(data_dir, golden, model):
    """The images of the golden file, ready for the network."""
    folder = data_dir / "Flickr8k" / "Flicker8k_Dataset"
    return model.preprocessing(np.stack([resize(read_image(folder / name), (224, 224)) for name in golden["images"]]))


def check(golden, layer, y):
    """Compare ``y``, the output of our ``layer``, with every array that is about it; returns their names."""
    name = f"block{layer[4]}_conv{layer[6]}" if layer.startswith("relu") and "_" in layer else \
        next((keras for keras, ours in KERAS_DENSE.items() if ours == layer), None)
    ours = {name: y}
    if y.ndim == 4:
        ours |= {f"{name}.mean_per_channel": y.mean(axis=(1, 2)), f"{name}.corner": y[:, :4, :4, :8]}
    found = [key for key in ours if key in golden]
    for key in found:
        expected = golden[key]
        actual = ours[key][:len(expected)]
        assert actual.shape == expected.shape, key
        assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max(), key
    return found


def test_every_layer_agrees_with_the_golden_activations(golden, model, x):
    checked = []
    y = x
    for layer in model.layers:
        y = model[layer](y)
        checked += check(golden, layer, y)
    assert set(checked) == set(golden) - {"images"}  # nothing of the file was passed over


@pytest.fixture(scope="module")
def plan(model):
    return InferencePlan(model)


@pytest.mark.parametrize("end", ["relu1_1", "relu2_2", "pool3", "relu5_4", "relu6"])
def test_a_plan_that_ends_anywhere_agrees_with_the_layers(model, x, end):
    """A plan joins layers, so its own steps are not all in the golden file; the layers are, by the test above."""
    part = model.up_to(end)
    expected = part(x)
    y = InferencePlan(part)(x)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 1e-4 * np.abs(expected).max()


def test_the_plan_as_a_whole_gives_the_golden_logits_and_most_likely_classes(golden, plan, x):
    logits = golden["predictions"]
    assert logits.min() < 0 and np.abs(logits.sum(axis=1) - 1).max() > 1  # no softmax has been applied to them
    y = plan(x)
    assert check(golden, "fc8", y) == ["predictions"]
    np.testing.assert_array_equal(np.argsort(y)[:, -3:], np.argsort(logits)[:, -3:])
