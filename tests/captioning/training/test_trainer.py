"""The trainer: the best epoch, when to stop, and that nothing is lost or changed when a run is interrupted."""

import dataclasses
import errno
import json
import math
import os
import re

import numpy as np
import pytest
import tiny_captioner

from minicap.backend import CPU
from minicap.captioning.captioner import caption_all
from minicap.captioning.checkpoint import load_tensors, save_tensors
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.scoring import metrics
from minicap.captioning.text.batches import make_batch
from minicap.captioning.training.assemble import inputs_for, new_captioner
from minicap.captioning.training.settings import TrainSettings
from minicap.captioning.training.trainer import Trainer, report
from minicap.errors import UserError

DATA = ShapesDataset(train=9, dev=5, test=0, side=16)
SETTINGS = TrainSettings(epochs=4, batch_size=6, lr=0.01, embedding=5, hidden=6, drop=0.3, label_smoothing=0.1,
                         average=0.5, weight_decay=0.01, min_count=1, out="unused")


def make_trainer(folder, data=DATA, **changes):
    """A trainer of a small CNN and LSTM on nine scenes."""
    settings = dataclasses.replace(SETTINGS, **changes).resolved()
    inputs, source = inputs_for(data, settings)
    return Trainer(new_captioner(settings, data, source, CPU), data, inputs, settings, folder)


def without_seconds(line):
    return {k: v for k, v in line.items() if k != "seconds"}


def assert_same_files(folder, expected):
    """Every tensor and every fact of the two checkpoints, to the bit; the clock aside."""
    for name in ("best.safetensors", "last.safetensors"):
        (tensors, facts), (other, other_facts) = (load_tensors(f / name, "checkpoint") for f in (folder, expected))
        assert tensors.keys() == other.keys()
        for key, a in other.items():
            np.testing.assert_array_equal(tensors[key], a, err_msg=key)
        for f in (facts, other_facts):
            f["history"] = [without_seconds(line) for line in f.get("history", [])]
            f["dev"] = without_seconds(f.get("dev", {}))
        assert facts == other_facts
    lines, other_lines = ([without_seconds(json.loads(line)) for line in (f / "metrics.jsonl").read_text().splitlines()]
                          for f in (folder, expected))
    assert lines == other_lines


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def scripted(tmp_path):
    """A trainer that learns nothing: its dev scores are given, and its weights say in which epoch they were saved."""
    def make(scores, folder=tmp_path / "run", **changes):
        trainer = make_trainer(folder, epochs=len(scores), **changes)

        def train_epoch():
            trainer.average.average["output.b"][...] = trainer.epoch + 1
            return 1.0

        def score_on_dev():
            bleu4, cider, loss = scores[trainer.epoch]
            return {"bleu4": bleu4, "cider": cider, "dev_loss": loss, "dev_perplexity": math.exp(loss), "distinct": 1.0,
                    "n": 5}

        trainer.train_epoch, trainer.score_on_dev = train_epoch, score_on_dev
        return trainer

    return make


def best_epoch_on_disk(folder):
    tensors, facts = load_tensors(folder / "best.safetensors", "checkpoint")
    assert (tensors["output.b"] == facts["dev"]["epoch"]).all()
    return facts["dev"]["epoch"]


# ------------------------------------------------------------------------------------------------- best epoch, patience

SCORES = [(0.10, 0.5, 3.0), (0.30, 0.6, 2.5), (0.20, 0.9, 2.6), (0.25, 0.8, 2.7)]  # BLEU-4, CIDEr, dev loss


@pytest.mark.parametrize("select, best", [("bleu4", 2), ("cider", 3)])
def test_the_weights_kept_are_those_of_the_best_dev_score(scripted, tmp_path, select, best):
    assert scripted(SCORES, select=select).run()["epoch"] == best
    assert best_epoch_on_disk(tmp_path / "run") == best


def test_of_equal_scores_the_lower_dev_loss_is_better_and_of_equal_losses_the_earlier_epoch(scripted, tmp_path):
    scores = [(0, 0, 3.0), (0, 0, 2.5), (0, 0, 2.6), (0, 0, 2.5)]
    assert scripted(scores).run()["epoch"] == best_epoch_on_disk(tmp_path / "run") == 2


