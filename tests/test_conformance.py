"""What every layer promises, tested on every layer: one table, one test per promise.

A new layer needs one line in ``CASES``; ``test_every_layer_has_a_case`` says so if it is forgotten. Whole networks
(VGG, EfficientNet-Lite, the captioning models) are made of these layers and have tests of their own.
"""

import copy
import importlib
import pkgutil
import re
from dataclasses import dataclass, field

import numpy as np
import pytest

import minicap
from minicap.activations import Dropout, ReLU, ReLU6, Sigmoid, Tanh
from minicap.attention import AdaptiveAttention, DoublyStochastic, SoftAttention
from minicap.backend import CPU, array_module, to_numpy
from minicap.conv import Conv2d
from minicap.depthwise import DepthwiseConv2d
from minicap.layer import Layer, Residual, Sequential
from minicap.linear import Embedding, Flatten, Linear
from minicap.losses import SoftmaxCrossEntropy
from minicap.networks import Network
from minicap.normalization import BatchNorm2d, L2Normalize, Standardize
from minicap.pooling import AvgPool2d, MaxPool2d
from minicap.recurrent import LSTM, LSTMCell
from minicap.sync_batch_norm import SyncBatchNorm2d


@dataclass(frozen=True)
class Case:
    """A layer, inputs it takes, what it says of itself, and an input it has to refuse (``refused``) with a message."""

    name: str
    make: object                                 # (rng) -> layer
    inputs: list                                 # shapes of float inputs; arrays for integers
    shown: str                                   # repr(layer)
    refused: list | None = None                  # inputs of wrong shape; None: the layer takes any shape
    message: str = ""
    options: dict = field(default_factory=dict)  # keyword arguments of forward, in NumPy
    same_at_inference: bool = True


def off_neutral(layer):
    """A Standardize that does something: statistics other than 0 and 1."""
    layer.mean.data = np.linspace(-1, 1, len(layer.mean.data), dtype=np.float32)
    layer.std.data = layer.mean.data + 2
    return layer


