"""The gradient check itself: what it has to find, what it must not complain about, and what it cannot see."""

import numpy as np
import pytest

from minicap.activations import Dropout, ReLU
from minicap.backend import array_module, to_numpy
from minicap.conv import Conv2d
from minicap.gradcheck import GradientError, check_gradients
from minicap.layer import Cache, Layer, Parameter, Sequential
from minicap.linear import Embedding, Linear
from minicap.losses import log_softmax
from minicap.normalization import BatchNorm2d


class Square(Layer):
    """y = w x², the example that the tests below spoil in one place each."""

    def __init__(self):
        self.w = Parameter(np.full(1, 3, np.float32))

    def forward(self, x):
        return self.w.data * x * x, Cache(x=x)

    def backward(self, dy, cache):
        (x,) = cache.spend(self)
        self.w.accumulate((dy * x * x).sum().reshape(1))
        return dy * 2 * self.w.data * x


def spoil(function):
    """Square whose dx is ``function(dx)``."""
    class Spoilt(Square):
        def backward(self, dy, cache):
            return function(super().backward(dy, cache))

    return Spoilt()


def at(array, index, change):
    array[index] += change
    return array


# -------------------------------------------------------------------------------------------- what it has to find

def test_a_right_gradient_passes_with_ten_digits(assert_gradients, rng):
    report = assert_gradients(Square(), rng.standard_normal((3, 4)))
    assert report.ok and report.worst_error < 1e-8
    assert [(t.name, t.compared, t.kinks) for t in report.tensors] == [("x", 12, 0), ("w", 1, 0)]


def test_the_message_names_layer_tensor_index_and_both_values(assert_gradients):
    with pytest.raises(GradientError) as failure:
        assert_gradients(spoil(lambda dx: at(dx, (1, 2), 0.5)), np.ones((2, 3)), rng=Ones())
    assert str(failure.value) == ("Spoilt(): x[1, 2]: backward gives 6.5, central difference 6, "
                                  "relative error 7.7e-02 (allowed 1e-06)")


def test_the_report_has_one_line_per_tensor_and_marks_the_failure(device, rng):
    layer, x = spoil(lambda dx: at(dx, (0, 0), 1.0)).to(device), device.asarray(rng.standard_normal((2, 2)))
    report = check_gradients(layer, x)
    first, line_x, line_w = str(report).splitlines()
    assert first == "gradient check of Spoilt() (float64, relative error below 1e-06)"
    assert "x[0, 0]: backward gives" in line_x and line_w.endswith("ok") and not report.ok


def test_a_relative_error_of_one_in_a_hundred_thousand_is_found(assert_gradients, rng):
    with pytest.raises(GradientError, match=r"relative error 1\.0e-05"):
        assert_gradients(spoil(lambda dx: dx * (1 + 1e-5)), rng.standard_normal((3, 4)))


def test_a_gradient_that_is_not_a_number_fails(assert_gradients, rng):
    for bad in (np.nan, np.inf):
        with pytest.raises(GradientError, match=rf"x\[1, 0\]: backward gives {bad}"):
            assert_gradients(spoil(lambda dx, bad=bad: at(dx, (1, 0), bad)), rng.standard_normal((2, 2)))


def test_a_missing_gradient_of_a_parameter_is_found(assert_gradients, rng):
    class Forgetful(Square):
        def backward(self, dy, cache):
            (x,) = cache.spend(self)
            return dy * 2 * self.w.data * x

    with pytest.raises(GradientError, match=r"w: backward left no gradient for values of shape \(1,\)"):
        assert_gradients(Forgetful(), rng.standard_normal((2, 2)))


def test_a_missing_gradient_of_an_input_is_found(assert_gradients, rng):
    with pytest.raises(GradientError, match=r"x: backward left no gradient for values of shape \(2, 2\)"):
        assert_gradients(spoil(lambda dx: None), rng.standard_normal((2, 2)))


def test_a_gradient_of_another_shape_is_found_even_if_it_would_broadcast(assert_gradients, rng):
    with pytest.raises(GradientError, match=r"x: backward left a gradient of shape \(1, 2\) for values of"):
        assert_gradients(spoil(lambda dx: dx.sum(axis=0, keepdims=True)), rng.standard_normal((2, 2)))


def test_a_gradient_for_integer_words_is_refused(assert_gradients, rng):
    class Generous(Embedding):
        def backward(self, dy, cache):
            words = cache.words
            super().backward(dy, cache)
            return words

    with pytest.raises(GradientError, match="input 0 is not a float array, its gradient has to be None"):
        assert_gradients(Generous(4, 2, rng=rng), np.array([1, 3]))


# --------------------------------------------------------------------------------- why the output weights are random

class Ones:
    """Stands in for the generator: all output weights are 1, as a check would have them that just sums the output."""

    standard_normal = staticmethod(np.ones)


class Softmax(Layer):
    """p = softmax(x) with a backward that is plainly wrong: it always answers zero."""

    def forward(self, x):
        return array_module(x).exp(log_softmax(x)), Cache(x=x)

    def backward(self, dy, cache):
        return array_module(dy).zeros_like(dy)


def test_all_ones_as_output_weights_are_blind_for_softmax(device, rng):
    x = device.asarray(rng.standard_normal((3, 5)))
    assert check_gradients(Softmax(), x, rng=Ones()).ok  # each row sums to one whatever x is: the slope *is* zero
    assert not check_gradients(Softmax(), x).ok


# ---------------------------------------------------------------------------------------------------------- kinks

def relu_input(device, rng, zeros):
    x = rng.standard_normal((4, 5))
    x.flat[:zeros] = 0
    return device.asarray(x)