def test_training_stops_when_dev_has_not_improved_for_so_many_epochs(scripted, tmp_path):
    scores = [(0, 0.5, 3), (0, 0.4, 3), (0, 0.6, 3), (0, 0.6, 3), (0, 0.3, 3), (0, 0.9, 3)]
    trainer = scripted(scores, patience=2)
    assert trainer.run()["epoch"] == 3 and trainer.epoch == 5 and best_epoch_on_disk(tmp_path / "run") == 3
    assert scripted(scores, tmp_path / "patient", patience=3).run()["epoch"] == 6


def test_patience_is_remembered_by_a_resumed_run(scripted, tmp_path):
    scores = [(0, 0.5, 3), (0, 0.4, 3), (0, 0.3, 3), (0, 0.9, 3)]
    first = scripted(scores, patience=2)
    first.save = stop_after(first, 2)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = scripted(scores, patience=2)
    second.resume()
    assert second.run()["epoch"] == 1 and second.epoch == 3
    finished = scripted(scores, patience=2)
    finished.resume()
    assert finished.run()["epoch"] == 1 and finished.epoch == 3  # there is nothing left to do


def stop_after(trainer, epoch):
    """A ``save`` that saves, and after ``epoch`` epochs is interrupted by Ctrl-C."""
    def save():
        Trainer.save(trainer)
        if trainer.epoch == epoch:
            raise KeyboardInterrupt
    return save


# ------------------------------------------------------------------------------------------------------------- resuming

@pytest.mark.parametrize("one_file_at_a_time", [False, True])
def test_a_cnn_that_is_stopped_and_resumed_equals_one_that_is_not(tmp_path, one_file_at_a_time):
    make_trainer(tmp_path / "whole").run()
    stopped = make_trainer(tmp_path / "parts")
    stopped.save = stop_after(stopped, 2)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    if one_file_at_a_time:  # killed between two files: those of epoch 3 are there, last.safetensors is not
        before = (tmp_path / "parts" / "last.safetensors").read_bytes()
        again = make_trainer(tmp_path / "parts")
        again.resume()
        again.save = stop_after(again, 3)
        with pytest.raises(KeyboardInterrupt):
            again.run()
        (tmp_path / "parts" / "last.safetensors").write_bytes(before)
    resumed = make_trainer(tmp_path / "parts")
    resumed.resume()
    assert resumed.epoch == 2
    resumed.run()
    assert_same_files(tmp_path / "parts", tmp_path / "whole")


def test_the_checkpoint_holds_all_that_decides_the_next_number(tmp_path):
    trainer = make_trainer(tmp_path, epochs=1)
    trainer.run()
    tensors, facts = load_tensors(tmp_path / "last.safetensors", "checkpoint")
    assert {name.split("/")[0] for name in tensors} == {"model", "optimizer", "average"}
    assert {"model/encoder.bn1.mean", "optimizer/m/output.W", "optimizer/steps", "average/embedding.W"} <= set(tensors)
    assert {"epoch", "best", "epochs_since_best", "history", "shuffle_rng", "dropout_rng", "settings"} <= set(facts)
    assert facts["dropout_rng"] == trainer.model.dropout_rng.bit_generator.state


