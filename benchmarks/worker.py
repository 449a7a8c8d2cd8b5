"""One side of a row in a process of its own.

    with Worker(row, "ours", place) as ours:    # spawned; imports, draws its data, builds its work
        ours("results")                         # {name: array}
        ours("warm_up")
        ours("turn")                            # seconds per unit
        ours("peak_mb")

The process answers one command at a time and sleeps in between. How many threads it may use is settled before it
imports anything: by the variables that OpenMP and the BLAS libraries read, and on Linux by pinning it to that many
cores.
"""

import contextlib
import functools
import gc
import multiprocessing
import os
import signal
import time
import traceback
from multiprocessing.connection import Connection

import numpy as np

from minicap import backend, optim
from minicap.errors import UserError

from .memory import CupyMemory, ResidentMemory, TorchMemory
from .row import Place, Row, as_numpy

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TURN_SECONDS = 0.2  # short work is repeated until a turn takes about this long
MOST_CALLS = 200


class Worker:
    """The parent's end. Raises UserError with the reason when the work fails or the process dies."""

    def __init__(self, row: Row, side: str, place: Place):
        self.title, self.side = f"{row.name} ({side})", side
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, row, side, place), daemon=True)
        with _settings_to_inherit(place, keep_memory=side == "ours" or place.peer_keeps_memory):
            self.process.start()
        theirs.close()

    @functools.cached_property
    def name(self):
        """What computes. The first that is asked of the process, which has been starting up since it was made."""
        return self._answer()

    def begin(self, row, place):
        """Let the same process do another row. It has to be one that inherits the same settings."""
        assert self.name
        self.title = f"{row.name} ({self.side})"
        self((row, place))

    def __call__(self, command):
        assert self.name
        self.connection.send(command)
        return self._answer()

    def _answer(self):
        try:
            kind, value = self.connection.recv()
        except EOFError:
            self.process.join()
            raise UserError(f"{self.title}: its process ended with code {self.process.exitcode}; perhaps memory ran "
                            "out") from None
        if kind == "error":
            raise UserError(f"{self.title}: {value}")
        if kind == "crash":
            raise RuntimeError(f"{self.title} failed in its process:\n{value}")
        return value

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error:
            self.process.terminate()  # it may be in the middle of something long
        with contextlib.suppress(OSError):  # or gone already
            self.connection.send(None)
        self.process.join()
        self.connection.close()


def serve(connection: Connection, row: Row, side: str, place: Place):
    """The child: answer commands until None comes or the parent is gone.

    A command is the name of a method of :class:`Session`, or (row, place) to begin with another row.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and the parent ends us
    try:
        session = Session(row, side, place)
        connection.send(("done", session.name))
        for command in iter(connection.recv, None):
            answer = getattr(session, command)() if isinstance(command, str) else session.begin(*command)
            connection.send(("done", answer))
    except (EOFError, BrokenPipeError):
        pass
    except UserError as error:
        connection.send(("error", str(error)))
    except Exception:
        connection.send(("crash", traceback.format_exc()))


class Session:
    """What the child can do; every method is a command."""

    def __init__(self, row, side, place):
        on_gpu = place.device != "cpu"
        if side == "ours":
            device = place.minicap()
            self.name, self.synchronize = "minicap", device.synchronize
            if backend.compiles():  # the first call loads numba's compiler: that is no memory of the row
                optim.lerp_(np.zeros(1, np.float32), np.zeros(1, np.float32), 0.5)
            self.memory = CupyMemory(device) if on_gpu else ResidentMemory()
        else:
            self.name = row.start_peer(place)
            self.synchronize = _torch_synchronize() if on_gpu else lambda: None
            self.memory = TorchMemory() if on_gpu else ResidentMemory()
        self.side = side
        self.begin(row, place)

    def begin(self, row, place):
        self.work = None
        gc.collect()  # the memory of the row before is free when this one takes some
        build = row.ours if self.side == "ours" else row.peer
        self.work = build(row.data(), place)  # what of the data is still needed, the work holds
        self.units, self.calls = row.units, 1

    def results(self):
        return {name: as_numpy(x) for name, x in self.work.results().items()}

    def warm_up(self):
        """Two calls; the second decides how many make a turn. Begins to watch the memory."""
        self.memory.reset()
        self._seconds(1)
        self.calls = min(MOST_CALLS, max(1, round(TURN_SECONDS / self._seconds(1))))

    def turn(self):
        """Seconds per unit. Where a turn is many calls, one goes before them: the caches were the other side's."""
        if self.calls > 1:
            self._seconds(1)
        return self._seconds(self.calls) / (self.calls * self.units)

    def peak_mb(self):
        return self.memory.peak_mb()

    def _seconds(self, calls):
        self.synchronize()
        begin = time.perf_counter()
        for _ in range(calls):
            self.work.run()
        self.synchronize()
        return time.perf_counter() - begin


def _torch_synchronize():
    import torch

    return torch.cuda.synchronize


@contextlib.contextmanager
def _settings_to_inherit(place, keep_memory):
    """What a process started in the block finds at the beginning of its life; afterwards ours is as before."""
    variables = dict.fromkeys(THREAD_VARIABLES, str(place.threads))
    variables |= {"MINICAP_TF32": str(int(place.tf32)), "MINICAP_MALLOC": str(int(keep_memory))}
    before = {name: os.environ.get(name) for name in variables}
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
    os.environ.update(variables)
    if cores:
        os.sched_setaffinity(0, sorted(cores)[:place.threads])
    try:
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})
