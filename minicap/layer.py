"""The protocol every layer keeps. Read this page first.

    y, cache = layer.forward(x)         # training: what backprop will need is returned, never stored on the layer
    dx = layer.backward(dy, cache)      # adds to every Parameter.grad, returns dL/dx, spends the cache
    y = layer(x)                        # inference: keeps nothing

Here L is the loss, a single number, and ``dx`` is short for dL/dx: it always has the shape of ``x``.

Because the cache is a value, you can print it and see what backprop costs in memory; because ``forward`` leaves no
trace on the layer, the same layer can run many times before the first backward (an LSTM cell runs once per word, beam
search branches) and a frozen network never allocates a gradient. There is no train/eval switch to forget: ``forward``
is training, ``layer(x)`` is inference.

The rules:

* one input or output is a bare array, several are a tuple; integer inputs (word indices) get the gradient ``None``;
* ``backward`` may overwrite arrays its own ``forward`` allocated and never returned, and never x, y, dy or a parameter;
* a cache is spent by ``backward``: using it twice is an error, because the second gradient would be added again;
* two things do live on layers, both declared: :class:`Buffer` (BatchNorm's running statistics) and Dropout's ``rng``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from .backend import Array, Device, array_module, to_numpy
from .errors import UserError


class Parameter:
    """An array that is learned: ``data``, and ``grad`` (None until a backward pass has added to it)."""

    grad: Array | None

    def __init__(self, data: Array):
        self.data = data
        self.grad = None

    def accumulate(self, grad: Array) -> None:
        """Add ``grad`` (shape of ``data``) to the gradient. The array may be kept, so pass one that is yours."""
        if grad.shape != self.data.shape:
            raise ValueError(f"gradient of shape {grad.shape} for a parameter of shape {self.data.shape}")
        if self.grad is None:
            self.grad = grad
        else:
            self.grad += grad

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    def __repr__(self):
        return f"Parameter({'x'.join(map(str, self.shape))}, {self.data.dtype})"


class Buffer:
    """An array that belongs to a layer's state but is not learned by gradient descent."""

    def __init__(self, data: Array):
        self.data = data


class Cache:
    """What one ``forward`` leaves for its ``backward``: named values, readable as attributes, spent once."""

    def __init__(self, **values: Any):
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this cache has no value {name!r}" + " any more: it is spent" * ("spent" in vars(self)))

    def spend(self, layer: "Layer") -> Any:
        """The values, for ``backward`` alone. A second call raises RuntimeError.

        In order, ``x, W = cache.spend(self)``, or in a layer of many parts by name, ``c = cache.spend(self)``, ``c.x``.
        """
        if "spent" in vars(self):
            raise RuntimeError(f"{layer!r}: this cache is already spent; run forward again before backward")
        values = CachedValues(vars(self))
        vars(self).clear()
        self.spent = True
        return values

    @property
    def nbytes(self) -> int:
        """Bytes this cache keeps alive (views and shared arrays counted in full)."""
        return sum(_nbytes(v) for v in vars(self).values())

    def __repr__(self):
        return f"Cache({', '.join(f'{k}={_describe(v)}' for k, v in vars(self).items())})"


class CachedValues:
    """The values of a spent cache: attributes, and in the order in which they were stored."""

    def __init__(self, values: dict[str, Any]):
        self.__dict__.update(values)

    def __iter__(self) -> Iterator[Any]:
        return iter(vars(self).values())


def _nbytes(value):
    return sum(map(_nbytes, value)) if isinstance(value, (list, tuple)) else getattr(value, "nbytes", 0)


def _describe(value):
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_describe, value))}]"
    return f"{value.dtype}{value.shape}" if hasattr(value, "dtype") else repr(value)