@pytest.mark.parametrize("change, message", [
    ({"lr": 0.02}, r"was trained with another lr= \(0\.01, not 0\.02\)"),
    ({"seed": 1}, r"was trained with another seed= \(0, not 1\)"),
    ({"epochs": 5}, r"was trained with another epochs= \(2, not 5\)"),
    ({"hidden": 7}, r"was trained with another hidden= \(6, not 7\)"),
    ({"data": ShapesDataset(train=9, dev=5, test=0, side=16, seed=5)}, "was trained with another vocabulary"),
])
def test_to_go_on_with_other_settings_or_captions_is_refused_and_leaves_the_run_alone(tmp_path, change, message):
    small = ShapesDataset(train=2, dev=2, test=0, side=16)
    make_trainer(tmp_path, small, epochs=2).run()
    before = contents(tmp_path)
    other = make_trainer(tmp_path, **({"data": small, "epochs": 2} | change))
    with pytest.raises(UserError, match=message):
        other.resume()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("fact, value, message", [
    ("settings", [], "settings has to be an object, and not []"), ("epoch", "1", "epoch has to be a whole number"),
    ("history", None, "history has to be a list, and not None"), ("vocabulary", 3, "vocabulary has to be text"),
    ("history", [], "is damaged (its history is not one of all epochs)"), ("best", "DELETED", "best is missing"),
    ("history", [1], "history[0] has to be an object, and not 1"), ("source", {}, "is damaged (None is not a network"),
    ("epoch", 7, "is damaged (its history is not one of all epochs)"), ("shuffle_rng", {}, "is damaged (state must be"),
])
def test_a_state_that_no_run_can_have_had_is_refused(tmp_path, fact, value, message):
    make_trainer(tmp_path, epochs=1).run()
    tensors, facts = load_tensors(tmp_path / "last.safetensors", "checkpoint")
    facts[fact] = value
    save_tensors(tmp_path / "last.safetensors", tensors, {k: v for k, v in facts.items() if v != "DELETED"})
    with pytest.raises(UserError, match=re.escape(message)):
        make_trainer(tmp_path, epochs=1).resume()


def test_to_go_on_with_features_of_another_network_is_refused(tmp_path):
    make_trainer(tmp_path, epochs=1).run()
    other = make_trainer(tmp_path, epochs=1)
    other.captioner.source = tiny_captioner.SOURCE
    with pytest.raises(UserError, match="was trained on other features, which differ in kind; resume with the same"):
        other.resume()


