"""A simulated graphics card: NumPy computes, and everything that a real card would have to do is counted.

    x = card.asarray(numpy_array)    onto the card, a transfer
    y = card.exp(x) + 1              two launches; y is on the card
    y.get()                          back, a transfer, like float(y.sum())
    np.exp(x), x + numpy_array       TypeError, as with CuPy: nothing moves without being told to

    card.launches                    how many operations were launched
    card.traffic                     how many bytes they read from its memory and wrote into it
    card.transfers                   how often something was sent to the card or back

It is not fast, and it does not have all functions of NumPy.
"""

import functools
import operator

import numpy as np


class Card:
    """The array module: the functions of NumPy under the same names, for arrays of the card."""

    __name__ = "card"
    float32, float64, newaxis, inf = np.float32, np.float64, np.newaxis, np.inf

    def __init__(self):
        self.reset()

    def reset(self):
        self.launches = self.traffic = self.transfers = 0

    def asarray(self, x, dtype=None):
        if isinstance(x, Array):
            return x if dtype is None else x.astype(dtype)
        self.transfers += 1
        return Array(np.array(x, dtype=dtype))

    def fuse(self, function):
        """Like cupy.fuse: everything that function computes becomes one launch."""
        @functools.wraps(function)
        def fused(*arguments):
            arrays = [a for a in arguments if isinstance(a, Array)]
            launches, traffic, before = self.launches, self.traffic, [a.data.copy() for a in arrays]
            result = function(*arguments)
            written = [a for a, old in zip(arrays, before, strict=True) if not np.array_equal(a.data, old)]
            written += [result] if isinstance(result, Array) else []
            self.launches = launches + 1
            self.traffic = traffic + sum(a.nbytes for a in [*arrays, *written])
            return result
        return fused

    def __getattr__(self, name):
        """exp, maximum, zeros_like, ...: NumPy's, applied to the data inside the arrays."""
        function = getattr(np, name)
        return lambda *inputs, **options: launch(function, *inputs, **options)


card = Card()


def launch(function, *inputs, **options):
    """One operation of the card."""
    for x in inputs:
        if isinstance(x, np.ndarray):
            raise TypeError("an array of the card and one of NumPy cannot be mixed; move one with card.asarray or get")
    result = np.asarray(function(*(x.data if isinstance(x, Array) else x for x in inputs), **options))
    card.launches += 1
    card.traffic += result.nbytes + sum(x.nbytes for x in inputs if isinstance(x, Array))
    return Array(result)


class Array:
    """Numbers in the card's memory. ``data`` is where they really are; a real card would not let you see it."""

    def __init__(self, data):
        self.data = data

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    nbytes = property(lambda self: self.data.nbytes)
    T = property(lambda self: Array(self.data.T))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return Array(np.asarray(self.data[index]))

    def __setitem__(self, index, value):
        launch(functools.partial(self.data.__setitem__, index), value)

    def reshape(self, *shape):
        return Array(self.data.reshape(*shape))

    def get(self):
        card.transfers += 1
        return self.data.copy()

    def __float__(self):
        return float(self.get())

    def __bool__(self):
        return bool(self.get())

    def __array__(self, *args, **kwargs):
        raise TypeError("NumPy was given an array of the card; to move it there write x.get()")

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        raise TypeError(f"np.{ufunc.__name__} was given an array of the card; the module of the array has its own "
                        f"{ufunc.__name__}")

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(f"np.{function.__name__} was given an array of the card; the module of the array has its own "
                        f"{function.__name__}")

    def __repr__(self):
        return f"<{'x'.join(map(str, self.shape))} {self.dtype} on the card>"


def _method(name):
    return lambda self, *args, **options: launch(getattr(np.ndarray, name), self, *args, **options)


def _in_place(function):
    def method(self, other):
        launch(lambda x, y: function(x, y), self, other)
        return self
    return method


for _name in ("sum", "mean", "max", "min", "argmax", "copy", "astype"):
    setattr(Array, _name, _method(_name))
for _name in ("add", "sub", "mul", "truediv", "pow", "matmul", "lt", "le", "gt", "ge", "eq", "ne"):
    _function = getattr(operator, _name)
    setattr(Array, f"__{_name}__", lambda self, other, f=_function: launch(f, self, other))
    setattr(Array, f"__r{_name}__", lambda self, other, f=_function: launch(f, other, self))
for _name in ("iadd", "isub", "imul", "itruediv"):
    setattr(Array, f"__{_name}__", _in_place(getattr(operator, _name)))
Array.__neg__ = lambda self: launch(operator.neg, self)
Array.__hash__ = None
