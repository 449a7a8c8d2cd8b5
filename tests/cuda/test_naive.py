"""The naive kernels of minicap/cuda/naive compute what the final ones do (up to rounding: some use atomics)."""

import re
from pathlib import Path

import numpy as np
import pytest

from minicap.backend import to_numpy
from minicap.conv import conv2d, conv2d_backward
from minicap.cpu.winograd import AT, BT, G
from minicap.cuda import kernels
from minicap.cuda.kernels import blocks_for, launch
from minicap.depthwise import depthwise_conv2d, depthwise_conv2d_backward
from minicap.linear import segment_sum
from minicap.losses import log_softmax, softmax_cross_entropy, softmax_cross_entropy_backward
from minicap.normalization import batch_norm, batch_norm_backward, channel_moments, inverse_deviation
from minicap.pooling import max_pool2d, max_pool2d_backward
from minicap.recurrent import gates_backward, gates_forward

# What each final kernel replaces. Version 2 only where there is a step between the first and the final one.
REPLACED = {
    "depthwise": {"depthwise": ["depthwise_v1"], "input_gradient": ["input_gradient_v1"],
                  "kernel_gradient": ["kernel_gradient_v1"]},
    "embedding": {"segment_sum": ["segment_sum_v1", "segment_sum_v2"]},
    "im2col": {"windows": ["windows_v1"], "pixels": ["pixels_v1"]},
    "lstm": {"gates_forward": ["gates_forward_v1_gates", "gates_forward_v1_cell", "gates_forward_v1_hidden"],
             "gates_backward": ["gates_backward_v1_cell", "gates_backward_v1_gates", "gates_backward_v1_before"]},
    "normalization": {"moments": ["batch_norm_v1", "moments_v2"], "join_moments": ["batch_norm_v1", "moments_v2"],
                      "normalize": ["batch_norm_v1"], "gradient_sums": ["batch_norm_backward_v1"],
                      "join_sums": ["batch_norm_backward_v1"], "normalize_backward": ["batch_norm_backward_v1"]},
    "pooling": {"max_pool": ["max_pool_v1"], "max_pool_backward": ["max_pool_backward_v1"]},
    "softmax": {"log_softmax": ["log_softmax_v1", "log_softmax_v2"], "cross_entropy": ["cross_entropy_v1"],
                "cross_entropy_backward": ["cross_entropy_backward_v1"]},
    "winograd": {"input_tiles": ["conv_v1", "transform_v2"], "output_tiles": ["conv_v1", "transform_v2"],
                 "kernel_tiles": ["conv_v1", "transform_v2"],
                 "gradient_tiles": ["conv_kernel_gradient_v1", "transform_v2"],
                 "kernel_gradient": ["conv_kernel_gradient_v1", "transform_v2"]},
}


@pytest.fixture
def cuda(cuda, order):
    """Each kernel in both orders of threads."""
    return cuda


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def on(cuda, *arrays):
    """Copies on the device."""
    return [cuda.asarray(a.copy()) for a in arrays]


def empty(cuda, *shape):
    return cuda.xp.empty(shape, dtype=np.float32)


def zeros(cuda, *shape):
    return cuda.asarray(np.zeros(shape, np.float32))


def assert_same(ours, final, tolerance=1e-5):
    """Arrays on the device, compared relative to the largest number."""
    for a, b in zip(ours, final, strict=True):
        a, b = to_numpy(a), to_numpy(b)
        assert a.shape == b.shape and np.isfinite(b).all() and np.abs(b).max() > 0
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))


# ------------------------------------------------------------------------------------------------------- the versions

@pytest.mark.parametrize("M, V, E", [(1, 1, 1), (130, 4, 129), (300, 70, 5)])
def test_segment_sum(cuda, M, V, E):
    words = np.random.default_rng(0).integers(0, V, M)
    dy, words = on(cuda, normal(M, E), words)
    final = segment_sum(dy, words, V)
    v1, v2 = zeros(cuda, V, E), empty(cuda, V, E)
    launch("naive/embedding", "segment_sum_v1", *blocks_for(M * E), dy, words, v1, M, E)
    launch("naive/embedding", "segment_sum_v2", *blocks_for(V * E), dy, words, v2, M, V, E)
    assert_same([v1, v2], [final, final])


