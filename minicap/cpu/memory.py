"""Freed memory stays with the process.

A page that is new to a process costs twice: the system has to clear it, and then it is not in the cache. The C library
returns every large array to the system as soon as it is freed, so that a training step, which allocates the same arrays
each time, pays for all of their pages each time: 5,700 of 4 KB in an LSTM of 512 units over 20 steps of 64 rows
(``lstm_train`` in benchmarks/), or 11 of 112 ms on two cores.
"""

import ctypes
import os
import sys

KEEP = 1 << 30        # bytes of freed memory to keep for later arrays
LARGEST = 1 << 27     # arrays of more bytes still come from the system and are returned to it
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep_freed_memory():
    """Tell the C library to keep freed memory, where it has such a setting (glibc's mallopt(3)).

    MINICAP_MALLOC=0 in the environment prevents it.
    """
    if sys.platform != "linux" or os.environ.get("MINICAP_MALLOC") == "0":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEEP)
        mallopt(M_MMAP_THRESHOLD, LARGEST)
