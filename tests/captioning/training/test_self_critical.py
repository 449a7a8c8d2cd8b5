"""Self-critical training: its gradient against the expectation it estimates, its baselines, and that scores rise."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import tiny_captioner

from minicap import train
from minicap.backend import CPU, to_numpy
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors
from minicap.captioning.decoding import beam_search as search
from minicap.captioning.decoding.beam_search import Hypothesis
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings, ShowTellSettings
from minicap.captioning.scoring.cider import CiderD
from minicap.captioning.text.vocabulary import END, START, Vocabulary
from minicap.captioning.training import self_critical
from minicap.captioning.training.self_critical import SelfCriticalTrainer, targets
from minicap.captioning.training.settings import TrainSettings
from minicap.errors import UserError

REFERENCES = {"one": ["red ball", "red ball red"], "two": ["ball", "ball red ball"], "three": ["red", "red red"]}
NAMES = list(REFERENCES)


@dataclasses.dataclass
class Data:
    captions: dict
    name: str = "folder"


class Rows:
    """Model inputs of the three images, the same at every call."""

    def __init__(self, array):
        self.array, self.names = array, NAMES

    def __call__(self, rows, rng=None):
        return self.array[rows]


def make_trainer(tmp_path, model="attend", device=CPU, drop=0.0, **changes):
    """A trainer of a captioner in float64, of six words in all, four of them special, and three images."""
    settings = TrainSettings(data="folder", model=model, epochs=1, batch_size=6, lr=0.01, warmup_epochs=0, drop=drop,
                             average=0.0, weight_decay=0.0, label_smoothing=0.0, samples=2, **changes)
    vocabulary = Vocabulary.from_captions([text.split() for texts in REFERENCES.values() for text in texts], 1)
    assert len(vocabulary) == 6
    shape = {"vocabulary": len(vocabulary), "embedding": 4, "hidden": 5, "drop": drop, "feature_size": 6}
    model_settings = (ShowTellSettings(input="features", image_every_step=True, **shape) if model == "show-tell" else
                      ShowAttendTellSettings(attention=3, dropout_at=settings.dropout_locations() or
                                             ("words", "output"), **shape))
    captioner = Captioner(build_model(model_settings, np.random.default_rng(0)), vocabulary, model_settings, device,
                          source=tiny_captioner.SOURCE)
    captioner.model.astype(np.float64)
    output = captioner.model.output if model == "show-tell" else captioner.model.output.vocabulary
    output.W.data *= 10  # fresh ones are so small that the words hardly differ
    captioner.model.to(device)
    x = np.random.default_rng(1).standard_normal((3, 2, 2, 6) if model == "attend" else (3, 6))
    inputs = {"train": Rows(x), "dev": Rows(x)}
    return SelfCriticalTrainer(captioner, Data(REFERENCES), inputs, settings, tmp_path)


def log_p(model, x, caption, masks=None):
    """log p of a sequence of words for the image x (1, ...), with the dropout of ``masks`` (T, ...)."""
    state, total = model.start(x), 0.0
    for t, (read, said) in enumerate(zip((START, *caption), caption, strict=False)):
        state, log = model.step(state, np.array([read]), masks and {at: mask[None, t] for at, mask in masks.items()})
        total += float(log[0, said])
    return total


def all_captions(V=6):
    """What may be drawn with MAX_LENGTH 2, each with its <end> unless it is cut."""
    return [[END], *([a, b] for a, b in itertools.product(range(V), repeat=2) if a != END)]


@pytest.mark.parametrize(("model", "changes"), [
    ("attend", {}), ("show-tell", {}), ("show-tell", {"drop": 0.4}), ("attend", {"drop": 0.4}),
    ("attend", {"drop": 0.4, "drop_at": "state"})])
def test_its_gradient_is_that_of_the_expected_reward(monkeypatch, tmp_path, model, changes):
    """All captions there are, each as often as it is drawn on average, against central differences of -E[r].

    With dropout: of the network that the masks leave.
    """
    monkeypatch.setattr(self_critical, "MAX_LENGTH", 2)
    trainer = make_trainer(tmp_path, model, **changes)
    masks = trainer.model.sample_masks(1, 2)
    assert set(masks or ()) == ({"state"} if "drop_at" in changes else
                                {"words", {"attend": "output", "show-tell": "hidden"}[model]} if changes else set())
    one = masks and {at: mask[0] for at, mask in masks.items()}
    captions, image = all_captions(), 1
    rewards = trainer.rewards([image] * len(captions), captions)
    assert len(set(rewards.round(6))) > 3
    x = trainer.inputs["train"].array[[image]]

    def probabilities():
        return np.exp([log_p(trainer.model, x, caption, one) for caption in captions])

    p = probabilities()
    assert p.sum() == pytest.approx(1)
    words = sum(map(len, captions))  # the loss is a mean over all words drawn: undone here
    all_alike = masks and {at: mask.repeat(len(captions), axis=0) for at, mask in masks.items()}
    trainer.sample = lambda x, images: (captions, np.zeros(len(captions), int), words * p * (rewards - 0.3), 0.0,
                                      all_alike)
    trainer.learn_from(np.array([image]))
    for name, parameter in trainer.model.named_parameters():
        index = np.unravel_index(np.abs(parameter.grad).argmax(), parameter.shape)
        kept, expected = parameter.data[index], []
        for step in (1e-5, -1e-5):
            parameter.data[index] = kept + step
            expected.append(-(probabilities() * rewards).sum())
        parameter.data[index] = kept
        slope = (expected[0] - expected[1]) / 2e-5
        assert parameter.grad[index] == pytest.approx(slope, rel=1e-4, abs=1e-7), name


def test_the_advantage_is_the_reward_over_that_of_the_greedy_caption_or_of_the_others_drawn(tmp_path):
    images = np.array([2, 0])
    drawn, image_of, rewards, baseline, masks = (trainer := make_trainer(tmp_path)).sample(
        x := trainer.inputs["train"](images), images)
    assert image_of.tolist() == [0, 0, 1, 1] and len(drawn) == 4 and masks is None
    score = CiderD([[[*text.split(), "<end>"] for text in texts] for texts in REFERENCES.values()])
    words = trainer.captioner.vocabulary.words
    expected = [score(image, [words[w] for w in caption]) for image, caption in zip([2, 2, 0, 0], drawn, strict=True)]
    np.testing.assert_allclose(rewards, expected)
    greedy = targets(self_critical.greedy(trainer.model.step, trainer.model.start(x), max_length=24))
    assert baseline.tolist() == [score(i, [words[w] for w in greedy[n]]) for n, i in zip([0, 0, 1, 1], [2, 2, 0, 0],
                                                                                          strict=True)]
    trainer = make_trainer(tmp_path, baseline="others")
    _, _, again, others, _ = trainer.sample(x, images)
    np.testing.assert_array_equal(again, rewards)  # the same draws: greedy takes nothing from the generator
    np.testing.assert_allclose(others, rewards[[1, 0, 3, 2]])


@pytest.mark.parametrize("model", ["attend", "show-tell"])
def test_captions_are_drawn_with_the_dropout_they_are_learned_with(tmp_path, model, device):
    """Σ log p of the captions as drawn, word by word, is the loss of learning from all of them together."""
    trainer = make_trainer(tmp_path, model, device=device, drop=0.4)
    drawn_with, forward, losses = [], trainer.model.forward, []

    def sample(step, state, **options):
        found = search.sample(step, state, **options)
        drawn_with.extend(best.logp for best, in found)
        return found

    def looking(*arguments, **options):
        loss, cache = forward(*arguments, **options | {"advantage": None})
        losses.append(float(to_numpy(loss)) * arguments[-1].sum())
        return loss, cache

    trainer.model.forward = looking
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_critical, "sample", sample)
        trainer.learn_from(np.array([2, 0, 1]))
    assert -sum(drawn_with) == pytest.approx(losses[0], rel=1e-6)


def test_a_caption_that_was_cut_has_no_end_and_the_others_have_one():
    assert targets([[Hypothesis(tuple(range(4, 4 + n)), 0.0, 0.0)] for n in (0, 23, 24)]) == [
        [END], [*range(4, 27), END], [*range(4, 28)]]


def test_each_caption_gets_its_own_advantage_whatever_its_place_in_the_batch(device, tmp_path):
    """The gradient of a batch is the sum of those of its captions alone."""
    trainer = make_trainer(tmp_path, device=device)
    captions = [[4, END], [5, 4, 4, END], [END], [4, 5, END]]
    image_of, rewards = np.array([0, 0, 1, 1]), np.array([0.5, -1.0, 2.0, 0.25])

    def gradient(rows):
        trainer.model.zero_grad()
        trainer.sample = lambda x, images: ([captions[n] for n in rows], image_of[rows], rewards[rows], 0.0, None)
        loss, n = trainer.learn_from(np.array([1, 2]))
        assert n == len(rows) and loss == pytest.approx(-rewards[rows].mean())
        return sum(len(captions[n]) for n in rows) * to_numpy(trainer.model.output.vocabulary.W.grad)

    np.testing.assert_allclose(gradient([0, 1, 2, 3]), sum(gradient([n]) for n in range(4)), rtol=1e-6, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------- programs

@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(train, "show", lambda *_: None)


@pytest.fixture(scope="module", params=["show-tell", "attend"])
def begun(request, tmp_path_factory):
    """(folder of a run that has learned a little by likelihood, its arguments)"""
    folder = tmp_path_factory.mktemp(request.param)
    write = tiny_captioner.write_features if request.param == "show-tell" else tiny_captioner.write_regions
    data = tiny_captioner.write_folder(folder / "pictures"), write(folder / "features.npy")
    model = () if request.param == "show-tell" else ("--model", "attend", "--attention", 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "show", lambda *_: None)
        return tiny_captioner.run_train(folder / "run", *data, *model, "--epochs", 6)


def cider_run(begun, out, *more):
    train.main([str(a) for a in ("--init", begun, "--objective", "cider", "--out", out, "--batch-size", 10, "--lr",
                                 0.02, "--patience", 90, "--device", "cpu", *more)])
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("baseline", ["greedy", "others"])
def test_the_reward_rises(begun, tmp_path, baseline):
    history = cider_run(begun, tmp_path / "run", "--epochs", 40, "--baseline", baseline)
    first, last = (np.mean([-line["loss"] for line in lines]) for lines in (history[:5], history[-5:]))
    assert last > 1.5 * first, (first, last)


def test_it_begins_with_the_weights_and_the_model_of_the_run_before(begun, tmp_path):
    cider_run(begun, tmp_path / "run", "--epochs", 1, "--lr", 1e-12, "--average", 0)
    (before, _), (after, _) = (load_tensors(f / "best.safetensors", "checkpoint") for f in (begun, tmp_path / "run"))
    for name, a in before.items():
        np.testing.assert_allclose(after[name], a, atol=1e-9, err_msg=name)
    one, other = (json.loads((f / "captioner.json").read_text()) for f in (begun, tmp_path / "run"))
    assert other["vocabulary"] == one["vocabulary"]
    assert {k: v for k, v in other["model"].items() if k not in ("drop", "label_smoothing")} == {
        k: v for k, v in one["model"].items() if k not in ("drop", "label_smoothing")}


def test_a_resumed_run_equals_the_uninterrupted_one(begun, tmp_path):
    cider_run(begun, tmp_path / "whole", "--epochs", 2)
    with pytest.MonkeyPatch.context() as patch:
        def stop(line):
            raise KeyboardInterrupt

        patch.setattr("minicap.captioning.training.trainer.report", stop)
        with pytest.raises(KeyboardInterrupt):
            cider_run(begun, tmp_path / "cut", "--epochs", 2)
    cider_run(begun, tmp_path / "cut", "--epochs", 2, "--resume")
    whole, cut = (load_tensors(tmp_path / f / "last.safetensors", "checkpoint")[0] for f in ("whole", "cut"))
    assert {k: a.tobytes() for k, a in whole.items()} == {k: a.tobytes() for k, a in cut.items()}


def test_what_cannot_be_begun_with_is_refused(begun, tmp_path):
    with pytest.raises(UserError, match="init="):
        train.main(["--objective", "cider"])
    with pytest.raises(UserError, match="does not exist"):
        cider_run(tmp_path / "nowhere", tmp_path / "run")
    with pytest.raises(UserError, match="label_smoothing= smooths"):
        cider_run(begun, tmp_path / "run", "--label-smoothing", 0.1)
    with pytest.raises(UserError, match="the same dropout"):
        cider_run(begun, tmp_path / "run", "--word-dropout", 0.1)
    with pytest.raises(UserError, match="at least 2"):
        cider_run(begun, tmp_path / "run", "--baseline", "others", "--samples", 1)
    with pytest.raises(UserError, match=r"best\.safetensors: .*shape"):
        cider_run(begun, tmp_path / "run", "--hidden", 13)
    with pytest.raises(UserError, match="another vocabulary"):
        cider_run(begun, tmp_path / "run", "--min-count", 7)
    other = {"show-tell": "attend", "attend": "show-tell"}[json.loads((begun / "settings.json").read_text())["model"]]
    with pytest.raises(UserError, match=f"not of {other}"):
        cider_run(begun, tmp_path / "run", "--model", other)
