"""The search for the layer at fault: among layers that pass their own check, in what joins them, and in big models."""

import numpy as np
import pytest

from minicap.activations import ReLU, Tanh
from minicap.backend import to_numpy
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings
from minicap.captioning.text.batches import make_batch
from minicap.gradcheck import check_gradients
from minicap.gradcheck_layers import check_layers
from minicap.layer import Cache, Layer, Residual, Sequential
from minicap.linear import Linear


class Centre(Layer):
    """Subtracts the mean, and saves memory in a place that is not its own: in x."""

    def forward(self, x):
        x -= x.mean(axis=0)
        return x, Cache()

    def backward(self, dy, cache):
        cache.spend(self)
        return dy - dy.mean(axis=0)


class Overwriting(ReLU):
    def backward(self, dy, cache):
        (y,) = cache.spend(self)
        dy *= y > 0
        return dy


class Remembering(Tanh):
    """Keeps y on the layer instead of in the cache, where the second call finds that of the last one."""

    def forward(self, x):
        self.y, cache = super().forward(x)
        return self.y, cache

    def backward(self, dy, cache):
        cache.spend(self)
        return dy * (1 - self.y * self.y)


class HalfBias(Linear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.b.grad = self.b.grad / 2
        return dx


class Forgetful(Residual):
    def backward(self, dy, cache):
        (f,) = cache.spend(self)
        return self.f.backward(dy, f)


class Twice(Layer):
    """y = f(2 f(x)), one layer in two places."""

    def __init__(self, f):
        self.f = f

    def forward(self, x):
        y, first = self.f.forward(x)
        y, second = self.f.forward(2 * y)
        return y, Cache(first=first, second=second)

    def backward(self, dy, cache):
        first, second = cache.spend(self)
        return self.f.backward(2 * self.f.backward(dy, second), first)


def linear(H=5, kind=Linear):
    return kind(5, H, rng=np.random.default_rng(H))


MODELS = {  # name: the model, the name of what is at fault, and of what was changed
    "changes its input": (
        lambda: Sequential(hidden=linear(), tanh=Tanh(), centre=Centre(), output=linear(3)), "tanh",
        ["centre.forward changed the output of tanh, which is not its own"]),
    "changes dy": (
        lambda: Sequential(hidden=linear(), block=Residual(linear=linear(), relu=Overwriting()), output=linear(3)),
        "block", ["block.relu.backward changed the gradient that block was given, which is not its own"]),
    "joins them wrongly": (
        lambda: Sequential(hidden=linear(), block=Forgetful(linear=linear(), relu=ReLU()), output=linear(3)), "block",
        []),
    "is wrong by itself": (
        lambda: Sequential(hidden=linear(), tanh=Tanh(), middle=linear(5, HalfBias), output=linear(3)), "middle", []),
    "stores on itself": (lambda: Twice(Remembering()), "f (call 1 of 2)", []),
    "is used twice, and wrong": (lambda: Twice(linear(5, HalfBias)), "f (call 1 of 2)", []),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_fault_is_found_where_the_gradient_goes_wrong(device, rng, name):
    make, fault, changed = MODELS[name]
    x = device.asarray(rng.standard_normal((6, 5)))
    report = check_layers(make().to(device), x)
    assert (report.fault, list(report.changed), report.ok) == (fault, changed, False)
    assert [step.failure is None for step in report.steps] == [True] * (len(report.steps) - 1) + [False]
    assert not check_gradients(make().to(device), x).ok
    assert f"it goes wrong in {fault}" in str(report)


@pytest.mark.parametrize("layer", [Centre(), Overwriting(), Remembering()], ids=lambda layer: type(layer).__name__)
def test_by_themselves_these_layers_pass(device, rng, layer):
    assert check_gradients(layer, device.asarray(rng.standard_normal((6, 5)))).ok
    assert check_layers(layer, device.asarray(rng.standard_normal((6, 5)))).ok


def test_the_report_goes_from_the_loss_back_up_to_the_fault(rng):
    make, *_ = MODELS["changes its input"]
    lines = str(check_layers(make(), rng.standard_normal((6, 5)))).splitlines()
    assert lines[:3] == ["the gradient in Sequential, from the loss back (float64, relative error below 1e-06)",
                         "  output  arrives right, leaves right", "  centre  arrives right, leaves right"]
    assert lines[3].startswith("  tanh    arrives right, leaves WRONG: x[") and len(lines) == 6


def test_what_reaches_an_inner_layer_wrongly_is_the_fault_of_the_one_around_it(rng):
    class Doubling(Residual):
        def backward(self, dy, cache):
            (f,) = cache.spend(self)
            return dy + self.f.backward(2 * dy, f)

    model = Sequential(hidden=linear(), block=Doubling(linear=linear(), tanh=Tanh()), output=linear(3))
    report = check_layers(model, rng.standard_normal((6, 5)))
    assert report.fault == "block"
    assert [step.arrives for step in report.steps] == [True, False, False, True]


def test_a_right_captioner_with_attention_is_right_in_every_layer(device, rng):
    settings = ShowAttendTellSettings(vocabulary=9, feature_size=5, global_size=2, attention=3, embedding=4, hidden=4,
                                      drop=0.5, region_size=3)
    model = build_model(settings, rng, np.full(9, -1, np.float32)).to(device)
    batch = make_batch([(0, [4, 5, 6]), (1, [7, 8])])
    images = device.asarray(rng.standard_normal((2, 4 * 5 + 2)))
    arrays = map(device.asarray, (batch.image_index, batch.tokens, batch.targets))
    report = check_layers(model, images, *arrays, batch.lengths, max_elements=3, directions=1)
    assert report.ok and str(report).endswith("it is right everywhere")
    names = [step.name for step in report.steps]
    assert names[-1] == "the model" and {"output", "lstm", "lstm.attention (call 4 of 4)", "words.embedding"} < {*names}


def test_the_callers_model_and_inputs_are_left_alone(device, rng):
    model, x = Sequential(hidden=linear(), tanh=Tanh()).to(device), device.asarray(rng.standard_normal((6, 5)))
    before = to_numpy(x).copy()
    check_layers(model, x)
    assert "forward" not in vars(model["tanh"]) and all(p.grad is None for p in model.parameters())
    np.testing.assert_array_equal(to_numpy(x), before)


def test_a_cache_of_another_layer_is_refused(rng):
    class Mixed(Sequential):
        def backward(self, dy, cache):
            (caches,) = cache.spend(self)
            return self["tanh"].backward(dy, Cache(y=caches[0].x))

    with pytest.raises(ValueError, match="tanh: backward was given a cache that its forward did not return"):
        check_layers(Mixed(hidden=linear(), tanh=Tanh()), rng.standard_normal((6, 5)))
