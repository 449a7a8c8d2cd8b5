"""Attention: weights that sum to one, a weighted sum of regions, and a memory that can be attended to instead."""

import numpy as np
import pytest

from minicap.attention import AdaptiveAttention, DoublyStochastic, SoftAttention, prepare_keys, softmax
from minicap.backend import to_numpy
from minicap.gradcheck import assert_gradients
from minicap.layer import Cache

I, N, L, D, E, H, A = 3, 4, 6, 5, 2, 4, 7
IMAGE_OF = np.array([2, 0, 2, 1])


def make(kind, device, asked=False, **options):
    """(layer, its inputs): float64, several rows about one image, and where it is asked more a last input q."""
    rng = np.random.default_rng(0)
    layer = (SoftAttention(D, H, A, rng=rng, **options) if kind == "soft"
             else AdaptiveAttention(D, E, H, A, rng=rng, **options))
    layer.astype(np.float64).to(device)
    shapes = [(I, L, D), (I, L, A), IMAGE_OF, (N, H)] + ([] if kind == "soft" else [(N, E), (N, H)])
    shapes += [(N, A)] * asked
    return layer, [device.asarray(s if isinstance(s, np.ndarray) else rng.standard_normal(s)) for s in shapes]


both = pytest.mark.parametrize("kind", ["soft", "adaptive"])


@both
def test_a_step_equals_the_equations_written_with_loops(device, kind):
    layer, inputs = make(kind, device)
    z, alpha = map(to_numpy, layer(*inputs))
    W = layer.state()
    regions, keys, _, h, *more = map(to_numpy, inputs)
    for n in range(N):
        i = IMAGE_OF[n]
        e = [W["v"] @ np.tanh(keys[i, k] + h[n] @ W["U"]) for k in range(L)]
        values = list(regions[i])
        if kind == "adaptive":
            x, c = more
            g = 1 / (1 + np.exp(-(np.concatenate([x[n], h[n]]) @ W["gate.W"] + W["gate.b"])))
            s = g * np.tanh(c[n])
            e.append(W["v"] @ np.tanh(s @ W["key.W"] + W["key.b"] + h[n] @ W["U"]))
            values.append(s @ W["value.W"] + W["value.b"])
        expected = np.exp(e) / np.exp(e).sum()
        np.testing.assert_allclose(alpha[n], expected, rtol=1e-12)
        seen = sum(a * value for a, value in zip(expected, values, strict=True))
        beta = 1 / (1 + np.exp(-(h[n] @ W["gate.W"] + W["gate.b"]))) if kind == "soft" else 1
        np.testing.assert_allclose(z[n], beta * seen, rtol=1e-12)


@both
def test_what_is_asked_more_is_added_to_the_query(device, kind):
    layer, (*inputs, q) = make(kind, device, asked=True)
    zero = device.xp.zeros_like(q)
    for ours, right in zip(layer(*inputs, zero), layer(*inputs), strict=True):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(right), rtol=1e-12)
    z, alpha = map(to_numpy, layer(*inputs, q))
    regions, keys, image_of, h, *more = inputs
    shift = to_numpy(q) @ np.linalg.pinv(to_numpy(layer.U.data))  # of h; U is H x A with H < A, so not every q is one
    q = device.asarray(shift @ to_numpy(layer.U.data))
    asked = to_numpy(layer(*inputs, q)[1])
    assert np.abs(asked - to_numpy(layer(*inputs)[1])).max() > 1e-3 and np.abs(asked - alpha).max() > 1e-6
    if kind == "soft":  # h itself also opens the gate and the sentinel
        moved = to_numpy(layer(regions, keys, image_of, h + device.asarray(shift))[1])
        np.testing.assert_allclose(asked, moved, rtol=1e-9)


@both
def test_asked_more_it_passes_the_gradient_check(device, kind):
    layer, inputs = make(kind, device, asked=True)
    report = assert_gradients(layer, *inputs, max_elements=30)
    assert f"x[{len(inputs) - 1}]" in {t.name for t in report.tensors}


