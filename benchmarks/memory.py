"""The peak memory of a worker: how far it rises above what the process holds after its imports.

On the CPU that is resident memory (Linux: VmRSS and its peak VmHWM, which can be reset, so that drawing the data and
comparing the results do not count; inputs, weights and everything the work allocates do). Elsewhere the peak is that
of ``getrusage``, which begins with the process. On a GPU it is what the pool of each library has reserved there.
"""

import ctypes
import gc
import sys
from pathlib import Path

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MB = 1e6


class ResidentMemory:
    """Made after the imports; ``reset()`` begins to watch; ``peak_mb()`` says how high it has been since."""

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
        return self.pool.total_bytes() / MB  # it gives nothing back unasked


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
    """Bytes of ``field`` of this process; without /proc the peak stands for both."""
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024  # "VmHWM:    123456 kB"
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _trim():
    """Give freed memory back to the system where the C library can: else it would count as held."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
