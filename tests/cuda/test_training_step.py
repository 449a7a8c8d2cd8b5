"""A training step of the captioner on a GPU: nothing waits for the device, few launches, and the losses of the CPU.

    pytest -s tests/cuda/test_training_step.py -k launches      prints how many launches a step takes
"""

import contextlib
import warnings
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
    consensus_weight: float = 0.0
    embeddings_frozen: bool = False


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


@contextlib.contextmanager
def no_waiting(device):
    """An error when the host waits for the device in the block."""
    if device.name == "emulated":
        with strict.watch() as seen:
            yield
        assert seen.waits == []
        return
    from cupyx import allow_synchronize

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is to be removed: it sees only waits that CuPy knows of
        forbidden = allow_synchronize(False)
        with forbidden:
            yield


@pytest.mark.parametrize("kind", ["pixels", "features"])
def test_a_training_step_never_waits_for_the_device(cuda, kind):
    trainer = make_trainer(cuda, kind, drop=0.5)
    for number, batch in enumerate(batches_of(trainer, 3)):
        with no_waiting(cuda) if number or cuda.name == "emulated" else contextlib.nullcontext():
            trainer.step(batch)  # on a GPU the first one compiles kernels, and may wait


def test_what_waits_is_noticed(cuda):
    loss = cuda.asarray(np.ones(2, np.float32)).sum()
    with pytest.raises((AssertionError, RuntimeError)), no_waiting(cuda):
        float(loss)


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


def losses_of(steps, device, kind, nudge=0.0, **settings):
    """The losses from one seed without dropout; every weight is changed by ``nudge`` of itself before."""
    trainer = make_trainer(device, kind, **settings)
    signs = np.random.default_rng(4)
    for p in trainer.model.parameters():
        p.data *= 1 + nudge * device.asarray(signs.choice([-1, 1], p.shape).astype(np.float32))
    return np.array([float(to_numpy(trainer.step(batch)[0])) for batch in batches_of(trainer, steps)])


@pytest.mark.parametrize("kind, epochs, lr", [("pixels", 100, 0.0007), ("features", 50, 0.003)])
def test_the_losses_of_200_steps_are_those_of_the_cpu(cuda, kind, epochs, lr):
    """Same seed, same data, no dropout: they agree to 1e-5 of each loss, on a real GPU to 1e-4, or to ten times what
    the CPU does with itself.

    Training is chaotic. In a small CNN a rounding decides which of two pixels is the largest, and the bias before a
    batch norm, whose gradient is nothing but rounding, makes Adam's full steps all the same. So the yardstick is how
    far the CPU's own losses go apart when every weight is changed by its last bit: 1e-2 at lr = 0.001.
    """
    theirs, nudged, ours = (losses_of(200, *way, epochs=epochs, lr=lr) for way in (
        (CPU, kind), (CPU, kind, 2**-23), (cuda, kind)))
    assert theirs[-10:].mean() < 0.9 * theirs[:10].mean()  # it learns
    least = 1e-5 if cuda.name == "emulated" else 1e-4
    np.testing.assert_allclose(ours[:20], theirs[:20], rtol=least)  # no wrong gradient gets so far
    np.testing.assert_allclose(ours, theirs, rtol=max(least, 10 * np.abs(nudged / theirs - 1).max()))


@pytest.mark.parametrize("kind", ["pixels", "features"])
def test_training_twice_gives_the_same_bits(cuda, kind):
    first, second = (losses_of(20, cuda, kind, epochs=100, lr=0.001) for _ in range(2))
    np.testing.assert_array_equal(first, second)
