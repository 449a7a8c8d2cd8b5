"""A training step of the captioner on a GPU: nothing waits for the device, few launches, and the losses of the CPU.

    pytest -s tests/cuda/test_training_step.py -k launches      prints how many launches a step takes
"""

from dataclasses import dataclass
from types import SimpleNamespace

import emulator
import numpy as np
import pytest
import strict
import tiny_captioner

from minicap import backend
from minicap.backend import CPU, to_numpy
from minicap.captioning.captioner import Captioner
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowTellSettings
from minicap.captioning.text.vocabulary import Vocabulary
from minicap.captioning.training.trainer import Trainer

WORDS = "a the dog cat runs sits on grass sand red blue small large".split()  # noqa: SIM905


@dataclass(frozen=True)
class Settings:
    epochs: int = 10
    batch_size: int = 6
    lr: float = 0.01
    warmup_epochs: float = 0.5
    schedule: str = "cosine"
    batches: str = "length"
    finetune_lr: float = 0.001
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.9
    patience: int = 5
    select: str = "cider"
    seed: int = 0


class Inputs:
    """Random pictures or features; ``inputs(rows, rng)`` as inputs.py has it."""

    def __init__(self, shape):
        self.names = [f"{n}.png" for n in range(shape[0])]
        self.array = np.random.default_rng(1).standard_normal(shape).astype(np.float32)

    def __call__(self, rows, rng=None):
        return self.array[rows]


def make_trainer(device, kind, drop=0.0, **settings):
    """A Trainer for pictures of 16 pixels, or for features, with captions of one to eight words."""
    pictures = kind == "pixels"
    inputs = Inputs((12, 16, 16, 3) if pictures else (12, 24))
    rng = np.random.default_rng(2)
    captions = {name: [" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(2)] for name in inputs.names}
    vocabulary = Vocabulary.from_captions([text.split() for texts in captions.values() for text in texts], min_count=1)
    shape = ShowTellSettings(input=kind, vocabulary=len(vocabulary), embedding=9, hidden=10, drop=drop,
                             label_smoothing=0.1, image_every_step=True,
                             **({"side": 16} if pictures else {"feature_size": 24}))
    model = build_model(shape, np.random.default_rng(3))
    return Trainer(Captioner(model, vocabulary, shape, device, source=None if pictures else tiny_captioner.SOURCE),
                   SimpleNamespace(captions=captions),
                   {"train": inputs, "dev": inputs}, Settings(**settings), None)


def batches_of(trainer, count):
    while True:
        for batch in trainer.batches:
            if count == 0:
                return
            count -= 1
            yield batch


@pytest.mark.parametrize("kind", ["pixels", "features"])
def test_a_training_step_never_waits_for_the_device(cuda, kind):
    if cuda.name != "emulated":
        pytest.skip("a GPU does not say when it was waited for")
    trainer = make_trainer(cuda, kind, drop=0.5)
    for batch in batches_of(trainer, 3):
        with strict.watch() as seen:
            trainer.step(batch)
        assert seen.waits == []


def launches_of_a_step(device, kind):
    trainer = make_trainer(device, kind, drop=0.5)
    first, second = batches_of(trainer, 2)
    trainer.step(first)
    with strict.watch() as seen:
        trainer.step(second)
    return seen, second.targets.shape[1]


@pytest.mark.parametrize("kind", ["pixels", "features"])
def test_twins_and_fusion_cut_the_launches_of_a_step(cuda, kind, monkeypatch):
    if cuda.name != "emulated":
        pytest.skip("launches are counted by the strict double")
    fast, words = launches_of_a_step(cuda, kind)
    monkeypatch.setattr(emulator.EmulatedModule, "fuse", staticmethod(lambda function: function))
    monkeypatch.setattr(backend, "plain_only", True)
    plain, _ = launches_of_a_step(cuda, kind)
    print(f"\n{kind}, {words} words: {plain.launches.total()} launches without twins and fusion, "
          f"{fast.launches.total()} with them; {fast.uploads} uploads\n{fast.launches}")
    assert fast.launches.total() < plain.launches.total() / 2


@pytest.mark.parametrize("kind, epochs, lr", [("pixels", 100, 0.001), ("features", 50, 0.003)])
def test_the_losses_of_200_steps_are_those_of_the_cpu(cuda, kind, epochs, lr):
    """Same seed, same data, no dropout: they agree to 1e-5 of each loss.

    At learning rates several times as high training is chaotic: any other order of rounding, that of the CPU's own
    plain functions too, ends up 1e-2 and more apart after some hundred steps.
    """
    losses = []
    for device in (CPU, cuda):
        trainer = make_trainer(device, kind, epochs=epochs, lr=lr)
        losses.append([float(to_numpy(trainer.step(batch)[0])) for batch in batches_of(trainer, 200)])
    ours, theirs = np.array(losses)
    assert theirs[-10:].mean() < 0.9 * theirs[:10].mean()  # it learns
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
