"""A device double: arrays that are as strict as a GPU's, on a machine that has none.

A forgotten ``np.`` in a layer works perfectly on NumPy and fails on the user's GPU. This module finds it on a laptop:
it computes with NumPy, but its arrays behave like CuPy's, and where CuPy copies between host and device without a
word they refuse, because such a copy inside a training loop is slow and nobody meant it:

    xp.asarray(numpy_array)     the only way onto the device
    x.get(), int(x), float(x)   the ways back, each written out where it happens (on a GPU each one waits)

What they refuse, and what CuPy does there:

    np.exp(x), np.sum(x)        CuPy: dispatches some functions, fails on others; layers write xp.exp
    np.asarray(x)               CuPy: TypeError
    x + numpy_array             CuPy: TypeError
    x[numpy_array]              CuPy: copies the index to the GPU
    x[0] = numpy_array          CuPy: TypeError or a copy, depending on the index
    if x: ...                   CuPy: waits for the GPU, unseen
    xp.NAME that CuPy lacks     CuPy: AttributeError

Reductions and ``x[0, 0]`` give 0-d arrays, as on CuPy and unlike NumPy, whose scalars need no device. Not imitated:
out-of-range indices (CuPy wraps around), the order of sums, streams.

``with watch() as seen:`` counts what a GPU would be asked to do, ``seen.launches``, and lists where the host would have
to wait for its answer, ``seen.waits``.
"""

import contextlib
from collections import Counter
from types import SimpleNamespace

import numpy as np

from minicap.backend import Device, register_array_type

_SCALARS = (bool, int, float, np.generic)


def _names(text):
    return frozenset(text.split())


# Array functions that NumPy and CuPy both have under this name. Something missing that CuPy has? Add it.
CREATION = _names("""
    arange array asarray ascontiguousarray empty empty_like eye full full_like linspace ones ones_like zeros zeros_like
""")
POINTWISE = _names("""
    abs absolute add arctan bitwise_and bitwise_or clip cos cosh divide equal exp expm1 floor greater greater_equal
    isfinite isinf isnan less less_equal log log1p log2 logical_and logical_not logical_or maximum minimum multiply
    negative not_equal power reciprocal rint round sign sin sqrt square subtract tanh where
""")
OTHER = _names("""
    all any argmax argmin argpartition argsort bincount broadcast_to concatenate convolve copyto correlate cumsum diag
    diff dot einsum expand_dims flip hstack kron matmul max mean min moveaxis nonzero outer pad partition percentile
    prod put_along_axis quantile ravel repeat reshape roll searchsorted sort split squeeze stack std sum swapaxes take
    take_along_axis tensordot tile transpose tril triu unique var vdot vstack
""")
SCATTER = _names("add subtract maximum minimum")  # xp.add.at(a, indices, b) and its relatives
CONSTANTS = _names("""
    bool_ float16 float32 float64 inf int8 int16 int32 int64 nan newaxis pi uint8 uint16 uint32 uint64
""")


VIEWS = _names("""
    asarray ascontiguousarray astype broadcast_to diagonal empty empty_like expand_dims moveaxis ravel reshape split
    squeeze swapaxes transpose view
""")  # cost a launch only where they have to copy
WAITING = _names("nonzero unique")  # how long the result is, only the GPU knows


# --- what a GPU would be asked to do ------------------------------------------------------------------------------

class Seen:
    """``launches``: Counter of operations, by name; ``uploads``: arrays that came from the host; ``waits``: names."""

    def __init__(self):
        self.launches, self.uploads, self.waits = Counter(), 0, []


_watchers = []
_fusing = None  # the numbers met inside a fused function, while one runs


@contextlib.contextmanager
def watch():
    """Count everything that happens in the block."""
    seen = Seen()
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)


def count(kind, name, times=1):
    """One launch (``kind`` "kernel" or "array"), an "upload" or a "wait"."""
    if _fusing is not None and kind == "array":
        return
    for seen in _watchers:
        if kind == "upload":
            seen.uploads += 1
        elif kind == "wait":
            seen.waits.append(name)
        else:
            seen.launches[name] += times


class _Number(float):
    """A number that was an argument of a fused function, and so may change from call to call."""


