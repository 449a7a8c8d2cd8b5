"""Which layer of a model is at fault? The gradient check of every layer where it stands, from the loss back.

Layers that pass :func:`minicap.check_gradients` one by one can still be wrong together: one changes an array that
another has stored, or the model that joins them hands on the wrong gradient. So here the whole model runs forward and
backward once, and for each call of a layer inside it two things are noted: the gradient that arrives, dL/dy, and the
one that leaves, dL/dx. Both are compared with central differences of L: y (or x) of this one call is moved by ±h, and
everything that comes after it is computed again.

The backward pass goes from the loss to the input, and so does the search. The first layer at which the right gradient
arrives and a wrong one leaves, in x or in a parameter, is where it goes wrong. Layers inside a layer come before it: if
they are all right, the fault lies in how it joins them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .backend import Array, array_module, to_numpy
from .gradcheck import Probe, TensorCheck, is_float
from .layer import Layer, Parameter


@dataclass(frozen=True)
class LayerStep:
    """One call of a layer in the backward pass: does the right gradient arrive, and what is wrong with what leaves?"""

    name: str
    arrives: bool
    failure: str | None

    def __str__(self):
        arrives = "right" if self.arrives else "WRONG"
        return f"arrives {arrives}, leaves " + (f"WRONG: {self.failure}" if self.failure else "right")


@dataclass(frozen=True)
class LayersReport:
    """``fault`` names the layer where the gradient goes wrong, None if it is right everywhere.

    ``steps``: the layers up to there, from the loss back. ``changed``: which arrays were changed by a layer that they
    do not belong to.
    """

    model: str
    steps: tuple[LayerStep, ...]
    fault: str | None
    changed: tuple[str, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.fault is None

    def __str__(self):
        width = max(len(step.name) for step in self.steps)
        lines = [f"the gradient in {self.model}, from the loss back (float64, relative error below {self.tolerance:g})"]
        lines += [f"  {step.name:{width}}  {step}" for step in self.steps]
        if self.ok:
            return "\n".join([*lines, "it is right everywhere"])
        return "\n".join([*lines, f"it goes wrong in {self.fault}", *self.changed])


def check_layers(model: Layer, *inputs: Array | None, rng: np.random.Generator | None = None, tolerance: float = 1e-6,
                 max_elements: int = 50, directions: int = 3, **options: Any) -> LayersReport:
    """Find the layer of a model at which the gradient goes wrong; returns a :class:`LayersReport`.

    ``inputs`` and ``options`` are the arguments of ``model.forward``; the other arguments are those of
    :func:`minicap.check_gradients`, which says whether there is anything to look for. The model is copied. A gradient
    that ``backward`` adds to an array it was given, instead of returning it, is not looked at by itself.
    """
    rng = rng or np.random.default_rng(0)
    probe = Probe(model, inputs, options, rng)
    trace = _Trace(probe.layer)
    gradients = probe.gradients()
    trace.recording = False

    def failure(name, offset, gradient):
        if gradient is None:
            gradient = array_module(offset).zeros(offset.shape)
        return TensorCheck(name, offset, gradient, probe.loss, tolerance, rng).run(max_elements, directions).failure

    steps, fault, arrived_right = [], None, {}
    for call in trace.completed:
        arrives = not any([failure("dy", trace.offsets[place], dy) for place, dy in call.arrived()])
        arrived_right[call.layer] = arrives and arrived_right.get(call.layer, True)
        wrong = [failure("x", trace.offsets[place], dx) for place, dx in call.left()]
        if call is trace.last_of(call.layer) and arrived_right[call.layer]:
            wrong += [failure(name, *gradients[call.prefix + name]) for name, value in vars(call.layer).items()
                      if isinstance(value, Parameter)]
        wrong = next(filter(None, wrong), None)
        steps.append(LayerStep(call.name, arrives, wrong))
        if arrives and wrong:
            fault = call.name
            break
    return LayersReport(type(model).__name__, tuple(steps), fault, tuple(trace.changed), tolerance)


class _Call:
    """One call of a layer: the places of its inputs and outputs, and the gradients that it got and gave for them."""

    def __init__(self, trace, number, path, layer):
        self.trace, self.number, self.path, self.layer = trace, number, path, layer
        self.dy = self.dx = ()

    @property
    def name(self):
        calls = [call for call in self.trace.calls if call.layer is self.layer]
        which = f" (call {calls.index(self) + 1} of {len(calls)})" if len(calls) > 1 else ""
        return (self.path or "the model") + which

    @property
    def prefix(self):
        return f"{self.path}." if self.path else ""

    def arrived(self):
        """(place, dL/dy) of every output; the model's own are the weights of L, and right."""
        return self._pairs("y", self.dy) if self.number else []

    def left(self):
        """(place, dL/dx) of every input whose gradient was returned."""
        return [(place, dx) for place, dx in self._pairs("x", self.dx) if dx is not None]

    def _pairs(self, side, gradients):
        return [(place, gradient) for i, gradient in enumerate(gradients)
                if (place := (self.number, side, i)) in self.trace.offsets]