def test_a_kink_is_skipped_and_counted(device, rng):
    report = check_gradients(ReLU(), relu_input(device, rng, zeros=3))
    assert report.ok and (report.tensors[0].compared, report.tensors[0].kinks) == (17, 3)
    assert "3 at kinks" in str(report)


def test_a_kink_nearby_is_measured_with_smaller_steps_instead_of_skipped(device):
    report = check_gradients(ReLU(), device.asarray([3e-6, -3e-6, 5e-5, 1.0]))
    assert report.ok and report.tensors[0].compared == 4


def test_a_wrong_relu_is_found_among_kinks(assert_gradients, device, rng):
    class AlwaysOpen(ReLU):
        def backward(self, dy, cache):
            return dy

    with pytest.raises(GradientError, match=r"x\[\d, \d\]: backward gives"):
        assert_gradients(AlwaysOpen(), relu_input(device, rng, zeros=3))


def test_inputs_that_are_all_kinks_are_an_error_and_not_a_success(assert_gradients):
    class Wrong(ReLU):
        def backward(self, dy, cache):
            return dy * 5

    with pytest.raises(GradientError, match="every element is at a kink; choose other inputs"):
        assert_gradients(Wrong(), np.zeros((2, 2)))


def test_a_jump_is_no_kink_where_its_two_sides_are_level(assert_gradients):
    """A step function has slope 0 on both sides of x = 1: a backward that says otherwise is simply wrong."""
    class Step(Layer):
        def forward(self, x):
            return (x > 0) * 1.0, Cache(x=x)

        def backward(self, dy, cache):
            return dy

    with pytest.raises(GradientError, match="central difference 0"):
        assert_gradients(Step(), np.ones(3))


# --------------------------------------------------------------------------------------- gradients that are zero

def test_a_gradient_that_is_zero_is_not_failed_for_rounding(assert_gradients, rng):
    """A normalisation subtracts the mean and the bias before it with it: db is 0, and no difference quotient is."""
    model = Sequential(conv=Conv2d(2, 3, 1, rng=rng), norm=BatchNorm2d(3))
    report = assert_gradients(model, rng.standard_normal((2, 3, 4, 2)))
    db = next(t for t in report.tensors if t.name == "conv.b")
    assert abs(db.analytic) < 1e-12


def test_small_gradients_are_still_checked(assert_gradients, rng):
    with pytest.raises(GradientError, match=r"x\[\d, \d\]"):
        assert_gradients(spoil(lambda dx: dx * 1.01), 1e-6 * rng.standard_normal((3, 4)))


# ----------------------------------------------------------------------------------------------- random directions

def test_a_big_tensor_is_probed_along_a_few_directions_only(device, rng):
    report = check_gradients(Linear(50, 40, rng=rng).to(device), device.asarray(rng.standard_normal((30, 50))))
    assert report.ok and {t.name: t.compared for t in report.tensors} == {"x": 3, "W": 3, "b": 40}


def test_a_mistake_in_every_element_of_a_big_tensor_is_found_and_located(assert_gradients, rng):
    with pytest.raises(GradientError, match=r"x\[\d+, \d+\]: backward gives"):
        assert_gradients(spoil(lambda dx: dx * 1.01), rng.standard_normal((30, 50)))


@pytest.mark.parametrize("seed", range(10))
def test_a_mistake_in_one_element_of_a_big_tensor_is_found_though_seldom_located(device, seed):
    """Each direction moves every element, so one wrong number in 10,000 changes its slope by about 1e-2 of itself.

    That is far above the tolerance. *Where* it is can only be said when it is among the 200 elements sampled, so the
    message usually says "along a random direction".
    """
    x = np.random.default_rng(seed).standard_normal((100, 100))
    wrong = (seed * 7, 99 - seed)
    layer = spoil(lambda dx: at(dx, wrong, 1.0)).to(device)
    report = check_gradients(layer, device.asarray(x), rng=np.random.default_rng(seed))
    assert not report.ok
    assert report.tensors[0].index in (None, wrong)


def test_a_big_tensor_with_kinks_is_judged_by_a_sample_of_elements(device, rng):
    x = rng.standard_normal((10, 100))
    x[:, ::2] = 0
    report = check_gradients(ReLU(), device.asarray(x))
    assert report.ok and report.tensors[0].kinks > 50


def test_a_wrong_relu_is_found_among_the_kinks_of_a_big_tensor(device, rng):
    class AlwaysOpen(ReLU):
        def backward(self, dy, cache):
            return dy

    x = rng.standard_normal((10, 100))
    x[:, ::2] = 0
    assert not check_gradients(AlwaysOpen(), device.asarray(x)).ok


# ------------------------------------------------------------------------------------------- leaving no trace

def test_the_callers_layer_and_inputs_are_left_alone(device, rng):
    layer, x = BatchNorm2d(2).to(device), device.asarray(rng.standard_normal((2, 3, 3, 2)))
    state, before = layer.state(), to_numpy(x).copy()
    check_gradients(layer, x)
    assert all((a == state[n]).all() and a.dtype == np.float32 for n, a in layer.state().items())
    assert all(p.grad is None for p in layer.parameters())
    np.testing.assert_array_equal(to_numpy(x), before)


def test_dropout_draws_the_same_mask_for_every_evaluation(device, rng):
    layer = Dropout(0.5, rng=np.random.default_rng(3))
    before = layer.rng.bit_generator.state
    assert check_gradients(layer, device.asarray(rng.standard_normal((4, 5)))).ok
    assert layer.rng.bit_generator.state == before


def test_single_precision_inputs_are_checked_in_double(device, rng):
    layer, x = Linear(3, 2, rng=rng).to(device), device.asarray(rng.standard_normal((4, 3)).astype(np.float32))
    assert check_gradients(layer, x).worst_error < 1e-8
