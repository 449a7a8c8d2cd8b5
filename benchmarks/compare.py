"""A row measured: results compared first, then both sides timed in turns, never both at once."""

import contextlib
import datetime
import importlib.util
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np

from minicap import backend
from minicap.errors import UserError

from .row import Place, Row
from .worker import Worker

PAUSE = 0.05  # seconds between turns: idle threads of a BLAS spin for a while before they sleep


class MismatchError(UserError):
    """The two sides of a row do not compute the same."""


@dataclass(frozen=True)
class Measurement:
    """Medians over ``repeat`` turns, in milliseconds per unit, and peaks in MB (see memory.py)."""

    row: Row
    place: Place
    repeat: int
    difference: float  # the largest found, see :func:`difference`
    ours_ms: float
    peer: str
    peer_ms: float
    ours_peak_mb: float
    peer_peak_mb: float

    @property
    def ratio(self):
        return self.ours_ms / self.peer_ms

    @property
    def target(self):
        return self.row.target if self.place.device == "cpu" else self.row.cuda_target

    def to_json(self):
        return {"name": self.row.name, "unit": self.row.unit, "ours_ms": _digits(self.ours_ms), "peer": self.peer,
                "peer_ms": _digits(self.peer_ms), "ratio": _digits(self.ratio), "target": self.target,
                "ours_peak_mb": round(self.ours_peak_mb, 1), "peer_peak_mb": round(self.peer_peak_mb, 1),
                "difference": float(f"{self.difference:.1e}"), "tolerance": self.row.tolerance,
                "repeat": self.repeat, "threads": self.place.threads,
                "peer_keeps_memory": self.place.peer_keeps_memory, "device": self.place.device,
                "machine": machine(), "numpy": np.__version__,
                "inner_loops": inner_loops(), "date": datetime.date.today().isoformat()}


def check_peer_installed():
    """UserError unless PyTorch can be imported. It is not imported here."""
    if importlib.util.find_spec("torch") is None:
        raise UserError("the benchmarks compare with PyTorch, which is not installed; install the extra `peers`: "
                        "pip install -e '.[peers]'")


def measure(row, place, repeat, workers=None):
    """The :class:`Measurement` of ``row``. MismatchError, naming the row, when the results differ.

    ``workers``: a :class:`Workers` whose processes stay for the next row; else both sides get fresh ones.
    """
    place = replace(place, threads=row.threads or place.threads, tf32=row.tf32)
    with tempfile.TemporaryDirectory(prefix="minicap-benchmark-") as folder:
        place = replace(place, folder=Path(folder))
        row.prepare(place.folder)
        if workers is None:
            with Workers() as fresh:
                return _measure(row, place, repeat, *fresh.both(row, place))
        try:
            return _measure(row, place, repeat, *workers.both(row, place))
        except Exception as error:
            workers.__exit__(type(error), error, error.__traceback__)  # what state they are in, nobody knows
            raise


def _measure(row, place, repeat, ours, peer):
    largest = check(row, ours("results"), peer("results"))
    seconds = {ours: [], peer: []}
    for worker in seconds:
        worker("warm_up")
    for turn in range(repeat):
        for worker in (ours, peer) if turn % 2 == 0 else (peer, ours):  # no side always comes second
            time.sleep(PAUSE)
            seconds[worker].append(worker("turn"))
    return Measurement(row, place, repeat, largest, 1e3 * statistics.median(seconds[ours]), peer.name,
                       1e3 * statistics.median(seconds[peer]), ours("peak_mb"), peer("peak_mb"))


class Workers(contextlib.ExitStack):
    """The processes of both sides, by the settings they inherit; they end with the block."""

    def __init__(self):
        super().__init__()
        self.started = {}

    def __exit__(self, *error):
        self.started.clear()
        return super().__exit__(*error)

    def both(self, row, place):
        """(ours, peer), ready for ``row``. The two start up at the same time."""
        key = place.threads, place.tf32, place.peer_keeps_memory
        if key in self.started:
            for worker in self.started[key]:
                worker.begin(row, place)
        else:
            self.started[key] = [self.enter_context(Worker(row, side, place)) for side in ("ours", "peer")]
        return self.started[key]


def check(row, ours, peer):
    """Compare two dicts of arrays; returns the largest difference. MismatchError unless all are within tolerance."""
    if ours.keys() != peer.keys():
        raise MismatchError(f"{row.name}: one side computes {', '.join(sorted(ours.keys() ^ peer.keys()))}, "
                            "the other does not")
    differences = {}
    for name, a in ours.items():
        b = peer[name]
        if a.shape != b.shape:
            raise MismatchError(f"{row.name}: {name} has shape {a.shape} on our side and {b.shape} on the peer's")
        differences[name] = difference(a, b)
        if not differences[name] <= row.tolerance:  # NaN is not
            raise MismatchError(f"{row.name}: {name} differs by {differences[name]:.1e} of its largest value, "
                                f"{row.tolerance:.0e} is allowed; nothing was timed")
    return max(differences.values())


def difference(a, b):
    """max |a - b| / max |b|, in float64; infinite where nothing, or only zeros, would be compared."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    largest = np.abs(b).max(initial=0.0)
    return float(np.abs(a - b).max() / largest) if largest else float("inf")


def inner_loops():
    """What our side computes the CPU's inner loops with (MINICAP_NUMBA=0 and MINICAP_PLAIN=1 reach the workers too)."""
    if backend.plain_only:
        return "plain"
    return f"numba {metadata.version('numba')}" if backend.compiles() else "numpy"


def machine():
    """The processor by its own name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or sys.platform}, {os.cpu_count()} cores"


def _digits(value):
    """Four significant digits."""
    return float(f"{value:.4g}")
