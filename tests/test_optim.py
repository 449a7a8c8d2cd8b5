"""Optimisers step by step, their state through a checkpoint, clipping, averages, schedules."""

import math

import numpy as np
import pytest

from minicap.backend import to_numpy
from minicap.errors import UserError
from minicap.layer import Parameter
from minicap.optim import (
    SGD,
    Adam,
    RMSProp,
    WeightAverage,
    clip_gradients,
    constant,
    global_norm,
    step_decay,
    warmup_cosine,
)

MAKERS = {
    "SGD": lambda named: SGD(named, lr=0.1),
    "momentum": lambda named: SGD(named, lr=0.1, momentum=0.9),
    "RMSProp": lambda named: RMSProp(named, lr=0.1),
    "Adam": lambda named: Adam(named, lr=0.1),
    "AdamW": lambda named: Adam(named, lr=0.1, weight_decay=0.1),
}


@pytest.fixture
def parameters(device, rng):
    """Named parameters W (3, 4) and b (4,) in float64 on the device."""
    return {name: Parameter(device.asarray(rng.standard_normal(shape))) for name, shape in (("W", (3, 4)), ("b", 4))}


def run(optimizer, parameters, device, steps, rng):
    """``steps`` steps with random gradients; the parameters afterwards, in NumPy."""
    for _ in range(steps):
        for p in parameters.values():
            p.grad = device.asarray(rng.standard_normal(p.shape))
        optimizer.step()
    return {name: to_numpy(p.data).copy() for name, p in parameters.items()}


# ------------------------------------------------------------------------------------------------------ the equations

def one_number(make, device, gradients, start=1.0):
    """The values of a single weight after each of ``gradients``."""
    p = Parameter(device.asarray(np.array([[start]])))
    optimizer, values = make({"w": p}), []
    for g in gradients:
        p.grad = device.asarray(np.array([[g]]))
        optimizer.step()
        values.append(float(to_numpy(p.data)[0, 0]))
    return values


def test_sgd_goes_against_the_gradient(device):
    assert one_number(MAKERS["SGD"], device, [2.0, -1.0]) == pytest.approx([0.8, 0.9])


def test_momentum_keeps_nine_tenths_of_its_velocity(device):
    v1, v2 = 2.0, 0.9 * 2.0 - 1.0
    assert one_number(MAKERS["momentum"], device, [2.0, -1.0]) == pytest.approx([1 - 0.1 * v1, 1 - 0.1 * v1 - 0.1 * v2])


def test_rmsprop_divides_by_the_root_of_the_mean_square(device):
    s1 = 0.01 * 4
    s2 = 0.99 * s1 + 0.01 * 1
    first = 3 - 0.1 * 2 / math.sqrt(s1)
    assert one_number(MAKERS["RMSProp"], device, [2.0, -1.0], start=3.0) == pytest.approx(
        [first, first + 0.1 / math.sqrt(s2)])


def test_adams_first_step_is_the_learning_rate_whatever_the_gradients_size(device):
    for g in (1e-3, 1.0, 1e3):
        assert one_number(MAKERS["Adam"], device, [g]) == pytest.approx([0.9], rel=1e-4)


def test_adams_second_step_corrects_the_bias_of_both_averages(device):
    m = (0.9 * 0.1 * 2 + 0.1 * -1) / (1 - 0.9**2)
    s = (0.999 * 0.001 * 4 + 0.001 * 1) / (1 - 0.999**2)
    assert one_number(MAKERS["Adam"], device, [2.0, -1.0])[1] == pytest.approx(0.9 - 0.1 * m / math.sqrt(s))


