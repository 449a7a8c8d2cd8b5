"""Blocks of work on all cores, each with its own scratch memory.

NumPy's pointwise work, copies and reductions use one core, and its matrix products start and stop all of them each
time. Cut into blocks that fit a core's cache, whole chains of such steps run side by side instead (NumPy releases the
GIL), with BLAS held to one thread in each.

Blocks are better large than small, a megabyte or more: NumPy's calls of two threads take turns at the GIL, and handing
it over costs about 2 µs a call, as much as 30 KB of a pointwise pass.
"""

import functools
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

_here = threading.local()  # what belongs to one thread: its scratch memory, and which share of the blocks it works on
_turn = threading.RLock()  # the number of BLAS threads belongs to the process: one caller at a time may set it
_threads_outside = None    # what that number was before the caller whose turn it is set it to 1


@functools.cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _pool():
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "minicap")


def thread_count():
    """As many threads as BLAS takes: all cores, unless OMP_NUM_THREADS or threadpoolctl says otherwise."""
    if _at_work():
        return _threads_outside
    with _turn:
        return max((library.num_threads for library in _blas().lib_controllers), default=1)


def run_blocks(function, blocks):
    """Call ``function(*block)`` for every block, on all cores; the caller's thread works too.

    Each core gets one run of blocks, whatever their speed: then the same sums are added in the same order every time,
    and a training run repeats to the bit. A block that calls this itself runs its own blocks one after another.
    """
    global _threads_outside
    blocks = list(blocks)
    if _at_work():
        for block in blocks:
            function(*block)
        return
    with _turn:
        threads = _threads_outside = thread_count()
        shares = min(threads, len(blocks))
        bounds = [len(blocks) * share // shares for share in range(shares + 1)] if shares else [0, 0]

        def work(share):
            _here.share = share
            try:
                for block in blocks[bounds[share]:bounds[share + 1]]:
                    function(*block)
            finally:
                _here.share = None

        try:
            with _blas().limit(limits=1):
                others = [_pool().submit(work, share) for share in range(1, shares)]
                try:
                    work(0)
                finally:
                    for other in others:
                        other.result()
        finally:
            _threads_outside = None


def _at_work():
    return getattr(_here, "share", None) is not None


def image_blocks(N, rows, row_size, budget):
    """Blocks (images, rows), both slices, of N images of ``rows`` rows, none of them larger than ``budget``.

    Several whole images where they are small, else some rows of one; and at least one block for each core.
    """
    fit = max(1, min(budget // row_size, -(-N * rows // thread_count())))
    if fit >= rows:
        step = fit // rows
        return [(slice(n, min(n + step, N)), slice(0, rows)) for n in range(0, N, step)]
    return [(slice(n, n + 1), slice(top, min(top + fit, rows))) for n in range(N) for top in range(0, rows, fit)]


class Scratch:
    """Arrays by name, grown when needed and kept: memory that is new to the process is slow to write."""

    def __init__(self):
        self.arrays = {}

    def empty(self, name, shape, dtype=np.float32):
        size = math.prod(shape)
        array = self.arrays.get((name, dtype))
        if array is None or array.size < size:
            array = self.arrays[name, dtype] = np.empty(size, dtype)
        return array[:size].reshape(shape)


def scratch():
    """The :class:`Scratch` of this thread."""
    if not hasattr(_here, "scratch"):
        _here.scratch = Scratch()
    return _here.scratch


class Accumulator:
    """A sum of matrix products over blocks: every share of them in an array of its own until ``total`` joins them."""

    def __init__(self):
        self.sums = {}

    def matmul(self, a, b):
        """Add the matrix product ``a @ b``."""
        if _here.share in self.sums:
            total = self.sums[_here.share]
            total += np.matmul(a, b, out=scratch().empty("product", total.shape))
        else:
            self.sums[_here.share] = np.matmul(a, b)

    def total(self):
        first, *others = (self.sums[share] for share in sorted(self.sums))
        for other in others:
            first += other
        return first
