"""Is a backward pass the derivative of its forward pass? Central differences tell, number by number.

    dL/dθ ≈ (L(θ + h) - L(θ - h)) / 2h,        error O(h²)

in float64, where with h = 1e-5 about ten digits are correct. Three things decide whether such a check can be trusted:

* **Random output weights.** L = Σ y ⊙ r with random r. With r = 1 the check can be blind: a softmax sums to one
  whatever its input, so its gradient would be compared with zero.
* **Every tensor.** All float inputs and all named parameters; a missing gradient is a failure too.
* **Kinks.** At x = 0 the ReLU has two slopes, and a difference quotient is neither. A number that fails is measured
  again with other h (with a smaller one, a kink nearby drops out) and from both sides: slopes that stay different mean
  a kink *at* this point, which is skipped and counted. A wrong gradient cannot hide there, because kinks are a property
  of ``forward`` alone.

A tensor with many elements is checked along random directions v instead, <dL/dθ, v> against (L(θ+hv) - L(θ-hv)) / 2h.
Only on disagreement is a sample of single elements checked, to find out where it is. A direction moves all elements at
once, and so may cross kinks if many elements are near one: then, too, a sample of single elements decides.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from .backend import Array, array_module, to_numpy
from .layer import Buffer, Layer

STEPS = (1e-5, 1e-6, 1e-4, 1e-3)  # h; the first decides, the others give a second opinion on a number that fails


class GradientError(AssertionError):
    """A gradient and its finite difference disagree; the message names the tensor, the index and both values."""


@dataclass(frozen=True)
class TensorReport:
    """The worst number that was compared in one tensor. ``index`` is None where a random direction was checked."""

    name: str
    compared: int
    kinks: int
    error: float
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    failure: str | None


@dataclass(frozen=True)
class GradientReport:
    layer: str
    tensors: tuple[TensorReport, ...]
    tolerance: float

    @property
    def worst_error(self) -> float:
        return max(t.error for t in self.tensors)

    @property
    def ok(self) -> bool:
        return not any(t.failure for t in self.tensors)

    def __str__(self):
        width = max(len(t.name) for t in self.tensors)
        lines = [f"gradient check of {self.layer} (float64, relative error below {self.tolerance:g})"]
        for t in self.tensors:
            kinks = f", {t.kinks} at kinks" if t.kinks else ""
            lines.append(f"  {t.name:{width}}  {t.error:8.1e}  {t.compared} compared{kinks}  {t.failure or 'ok'}")
        return "\n".join(lines)


def check_gradients(layer: Layer, *inputs: Array | None, rng: np.random.Generator | None = None,
                    tolerance: float = 1e-6, max_elements: int = 200, directions: int = 3,
                    **options: Any) -> GradientReport:
    """Compare every gradient of ``layer`` with central differences; returns a :class:`GradientReport`.

    ``inputs`` are the arguments of ``layer.forward``. Float arrays are checked; integer arrays are passed on (their
    gradient has to be None), and so is None (an LSTM without initial state). An input gradient may be missing if some
    sublayer declares that (``Conv2d(input_gradient=False)``). ``options`` are further keyword arguments of ``forward``.
    The layer is copied and converted to float64, so the caller's layer is left as it is. Tensors with more than
    ``max_elements`` numbers are checked along random ``directions``.

    The relative error of a number is |analytic - numeric| / max(|analytic|, |numeric|, 1e-3 · largest in the tensor).
    A difference that rounding errors of the loss can explain does not count: some gradients are exactly zero, but
    difference quotients never are.
    """
    rng = rng or np.random.default_rng(0)
    probe = Probe(layer, inputs, options, rng)
    analytic = probe.gradients()
    reports = []
    for name, (values, gradient) in analytic.items():
        check = TensorCheck(name, values, gradient, probe.loss, tolerance, rng)
        reports.append(check.run(max_elements, directions))
    return GradientReport(repr(layer).splitlines()[0], tuple(reports), tolerance)


def assert_gradients(layer: Layer, *inputs: Array | None, **options: Any) -> GradientReport:
    """:func:`check_gradients`, raising GradientError with the first failure. Returns the report otherwise."""
    report = check_gradients(layer, *inputs, **options)
    for tensor in report.tensors:
        if tensor.failure:
            raise GradientError(f"{report.layer}: {tensor.failure}")
    return report


class Probe:
    """The layer as a function from all its tensors to one number."""

    def __init__(self, layer, inputs, options, rng):
        self.layer = copy.deepcopy(layer).astype(np.float64)
        self.inputs = [x.astype(np.float64) if is_float(x) else x for x in inputs]
        self.options = options
        self.memory = [(owner, name, copy.deepcopy(vars(owner)[name])) for owner, name in _mutable_state(self.layer)]
        outputs, _ = self._forward()
        self.weights = [None if y is None else array_module(y).asarray(rng.standard_normal(y.shape)) for y in outputs]

    def _forward(self):
        for owner, name, value in self.memory:  # dropout has to sample the same mask every time
            setattr(owner, name, copy.deepcopy(value))
        y, cache = self.layer.forward(*self.inputs, **self.options)
        return (y if isinstance(y, tuple) else (y,)), cache

    def loss(self):
        outputs, _ = self._forward()
        return sum(float(to_numpy((y * r).sum())) for y, r in zip(outputs, self.weights, strict=True) if r is not None)

    def gradients(self):
        """Name -> (the array to perturb, its analytic gradient or None)."""
        outputs, cache = self._forward()
        self.layer.zero_grad()
        weights = tuple(None if r is None else r.copy() for r in self.weights)
        dx = self.layer.backward(weights if len(outputs) > 1 else weights[0], cache)
        dx = dx if isinstance(dx, tuple) else (dx,)
        gradients = {}
        wanted = all(getattr(part, "input_gradient", True) for _, part in self.layer.named_layers())
        for i, (x, d) in enumerate(zip(self.inputs, dx, strict=True)):
            if is_float(x) and (wanted or d is not None):
                gradients["x" if len(dx) == 1 else f"x[{i}]"] = x, d
            elif not is_float(x) and x is not None and d is not None:
                raise GradientError(f"{self.layer!r}: input {i} is not a float array, its gradient has to be None")
        gradients.update((name, (p.data, p.grad)) for name, p in self.layer.named_parameters())
        return gradients


def is_float(x):
    return hasattr(x, "dtype") and x.dtype.kind == "f"


def _mutable_state(layer):
    """(owner, attribute) of everything that ``forward`` may change: arrays of buffers, and random generators."""
    for _, part in layer.named_layers():
        for name, value in vars(part).items():
            if isinstance(value, Buffer):
                yield value, "data"
            elif isinstance(value, np.random.Generator):
                yield part, name


class TensorCheck:
    """Compares one gradient. ``values`` is the array that the loss depends on: it is perturbed and restored."""

    def __init__(self, name, values, gradient, loss, tolerance, rng):
        self.name, self.values, self.gradient = name, values, gradient
        self.loss, self.tolerance, self.rng = loss, tolerance, rng
        self.worst = (-1.0, None, 0.0, 0.0)  # error, index, analytic, numeric
        self.compared = self.kinks = 0

    def run(self, max_elements, directions):
        if self.gradient is None or self.gradient.shape != self.values.shape:
            got = "no gradient" if self.gradient is None else f"a gradient of shape {self.gradient.shape}"
            return self._report(f"{self.name}: backward left {got} for values of shape {self.values.shape}")
        self.gradient = to_numpy(self.gradient).astype(np.float64)
        # (L(θ + h) - L(θ - h)) / 2h cannot be more accurate than L. (A bias before a BatchNorm has gradient zero.)
        rounding = 1e-15 * max(1.0, abs(self.loss())) / STEPS[0]
        self.floor = max(1e-3 * float(np.abs(self.gradient).max(initial=0)), rounding / self.tolerance)
        if self.values.size <= max_elements:
            self._compare_elements(np.arange(self.values.size))
        else:
            self._compare_directions(directions)
            if self.kinks or self.worst[0] > self.tolerance:  # then check single numbers, and find one to report
                direction, self.worst = self.worst, (-1.0, None, 0.0, 0.0)
                self._compare_elements(self.rng.choice(self.values.size, max_elements, replace=False))
                if self.worst[0] <= self.tolerance:
                    self.worst = max(self.worst, direction, key=lambda w: w[0])
        error, index, analytic, numeric = self.worst
        if self.compared == 0:
            return self._report(f"{self.name}: every element is at a kink; choose other inputs")
        if error > self.tolerance:
            where = f"[{', '.join(map(str, index))}]" if index is not None else " along a random direction"
            return self._report(f"{self.name}{where}: backward gives {analytic:.9g}, central difference {numeric:.9g}, "
                                f"relative error {error:.1e} (allowed {self.tolerance:g})")
        return self._report(None)

    def _report(self, failure):
        error, index, analytic, numeric = self.worst
        error = max(error, 0.0) if failure is None or self.compared else float("inf")
        return TensorReport(self.name, self.compared, self.kinks, error, index, analytic, numeric, failure)

    def _compare_elements(self, flat_indices):
        for flat in flat_indices:
            index = tuple(int(i) for i in np.unravel_index(int(flat), self.values.shape))
            direction = np.zeros(self.values.shape)
            direction[index] = 1
            self._compare(direction, float(self.gradient[index]), index)

    def _compare_directions(self, count):
        for _ in range(count):
            direction = self.rng.standard_normal(self.values.shape)
            direction /= np.linalg.norm(direction)
            self._compare(direction, float((self.gradient * direction).sum()), None)

    def _compare(self, direction, analytic, index):
        slopes = [self._slopes(direction, STEPS[0])]
        error, numeric = self._error(analytic, slopes[0])
        for h in STEPS[1:] if error > self.tolerance else ():
            slopes.append(self._slopes(direction, h))
            error, numeric = min((error, numeric), self._error(analytic, slopes[-1]))
        if error > self.tolerance and all(_differ(*s, self.floor) for s in slopes):
            self.kinks += 1
            return
        self.compared += 1
        self.worst = max(self.worst, (error, index, analytic, numeric), key=lambda w: w[0])

    def _error(self, analytic, slopes):
        numeric = sum(slopes) / 2
        error = abs(analytic - numeric) / max(abs(analytic), abs(numeric), self.floor)
        return (error if np.isfinite(error) else np.inf), numeric  # NaN > tolerance is False and would pass

    def _slopes(self, direction, h):
        """The slopes of the loss to the left and to the right of the current point."""
        direction = array_module(self.values).asarray(direction)
        original = self.values.copy()
        here = self.loss()
        self.values += h * direction
        right = self.loss()
        self.values[...] = original - h * direction
        left = self.loss()
        self.values[...] = original
        return (here - left) / h, (right - here) / h


def _differ(left, right, floor):
    return abs(left - right) > 0.01 * max(abs(left), abs(right), floor)
