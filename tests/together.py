"""Training steps of ``minicap.train``, in float64 or float32, by one process or several, and what came of them as JSON.

    mpiexec -n 2 python tests/together.py OUT.json float64 20 --model attend ...
"""

import hashlib
import itertools
import json
import sys

import numpy as np

from minicap import train
from minicap.captioning.data import load_dataset
from minicap.captioning.training.assemble import assemble
from minicap.captioning.training.self_critical import SelfCriticalTrainer
from minicap.captioning.training.settings import TrainSettings
from minicap.captioning.training.trainer import Trainer
from minicap.cli import parse_settings, run_program
from minicap.distributed import join


def main(argv):
    out, dtype, steps, *options = argv
    settings = parse_settings(TrainSettings, "train", "", options).resolved()
    group = join()
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed,
                           pictures=settings.features is None)
    captioner, inputs = assemble(settings, dataset, train.device_of(group, settings.device))
    captioner.model.astype(np.dtype(dtype))
    kind = SelfCriticalTrainer if settings.objective == "cider" else Trainer
    trainer = kind(captioner, dataset, inputs, settings, None, group)
    train.check_agreement(group, trainer)
    losses, gradient = [], None
    batches = itertools.chain.from_iterable(itertools.repeat(trainer.batches))
    for batch in itertools.islice(batches, int(steps)):
        if gradient is None:
            trainer.together.sum_gradients(trainer.parameters.values(), trainer.learn_from(batch)[0])
            gradient = {name: p.grad.copy() for name, p in trainer.parameters.items() if p.grad is not None}
            generators = (trainer.shuffle_rng.bit_generator.state, trainer.model.dropout_rng.bit_generator.state)
            trainer.model.zero_grad()
        losses.append(float(trainer.step(batch)[0]))
    weights = hashlib.sha256(b"".join(p.data.tobytes() for _, p in captioner.model.named_state())).hexdigest()
    states = hashlib.sha256(repr(generators).encode()).hexdigest()
    found = group.gather({"weights": weights, "generators": states})
    if group.rank == 0:
        np.savez(out + ".npz", **gradient)
        with open(out, "w") as f:
            json.dump({"losses": losses, "ranks": found}, f)


if __name__ == "__main__":
    run_program(lambda _: main(sys.argv[1:]), together=True)
