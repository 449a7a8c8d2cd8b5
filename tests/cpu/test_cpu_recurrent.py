"""The time loop's twins on the CPU equal the plain ones: outputs, states, and every gradient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from minicap.cpu import recurrent
from minicap.recurrent import LSTM, gates_forward

NAMES = ["y", "h", "c", "dx", "dh0", "dc0", "dW", "dU", "db"]


def run(dtype, N, T, D, H, lengths, scale=1.0):
    """Everything that comes out of an LSTM forwards and backwards, in ``dtype``."""
    layer = LSTM(D, H, rng=np.random.default_rng(1)).astype(dtype)
    rng = np.random.default_rng(2)
    x, h0, c0 = (scale * rng.standard_normal(shape).astype(dtype) for shape in ((N, T, D), (N, H), (N, H)))
    outputs, cache = layer.forward(x.astype(dtype), h0.astype(dtype), c0.astype(dtype), lengths=lengths)
    dy = tuple(rng.standard_normal(y.shape).astype(dtype) for y in outputs)
    return [*outputs, *layer.backward(dy, cache), *(p.grad for p in layer.parameters())]


def assert_twins_agree(N, T, D, H, lengths=None, scale=1.0):
    found, expected = (run(dtype, N, T, D, H, lengths, scale) for dtype in (np.float32, np.float64))
    for name, ours, right in zip(NAMES, found, expected, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, right, atol=2e-6 * max(1, np.abs(right).max()), rtol=0, err_msg=name)


@pytest.fixture(params=[1, 4, 1000])
def min_rows(request, monkeypatch):
    """The smallest share of a core: many shares, some, or one."""
    monkeypatch.setattr(recurrent, "MIN_ROWS", request.param)


@pytest.mark.parametrize("N, T", [(1, 1), (1, 6), (7, 1), (13, 9)])
def test_whole_sequences_equal_the_plain_loop(min_rows, N, T):
    assert_twins_agree(N, T, 5, 6)


@pytest.mark.parametrize("lengths", [[1, 1, 1, 9], [9, 8, 7, 6, 5, 4, 3, 2, 1], [3, 9, 1, 9, 2, 2, 9, 9]])
def test_rows_that_end_early_equal_the_plain_loop(min_rows, lengths):
    assert_twins_agree(len(lengths), 9, 4, 8, np.array(lengths))


@given(data=st.data(), N=st.integers(1, 9), T=st.integers(1, 5), threads=st.integers(1, 2))
def test_any_lengths_equal_the_plain_loop_on_any_number_of_threads(data, N, T, threads):
    lengths = np.array(data.draw(st.lists(st.integers(1, T), min_size=N, max_size=N)))
    with threadpool_limits(threads, "blas"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(recurrent, "MIN_ROWS", 1)
        assert_twins_agree(N, T, 3, 4, lengths)


def test_gates_that_are_wide_open_or_shut_neither_overflow_nor_warn():
    assert_twins_agree(3, 4, 5, 6, scale=200.0)


@pytest.mark.parametrize("N", [1, 31, 32, 33, 100])
def test_one_step_of_the_cell_equals_the_plain_one(N):
    rng = np.random.default_rng(3)
    z, c = (3 * rng.standard_normal((N, size)).astype(np.float32) for size in (20, 5))
    gates = z.astype(np.float64)
    expected = gates_forward.plain(gates, c.astype(np.float64))
    for ours, right in zip((*gates_forward(z, c), z), (*expected, gates), strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, right, atol=1e-6)


def test_other_precisions_are_left_to_the_plain_loop():
    z, U = np.zeros((1, 4)), np.zeros((1, 4))
    h, c, tanh_c = np.zeros((3, 2, 1))
    assert recurrent.gates_forward(z, c[:1]) is NotImplemented
    assert recurrent.lstm_steps(z, U, h, c, tanh_c, [1]) is NotImplemented
    assert recurrent.lstm_steps_backward(z, U, c, tanh_c, h[1:], h[:1], c[:1], [1]) is NotImplemented
