"""How kernels are compiled, and versions of exp, σ and tanh for float32 that the compiler can vectorise."""

import contextlib
import functools
import os

import numba
import numpy as np

from ...errors import warn


def compiler(fastmath):
    """A decorator that compiles a function, and keeps the machine code on disk where there is a place for it.

    The GIL is released, so that blocks run in parallel.
    """
    def compiled(function):
        try:
            with no_folder_called_tilde():
                kernel = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=fastmath)(function)
        except RuntimeError:  # neither this folder nor one in the home of the user can be written, as in containers
            warn_of_no_cache()
            return numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
        if hasattr(kernel, "_cache"):  # NUMBA_DISABLE_JIT=1 leaves functions as they are
            never_fail(kernel._cache)
        return kernel
    return compiled


def keeps_code():
    """Whether there is a place for machine code on the disk."""
    try:
        with no_folder_called_tilde():
            numba.njit(cache=True)(lambda: None)
    except RuntimeError:
        return False
    return True


@contextlib.contextmanager
def no_folder_called_tilde():
    """For a user without a home, numba takes ``~/.cache`` literally and makes a folder ``~`` wherever it is called."""
    homeless = os.path.expanduser("~") == "~" and "XDG_CACHE_HOME" not in os.environ
    if homeless:
        os.environ["XDG_CACHE_HOME"] = os.devnull
    try:
        yield
    finally:
        if homeless:
            del os.environ["XDG_CACHE_HOME"]


def never_fail(cache):
    """Let a cache on a full disk keep nothing, and one that is damaged begin anew; numba raises an exception for both.
    """
    load, save = cache.load_overload, cache.save_overload

    def load_or_none(*arguments):
        try:
            return load(*arguments)
        except Exception:  # of pickle, on a file that was cut off when the machine stopped
            with contextlib.suppress(OSError):
                cache.flush()
            return None

    def save_or_warn(*arguments):
        try:
            save(*arguments)
        except Exception:
            warn_of_no_cache()

    cache.load_overload, cache.save_overload = load_or_none, save_or_warn


@functools.cache  # once is enough
def warn_of_no_cache():
    warn("numba finds no place to keep compiled code and compiles it again in every run, which takes up to 20 seconds; "
         "name a folder in the environment variable NUMBA_CACHE_DIR, or set MINICAP_NUMBA=0 to do without numba")


# A multiplication and the addition after it may be contracted into one instruction, with one rounding. Nothing else is
# reordered, so results are the same bit for bit each time.
kernel = compiler({"contract"})

# The same for a sum of products, whose terms may be added in another order: eight partial sums, added at the end. The
# order is fixed in the machine code, so this is repeatable too.
summing_kernel = compiler({"contract", "reassoc"})

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
