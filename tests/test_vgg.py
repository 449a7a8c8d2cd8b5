import re
from dataclasses import asdict

import numpy as np
import pytest
import tiny_vgg
from safetensors.numpy import save_file
from tiny_vgg import random_vgg, save_keras, save_npz, timm_tensors, torchvision_tensors

from minicap.conv import Conv2d
from minicap.errors import UserError
from minicap.linear import Linear
from minicap.vgg import VGG, vgg, vgg11, vgg13, vgg16, vgg19
from minicap.weights.preprocessing import CAFFE, CAFFE_RGB, TORCHVISION, Preprocessing

DEPTHS = (11, 13, 16, 19)


@pytest.fixture
def tiny(monkeypatch):
    tiny_vgg.shrink(monkeypatch)


def save_tensors(path, tensors):
    """A .safetensors file; the two serialisations of torch itself are in tests/weights and tests/peers."""
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path)
    return path


SAVERS = {  # how a model becomes a file, and the preprocessing that such files were trained with
    "keras": (save_keras, CAFFE),
    "npz": (save_npz, CAFFE_RGB),
    "torchvision": (lambda path, model: save_tensors(path, torchvision_tensors(model)), TORCHVISION),
    "timm": (lambda path, model: save_tensors(path, timm_tensors(model)), TORCHVISION),
}


def assert_same_state(model, expected):
    assert list(model.state()) == list(expected.state())
    for name, array in expected.state().items():
        np.testing.assert_array_equal(model.state()[name], array, err_msg=name)


# --- The table ------------------------------------------------------------------------------------------------------

def parameters(depth, **options):
    return sum(p.data.size for p in VGG(depth, rng=None, **options).parameters())


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_network_is_named_by_its_number_of_weight_layers(depth):
    layers = VGG(depth, rng=None).layers.values()
    assert sum(isinstance(layer, Conv2d) for layer in layers) == depth - 3
    assert sum(isinstance(layer, Linear) for layer in layers) == 3


def test_parameter_counts_are_those_of_the_published_networks():
    assert [parameters(depth) for depth in DEPTHS] == [132_863_336, 133_047_848, 138_357_544, 143_667_240]
    assert [parameters(depth, batch_norm=True) for depth in DEPTHS] == \
        [132_868_840, 133_053_736, 138_365_992, 143_678_248]
    assert [parameters(depth, top=False) for depth in DEPTHS] == [9_220_480, 9_404_992, 14_714_688, 20_024_384]


def test_column_a_of_table_1_is_vgg_11():
    assert list(VGG(11, top=False, rng=None).layers) == [
        "conv1_1", "relu1_1", "pool1", "conv2_1", "relu2_1", "pool2", "conv3_1", "relu3_1", "conv3_2", "relu3_2",
        "pool3", "conv4_1", "relu4_1", "conv4_2", "relu4_2", "pool4", "conv5_1", "relu5_1", "conv5_2", "relu5_2",
        "pool5"]


