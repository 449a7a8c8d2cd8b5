"""The inner loops that numba compiles. The tests of the twins compare them with NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import backend
from minicap.captioning.decoding.beam_search import most_probable
from minicap.cpu import losses, recurrent, threads

if not backend.compiles():
    pytest.skip("needs numba (the extra `fast`), and MINICAP_NUMBA not 0", allow_module_level=True)


@pytest.fixture(scope="module")
def elementwise():
    """arithmetic.py's functions, each over an array."""
    import numba

    from minicap.cpu.compiled import arithmetic

    return {name: numba.vectorize(["float32(float32)"])(getattr(arithmetic, name).py_func)
            for name in ("exp", "sigmoid", "tanh")}


X = np.linspace(-87, 88, 1 << 20, dtype=np.float32)


def test_the_exponential_is_right_to_three_units_in_the_seventh_digit(elementwise):
    truth = np.exp(X.astype(np.float64))
    assert np.max(np.abs(elementwise["exp"](X) - truth) / truth) < 3e-7


def test_sigmoid_and_tanh_are_right_to_two_units_in_the_seventh_decimal(elementwise):
    truth = 1 / (1 + np.exp(-X.astype(np.float64)))
    assert np.max(np.abs(elementwise["sigmoid"](X) - truth)) < 2e-7
    assert np.max(np.abs(elementwise["tanh"](X) - np.tanh(X.astype(np.float64)))) < 2e-7


@pytest.mark.parametrize("name, low, high", [("exp", 0, np.exp(88)), ("sigmoid", 0, 1), ("tanh", -1, 1)])
def test_infinity_saturates_and_nan_stays_nan(elementwise, name, low, high):
    with np.errstate(invalid="ignore"):
        found = elementwise[name](np.array([-np.inf, np.inf, np.nan], np.float32))
    np.testing.assert_allclose(found, [low, high, np.nan], rtol=1e-6, atol=1e-37)


def test_a_switch_chooses_between_compiled_numpy_and_plain(monkeypatch):
    found = []
    for plain_only, without_numba in ((False, False), (False, True), (True, False)):
        monkeypatch.setattr(backend, "plain_only", plain_only)
        monkeypatch.setattr(backend, "without_numba", without_numba)
        found.append([[twin.__module__ for twin in backend._twins(op, "numpy")] for op in ("gates_", "gates_forward")])
    assert found == [[["minicap.cpu.compiled.recurrent"], ["minicap.cpu.recurrent"]],
                     [[], ["minicap.cpu.recurrent"]], [[], []]]


def test_a_gate_that_is_not_a_number_shows():
    """A diverging training must end in a loss that is not finite, not in a clipped one."""
    z, c = np.full((1, 4), np.nan, np.float32), np.zeros((1, 1), np.float32)
    h_next = np.empty_like(c)
    recurrent.gates_(z, c, np.empty_like(c), np.empty_like(c), h_next)
    assert np.isnan(h_next).all()


@given(rows=st.integers(1, 5), V=st.integers(1, 9), data=st.data())
def test_the_most_probable_words_are_those_of_the_plain_function(rows, V, data):
    log_p = np.random.default_rng(V).permuted(np.arange(rows * V).reshape(rows, V), axis=1).astype(np.float32)
    forbid = tuple(data.draw(st.sets(st.integers(0, V - 1), max_size=3)))
    k = data.draw(st.integers(1, V))
    found, expected = most_probable(log_p, k, forbid), most_probable.plain(log_p, k, forbid)
    allowed = min(k, V - len(forbid))
    for ours, theirs in zip(found, expected, strict=True):
        assert sorted(ours) == list(ours)
        assert set(ours) - set(forbid) == set(theirs) - set(forbid) and len(set(ours) - set(forbid)) == allowed


def test_of_equally_probable_words_the_leftmost_are_taken():
    assert most_probable(np.zeros((2, 9), np.float32), 3, (1,)).tolist() == [[0, 2, 3]] * 2


def test_a_logit_that_is_no_number_makes_its_row_none_and_minus_infinity_has_no_share():
    logits = np.array([[0, np.nan, 1], [0, -np.inf, 0]], np.float32)
    p = np.empty_like(logits)
    totals = losses.exponentials(logits, np.array([1, 0], np.float32), p)
    assert np.isnan(totals[0]) and totals[1] == 2
    np.testing.assert_array_equal(p[1], [1, 0, 1])


def test_vectors_are_sixteen_numbers_that_may_begin_anywhere():
    from minicap.cpu.compiled import vectors
    from minicap.cpu.compiled.arithmetic import kernel

    @kernel
    def compute(a, i, y):
        v = vectors.multiply_add(vectors.load(a, i), vectors.load(a, 0), vectors.repeat(np.float32(2)))
        vectors.store(y, i, vectors.limit(v, vectors.repeat(np.float32(-1)), vectors.repeat(np.float32(5))))

    a = np.random.default_rng(0).standard_normal(64).astype(np.float32) * 2
    a[7] = np.nan
    for i in (0, 1, 5, 48):
        y = np.full(64, 9, np.float32)
        compute(a, i, y)
        np.testing.assert_allclose(y[i:i + 16], np.clip(a[i:i + 16] * a[:16] + 2, -1, 5), rtol=1e-6)
        assert (np.delete(y, np.s_[i:i + 16]) == 9).all()


def test_vectors_are_added_subtracted_and_compared():
    from minicap.cpu.compiled import vectors
    from minicap.cpu.compiled.arithmetic import kernel

    @kernel
    def compute(a, b, y):
        v, w = vectors.load(a, 0), vectors.load(b, 0)
        vectors.store(y, 0, vectors.add(v, w))
        vectors.store(y, 16, vectors.subtract(v, w))
        vectors.store(y, 32, vectors.largest(v, w))

    a, b = np.random.default_rng(0).standard_normal((2, 16)).astype(np.float32)
    a[[3, 5]] = b[[4, 5]] = np.nan
    y = np.empty(48, np.float32)
    compute(a, b, y)
    np.testing.assert_array_equal(y.reshape(3, 16), [a + b, a - b, np.maximum(a, b)])  # NaN wins, as in NumPy


def test_scratch_arrays_begin_with_a_line_of_the_cache():
    scratch = threads.Scratch()
    for dtype in (np.float32, bool, np.float64):
        for size in (1, 100, 5000):
            array = scratch.empty("a", (size, 3), dtype)
            assert array.ctypes.data % 64 == 0 and array.shape == (size, 3) and array.dtype == dtype
