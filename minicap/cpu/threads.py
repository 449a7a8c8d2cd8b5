"""Blocks of work on all cores, each with its own scratch memory.

NumPy's pointwise operations, copies and reductions use one core, and each matrix product starts and stops all of them.
Cut into blocks that fit into a core's cache, whole chains of such steps run in parallel instead (NumPy releases the
GIL), with BLAS limited to one thread in each.

Large blocks, of a megabyte or more, are better than small ones: NumPy calls from two threads take turns at the GIL, and
passing it on costs about 2 µs per call, as much as 30 KB of a pointwise pass.
"""

import functools
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

LINE = 64  # bytes of the cache's lines

_here = threading.local()  # for each thread: its scratch memory, and the number of the part it is working on
_turn = threading.RLock()  # the number of BLAS threads is global to the process: one caller at a time may set it
_threads_outside = None    # that number before the caller whose turn it is set it to 1


@functools.cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _pool():
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "minicap")


def _after_fork():
    """A process that was forked has none of the threads, and its copy of the lock may be held by one of them."""
    global _turn
    _turn = threading.RLock()
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def thread_count():
    """The number of threads that BLAS uses: all cores, unless OMP_NUM_THREADS or threadpoolctl sets another number."""
    if _at_work():
        return _threads_outside
    with _turn:
        return max((library.num_threads for library in _blas().lib_controllers), default=1)


def run_blocks(function, blocks):
    """Call ``function(*block)`` for every block, on all cores; the calling thread works too.

    Each core gets one contiguous part of the blocks, fixed in advance: sums are always added in the same order, so that
    a training run is repeatable bit for bit. If a block itself calls this function, its blocks run one after another.
    """
    global _threads_outside
    blocks = list(blocks)
    if _at_work():
        for block in blocks:
            function(*block)
        return
    with _turn:
        threads = _threads_outside = thread_count()
        parts = min(threads, len(blocks))
        bounds = [len(blocks) * part // parts for part in range(parts + 1)] if parts else [0, 0]
        errors = np.geterr()  # what the caller wants to hear of overflows, which NumPy keeps by thread

        def work(part):
            _here.part = part
            try:
                with np.errstate(**errors):
                    for block in blocks[bounds[part]:bounds[part + 1]]:
                        function(*block)
            finally:
                _here.part = None

        try:
            with _blas().limit(limits=1):
                others = [_pool().submit(work, part) for part in range(1, parts)]
                try:
                    work(0)
                finally:
                    for other in others:
                        other.result()
        finally:
            _threads_outside = None


def _at_work():
    return getattr(_here, "part", None) is not None


def image_blocks(N, rows, row_size, budget):
    """Blocks (images, rows), both slices, of N images of ``rows`` rows, none of them larger than ``budget``.

    A block is several complete images where they are small, otherwise some rows of one. There is at least one block for
    each core, if there are enough rows.
    """
    fit = max(1, min(budget // row_size, -(-N * rows // thread_count())))
    if fit >= rows:
        step = fit // rows
        return [(slice(n, min(n + step, N)), slice(0, rows)) for n in range(0, N, step)]
    return [(slice(n, n + 1), slice(top, min(top + fit, rows))) for n in range(N) for top in range(0, rows, fit)]


def aligned(size, dtype=np.float32):
    """A new array (size,) that begins with a line of the cache: vectors of sixteen float32 then lie in one line each.
    """
    array = np.empty(size + LINE // np.dtype(dtype).itemsize, dtype)
    begin = -array.ctypes.data % LINE // array.itemsize
    return array[begin:begin + size]


class Scratch:
    """Arrays by name, which grow when needed and are reused, since memory that is new to the process is slow to write.

    They are aligned, as compiled/vectors.py prefers them.
    """

    def __init__(self):
        self.arrays = {}

    def empty(self, name, shape, dtype=np.float32):
        size = math.prod(shape)
        array = self.arrays.get((name, dtype))
        if array is None or array.size < size:
            array = self.arrays[name, dtype] = aligned(size, dtype)
        return array[:size].reshape(shape)


def scratch():
    """The :class:`Scratch` of this thread."""
    if not hasattr(_here, "scratch"):
        _here.scratch = Scratch()
    return _here.scratch


class Accumulator:
    """A sum of matrix products over blocks: each part of :func:`run_blocks` has its own; ``total`` adds them up."""

    def __init__(self):
        self.sums = {}

    def matmul(self, a, b):
        """Add the matrix product ``a @ b``."""
        if _here.part in self.sums:
            total = self.sums[_here.part]
            total += np.matmul(a, b, out=scratch().empty("product", total.shape))
        else:
            self.sums[_here.part] = np.matmul(a, b)

    def total(self):
        first, *others = (self.sums[part] for part in sorted(self.sums))
        for other in others:
            first += other
        return first