def test_the_dense_layers_and_batch_norms_stand_where_the_paper_and_torchvision_put_them():
    names = list(VGG(11, batch_norm=True, rng=None).layers)
    assert names[:4] == ["conv1_1", "bn1_1", "relu1_1", "pool1"]
    assert names[-8:] == ["flatten", "fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]


def test_fresh_networks_are_drawn_from_the_generator_that_is_passed_in(tiny):
    for make, depth in zip((vgg11, vgg13, vgg16, vgg19), DEPTHS, strict=True):
        model = make(rng=np.random.default_rng(3))
        assert (model.depth, model.top, model.batch_norm) == (depth, True, False)
        assert_same_state(model, vgg(depth, rng=np.random.default_rng(3)))
    assert not vgg11(top=False).top
    assert vgg11(batch_norm=True).batch_norm


def test_repr_says_which_network_it_is():
    assert repr(VGG(19, rng=None)) == "VGG-19"
    assert repr(VGG(16, batch_norm=True, top=False, rng=None)) == "VGG-16 with batch norm, without top"


# --- up_to ----------------------------------------------------------------------------------------------------------

def test_up_to_ends_with_the_named_layer_and_shares_the_weights(tiny, rng):
    model = random_vgg(11, rng)
    part = model.up_to("relu3_1")
    assert list(part.layers)[-1] == "relu3_1"
    x = rng.standard_normal((2, 32, 32, 3)).astype(np.float32)
    expected = x
    for name in ("conv1_1", "relu1_1", "pool1", "conv2_1", "relu2_1", "pool2", "conv3_1", "relu3_1"):
        expected = model[name](expected)
    np.testing.assert_array_equal(part(x), expected)
    assert part["conv3_1"] is model["conv3_1"]


def test_up_to_an_unknown_layer_lists_the_layers_there_are(tiny):
    with pytest.raises(ValueError, match=r"VGG-16 has no layer 'conv5_4'; it has conv1_1, relu1_1, .*fc8"):
        VGG(16, rng=None).up_to("conv5_4")


# --- Preprocessing --------------------------------------------------------------------------------------------------

PIXEL = np.array([[[[255, 128, 0]]]], np.uint8)  # orange: red at its most, no blue


@pytest.mark.parametrize("preprocessing, expected", [
    (CAFFE, [0 - 103.939, 128 - 116.779, 255 - 123.68]),  # blue first
    (CAFFE_RGB, [255 - 123.68, 128 - 116.779, 0 - 103.939]),
    (TORCHVISION, [2.2489083, 0.2051820, -1.8044444]),  # (1 - 0.485)/0.229, (128/255 - 0.456)/0.224, -0.406/0.225
], ids=["caffe", "caffe, rgb", "torchvision"])
def test_a_pixel_becomes_what_one_computes_by_hand(preprocessing, expected):
    y = preprocessing(PIXEL)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y[0, 0, 0], expected, rtol=1e-5)


def test_preprocessing_leaves_the_picture_alone():
    picture = PIXEL.copy()
    for preprocessing in (CAFFE, CAFFE_RGB, TORCHVISION):
        preprocessing(picture)
    np.testing.assert_array_equal(picture, PIXEL)


def test_preprocessing_survives_the_way_through_json():
    json = TORCHVISION.to_json()
    assert json == {"order": "RGB", "scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
                    "size": 224}
    restored = Preprocessing(**{k: tuple(v) if isinstance(v, list) else v for k, v in json.items()})
    assert asdict(restored) == asdict(TORCHVISION)


def test_bgr_weights_and_the_same_weights_turned_to_rgb_give_the_same_outputs(tiny, rng, tmp_path):
    """What a Keras file calls the first input channel is blue; the .npz holds the same network, red first."""
    bgr = random_vgg(11, rng, top=False)
    rgb = VGG(11, top=False, rng=None)
    rgb.load_state({**bgr.state(), "conv1_1.W": bgr["conv1_1"].W.data[:, :, ::-1]})
    images = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    y = []
    for model in (vgg(weights=save_keras(tmp_path / "a", bgr)), vgg(weights=save_npz(tmp_path / "b.npz", rgb))):
        y.append(model(model.preprocessing(images)))
    np.testing.assert_allclose(y[0], y[1], rtol=1e-5, atol=1e-4)
    swapped = vgg(weights=save_keras(tmp_path / "c", rgb))
    assert np.abs(swapped(swapped.preprocessing(images)) - y[0]).max() > 0.01 * np.abs(y[0]).max()


# --- Files ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("top", [True, False], ids=["with top", "without top"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("saver", SAVERS)
def test_depth_top_weights_and_preprocessing_are_read_off_every_kind_of_file(tiny, rng, tmp_path, saver, depth, top):
    save, preprocessing = SAVERS[saver]
    model = random_vgg(depth, rng, top=top)
    loaded = vgg(weights=save(tmp_path / "weights", model))
    assert (loaded.depth, loaded.top, loaded.batch_norm) == (depth, top, False)
    assert loaded.preprocessing == preprocessing
    assert_same_state(loaded, model)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("saver", ["torchvision", "timm"])
