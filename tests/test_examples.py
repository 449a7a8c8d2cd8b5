"""examples/show_and_tell.py: short enough for one screen, its gradients are right, and it learns what it says."""

import importlib.util
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from minicap.gradcheck import assert_gradients

ROOT = Path(__file__).resolve().parent.parent
SOURCE = (ROOT / "examples" / "show_and_tell.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("show_and_tell", ROOT / "examples" / "show_and_tell.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_fits_on_one_screen():
    assert len(SOURCE.splitlines()) <= 80


def test_it_learns(example, capsys):
    example.main(scenes=1500, epochs=3)
    shown = capsys.readouterr().out
    losses = [float(loss) for loss in re.findall(r"epoch \d: cross-entropy ([\d.]+) per word", shown)]
    assert len(losses) == 3 and losses[0] > 1.2 * losses[1] > 1.44 * losses[2]
    ours = re.findall(r"^    (.+?) +\| .+$", shown, re.MULTILINE)
    assert len(ours) == 6 and len(set(ours)) >= 3  # it looks at the pictures
    assert all(len(caption.split()) >= 7 for caption in ours)


def test_its_gradients_are_right(example, rng):
    model = example.ShowAndTell(V=7, E=3, H=4, rng=rng)
    tokens, targets = np.array([[1, 4, 5], [1, 6, 0]]), np.array([[4, 5, 2], [6, 2, 0]])
    assert_gradients(model, rng.standard_normal((2, 32, 32, 3)), tokens, targets, np.array([3, 2]), max_elements=30)


def test_captions_are_greedy(example):
    """Teacher forcing on its own caption: every word is the most probable one after those before it."""
    rng = np.random.default_rng(5)
    model = example.ShowAndTell(V=9, E=5, H=6, rng=rng).astype(np.float64)
    model.embedding.W.data *= 30  # what comes next shall depend on the word more than on the image
    model.cnn["13"].W.data *= 0.1
    images = rng.standard_normal((3, 32, 32, 3))
    words = model.captions(images, max_length=5)
    read = np.concatenate([np.full((3, 1), example.START), words[:, :-1]], axis=1)
    h, _, _ = model.lstm(model.embedding(read), constant=model.cnn(images))
    np.testing.assert_array_equal(model.output(h).argmax(axis=2), words)
    assert len(np.unique(words)) > 3


def test_the_readme_shows_its_training_loop():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (loop,) = re.findall(r"```python\n(for batch in .*?)```", readme, re.DOTALL)
    assert textwrap.indent(loop, " " * 8) in SOURCE and "](examples/show_and_tell.py)" in readme