def fuse(function):
    """Like cupy.fuse: pointwise operations alone, counted as one launch. CuPy compiles the other numbers it meets into
    the kernel and never looks at them again; here it is an error if they change."""
    constants = {}

    def fused(*args):
        global _fusing
        if _fusing is not None:
            return function(*args)
        _fusing = []
        try:
            result = function(*(_Number(a) if type(a) is float else a for a in args))
            key = tuple((a.dtype, a.ndim) if isinstance(a, StrictArray) else type(a) for a in args)
            before = constants.setdefault(key, _fusing)
            if _fusing != before:
                raise TypeError(f"{function.__name__} is fused, but a number inside it was {before} and is {_fusing}; "
                                "numbers that change have to be arguments")
        finally:
            _fusing = None
        count("array", function.__name__)
        return result

    return fused


def _own(value, where):
    """The NumPy array inside a StrictArray; Python and NumPy scalars as they are; TypeError for anything else."""
    if isinstance(value, StrictArray):
        return value._array
    if isinstance(value, _Number):
        return float(value)
    if isinstance(value, _SCALARS):
        if _fusing is not None:
            _fusing.append(value)
        return value
    raise TypeError(f"{where}: a device array cannot be combined with {type(value).__module__}."
                    f"{type(value).__name__}; move it with xp.asarray first")


def _wrap(result):
    """NumPy's result as ours: arrays and NumPy scalars become device arrays, the rest (shapes, dtypes) stays."""
    if isinstance(result, (np.ndarray, np.generic)):
        return StrictArray(np.asarray(result))
    if isinstance(result, (tuple, list)):
        return type(result)(map(_wrap, result))
    return result


