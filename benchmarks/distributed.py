"""python -m benchmarks.distributed: training steps by one process and by two under mpiexec, in turns.

    python -m benchmarks.distributed [--features regions.npy ...]      the built-in scenes, or attention on features

Strong scaling: the same batch, by one process of one thread and by two; efficiency is the first time over twice the
second. Weak scaling: two processes with twice the batch against one with the batch. "Two threads" is one process with
two threads on the same batch. "Two runs at once" are two processes that know nothing of each other: what they lose is
lost to smaller batches and to the memory that both cores share, and scaling cannot be better. "Exchange" is the part of
a step of two processes spent in summing gradients, waiting for the other one included; "alone" is that sum by itself,
repeated when nobody has to wait.
"""

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from minicap.cli import option, parse_settings, run_program
from minicap.errors import UserError

ATTEND = ("--data", "flickr8k", "--model", "attend", "--embedding", "352", "--hidden", "384", "--region-size", "256",
          "--query", "word", "--doubly-stochastic", "0")


@dataclass(frozen=True)
class ScalingSettings:
    features: str | None = option(None, "regions of Flickr8k (lite2-regions+lite2-head): measure the attention model "
                                  "of results/flickr8k/lite2 instead of the built-in scenes", metavar="FILE")
    steps: int = option(30, "training steps of each run, after 3 that are not counted", metavar="N", least=1)
    repeat: int = option(3, "turns, of which the median counts", metavar="N", least=1)
    json: bool = option(False, "the milliseconds of every run as JSON")


def main(argv=None):
    settings = parse_settings(ScalingSettings, "distributed", "Scaling of training over processes.", argv,
                              package="benchmarks.")
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if mpiexec is None:
        raise UserError("there is no mpiexec; pip install 'minicap[mpi]'")
    options = ["--data", "shapes"] if settings.features is None else [*ATTEND, "--features", settings.features]
    runs = {"one process, one thread": (1, 1, 64), "one process, two threads": (1, 2, 64),
            "two processes": (2, 1, 64), "two processes, twice the batch": (2, 1, 128),
            "two runs at once, half the batch each": (1, 1, 32, 2), "two runs at once, the batch each": (1, 1, 64, 2)}
    found = {name: [] for name in runs}
    for _ in range(settings.repeat):
        for name, (size, threads, batch, *at_once) in runs.items():
            found[name] += measured(mpiexec, size, threads, settings.steps, [*options, "--batch-size", batch], *at_once)
    if settings.json:
        return print(json.dumps(found))
    table(found)


def measured(mpiexec, size, threads, steps, options, runs=1):
    """[{"step", "exchange", "alone", "bytes"}] of ``runs`` at once: milliseconds, and the size of what is summed."""
    words = [mpiexec, "-n", size, sys.executable, "-m", "benchmarks.distributed", "worker", steps, *options]
    started = [subprocess.Popen(list(map(str, words)), env=os.environ | {"OMP_NUM_THREADS": str(threads)},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(runs)]
    printed = [(*run.communicate(), run.returncode) for run in started]
    for _, complaint, code in printed:
        if code:
            raise UserError(f"{size} processes failed: {complaint.strip()[-500:]}")
    return [json.loads(lines.splitlines()[-1]) for lines, *_ in printed]


def table(found):
    step = {name: statistics.median(run["step"] for run in runs) for name, runs in found.items()}
    one, threads, two, weak, halves, wholes = step.values()
    together = found["two processes"]
    exchange = statistics.median(run["exchange"] / run["step"] for run in together)
    alone = statistics.median(run["alone"] / run["step"] for run in together)
    print("| run | ms a step |\n|---|---|")
    for name, ms in step.items():
        print(f"| {name} | {ms:.1f} |")
    print(f"\nstrong scaling {one / (2 * two):.0%} (of two runs at once {one / (2 * halves):.0%}), weak scaling "
          f"{one / weak:.0%} (of two runs at once {one / wholes:.0%}), two processes against two threads "
          f"{threads / two:.2f} times as fast; exchange {exchange:.1%} of a step, alone {alone:.1%} of it "
          f"({together[0]['bytes'] / 1e6:.1f} MB)")


def worker(steps, options):
    """One process of a run: prints what :func:`measured` returns, if it is rank 0."""
    from minicap import train
    from minicap.captioning.data import load_dataset
    from minicap.captioning.training.assemble import assemble
    from minicap.captioning.training.settings import TrainSettings
    from minicap.captioning.training.trainer import Trainer
    from minicap.distributed import join

    settings = parse_settings(TrainSettings, "train", "", options).resolved()
    group = join()
    dataset = load_dataset(settings.data, settings.data_dir, pictures=False)
    captioner, inputs = assemble(settings, dataset, train.device_of(group, "cpu"))
    trainer = Trainer(captioner, dataset, inputs, settings, None, group)
    exchanged, step_times = [], []
    sum_gradients = trainer.together.sum_gradients

    def timed(*arguments):
        begin = time.perf_counter()
        loss = sum_gradients(*arguments)
        exchanged.append(time.perf_counter() - begin)
        return loss

    trainer.together.sum_gradients = timed
    for batch in itertools.islice(itertools.chain.from_iterable(itertools.repeat(trainer.batches)), steps + 3):
        begin = time.perf_counter()
        trainer.step(batch)
        step_times.append(time.perf_counter() - begin)
    alone = []
    if group.size > 1:
        for _ in range(20):
            group.gather(0)  # begin together
            begin = time.perf_counter()
            group.sum_(trainer.together.summed)
            alone.append(time.perf_counter() - begin)
    size = sum(p.data.nbytes for p in trainer.parameters.values())
    if group.rank == 0:
        ms = {"step": step_times[3:], "exchange": exchanged[3:], "alone": alone}
        print(json.dumps({what: 1e3 * statistics.fmean(values) if values else 0 for what, values in ms.items()}
                         | {"bytes": size}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_program(lambda _: worker(int(sys.argv[2]), sys.argv[3:]), together=True)
    run_program(main)
