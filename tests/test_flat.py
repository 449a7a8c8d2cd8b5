"""Parameters side by side: the same updates, clipping, average and saved state as for parameters one by one."""

import numpy as np
import pytest
from strict import DEVICE as STRICT
from strict import watch

from minicap.backend import CPU, to_numpy
from minicap.flat import flatten, parts
from minicap.layer import Parameter
from minicap.optim import SGD, Adam, RMSProp, WeightAverage, clip_gradients

SHAPES = {"conv.W": (3, 3, 2, 4), "conv.b": (4,), "linear.W": (5, 6), "linear.b": (6,), "gamma": (1,)}
MAKERS = {
    "SGD": lambda named: SGD(named, lr=0.1, momentum=0.9),
    "RMSProp": lambda named: RMSProp(named, lr=0.1),
    "AdamW": lambda named: Adam(named, lr=0.1, weight_decay=0.1),
}


def make(device, dtype=np.float32):
    rng = np.random.default_rng(0)
    return {name: Parameter(device.asarray(rng.standard_normal(shape).astype(dtype)))
            for name, shape in SHAPES.items()}


@pytest.fixture
def there(device):
    """A device on which parameters are flattened: the one under test, or the double."""
    return STRICT if device is CPU else device


@pytest.fixture
def parameters(there):
    return make(there)


def give_gradients(parameters, device, seed):
    rng = np.random.default_rng(seed)
    for p in parameters.values():
        p.grad = None
        p.accumulate(device.asarray(rng.standard_normal(p.shape).astype(np.float32)))


def test_numpys_parameters_stay_by_themselves():
    parameters = make(CPU)
    assert flatten(parameters.items()) == parameters
    (pair,) = parts("conv.b", parameters["conv.b"], np.ones(4))
    assert pair[0] == "conv.b"


def test_matrices_and_vectors_are_kept_apart(parameters):
    flat = flatten(parameters.items())
    assert list(flat) == ["matrices", "vectors"] and [p.ndim > 1 for p in flat.values()] == [True, False]
    assert [list(p.members) for p in flat.values()] == [["conv.W", "linear.W"], ["conv.b", "linear.b", "gamma"]]
    assert [p.shape for p in flat.values()] == [(102,), (11,)]
    assert "2 parameters, 102 numbers" in repr(flat["matrices"])
    assert list(flatten({"b": parameters["gamma"]}.items())) == ["vectors"]


def test_values_and_shapes_stay(there, parameters):
    flatten(parameters.items())
    for name, p in make(there).items():
        np.testing.assert_array_equal(to_numpy(parameters[name].data), to_numpy(p.data))


@pytest.mark.parametrize("make_optimizer", MAKERS.values(), ids=MAKERS)
def test_updates_clipping_and_average_are_those_of_single_parameters(there, make_optimizer):
    alone, together = make(there), make(there)
    groups = alone, flatten(together.items())
    optimizers, averages = [make_optimizer(g.items()) for g in groups], [WeightAverage(g.items(), 0.9) for g in groups]
    for step in range(3):
        norms = []
        for single, group, optimizer, average in zip((alone, together), groups, optimizers, averages, strict=True):
            give_gradients(single, there, step)
            norms.append(float(clip_gradients(group.values(), 0.5)))
            optimizer.step(lr_factor=1 / (step + 1))
            average.update()
        assert norms[0] == pytest.approx(norms[1], rel=1e-6)
    for a, b in ((alone, together), *((x.state(), y.state()) for x, y in (optimizers, averages))):
        assert set(a) == set(b)
        for name in a:
            x, y = (to_numpy(getattr(v, "data", v)) if isinstance(v, Parameter) else v for v in (a[name], b[name]))
            assert x.shape == y.shape
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make_optimizer", MAKERS.values(), ids=MAKERS)
def test_what_was_saved_of_single_parameters_is_loaded_into_flat_ones_and_back(there, make_optimizer):
    alone, together = make(there), make(there)
    one = make_optimizer(alone.items())
    give_gradients(alone, there, 0)
    one.step()
    flat = make_optimizer(flatten(together.items()).items())
    flat.load_state(one.state())
    again = make_optimizer(make(there).items())
    again.load_state(flat.state())
    for name, a in one.state().items():
        np.testing.assert_array_equal(again.state()[name], a)


def test_the_average_is_swapped_in_and_out(there, parameters):
    flat = flatten(parameters.items())
    average = WeightAverage(flat.items(), 0.9)
    before = to_numpy(parameters["linear.W"].data).copy()
    flat["matrices"].data *= 3
    with average.applied():
        np.testing.assert_array_equal(to_numpy(parameters["linear.W"].data), before)
    np.testing.assert_array_equal(to_numpy(parameters["linear.W"].data), 3 * before)


def test_an_array_that_replaces_a_members_moves_in(there, parameters):
    flat = flatten(parameters.items())["vectors"]
    parameters["linear.b"].data = there.asarray(np.arange(6, dtype=np.float32))
    np.testing.assert_array_equal(to_numpy(flat.data)[4:10], np.arange(6))
    flat.data *= 2
    np.testing.assert_array_equal(to_numpy(parameters["linear.b"].data), 2 * np.arange(6))


def test_gradients_are_gathered_when_asked_for_and_only_once(there, parameters):
    flat = flatten(parameters.items())["vectors"]
    assert flat.grad is None
    give_gradients(parameters, there, 0)
    grad = flat.grad
    assert flat.grad is grad
    parameters["gamma"].accumulate(there.asarray(np.ones(1, np.float32)))  # a second backward adds
    assert flat.grad is grad
    np.testing.assert_array_equal(to_numpy(grad)[10:], to_numpy(parameters["gamma"].grad))
    flat.grad = None
    assert parameters["gamma"].grad is None


def test_a_member_without_a_gradient_is_named(there, parameters):
    flat = flatten(parameters.items())["vectors"]
    give_gradients(parameters, there, 0)
    parameters["linear.b"].grad = None
    with pytest.raises(ValueError, match=r"updated together, and linear\.b has no gradient"):
        flat.grad  # noqa: B018


def test_an_update_of_many_parameters_is_a_few_launches():
    parameters = make(STRICT)
    flat = flatten(parameters.items())
    optimizer, average = Adam(flat.items(), lr=0.1), WeightAverage(flat.items(), 0.9)
    give_gradients(parameters, STRICT, 0)
    with watch() as seen:
        optimizer.step()
        average.update()
    assert seen.launches == {"concatenate": 5, "update": 2, "lerp_": 2}  # five gradients are gathered
