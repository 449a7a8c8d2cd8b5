"""The log for TensorBoard: the figures of metrics.jsonl, once each, also where a run was stopped and resumed."""

import importlib.util
import json
import struct
import sys
import types

import pytest
import tiny_captioner

from minicap import train
from minicap.captioning.training.event_log import TAGS, NoEventLog, event_log
from minicap.captioning.training.trainer import Trainer
from minicap.cli import run_program

needs_package = pytest.mark.skipif(importlib.util.find_spec("tensorboardX") is None,
                                   reason="tensorboardX is not installed (extra `tensorboard`)")


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "show", lambda *_: None)
    return (tiny_captioner.write_folder(tmp_path / "pictures"),
            tiny_captioner.write_features(tmp_path / "features.npy"))


def events_of(folder):
    """All events in the files of a folder, the files by their age."""
    from tensorboardX.proto.event_pb2 import Event

    for file in sorted(folder.glob("events.out.tfevents.*")):
        records, at = file.read_bytes(), 0
        while at < len(records):
            (length,) = struct.unpack("<Q", records[at:at + 8])  # then 4 bytes of checksum, and 4 behind the event
            yield Event.FromString(records[at + 12:at + 12 + length])
            at += length + 16


def shown_by_tensorboard(folder):
    """{tag: [(step, value)]}. A START event drops what has its step or a later one, as in TensorBoard's accumulator."""
    series = {}
    for event in events_of(folder):
        if event.HasField("session_log"):
            series = {tag: [pair for pair in pairs if pair[0] < event.step] for tag, pairs in series.items()}
        for value in event.summary.value:
            what = value.simple_value if value.HasField("simple_value") else value.tensor.string_val[0].decode()
            series.setdefault(value.tag, []).append((event.step, what))
    return series


def check_against_metrics(folder, steps_per_epoch):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    series = shown_by_tensorboard(folder)
    steps = [line["epoch"] * steps_per_epoch for line in lines]
    for name, tag in TAGS.items():
        expected = [(step, pytest.approx(line[name], rel=1e-6)) for step, line in zip(steps, lines, strict=True)
                    if name in line]
        assert series.pop(tag, []) == expected, tag
    assert {"loss/dev", "perplexity/dev", "BLEU-4/dev", "CIDEr/dev", "loss/train"} <= set(TAGS.values())
    assert series.pop("loss/step") == [(step, pytest.approx(line["loss"], rel=1e-5))
                                       for step, line in zip(steps, lines, strict=True)]
    assert all(0 < rate <= 0.02 for _, rate in series["learning_rate"])
    assert [step for step, _ in series.pop("learning_rate")] == steps
    texts = series.pop("captions/dev/text_summary")
    assert [step for step, _ in texts] == steps and all("    red-2.png: " in text for _, text in texts)
    assert not series
    if importlib.util.find_spec("tensorboard"):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        theirs = EventAccumulator(str(folder)).Reload()
        assert [event.step for event in theirs.Scalars("loss/step")] == steps
        cider = [event.value for event in theirs.Scalars("CIDEr/dev")]
        assert cider == pytest.approx([line["cider"] for line in lines])


@needs_package
def test_the_log_has_the_figures_of_metrics_jsonl(data, tmp_path):
    tiny_captioner.run_train(tmp_path / "run", *data, "--tensorboard")
    check_against_metrics(tmp_path / "run", 3)


@needs_package
def test_a_resumed_run_goes_on_in_the_same_log_and_no_step_is_there_twice(data, tmp_path, monkeypatch):
    def stopped(trainer):
        if trainer.epoch == 2:
            raise KeyboardInterrupt
        return scored(trainer)

    scored = Trainer.score_on_dev
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "score_on_dev", stopped)
        tiny_captioner.run_train(tmp_path / "run", *data, "--tensorboard")
    tiny_captioner.run_train(tmp_path / "run", *data, "--tensorboard", "--resume")
    steps = [event.step for event in events_of(tmp_path / "run") for value in event.summary.value
             if value.tag == "loss/step"]
    assert steps == [3, 6, 9, 9, 12]  # the third epoch was begun twice
    check_against_metrics(tmp_path / "run", 3)


@needs_package
def test_of_several_processes_only_the_first_writes_a_log(tmp_path):
    wanted, unwanted = types.SimpleNamespace(tensorboard=True), types.SimpleNamespace(tensorboard=False)
    for settings, rank in ((wanted, 1), (unwanted, 0)):
        with event_log(settings, tmp_path, 0, rank) as log:
            assert isinstance(log, NoEventLog)
            log.log_steps(20, 1e-3, 2.0, 100)
            log.log_epoch(20, {"epoch": 1, "loss": 2.0}, {})
    assert not list(tmp_path.iterdir())
    with event_log(wanted, tmp_path / "new", 0, 0) as log:
        log.log_epoch(20, {"epoch": 1, "loss": 2.0}, {})
    assert len(list((tmp_path / "new").iterdir())) == 1


@needs_package
def test_the_loss_of_steps_is_that_since_the_last_entry(tmp_path):
    with event_log(types.SimpleNamespace(tensorboard=True), tmp_path, 0, 0) as log:
        log.log_steps(20, 1e-3, 4.0, 100)
        log.log_steps(40, 1e-3, 3.0, 200)  # 2.0 for the second hundred words
        log.log_epoch(40, {"epoch": 1, "loss": 3.0}, {})
        log.log_steps(60, 1e-3, 1.5, 300)  # more words than the epoch before had at its end
    assert shown_by_tensorboard(tmp_path)["loss/step"] == [(20, 4.0), (40, 2.0), (60, 1.5)]


def test_without_the_package_it_is_said_before_anything_is_done(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(SystemExit) as end:
        run_program(train.main, tiny_captioner.train_arguments(tmp_path / "run", *data, "--tensorboard"))
    assert end.value.code == 2 and not (tmp_path / "run").exists()
    assert capsys.readouterr().err == ("error: --tensorboard needs the package tensorboardX, which is not installed: "
                                       "`pip install 'minicap[tensorboard]'`\n")