IMAGES, WORDS = (2, 5, 4, 3), np.array([[0, 2, 2], [4, 1, 0]])
IMAGE_OF = np.array([2, 0, 2])  # two rows about one image, none about another
CASES = [
    Case("Linear", lambda rng: Linear(3, 4, rng=rng), [(2, 5, 3)], "Linear(3 -> 4)",
         [(2, 4)], "Linear(3 -> 4) expects x of shape (..., 3), got (2, 4)"),
    Case("Linear, no bias", lambda rng: Linear(3, 4, rng=rng, bias=False), [(2, 3)], "Linear(3 -> 4, no bias)",
         [(3, 2)], "Linear(3 -> 4, no bias) expects x of shape (..., 3), got (3, 2)"),
    Case("Embedding", lambda rng: Embedding(5, 3, rng=rng), [WORDS], "Embedding(5 words -> 3)",
         [(2, 3)], "Embedding(5 words -> 3) expects integer words, got float32"),
    Case("Flatten", lambda rng: Flatten(), [IMAGES], "Flatten()",
         [(2, 5)], "Flatten() expects x of shape (N, H, W, C), got (2, 5)"),
    Case("ReLU", lambda rng: ReLU(), [(3, 4)], "ReLU()"),
    Case("ReLU6", lambda rng: ReLU6(), [(3, 4)], "ReLU6()"),
    Case("Tanh", lambda rng: Tanh(), [(3, 4)], "Tanh()"),
    Case("Sigmoid", lambda rng: Sigmoid(), [(3, 4)], "Sigmoid()"),
    Case("Dropout", lambda rng: Dropout(0.5, rng=rng), [(3, 4)], "Dropout(0.5)", same_at_inference=False),
    Case("Conv2d", lambda rng: Conv2d(3, 2, 3, padding=1, rng=rng), [IMAGES], "Conv2d(3 -> 2, 3x3, padding=1)",
         [(2, 4, 5, 5)], "Conv2d(3 -> 2, 3x3, padding=1) expects x of shape (N, H, W, 3), got (2, 4, 5, 5)"),
    Case("Conv2d, stride", lambda rng: Conv2d(3, 2, 2, stride=2, rng=rng), [IMAGES], "Conv2d(3 -> 2, 2x2, stride=2)",
         [(5, 4, 3)], "Conv2d(3 -> 2, 2x2, stride=2) expects x of shape (N, H, W, 3), got (5, 4, 3)"),
    Case("Conv2d, same", lambda rng: Conv2d(3, 2, 3, stride=2, padding="same", rng=rng), [(2, 6, 5, 3)],
         "Conv2d(3 -> 2, 3x3, stride=2, padding='same')",
         [(5, 4, 3)], "Conv2d(3 -> 2, 3x3, stride=2, padding='same') expects x of shape (N, H, W, 3), got (5, 4, 3)"),
    Case("DepthwiseConv2d", lambda rng: DepthwiseConv2d(3, 3, padding=1, rng=rng), [IMAGES],
         "DepthwiseConv2d(3, 3x3, padding=1)",
         [(2, 5, 4, 1)], "DepthwiseConv2d(3, 3x3, padding=1) expects x of shape (N, H, W, 3), got (2, 5, 4, 1)"),
    Case("DepthwiseConv2d, uneven", lambda rng: DepthwiseConv2d(3, 5, stride=2, padding=((1, 2), (2, 1)), rng=rng),
         [IMAGES], "DepthwiseConv2d(3, 5x5, stride=2, padding=((1, 2), (2, 1)))",
         [(4, 3)], "DepthwiseConv2d(3, 5x5, stride=2, padding=((1, 2), (2, 1))) expects x of shape (N, H, W, 3), "
         "got (4, 3)"),
    Case("MaxPool2d", lambda rng: MaxPool2d(2), [IMAGES], "MaxPool2d(2x2, stride=2)",
         [(5, 4, 3)], "MaxPool2d(2x2, stride=2) expects x of shape (N, H, W, C), got (5, 4, 3)"),
    Case("MaxPool2d, overlapping", lambda rng: MaxPool2d(3, stride=2, padding=1), [IMAGES],
         "MaxPool2d(3x3, stride=2, padding=1)",
         [(5, 4)], "MaxPool2d(3x3, stride=2, padding=1) expects x of shape (N, H, W, C), got (5, 4)"),
    Case("AvgPool2d", lambda rng: AvgPool2d(2, stride=1), [IMAGES], "AvgPool2d(2x2, stride=1)",
         [(5, 4, 3)], "AvgPool2d(2x2, stride=1) expects x of shape (N, H, W, C), got (5, 4, 3)"),
    Case("BatchNorm2d", lambda rng: BatchNorm2d(3), [IMAGES], "BatchNorm2d(3)",
         [(2, 5, 4, 1)], "BatchNorm2d(3) expects x of shape (N, H, W, 3), got (2, 5, 4, 1)", same_at_inference=False),
    Case("SyncBatchNorm2d", lambda rng: SyncBatchNorm2d(BatchNorm2d(3), lambda alone: alone), [IMAGES],
         "SyncBatchNorm2d(3)", [(2, 5, 4, 1)],
         "SyncBatchNorm2d(3) expects x of shape (N, H, W, 3), got (2, 5, 4, 1)", same_at_inference=False),
    Case("BatchNorm2d, frozen", lambda rng: BatchNorm2d(3, frozen=True), [IMAGES], "BatchNorm2d(3, frozen)",
         [(2, 3)], "BatchNorm2d(3, frozen) expects x of shape (N, H, W, 3), got (2, 3)"),
    Case("L2Normalize", lambda rng: L2Normalize(2.0), [(3, 4)], "L2Normalize(2)",
         [(2, 3, 4)], "L2Normalize(2) expects x of shape (N, D), got (2, 3, 4)"),
    Case("Standardize", lambda rng: off_neutral(Standardize(4)), [(2, 3, 4)], "Standardize(4)",
         [(4, 3)], "Standardize(4) expects x of shape (..., 4), got (4, 3)"),
    Case("LSTMCell", lambda rng: LSTMCell(3, 4, rng=rng), [(2, 3), (2, 4), (2, 4)], "LSTMCell(3 -> 4)",
         [(2, 4), (2, 4), (2, 4)], "LSTMCell(3 -> 4) expects x of shape (N, 3), got (2, 4)"),
    Case("LSTM", lambda rng: LSTM(3, 4, rng=rng), [(2, 5, 3), (2, 4), (2, 4)], "LSTM(3 -> 4)",
         [(2, 5, 3), (2, 4), (4, 2)], "LSTM(3 -> 4) expects c0 of shape (2, 4), got (4, 2)"),
    Case("LSTM, lengths", lambda rng: LSTM(3, 4, rng=rng), [(2, 5, 3), (2, 4), (2, 4)], "LSTM(3 -> 4)",
         [(5, 3), (2, 4), (2, 4)], "LSTM(3 -> 4) expects x of shape (N, T, 3), got (5, 3)",
         options={"lengths": np.array([2, 5])}),
    Case("SoftAttention", lambda rng: SoftAttention(3, 4, 5, rng=rng), [(3, 6, 3), (3, 6, 5), IMAGE_OF, (3, 4)],
         "SoftAttention(regions of 3, state of 4, A=5)",
         [(3, 6, 3), (3, 6, 4), IMAGE_OF, (3, 4)],
         "SoftAttention(regions of 3, state of 4, A=5) expects keys of shape (3, 6, 5), got (3, 6, 4)"),
    Case("SoftAttention, asked more", lambda rng: SoftAttention(3, 4, 5, rng=rng),
         [(3, 6, 3), (3, 6, 5), IMAGE_OF, (3, 4), (3, 5)], "SoftAttention(regions of 3, state of 4, A=5)",
         [(3, 6, 3), (3, 6, 5), IMAGE_OF, (3, 4), (3, 4)],
         "SoftAttention(regions of 3, state of 4, A=5) expects q of shape (3, 5), got (3, 4)"),
    Case("AdaptiveAttention", lambda rng: AdaptiveAttention(3, 2, 4, 5, rng=rng),
         [(3, 6, 3), (3, 6, 5), IMAGE_OF, (3, 4), (3, 2), (3, 4)],
         "AdaptiveAttention(regions of 3, words of 2, state of 4, A=5)",
         [(3, 6, 3), (3, 6, 5), IMAGE_OF, (3, 4), (3, 3), (3, 4)],
         "AdaptiveAttention(regions of 3, words of 2, state of 4, A=5) expects x of shape (3, 2), got (3, 3)"),
    Case("DoublyStochastic", lambda rng: DoublyStochastic(0.3), [(3, 6)], "DoublyStochastic(0.3)",
         [(3, 6, 1)], "DoublyStochastic(0.3) expects attended of shape (N, L), got (3, 6, 1)", options={"words": 7}),
    Case("SoftmaxCrossEntropy", lambda rng: SoftmaxCrossEntropy(), [(3, 5), np.array([4, 0, 4])],
         "SoftmaxCrossEntropy()",
         [(2, 3, 5), np.array([4, 0])], "SoftmaxCrossEntropy() expects logits of shape (M, V), got (2, 3, 5)"),
    Case("SoftmaxCrossEntropy, smoothed", lambda rng: SoftmaxCrossEntropy(0.1), [(3, 5), np.array([4, 0, 4])],
         "SoftmaxCrossEntropy(label_smoothing=0.1)", same_at_inference=False),
    Case("Sequential", lambda rng: Sequential(fc=Linear(3, 4, rng=rng), act=Tanh()), [(2, 3)],
         "Sequential(\n  fc: Linear(3 -> 4)\n  act: Tanh()\n)",
         [(2, 4)], "fc: Linear(3 -> 4) expects x of shape (..., 3), got (2, 4)"),
    Case("Residual", lambda rng: Residual(fc=Linear(3, 3, rng=rng), act=Tanh()), [(2, 3)],
         "Residual(\n  fc: Linear(3 -> 3)\n  act: Tanh()\n)",
         [(2, 4)], "fc: Linear(3 -> 3) expects x of shape (..., 3), got (2, 4)"),
]

