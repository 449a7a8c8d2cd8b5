import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny_vgg
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from minicap.activations import Dropout, ReLU, Tanh
from minicap.conv import Conv2d
from minicap.cpu.inference import DirectConv, InferencePlan
from minicap.cpu.winograd import WinogradConv
from minicap.layer import Layer, Sequential
from minicap.linear import Flatten, Linear
from minicap.normalization import BatchNorm2d
from minicap.pooling import AvgPool2d, MaxPool2d


def conv(C, F, kernel=3, **options):
    rng = np.random.default_rng(C * F)
    layer = Conv2d(C, F, kernel, rng=rng, **{"padding": kernel // 2} | options)
    layer.b.data = rng.standard_normal(F).astype(np.float32)
    return layer


def images(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def assert_equals_model(model, x, **options):
    y, expected = InferencePlan(model, **options)(x), model(x)
    assert y.shape == expected.shape and y.dtype == np.float32
    assert np.abs(y - expected).max() <= 2e-5 * np.abs(expected).max()


def kinds(model):
    """The steps of a plan: W(inograd), D(irect), each with r where it applies a ReLU too, and "." for a plain layer."""
    letters = {WinogradConv: "W", DirectConv: "D"}
    steps = InferencePlan(model).per_image
    return [letters.get(type(s), ".") + ("r" if getattr(s, "relu", False) else "") for s in steps]


@pytest.mark.parametrize("depth, batch_norm", [(11, False), (16, True), (19, False)])
def test_a_whole_vgg_equals_the_model(monkeypatch, rng, depth, batch_norm):
    tiny_vgg.shrink(monkeypatch)
    monkeypatch.setattr("minicap.cpu.inference.WINOGRAD_MIN_CHANNELS", 5)
    model = tiny_vgg.random_vgg(depth, rng, batch_norm=batch_norm)
    assert_equals_model(model, images(3, 224, 224, 3))


def test_a_part_that_ends_before_the_dense_layers_equals_the_model(monkeypatch, rng):
    tiny_vgg.shrink(monkeypatch)
    model = tiny_vgg.random_vgg(13, rng)
    for end in ("conv1_2", "relu2_1", "pool4", "flatten"):
        assert_equals_model(model.up_to(end), images(2, 64, 48, 3))


@given(H=st.integers(7, 20), W=st.integers(7, 20), kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 3),
       padding=st.integers(0, 3), N=st.integers(1, 3), C=st.sampled_from([3, 16]), relu=st.booleans())
def test_any_convolution_equals_the_layer(H, W, kernel, stride, padding, N, C, relu):
    layers = [conv(C, 17, kernel, stride=stride, padding=padding), *([ReLU()] if relu else [])]
    assert_equals_model(Sequential(*layers), images(N, H, W, C))


@pytest.mark.parametrize("block_bytes", [1, 5000, 1 << 30])
def test_blocks_of_the_direct_convolution_of_any_size_give_the_same(monkeypatch, block_bytes):
    monkeypatch.setattr(DirectConv, "BLOCK_BYTES", block_bytes)
    assert_equals_model(Sequential(conv(3, 8, 5, stride=2), ReLU()), images(2, 23, 31, 3))


def test_layers_of_every_kind_and_a_relu_that_follows_no_convolution():
    rng = np.random.default_rng(0)
    model = Sequential(conv(16, 16), BatchNorm2d(16), ReLU(), AvgPool2d(2), ReLU(), conv(16, 8, 1), Tanh(),
                       MaxPool2d(2), Dropout(0.5, rng=rng), Flatten(), Linear(3 * 3 * 8, 5, rng=rng), ReLU())
    model["1"].mean.data = np.linspace(-1, 1, 16, dtype=np.float32)
    model["1"].var.data = np.linspace(0.5, 2, 16, dtype=np.float32)
    assert_equals_model(model, images(4, 12, 12, 16))


def test_a_relu_is_swallowed_only_by_the_convolution_it_follows():
    assert kinds(Sequential(conv(16, 16), ReLU(), conv(16, 16), BatchNorm2d(16), ReLU(), conv(3, 16), ReLU())) == \
        ["Wr", "W", ".", ".", "Dr"]


@pytest.mark.parametrize("layer, kind", [
    (conv(16, 16), "W"), (conv(15, 16), "D"), (conv(16, 15), "D"), (conv(16, 16, stride=2), "D"),
    (conv(16, 16, padding=0), "D"), (conv(16, 16, 5), "D"), (conv(16, 16, 1), "D")], ids=repr)
def test_winograd_is_chosen_where_it_applies(layer, kind):
    assert kinds(Sequential(layer)) == [kind]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_does_not_change_a_bit(threads):
    model = Sequential(conv(3, 16), ReLU(), conv(16, 16), MaxPool2d(2))
    x = images(7, 16, 16, 3)
    np.testing.assert_array_equal(InferencePlan(model, threads=threads)(x), InferencePlan(model, threads=3)(x))


def test_an_image_gives_the_same_whatever_its_neighbours_are():
    plan = InferencePlan(Sequential(conv(3, 16), ReLU(), conv(16, 16)))
    x = images(5, 9, 9, 3)
    np.testing.assert_array_equal(plan(x)[3], plan(x[3:4])[0])


def test_one_plan_may_be_used_from_many_threads():
    model = Sequential(conv(3, 16), ReLU(), conv(16, 16), ReLU(), MaxPool2d(2), conv(16, 16))
    plan = InferencePlan(model, threads=3)
    batches = [images(2, 8 + side, 10, 3) for side in range(12)]  # of different sizes: scratch arrays are re-cut
    expected = [plan(x) for x in batches]
    with ThreadPoolExecutor(6) as pool:
        for y, wanted in zip(pool.map(plan, batches * 4), expected * 4, strict=True):
            np.testing.assert_array_equal(y, wanted)


class Gate(Layer):
    """Passes its input on when it is told to."""

    def __init__(self):
        self.entered, self.open = threading.Semaphore(0), threading.Event()

    def __call__(self, x):
        self.entered.release()
        assert self.open.wait(30)
        return x


def test_plans_take_turns_because_the_number_of_blas_threads_belongs_to_the_process():
    first, second = Gate(), Gate()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(InferencePlan(Sequential(first)), images(1, 2, 2, 1))
        assert first.entered.acquire(timeout=30)
        two = pool.submit(InferencePlan(Sequential(second)), images(1, 2, 2, 1))
        second.open.set()
        assert not second.entered.acquire(timeout=0.5)
        first.open.set()
        assert second.entered.acquire(timeout=30)
        assert one.result(timeout=30).shape == two.result(timeout=30).shape


def test_blas_has_its_threads_back_after_a_plan_ran_or_failed():
    def blas_threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    with threadpool_limits(2, "blas"):
        before = blas_threads()
        plan = InferencePlan(Sequential(conv(3, 16)))
        plan(images(1, 4, 4, 3))
        assert blas_threads() == before
        with pytest.raises(ValueError):
            plan(images(1, 4, 4, 4))
        assert blas_threads() == before


def test_an_error_in_one_image_reaches_the_caller_and_the_plan_goes_on_working():
    model = Sequential(conv(3, 16), ReLU(), conv(16, 16))
    plan = InferencePlan(model)
    with pytest.raises(ValueError, match=r"expects x of shape \(H, W, 3\)"):
        plan(images(3, 8, 8, 1))
    x = images(3, 8, 8, 3)
    np.testing.assert_allclose(plan(x), model(x), rtol=1e-4, atol=1e-4)
