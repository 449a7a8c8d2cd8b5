"""Freed memory stays with the process.

A page that is new to a process costs twice: the system has to clear it, and then it is not in the cache. The C library
hands every array beyond some size back as soon as it is freed, so that a training step, which makes the same arrays
each time, pays for all of their pages each time: 5,700 of 4 KB in an LSTM of 512 units over 20 steps of 64 rows
(``lstm_train`` in benchmarks/), 11 of 112 ms on two cores.
"""

import ctypes
import os
import sys

KEEP = 1 << 30        # bytes of freed memory that wait for the next array
LARGEST = 1 << 27     # larger arrays still come from the system, and go back to it
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep_freed_memory():
    """Ask the C library for it, where it can be asked (glibc's mallopt(3)), unless MINICAP_MALLOC=0."""
    if sys.platform != "linux" or os.environ.get("MINICAP_MALLOC") == "0":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEEP)
        mallopt(M_MMAP_THRESHOLD, LARGEST)