every_layer = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


# ------------------------------------------------------------------------------------------------------ small tools

def build(case, device, dtype=np.float64, seed=0):
    return case.make(np.random.default_rng(seed)).astype(dtype).to(device)


def arrays(device, shapes, dtype=np.float64, seed=1):
    """Arrays on the device: random floats for a shape, integers as they are."""
    rng = np.random.default_rng(seed)
    return [device.asarray(s if isinstance(s, np.ndarray) else rng.standard_normal(s).astype(dtype)) for s in shapes]


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def gradients_like(y, seed=2):
    """Random dL/dy in the form of the output ``y``: one array, or a tuple."""
    rng = np.random.default_rng(seed)
    dy = tuple(array_module(part).asarray(np.asarray(rng.standard_normal(part.shape), part.dtype))
               for part in as_tuple(y))
    return dy if isinstance(y, tuple) else dy[0]


def numbers(*values):
    """NumPy copies of arrays and of tuples of arrays, None left out."""
    return [to_numpy(v).copy() for value in values for v in as_tuple(value) if v is not None]


def parameter_gradients(layer):
    return numbers(*(p.grad for p in layer.parameters()))


def assert_same(left, right, **tolerance):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or {"rtol": 0, "atol": 0}))


# --------------------------------------------------------------------------------------------------- the promises

