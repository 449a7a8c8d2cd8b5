"""The double itself: does it refuse what a GPU refuses, and compute what NumPy computes?"""

import copy
import operator

import numpy as np
import pytest
import strict
from strict import StrictArray, xp

from minicap.backend import array_module, to_numpy
from minicap.layer import Layer


@pytest.fixture
def x():
    return xp.asarray(np.arange(6.0).reshape(2, 3))


@pytest.fixture
def host():
    return np.arange(6.0).reshape(2, 3)


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.floordiv, operator.mod,
          operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow]


# ------------------------------------------------------------------------------------------------ what is refused

@pytest.mark.parametrize("function", [
    np.exp, np.sum, np.mean, np.asarray, np.array, np.zeros_like, np.concatenate, np.argmax, np.linalg.norm,
    lambda x: np.add(x, 1), lambda x: np.maximum(0, x), lambda x: np.add.at(x, 0, 1), lambda x: np.where(x, 1, 2),
    lambda x: np.asarray([x, x]), lambda x: np.float64(x), lambda x: np.einsum("ij->i", x),
    lambda x: np.zeros((2, 3)).__setitem__(slice(None), x), lambda x: np.zeros(3)[x],
    lambda x: np.exp(np.zeros((2, 3)), out=x),
])
def test_numpy_functions_are_refused(function, x):
    with pytest.raises((TypeError, IndexError)):
        function(x)


@pytest.mark.parametrize("op", BINARY + IN_PLACE)
def test_operators_refuse_numpy_arrays_on_either_side(op, x, host):
    with pytest.raises(TypeError):
        op(x, host)
    with pytest.raises(TypeError):
        op(host, x)
    np.testing.assert_array_equal(host, np.arange(6.0).reshape(2, 3))


def test_matrix_products_with_numpy_arrays_are_refused(x, host):
    with pytest.raises(TypeError, match=r"cannot be combined with numpy\.ndarray"):
        x @ host.T
    with pytest.raises(TypeError):
        host.T @ x


@pytest.mark.parametrize("other", [[1, 2, 3], (1, 2, 3), None, "a"])
def test_operators_refuse_what_is_no_number(other, x):
    with pytest.raises(TypeError):
        x + other


def test_numpy_arrays_and_lists_as_indices_are_refused(x):
    for index in (np.array([0, 1]), np.array([True, False]), [0, 1], (0, np.array([1])), (slice(None), [0])):
        with pytest.raises(TypeError, match=r"move it with xp\.asarray"):
            x[index]
        with pytest.raises(TypeError, match=r"move it with xp\.asarray"):
            x[index] = 0


def test_assigning_a_numpy_array_or_list_is_refused(x):
    for value in (np.zeros(3), [0, 0, 0]):
        with pytest.raises(TypeError):
            x[0] = value


def test_functions_of_the_module_refuse_numpy_arrays_wherever_they_stand(x, host):
    for call in (lambda: xp.exp(host), lambda: xp.maximum(x, host), lambda: xp.where(x > 0, host, x),
                 lambda: xp.concatenate([x, host]), lambda: xp.exp(x, out=host), lambda: xp.zeros_like(host),
                 lambda: xp.add.at(x, np.array([0]), 1), lambda: xp.einsum("ij,ij->i", x, host)):
        with pytest.raises(TypeError, match=r"with xp\.asarray first"):
            call()


def test_methods_refuse_numpy_arrays(x, host):
    for call in (lambda: x.take(np.array([0])), lambda: x.dot(host.T), lambda: x.sum(axis=0, out=np.zeros(3))):
        with pytest.raises(TypeError):
            call()


def test_reductions_refuse_plain_lists_as_cupy_does():
    with pytest.raises(TypeError, match="no lists of numbers"):
        xp.sum([1, 2])


def test_a_hidden_wait_in_an_if_is_refused(x):
    with pytest.raises(TypeError, match="truth of a device array"):
        if x.sum() > 0:
            pass
    with pytest.raises(TypeError, match="truth of a device array"):
        3.0 in x  # noqa: B015


def test_an_array_is_no_python_index(x):
    with pytest.raises(TypeError):
        range(x.sum().astype(np.int64))


