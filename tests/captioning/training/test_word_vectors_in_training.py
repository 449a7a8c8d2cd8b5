"""train --embeddings: where the vectors go, that they stay or learn, and that a run with them can be cut off."""

import json
import re

import numpy as np
import pytest
import tiny_captioner

from minicap import export, train
from minicap.captioning.checkpoint import load_tensors, save_tensors
from minicap.captioning.data import load_dataset
from minicap.captioning.training.assemble import assemble
from minicap.captioning.training.settings import TrainSettings
from minicap.captioning.training.trainer import Trainer
from minicap.cli import parse_settings, run_program
from minicap.errors import UserError

E = 6
VECTORS = {word: np.random.default_rng(n).normal(0, 0.4, E).astype(np.float32) for n, word in
           enumerate(("a", "red", "green", "picture", "zebra"))}
WORDS = ("a", "picture", "this", "is", "all", "red", "green", "blue")  # of the captions; "blue" is none of the four


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "show", lambda *_: None)
    tiny_captioner.write_folder(tmp_path / "pictures")
    tiny_captioner.write_features(tmp_path / "show-tell.npy")
    tiny_captioner.write_regions(tmp_path / "attend.npy")
    (tmp_path / "glove.txt").write_text("".join(
        f"{word} {' '.join(map(repr, vector.tolist()))}\n" for word, vector in VECTORS.items()))
    return tmp_path


def arguments(world, out, *more, model="show-tell", embeddings="glove.txt"):
    words = tiny_captioner.train_arguments(world / out, world / "pictures", world / f"{model}.npy", "--model", model,
                                           *more)
    at = words.index("--embedding")
    del words[at:at + 2]  # it is that of the vectors
    return words + (["--embeddings", str(world / embeddings)] if embeddings else [])


def table(folder, file="best"):
    """{word: its vector} of a checkpoint."""
    words = json.loads((folder / "captioner.json").read_text())["vocabulary"]["words"]
    tensors, _ = load_tensors(folder / f"{file}.safetensors", "checkpoint")
    (W,) = (a for name, a in tensors.items() if name.endswith("embedding.W") and not name.startswith(("opt", "aver")))
    return dict(zip(words, W, strict=True))


@pytest.mark.parametrize("model", ["show-tell", "attend"])
def test_frozen_vectors_are_those_of_the_file_and_all_others_learn(world, model, capsys):
    train.main(arguments(world, "run", "--embeddings-frozen", model=model))
    out = capsys.readouterr().out
    assert f"glove.txt: vectors of 6 numbers for 4 of {len(WORDS)} words, which are " in out
    found = table(world / "run")
    for word in ("a", "red", "green", "picture"):
        np.testing.assert_array_equal(found[word], VECTORS[word])
    assert 0.05 < np.std([found[word] for word in ("this", "is", "all", "blue")]) < 1  # not 1, as without vectors
    before, _ = load_tensors(world / "run" / "last.safetensors", "checkpoint")
    assert not any("embedding.W" in name for name in before if not name.startswith("model/"))  # no Adam, no average


@pytest.mark.parametrize("model", ["show-tell", "attend"])
def test_vectors_that_learn_begin_as_those_of_the_file(world, model, monkeypatch):
    begun = []
    run = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda trainer: (begun.append(trainer.model.state()), run(trainer))[1])
    train.main(arguments(world, "run", model=model))
    (W,) = (a for name, a in begun[0].items() if name.endswith("embedding.W"))
    found = table(world / "run")
    place = list(found).index("red")
    np.testing.assert_array_equal(W[place], VECTORS["red"])
    assert 1e-4 < np.abs(found["red"] - VECTORS["red"]).max() < 1

    train.main(arguments(world, "without", "--embedding", E, model=model, embeddings=None))
    for name, a in begun[1].items():  # only the embedding begins otherwise than without vectors
        assert np.array_equal(a, begun[0][name]) != name.endswith("embedding.W"), name