def test_batch_norm_is_read_off_the_file_with_its_running_statistics(tiny, rng, tmp_path, saver, depth):
    model = random_vgg(depth, rng, batch_norm=True)
    loaded = vgg(weights=SAVERS[saver][0](tmp_path / "weights", model))
    assert (loaded.depth, loaded.batch_norm) == (depth, True)
    assert_same_state(loaded, model)


def test_the_flatten_order_of_the_file_becomes_ours(tiny, rng, tmp_path):
    """One weight of fc6 alone: (c, h, w) = (3, 5, 2) of pool5 to output 4. A torch file has it at 3·49 + 5·7 + 2."""
    H, W, C = 7, 7, 8
    fc6 = np.zeros((9, C * H * W), np.float32)
    fc6[4, 3 * 49 + 5 * 7 + 2] = 1
    tensors = torchvision_tensors(random_vgg(11, rng)) | {"classifier.0.weight": fc6}
    loaded = vgg(weights=save_tensors(tmp_path / "f", tensors))
    pool5 = rng.standard_normal((1, H, W, C)).astype(np.float32)
    y = loaded["fc6"](loaded["flatten"](pool5)) - loaded["fc6"].b.data
    np.testing.assert_allclose(y[0], np.eye(9)[4] * pool5[0, 5, 2, 3], atol=1e-6)

    keras = random_vgg(11, rng)
    keras["fc6"].W.data[:] = 0
    keras["fc6"].W.data[5 * 7 * 8 + 2 * 8 + 3, 4] = 1  # Keras flattens in H, W, C order
    loaded = vgg(weights=save_keras(tmp_path / "g", keras))
    y = loaded["fc6"](loaded["flatten"](pool5)) - loaded["fc6"].b.data
    np.testing.assert_allclose(y[0], np.eye(9)[4] * pool5[0, 5, 2, 3], atol=1e-6)


def test_the_dense_layers_of_a_full_file_can_be_left_away(tiny, rng, tmp_path):
    model = random_vgg(13, rng)
    loaded = vgg13(weights=save_keras(tmp_path / "f", model), top=False)
    assert "fc6" not in loaded.layers
    np.testing.assert_array_equal(loaded["conv5_2"].W.data, model["conv5_2"].W.data)