def test_every_layer_has_a_case():
    for module in pkgutil.iter_modules(minicap.__path__):
        if not module.ispkg:
            importlib.import_module(f"minicap.{module.name}")

    def subclasses(cls):
        for sub in cls.__subclasses__():
            yield sub
            yield from subclasses(sub)

    in_core = {sub.__name__ for sub in subclasses(Layer) if re.fullmatch(r"minicap\.\w+", sub.__module__)}
    covered = {type(case.make(np.random.default_rng(0))).__name__ for case in CASES}
    whole = {"Network", *(network.__name__ for network in subclasses(Network))}
    missing = {name for name in in_core if not name.startswith("_")} - covered - whole
    assert not missing, f"add a line to CASES in tests/test_conformance.py for {', '.join(sorted(missing))}"


@every_layer
def test_the_gradients_are_right(assert_gradients, case):
    inputs = arrays(CPU, case.inputs)
    report = assert_gradients(case.make(np.random.default_rng(0)), *inputs, max_elements=40, **case.options)
    assert report.worst_error < 1e-6


@every_layer
def test_inference_equals_training_output_unless_declared(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    inferred = numbers(layer(*inputs, **case.options))
    trained = numbers(layer.forward(*inputs, **case.options)[0])
    if case.same_at_inference:
        assert_same(inferred, trained, rtol=1e-12)
    else:
        assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(inferred, trained, strict=True))


