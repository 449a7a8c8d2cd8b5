"""Optimisers, gradient clipping and learning-rate schedules.

    optimizer = Adam(model.named_parameters(), lr=1e-3)
    ...                                      # forward, backward
    clip_gradients(model.parameters(), 5.0)
    optimizer.step(lr_factor=schedule(step))
    model.zero_grad()

A parameter whose ``grad`` is None is left alone. ``state()`` and ``load_state()`` save and restore the optimiser's
state, so that an interrupted run continues exactly where it stopped. On a GPU flatten the parameters first (flat.py):
each of these lines then takes a few kernel launches.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from .backend import Array, array_module, fuse, op, pointwise_each, to_numpy
from .errors import UserError
from .flat import parts
from .layer import Parameter

NamedParameters = Iterable[tuple[str, Parameter]]


class Optimizer:
    """Base class: stores ``slots`` (arrays shaped like the parameter) for each parameter, and counts steps.

    ``lr_factors`` (name -> factor) gives some parameters a learning rate of their own.

    A subclass names its slots and defines ``update(theta, g, *slots, *numbers)``, pointwise and in place, where
    ``numbers(lr, p)`` returns the numbers that change from step to step (all others become constants of the fused
    kernel).
    """

    slots: tuple[str, ...] = ()

    def __init__(self, named_parameters: NamedParameters, lr: float, lr_factors: Mapping[str, float] | None = None):
        self.parameters = dict(named_parameters)
        self.lr, self.lr_factors = lr, lr_factors or {}
        self.steps = 0
        self.memory = {name: {slot: slot_for(p.data) for slot in self.slots} for name, p in self.parameters.items()}
        self.fused_update = fuse(self.update)

    def numbers(self, lr: float, p: Parameter) -> tuple[float, ...]:
        return (lr,)

    def step(self, lr_factor: float = 1.0) -> None:
        """Update every parameter that has a gradient, with learning rate ``lr * lr_factor``."""
        self.steps += 1
        updates = []
        for name, p in self.parameters.items():
            if p.grad is not None:
                lr = self.lr * lr_factor * self.lr_factors.get(name, 1.0)
                updates.append((p.data, p.grad, *self.memory[name].values(), self._update_with(self.numbers(lr, p))))
        pointwise_each(updates)

    def _update_with(self, numbers):
        return lambda *arrays: self.fused_update(*arrays, *numbers)

    def _slot_arrays(self):
        """Pairs such as ("m/output.W", array), with the names and shapes of the individual parameters."""
        for name, slots in self.memory.items():
            for slot, a in slots.items():
                for single, part in parts(name, self.parameters[name], a):
                    yield f"{slot}/{single}", part

    def state(self) -> dict[str, np.ndarray]:
        """Dict name -> NumPy array, ``steps`` among them; all are copies, which later steps do not change."""
        return {name: to_numpy(a).copy() for name, a in self._slot_arrays()} | {"steps": np.array([self.steps])}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        if _shapes(arrays) != _shapes(self.state()):
            raise UserError(f"the saved optimiser state does not belong to {type(self).__name__} on these parameters")
        self.steps = int(arrays["steps"][0])
        for name, a in self._slot_arrays():
            a[...] = array_module(a).asarray(arrays[name])


def _shapes(arrays):
    return {name: tuple(a.shape) for name, a in arrays.items()}


@op
def slot_for(theta):
    """Zeros, one for each number of a parameter."""
    return array_module(theta).zeros_like(theta)


class SGD(Optimizer):
    """v = momentum · v + g;   θ = θ - lr · v   (Polyak 1964; Sutskever et al. 2013, eq. 1)

    Derived in lesson 5, lessons/05_optimizers.
    """

    slots = ("v",)

    def __init__(self, named_parameters: NamedParameters, lr: float, momentum: float = 0.0):
        super().__init__(named_parameters, lr)
        self.momentum = momentum

    def update(self, theta: Array, g: Array, v: Array, lr: float) -> None:
        v *= self.momentum
        v += g
        theta -= lr * v


class RMSProp(Optimizer):
    """s = ρ s + (1 - ρ) g²;   θ = θ - lr · g / (sqrt(s) + ε)   (Tieleman and Hinton 2012, lecture 6.5)

    Half of Adam: lesson 5, lessons/05_optimizers.
    """

    slots = ("s",)

    def __init__(self, named_parameters: NamedParameters, lr: float, rho: float = 0.99, eps: float = 1e-8):
        super().__init__(named_parameters, lr)
        self.rho, self.eps = rho, eps

    def update(self, theta: Array, g: Array, s: Array, lr: float) -> None:
        s *= self.rho
        s += (1 - self.rho) * g * g
        theta -= lr * g / (array_module(s).sqrt(s) + self.eps)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1); with ``weight_decay`` AdamW (Loshchilov and Hutter 2019, algorithm 2):

        m = β₁ m + (1 - β₁) g          m̂ = m / (1 - β₁ᵗ)
        s = β₂ s + (1 - β₂) g²         ŝ = s / (1 - β₂ᵗ)
        θ = θ - lr · (m̂ / (sqrt(ŝ) + ε) + weight_decay · θ)

    Decay applies to matrices and kernels, not to biases and scales (arrays with one axis). Derived in lesson 5,
    lessons/05_optimizers.
    """

    slots = ("m", "s")

    def __init__(self, named_parameters: NamedParameters, lr: float, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.0, lr_factors: Mapping[str, float] | None = None):
        super().__init__(named_parameters, lr, lr_factors)
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    def numbers(self, lr: float, p: Parameter) -> tuple[float, ...]:
        """m̂ / (sqrt(ŝ) + ε) with both bias corrections moved from the arrays to lr and ε (the paper, end of section 2).
        """
        beta1, beta2 = self.betas
        correction = math.sqrt(1 - beta2**self.steps)
        decay = 1 - lr * self.weight_decay if p.ndim > 1 else 1.0
        return lr * correction / (1 - beta1**self.steps), self.eps * correction, decay

    def update(self, theta: Array, g: Array, m: Array, s: Array, lr: float, eps: float, decay: float) -> None:
        adam_(theta, g, m, s, *self.betas, lr, eps, decay)


