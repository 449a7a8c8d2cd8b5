"""Lesson 25: the same code on a GPU. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

MODULES = {np.ndarray: np}  # type of an array -> the module that computes with it. CuPy's would be added here.


def array_module(*arrays):
    """The module that these arrays belong to, by MODULES.

    An array belongs to a module if it is an instance of the module's type of arrays, or of a subclass (a memory map is
    an np.ndarray as well). A None among the arrays, such as a missing bias, is skipped. TypeError if they belong to
    several modules, or one of them to none, or if no array is left.

        With MODULES = {np.ndarray: np, card.Array: card}, x an array of NumPy and y one of the card:

        array_module(x) is np               array_module(y, None, y) is card
        array_module(x, y)   TypeError      array_module(x, [1.0])   TypeError      array_module(None)   TypeError
    """
    raise NotImplementedError("exercise 25.1 is still to do")


def softmax(x):
    """softmax(x) of every row, for arrays of any module in MODULES: use array_module.

    x: (N, V). p = exp(x) / Σ exp(x), the sum over the row. Numbers may be large, and exp(1000) is infinite: subtract
    the maximum of the row first. The result belongs to the same module as x, and nothing may be transferred in between.

        x = [[0, log 3], [1000, 1000]]        softmax(x) is [[0.25, 0.75], [0.5, 0.5]]
    """
    raise NotImplementedError("exercise 25.2 is still to do")


def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    """One thread of a kernel for Adam: the whole step for one number, in place.

    This is thread number ``thread`` of block number ``block``; every block has ``threads`` of them. Thread 0 of block 0
    is responsible for number 0, the next one for number 1, and so on through all blocks. theta, g, m, s are flat
    arrays, of which only the first ``count`` numbers are to be updated; the memory beyond belongs to something else, so
    the threads beyond do nothing. For its number i

        m = β1 m + (1 - β1) g        s = β2 s + (1 - β2) g²        θ = θ - lr · m / (√s + ε)

    with the *new* m and s on the right (the corrections for the first steps are already in lr and ε). g stays
    unchanged. It returns nothing.

        block 1, thread 0, threads 2: its number is number 2. There θ = 5, g = 4, m = 0, s = 0; β1 = 0.5, β2 = 0.75,
        lr = 1, ε = 0.5. Then m[2] becomes 2, s[2] becomes 4 and theta[2] becomes 5 - 2 / 2.5 = 4.2
    """
    raise NotImplementedError("exercise 25.3 is still to do")


def block_sum(x, T):
    """The sum of x as a block of T threads computes it, always in the same order.

    x: a list of N numbers, N >= T; T: a power of two. First each thread sums its own numbers, from left to right:
    thread t has x[t], x[t + T], x[t + 2T], ... as far as there are any. Then the T results are reduced: thread t of the
    first half adds the result of thread t of the second half to its own, which leaves T/2 results. Repeat until one is
    left, and return it.

        block_sum([1, 2, 3, 4, 5, 6, 7], 4)

        the four threads have       1 + 5 = 6     2 + 6 = 8     3 + 7 = 10     4
        first round                 6 + 10 = 16   8 + 4 = 12
        second round                16 + 12 = 28
    """
    raise NotImplementedError("exercise 25.4 is still to do")
