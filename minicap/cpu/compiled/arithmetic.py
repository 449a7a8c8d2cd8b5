"""How kernels are compiled, and versions of exp, σ and tanh for float32 that the compiler can vectorise."""

import numba
import numpy as np

# A multiplication and the addition after it may be contracted into one instruction, with one rounding. Nothing else is
# reordered, so results are the same bit for bit each time. The GIL is released, so that blocks run in parallel.
kernel = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})

# The same for a sum of products, whose terms may be added in another order: eight partial sums, added at the end. The
# order is fixed in the machine code, so this is repeatable too.
summing_kernel = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})

f4 = np.float32
LOG2_E = f4(np.log2(np.e))
LN2_HIGH = f4(355 / 512)                         # few digits: n times this is exact
LN2_LOW = f4(np.log(2) - 355 / 512)
LOWEST, HIGHEST = f4(-87), f4(88)                # beyond, 2ⁿ is no normal float32
C2, C3, C4, C5, C6 = (f4(c) for c in (1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720))
ONE, TWO, HALF = f4(1), f4(2), f4(0.5)


@kernel
def exp(x):
    """e^x = 2ⁿ e^r with n = round(x / ln 2) and |r| <= ln(2) / 2, e^r by its Taylor polynomial (Cody and Waite 1980).

    Relative error below 3e-7. x is clipped to -87 .. 88; NaN stays NaN.
    """
    x = LOWEST if x < LOWEST else x
    x = HIGHEST if x > HIGHEST else x
    n = np.floor(x * LOG2_E + HALF)
    r = x - n * LN2_HIGH - n * LN2_LOW
    p = ((((C6 * r + C5) * r + C4) * r + C3) * r + C2) * r * r + r + ONE
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)  # the exponent's bits


@kernel
def sigmoid(x):
    return ONE / (ONE + exp(-x))


@kernel
def tanh(x):
    """2 σ(2x) - 1: absolute error below 2e-7."""
    return TWO / (ONE + exp(-TWO * x)) - ONE
