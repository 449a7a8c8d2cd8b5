"""python -m benchmarks.parity: does training on a GPU go the way it goes on the CPU?

Two captioners learn for some steps on each, from one seed and without dropout: on the built-in scenes, and with
attention on made-up regions. Asked of the losses:

    CPU and GPU      |loss - loss'| <= tolerance · loss' at every step
    GPU, twice       the same bits

The two add up in different orders, and training amplifies that: a rounding decides which of two pixels is the largest.
How far is measured in the same run: the CPU trains again from weights changed by their last bit. The tolerance is
SLACK times the largest difference that makes, and LEAST where it makes none to speak of. The first EARLY steps, after
which a wrong gradient shows and chaos does not yet, have to agree to EARLY_TOLERANCE. On the CPU a last bit makes 2e-4
of the scenes' loss within 200 steps (and 5e-2 at ten times this learning rate) and 1e-6 with attention; in the first 20
steps 1e-7.
"""

import time
from dataclasses import dataclass

import numpy as np

from minicap.cli import option, parse_settings, run_program
from minicap.errors import UserError

from .row import Place, as_numpy
from .rows.captioner import AttendStep, SmallCNNStep

SLACK, LEAST = 10, 1e-4
EARLY, EARLY_TOLERANCE = 20, 1e-4
LAST_BIT = 2**-23
ROWS = (SmallCNNStep(name="scenes", batch=32, E=64, H=64, lr=1e-4),
        AttendStep(name="attention", batch=16, E=128, H=128, A=64, L=49, D=128, V=500))


@dataclass(frozen=True)
class ParitySettings:
    device: str = option("cuda", "the GPU, compared with the CPU")
    steps: int = option(200, "training steps", metavar="N")
    small: bool = option(False, "sizes of a second: tries everything out")


def losses_on(row, data, device, steps):
    """(the losses of so many steps, the seconds they took)."""
    run, losses = row.ours(data, Place(device)).run, []
    begin = time.perf_counter()
    while len(losses) < steps:
        losses += run()
    losses = as_numpy(losses[:steps]).astype(np.float64)
    return losses, time.perf_counter() - begin


def nudged(data):
    """The same data with every weight changed by its last bit, up or down."""
    rng = np.random.default_rng(0)
    return data | {"weights": {name: w * (1 + LAST_BIT * rng.choice([-1, 1], w.shape)).astype(w.dtype)
                               for name, w in data["weights"].items()}}


def compare(ours, theirs):
    """(the largest relative difference, at which step, counted from 1); infinite where one is no number."""
    difference = np.abs(ours - theirs) / np.abs(theirs)
    difference[~np.isfinite(difference)] = np.inf
    step = int(difference.argmax())
    return float(difference[step]), step + 1


def main(argv=None):
    settings = parse_settings(ParitySettings, "benchmarks.parity", "Compare training on a GPU with the CPU's.", argv,
                              package="")
    if settings.steps < 1:
        raise UserError(f"--steps has to be at least 1, got {settings.steps}")
    fine = [holds(row.reduced() if settings.small else row, settings) for row in ROWS]
    print("parity holds" if all(fine) else "PARITY IS BROKEN")
    return 0 if all(fine) else 1


def holds(row, settings):
    """Measure ``row`` and print what came out; is everything as it has to be?"""
    data = row.data()
    (gpu, gpu_seconds), (again, _), (cpu, cpu_seconds), (other, _) = (
        losses_on(row, *way, settings.steps) for way in (
            (data, settings.device), (data, settings.device), (data, "cpu"), (nudged(data), "cpu")))
    (drift, _), (largest, step), (early, _) = compare(other, cpu), compare(gpu, cpu), compare(gpu[:EARLY], cpu[:EARLY])
    tolerance, same = max(LEAST, SLACK * drift), np.array_equal(gpu, again)
    print(f"{row.name}: {settings.steps} steps, loss {cpu[0]:.4f} to {cpu[-1]:.4f} on the CPU in {cpu_seconds:.1f} s, "
          f"to {gpu[-1]:.4f} on {settings.device} in {gpu_seconds:.1f} s\n"
          f"  largest difference {largest:.1e} of the loss, at step {step} (allowed {tolerance:.1e}; the CPU from "
          f"weights changed by their last bit: {drift:.1e})\n"
          f"  in the first {EARLY} steps {early:.1e} (allowed {EARLY_TOLERANCE:.0e})\n"
          f"  {settings.device} again: {'the same bits' if same else 'OTHER BITS'}", flush=True)
    return largest <= tolerance and early <= EARLY_TOLERANCE and same


if __name__ == "__main__":
    run_program(main)
