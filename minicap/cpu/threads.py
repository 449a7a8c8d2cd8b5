"""Blocks of work on all cores, each with its own scratch memory.

NumPy's pointwise work, copies and reductions use one core, and its matrix products start and stop all of them each
time. Cut into blocks that fit a core's cache, whole chains of such steps run side by side instead (NumPy releases the
GIL), with BLAS held to one thread in each.
"""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

_here = threading.local()  # what belongs to one thread: its scratch memory, and whether it is at work on a block
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
    if getattr(_here, "at_work", False):
        return _threads_outside
    with _turn:
        return max((library.num_threads for library in _blas().lib_controllers), default=1)


def run_blocks(function, blocks):
    """Call ``function(*block)`` for every block, on all cores; the caller's thread works too.

    A block that calls this itself runs its own blocks one after another.
    """
    global _threads_outside
    blocks = list(blocks)
    if getattr(_here, "at_work", False):
        for block in blocks:
            function(*block)
        return
    with _turn:
        threads = thread_count()
        waiting, taking = iter(blocks), threading.Lock()

        def work():
            _here.at_work = True
            try:
                while True:
                    with taking:
                        block = next(waiting, None)
                    if block is None:
                        return
                    function(*block)
            finally:
                _here.at_work = False

        _threads_outside = threads
        try:
            with _blas().limit(limits=1):
                others = [_pool().submit(work) for _ in range(min(threads, len(blocks)) - 1)]
                try:
                    work()
                finally:
                    for other in others:
                        other.result()
        finally:
            _threads_outside = None


class Scratch:
    """Arrays by name, grown when needed and kept: fresh memory costs as much as the arithmetic."""

    def __init__(self):
        self.arrays = {}

    def empty(self, name, shape, dtype=np.float32):
        size = int(np.prod(shape))
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
    """A sum that several threads add to, each into an array of its own until ``total`` joins them."""

    def __init__(self):
        self.sums = {}

    def matmul(self, a, b):
        """Add the matrix product ``a @ b``."""
        me = threading.get_ident()
        if me in self.sums:
            product = scratch().empty("product", self.sums[me].shape)
            self.sums[me] += np.matmul(a, b, out=product)
        else:
            self.sums[me] = np.matmul(a, b)

    def total(self):
        first, *others = self.sums.values()
        for other in others:
            first += other
        return first