@both
def test_the_steps_of_a_sequence_may_share_the_arrays_of_their_gradients(device, kind):
    layer, inputs = make(kind, device)
    regions, keys = inputs[:2]
    dy = tuple(device.asarray(np.random.default_rng(t).standard_normal(part.shape))
               for t, part in enumerate(layer(*inputs)))
    passes = [layer.forward(*inputs) for _ in range(2)]
    alone = [layer.backward(dy, cache) for _, cache in passes]
    dregions, dkeys = (device.xp.zeros_like(a) for a in (regions, keys))
    prepared = prepare_keys(keys)
    for _, cache in [layer.forward(*inputs, prepared=prepared) for _ in range(2)]:
        together = layer.backward(dy, cache, dregions=dregions, dkeys=dkeys)
        assert together[0] is dregions and together[1] is dkeys
    for total, part in ((dregions, 0), (dkeys, 1)):
        np.testing.assert_allclose(to_numpy(total), to_numpy(alone[0][part] + alone[1][part]), rtol=1e-12)


@both
def test_nobody_has_to_want_the_gradient_of_the_regions_or_of_alpha(device, kind):
    layer, inputs = make(kind, device)
    frozen, _ = make(kind, device, input_gradient=False)
    dz = device.asarray(np.random.default_rng(1).standard_normal((N, D)))
    zero = device.xp.zeros_like(layer(*inputs)[1])
    expected = layer.backward((dz, zero), layer.forward(*inputs)[1])
    found = frozen.backward((dz, None), frozen.forward(*inputs)[1])
    assert found[0] is None and found[2] is None
    for ours, theirs in zip((found[1], *found[3:]), (expected[1], *expected[3:]), strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


def test_the_gate_can_look_away_and_the_sentinel_can_take_over(device):
    layer, inputs = make("soft", device)
    layer.gate.b.data -= 100
    assert np.abs(to_numpy(layer(*inputs)[0])).max() < 1e-12
    layer, inputs = make("adaptive", device)
    layer.v.data *= 0
    _, alpha = layer(*inputs)
    np.testing.assert_allclose(to_numpy(alpha), 1 / (L + 1))  # nothing to choose by: the memory is one among L + 1


def test_the_softmax_takes_any_numbers(device):
    p = to_numpy(softmax(device.asarray(np.array([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]]))))
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3] * 3])


def test_the_doubly_stochastic_term_is_zero_when_every_region_got_its_share(device):
    layer = DoublyStochastic(0.5)
    assert float(to_numpy(layer(device.asarray(np.ones((2, 3))), words=5))) == 0
    attended = device.asarray(np.array([[1.0, 0.5, 2.0], [0.0, 1.0, 1.0]]))
    assert float(to_numpy(layer(attended, words=5))) == pytest.approx(0.5 / 5 * (0.25 + 1 + 1))


@both
@pytest.mark.parametrize("which, shape, message", [
    (0, (I, L, D + 1), "regions of shape (I, L, 5), got (3, 6, 6)"), (1, (I, L + 1, A), "keys of shape (3, 6, 7)"),
    (3, (N - 1, H), "h of shape (4, 4), got (3, 4)"), (3, (N, H + 1), "h of shape (4, 4)")])
def test_each_input_of_a_wrong_shape_is_named(device, kind, which, shape, message):
    layer, inputs = make(kind, device)
    inputs[which] = device.asarray(np.zeros(shape))
    with pytest.raises(ValueError) as error:
        layer(*inputs)
    assert f"expects {message}" in str(error.value)


def test_a_cache_holds_no_array_of_regions_times_attention_size(device):
    layer, inputs = make("soft", device)
    _, cache = layer.forward(*inputs)
    assert isinstance(cache, Cache)
    own = [a for name, a in vars(cache).items() if getattr(a, "ndim", 0) == 3 and name not in ("regions", "keys")]
    assert own == []
