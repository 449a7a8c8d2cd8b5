"""Sixteen float32 as one value of a kernel: a register of AVX-512, two of AVX2, four of NEON.

    v = load(a, i)                 a[i], ..., a[i + 15] of the array a, (n,) float32
    store(a, i, v)                 the way back
    v = repeat(x)                  sixteen times the number x
    v = add(a, b)                  a + b; and subtract(a, b)
    v = multiply_add(a, b, v)      a · b + v, in one instruction where the processor has it
    v = largest(a, b)              NaN where one of them is NaN
    v = limit(v, low, high)        min(max(v, low), high), and NaN stays NaN

Elsewhere the compiler finds the vectors by itself, in a loop over c with indices of the form base + c. But it keeps no
part of an array in registers from one such loop to the next, as the depthwise convolution wants its weights: of 5 x 5
sums it then reaches 30 to 45 GFLOP/s, with these vectors 80 to 95 (one core of an EPYC, Zen 4, 2026-11-30).
"""

import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic, models, register_model

LANES = 16
VECTOR = ir.VectorType(ir.FloatType(), LANES)


class Vector(types.Type):
    """The type of the values; LLVM knows it as <16 x float>."""

    def __init__(self):
        super().__init__(name=f"Vector({LANES} x float32)")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, type_):
        super().__init__(manager, type_, VECTOR)


vector = Vector()


def _place(context, builder, signature, arguments):
    """Where in memory the elements from ``i`` on of the array ``a`` are; arguments: a, i, ..."""
    a = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(a.data, [arguments[1]]), VECTOR.as_pointer())


# Each function below tells numba the types of an instruction, and how to write it down in LLVM's language. Elements may
# begin anywhere in memory (align=4), but are faster to reach where no sixteen of them lie in two lines of the cache:
# scratch arrays (threads.py) begin with a line.

@intrinsic
def load(typing, a, i):
    def write(context, builder, signature, arguments):
        return builder.load(_place(context, builder, signature, arguments), align=4)
    return vector(a, types.intp), write


@intrinsic
def store(typing, a, i, v):
    def write(context, builder, signature, arguments):
        builder.store(arguments[2], _place(context, builder, signature, arguments), align=4)
        return context.get_dummy_value()
    return types.void(a, types.intp, v), write


@intrinsic
def repeat(typing, x):
    def write(context, builder, signature, arguments):
        undefined, first = ir.Constant(VECTOR, ir.Undefined), ir.IntType(32)
        v = builder.insert_element(undefined, arguments[0], first(0))
        return builder.shuffle_vector(v, undefined, ir.Constant(ir.VectorType(first, LANES), [0] * LANES))
    return vector(types.float32), write


@intrinsic
def add(typing, a, b):
    def write(context, builder, signature, arguments):
        return builder.fadd(*arguments)
    return vector(vector, vector), write


@intrinsic
def subtract(typing, a, b):
    def write(context, builder, signature, arguments):
        return builder.fsub(*arguments)
    return vector(vector, vector), write


@intrinsic
def multiply_add(typing, a, b, v):
    def write(context, builder, signature, arguments):
        a, b, v = arguments
        together = ("contract",)  # with one rounding for both, as in `kernel` of arithmetic.py
        return builder.fadd(builder.fmul(a, b, flags=together), v, flags=together)
    return vector(vector, vector, vector), write


@intrinsic
def largest(typing, a, b):
    def write(context, builder, signature, arguments):
        a, b = arguments
        v = builder.select(builder.fcmp_ordered(">", a, b), a, b)  # b where a is NaN
        return builder.select(builder.fcmp_unordered("uno", a, a), a, v)
    return vector(vector, vector), write


@intrinsic
def limit(typing, v, low, high):
    def write(context, builder, signature, arguments):
        v, low, high = arguments
        v = builder.select(builder.fcmp_ordered("<", v, low), low, v)  # "ordered": never true of NaN
        return builder.select(builder.fcmp_ordered(">", v, high), high, v)
    return vector(vector, vector, vector), write


if config.DISABLE_JIT:  # kernels are then plain Python, for a debugger, and vectors small arrays

    def load(a, i):
        return a[i:i + LANES].copy()

    def store(a, i, v):
        a[i:i + LANES] = v

    def repeat(x):
        return np.full(LANES, x, np.float32)

    def add(a, b):
        return a + b

    def subtract(a, b):
        return a - b

    def multiply_add(a, b, v):
        return a * b + v

    def largest(a, b):
        return np.maximum(a, b)

    def limit(v, low, high):
        return np.minimum(np.maximum(v, low), high)