@every_layer
def test_inference_leaves_no_trace(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    before = layer.state(), set(vars(layer))
    layer(*inputs, **case.options)
    assert all(p.grad is None for p in layer.parameters()) and set(vars(layer)) == before[1]
    assert_same(layer.state().values(), before[0].values())


@every_layer
def test_backward_leaves_inputs_outputs_and_parameters_untouched(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    y, cache = layer.forward(*inputs, **case.options)
    dy = gradients_like(y)
    touched = [*inputs, y, dy, tuple(p.data for _, p in layer.named_state())]
    before = numbers(*touched)
    layer.backward(dy, cache)
    assert_same(numbers(*touched), before)


@every_layer
def test_every_input_gets_a_gradient_of_its_shape_and_integers_get_none(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    y, cache = layer.forward(*inputs, **case.options)
    dx = as_tuple(layer.backward(gradients_like(y), cache))
    for x, d in zip(inputs, dx, strict=True):
        assert (d is None) if x.dtype.kind != "f" else (d.shape == x.shape)
    assert all(p.grad.shape == p.shape for p in layer.parameters())


@every_layer
def test_gradients_accumulate_over_passes(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    random_state = copy.deepcopy(vars(layer).get("rng"))
    results = []
    for _ in range(2):
        if random_state is not None:
            layer.rng = copy.deepcopy(random_state)
        y, cache = layer.forward(*inputs, **case.options)
        dx = layer.backward(gradients_like(y), cache)
        results.append((numbers(dx), parameter_gradients(layer)))
    (dx, once), (dx_again, twice) = results
    assert_same(dx_again, dx)
    assert_same(twice, [2 * g for g in once], rtol=1e-12)


@every_layer
def test_a_cache_used_twice_is_refused(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    y, cache = layer.forward(*inputs, **case.options)
    layer.backward(gradients_like(y), cache)
    with pytest.raises(RuntimeError, match=re.escape(f"{layer!r}: this cache is already spent; run forward again")):
        layer.backward(gradients_like(y), cache)


@every_layer
def test_two_passes_may_interleave_in_either_order(device, case):
    """Forward twice, then backward: the first pass has left nothing on the layer that the second could overwrite."""
    a, b = arrays(device, case.inputs, seed=1), arrays(device, case.inputs, seed=5)

    def run(order):
        layer, results = build(case, device), {}
        if order == "one after the other":
            for name, inputs in (("a", a), ("b", b)):
                y, cache = layer.forward(*inputs, **case.options)
                results[name] = numbers(layer.backward(gradients_like(y), cache))
        else:
            passes = {name: layer.forward(*inputs, **case.options) for name, inputs in (("a", a), ("b", b))}
            for name in order:
                y, cache = passes[name]
                results[name] = numbers(layer.backward(gradients_like(y), cache))
        return [*results["a"], *results["b"], *parameter_gradients(layer)]

    expected = run("one after the other")
    assert_same(run("ab"), expected, rtol=1e-12, atol=1e-15)
    assert_same(run("ba"), expected, rtol=1e-12, atol=1e-15)


@every_layer
def test_names_round_trip_through_state(device, case):
    layer, other = build(case, device), build(case, device, seed=9)
    state = layer.state()
    assert list(state) == [name for name, _ in layer.named_state()]
    assert {name for name, _ in layer.named_parameters()} <= set(state)
    other.load_state(state)
    inputs = arrays(device, case.inputs)
    assert_same(other.state().values(), state.values())
    assert_same(numbers(other(*inputs, **case.options)), numbers(layer(*inputs, **case.options)))


@every_layer
def test_repr_shows_the_facts(case):
    assert repr(case.make(np.random.default_rng(0))) == case.shown


@pytest.mark.parametrize("case", [c for c in CASES if c.refused], ids=lambda case: case.name)
def test_a_wrong_shape_is_refused_with_the_letters_and_the_actual_shape(device, case):
    layer, inputs = build(case, device, np.float32), arrays(device, case.refused, np.float32)
    for call in (layer, layer.forward):
        with pytest.raises(ValueError, match=f"^{re.escape(case.message)}$"):
            call(*inputs, **case.options)


@every_layer
def test_single_precision_stays_single_precision(device, case):
    layer = build(case, device, np.float32)
    y, cache = layer.forward(*arrays(device, case.inputs, np.float32), **case.options)
    dx = layer.backward(gradients_like(y), cache)
    inferred = layer(*arrays(device, case.inputs, np.float32), **case.options)
    results = numbers(y, dx, inferred, *(p.grad for p in layer.parameters()), *(p.data for _, p in layer.named_state()))
    assert {a.dtype for a in results} == {np.dtype(np.float32)}


def strided(array):
    """The same numbers as every second one of an array twice as long: no two of them are neighbours."""
    if array.dtype.kind != "f" or not array.ndim:
        return array
    spread = array_module(array).zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    spread[..., ::2] = array
    return spread[..., ::2]


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_need_not_be_contiguous(device, case, dtype):
    found = []
    for lay_out in (lambda array: array, strided):
        layer = build(case, device, dtype)
        inputs = [lay_out(array) for array in arrays(device, case.inputs, dtype)]
        y, cache = layer.forward(*inputs, **case.options)
        dy = gradients_like(y)
        dy = tuple(map(lay_out, dy)) if isinstance(dy, tuple) else lay_out(dy)
        found.append(numbers(y, layer.backward(dy, cache)) + parameter_gradients(layer))
    assert_same(*found, rtol=1e-5, atol=1e-5)


@every_layer
def test_a_cache_can_be_printed_and_sized(device, case):
    layer = build(case, device)
    _, cache = layer.forward(*arrays(device, case.inputs), **case.options)
    assert re.fullmatch(r"Cache\(\w+=.*\)", repr(cache), re.DOTALL)
    assert isinstance(cache.nbytes, int) and cache.nbytes >= 0


@every_layer
def test_a_deep_copy_computes_the_same_and_shares_nothing(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    twin = copy.deepcopy(layer)
    y, cache = layer.forward(*inputs, **case.options)
    layer.backward(gradients_like(y), cache)
    assert all(p.grad is None for p in twin.parameters())
    assert_same(numbers(twin.forward(*inputs, **case.options)[0]), numbers(y))
    for p in layer.parameters():
        p.data += 1
    for (_, ours), (_, theirs) in zip(layer.named_parameters(), twin.named_parameters(), strict=True):
        assert (to_numpy(ours.data) != to_numpy(theirs.data)).all()


@every_layer
def test_results_stay_on_the_device(device, case):
    layer, inputs = build(case, device), arrays(device, case.inputs)
    y, cache = layer.forward(*inputs, **case.options)
    dx = layer.backward(gradients_like(y), cache)
    produced = [v for v in (*as_tuple(y), *as_tuple(dx), *(p.grad for p in layer.parameters())) if v is not None]
    assert {array_module(v) for v in produced} <= {device.xp}
