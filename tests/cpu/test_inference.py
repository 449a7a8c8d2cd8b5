import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny_vgg
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from minicap.activations import Dropout, ReLU, ReLU6, Tanh
from minicap.backend import few_pictures
from minicap.conv import Conv2d
from minicap.cpu import inference
from minicap.cpu.activations import NOTHING, RELU, RELU6
from minicap.cpu.inference import CHUNK, InferencePlan
from minicap.depthwise import DepthwiseConv2d
from minicap.efficientnet import efficientnet_lite
from minicap.inference import fold_batch_norm
from minicap.layer import Residual, Sequential
from minicap.linear import Flatten, Linear
from minicap.normalization import BatchNorm2d
from minicap.pooling import AvgPool2d, MaxPool2d


def conv(C, F, kernel=3, **options):
    rng = np.random.default_rng(C * F)
    layer = Conv2d(C, F, kernel, rng=rng, **{"padding": kernel // 2} | options)
    layer.b.data = rng.standard_normal(F).astype(np.float32)
    return layer


def linear(D, H):
    layer = Linear(D, H, rng=np.random.default_rng(D))
    layer.b.data = np.random.default_rng(H).standard_normal(H).astype(np.float32)
    return layer


def images(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def assert_equals_model(model, x):
    y, expected = InferencePlan(model)(x), model(x)
    assert y.shape == expected.shape and y.dtype == np.float32
    assert np.abs(y - expected).max() <= 2e-5 * np.abs(expected).max()


def kinds(model):
    """The steps of a plan: W(inograd), O(nce, with a kernel that is not prepared), I(m2col), P(ointwise), D(epthwise),
    S(eparable), R(esidual), or "." for a layer.

    r, 6 and p where a ReLU, ReLU6 and pooling are fused with it, + where x is added to it.
    """
    return [kind(step) for step in InferencePlan(model).per_chunk]


def kind(step):
    if isinstance(step, inference.PreparedResidual):
        return "R"
    if not isinstance(step, inference.PreparedConv):
        return "."
    options = step.compute.keywords
    letters = {inference.winograd_conv: "W", inference.conv_once: "O", inference.im2col_conv: "I",
               inference.conv_1x1: "P", inference.limited_depthwise: "D", inference.separable_conv: "S"}
    stages = [(None, None, options["limits"])] if "limits" in options else [options["depthwise"], options["project"]]
    activations = "".join({NOTHING: "", RELU: "r", RELU6: "6"}[limits] for *_, limits in stages)
    return (letters[step.compute.func] + activations + "p" * options.get("pool", False)
            + "+" * options.get("residual", False))


@pytest.mark.parametrize("depth, batch_norm", [(11, False), (16, True), (19, False)])
def test_a_whole_vgg_equals_the_model(monkeypatch, rng, depth, batch_norm):
    tiny_vgg.shrink(monkeypatch)
    monkeypatch.setattr("minicap.cpu.conv.WINOGRAD_MIN_CHANNELS", 5)
    model = tiny_vgg.random_vgg(depth, rng, batch_norm=batch_norm)
    assert_equals_model(model, images(3, 224, 224, 3))


@pytest.mark.parametrize("side", [30, 64, 65])
@pytest.mark.parametrize("least", [1, 1024, 10**6], ids=lambda pixels: f"winograd from {pixels} pixels")
def test_a_plan_for_a_few_pictures_equals_the_model_and_prepares_nothing(monkeypatch, side, least):
    monkeypatch.setattr("minicap.cpu.conv.WINOGRAD_MIN_PIXELS", least)
    monkeypatch.setattr("minicap.mapped.PIECE", 1000)  # bytes
    side_of_last = side // 4
    model = Sequential(conv(3, 16), ReLU(), conv(16, 20), ReLU(), MaxPool2d(2), conv(20, 16), MaxPool2d(2),
                       conv(16, 24), ReLU6(), Flatten(), linear(side_of_last**2 * 24, 90), ReLU(), linear(90, 50))
    model["12"].W.data = np.asfortranarray(model["12"].W.data)
    with few_pictures(1):
        plan, found = InferencePlan(model), kinds(model)
    assert found == ["Ir", "Orp", "Op", "O6"]
    assert not any("U" in step.compute.keywords for step in plan.per_chunk)
    x = images(1, side, side, 3)
    expected = model(x)
    for _ in range(2):
        assert np.abs(plan(x) - expected).max() <= 2e-5 * np.abs(expected).max()


def test_a_plan_for_a_few_pictures_refuses_what_the_layer_does():
    with few_pictures(1):
        plan = InferencePlan(Sequential(Flatten(), linear(48, 3)))
    with pytest.raises(ValueError, match=re.escape("Linear(48 -> 3) expects x of shape (..., 48), got (1, 75)")):
        plan(images(1, 5, 5, 3))


def test_a_part_that_ends_before_the_dense_layers_equals_the_model(monkeypatch, rng):
    tiny_vgg.shrink(monkeypatch)
    model = tiny_vgg.random_vgg(13, rng)
    for end in ("conv1_2", "relu2_1", "pool4", "flatten"):
        assert_equals_model(model.up_to(end), images(2, 64, 48, 3))


@given(H=st.integers(7, 20), W=st.integers(7, 20), kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 3),
       padding=st.integers(0, 3), N=st.integers(1, 3), C=st.sampled_from([3, 32]), relu=st.booleans(),
       pool=st.booleans())
def test_any_convolution_equals_the_layers(H, W, kernel, stride, padding, N, C, relu, pool):
    layers = [conv(C, 33, kernel, stride=stride, padding=padding), *([ReLU()] if relu else [])]
    if pool and min(H, W) + 2 * padding >= kernel + stride:
        layers.append(MaxPool2d(2))
    assert_equals_model(Sequential(*layers), images(N, H, W, C))


@pytest.mark.parametrize("block_bytes", [1, 5000, 1 << 30])
def test_blocks_of_the_direct_convolution_of_any_size_give_the_same(monkeypatch, block_bytes):
    monkeypatch.setattr("minicap.cpu.conv.BLOCK_BYTES", block_bytes)
    assert_equals_model(Sequential(conv(3, 8, 5, stride=2), ReLU()), images(2, 23, 31, 3))


def test_layers_of_every_kind_and_a_relu_that_follows_no_convolution():
    rng = np.random.default_rng(0)
    model = Sequential(conv(16, 16), BatchNorm2d(16), ReLU(), AvgPool2d(2), ReLU(), conv(16, 8, 1), Tanh(),
                       MaxPool2d(2), Dropout(0.5, rng=rng), Flatten(), Linear(3 * 3 * 8, 5, rng=rng), ReLU())
    model["1"].mean.data = np.linspace(-1, 1, 16, dtype=np.float32)
    model["1"].var.data = np.linspace(0.5, 2, 16, dtype=np.float32)
    assert_equals_model(model, images(4, 12, 12, 16))


@pytest.mark.parametrize("padding", ["same", ((0, 1), (2, 1))])
def test_layers_of_other_networks_are_prepared_too(padding):
    rng = np.random.default_rng(0)
    block = Residual(conv(32, 32), ReLU6(), DepthwiseConv2d(32, 3, padding="same", rng=rng))
    model = Sequential(conv(3, 32, stride=2, padding=padding), ReLU6(), block, conv(32, 32), ReLU())
    assert_equals_model(model, images(3, 12, 12, 3))
    assert kinds(model) == ["I6", "R", "Wr"]


def block(C, F, wide, kernel=3, *, stride=1, padding="same", kind=Residual):
    """An inverted residual, with biases."""
    rng = np.random.default_rng(C + F)
    depthwise = DepthwiseConv2d(wide, kernel, stride=stride, padding=padding, rng=rng)
    depthwise.b.data = rng.standard_normal(wide).astype(np.float32)
    return kind(conv(C, wide, 1), ReLU6(), depthwise, ReLU6(), conv(wide, F, 1))


def test_an_inverted_residual_is_one_step():
    model = Sequential(conv(3, 32, stride=2, padding="same"), ReLU6(), block(32, 32, 48), block(32, 32, 80, 5),
                       block(32, 40, 64, stride=2, kind=Sequential), conv(40, 20, 1), ReLU())
    assert kinds(model) == ["I6", "S6+", "S6+", "S6", "Pr"]
    assert_equals_model(model, images(3, 23, 17, 3))


@pytest.mark.parametrize("options", [{"padding": 2}, {"padding": ((2, 0), (1, 1))}, {"kernel": 5, "padding": 2}],
                         ids=str)
def test_x_is_added_by_the_step_only_if_the_shape_is_kept_for_every_image(options):
    model = Sequential(block(16, 16, 32, **options))
    if options == {"padding": 2}:  # each side grows by two
        assert kinds(model) == ["R"]
        with pytest.raises(ValueError, match="their sum needs equal shapes"):
            InferencePlan(model)(images(1, 8, 8, 16))
    else:
        assert kinds(model) == ["S6+"]
        assert_equals_model(model, images(2, 8, 9, 16))


def test_what_waits_to_be_added_is_not_overwritten_meanwhile():
    def inner():
        return Residual(conv(32, 32), ReLU(), Residual(conv(32, 32), conv(32, 32, 1)), conv(32, 32))

    assert_equals_model(Sequential(conv(3, 32), inner(), block(32, 32, 32), inner(), conv(32, 32)), images(2, 9, 9, 3))


def test_layers_whose_channels_do_not_agree_are_left_to_refuse_them():
    model = Sequential(conv(8, 32, 1), DepthwiseConv2d(48, rng=np.random.default_rng(0)), conv(48, 8, 1))
    assert kinds(model) == ["P", "S"]
    with pytest.raises(ValueError, match=r"DepthwiseConv2d\(48, 3x3\) expects x of shape \(N, H, W, 48\)"):
        InferencePlan(model)(images(1, 8, 8, 8))


def test_layers_in_other_precisions_are_left_as_they_are():
    model = Sequential(block(16, 16, 32), conv(16, 32), conv(32, 8, 1)).astype(np.float64)
    x = images(2, 8, 8, 16).astype(np.float64)
    np.testing.assert_array_equal(InferencePlan(model)(x), model(x))


def test_an_image_that_is_smaller_than_the_kernel_is_refused():
    for layer in (block(16, 16, 32, 5, padding=0), conv(16, 32, padding=0)):
        with pytest.raises(ValueError, match="the kernel is larger than the padded image of 2x9 pixels"):
            InferencePlan(Sequential(layer))(images(1, 2, 9, 16))


@pytest.mark.parametrize("N", [1, 8])
def test_an_efficientnet_equals_the_model_for_images_of_odd_sides(N):
    layers = fold_batch_norm(efficientnet_lite(0, rng=np.random.default_rng(0))).layers
    model = Sequential(**{name: layers[name] for name in [*layers][:[*layers].index("pool")]})
    found = kinds(model)
    assert (found[:2], found[-1], found.count("S6+"), found.count("S6")) == (["I6", "S6"], "P6", 9, 7)
    assert_equals_model(model, images(N, 65, 70, 3))


def test_relu_and_pooling_are_swallowed_only_by_the_convolution_they_follow():
    assert kinds(Sequential(conv(32, 32), ReLU(), conv(32, 32), BatchNorm2d(32), ReLU(), conv(3, 32), ReLU())) == \
        ["Wr", "W", ".", ".", "Ir"]
    assert kinds(Sequential(conv(32, 32), ReLU(), MaxPool2d(2), conv(32, 32), MaxPool2d(2), conv(3, 32),
                            MaxPool2d(2))) == ["Wrp", "Wp", "I", "."]


@pytest.mark.parametrize("pooling", [MaxPool2d(3), MaxPool2d(2, stride=1), MaxPool2d(2, padding=1), AvgPool2d(2)],
                         ids=repr)
def test_other_poolings_are_left_to_their_layer(pooling):
    model = Sequential(conv(32, 32), ReLU(), pooling)
    assert kinds(model) == ["Wr", "."]
    assert_equals_model(model, images(2, 9, 10, 32))


@pytest.mark.parametrize("layer, kind", [
    (conv(32, 32), "W"), (conv(15, 32), "I"), (conv(32, 15), "I"), (conv(32, 32, stride=2), "I"),
    (conv(32, 32, padding=0), "I"), (conv(32, 32, 5), "I"), (conv(32, 32, 1), "P")], ids=repr)
def test_winograd_is_chosen_where_it_pays(layer, kind):
    assert kinds(Sequential(layer)) == [kind]


@pytest.mark.parametrize("N", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_any_number_of_images_goes_through_in_chunks(N):
    model = Sequential(conv(3, 32), ReLU(), conv(32, 32), block(32, 32, 48), conv(32, 32, 1), MaxPool2d(2))
    y = InferencePlan(model)(images(N, 12, 8, 3))
    assert y.shape == (N, 6, 4, 32)
    if N:
        np.testing.assert_allclose(y, model(images(N, 12, 8, 3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2])
def test_neither_threads_nor_neighbours_matter(threads):
    """Up to rounding: which images share a matrix product, and so the order of its sums, depends on both."""
    plan = InferencePlan(Sequential(conv(3, 32), ReLU(), conv(32, 32)))
    x = images(5, 9, 9, 3)
    expected = plan(x)
    with threadpool_limits(threads, "blas"):
        np.testing.assert_allclose(plan(x[3:4])[0], expected[3], rtol=1e-5, atol=1e-5)


def test_one_plan_may_be_used_from_many_threads():
    model = Sequential(conv(3, 32), ReLU(), conv(32, 32), ReLU(), MaxPool2d(2), conv(32, 32))
    plan = InferencePlan(model)
    batches = [images(2, 8 + side, 10, 3) for side in range(12)]  # of different sizes: scratch arrays are re-cut
    expected = [plan(x) for x in batches]
    with ThreadPoolExecutor(6) as pool:
        for y, wanted in zip(pool.map(plan, batches * 4), expected * 4, strict=True):
            np.testing.assert_array_equal(y, wanted)


def test_an_error_in_a_layer_reaches_the_caller_and_the_plan_goes_on_working():
    model = Sequential(conv(3, 32), ReLU(), conv(32, 32))
    plan = InferencePlan(model)
    with pytest.raises(ValueError, match=r"expects x of shape \(N, H, W, 3\)"):
        plan(images(3, 8, 8, 1))
    x = images(3, 8, 8, 3)
    np.testing.assert_allclose(plan(x), model(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("end", [[], [Dropout(0.5, rng=np.random.default_rng(0))], [Flatten()], [MaxPool2d(2)]],
                         ids=repr)
def test_results_are_nobodys_buffer(end):
    middle = [conv(32, 32), Dropout(0.5, rng=np.random.default_rng(0)), conv(32, 32)]  # at inference Dropout returns x
    model = Sequential(conv(3, 32), ReLU(), *middle, *end)
    plan, x = InferencePlan(model), images(2, 8, 8, 3)
    first = plan(x)
    np.testing.assert_allclose(first, model(x), rtol=1e-4, atol=1e-4)
    kept = first.copy()
    plan(-x)
    np.testing.assert_array_equal(first, kept)