def test_a_half_precision_file_is_widened_to_float32(tiny, rng, tmp_path):
    model = random_vgg(11, rng)
    halves = {name: array.astype(np.float16) if array.dtype == np.float32 else array
              for name, array in torchvision_tensors(model).items()}
    loaded = vgg(weights=save_tensors(tmp_path / "f", halves))
    assert {array.dtype for array in loaded.state().values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(loaded["fc7"].W.data, model["fc7"].W.data, rtol=1e-3, atol=1e-6)


def test_loaded_weights_are_copies_that_outlive_the_file(tiny, rng, tmp_path):
    path = save_tensors(tmp_path / "f", torchvision_tensors(random_vgg(11, rng)))
    model = vgg(weights=path)
    before = model.state()
    with open(path, "r+b") as f:
        f.seek(-4000, 2)
        f.write(b"\0" * 4000)
    assert all((model.state()[name] == array).all() for name, array in before.items())


# --- What does not fit ----------------------------------------------------------------------------------------------

def spoiled(tmp_path, rng, change):
    """A torchvision-style VGG-11 file after ``change`` (a function of its dict of tensors)."""
    tensors = torchvision_tensors(random_vgg(11, rng))
    change(tensors)
    return save_tensors(tmp_path / "weights.safetensors", tensors)


def refusal(path, load=vgg11, **options):
    with pytest.raises(UserError) as caught:
        load(weights=path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_unexpected_and_misshapen_tensors_are_all_listed(tiny, rng, tmp_path):
    def change(tensors):
        del tensors["features.3.bias"]
        tensors["classifier.9.weight"] = np.zeros((2, 2), np.float32)
        tensors["classifier.6.weight"] = tensors["classifier.6.weight"][:3]
    message = refusal(spoiled(tmp_path, rng, change))
    assert "missing conv2_1.b" in message
    assert "unexpected classifier.9.weight" in message
    assert "fc8.W has shape (10, 3), expected (10, 11)" in message


@pytest.mark.parametrize("shape", [(9, 391), (9,), (), (0, 392), (9, 8, 7, 6), (9, 392, 1)])
def test_a_first_dense_layer_of_any_shape_is_refused_by_its_shape(tiny, rng, tmp_path, shape):
    message = refusal(spoiled(tmp_path, rng, lambda tensors: tensors.update(
        {"classifier.0.weight": np.ones(shape, np.float32)})))
    assert re.search(r"fc6.W has shape \(.*\), expected \(392, 9\)", message)


def test_a_kernel_of_other_channels_is_refused(tiny, rng, tmp_path):
    message = refusal(spoiled(tmp_path, rng, lambda tensors: tensors.update(
        {"features.3.weight": np.ones((5, 3, 3, 3), np.float32)})))
    assert "conv2_1.W has shape (3, 3, 3, 5), expected (3, 3, 4, 5)" in message


def test_a_long_list_of_misfits_is_cut(tiny, rng, tmp_path):
    path = save_keras(tmp_path / "f", random_vgg(19, rng, top=False))
    assert re.search(r"missing fc6\.W; .*; missing fc8\.b$", refusal(path, vgg19, top=True))
    batch_norm = save_tensors(tmp_path / "g", torchvision_tensors(random_vgg(19, rng, batch_norm=True)))
    assert refusal(batch_norm, vgg19, batch_norm=False).endswith("; and 56 more")  # 16 layers of 4 arrays, 8 shown


def test_a_file_of_another_vgg_is_named(tiny, rng, tmp_path):
    path = save_keras(tmp_path / "f", random_vgg(16, rng))
    assert "holds VGG-16, not VGG-19; use vgg16 or another file" in refusal(path, vgg19)


def test_batch_norm_that_the_file_lacks_is_missing(tiny, rng, tmp_path):
    path = save_keras(tmp_path / "f", random_vgg(11, rng))
    assert "missing bn1_1.gamma" in refusal(path, batch_norm=True)


def test_running_statistics_are_not_optional(tiny, rng, tmp_path):
    tensors = torchvision_tensors(random_vgg(11, rng, batch_norm=True))
    del tensors["features.1.running_var"]
    assert "missing bn1_1.var" in refusal(save_tensors(tmp_path / "f", tensors))


def test_a_file_of_another_network_is_no_vgg(tiny, tmp_path):
    alexnet = {f"features.{i}.weight": np.zeros((4, 3, k, k), np.float32)
               for i, k in ((0, 11), (3, 5), (6, 3), (8, 3), (10, 3))}
    message = refusal(save_tensors(tmp_path / "alexnet", alexnet), vgg)
    assert "is not a VGG network: 5 of its convolutions fit" in message
    assert "it has names such as features.0.weight, features.1" in message

    resnet = {"conv1.weight": np.zeros((4, 3, 7, 7), np.float32), "layer1.0.bn1.bias": np.zeros(4, np.float32)}
    message = refusal(save_tensors(tmp_path / "resnet", resnet), vgg)
    assert "is not a VGG network: 0 of its convolutions fit" in message and "layer1.0.bn1.bias" in message


def test_a_vgg_that_lacks_a_convolution_is_refused_with_and_without_its_name(tiny, rng, tmp_path):
    path = spoiled(tmp_path, rng, lambda tensors: [tensors.pop("features.18.weight"), tensors.pop("features.18.bias")])
    assert "is not a VGG network: 7 of its convolutions fit" in refusal(path, vgg)
    assert "missing conv5_2.W; missing conv5_2.b" in refusal(path, vgg11)