@pytest.mark.parametrize("settings, message", [
    ({"model": "x"}, "model= has to be one of show-tell, attend, not 'x'"),
    ({"schedule": "linear"}, "schedule= has to be one of cosine, constant, not 'linear'"),
    ({"finetune": "block5"}, "name that run with init="),
    ({"resume": True}, "resume= needs out="),
    ({"drop_at": "ears"}, "drop_at= does not know 'ears'"),
])
def test_settings_made_in_python_are_refused_by_their_names_in_python(settings, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(TrainSettings(), **settings).resolved()


def test_where_it_runs_may_change(tmp_path):
    make_trainer(tmp_path, epochs=1, device="cpu").run()
    make_trainer(tmp_path, epochs=1, device="auto", out="elsewhere", weights="vgg.h5", resume=True).resume()


# ------------------------------------------------------------------------------------------------------ an epoch's line

def test_an_epoch_is_one_line_of_json_with_its_scores(tmp_path, capsys):
    trainer = make_trainer(tmp_path, epochs=2)
    best = trainer.run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == trainer.history and best in lines
    for epoch, line in enumerate(lines, start=1):
        assert set(line) == {"epoch", "loss", "dev_loss", "dev_perplexity", "bleu1", "bleu2", "bleu3", "bleu4",
                             "rouge_l", "cider", "n", "distinct", "seconds"}
        assert line["epoch"] == epoch and line["n"] == 5
        assert line["dev_perplexity"] == pytest.approx(math.exp(line["dev_loss"]))
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(shown) == 2 and f"perplexity {lines[0]['dev_perplexity']:.2f}" in shown[0]


def test_the_loss_of_an_epoch_is_the_mean_over_its_words(tmp_path):
    trainer, seen = make_trainer(tmp_path), []
    step = trainer.step

    def noted(batch):
        loss, words = step(batch)
        assert words == batch.lengths.sum()
        seen.append((float(loss), words))
        return loss, words

    trainer.step = noted
    mean = trainer.train_epoch()
    assert len(seen) == len(trainer.batches) > 1
    assert mean == pytest.approx(sum(loss * n for loss, n in seen) / sum(n for _, n in seen), rel=1e-6)


@pytest.mark.parametrize(("strength", "expected"), [(0.5, [1.25, 1.25, 0.5]), (1, [1.5, 1.5, 0]), (2, [2, 2, 0])])
def test_captions_that_agree_with_the_others_of_their_image_count_more(tmp_path, strength, expected):
    """Two say the same of the first image, the third has no word of theirs; other images have one caption each."""
    captions = {name: ["red dog runs"] for split in DATA.splits.values() for name in split}
    captions |= {"train-00000": ["a cat sits", "a cat sits", "blue birds fly away"], "train-00001": ["green", "grey"]}
    data = ShapesDataset(train=9, dev=5, test=0, side=16)
    data.captions = captions
    trainer = make_trainer(tmp_path, data, consensus_weight=strength)
    weights = {}
    for image, _, weight in trainer.batches.captions:
        weights.setdefault(image, []).append(weight)
    mean = (sum(expected) + 2 + 7) / 12  # of those of 12 captions, before they are divided by it
    np.testing.assert_allclose(np.concatenate(list(weights.values())) * mean, [*expected, *[1] * 9], rtol=1e-6)


def test_a_weight_multiplies_the_loss_of_its_caption(tmp_path):
    captions = [(0, [4, 5], 0.5), (0, [4], 2.0), (0, [5, 4, 5], 0.0)]
    trainer = make_trainer(tmp_path, drop=0.0, label_smoothing=0.0)
    each = [trainer.model.forward(*trainer.model_inputs("train", make_batch([caption])))[0] for caption in captions]
    words = [len(words) + 1 for _, words, _ in captions]
    loss, count = trainer.learn_from(make_batch(captions))
    assert count == sum(words)
    weighted = sum(w * n * float(l) for (_, _, w), n, l in zip(captions, words, each, strict=True))
    assert float(loss) == pytest.approx(weighted / count, rel=1e-5)


def test_dev_is_scored_with_the_average_and_training_goes_on_with_the_weights(tmp_path):
    trainer, during = make_trainer(tmp_path, epochs=1), []
    score = trainer.score_on_dev

    def noted():
        during.append(trainer.model.state())
        return score()

    trainer.score_on_dev = noted
    trainer.run()
    best, _ = load_tensors(tmp_path / "best.safetensors", "checkpoint")
    last, _ = load_tensors(tmp_path / "last.safetensors", "checkpoint")
    for name, a in best.items():
        np.testing.assert_array_equal(a, during[0][name])
    np.testing.assert_array_equal(best["output.W"], last["average/output.W"])
    assert (best["output.W"] != last["model/output.W"]).any()
    np.testing.assert_array_equal(trainer.model.state()["output.W"], last["model/output.W"])


@pytest.mark.parametrize("beam", [1, 2])
def test_dev_is_scored_by_the_captions_of_the_beam_that_is_asked_for(tmp_path, monkeypatch, beam):
    trainer = make_trainer(tmp_path, select_beam=beam, epochs=1)
    scored, statistics = [], trainer.dev_references.statistics
    monkeypatch.setattr(trainer.dev_references, "statistics",
                        lambda captions: scored.append(captions) or statistics(captions))
    trainer.score_on_dev()
    inputs = trainer.inputs["dev"]
    expected = {beam: caption_all(trainer.captioner, inputs, beam=beam) for beam in (1, 2)}
    assert scored == [expected[beam]] and expected[1] != expected[2]


def test_dev_has_the_scores_of_its_captions_and_its_references_are_prepared_once(tmp_path, monkeypatch):
    trainer, tokenized = make_trainer(tmp_path, epochs=2), []
    tokenize = metrics.tokenized_references
    monkeypatch.setattr(metrics, "tokenized_references", lambda *a: tokenized.append(1) or tokenize(*a))
    trainer.run()
    assert not tokenized
    predictions = caption_all(trainer.captioner, trainer.inputs["dev"], beam=trainer.settings.select_beam)
    expected = metrics.score_captions(predictions, trainer.dataset.captions)
    assert {name: value for name, value in trainer.score_on_dev().items() if name in expected} == expected


def test_a_run_from_when_dev_was_scored_greedily_goes_on_with_a_beam_of_one(tmp_path):
    make_trainer(tmp_path, epochs=2, select_beam=1).run()
    tensors, facts = load_tensors(tmp_path / "last.safetensors", "checkpoint")
    del facts["settings"]["select_beam"]
    save_tensors(tmp_path / "last.safetensors", tensors, facts)
    make_trainer(tmp_path, epochs=2, select_beam=1).resume()
    with pytest.raises(UserError, match=r"was trained with another select_beam= \(none, not 3\)"):
        make_trainer(tmp_path, epochs=2, select_beam=3).resume()


@pytest.mark.parametrize("distinct, n, warned", [(1, 1000, True), (20, 1000, True), (21, 1000, False), (1, 5, True),
                                                 (2, 5, False), (1, 1, False)])
def test_the_same_few_captions_for_all_images_are_warned_about(capsys, distinct, n, warned):
    line = {"epoch": 1, "loss": 2.0, "dev_perplexity": 7.0, "bleu4": 0.1, "cider": 0.2, "seconds": 3.0,
            "distinct": distinct / n, "n": n}
    report(line)
    err = capsys.readouterr().err
    assert err.startswith(f"warning: only {distinct} of {n} dev captions are distinct") == warned
    assert err.count("\n") == warned


def test_a_model_that_cannot_see_is_warned_about_in_a_real_run(tmp_path, capsys):
    trainer = make_trainer(tmp_path, epochs=1)
    trainer.inputs["dev"].pictures[...] = 128
    trainer.run()
    assert "only 1 of 5 dev captions are distinct, so the model hardly uses the images" in capsys.readouterr().err


def test_captions_do_not_depend_on_how_many_are_made_at_once(tmp_path):
    trainer = make_trainer(tmp_path)
    inputs = trainer.inputs["dev"]
    expected = caption_all(trainer.captioner, inputs, batch_size=100)
    assert list(expected) == inputs.names
    for batch_size in (1, 2):
        assert caption_all(trainer.captioner, inputs, batch_size=batch_size) == expected


# ---------------------------------------------------------------------------------------------------- what can go wrong

def test_a_loss_that_is_not_finite_is_one_sentence_and_the_last_good_epoch_stays(tmp_path):
    trainer = make_trainer(tmp_path)
    trainer.save = stop_after(trainer, 1)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    before = contents(tmp_path)
    step, trainer.save = trainer.step, lambda: Trainer.save(trainer)
    trainer.step = lambda batch: (np.float32(np.nan), step(batch)[1])
    with pytest.raises(UserError, match=r"the loss is not finite in epoch 2, by batch \d+; use a smaller lr= than "
                                        rf"0.01; the checkpoint of epoch 1 is in {tmp_path}"):
        trainer.run()
    assert contents(tmp_path) == before
    resumed = make_trainer(tmp_path)
    resumed.resume()
    assert resumed.epoch == 1


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e30])
def test_weights_that_the_last_step_of_an_epoch_spoilt_are_never_saved(tmp_path, spoilt):
    trainer = make_trainer(tmp_path, average=0.0)
    step = trainer.step

    def spoil(batch):
        loss = step(batch)  # finite: it is the loss before the update
        if trainer.optimizer.steps == len(trainer.batches):
            trainer.average.average["output.W"][:, 4] = spoilt
        return loss

    trainer.step = spoil
    with pytest.raises(UserError, match=r"the loss is not finite in epoch 1, on dev; use a smaller lr= than 0.01$"):
        trainer.run()
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("file", ["best.safetensors", "last.safetensors", "metrics.jsonl"])
def test_on_a_full_disk_the_old_files_stay_whole(tmp_path, monkeypatch, file):
    trainer = make_trainer(tmp_path)
    trainer.save = stop_after(trainer, 1)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    before = contents(tmp_path)
    trainer.best = None  # so that epoch 2 wants to write all three
    replace = os.replace

    def full(source, target):
        if os.path.basename(target) == file:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=rf"cannot write .*{file}: No space left on device"):
        trainer.run()
    after = contents(tmp_path)
    assert set(after) == {"best.safetensors", "last.safetensors", "metrics.jsonl"}
    assert after[file] == before[file] and after["last.safetensors"] == before["last.safetensors"]
