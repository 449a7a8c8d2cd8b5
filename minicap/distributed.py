"""One program as several processes: mpiexec -n 4 python -m minicap.train ...

    Alone    one process, as always
    Group    the processes that an MPI launcher has started, by mpi4py; arrays on GPUs are summed by NCCL

Layers know nothing of it. What makes use of it is the trainer, which sums gradients, and whoever writes files: rank 0.
Every process reads the same program in the same order, so a collective call, such as ``sum_``, is made by all or by
none. A process that cannot go on ends all of them (:meth:`Group.abort`), since the others would wait for it forever.
"""

import functools
import os
import sys
import time

import numpy as np

from .backend import array_module, to_numpy
from .cli import launched
from .errors import UserError


class Alone:
    """One process. ``rank`` is its number, of ``size``; ``local_rank`` its number on this machine."""

    rank, size, local_rank = 0, 1, 0

    def sum_(self, array):
        """The sum of ``array`` over all processes, in place."""
        return array

    def share(self, value):
        """The ``value`` of rank 0."""
        return value

    def gather(self, value):
        """The values of all processes, by rank."""
        return [value]

    def limit_waiting(self, seconds):
        """From now on, a process that keeps the others waiting for longer than this has failed; None: never."""

    def abort(self, code):
        """End all processes, with this exit code."""
        sys.exit(code)


class Group(Alone):
    """The processes of ``comm``, an mpi4py communicator. Raises TimeoutError (see :meth:`limit_waiting`)."""

    def __init__(self, comm):
        from mpi4py import MPI

        self.MPI, self.comm, self.rank, self.size = MPI, comm, comm.rank, comm.size
        here = comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = here.rank, here.size
        self._communicator = self._summed = None  # NCCL's for arrays on GPUs, and the event behind its last sum
        self.longest = None  # wait, in seconds: rank 0 may extract features for an hour

    def sum_(self, array):
        if array_module(array) is not np:
            return self._sum_on_gpus(array)
        assert array.flags.c_contiguous
        self._wait(self.comm.Iallreduce(self.MPI.IN_PLACE, array))
        return array

    def share(self, value):
        pickled = self._bytes(value if self.rank == 0 else None)
        size = np.array([len(pickled)])
        self._wait(self.comm.Ibcast(size))
        buffer = pickled if self.rank == 0 else np.empty(size[0], np.uint8)
        self._wait(self.comm.Ibcast(buffer))
        return value if self.rank == 0 else self.MPI.pickle.loads(buffer)

    def gather(self, value):
        pickled, sizes = self._bytes(value), np.empty(self.size, np.int64)
        self._wait(self.comm.Iallgather(np.array([len(pickled)]), sizes))
        buffer = np.empty(sizes.sum(), np.uint8)
        self._wait(self.comm.Iallgatherv(pickled, [buffer, sizes]))
        return [self.MPI.pickle.loads(part) for part in np.split(buffer, sizes.cumsum()[:-1])]

    def limit_waiting(self, seconds):
        self.longest = seconds

    def abort(self, code):
        sys.stdout.flush()
        sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in (1, 2):
            os.dup2(nowhere, output)  # MPI would add a line of its own to what has been said
        self.MPI.COMM_WORLD.Abort(code)

    def _bytes(self, value):
        return np.frombuffer(self.MPI.pickle.dumps(value), np.uint8)

    def _wait(self, request):
        """Until ``request`` is done. MPI itself would keep a core busy, and not listen to Ctrl-C."""
        self._until(request.Test)

    def _until(self, is_done):
        begin = time.monotonic()
        while not is_done():
            waited = time.monotonic() - begin
            if waited > 1e-3:  # before, the others are probably as good as there
                time.sleep(min(waited / 20, 0.02))
            if self.longest is not None and waited > self.longest:
                raise TimeoutError(f"rank {self.rank} has waited {self.longest:.0f} s for another process, which does "
                                   "not go on; continue with --resume")

    def _sum_on_gpus(self, array):
        xp = array_module(array)
        nccl = xp.cuda.nccl
        if not nccl.available:  # by way of the host: the MPI of the wheels knows nothing of GPUs
            array[...] = xp.asarray(self.sum_(to_numpy(array)))
            return array
        if self._communicator is None:
            key = self.share(nccl.get_unique_id() if self.rank == 0 else None)
            self._communicator = nccl.NcclCommunicator(self.size, key, self.rank)
        if self._summed is not None:  # the sum before: the GPU works on while the next one is being prepared
            self._until(lambda: self._summed.done)
        kind = {"float32": nccl.NCCL_FLOAT32, "float64": nccl.NCCL_FLOAT64}[str(array.dtype)]
        stream = xp.cuda.get_current_stream()
        self._communicator.allReduce(array.data.ptr, array.data.ptr, array.size, kind, nccl.NCCL_SUM, stream.ptr)
        self._summed = stream.record()
        return array


def joined():
    """The :class:`Group` that this process has joined, or None."""
    return join() if launched()[1] > 1 and join.cache_info().currsize else None


@functools.cache
def join():
    """The :class:`Group` that an MPI launcher has started, or :class:`Alone`. Processes on a machine divide its cores.

    Raises UserError when there are several processes but no mpi4py, or one that does not know them.
    """
    _, size = launched()
    if size == 1:
        return Alone()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: there is no MPI library
        raise UserError(f"mpiexec has started {size} processes, which need mpi4py to work together, and it cannot be "
                        f"imported ({error}); pip install 'minicap[mpi]', or leave out mpiexec") from None
    if MPI.COMM_WORLD.size != size:
        raise UserError(f"mpiexec has started {size} processes, and mpi4py sees {MPI.COMM_WORLD.size}, as it uses "
                        "another MPI; call the mpiexec that is beside this Python's other programs")
    group = Group(MPI.COMM_WORLD)
    divide_cores(group.local_size)
    return group


def divide_cores(processes):
    """Give BLAS, and with it all of minicap, this process's part of the cores, unless OMP_NUM_THREADS says how many."""
    from threadpoolctl import threadpool_limits

    if "OMP_NUM_THREADS" in os.environ:
        return
    cores = os.cpu_count() or 1
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    threadpool_limits(bound if bound < cores else max(1, cores // processes), user_api="blas")