class Layer:
    """Base of all layers. A subclass writes ``forward`` and, right under it, ``backward``."""

    def forward(self, *inputs: Any, **options: Any) -> tuple[Any, Cache]:
        raise TypeError(f"{type(self).__name__} does not define forward")

    def backward(self, dy: Any, cache: Cache) -> Any:
        raise TypeError(f"{type(self).__name__} does not define backward")

    def __call__(self, *inputs: Any, **options: Any) -> Array:
        """Inference: the output alone; what ``forward`` would cache is freed. Layers that differ override this."""
        return self.forward(*inputs, **options)[0]

    def children(self) -> Iterator[tuple[str, "Layer"]]:
        """Pairs (name, layer) of the layers this one is made of, in the order they were defined."""
        for name, value in vars(self).items():
            if isinstance(value, Layer):
                yield name, value

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, "Layer"]]:
        """Pairs (dotted name, layer) of this layer and everything inside it, in definition order."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_layers(f"{prefix}.{name}" if prefix else name)

    def _named(self, kind):
        for prefix, layer in self.named_layers():
            for name, value in vars(layer).items():
                if isinstance(value, kind):
                    yield f"{prefix}.{name}" if prefix else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Pairs such as ("conv3_2.W", Parameter), in definition order."""
        return self._named(Parameter)

    def parameters(self) -> list[Parameter]:
        return [p for _, p in self.named_parameters()]

    def named_state(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Parameters and buffers: everything that has to be saved to use the layer again."""
        return self._named((Parameter, Buffer))

    def parameter_groups(self) -> dict[str, dict[str, Parameter]]:
        """{group: {name: Parameter}}, for a learning rate for each group. As a rule there is one group."""
        return {"model": dict(self.named_parameters())}

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = None

    def to(self, device: Device) -> Self:
        """Move parameters and buffers to ``device`` (see :func:`minicap.backend.get_device`); returns the layer."""
        for _, p in self.named_state():
            here = array_module(p.data) is device.xp
            p.data = device.asarray(p.data if here else to_numpy(p.data))
        return self

    def astype(self, dtype: Any) -> Self:
        """Convert parameters and buffers to ``dtype`` (the gradient check wants float64); returns the layer."""
        for _, p in self.named_state():
            p.data = p.data.astype(dtype)
        return self

    def state(self) -> dict[str, Array]:
        """A dict name -> NumPy array of every parameter and buffer: a copy, which later training does not change."""
        return {name: to_numpy(p.data).copy() for name, p in self.named_state()}

    def load_state(self, tensors: Mapping[str, Array], copy: bool = True) -> None:
        """Copy ``tensors`` (name -> NumPy array) into the layer, strictly: UserError lists whatever does not match.
        Without ``copy``, for inference alone, arrays of the layer's own type are taken themselves."""
        own = dict(self.named_state())
        problems = [f"missing {n}" for n in own if n not in tensors]
        problems += [f"unexpected {n}" for n in tensors if n not in own]
        problems += [f"{n} has shape {tuple(tensors[n].shape)}, expected {p.data.shape}"
                     for n, p in own.items() if n in tensors and tuple(tensors[n].shape) != p.data.shape]
        if problems:
            shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
            raise UserError(f"the weights do not fit this {type(self).__name__}: {shown}")
        for name, p in own.items():
            xp = array_module(p.data)
            p.data = (xp.array if copy else xp.asarray)(tensors[name], dtype=p.data.dtype)

    def __repr__(self):
        return f"{type(self).__name__}()"


class Sequential(Layer):
    """Layers one after another: y = f_n(... f_2(f_1(x))).

    Give names (``Sequential(conv1=Conv2d(...), relu1=ReLU())``) or none (then they are "0", "1", ...).
    How a gradient passes through two layers: lesson 3, lessons/03_linear.
    """

    def __init__(self, *layers: Layer, **named: Layer):
        if layers and named:
            raise ValueError("Sequential takes layers with names or without, not both")
        self.layers = named or {str(i): layer for i, layer in enumerate(layers)}

    def forward(self, x: Array) -> tuple[Array, Cache]:
        caches = []
        for name, layer in self.layers.items():
            x, cache = self._run(name, layer.forward, x)
            caches.append(cache)
        return x, Cache(caches=caches)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        (caches,) = cache.spend(self)
        for layer in reversed(self.layers.values()):
            dy = layer.backward(dy, caches.pop())  # pop: the memory of a layer is free once its gradient is known
        return dy

    def __call__(self, x: Array) -> Array:
        for name, layer in self.layers.items():
            x = self._run(name, layer, x)
        return x

    @staticmethod
    def _run(name, function, x):
        try:
            return function(x)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    def children(self) -> Iterator[tuple[str, Layer]]:
        yield from self.layers.items()

    def __getitem__(self, name: str) -> Layer:
        return self.layers[name]

    def __repr__(self):
        return "Sequential(\n" + "".join(f"  {n}: {layer!r}\n" for n, layer in self.layers.items()) + ")"


class Residual(Layer):
    """y = x + f(x), f the layers one after another, given as to :class:`Sequential`; x: any shape, which f has to keep.

    x is used twice, so its gradient is the sum of both ways: dx = dy + (the gradient through f). The first way has no
    factor that could make the gradient vanish (He et al. 2015; between layers of few channels, Sandler et al. 2018).
    What is used several times: lesson 3, lessons/03_linear.
    """

    def __init__(self, *layers: Layer, **named: Layer):
        self.f = Sequential(*layers, **named)

    def forward(self, x: Array) -> tuple[Array, Cache]:
        y, cache = self.f.forward(x)
        return self.sum(x, y), Cache(f=cache)

    def backward(self, dy: Array, cache: Cache) -> Array:
        (f,) = cache.spend(self)
        return dy + self.f.backward(dy, f)

    def __call__(self, x: Array) -> Array:
        return self.sum(x, self.f(x))

    def sum(self, x: Array, y: Array) -> Array:
        """x + y, where y = f(x)."""
        if y.shape != x.shape:  # NumPy would repeat a single channel
            raise ValueError(f"{self!r}: f turns x of shape {tuple(x.shape)} into {tuple(y.shape)}, and their "
                             "sum needs equal shapes")
        return x + y

    def children(self) -> Iterator[tuple[str, Layer]]:
        yield from self.f.children()

    def __getitem__(self, name: str) -> Layer:
        return self.f[name]

    def __repr__(self):
        return repr(self.f).replace("Sequential", "Residual", 1)


def expect_shape(layer: Layer, x: Array, letters: str, name: str = "x", **known: int) -> None:
    """Raise ValueError unless ``x`` has one axis for each of ``letters``; ``known`` gives the sizes that are fixed.

        expect_shape(self, x, "NHWC", C=3)    # Conv2d(3 -> 64, 3x3) expects x of shape (N, H, W, 3), got (2, 4, 5, 5)

    Before "...D" may stand any number of axes.
    """
    axes = letters.removeprefix("...")
    shape = x.shape if axes == letters else x.shape[-len(axes):]
    if len(shape) == len(axes) and all(known.get(a, n) == n for a, n in zip(axes, shape, strict=True)):
        return
    wanted = ["..."] * (axes != letters) + [str(known.get(a, a)) for a in axes]
    raise ValueError(f"{layer!r} expects {name} of shape ({', '.join(wanted)}), got {tuple(x.shape)}")
