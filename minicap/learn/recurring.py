"""Common parts of the lessons' checks: random inputs, answers with a cache, and further requirements."""

import numpy as np

# ------------------------------------------------------------------------------------------------------ making inputs

def floats(*nested):
    """An array of float64 for each of the nested lists."""
    return tuple(np.array(numbers, np.float64) for numbers in nested)


def normal(*shapes, scale=1.0):
    """(rng) -> an array of random numbers for each shape, for use as the ``cases`` of an exercise."""
    return lambda rng: tuple(scale * rng.standard_normal(shape) for shape in shapes)


# ----------------------------------------------------------------------------------------------------- taking answers

def things(answer, function, *names):
    """The answer, if it has a value for each name; TypeError states what the function has to return."""
    if isinstance(answer, (tuple, list)) and len(answer) == len(names):
        return answer
    got = f"{len(answer)} things" if isinstance(answer, (tuple, list)) else type(answer).__name__
    count = {2: "two", 3: "three"}[len(names)]
    raise TypeError(f"{function} has to return {count} things, `return {', '.join(names)}`, and not {got}")


def without_cache(function, *gives):
    """(module, *inputs) -> what a forward pass returns before its cache."""
    def call(module, *inputs):
        *found, _ = things(getattr(module, function)(*inputs), function, *gives, "cache")
        return tuple(found) if len(found) > 1 else found[0]
    return call


def after_forward(backward, forward, arriving=1):
    """(module, *inputs, dy) -> backward(dy, cache) with the cache of forward(*inputs)."""
    def call(module, *inputs):
        cache = getattr(module, forward)(*inputs[:-arriving])[-1]
        return getattr(module, backward)(*inputs[-arriving:], cache)
    return call


def accepted(verdicts, function):
    """The names of those whose verdict is True; None if a verdict is missing."""
    for name, verdict in verdicts.items():
        if not isinstance(verdict, (bool, np.bool_, type(None))):
            raise TypeError(f"{function} has to return True or False, and not {verdict!r} (that was for: {name})")
    return None if None in verdicts.values() else [name for name, verdict in verdicts.items() if verdict]


# ---------------------------------------------------------------------------------- learns: what else has to be right

def whole_number(function, *inputs):
    """A requirement: a count is a whole number."""
    def learns(module):
        number = getattr(module, function)(*inputs)
        if not isinstance(number, (int, np.integer)):
            return (f"{function}{inputs} is {number!r}, a {type(number).__name__}. The value is right, but a count "
                    "has to be an int: divide with //, which rounds down.")
        return None
    return learns


def whole_numbers(function, inputs, gives):
    """A requirement: the arrays of these names, or None for any, are of whole numbers, as indices have to be."""
    def learns(module):
        for name, array in zip(gives, getattr(module, function)(*inputs), strict=True):
            if name and np.asarray(array).dtype.kind not in "iu":
                return (f"the numbers are right, but {name} is of {np.asarray(array).dtype}, and an index has to be a "
                        "whole number: np.zeros and / make floats, np.full(shape, 0) and // do not.")
        return None
    return learns


def keeps_float32(function, inputs, gives=("the result",)):
    """A requirement: float32 in, float32 out; and float64 does not lose its digits on the way."""
    def of_another_type(module, dtype):
        """(name, dtype) of what is of another type than the inputs, if these are of the type ``dtype``."""
        of_type = [x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype == np.float32 else x for x in inputs]
        answer = getattr(module, function)(*of_type)
        return [(name, array.dtype) for name, array in zip(gives, answer if len(gives) > 1 else (answer,), strict=True)
                if array.dtype != dtype]

    def learns(module):
        for name, found in of_another_type(module, np.float32):
            return (f"the numbers are right, but float32 went in and {name} is {found}, twice the memory and half the "
                    "speed. np.zeros and np.empty make float64 without dtype=x.dtype, and whatever is combined with a "
                    "float64 array becomes float64: array.astype(x.dtype).")
        for name, found in of_another_type(module, np.float64):
            return (f"the numbers are right, but float64 went in and {name} is {found}, which holds fewer digits: take "
                    "the dtype from the inputs, dtype=x.dtype.")
        return None
    return learns


def remembers_the_first_sign(shapes, rate, run):
    """A requirement: a recurrent network learns to output the first of four signs, from all 16 sequences.

    run(module, x (16, 4, 1), *weights) -> (its last state, the function from the gradient of that state to those of the
    weights). The last one of the weights maps the state to the output, and is not part of the network.
    """
    def learns(module):
        rng = np.random.default_rng(0)
        x = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 4, indexing="ij"), axis=-1).reshape(-1, 4, 1)
        weights, seen = [0.6 * rng.standard_normal(shape) for shape in shapes], []
        for _ in range(60):
            *of_network, v = weights
            h, back = run(module, x, *of_network)
            off = h @ v - x[:, 0, 0]
            found = [*back(2 * off[:, None] * v / len(x)), h.T @ (2 * off / len(x))]
            weights = [w - rate * dw for w, dw in zip(weights, found, strict=True)]
            seen.append(float((off**2).mean()))
        if not seen[-1] < 0.2:
            return ("a network that should learn to output the first of four signs does not: after 60 steps its "
                    f"squared error is {seen[-1]:.2f}, and it began at {seen[0]:.2f}")
        return None
    return learns