def test_names_that_cupy_lacks_do_not_exist():
    for name in ("nditer", "frompyfunc", "memmap", "vectorised_exp", "random"):
        with pytest.raises(AttributeError, match=f"xp.{name} is not offered"):
            getattr(xp, name)
    with pytest.raises(AttributeError):
        xp.exp.at(xp.zeros(2), 0)
    with pytest.raises(AttributeError):
        xp.asarray(np.zeros(2)).resize((3,))


def test_every_name_offered_exists_in_cupy():
    cupy = pytest.importorskip("cupy", exc_type=ImportError)
    names = strict.CREATION | strict.POINTWISE | strict.OTHER | strict.CONSTANTS
    assert not [n for n in sorted(names) if not hasattr(cupy, n)]
    assert not [n for n in dir(StrictArray) if not n.startswith("_") and not hasattr(cupy.ndarray, n)]


def test_every_name_offered_exists_in_numpy():
    names = strict.CREATION | strict.POINTWISE | strict.OTHER | strict.CONSTANTS
    assert not [n for n in sorted(names) if not hasattr(np, n)]


# ---------------------------------------------------------------------------------------------------- what works

@pytest.mark.parametrize("op", BINARY)
def test_operators_compute_what_numpy_computes(op, x, host):
    other = host[::-1] + 1
    for result, expected in ((op(x, xp.asarray(other)), op(host, other)), (op(x, 2), op(host, 2)),
                             (op(2.5, x + 1), op(2.5, host + 1)),
                             (op(np.float32(2), x + 1), op(np.float32(2), host + 1))):
        assert type(result) is StrictArray and result.dtype == expected.dtype
        np.testing.assert_array_equal(to_numpy(result), expected)


@pytest.mark.parametrize("op", IN_PLACE)
def test_in_place_operators_write_into_the_same_array(op, x, host):
    view = x[:, 1:]
    result = op(view, 2)
    assert result is view
    np.testing.assert_array_equal(to_numpy(x)[:, 1:], op(host[:, 1:].copy(), 2))


def test_slices_are_views_and_integer_indices_give_0d_views(x):
    x[0][1] = 7
    corner = x[1, 2]
    assert type(corner) is StrictArray and corner.shape == ()
    corner += 10
    assert float(x[0, 1]) == 7 and float(x[1, 2]) == 15


def test_index_arrays_on_the_device_gather_and_scatter(x, host):
    rows, mask = xp.asarray([1, 0, 1]), x > 2
    np.testing.assert_array_equal(to_numpy(x[rows]), host[[1, 0, 1]])
    np.testing.assert_array_equal(to_numpy(x[mask]), host[host > 2])
    np.testing.assert_array_equal(to_numpy(x[rows, xp.asarray([0, 1, 2])]), host[[1, 0, 1], [0, 1, 2]])
    np.testing.assert_array_equal(to_numpy(x[..., None]), host[..., None])
    x[xp.asarray([1])] = xp.asarray([9.0, 9, 9])
    np.testing.assert_array_equal(to_numpy(x[1]), [9, 9, 9])


def test_add_at_counts_repeated_indices():
    table = xp.zeros((3, 2))
    xp.add.at(table, xp.asarray([1, 1, 2]), xp.ones((3, 2)))
    np.testing.assert_array_equal(to_numpy(table), [[0, 0], [2, 2], [1, 1]])


def test_out_returns_the_array_that_was_passed(x, host):
    assert xp.exp(x, out=x) is x
    np.testing.assert_array_equal(to_numpy(x), np.exp(host))


def test_reductions_give_0d_arrays(x):
    for result in (x.sum(), xp.max(x), x.mean(), x.argmax()):
        assert type(result) is StrictArray and result.shape == ()
    assert type(x.mean(axis=0)) is StrictArray


def test_numbers_come_back_where_it_is_written_out(x):
    assert int(x.argmax()) == 5 and float(x.sum()) == 15 and x.sum().item() == 15 and x[0].tolist() == [0, 1, 2]
    np.testing.assert_array_equal([to_numpy(row) for row in x], [[0, 1, 2], [3, 4, 5]])