@pytest.mark.parametrize("frozen", [[], ["--embeddings-frozen"]])
@pytest.mark.parametrize("model", ["show-tell", "attend"])
def test_a_run_that_is_cut_off_goes_on_to_the_same_bits(world, model, frozen, monkeypatch):
    train.main(arguments(world, "whole", *frozen, model=model))
    save = Trainer.save

    def cut(trainer):
        save(trainer)
        if trainer.epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "save", cut)
        train.main(arguments(world, "cut", *frozen, model=model))
    train.main(arguments(world, "cut", *frozen, "--resume", model=model))
    for file in ("best", "last"):
        (ours, _), (theirs, _) = (load_tensors(world / run / f"{file}.safetensors", "") for run in ("cut", "whole"))
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_a_run_is_resumed_as_it_was_begun(world):
    train.main(arguments(world, "run", "--epochs", 1))
    with pytest.raises(UserError, match=r"was trained without embeddings_frozen=; resume with the settings of the run"):
        train.main(arguments(world, "run", "--epochs", 1, "--resume", "--embeddings-frozen"))
    with pytest.raises(UserError, match=r"was trained with embeddings=; resume"):
        train.main(arguments(world, "run", "--epochs", 1, "--resume", "--embedding", E, embeddings=None))


def test_a_run_from_before_there_were_word_vectors_is_resumed(world):
    train.main(arguments(world, "run", "--epochs", 1, embeddings=None))
    tensors, facts = load_tensors(world / "run" / "last.safetensors", "checkpoint")
    for name in ("embeddings", "embeddings_frozen"):
        del facts["settings"][name]
    save_tensors(world / "run" / "last.safetensors", tensors, facts)
    train.main(arguments(world, "run", "--epochs", 1, "--resume", embeddings=None))


def test_a_run_that_begins_with_another_may_keep_its_vectors(world):
    train.main(arguments(world, "first", "--epochs", 1))
    begin = ["--init", str(world / "first"), "--objective", "cider", "--label-smoothing", 0, "--epochs", 1]
    train.main(arguments(world, "kept", *begin, "--embeddings-frozen", embeddings=None))
    train.main(arguments(world, "moved", *begin, "--lr", 0.1, embeddings=None))
    first, kept, moved = (table(world / run) for run in ("first", "kept", "moved"))
    assert all(np.array_equal(first[word], kept[word]) for word in WORDS)
    assert not all(np.array_equal(first[word], moved[word]) for word in WORDS)


def test_an_exported_run_does_not_tell_where_the_file_was(world):
    train.main(arguments(world, "run", "--epochs", 1))
    export.main([str(world / "run"), str(world / "small")])
    assert json.loads((world / "small" / "settings.json").read_text())["embeddings"] is None


@pytest.mark.parametrize("more, words", [
    (["--embedding", 7], "--embedding \\(7\\) does not fit .*glove.txt, whose words have 6 numbers each; leave it out"),
    (["--embeddings", "gone.txt"], "file of word vectors gone.txt does not exist"),
    (["--init", "first"], "leave out --embeddings, or start without --init"),
    (["--embeddings", "{world}/other.txt"], "other.txt has a vector for none of the 8 words .*its first is for 'Hund'"),
    (["--embeddings", "{world}/zeros.txt"], "zeros.txt has nothing but zeros for the words of the captions"),
    (["--embeddings", "{world}/pictures/captions.csv"], "captions.csv is no file of word vectors"),
])
def test_what_does_not_fit_is_one_sentence(world, capsys, more, words):
    train.main(arguments(world, "first", "--epochs", 1))
    (world / "other.txt").write_text("Hund 1 2 3\nKatze 2 3 4\n")
    (world / "zeros.txt").write_text("red 0 0 0\nblue 0 0 0\n")
    more = [str(word).replace("{world}", str(world)).replace("first", str(world / "first")) for word in more]
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run_program(train.main, arguments(world, "run") + more)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert stopped.value.code == 2
    assert re.search(words, line), line
    assert not (world / "run").exists()


def test_freezing_needs_something_to_freeze(world):
    with pytest.raises(UserError, match="name them with embeddings="):
        train.main(arguments(world, "run", "--embeddings-frozen", embeddings=None))


@pytest.mark.parametrize("model", ["show-tell", "attend"])
def test_frozen_vectors_stay_also_where_parameters_are_flattened(world, device, model):
    """On a GPU the optimiser has one long array, which must not hold the embedding."""
    options = parse_settings(TrainSettings, "train", "", arguments(world, "run", "--embeddings-frozen", model=model))
    settings = options.resolved()
    dataset = load_dataset("folder", world / "pictures")
    captioner, inputs = assemble(settings, dataset, device)
    trainer = Trainer(captioner, dataset, inputs, settings, world / "run")
    before = captioner.model.state()
    for batch in trainer.batches:
        trainer.step(batch)
    for name, a in captioner.model.state().items():
        if not name.startswith(("regions.scale", "words.embedding", "embedding")):
            assert not np.array_equal(a, before[name]), name
        else:
            np.testing.assert_array_equal(a, before[name])
