"""Fine-tuning VGG's last block: gradients through the convolutions, the initial weights, and the programs."""

import json

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from PIL import Image

from minicap import caption, evaluate, extract, train
from minicap.backend import to_numpy
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import load_tensors
from minicap.captioning.models.fine_tune import FineTuned
from minicap.captioning.models.settings import ShowAttendTellSettings
from minicap.captioning.models.show_attend_tell import ShowAttendTell
from minicap.captioning.text.batches import make_batch
from minicap.captioning.text.vocabulary import START
from minicap.errors import UserError
from minicap.gradcheck import assert_gradients
from minicap.vgg import vgg

CAPTIONS = [(0, [4, 5, 6]), (1, [7]), (0, [8, 4]), (1, [4, 7])]


@pytest.mark.parametrize("G", [0, 7])
def test_it_passes_the_gradient_check_through_the_convolutions(monkeypatch, device, rng, G):
    tiny_vgg.shrink(monkeypatch, size=32)
    C = vgg(19, top=False)["conv4_1"].b.shape[0]
    D = vgg(19, top=False)["conv5_4"].b.shape[0]
    settings = ShowAttendTellSettings(vocabulary=9, embedding=4, hidden=5, feature_size=D, attention=3, drop=0.0,
                                      normalize="none", finetune="block5", global_size=G)
    model = FineTuned("block5", ShowAttendTell(settings, rng=rng, dropout_rng=rng))
    for _, p in model.block.named_parameters():
        p.data = rng.normal(0, 0.6, p.shape)
    model.astype(np.float64).to(device)
    batch = make_batch(CAPTIONS)
    images = device.asarray(np.abs(rng.standard_normal((2, 4 * C + G) if G else (2, 2, 2, C))))
    words = [device.asarray(a) for a in (batch.image_index, batch.tokens, batch.targets)]
    loss, cache = model.forward(images, *words, batch.lengths)
    assert model.backward(1.0, cache) == (None,) * 5
    assert all(np.abs(to_numpy(p.grad)).max() > 1e-6 for name, p in model.named_parameters() if name.endswith("W"))
    assert float(to_numpy(loss)) == pytest.approx(float(to_numpy(model(images, *words, batch.lengths))))
    model.zero_grad()
    report = assert_gradients(model, images, *words, batch.lengths, max_elements=15)
    assert {"block.conv5_1.W", "block.conv5_4.b", "captioner.regions.keys.W"} <= {t.name for t in report.tensors}


# ----------------------------------------------------------------------------------------------------------- programs

@pytest.fixture(params=["", "+fc7"], ids=["regions", "and global features"])
def data(request, monkeypatch, tmp_path):
    """(options of the data, {layer: feature file}), by a VGG-19 of a few channels; runs are not drawn."""
    monkeypatch.setattr(train, "show", lambda *_: None)
    tiny_vgg.shrink(monkeypatch, size=64)
    weights = tiny_vgg.save_keras(tmp_path / "vgg.h5", tiny_vgg.random_vgg(19, np.random.default_rng(0)))
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "cache"))
    folder = tiny_captioner.write_folder(tmp_path / "pictures")
    rng = np.random.default_rng(0)
    for name in tiny_captioner.NAMES:
        colour = np.array(tiny_captioner.COLOURS[name.split("-")[0]])
        Image.fromarray(np.clip(colour + rng.normal(0, 40, (230, 240, 3)), 0, 255).astype(np.uint8)).save(folder / name)
    files = {}
    for layer in ("conv5_4", "pool4"):
        files[layer] = tmp_path / f"{layer}.npy"
        extract.main([str(a) for a in ("--data", "folder", "--data-dir", folder, "--weights", weights, "--layer",
                                       layer + request.param, "--out", files[layer], "--device", "cpu")])
    return ("--data", "folder", "--data-dir", folder), files


def run(out, *options):
    train.main([str(a) for a in ("--out", out, "--device", "cpu", *options)])
    return out


@pytest.fixture
def frozen(data, tmp_path):
    """A run on conv5_4 of the frozen network."""
    where, files = data
    return run(tmp_path / "frozen", *where, "--features", files["conv5_4"], "--model", "attend", "--attention", 5,
               "--embedding", 6, "--hidden", 6, "--min-count", 1, "--epochs", 3, "--lr", 0.02, "--average", 0.5)


