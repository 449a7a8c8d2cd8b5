"""python -m benchmarks.launches: where the time of a training step goes on a GPU, kernel by kernel.

What a step asks of the GPU is read off CUPTI, NVIDIA's own recorder, through PyTorch's profiler, which sees every
kernel of the process and so CuPy's and ours too. Of every row:

    launches      kernels, and copies to and from the GPU, a step
    waits         calls in which the host stands still until the GPU is done, a step: none but where a number is printed
    busy, wall    milliseconds a step in which the GPU computes, and that pass

A row is one pass over its batches, which lie on the GPU already; ``train`` is the training program itself on the
built-in scenes, which brings its batches along.
"""

import collections
import itertools
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from minicap.cli import option, parse_settings, run_program
from minicap.errors import UserError

from .row import Place
from .rows import ROWS, captioner

NAMES = tuple(row.name for row in captioner.ROWS)
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy", "cudaMemset",
         "cuStreamSynchronize", "cuCtxSynchronize", "cuEventSynchronize")
MARK = "one pass"
NO_KERNELS = "the recorder saw no kernel, so nothing can be said of waits"
NO_PROFILER = "PyTorch is not installed: without its profiler nothing is counted, only the wall clock is read"


@dataclass(frozen=True)
class LaunchSettings:
    device: str = option("cuda", "where to look")
    only: str | None = option(None, "of these, separated by commas: train, " + ", ".join(NAMES), metavar="NAME,...")
    kernels: int = option(12, "how many kernels to show of each", metavar="N")
    small: bool = option(False, "sizes of a second: tries everything out")


def chosen(settings):
    """{name: a function of a device that returns (a function to run, of how many steps it is)}."""
    known = {"train": lambda device: training(device, settings.small)}
    rows = [row.reduced() if settings.small else row for row in ROWS if row.name in NAMES]
    known |= {row.name: lambda device, row=row: pass_of(row, settings.device) for row in rows}
    wanted = known if settings.only is None else settings.only.split(",")
    if unknown := [name for name in wanted if name not in known]:
        raise UserError(f"there is no {unknown[0]!r} to look at; choose from {', '.join(known)}")
    return {name: known[name] for name in wanted}


def pass_of(row, device):
    return row.ours(row.data(), Place(device)).run, row.units


def training(device, small, steps=10):
    """Steps of the training program on the built-in scenes, drawn anew."""
    from minicap.captioning.data import load_dataset
    from minicap.captioning.training.assemble import assemble
    from minicap.captioning.training.settings import TrainSettings
    from minicap.captioning.training.trainer import Trainer

    settings = TrainSettings(data="shapes").resolved()
    dataset = load_dataset("shapes")
    captioner, inputs = assemble(settings, dataset, device)
    trainer = Trainer(captioner, dataset, inputs, settings, None)
    batches = list(itertools.islice(trainer.batches, 2 if small else steps))
    return lambda: [trainer.step(batch) for batch in batches], len(batches)


# --- what happened, from a trace ------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Summary:
    """What one pass asked of the GPU. ``kernels``: {name: (calls, microseconds)}."""

    kernels: dict
    copies: collections.Counter
    waits: collections.Counter
    busy_us: float


def summarize(events):
    """The :class:`Summary` of the events of a Chrome trace, as PyTorch's profiler writes it.

    Waits count only inside the pass, which is marked as MARK: the profiler itself waits for the GPU before it ends.
    """
    kernels, copies, waits, busy = {}, collections.Counter(), collections.Counter(), 0.0
    begin, end = next((event["ts"], event["ts"] + event["dur"]) for event in events if event.get("name") == MARK
                      and event.get("cat") in ("user_annotation", "cpu_op"))
    for event in events:
        kind, name = event.get("cat"), event.get("name", "")
        if kind == "kernel":
            calls, microseconds = kernels.get(name, (0, 0.0))
            kernels[name] = calls + 1, microseconds + event["dur"]
        elif kind in ("gpu_memcpy", "gpu_memset"):
            copies[name] += 1
        elif kind in ("cuda_runtime", "cuda_driver") and name.partition("_v")[0] in WAITS:
            waits[name] += begin <= event["ts"] <= end
        if kind in ("kernel", "gpu_memcpy", "gpu_memset"):
            busy += event["dur"]
    return Summary(kernels, copies, +waits, busy)


def record(run, synchronize):
    """(the :class:`Summary` of ``run()``, or None without PyTorch; its seconds without the recorder)."""
    run()
    synchronize()  # everything is compiled and allocated now
    begin = time.perf_counter()
    run()
    synchronize()
    seconds = time.perf_counter() - begin
    try:
        import torch
    except ImportError:
        return None, seconds
    from torch.profiler import ProfilerActivity, profile, record_function

    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
    with profile(activities=activities):  # the recorder's own start is not recorded
        run()
        synchronize()
    with profile(activities=activities) as recorded:
        with record_function(MARK):
            run()
        synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        recorded.export_chrome_trace(str(path))
        return summarize(json.loads(path.read_text(encoding="utf-8"))["traceEvents"]), seconds


def short(name):
    """The name of a kernel without types and arguments."""
    return name.removeprefix("void ").partition("<")[0].partition("(")[0][:60]


def lines(name, steps, summary, seconds, shown):
    """What is printed of one row."""
    wall = f"{1e3 * seconds / steps:.3g} ms a step by the wall clock"
    if summary is None:
        return [f"{name}: {wall}"]
    launched = sum(calls for calls, _ in summary.kernels.values())
    waits = ", ".join(f"{count} x {call}" for call, count in summary.waits.most_common()) or "none"
    found = [f"{name}: {launched / steps:.1f} launches and {summary.copies.total() / steps:.1f} copies a step, host "
             f"waits in {steps} steps: {waits}; GPU busy {1e-3 * summary.busy_us / steps:.3g} of {wall}"]
    by_name = collections.defaultdict(lambda: (0, 0.0))
    for kernel, (calls, microseconds) in summary.kernels.items():
        before = by_name[short(kernel)]
        by_name[short(kernel)] = before[0] + calls, before[1] + microseconds
    slowest = sorted(by_name.items(), key=lambda item: -item[1][1])
    for kernel, (calls, microseconds) in slowest[:shown]:
        found.append(f"  {1e-3 * microseconds / steps:9.4f} ms {microseconds / summary.busy_us:6.1%} "
                     f"{calls / steps:7.1f} calls  {kernel}")
    return found


def main(argv=None):
    settings = parse_settings(LaunchSettings, "benchmarks.launches", "What a training step asks of a GPU.", argv,
                              package="")
    device = Place(settings.device).minicap()
    waited, counted, seen = [], False, False
    for name, build in chosen(settings).items():
        run, steps = build(device)
        summary, seconds = record(run, device.synchronize)
        print("\n".join(lines(name, steps, summary, seconds, settings.kernels)), flush=True)
        if summary is not None:
            counted, seen = True, seen or bool(summary.kernels)
            waited += [name] * bool(summary.waits)
    if not counted:
        print(NO_PROFILER)
    elif not seen:
        print(NO_KERNELS)
    else:
        print(f"the host waits in {', '.join(waited)}" if waited else "the host never waits for the GPU")


if __name__ == "__main__":
    run_program(main)
