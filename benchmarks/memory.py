"""The peak memory of a worker, minus the memory of the process after its imports.

On the CPU this is resident memory. On Linux it is VmRSS and its peak VmHWM, which can be reset, so that generating data
and comparing results do not count; inputs, weights and everything that the work allocates do. On other systems the peak
is that of ``getrusage``, since the start of the process. On a GPU it is the memory reserved by each library's pool.
"""

import ctypes
import gc
import sys
from pathlib import Path

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MB = 1e6


class ResidentMemory:
    """Create it after the imports; ``peak_mb()`` is the peak since ``reset()``."""

    def __init__(self):
        self.after_imports = _resident("VmRSS")

    def reset(self):
        gc.collect()
        _trim()
        if CLEAR_REFS.exists():
            CLEAR_REFS.write_text("5")  # sets VmHWM to VmRSS (proc(5))

    def peak_mb(self):
        return (_resident("VmHWM") - self.after_imports) / MB


class CupyMemory:
    def __init__(self, device):
        self.pool = device.xp.get_default_memory_pool()

    def reset(self):
        self.pool.free_all_blocks()

    def peak_mb(self):
        return self.pool.total_bytes() / MB  # it frees nothing by itself


class TorchMemory:
    def __init__(self):
        import torch

        self.cuda = torch.cuda

    def reset(self):
        self.cuda.empty_cache()
        self.cuda.reset_peak_memory_stats()

    def peak_mb(self):
        return self.cuda.max_memory_reserved() / MB


def _resident(field):
    """Bytes of ``field`` of this process; without /proc, the peak for both fields."""
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024  # "VmHWM:    123456 kB"
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _trim():
    """Return freed memory to the system, if the C library can, so that it does not count."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