WINDOWS = [(1, 5, 6, 3, 3, 1, 1), (2, 9, 7, 5, 3, 2, 1), (2, 6, 4, 33, 2, 2, 0)]  # N, H, W, C, K, S, P


@pytest.mark.parametrize("N, H, W, C, K, S, P", WINDOWS)
def test_windows_and_pixels(cuda, N, H, W, C, K, S, P):
    OH, OW = (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1
    sizes, count = (H, W, C, OH, OW, K, S, P), N * OH * OW
    first = count // 3
    (x,) = on(cuda, normal(N, H, W, C))
    results = []
    for name, threads in (("naive/im2col windows_v1", count - first), ("im2col windows", (count - first) * K * K * C)):
        columns = empty(cuda, count - first, K * K * C)
        launch(*name.split(), *blocks_for(threads), x, columns, first, count - first, *sizes)
        results.append(columns)
    assert_same(results[:1], results[1:], tolerance=0)

    (dcolumns,) = on(cuda, normal(count, K * K * C, seed=1))
    dx, dx_v1 = empty(cuda, N, H, W, C), zeros(cuda, N, H, W, C)
    launch("im2col", "pixels", *blocks_for(dx.size), dcolumns, dx, dx.size, *sizes)
    launch("naive/im2col", "pixels_v1", *blocks_for(dcolumns.size), dcolumns, dx_v1, count, *sizes)
    assert_same([dx_v1], [dx])


@pytest.mark.parametrize("N, H", [(1, 1), (3, 5), (7, 64)])
def test_gates(cuda, N, H):
    z, product, c = on(cuda, 3 * normal(N, 4 * H), normal(N, 4 * H, seed=1), normal(N, H, seed=2))
    gates, (c_next, tanh_c, h_next) = z.copy(), (empty(cuda, N, H) for _ in range(3))
    launch("naive/lstm", "gates_forward_v1_gates", *blocks_for(4 * N * H), gates, product, N, H)
    launch("naive/lstm", "gates_forward_v1_cell", *blocks_for(N * H), gates, c, c_next, N, H)
    launch("naive/lstm", "gates_forward_v1_hidden", *blocks_for(N * H), gates, c_next, tanh_c, h_next, N, H)
    final = z + product
    assert_same([h_next, c_next, tanh_c, gates], [*gates_forward(final, c), final])

    dh, dc = on(cuda, normal(N, H, seed=3), normal(N, H, seed=4))
    dz, dc_v1 = empty(cuda, N, 4 * H), dc.copy()
    launch("naive/lstm", "gates_backward_v1_cell", *blocks_for(N * H), dh, dc_v1, gates, tanh_c, N, H)
    launch("naive/lstm", "gates_backward_v1_gates", *blocks_for(4 * N * H), dh, dc_v1, gates, c, tanh_c, dz, N, H)
    launch("naive/lstm", "gates_backward_v1_before", *blocks_for(N * H), dc_v1, gates, N, H)
    assert_same([dz, dc_v1], gates_backward(dh, dc, gates, c, tanh_c))


@pytest.mark.parametrize("shape", [(2, 3, 5, 3), (2, 13, 7, 65)])
def test_batch_normalisation(cuda, shape):
    rows, C = int(np.prod(shape[:3])), shape[3]
    x, dy, gamma, beta = on(cuda, normal(*shape) + np.float32(3), normal(*shape, seed=1), normal(C), normal(C, seed=2))
    mean, variance, y = empty(cuda, C), empty(cuda, C), empty(cuda, *shape)
    launch("naive/normalization", "batch_norm_v1", *blocks_for(C), x, gamma, beta, mean, variance, y, rows, C, 1e-5)
    scale = inverse_deviation(variance, 1e-5)
    assert_same([mean, variance], channel_moments(x))
    assert_same([y], [batch_norm(x, gamma, beta, mean, scale)])

    mean_v2, variance_v2 = empty(cuda, C), empty(cuda, C)
    launch("naive/normalization", "moments_v2", C, 256, x, mean_v2, variance_v2, rows, C)
    assert_same([mean_v2, variance_v2], [mean, variance])

    dbeta, dgamma, dx = empty(cuda, C), empty(cuda, C), empty(cuda, *shape)
    launch("naive/normalization", "batch_norm_backward_v1", *blocks_for(C), dy, x, gamma, mean, scale, dbeta, dgamma,
           dx, rows, C)
    assert_same([dx, dgamma, dbeta], batch_norm_backward(dy, x, gamma, mean, scale))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("N, H, W, C, K, S, P", [*WINDOWS, (1, 7, 7, 2, 3, 3, 1)])
def test_max_pooling(cuda, N, H, W, C, K, S, P, ties):
    (x,) = on(cuda, np.round(normal(N, H, W, C)) if ties else normal(N, H, W, C))
    y = max_pool2d(x, K, S, P)
    OH, OW = y.shape[1:3]
    y_v1, dx_v1 = empty(cuda, *y.shape), zeros(cuda, *x.shape)
    launch("naive/pooling", "max_pool_v1", *blocks_for(y.size), x, y_v1, y.size, H, W, C, OH, OW, K, S, P)
    assert_same([y_v1], [y], tolerance=0)
    (dy,) = on(cuda, normal(*y.shape, seed=1))
    launch("naive/pooling", "max_pool_backward_v1", *blocks_for(y.size), dy, x, dx_v1, y.size, H, W, C, OH, OW, K, S, P)
    assert_same([dx_v1], [max_pool2d_backward(dy, x, y, K, S, P)])


@pytest.mark.parametrize("M, V", [(1, 2), (3, 31), (2, 257), (2, 8003)])
def test_log_softmax(cuda, M, V):
    (logits,) = on(cuda, 100 * normal(M, V))  # exp overflows unless the largest is subtracted
    v1, v2, final = empty(cuda, M, V), empty(cuda, M, V), log_softmax(logits)
    launch("naive/softmax", "log_softmax_v1", *blocks_for(M), logits, v1, M, V)
    launch("naive/softmax", "log_softmax_v2", M, 256, logits, v2, V)
    assert_same([v1, v2], [final, final])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(cuda, smoothing):
    M, V = 5, 257
    logits, targets, dloss = on(cuda, 3 * normal(M, V), np.arange(M), normal(M))
    p, loss = empty(cuda, M, V), empty(cuda, M)
    launch("naive/softmax", "cross_entropy_v1", *blocks_for(M), logits, targets, p, loss, M, V, smoothing)
    assert_same([p, loss], softmax_cross_entropy(logits, targets, smoothing))
    dlogits = p.copy()
    launch("naive/softmax", "cross_entropy_backward_v1", *blocks_for(M), dlogits, targets, dloss, M, V, smoothing)
    assert_same([dlogits], [softmax_cross_entropy_backward(p, targets, dloss, smoothing)])


@pytest.mark.parametrize("N, H, W, C, K, S, P", WINDOWS)
def test_depthwise_convolution(cuda, N, H, W, C, K, S, P):
    padding = (P, P + 1), (P, 0)
    x, kernel, b = on(cuda, normal(N, H, W, C), normal(K, K, C), normal(C))
    final = depthwise_conv2d(x, kernel, b, S, padding)
    OH, OW = final.shape[1:3]
    (dy,) = on(cuda, normal(*final.shape, seed=1))
    y, dx, dW, sizes = empty(cuda, *final.shape), zeros(cuda, *x.shape), empty(cuda, K, K, C), (
        H, W, C, OH, OW, K, S, P, P)
    launch("naive/depthwise", "depthwise_v1", *blocks_for(y.size), x, kernel, b, y, y.size, *sizes)
    launch("naive/depthwise", "input_gradient_v1", *blocks_for(y.size), dy, kernel, dx, y.size, *sizes)
    launch("naive/depthwise", "kernel_gradient_v1", *blocks_for(dW.size), dy, x, dW, N * OH * OW, *sizes)
    assert_same([y], [final])
    assert_same([dx, dW], depthwise_conv2d_backward(dy, x, kernel, S, padding)[:2])


@pytest.mark.parametrize("N, H, W, C, F", [(1, 4, 4, 32, 32), (2, 5, 7, 32, 33), (1, 1, 1, 32, 32)])
def test_direct_convolution(cuda, N, H, W, C, F):
    x, kernel, b, dy = on(cuda, normal(N, H, W, C), normal(3, 3, C, F) / C**0.5 / 3, normal(F), normal(N, H, W, F))
    y, dW = empty(cuda, N, H, W, F), empty(cuda, 3, 3, C, F)
    launch("naive/winograd", "conv_v1", *blocks_for(y.size), x, kernel, b, y, N, H, W, C, F)
    launch("naive/winograd", "conv_kernel_gradient_v1", *blocks_for(dW.size), x, dy, dW, N, H, W, C, F)
    assert_same([y], [conv2d(x, kernel, b, 1, 1)], tolerance=2e-5)
    assert_same([dW], [conv2d_backward(dy, x, kernel, 1, 1)[1]], tolerance=2e-5)


def transform_v2(cuda, matrix, tiles):
    """M t Mᵀ for tiles (FROM, FROM, count)."""
    TO, FROM = matrix.shape
    transformed = empty(cuda, TO * TO, tiles.shape[-1])
    launch("naive/winograd", "transform_v2", *blocks_for(transformed.size), *on(cuda, matrix.astype(np.float32), tiles),
           transformed, FROM, TO, tiles.shape[-1])
    return transformed


def test_the_transforms_of_winograd(cuda):
    """One image of 4 x 4 pixels is one tile; its channels stand for many."""
    C, F = 5, 3
    x, w, m = normal(1, 4, 4, C), normal(3, 3, C, F), normal(36, 1, C)
    dy, dU = normal(1, 4, 4, C, seed=1), normal(36, C * F)
    padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)))
    V, U, y, dM, dW = (empty(cuda, *shape) for shape in ((36, C), (36, C * F), (16, C), (36, C), (9, C * F)))
    launch("winograd", "input_tiles", *blocks_for(C), *on(cuda, x), V, 0, 1, 4, 4, C)
    launch("winograd", "kernel_tiles", *blocks_for(C * F), *on(cuda, w), U, C * F)
    launch("winograd", "output_tiles", *blocks_for(C), *on(cuda, m), None, y, 0, 1, 4, 4, C)
    launch("winograd", "gradient_tiles", *blocks_for(C), *on(cuda, dy), dM, 0, 1, 4, 4, C)
    launch("winograd", "kernel_gradient", *blocks_for(C * F), *on(cuda, dU), dW, C * F)
    assert_same([transform_v2(cuda, BT, padded), transform_v2(cuda, G, w.reshape(3, 3, -1)),
                 transform_v2(cuda, AT, m.reshape(6, 6, -1)), transform_v2(cuda, AT.T, dy[0]),
                 transform_v2(cuda, G.T, dU.reshape(6, 6, -1))], [V, U, y, dM, dW])


