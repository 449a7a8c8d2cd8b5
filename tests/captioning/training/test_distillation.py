"""Learning from the probabilities of other captioners."""

import numpy as np
import pytest
import tiny_captioner

from minicap import train
from minicap.backend import to_numpy
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors
from minicap.captioning.text.batches import make_batch
from minicap.captioning.training.distillation import Teachers
from minicap.errors import UserError

ATTEND = ("--model", "attend", "--attention", 7)


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(train, "show", lambda *_: None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return {"attend": (tiny_captioner.write_folder(folder / "a"), tiny_captioner.write_regions(folder / "regions.npy")),
            "show-tell": (tiny_captioner.write_folder(folder / "b"), tiny_captioner.write_features(folder / "f.npy"))}


@pytest.fixture(scope="module", params=["attend", "show-tell"])
def taught(request, data, tmp_path_factory):
    """(options of the runs, two runs with different seeds)"""
    options, folder = (*data[request.param], "--model", request.param), tmp_path_factory.mktemp("teachers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "show", lambda *_: None)
        return options, [tiny_captioner.run_train(folder / str(seed), *options, "--seed", seed, "--epochs", 3)
                         for seed in (1, 2)]


def test_probabilities_are_those_that_captioning_step_by_step_finds(taught, data):
    (_, features, *_), (folder, _) = taught
    captioner = Captioner.load(folder, device="cpu")
    x = np.load(features)[:3].astype(np.float32)
    batch = make_batch([(0, [5, 6]), (2, [4]), (1, [7, 5, 4])])
    found = captioner.model.probabilities(x, batch.image_index, batch.tokens, batch.lengths)
    assert found.shape == (batch.lengths.sum(), len(captioner.vocabulary))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    state, expected = captioner.model.start(x).select(batch.image_index), {}
    for t in range(batch.tokens.shape[1]):
        state, log_p = captioner.model.step(state, batch.tokens[:, t])
        expected |= {(n, t): np.exp(to_numpy(log_p[n])) for n in range(3) if t < batch.lengths[n]}
    attends = captioner.settings.kind == "attend"  # whose words are packed by time
    order = sorted(expected, key=(lambda at: at[::-1]) if attends else None)
    np.testing.assert_allclose(found, [expected[at] for at in order], rtol=1e-4, atol=1e-7)


def test_a_student_without_references_becomes_its_teacher(taught, tmp_path):
    """It learns nothing but the probabilities of one teacher, begins with its weights, and so stays where it is."""
    options, (teacher, _) = taught
    known, _ = load_tensors(teacher / "best.safetensors", "checkpoint")
    still = ("--init", teacher, "--teachers", teacher, "--distill", 0.999999, "--drop", 0, "--label-smoothing", 0,
             "--weight-decay", 0, "--lr", 1e-4, "--epochs", 1)
    away = tuple(0 if word == 0.999999 else word for word in still)
    student = tiny_captioner.run_train(tmp_path / "student", *options, *still)
    learner = tiny_captioner.run_train(tmp_path / "learner", *options, *away)

    def loss(folder):
        return load_tensors(folder / "best.safetensors", "checkpoint")[1]["dev"]["dev_loss"]

    assert abs(loss(student) - load_tensors(teacher / "best.safetensors", "checkpoint")[1]["dev"]["dev_loss"]) < 1e-2
    assert loss(student) != loss(learner)


def test_several_teachers_are_averaged(taught, data):
    (_, features, *_), folders = taught
    captioners = [Captioner.load(folder, device="cpu") for folder in folders]
    teachers = Teachers.load(",".join(map(str, folders)), 0.4, captioners[0])
    x, batch = np.load(features)[:2].astype(np.float32), make_batch([(0, [5, 6]), (1, [4])])
    q, share = teachers.soft_targets(x, batch.image_index, batch.tokens, batch.targets, batch.lengths)
    each = [c.model.probabilities(x, batch.image_index, batch.tokens, batch.lengths) for c in captioners]
    np.testing.assert_allclose(q, (each[0] + each[1]) / 2)
    assert share == 0.4 and not np.allclose(each[0], each[1])


def test_teachers_that_know_other_words_read_other_features_or_are_of_another_kind_are_refused(data, tmp_path):
    attend = tiny_captioner.run_train(tmp_path / "attend", *data["attend"], *ATTEND, "--epochs", 1)
    words = tiny_captioner.run_train(tmp_path / "words", *data["attend"], *ATTEND, "--epochs", 1, "--min-count", 5)
    others = tiny_captioner.write_regions(tmp_path / "others.npy", weights_sha256="1" * 64)
    cases = ((words, data["attend"], "words"), (attend, (data["attend"][0], others), "features"))
    for teacher, options, other in cases:
        with pytest.raises(UserError, match=f"teachers= .* has other {other} than this run"):
            tiny_captioner.run_train(tmp_path / "student", *options, *ATTEND, "--teachers", teacher, "--epochs", 1)


@pytest.mark.parametrize("more", [("--objective", "cider", "--init", "RUN")])
def test_teachers_are_for_likelihood(taught, tmp_path, more):
    options, (teacher, _) = taught
    more = [teacher if word == "RUN" else word for word in more]
    with pytest.raises(UserError, match="teachers= needs features of photographs and objective='likelihood'"):
        tiny_captioner.run_train(tmp_path / "run", *options, *more, "--label-smoothing", 0, "--teachers", teacher)
