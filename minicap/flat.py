"""Parameters side by side in one array: on a GPU an update then takes a few kernel launches, not a few per parameter.

    parameters = flatten(model.named_parameters())      # {"matrices": FlatParameter, "vectors": FlatParameter}
    adam = Adam(parameters.items(), lr=1e-3)
    ...                                                 # forward, backward, as usual
    clip_gradients(parameters.values(), 5.0)
    adam.step()

The model keeps its parameters, only their arrays become views of the long ones. Gradients are gathered when the long
gradient is read. An optimiser saves its state under the names and in the shapes of the individual parameters.

On NumPy the parameters stay separate: there are no launches to save, and gathering would be one more pass over memory.
"""

import math

import numpy as np

from .backend import array_module
from .layer import Parameter


def flatten(named_parameters, prefix=""):
    """Dict name -> Parameter: matrices and kernels as one, vectors as another (weight decay treats them differently).

    ``prefix`` is put before these two names, to distinguish several calls.
    """
    named = dict(named_parameters)
    if array_module(*(p.data for p in named.values())) is np:
        return named
    groups = {f"{prefix}matrices": {n: p for n, p in named.items() if p.ndim > 1},
              f"{prefix}vectors": {n: p for n, p in named.items() if p.ndim <= 1}}
    return {name: FlatParameter(members) for name, members in groups.items() if members}


def parts(name, parameter, array):
    """Pairs (name of an individual parameter, its part of ``array``). ``array`` is shaped like ``parameter.data``."""
    if not isinstance(parameter, FlatParameter):
        return [(name, array)]
    return list(zip(parameter.members, parameter.split(array), strict=True))


class FlatParameter(Parameter):
    """``members`` (dict name -> Parameter, all of one dtype and device) as one parameter with one axis."""

    def __init__(self, members):
        self.members = dict(members)
        self.shapes = [p.shape for p in self.members.values()]
        arrays = [p.data.reshape(-1) for p in self.members.values()]
        self.data = array_module(*arrays).concatenate(arrays)
        self._grad, self._grad_views = None, [None] * len(self.shapes)

    def split(self, array):
        """Views of ``array``, of one axis, with the shapes of the members."""
        views, begin = [], 0
        for shape in self.shapes:
            end = begin + math.prod(shape)
            views.append(array[begin:end].reshape(shape))
            begin = end
        return views

    @property
    def ndim(self):
        """That of the members, not of the long array."""
        return max(map(len, self.shapes))

    @property
    def data(self):
        """The long array. If a member was given a new array, for instance by ``load_state``, its values are copied in.
        """
        for p, view in zip(self.members.values(), self._views, strict=True):
            if p.data is not view:
                view[...] = p.data
                p.data = view
        return self._data

    @data.setter
    def data(self, array):
        self._data, self._views = array, self.split(array)
        for p, view in zip(self.members.values(), self._views, strict=True):
            p.data = view

    @property
    def grad(self):
        """All gradients as one array, of which the members' become views; None when no member has one.

        ValueError when only some members have one: they can only be updated together.
        """
        missing = [name for name, p in self.members.items() if p.grad is None]
        if len(missing) == len(self.members):
            return None
        if missing:
            raise ValueError(f"flattened parameters are updated together, and {missing[0]} has no gradient")
        if any(p.grad is not view for p, view in zip(self.members.values(), self._grad_views, strict=True)):
            grads = [p.grad.reshape(-1) for p in self.members.values()]
            self.grad = array_module(*grads).concatenate(grads)
        return self._grad

    @grad.setter
    def grad(self, array):
        self._grad, self._grad_views = array, [None] * len(self.shapes) if array is None else self.split(array)
        for p, view in zip(self.members.values(), self._grad_views, strict=True):
            p.grad = view

    def __repr__(self):
        return f"FlatParameter({len(self.members)} parameters, {self.data.size} numbers, {self.data.dtype})"