def test_decoupled_decay_shrinks_matrices_but_neither_biases_nor_weights_without_gradient(device, parameters):
    before = {name: to_numpy(p.data).copy() for name, p in parameters.items()}
    parameters["idle"] = Parameter(device.asarray(np.ones((2, 2))))
    optimizer = Adam(parameters, lr=0.1, weight_decay=0.5)
    for name in ("W", "b"):
        parameters[name].grad = device.asarray(np.zeros(parameters[name].shape))
    optimizer.step()
    np.testing.assert_allclose(to_numpy(parameters["W"].data), 0.95 * before["W"])
    np.testing.assert_array_equal(to_numpy(parameters["b"].data), before["b"])
    np.testing.assert_array_equal(to_numpy(parameters["idle"].data), 1)


# ------------------------------------------------------------------------------------------------- what all share

@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_optimiser_finds_the_bottom_of_a_bowl(device, make):
    p = Parameter(device.asarray(np.array([3.0, -2.0])))
    optimizer = make({"p": p})
    for step in range(400):
        p.grad = 2 * p.data
        optimizer.step(lr_factor=1 / (1 + step / 20))
    assert float((p.data * p.data).sum()) < 1e-2


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_saved_state_continues_as_if_nothing_had_happened(device, parameters, make):
    twin = {name: Parameter(p.data.copy()) for name, p in parameters.items()}
    expected = run(make(parameters), parameters, device, 6, np.random.default_rng(0))
    rng, first = np.random.default_rng(0), make(twin)
    run(first, twin, device, 3, rng)
    second = make(twin)
    second.load_state(first.state())
    resumed = run(second, twin, device, 3, rng)
    for name in expected:
        np.testing.assert_array_equal(resumed[name], expected[name])


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_state_is_a_snapshot_that_later_steps_do_not_change(device, parameters, rng, make):
    optimizer = make(parameters)
    run(optimizer, parameters, device, 1, rng)
    saved = optimizer.state()
    copies = {name: a.copy() for name, a in saved.items()}
    run(optimizer, parameters, device, 1, rng)
    assert all((a == copies[name]).all() for name, a in saved.items())


def test_a_state_of_another_optimiser_or_model_is_refused(device, parameters):
    adam = Adam(parameters, lr=0.1)
    other_shape = adam.state() | {"m/b": np.zeros(1)}  # (1,) would broadcast
    for state in (SGD(parameters, lr=0.1).state(), {}, other_shape):
        with pytest.raises(UserError, match="the saved optimiser state does not belong to Adam on these parameters"):
            adam.load_state(state)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_parameter_without_gradient_is_left_alone(device, parameters, make):
    before = to_numpy(parameters["W"].data).copy()
    optimizer = make(parameters)
    parameters["b"].grad = device.asarray(np.ones(4))
    optimizer.step()
    np.testing.assert_array_equal(to_numpy(parameters["W"].data), before)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_weights_too_big_for_the_cache_are_updated_like_small_ones(device, make):
    """Updates go over big arrays in pieces: every piece has to see the step, and see it once."""
    size = 70_001
    big, small = Parameter(device.asarray(np.ones((size, 1)))), Parameter(device.asarray(np.ones((1, 1))))
    optimizer = make({"big": big, "small": small})
    for _ in range(2):
        big.grad, small.grad = device.asarray(np.full((size, 1), 0.3)), device.asarray(np.full((1, 1), 0.3))
        optimizer.step()
    np.testing.assert_array_equal(to_numpy(big.data), np.full((size, 1), float(to_numpy(small.data)[0, 0])))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_single_precision_weights_stay_single_precision_and_where_they_are(device, make):
    p = Parameter(device.asarray(np.ones((2, 2), np.float32)))
    data = p.data
    p.grad = device.asarray(np.ones((2, 2), np.float32))
    make({"p": p}).step(lr_factor=0.5)
    assert p.data is data and p.data.dtype == np.float32


# ------------------------------------------------------------------------------------------------------- clipping