def test_get_and_asarray_copy(host):
    x = xp.asarray(host)
    x += 1
    x.get()[...] = 99
    np.testing.assert_array_equal(host, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(to_numpy(x), host + 1)
    assert xp.asarray(x) is x


def test_creation_functions_take_plain_numbers_and_return_device_arrays(x):
    for made in (xp.zeros((2, 3)), xp.full(4, 1 / 4, dtype=np.float32), xp.arange(3), xp.asarray([1])):
        assert type(made) is StrictArray
    assert xp.float32 is np.float32


def test_deep_copies_are_independent(x):
    twin = copy.deepcopy([x])[0]
    twin += 1
    assert float(x.sum()) == 15


def test_array_module_knows_the_double_and_refuses_mixtures(x, host):
    assert array_module(x, None) is xp
    with pytest.raises(TypeError, match="arrays of numpy and strict cannot be mixed"):
        array_module(x, host)


# ---------------------------------------------------------------------------- what it is for: forgotten `np.` in layers

class ForgottenNumpyFunction(Layer):
    def __call__(self, x):
        return np.maximum(x, 0)


class ForgottenNumpyZeros(Layer):
    def __call__(self, x):
        return x + np.zeros(x.shape)


class ForgottenNumpyIndex(Layer):
    def __call__(self, x):
        return x[np.argsort([3, 1])]


class ForgottenParameter(Layer):
    def __init__(self):
        self.W = np.ones((3, 3))  # not a Parameter: `to` does not move it

    def __call__(self, x):
        return x @ self.W


class HiddenSynchronisation(Layer):
    def __call__(self, x):
        return x if x.max() > 0 else -x


@pytest.mark.parametrize("layer_class", [ForgottenNumpyFunction, ForgottenNumpyZeros, ForgottenNumpyIndex,
                                         ForgottenParameter, HiddenSynchronisation])
def test_a_layer_that_works_on_numpy_alone_fails_here(layer_class, x, host):
    layer_class()(host)
    with pytest.raises(TypeError):
        layer_class().to(strict.DEVICE)(x)


# ------------------------------------------------------------------------------------ what a GPU would be asked to do

def test_launches_uploads_and_waits_are_counted(x, host):
    with strict.watch() as seen:
        y = xp.exp(x) * 2
        y[0] = x[:, ::2].reshape(-1)[:3]  # a copy, for the slice is no run of memory, and the assignment
        y += y[xp.asarray(np.array([1, 0]))]
    assert seen.launches == {"exp": 1, "mul": 1, "reshape": 1, "assignment": 1, "gather": 1, "add": 1}
    assert seen.uploads == 1 and seen.waits == []
    with strict.watch() as seen:
        x.reshape(3, 2), x.T, x[0], x.astype(x.dtype, copy=False), xp.empty(3), xp.asarray(x)
    assert seen.launches == {} and seen.uploads == 0


def test_everything_that_waits_for_the_device_is_noticed(x):
    with strict.watch() as seen:
        float(x[0, 0]), int(x[0, 0]), x.get(), x.tolist(), x[0, 0].item(), x[x > 1], xp.nonzero(x), x.nonzero()
        x[x > 1] = 0
    assert seen.waits == ["float", "int", "get", "tolist", "item", "boolean index", "xp.nonzero", "x.nonzero",
                          "boolean index"]
    with strict.watch() as seen:
        (x + 1).sum(), x.argmax(axis=0), len(x), x.shape
    assert seen.waits == []


def test_a_fused_formula_is_one_launch(x):
    fused = xp.fuse(lambda x, lr: lr * xp.tanh(x) + 1)
    with strict.watch() as seen:
        fused(x, 0.1)
        fused(x, 0.2)
    assert seen.launches == {"<lambda>": 2}


def test_a_number_that_changes_inside_a_fused_formula_is_refused(x):
    factor = 2.0
    fused = xp.fuse(lambda x: factor * x)
    fused(x)
    fused(x)
    factor = 3.0
    with pytest.raises(TypeError, match=r"is fused, but a number inside it was \[2.0\] and is \[3.0\]"):
        fused(x)


def test_a_sum_inside_a_fused_formula_is_refused(x):
    with pytest.raises(TypeError, match="pointwise operations alone"):
        xp.fuse(lambda x: x / x.sum())(x)
