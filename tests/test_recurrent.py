"""The LSTM over whole sequences against its cell run step by step; initial states, lengths, padding."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.backend import to_numpy
from minicap.recurrent import LSTM, LSTMCell

D, H = 3, 4


def make(layer_class, device, seed=0):
    layer = layer_class(D, H, rng=np.random.default_rng(seed)).astype(np.float64)
    return layer.to(device)


def run_cell(cell, device, x, h, c):
    """One sequence x (T, D), one step at a time: outputs (T, H), the last state, and the caches."""
    h, c = device.asarray(h[None]), device.asarray(c[None])
    outputs, caches = [], []
    for x_t in x:
        (h, c), cache = cell.forward(device.asarray(x_t[None]), h, c)
        outputs.append(to_numpy(h)[0])
        caches.append(cache)
    return np.array(outputs), to_numpy(h)[0], to_numpy(c)[0], caches


@st.composite
def batches(draw):
    """(x, h0, c0, lengths): any batch of sequences; sometimes all run to the end, in any order of length."""
    N, T = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    lengths = draw(st.none() | st.lists(st.integers(1, T), min_size=N, max_size=N))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    x, h0, c0 = rng.standard_normal((N, T, D)), rng.standard_normal((N, H)), rng.standard_normal((N, H))
    return x, h0, c0, None if lengths is None else np.array(lengths)


# ------------------------------------------------------------------------------------------------------- the cell

def test_the_cell_computes_its_equations(device, rng):
    cell = make(LSTMCell, device)
    x, h, c = rng.standard_normal((2, D)), rng.standard_normal((2, H)), rng.standard_normal((2, H))
    p = cell.state()
    i, f, o, g = np.split(x @ p["W"] + h @ p["U"] + p["b"], 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
    expected_c = f * c + i * np.tanh(g)
    h_next, c_next = (to_numpy(a) for a in cell(*(device.asarray(a) for a in (x, h, c))))
    np.testing.assert_allclose(c_next, expected_c, rtol=1e-12)
    np.testing.assert_allclose(h_next, o * np.tanh(expected_c), rtol=1e-12)


def test_the_forget_gate_starts_open_and_the_others_neutral():
    b = LSTMCell(D, H, rng=None).state()["b"]
    np.testing.assert_array_equal(b, [0] * H + [1] * H + [0] * 2 * H)


def test_the_cell_passes_the_gradient_check(assert_gradients, rng):
    assert_gradients(LSTMCell(D, H, rng=rng), *(rng.standard_normal((5, n)) for n in (D, H, H)))


# ---------------------------------------------------------------------------------------------- the whole sequence

@given(batches())
def test_the_hoisted_lstm_equals_its_cell_run_step_by_step(device, batch):
    x, h0, c0, lengths = batch
    lstm = make(LSTM, device)
    y, h, c = (to_numpy(a) for a in lstm(*(device.asarray(a) for a in (x, h0, c0)), lengths=lengths))
    for n, length in enumerate(lengths if lengths is not None else [x.shape[1]] * len(x)):
        y_n, h_n, c_n, _ = run_cell(lstm.cell, device, x[n, :length], h0[n], c0[n])
        np.testing.assert_allclose(y[n, :length], y_n, rtol=1e-10)
        np.testing.assert_array_equal(y[n, length:], 0)
        np.testing.assert_allclose(h[n], h_n, rtol=1e-10)
        np.testing.assert_allclose(c[n], c_n, rtol=1e-10)


@given(batches())
def test_its_gradients_equal_backpropagation_through_the_cell_step_by_step(device, batch):
    x, h0, c0, lengths = batch
    lstm, reference = make(LSTM, device), make(LSTMCell, device)
    rng = np.random.default_rng(1)
    (y, h, c), cache = lstm.forward(*(device.asarray(a) for a in (x, h0, c0)), lengths=lengths)
    dy, dh, dc = (rng.standard_normal(a.shape) for a in (y, h, c))
    dx, dh0, dc0 = (to_numpy(d) for d in lstm.backward(tuple(device.asarray(d) for d in (dy, dh, dc)), cache))
    for n, length in enumerate(lengths if lengths is not None else [x.shape[1]] * len(x)):
        *_, caches = run_cell(reference, device, x[n, :length], h0[n], c0[n])
        dh_n, dc_n = device.asarray(dh[n:n + 1]), device.asarray(dc[n:n + 1])
        for t in reversed(range(length)):
            dx_t, dh_n, dc_n = reference.backward((dh_n + device.asarray(dy[n:n + 1, t]), dc_n), caches[t])
            np.testing.assert_allclose(dx[n, t], to_numpy(dx_t)[0], rtol=1e-8, atol=1e-12)
        np.testing.assert_array_equal(dx[n, length:], 0)
        np.testing.assert_allclose(dh0[n], to_numpy(dh_n)[0], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(dc0[n], to_numpy(dc_n)[0], rtol=1e-8, atol=1e-12)
    for (_, ours), (_, stepwise) in zip(lstm.named_parameters(), reference.named_parameters(), strict=True):
        np.testing.assert_allclose(to_numpy(ours.grad), to_numpy(stepwise.grad), rtol=1e-8, atol=1e-12)


def test_without_initial_state_it_starts_from_zeros(device, rng):
    lstm, x = make(LSTM, device), device.asarray(rng.standard_normal((2, 3, D)))
    zeros = device.asarray(np.zeros((2, H)))
    for without, given_zeros in zip(lstm(x), lstm(x, zeros, zeros), strict=True):
        np.testing.assert_array_equal(to_numpy(without), to_numpy(given_zeros))


def test_a_sequence_can_be_run_in_two_halves(device, rng):
    lstm, x = make(LSTM, device), device.asarray(rng.standard_normal((2, 6, D)))
    whole, *last = lstm(x)
    first, *state = lstm(x[:, :2])
    second, *final = lstm(x[:, 2:], *state)
    np.testing.assert_allclose(np.concatenate([to_numpy(first), to_numpy(second)], axis=1), to_numpy(whole), rtol=1e-12)
    for a, b in zip(last, final, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-12)


@pytest.mark.parametrize("lengths", [None, [4, 4, 4], [2, 4, 1], [1, 1, 1], [3, 1, 3]])
@pytest.mark.parametrize("states, constant", [(True, False), (False, False), (True, True)])
def test_the_lstm_passes_the_gradient_check(assert_gradients, rng, lengths, states, constant):
    h0, c0 = (rng.standard_normal((3, 2)) for _ in range(2)) if states else (None, None)
    constant = (rng.standard_normal((3, 1)),) if constant else ()
    lengths = None if lengths is None else np.array(lengths)
    report = assert_gradients(LSTM(2 + len(constant), 2, rng=rng), rng.standard_normal((3, 4, 2)), h0, c0, *constant,
                              lengths=lengths)
    names = [t.name for t in report.tensors]
    inputs = ["x[0]", "x[1]", "x[2]", "x[3]"][:3 + len(constant)] if states else ["x[0]"]
    assert names == [*inputs, "cell.W", "cell.U", "cell.b"]


@pytest.mark.parametrize("lengths", [None, np.array([2, 4, 1])])
def test_a_constant_input_is_the_same_as_its_copies_beside_every_step(device, rng, lengths):
    lstm = make(LSTM, device)
    x, constant = rng.standard_normal((3, 4, D - 2)), rng.standard_normal((3, 2))
    beside = np.concatenate([x, np.repeat(constant[:, None], 4, axis=1)], axis=2)
    dy = device.asarray(rng.standard_normal((3, 4, H)))
    results = []
    for inputs in ((device.asarray(x), None, None, device.asarray(constant)), (device.asarray(beside),)):
        lstm.zero_grad()
        outputs, cache = lstm.forward(*inputs, lengths=lengths)
        gradients = lstm.backward((dy, None, None), cache)
        results.append([to_numpy(a) for a in (*outputs, *gradients, *(p.grad for p in lstm.parameters()))])
    once, copied = results
    dx, dconstant = once.pop(3), once.pop(5)
    np.testing.assert_allclose(np.concatenate([dx, copied[3][:, :, D - 2:]], axis=2), copied[3], rtol=1e-12)
    np.testing.assert_allclose(dconstant, copied.pop(3)[:, :, D - 2:].sum(axis=1), rtol=1e-12)
    for a, b in zip(once, copied, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_constant_input_of_the_wrong_size_is_refused(device, rng):
    lstm, x = make(LSTM, device), device.asarray(rng.standard_normal((2, 3, D - 1)))
    with pytest.raises(ValueError, match=re.escape("expects constant of shape (2, 1), got (4, 1)")):
        lstm.forward(x, None, None, device.asarray(np.zeros((4, 1))))


def test_a_gradient_for_the_final_state_may_be_left_out(device, rng):
    lstm, x = make(LSTM, device), device.asarray(rng.standard_normal((2, 3, D)))
    dy, zeros = device.asarray(rng.standard_normal((2, 3, H))), device.asarray(np.zeros((2, H)))
    results = [lstm.backward((dy, d, d), lstm.forward(x)[1]) for d in (None, zeros)]
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))


# -------------------------------------------------------------------------------------------------------- padding

@pytest.mark.parametrize("garbage", [1e30, np.inf, np.nan], ids=str)
def test_what_stands_in_the_padding_changes_no_result_and_no_gradient(device, rng, garbage):
    """Neither in x nor in dy. A mask that multiplies would let NaN through, because 0 · NaN is NaN."""
    lengths = np.array([2, 4, 1])
    padding = np.arange(4) >= lengths[:, None]
    x, dy, dh = rng.standard_normal((3, 4, D)), rng.standard_normal((3, 4, H)), rng.standard_normal((3, H))

    def everything(filler):
        lstm = make(LSTM, device)
        filled_x, filled_dy = (np.where(padding[..., None], filler, a) for a in (x, dy))
        outputs, cache = lstm.forward(device.asarray(filled_x), lengths=lengths)
        gradients = lstm.backward((device.asarray(filled_dy), device.asarray(dh), device.asarray(dh)), cache)
        return [to_numpy(a) for a in (*outputs, *gradients, *(p.grad for p in lstm.parameters()))]

    for clean, dirty in zip(everything(0.0), everything(garbage), strict=True):
        np.testing.assert_array_equal(dirty, clean)


def test_the_order_of_the_rows_does_not_matter(device, rng):
    lstm, x, lengths = make(LSTM, device), rng.standard_normal((4, 3, D)), np.array([1, 3, 2, 3])
    shuffle = np.array([2, 0, 3, 1])
    straight = lstm(device.asarray(x), lengths=lengths)
    shuffled = lstm(device.asarray(x[shuffle]), lengths=lengths[shuffle])
    for a, b in zip(straight, shuffled, strict=True):
        np.testing.assert_allclose(to_numpy(a)[shuffle], to_numpy(b), rtol=1e-12)


@pytest.mark.parametrize("lengths", [[0, 2], [1, 4], [2], [1, 2, 3], [-1, 1]])
def test_lengths_that_do_not_fit_the_batch_are_refused(device, rng, lengths):
    with pytest.raises(ValueError, match=r"lengths must be 2 integers from 1 to 3, got"):
        make(LSTM, device)(device.asarray(rng.standard_normal((2, 3, D))), lengths=np.array(lengths))


def test_a_state_of_another_width_is_refused_by_name_instead_of_broadcast(device, rng):
    x, narrow = device.asarray(rng.standard_normal((2, 3, D))), device.asarray(np.zeros((2, 1)))
    with pytest.raises(ValueError, match=r"LSTM\(3 -> 4\) expects c0 of shape \(2, 4\), got \(2, 1\)"):
        make(LSTM, device)(x, None, narrow)
    with pytest.raises(ValueError, match=r"LSTMCell\(3 -> 4\) expects h of shape \(2, 4\), got \(2, 1\)"):
        make(LSTMCell, device)(x[:, 0], narrow, narrow)
