"""The CUDA twins equal the plain functions, on shapes that do not fill a warp, a block or a tile."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import cuda as cuda_twins
from minicap.backend import to_numpy
from minicap.conv import conv2d, conv2d_backward
from minicap.cuda import conv, depthwise, kernels, linear, winograd
from minicap.depthwise import depthwise_conv2d, depthwise_conv2d_backward, output_sizes
from minicap.linear import segment_sum
from minicap.losses import log_softmax, softmax_cross_entropy, softmax_cross_entropy_backward
from minicap.normalization import batch_norm, batch_norm_backward, channel_moments
from minicap.pooling import max_pool2d, max_pool2d_backward
from minicap.recurrent import gates_backward, gates_forward, lstm_steps, lstm_steps_backward


@pytest.fixture
def cuda(cuda, order):
    """Each twin in both orders of threads."""
    return cuda


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def twin_of(op):
    name = op.__name__
    return getattr(importlib.import_module(f"minicap.cuda.{cuda_twins.TWINS[name]}"), name)


def as_list(result):
    return list(result) if isinstance(result, tuple) else [result]


def assert_equal(cuda, op, *arguments, tolerance=2e-6, **options):
    """The twin of ``op`` on ``cuda`` in float32 against the plain function on NumPy in float64; returns the former.

    Arrays that either changes in place are compared too.
    """
    ours = [cuda.asarray(a.copy()) if isinstance(a, np.ndarray) else a for a in arguments]
    theirs = [(a.astype(np.float64) if a.dtype == np.float32 else a.copy()) if isinstance(a, np.ndarray) else a
              for a in arguments]
    results, expected = as_list(twin_of(op)(*ours, **options)), as_list(op.plain(*theirs, **options))
    assert NotImplemented not in [r for r in results if r is NotImplemented]
    for a, b in zip(results + ours, expected + theirs, strict=True):
        if isinstance(b, np.ndarray):
            a = to_numpy(a)
            assert a.shape == b.shape and a.dtype == (np.float32 if b.dtype == np.float64 else b.dtype)
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max(initial=0)))
        else:
            assert a is b or a == b
    return results


# ---------------------------------------------------------------------------------------------------- cross-entropy

ROWS = [(1, 1), (1, 2), (3, 31), (2, 257), (2, 8003)]


@pytest.mark.parametrize("M, V", ROWS)
def test_log_softmax(cuda, M, V):
    assert_equal(cuda, log_softmax, 10 * normal(M, V))


@pytest.mark.parametrize("smoothing", [0, 0.1])
@pytest.mark.parametrize("M, V", ROWS)
def test_cross_entropy_and_its_gradient(cuda, M, V, smoothing):
    targets = np.random.default_rng(0).integers(0, V, M)
    assert_equal(cuda, softmax_cross_entropy, 10 * normal(M, V), targets, smoothing=smoothing)
    p = np.exp(normal(M, V))
    p /= p.sum(axis=1, keepdims=True)
    assert_equal(cuda, softmax_cross_entropy_backward, p, targets, normal(M), smoothing=smoothing)


def test_softmax_of_huge_logits_neither_overflows_nor_loses_the_smallest(cuda):
    logits = np.array([[1e30, 0, -1e30], [500, 499, -500]], np.float32)
    p, loss = (to_numpy(a) for a in softmax_cross_entropy(cuda.asarray(logits), cuda.asarray(np.array([0, 1]))))
    np.testing.assert_allclose(p[0], [1, 0, 0])
    np.testing.assert_allclose(loss, [0, 1 + np.log1p(np.exp(-1))], rtol=1e-6)


def test_targets_of_another_integer_type(cuda):
    logits, targets = cuda.asarray(normal(4, 5)), np.array([0, 4, 2, 2])
    for dtype in (np.int32, np.uint8):
        np.testing.assert_array_equal(*(to_numpy(softmax_cross_entropy(logits, cuda.asarray(t))[1])
                                        for t in (targets, targets.astype(dtype))))


# ------------------------------------------------------------------------------------------------------------- LSTM

@pytest.mark.parametrize("N, H", [(1, 1), (3, 5), (7, 64), (2, 300)])
def test_gates_and_their_gradient(cuda, N, H):
    assert_equal(cuda, gates_forward, 3 * normal(N, 4 * H), normal(N, H))
    gates, tanh_c = 1 / (1 + np.exp(-normal(N, 4 * H))), np.tanh(normal(N, H, seed=4))
    assert_equal(cuda, gates_backward, normal(N, H), normal(N, H, seed=1), gates, normal(N, H, seed=2), tanh_c)


@pytest.mark.parametrize("N, H, batch_sizes", [(1, 1, [1]), (5, 3, [5, 5, 2, 1]), (4, 33, [4, 3]), (3, 2, [3, 1, 1])])
def test_the_steps_of_an_lstm_and_their_gradient(cuda, N, H, batch_sizes):
    M = sum(batch_sizes)
    z, U, h, c = normal(M, 4 * H), 0.5 * normal(H, 4 * H), np.zeros((N + M, H), np.float32), normal(N + M, H)
    c[N:] = 0
    h[:N] = normal(N, H, seed=3)
    arrays = [z, U, h, c, np.zeros_like(c)]
    assert_equal(cuda, lstm_steps, *arrays, batch_sizes)
    lstm_steps.plain(*arrays, batch_sizes)
    z, U, h, c, tanh_c = arrays
    assert_equal(cuda, lstm_steps_backward, z, U, c, tanh_c, normal(M, H, seed=5), normal(N, H, seed=6),
                 normal(N, H, seed=7), batch_sizes, tolerance=5e-6)


# ---------------------------------------------------------------------------------------------------------- pooling

@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("N, H, W, C, K, S, P", [
    (1, 2, 2, 1, 2, 2, 0), (2, 7, 5, 3, 2, 2, 0), (1, 8, 9, 33, 3, 2, 1), (2, 5, 6, 4, 3, 1, 1), (1, 9, 9, 2, 2, 3, 0),
    (3, 4, 4, 64, 4, 4, 0), (1, 6, 5, 2, 5, 2, 2), (1, 3, 3, 5, 1, 1, 0), (1, 7, 7, 2, 3, 3, 1),
])
def test_max_pooling_and_its_gradient(cuda, N, H, W, C, K, S, P, ties):
    x = normal(N, H, W, C)
    if ties:
        x = np.round(x)  # the first in reading order gets the gradient
    (y,) = assert_equal(cuda, max_pool2d, x, K, S, P, tolerance=0)
    y = to_numpy(y)
    assert_equal(cuda, max_pool2d_backward, normal(*y.shape, seed=1), x, y, K, S, P, tolerance=1e-6)


@pytest.mark.parametrize("N, H, W, C, K, S, padding", [
    (1, 1, 1, 1, 1, 1, ((0, 0), (0, 0))), (2, 7, 5, 3, 3, 1, ((1, 1), (1, 1))), (1, 8, 9, 33, 3, 2, ((0, 1), (1, 1))),
    (2, 20, 22, 5, 5, 2, ((1, 2), (1, 2))), (1, 9, 9, 2, 2, 3, ((0, 0), (3, 1))), (3, 6, 4, 64, 5, 1, ((2, 2), (2, 2))),
    (1, 2, 3, 4, 3, 1, ((4, 5), (3, 0))),
])
def test_depthwise_convolution_and_its_gradients(cuda, N, H, W, C, K, S, padding):
    x, kernel, b = normal(N, H, W, C), normal(K, K, C), normal(C)
    assert_equal(cuda, depthwise_conv2d, x, kernel, b, S, padding)
    dy = normal(N, *output_sizes(x, K, S, padding), C, seed=1)
    assert_equal(cuda, depthwise_conv2d_backward, dy, x, kernel, S, padding, tolerance=5e-6)


def test_the_kernel_gradient_of_many_outputs_is_added_up_from_slabs(cuda, monkeypatch):
    monkeypatch.setattr(depthwise, "FEWEST_ROWS", 7)
    test_depthwise_convolution_and_its_gradients(cuda, 2, 9, 7, 33, 3, 1, ((1, 1), (1, 1)))


def test_a_pixel_that_is_no_number_is_the_largest(cuda):
    x = normal(1, 4, 4, 1)
    x[0, 0, 1] = x[0, 3, 2] = np.nan
    y = to_numpy(max_pool2d(cuda.asarray(x), 2, 2))
    np.testing.assert_array_equal(np.isnan(y)[0, ..., 0], [[True, False], [False, True]])


# ---------------------------------------------------------------------------------------------- batch normalisation

PIXELS = [(1, 1, 1, 1), (2, 3, 5, 3), (1, 9, 8, 32), (2, 13, 7, 65), (3, 30, 30, 16)]


@pytest.mark.parametrize("shape", PIXELS)
@pytest.mark.parametrize("offset", [0, 1000])
def test_moments_of_channels(cuda, shape, offset):
    x = normal(*shape) + np.float32(offset)
    mean, variance = (to_numpy(a) for a in twin_of(channel_moments)(cuda.asarray(x)))
    expected = channel_moments.plain(x.astype(np.float64))
    np.testing.assert_allclose(mean, expected[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(variance, expected[1], rtol=1e-4, atol=1e-6)  # 1000² has no place for 1 in float32


@pytest.mark.parametrize("shape", PIXELS)
@pytest.mark.parametrize("frozen", [False, True])
def test_normalisation_and_its_gradient(cuda, shape, frozen):
    x, C = normal(*shape), shape[-1]
    gamma, beta, mean, scale = (normal(C, seed=s) for s in range(4))
    assert_equal(cuda, batch_norm, x, gamma, beta, mean, scale, tolerance=1e-5)
    assert_equal(cuda, batch_norm_backward, normal(*shape, seed=1), x, gamma, mean, scale, frozen=frozen,
                 tolerance=2e-5)


# ------------------------------------------------------------------------------------------------------- embedding

@pytest.mark.parametrize("words_shape, V, E", [((1,), 1, 1), ((3, 4), 7, 5), ((130,), 4, 129), ((2, 200), 300, 40),
                                               ((300,), 1, 3), ((0,), 3, 4)])
def test_segment_sum(cuda, words_shape, V, E):
    words = np.random.default_rng(0).integers(0, V, words_shape)
    assert_equal(cuda, segment_sum, normal(*words_shape, E), words, V)


# ----------------------------------------------------------------------------------------------------- convolution

SHAPES = [  # N, H, W, C, F, K, S, P
    (1, 4, 4, 32, 32, 3, 1, 1), (2, 5, 7, 32, 33, 3, 1, 1), (1, 9, 6, 40, 32, 3, 1, 1), (1, 1, 1, 32, 32, 3, 1, 1),
    (2, 5, 6, 3, 4, 3, 1, 1), (1, 7, 8, 2, 3, 3, 1, 0), (2, 9, 7, 3, 2, 3, 2, 1), (1, 11, 12, 3, 5, 7, 2, 3),
    (1, 6, 6, 2, 2, 2, 2, 0), (2, 8, 5, 1, 3, 2, 3, 1), (1, 5, 5, 4, 1, 5, 1, 4),
]


@pytest.mark.parametrize("N, H, W, C, F, K, S, P", SHAPES)
def test_convolution_and_its_gradients(cuda, N, H, W, C, F, K, S, P):
    x, kernel, b = normal(N, H, W, C), normal(K, K, C, F) / K / C**0.5, normal(F)
    (y,) = assert_equal(cuda, conv2d, x, kernel, b, S, P, tolerance=1e-5)
    dy = normal(*y.shape, seed=1)
    assert_equal(cuda, conv2d_backward, dy, x, kernel, S, P, tolerance=1e-5)
    dx, _, _ = twin_of(conv2d_backward)(*(cuda.asarray(a) for a in (dy, x, kernel)), S, P, input_gradient=False)
    assert dx is None


@pytest.mark.parametrize("N, H, W, C, F, K, S, P", [SHAPES[1], SHAPES[4], SHAPES[6]])
@pytest.mark.parametrize("windows", [1, 5])
def test_convolution_in_many_chunks(cuda, monkeypatch, N, H, W, C, F, K, S, P, windows):
    monkeypatch.setattr(conv, "BUFFER_BYTES", 4 * K * K * C * windows)
    monkeypatch.setattr(winograd, "BUFFER_BYTES", 4 * 36 * 3 * max(C, F) * windows)
    test_convolution_and_its_gradients(cuda, N, H, W, C, F, K, S, P)


@given(N=st.integers(1, 40), H=st.integers(1, 300), W=st.integers(1, 300), C=st.integers(1, 1024), K=st.integers(1, 7))
def test_chunks_are_everything_once_and_within_the_bound(N, H, W, C, K):
    for chunks, total, numbers in ((winograd._chunks(N, H, W, C), N * -(-H // 4) * -(-W // 4), 36 * C),
                                   (conv._chunks(N * H * W, K * K * C), N * H * W, K * K * C)):
        firsts, counts = zip(*chunks, strict=True)
        assert firsts == (0, *np.cumsum(counts)[:-1]) and sum(counts) == total
        assert 4 * numbers * max(counts) <= 256 << 20


def test_the_algorithm_follows_the_shape_and_the_precision(monkeypatch):
    def way(K, C, F, S, P):
        return conv.algorithm(np.empty((K, K, C, F), np.float32), S, P)

    assert [way(3, 64, 64, 1, 1), way(3, 3, 64, 1, 1), way(3, 64, 64, 2, 1), way(1, 64, 64, 1, 0), way(3, 8, 8, 1, 3)] \
        == ["winograd", "im2col", "im2col", "plain", "plain"]
    monkeypatch.setenv("MINICAP_TF32", "1")
    assert way(3, 64, 64, 1, 1) == "im2col"  # the tensor cores are fast enough, and the transforms too coarse for TF32


# ------------------------------------------------------------------------------------------------------ all of them

def test_double_precision_and_sizes_beyond_32_bits_are_left_to_the_plain_functions(cuda, monkeypatch):
    x, v, words = (cuda.asarray(a) for a in (np.ones((1, 2, 2, 1)), np.ones(1), np.zeros((1, 2, 2), int)))
    m = x[0, 0]
    calls = {
        "segment_sum": (x, words, 1), "conv2d": (x, x, v), "conv2d_backward": (x, x, x),
        "max_pool2d": (x, 2, 2), "max_pool2d_backward": (x, x, x, 2, 2),
        "depthwise_conv2d": (x, x[0], v, 1, ((0, 0), (0, 0))),
        "depthwise_conv2d_backward": (x, x, x[0], 1, ((0, 0), (0, 0))),
        "channel_moments": (x,), "batch_norm": (x, v, v, v, v), "batch_norm_backward": (x, x, v, v, v),
        "gates_forward": (m, m), "gates_backward": (m, m, m, m, m), "lstm_steps": (x, m, x, x, x, [1]),
        "lstm_steps_backward": (x, m, x, x, x, m, m, [1]),
        "log_softmax": (m,), "softmax_cross_entropy": (m, words[0, 0]),
        "softmax_cross_entropy_backward": (m, words[0, 0], v),
    }
    assert calls.keys() == cuda_twins.TWINS.keys()
    for name, arguments in calls.items():
        twin = getattr(importlib.import_module(f"minicap.cuda.{cuda_twins.TWINS[name]}"), name)
        assert twin(*arguments) is NotImplemented, name

    class Huge:
        dtype, size = np.dtype(np.float32), 2**31

    assert not kernels.fits(Huge)


def test_arrays_that_are_not_one_run_of_memory_are_taken_too(cuda):
    x = normal(2, 6, 4, 3)
    turned = cuda.asarray(x).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(to_numpy(max_pool2d(turned, 2, 2)), max_pool2d.plain(x.transpose(0, 2, 1, 3), 2, 2))
    np.testing.assert_allclose(to_numpy(channel_moments(turned)[0]), x.mean(axis=(0, 1, 2)), atol=1e-6)
    logits, targets = cuda.asarray(normal(7, 5)).T, cuda.asarray(np.array([0, 6, 2, 3, 1]))
    np.testing.assert_allclose(to_numpy(log_softmax(logits)), log_softmax.plain(normal(7, 5).T), rtol=1e-5)
    for twin, plain in zip(softmax_cross_entropy(logits, targets),
                           softmax_cross_entropy.plain(normal(7, 5).T, to_numpy(targets)), strict=True):
        np.testing.assert_allclose(to_numpy(twin), plain, rtol=1e-5)
    words = cuda.asarray(np.arange(24).reshape(4, 6)).T
    dy = cuda.asarray(normal(4, 6, 5)).transpose(1, 0, 2)
    np.testing.assert_array_equal(to_numpy(linear.segment_sum(dy, words, 24)), normal(4, 6, 5).reshape(24, 5))


def test_the_same_numbers_come_out_of_every_run(cuda, monkeypatch):
    """Bitwise, whichever thread and block is first."""
    def results():
        x, dy = cuda.asarray(normal(2, 9, 9, 40)), cuda.asarray(normal(2, 9, 9, 40, seed=1))
        kernel, words = cuda.asarray(normal(3, 3, 40, 40)), cuda.asarray(np.arange(162).reshape(2, 9, 9) % 5)
        mean, variance = channel_moments(x)
        arrays = [mean, variance, *batch_norm_backward(dy, x, mean, mean, variance), segment_sum(dy, words, 6),
                  max_pool2d_backward(dy, x, max_pool2d(x, 3, 1, 1), 3, 1, 1), *conv2d_backward(dy, x, kernel, 1, 1),
                  *depthwise_conv2d_backward(dy, x, kernel[:, :, 0], 1, ((1, 1), (1, 1))),
                  *softmax_cross_entropy(x.reshape(-1, 360), words.reshape(-1)[:18])]
        return [to_numpy(a) for a in arrays]

    if cuda.name == "emulated":
        import emulator

        monkeypatch.setattr(emulator.RawKernel, "backwards", False)
    first = results()
    if cuda.name == "emulated":
        monkeypatch.setattr(emulator.RawKernel, "backwards", True)
    for a, b in zip(first, results(), strict=True):
        np.testing.assert_array_equal(a, b)