class _Trace:
    """Watches the layers of a model: notes what passes while ``recording``, and adds the ``offsets`` to it later."""

    def __init__(self, model):
        self.recording, self.number = True, 0
        self.calls, self.completed, self.open = [], [], []
        self.offsets = {}    # (number of the call, "x" or "y", which one) -> what is added to this array
        self.of_cache = {}   # id of a cache -> (the cache, its call)
        self.guarded = []    # [what it is, an array, its contents]
        self.changed = []
        watched = set()
        for path, layer in model.named_layers():
            if id(layer) not in watched:
                watched.add(id(layer))
                self._watch(path, layer)

    def last_of(self, layer):
        return [call for call in self.completed if call.layer is layer][-1]

    def _watch(self, path, layer):
        forward, backward = layer.forward, layer.backward

        def watched_forward(*inputs, **options):
            self.number = 0 if not path else self.number + 1
            call = _Call(self, self.number, path, layer)
            inputs = self._moved(call, "x", inputs)
            self._enter(call, "forward", [(f"the input of {path or 'the model'}", x) for x in inputs])
            outputs, cache = forward(*inputs, **options)
            moved = self._moved(call, "y", outputs if isinstance(outputs, tuple) else (outputs,))
            if self.recording:
                self.calls.append(call)
                self.of_cache[id(cache)] = cache, call
            self._leave([(f"the output of {path or 'the model'}", y) for y in moved])
            return (moved if isinstance(outputs, tuple) else moved[0]), cache

        def watched_backward(dy, cache, **options):
            _, call = self.of_cache.get(id(cache), (None, None))
            if call is None:
                raise ValueError(f"{path or 'the model'}: backward was given a cache that its forward did not return")
            call.dy = tuple(map(_copied, dy if isinstance(dy, tuple) else (dy,)))
            before = len(self.guarded)
            self._enter(call, "backward", [(f"the gradient that {path or 'the model'} was given", d)
                                           for d in (dy if isinstance(dy, tuple) else (dy,))])
            dx = backward(dy, cache, **options)
            if not options:  # arrays that backward was given, to add to them, hold gradients of other calls as well
                call.dx = tuple(map(_copied, dx if isinstance(dx, tuple) else (dx,)))
            self._leave([])
            del self.guarded[before:]  # dy belongs to those who made it
            self.completed.append(call)
            return dx

        layer.forward, layer.backward = watched_forward, watched_backward

    def _moved(self, call, side, arrays):
        """The arrays with their offsets added; where there are none yet, those are made."""
        moved = []
        for i, array in enumerate(arrays):
            place = call.number, side, i
            if self.recording and is_float(array):
                self.offsets[place] = array_module(array).zeros(array.shape)
            offset = self.offsets.get(place)
            moved.append(array if offset is None or not to_numpy(offset).any() else array + offset)
        return tuple(moved)

    # ------------------------------------------------------------------------------- arrays that are not one's own

    def _enter(self, call, direction, arrays):
        self._look()
        self.open.append(f"{call.path or 'the model'}.{direction}")
        self._guard(arrays)

    def _leave(self, arrays):
        self._look()
        self.open.pop()
        self._guard(arrays)

    def _guard(self, arrays):
        self.guarded += [[what, array, to_numpy(array).copy()] for what, array in arrays
                         if self.recording and is_float(array)]

    def _look(self):
        """Note which guarded arrays the code that was running until now has changed."""
        noted = False
        for entry in self.guarded if self.recording else ():
            what, array, contents = entry
            if not np.array_equal(to_numpy(array), contents, equal_nan=True):
                entry[2] = to_numpy(array).copy()
                if not noted:  # several names for the same array: the first says where it comes from
                    self.changed.append(f"{self.open[-1]} changed {what}, which is not its own")
                noted = True


def _copied(array):
    return array.copy() if hasattr(array, "copy") else array