@op
def adam_(theta, g, m, s, beta1, beta2, lr, eps, decay):
    """One step of :class:`Adam`, in place, with the lr, eps and decay that its ``numbers`` returns."""
    m *= beta1
    m += (1 - beta1) * g
    s *= beta2
    s += (1 - beta2) * (g * g)
    root = array_module(s).sqrt(s)
    root += eps
    theta *= decay
    theta -= lr * (m / root)


class WeightAverage:
    """An exponential moving average of the weights, θ̄ = d θ̄ + (1 - d) θ after every step (Polyak and Juditsky 1992).

    In early steps d is at most (1 + steps) / (10 + steps), so that the random initial weights are soon forgotten.
    ``applied()`` swaps the average in for an evaluation.
    """

    def __init__(self, named_parameters: NamedParameters, decay: float):
        self.parameters = dict(named_parameters)
        self.decay = decay
        self.steps = 0
        self.average = {name: p.data.copy() for name, p in self.parameters.items()}

    def update(self) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        pointwise_each([(self.average[name], p.data, lambda average, data: lerp_(average, data, 1 - decay))
                        for name, p in self.parameters.items()])

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the parameters hold the average, afterwards their own values again."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self):
        for name, p in self.parameters.items():
            p.data, self.average[name] = self.average[name], p.data

    def _averages(self):
        """Pairs (name, array) of the individual parameters."""
        for name, p in self.parameters.items():
            yield from parts(name, p, self.average[name])

    def state(self) -> dict[str, np.ndarray]:
        return {name: to_numpy(a).copy() for name, a in self._averages()} | {"steps": np.array([self.steps])}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        if _shapes(arrays) != _shapes(self.state()):
            raise UserError("the saved average does not belong to these parameters")
        self.steps = int(arrays["steps"][0])
        for name, a in self._averages():
            a[...] = array_module(a).asarray(arrays[name])


@op
@fuse
def lerp_(x, target, weight):
    """Linear interpolation from x to ``target``, in place; with weight 0 x stays as it is, with 1 it becomes target."""
    x += weight * (target - x)


def global_norm(parameters: Iterable[Parameter]) -> Array:
    """sqrt(Σ g²) over all gradients, as a 0-d array on the gradients' device."""
    squares = [sum_of_squares(p.grad) for p in parameters if p.grad is not None]
    if not squares:
        raise ValueError("no parameter has a gradient: call backward before taking the norm")
    return array_module(*squares).sqrt(sum(squares[1:], squares[0]))


@op
def sum_of_squares(x):
    """Σ x², a 0-d array."""
    return (x * x).sum()


def clip_gradients(parameters: Iterable[Parameter], max_norm: float) -> Array:
    """Scale all gradients by min(1, max_norm / global norm) (Pascanu et al. 2013, algorithm 1); returns the norm."""
    parameters = list(parameters)  # iterated twice
    norm = global_norm(parameters)
    factor = array_module(norm).minimum(1.0, max_norm / (norm + 1e-12))
    pointwise_each([(p.grad, lambda g: scale_(g, factor.astype(g.dtype))) for p in parameters if p.grad is not None])
    return norm


def scale_(x, factor):
    x *= factor


def constant() -> Callable[[int], float]:
    return lambda step: 1.0


def warmup_cosine(warmup: int, total: int, floor: float = 0.0) -> Callable[[int], float]:
    """Factor rising linearly to 1 over ``warmup`` steps, then falling as half a cosine to ``floor`` at step ``total``.

    (Loshchilov and Hutter 2017, eq. 5, without restarts.)
    """
    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, total - warmup))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


def step_decay(every: int, factor: float) -> Callable[[int], float]:
    """Multiply the learning rate by ``factor`` once every ``every`` steps."""
    return lambda step: factor ** (step // every)