def test_the_global_norm_runs_over_all_gradients(device, parameters):
    parameters["W"].grad = device.asarray(np.full((3, 4), 2.0))
    parameters["b"].grad = device.asarray(np.full(4, -1.0))
    parameters["idle"] = Parameter(device.asarray(np.ones(2)))
    assert float(global_norm(list(parameters.values()))) == pytest.approx(math.sqrt(12 * 4 + 4))


def test_clipping_shortens_long_gradients_keeps_their_direction_and_returns_the_norm(device, parameters):
    for name, p in parameters.items():
        p.grad = device.asarray(np.full(p.shape, 3.0 if name == "W" else 4.0))
    norm = float(clip_gradients(parameters.values(), 1.0))
    assert norm == pytest.approx(math.sqrt(12 * 9 + 4 * 16))
    assert float(global_norm(parameters.values())) == pytest.approx(1)
    np.testing.assert_allclose(to_numpy(parameters["W"].grad), 3 / norm)


def test_clipping_before_backward_is_refused(device, parameters):
    for p in parameters.values():
        p.grad = None
    with pytest.raises(ValueError, match="call backward"):
        clip_gradients(parameters.values(), 1.0)


def test_clipping_leaves_short_and_zero_gradients_alone(device, parameters):
    for value in (0.0, 1e-3):
        for p in parameters.values():
            p.grad = device.asarray(np.full(p.shape, value, np.float32))
        clip_gradients(parameters.values(), 5.0)
        for p in parameters.values():
            np.testing.assert_array_equal(to_numpy(p.grad), np.full(p.shape, value, np.float32))


# ------------------------------------------------------------------------------------------------ average of weights

def test_the_average_follows_the_weights_and_is_swapped_in_for_an_evaluation(device):
    p = Parameter(device.asarray(np.zeros(2)))
    average = WeightAverage({"p": p}, decay=0.999)
    expected = 0.0
    for step, value in enumerate((1.0, 5.0, -2.0), start=1):
        p.data = device.asarray(np.full(2, value))
        average.update()
        keep = min(0.999, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
    with average.applied():
        np.testing.assert_allclose(to_numpy(p.data), [expected] * 2)
    np.testing.assert_array_equal(to_numpy(p.data), [-2, -2])
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    np.testing.assert_array_equal(to_numpy(p.data), [-2, -2])


def test_an_average_round_trips_through_its_state(device):
    p = Parameter(device.asarray(np.zeros(2)))
    first, second = WeightAverage({"p": p}, decay=0.9), WeightAverage({"p": p}, decay=0.9)
    p.data = device.asarray(np.ones(2))
    first.update()
    saved = first.state()
    first.update()
    second.load_state(saved)
    second.update()
    assert {n: a.tolist() for n, a in second.state().items()} == {n: a.tolist() for n, a in first.state().items()}


def test_an_average_of_other_weights_is_refused(device):
    small, large = (WeightAverage({"p": Parameter(device.asarray(np.zeros(n)))}, decay=0.9) for n in (1, 2))
    with pytest.raises(UserError, match="does not belong to these parameters"):
        large.load_state(small.state())  # one number would fill both places


# ------------------------------------------------------------------------------------------------------ schedules

def test_schedules_give_factors_of_the_learning_rate():
    assert [constant()(s) for s in (0, 1000)] == [1, 1]
    assert [step_decay(10, 0.5)(s) for s in (0, 9, 10, 25)] == [1, 1, 0.5, 0.25]


def test_warmup_rises_in_equal_steps_and_the_cosine_falls_to_the_floor():
    factor = warmup_cosine(warmup=4, total=104, floor=0.1)
    assert [factor(s) for s in range(4)] == [0.25, 0.5, 0.75, 1]
    assert factor(4) == 1 and factor(54) == pytest.approx(0.55) and factor(104) == pytest.approx(0.1)
    assert factor(10_000) == pytest.approx(0.1)
    assert all(factor(s) >= factor(s + 1) for s in range(4, 120))
    assert warmup_cosine(0, 10)(0) == 1
