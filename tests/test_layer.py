"""The protocol: parameters, caches, names, state, devices, containers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.activations import ReLU, Tanh
from minicap.backend import CPU, array_module, to_numpy
from minicap.errors import UserError
from minicap.layer import Buffer, Cache, Layer, Parameter, Residual, Sequential, expect_shape
from minicap.linear import Linear
from minicap.normalization import BatchNorm2d


class Affine(Layer):
    """Two parameters, a buffer and a child, defined in this order."""

    def __init__(self, rng):
        self.b = Parameter(np.zeros(2, np.float32))
        self.seen = Buffer(np.zeros(1, np.float32))
        self.inner = Linear(2, 2, rng=rng)
        self.W = Parameter(np.ones((2, 2), np.float32))


# ---------------------------------------------------------------------------------------------------- parameters

def test_a_gradient_is_none_until_something_was_accumulated_and_then_the_sum():
    p = Parameter(np.zeros(2))
    assert p.grad is None
    p.accumulate(np.array([1.0, 2.0]))
    p.accumulate(np.array([10.0, 20.0]))
    np.testing.assert_array_equal(p.grad, [11, 22])


def test_a_gradient_of_another_shape_is_refused_even_if_it_would_broadcast():
    with pytest.raises(ValueError, match=r"gradient of shape \(1,\) for a parameter of shape \(2,\)"):
        Parameter(np.zeros(2)).accumulate(np.ones(1))


def test_a_parameter_shows_shape_and_type():
    assert repr(Parameter(np.zeros((3, 4), np.float32))) == "Parameter(3x4, float32)"


# --------------------------------------------------------------------------------------------------------- caches

def test_a_cache_can_be_read_printed_sized_and_spent_once():
    x = np.zeros((2, 3), np.float32)
    cache = Cache(x=x, shapes=[x, (x, 4)], drop=0.5)
    assert cache.x is x and cache.nbytes == 3 * x.nbytes
    assert repr(cache) == "Cache(x=float32(2, 3), shapes=[float32(2, 3), [float32(2, 3), 4]], drop=0.5)"
    values = cache.spend(ReLU())
    assert values.x is x and values.drop == 0.5 and [value is x for value in values] == [True, False, False]
    assert repr(cache) == "Cache(spent=True)" and cache.nbytes == 0
    with pytest.raises(RuntimeError, match=r"ReLU\(\): this cache is already spent; run forward again before backward"):
        cache.spend(ReLU())


def test_a_layer_without_forward_or_backward_says_so():
    with pytest.raises(TypeError, match="Layer does not define forward"):
        Layer().forward(1)
    with pytest.raises(TypeError, match="Layer does not define backward"):
        Layer().backward(1, Cache())


# ------------------------------------------------------------------------------------------------ names and state

def test_names_come_in_definition_order_and_say_where_a_parameter_lives(rng):
    layer = Affine(rng)
    assert [n for n, _ in layer.named_parameters()] == ["b", "W", "inner.W", "inner.b"]
    assert [n for n, _ in layer.named_state()] == ["b", "seen", "W", "inner.W", "inner.b"]
    assert [n for n, _ in layer.named_layers()] == ["", "inner"]
    assert layer.parameters() == [p for _, p in layer.named_parameters()]


def test_nested_containers_give_dotted_names(rng):
    block = Sequential(linear=Linear(2, 2, rng=rng), relu=ReLU())
    model = Sequential(block1=block, head=Linear(2, 3, rng=rng))
    assert [n for n, _ in model.named_parameters()] == ["block1.linear.W", "block1.linear.b", "head.W", "head.b"]


def test_zero_grad_frees_every_gradient(rng):
    layer = Affine(rng)
    for p in layer.parameters():
        p.accumulate(np.ones_like(p.data))
    layer.zero_grad()
    assert all(p.grad is None for p in layer.parameters())


def test_state_round_trips_through_another_layer(device, rng):
    layer, other = Affine(rng).to(device), Affine(rng).to(device)
    other.load_state(layer.state())
    assert {n: a.tolist() for n, a in other.state().items()} == {n: a.tolist() for n, a in layer.state().items()}
    assert all(array_module(p.data) is device.xp for _, p in other.named_state())


def test_state_is_a_snapshot_that_later_training_does_not_change(device, rng):
    layer = Affine(rng).to(device)
    state = layer.state()
    layer.W.data += 1
    np.testing.assert_array_equal(state["W"], np.ones((2, 2)))


def test_loaded_arrays_are_copied_and_take_the_layers_type(rng):
    layer = Linear(2, 2, rng=rng)
    tensors = {"W": np.ones((2, 2)), "b": np.ones(2)}
    layer.load_state(tensors)
    tensors["W"][...] = 5
    assert layer.W.data.dtype == np.float32 and (layer.W.data == 1).all()


def test_arrays_that_need_not_be_copied_are_taken_themselves_if_they_are_of_our_type(rng):
    layer = Linear(2, 2, rng=rng)
    for W, is_ours in ((np.ones((2, 2), np.float32), True), (np.array([[1, 2], [3, 4]], np.float32).T, True),
                       (np.ones((2, 2)), False)):
        W.setflags(write=False)
        layer.load_state({"W": W, "b": np.ones(2, np.float32)}, copy=False)
        assert (layer.W.data is W) == is_ours
        np.testing.assert_array_equal(layer.W.data, W)
        assert layer.W.data.dtype == np.float32


def test_loading_lists_everything_that_does_not_match_and_changes_nothing(rng):
    layer = Affine(rng)
    before = layer.state()
    tensors = before | {"W": np.zeros((3, 2)), "stranger": np.zeros(1)}
    del tensors["seen"]
    with pytest.raises(UserError) as refusal:
        layer.load_state(tensors)
    assert str(refusal.value) == ("the weights do not fit this Affine: missing seen; unexpected stranger; "
                                  "W has shape (3, 2), expected (2, 2)")
    assert all((a == before[n]).all() for n, a in layer.state().items())


def test_a_long_list_of_mismatches_is_cut_with_a_count(rng):
    model = Sequential(*(Linear(2, 2, rng=rng) for _ in range(6)))
    with pytest.raises(UserError, match=r"missing 3\.b; and 4 more$"):
        model.load_state({})


def test_astype_converts_parameters_and_buffers():
    layer = BatchNorm2d(3).astype(np.float64)
    assert {p.data.dtype for _, p in layer.named_state()} == {np.dtype(np.float64)}


def test_layers_move_to_the_device_and_back(device, rng):
    layer = Affine(rng)
    before = layer.state()
    assert layer.to(device) is layer
    assert all(array_module(p.data) is device.xp for _, p in layer.named_state())
    layer.to(CPU)
    assert all(array_module(p.data) is np for _, p in layer.named_state())
    assert all((a == before[n]).all() for n, a in layer.state().items())


# ----------------------------------------------------------------------------------------------------- containers

def test_sequential_is_the_composition_of_its_layers(device, rng):
    a, b = Linear(3, 4, rng=rng).to(device), Linear(4, 2, rng=rng).to(device)
    x = device.asarray(rng.standard_normal((5, 3)))
    model = Sequential(a, Tanh(), b)
    expected = to_numpy(b(Tanh()(a(x))))
    np.testing.assert_array_equal(to_numpy(model(x)), expected)
    np.testing.assert_array_equal(to_numpy(model.forward(x)[0]), expected)


def test_sequential_passes_the_gradient_check(assert_gradients, rng):
    model = Sequential(first=Linear(3, 4, rng=rng), act=Tanh(), second=Linear(4, 2, rng=rng))
    report = assert_gradients(model, rng.standard_normal((5, 3)))
    assert [t.name for t in report.tensors] == ["x", "first.W", "first.b", "second.W", "second.b"]


def test_sequential_frees_each_cache_as_soon_as_it_is_used(rng):
    model = Sequential(Linear(3, 3, rng=rng), Linear(3, 3, rng=rng))
    y, cache = model.forward(np.ones((1, 3), np.float32))
    caches = cache.caches
    model.backward(np.ones_like(y), cache)
    assert caches == []


def test_sequential_names_the_child_that_refused(rng):
    inner = Sequential(fc=Linear(3, 4, rng=rng))
    with pytest.raises(ValueError, match=r"^block: fc: Linear\(3 -> 4\) expects x of shape .* got \(2, 5\)"):
        Sequential(relu=ReLU(), block=inner)(np.zeros((2, 5)))


def test_sequential_takes_names_or_none_but_not_both(rng):
    assert Sequential(a=ReLU())["a"] is not None and Sequential(ReLU(), ReLU())["1"] is not None
    with pytest.raises(ValueError, match="with names or without, not both"):
        Sequential(ReLU(), a=ReLU())


def test_sequential_shows_its_layers(rng):
    assert repr(Sequential(fc=Linear(3, 4, rng=rng), relu=ReLU())) == (
        "Sequential(\n  fc: Linear(3 -> 4)\n  relu: ReLU()\n)")


def test_residual_adds_what_its_layers_make_of_x(device, rng):
    layer = Residual(fc=Linear(3, 3, rng=rng), act=Tanh()).astype(np.float64).to(device)
    x = device.asarray(rng.standard_normal((4, 3)))
    expected = to_numpy(x) + to_numpy(layer["act"](layer["fc"](x)))
    np.testing.assert_array_equal(to_numpy(layer(x)), expected)
    np.testing.assert_array_equal(to_numpy(layer.forward(x)[0]), expected)
    assert list(layer.state()) == ["fc.W", "fc.b"]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_residual_passes_the_gradient_check(assert_gradients, rng, layers):
    assert_gradients(Residual(*(Linear(3, 3, rng=rng) for _ in range(layers))), rng.standard_normal((5, 3)))


def test_layers_that_change_the_shape_are_refused_even_if_the_sum_would_broadcast(rng):
    block = Residual(fc=Linear(3, 1, rng=rng))
    for call in (block, block.forward):
        with pytest.raises(ValueError, match=r"\): f turns x of shape \(5, 3\) into \(5, 1\), and their sum"):
            call(np.zeros((5, 3), np.float32))


# --------------------------------------------------------------------------------------------------------- shapes

@given(shape=st.lists(st.integers(0, 4), max_size=5).map(tuple))
def test_expect_shape_accepts_the_letters_it_spells_and_nothing_else(shape):
    x = np.zeros(shape)
    if len(shape) == 4 and shape[3] == 3:
        expect_shape(ReLU(), x, "NHWC", C=3)
    else:
        with pytest.raises(ValueError) as refusal:
            expect_shape(ReLU(), x, "NHWC", C=3)
        assert str(refusal.value) == f"ReLU() expects x of shape (N, H, W, 3), got {shape}"


@given(shape=st.lists(st.integers(0, 4), max_size=5).map(tuple))
def test_expect_shape_lets_any_number_of_axes_stand_before_the_last_ones(shape):
    x = np.zeros(shape)
    if shape[-1:] == (3,) and len(shape) >= 2:
        expect_shape(ReLU(), x, "...ND", D=3)
    else:
        with pytest.raises(ValueError) as refusal:
            expect_shape(ReLU(), x, "...ND", D=3)
        assert str(refusal.value) == f"ReLU() expects x of shape (..., N, 3), got {shape}"