# -------------------------------------------------------------------------------------------------------- all of them

def names(source):
    return set(kernels.declarations(source))


def test_every_final_kernel_has_a_first_version_and_every_version_a_final_kernel():
    assert {p.stem for p in kernels.FOLDER.glob("*.cu")} == set(REPLACED) == {
        p.stem for p in (kernels.FOLDER / "naive").glob("*.cu")}
    for source, replaced in REPLACED.items():
        assert set(replaced) == names(source)
        assert {version for versions in replaced.values() for version in versions} == names(f"naive/{source}")
        assert all(versions[0].find("_v1") > 0 for versions in replaced.values())


def test_every_version_is_compared_here_and_launched_by_no_twin():
    here = Path(__file__).read_text(encoding="utf-8")
    for source in REPLACED:
        for name in names(f"naive/{source}"):
            assert re.search(rf'"naive/{source}( |", "){name}"', here), f"{name} is not launched in this file"
    assert not any("naive" in path.read_text(encoding="utf-8") for path in kernels.FOLDER.glob("*.py"))


def test_no_final_kernel_uses_atomics():
    assert not any("atomicAdd(" in path.read_text(encoding="utf-8") for path in kernels.FOLDER.glob("*.cu"))


@pytest.mark.parametrize("source", REPLACED)
def test_a_naive_source_says_what_it_is_and_ends_with_what_the_final_one_gains(source):
    text = (kernels.FOLDER / "naive" / f"{source}.cu").read_text(encoding="utf-8")
    header = " ".join(text[:text.index("\n\n")].replace("//", "").split())
    assert header.startswith(f"The steps that led to ../{source}.cu") and "the library never launches them" in header
    assert "// Version 1" in text and text.count("// Version 2") == ("_v2" in text)
    assert re.search(r"// Final version, [^\n]*\.\./\w+\.cu", text) and "Gained:" in text
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("__global__") == len(names(f"naive/{source}"))
    assert f"naive/{source}.cu" in (kernels.FOLDER / f"{source}.cu").read_text(encoding="utf-8")