def _unwrap_argument(value, where):
    """Arguments of functions: device arrays, sequences of them, and anything that is not an array (shapes, axes)."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"{where}: got a NumPy array; move it with xp.asarray first")
    if isinstance(value, StrictArray):
        return value._array
    if isinstance(value, (tuple, list)):
        return type(value)(_unwrap_argument(v, where) for v in value)
    return value


def _call(function, where, args, kwargs):
    """``function`` of NumPy on unwrapped arguments; with ``out=`` the very array that was passed comes back."""
    name = where.split(".")[1]
    if _fusing is not None and name not in POINTWISE:
        raise TypeError(f"{where} inside a fused function, which can hold pointwise operations alone")
    plain = [_unwrap_argument(a, where) for a in args]
    result = function(*plain, **{k: _unwrap_argument(v, where) for k, v in kwargs.items()})
    if name in WAITING:
        count("wait", where)
    if name == "concatenate":
        count("array", name, len(args[0]))  # one copy each, where CuPy does not find a shorter way
    elif name not in VIEWS or _is_copy(result, getattr(function, "__self__", plain[0] if plain else None)):
        count("array", name)
    return kwargs["out"] if kwargs.get("out") is not None else _wrap(result)


def _is_copy(result, of):
    return isinstance(result, np.ndarray) and isinstance(of, np.ndarray) and not np.may_share_memory(result, of)


class StrictArray:
    """One array "on the device". Made by ``xp.asarray``; see the top of this file."""

    __slots__ = ("_array",)
    __array_ufunc__ = None  # NumPy's ufuncs and operators give up on us; ours then refuse what is not on the device
    __hash__ = None

    def __init__(self, array):
        self._array = array

    # --- ways back to the host ------------------------------------------------------------------------------------

    def get(self):
        count("wait", "get")
        return self._array.copy()

    def item(self):
        count("wait", "item")
        return self._array.item()

    def tolist(self):
        count("wait", "tolist")
        return self._array.tolist()

    def __int__(self):
        count("wait", "int")
        return int(self._array)

    def __float__(self):
        count("wait", "float")
        return float(self._array)

    def __repr__(self):
        return repr(self._array)

    # --- ways that are closed -------------------------------------------------------------------------------------

    def __array__(self, dtype=None, copy=None):
        raise TypeError("implicit conversion to NumPy is not allowed; use to_numpy")

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(f"np.{function.__name__} on a device array; use the array_module of the array")

    def __bool__(self):
        raise TypeError("the truth of a device array: a GPU would have to be waited for; say so with to_numpy or int")

    # --- shape, views, copies -------------------------------------------------------------------------------------

    shape = property(lambda self: self._array.shape)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    dtype = property(lambda self: self._array.dtype)
    nbytes = property(lambda self: self._array.nbytes)
    itemsize = property(lambda self: self._array.itemsize)
    strides = property(lambda self: self._array.strides)
    flags = property(lambda self: self._array.flags)
    T = property(lambda self: StrictArray(self._array.T))

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        result = self._array[_index(index)]
        if not np.may_share_memory(result, self._array):
            count("array", "gather")
        return StrictArray(result)

    def __setitem__(self, index, value):
        index = _index(index)
        if self._array[index].size:
            count("array", "assignment")
        self._array[index] = _own(value, "assignment")

    def __copy__(self):
        return StrictArray(self._array.copy())

    def __deepcopy__(self, memo):
        return StrictArray(self._array.copy())


def _index(index):
    """An index for NumPy. The Ellipsis at its end makes ``x[0, 0]`` a 0-d view instead of a NumPy scalar."""
    parts = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, (np.ndarray, list)):
            raise TypeError(f"indexing with a {type(part).__name__} copies it to the GPU every time; "
                            "move it with xp.asarray first")
        if isinstance(part, StrictArray) and part.dtype == bool:
            count("wait", "boolean index")
        parts.append(part._array if isinstance(part, StrictArray) else part)
    return tuple(parts) if any(p is Ellipsis for p in parts) else (*parts, Ellipsis)


def _add_operators():
    binary = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
              "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
              "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}
    comparisons = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
                   "eq": np.equal, "ne": np.not_equal}
    unary = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}

    def forward(f, sign):
        def operator(self, other):
            count("array", sign)
            return _wrap(f(self._array, _own(other, sign)))
        return operator

    def reflected(f, sign):
        def operator(self, other):
            count("array", sign)
            return _wrap(f(_own(other, sign), self._array))
        return operator

    def in_place(f, sign):
        def operator(self, other):
            count("array", sign)
            f(self._array, _own(other, sign), out=self._array)
            return self
        return operator

    def unary_operator(f, sign):
        def operator(self):
            count("array", sign)
            return _wrap(f(self._array))
        return operator

    for name, f in (binary | comparisons).items():
        setattr(StrictArray, f"__{name}__", forward(f, name))
    for name, f in binary.items():
        setattr(StrictArray, f"__r{name}__", reflected(f, name))
        if name != "matmul":  # CuPy has no in-place @
            setattr(StrictArray, f"__i{name}__", in_place(f, name))
    for name, f in unary.items():
        setattr(StrictArray, f"__{name}__", unary_operator(f, name))


def _add_methods():
    names = _names("""
        all any argmax argmin argsort astype clip copy cumsum diagonal dot fill flatten max mean min nonzero
        prod ravel repeat reshape round sort squeeze std sum swapaxes take trace transpose var view
    """)

    def method(name):
        return lambda self, *args, **kwargs: _call(getattr(self._array, name), f"x.{name}", args, kwargs)

    for name in names:
        setattr(StrictArray, name, method(name))


_add_operators()
_add_methods()


class _Function:
    """A function of the module; ``at`` where CuPy has it. Only creation functions take plain lists and numbers."""

    def __init__(self, name):
        self.name = name

    def __call__(self, *args, **kwargs):
        if self.name not in CREATION and args and isinstance(args[0], (list, tuple)):
            plain = [v for v in args[0] if not isinstance(v, StrictArray)]
            if plain or not args[0]:
                raise TypeError(f"xp.{self.name}: CuPy takes no lists of numbers; move them with xp.asarray first")
        return _call(getattr(np, self.name), f"xp.{self.name}", args, kwargs)

    def __getattr__(self, attribute):
        if attribute == "at" and self.name in SCATTER:
            return lambda *args: _call(getattr(np, self.name).at, f"xp.{self.name}.at", args, {})
        raise AttributeError(f"xp.{self.name}.{attribute} is not offered by the strict device double")


class StrictModule:
    """Stands in for the module ``cupy``: the functions both libraries have, on device arrays only."""

    __name__ = "strict"
    ndarray = StrictArray
    cuda = SimpleNamespace(nccl=SimpleNamespace(available=False))  # as CuPy is without NCCL

    def asarray(self, x, dtype=None):
        """``x`` (NumPy array, list, number: copied over; device array: as it is) as a device array."""
        if isinstance(x, StrictArray):
            return x if dtype is None or x.dtype == dtype else x.astype(dtype)
        return self.array(x, dtype)

    def array(self, x, dtype=None):
        count("array" if isinstance(x, StrictArray) else "upload", "array")
        return StrictArray(np.array(x._array if isinstance(x, StrictArray) else x, dtype=dtype))

    fuse = staticmethod(fuse)

    def __getattr__(self, name):
        if name in CONSTANTS:
            return getattr(np, name)
        if name in CREATION | POINTWISE | OTHER:
            return _Function(name)
        raise AttributeError(f"xp.{name} is not offered by the strict device double; "
                             "if CuPy has it, add it to the lists in tests/strict.py")


xp = StrictModule()
DEVICE = Device("strict", xp)
register_array_type(StrictArray, xp)