def next_words(folder, inputs):
    """log p of the second word after <start>, the colour or "picture" in the captions, (N, V)."""
    model = Captioner.load(folder, device="cpu").model
    state, _ = model.step(model.start(inputs), np.full(len(inputs), START))
    return model.step(state, np.full(len(inputs), 4))[1]


def tensors(folder, name="best"):
    return load_tensors(folder / f"{name}.safetensors", "checkpoint")[0]


def test_it_begins_as_the_frozen_network_and_its_captioner_and_then_both_learn(data, frozen, tmp_path, capsys):
    _, files = data
    still = run(tmp_path / "still", "--init", frozen, "--finetune", "block5", "--features", files["pool4"], "--epochs",
                1, "--lr", 1e-12, "--finetune-lr", 1e-12, "--average", 0)
    rows = np.load(files["pool4"]).astype(np.float32)
    regions = np.load(files["conv5_4"]).astype(np.float32)
    np.testing.assert_allclose(next_words(still, rows), next_words(frozen, regions), atol=2e-3)  # float16 on disk

    learned = run(tmp_path / "learned", "--init", frozen, "--finetune", "block5", "--features", files["pool4"],
                  "--epochs", 2, "--lr", 0.01, "--finetune-lr", 0.001, "--average", 0, "--drop", 0, "--batches",
                  "image")
    start, end = tensors(still), tensors(learned)
    for name in ("block.conv5_1.W", "block.conv5_4.b", "captioner.regions.keys.W"):
        assert np.abs(end[name] - start[name]).max() > 1e-4, name
    steps = {name: np.abs(end[name] - start[name]).max() for name in ("block.conv5_2.W", "captioner.regions.keys.W")}
    assert steps["block.conv5_2.W"] < 0.5 * steps["captioner.regions.keys.W"]  # the smaller rate is the block's

    capsys.readouterr()
    photo = next((tmp_path / "pictures").glob("*.png"))
    assert caption.main([str(photo), "--checkpoint", str(learned), "--device", "cpu"]) == 0
    found = capsys.readouterr().out.splitlines()[-1].split(": ")[1]
    row = tiny_captioner.NAMES.index(photo.name)
    assert found == Captioner.load(learned, device="cpu").caption_inputs(rows[row:row + 1])[0][0][0]
    evaluate.main(["--checkpoint", str(learned), "--device", "cpu", "--json"])
    assert json.loads(capsys.readouterr().out)["n"] == 3


def test_it_goes_on_by_the_reward_and_when_it_was_cut_off(data, frozen, tmp_path, monkeypatch):
    _, files = data
    first = run(tmp_path / "first", "--init", frozen, "--finetune", "block5", "--features", files["pool4"],
                "--epochs", 1)
    arguments = ("--init", first, "--objective", "cider", "--epochs", 2, "--batch-size", 10, "--lr", 0.01)
    whole = run(tmp_path / "whole", *arguments)
    assert json.loads((whole / "captioner.json").read_text())["model"]["finetune"] == "block5"
    assert np.abs(tensors(whole, "last")["model/block.conv5_1.W"] - tensors(first)["block.conv5_1.W"]).max() > 0

    def stop(line):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("minicap.captioning.training.trainer.report", stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", *arguments)
    run(tmp_path / "cut", *arguments, "--resume")
    one, other = tensors(whole, "last"), tensors(tmp_path / "cut", "last")
    assert {k: a.tobytes() for k, a in one.items()} == {k: a.tobytes() for k, a in other.items()}


def test_what_it_cannot_begin_with_or_read_is_refused(data, frozen, tmp_path):
    where, files = data
    with pytest.raises(UserError, match="with init="):
        run(tmp_path / "x", *where, "--model", "attend", "--finetune", "block5")
    with pytest.raises(UserError, match=r"conv5_4(\+fc7)? features .* extract layer='pool4(\+fc7)?'"):
        run(tmp_path / "x", "--init", frozen, "--finetune", "block5")
    with pytest.raises(UserError, match="other features"):
        run(tmp_path / "x", "--init", frozen, "--features", files["pool4"])
    with pytest.raises(UserError, match="finetune_lr"):
        run(tmp_path / "x", "--init", frozen, "--finetune", "block5", "--features", files["pool4"], "--finetune-lr", 0)
